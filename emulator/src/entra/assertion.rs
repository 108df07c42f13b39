//! Client assertions: a JSON Web Token that an application signs with the key of one of its certificates (RFC 7523).
//!
//! RS256 with `x5t` or PS256 with `x5t#S256`, as the Microsoft libraries of different ages send them. The certificate may be
//! self-signed: it is looked up among the application's credentials by its thumbprint.

use aws_lc_rs::digest::{self, SHA1_FOR_LEGACY_USE_ONLY, SHA256};
use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde_json::Value;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::error::Error;
use super::store::{KeyCredential, ServicePrincipal};
use crate::kernel::jwt;
use crate::world::World;

/// Whether `assertion` proves that its sender is the application.
pub(super) fn check(world: &World, service_principal: &ServicePrincipal, assertion: &str) -> Result<(), Error> {
    let app_id = service_principal.app_id.to_string();
    let (header, claims) = jwt::decode(assertion).map_err(|_| Error::assertion_malformed())?;
    let (credential, thumbprint) = credential(service_principal, &header);
    let credential = credential.ok_or_else(|| Error::certificate_unknown(&app_id, &thumbprint))?;
    check_signature(credential, &header, assertion)?;
    let says = |name: &str| claims[name].as_str().is_some_and(|value| value.eq_ignore_ascii_case(&app_id));
    if !says("iss") || !says("sub") || !audience_is_token_endpoint(world, &claims["aud"]) {
        return Err(Error::assertion_malformed());
    }
    let time = |name: &str| claims[name].as_i64().and_then(|second| Timestamp::from_second(second).ok());
    let (now, from) = (world.clock.now(), time("nbf").unwrap_or(Timestamp::UNIX_EPOCH));
    let until = time("exp").ok_or_else(Error::assertion_malformed)?;
    // Clients' clocks differ from ours by up to five minutes without harm; inferred.
    let tolerated = jiff::SignedDuration::from_mins(5);
    if now.saturating_add(tolerated).unwrap_or(now) < from || now >= until || now >= credential.end {
        return Err(Error::assertion_out_of_time(now, from, until));
    }
    Ok(())
}

/// The credential whose certificate the header names, and the thumbprint in hexadecimal as messages show it.
fn credential<'a>(service_principal: &'a ServicePrincipal, header: &Value) -> (Option<&'a KeyCredential>, String) {
    let (named, algorithm) = match header["x5t#S256"].as_str() {
        Some(named) => (named, &SHA256),
        None => (header["x5t"].as_str().unwrap_or_default(), &SHA1_FOR_LEGACY_USE_ONLY),
    };
    let named = URL_SAFE_NO_PAD.decode(named.trim_end_matches('=')).unwrap_or_default();
    let found = service_principal
        .credentials
        .keys
        .iter()
        .find(|credential| digest::digest(algorithm, &credential.certificate).as_ref() == named);
    (found, named.iter().map(|byte| format!("{byte:02X}")).collect())
}

fn check_signature(credential: &KeyCredential, header: &Value, assertion: &str) -> Result<(), Error> {
    let (signed, signature) = assertion.rsplit_once('.').ok_or_else(Error::assertion_malformed)?;
    let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| Error::assertion_malformed())?;
    let (_, certificate) = X509Certificate::from_der(&credential.certificate).map_err(|_| Error::assertion_signature())?;
    let key = certificate.public_key().subject_public_key.data.as_ref();
    let algorithm = match header["alg"].as_str() {
        Some("RS256") => &RSA_PKCS1_2048_8192_SHA256,
        Some("PS256") => &RSA_PSS_2048_8192_SHA256,
        _ => return Err(Error::assertion_signature()),
    };
    UnparsedPublicKey::new(algorithm, key).verify(signed.as_bytes(), &signature).map_err(|_| Error::assertion_signature())
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
