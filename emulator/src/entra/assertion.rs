//! Client assertions: a JSON Web Token that an application signs with the key of one of its certificates (RFC 7523).
//!
//! RS256 with `x5t` or PS256 with `x5t#S256`, as the Microsoft libraries of different ages send them. The certificate may be
//! self-signed: it is looked up among the application's credentials by its thumbprint.

use aws_lc_rs::digest::{self, SHA1_FOR_LEGACY_USE_ONLY, SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use uuid::Uuid;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::error::Error;
use super::federation;
use super::store::KeyCredential;
use crate::kernel::jwt::Parsed;
use crate::world::World;

/// Whether the assertion proves that its sender is the application.
pub(super) fn check(world: &World, app_id: Uuid, assertion: &Parsed<'_>) -> Result<(), Error> {
    let id = app_id.to_string();
    let keys = world.directory.credentials(app_id).keys;
    let (credential, thumbprint) = credential(&keys, &assertion.header);
    let credential = credential.ok_or_else(|| Error::certificate_unknown(&id, &thumbprint))?;
    let (_, certificate) = X509Certificate::from_der(&credential.certificate).map_err(|_| Error::assertion_signature())?;
    if !assertion.is_signed_by_pkcs1(certificate.public_key().subject_public_key.data.as_ref()) {
        return Err(Error::assertion_signature());
    }
    let says = |name: &str| assertion.claims[name].as_str().is_some_and(|value| value.eq_ignore_ascii_case(&id));
    if !says("iss") || !says("sub") || !audience_is_token_endpoint(world, &assertion.claims["aud"]) {
        return Err(Error::assertion_malformed());
    }
    federation::time(world, &assertion.claims)?;
    let now = world.clock.now();
    if now >= credential.end {
        // Which text a certificate gets whose time in the directory is over, is inferred.
        return Err(Error::assertion_out_of_time(now, credential.start, credential.end));
    }
    Ok(())
}

/// The credential whose certificate the header names, and the thumbprint in hexadecimal as messages show it.
fn credential<'a>(keys: &'a [KeyCredential], header: &Value) -> (Option<&'a KeyCredential>, String) {
    let (named, algorithm) = match header["x5t#S256"].as_str() {
        Some(named) => (named, &SHA256),
        None => (header["x5t"].as_str().unwrap_or_default(), &SHA1_FOR_LEGACY_USE_ONLY),
    };
    let named = URL_SAFE_NO_PAD.decode(named.trim_end_matches('=')).unwrap_or_default();
    let found = keys.iter().find(|credential| digest::digest(algorithm, &credential.certificate).as_ref() == named);
    (found, named.iter().map(|byte| format!("{byte:02X}")).collect())
}

fn audience_is_token_endpoint(world: &World, audience: &Value) -> bool {
    let tenant = world.directory.tenant.id;
    audience.as_str().is_some_and(|audience| {
        [
            format!("https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token"),
            format!("https://login.microsoftonline.com/{tenant}/oauth2/token"),
            format!("https://login.microsoftonline.com/{tenant}/v2.0"),
        ]
        .contains(&audience.to_ascii_lowercase())
    })
}
