//! Certificates of a token: their public part is kept and shown. Nobody signs in with one: how a client shows a certificate to a
//! registry is not documented, and azlet's token endpoint takes passwords alone.
//! Source: the provider's specification (two names, the PEM text in base64). That end and thumbprint are those of the certificate
//! itself, and which errors wrong ones get, is inferred.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use serde_json::{Value, json};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::super::super::error::Error;
use super::child::Change;

const NAMES: [&str; 2] = ["certificate1", "certificate2"];

/// The certificates that a body names, as they are kept: each name once at most.
pub(super) fn given(change: &Change<'_>, given: &Value) -> Result<Vec<Value>, Error> {
    let list = given.as_array().ok_or_else(|| change.invalid("credentials.certificates", given))?;
    let mut kept: Vec<Value> = Vec::new();
    for entry in list {
        let name = &entry["name"];
        let known = NAMES.into_iter().find(|known| name.as_str().is_some_and(|name| name.eq_ignore_ascii_case(known)));
        let known = known.filter(|known| !kept.iter().any(|other| other["name"] == *known));
        let known = known.ok_or_else(|| change.invalid("credentials.certificates.name", name))?;
        let text = &entry["encodedPemCertificate"];
        let read = text.as_str().and_then(read);
        let (end, thumbprint) = read.ok_or_else(|| change.invalid("credentials.certificates.encodedPemCertificate", text))?;
        if end <= change.request.now {
            return Err(change.invalid("credentials.certificates.expiry", &json!(shown(end))));
        }
        kept.push(json!({
            "name": known,
            "expiry": shown(end),
            "thumbprint": thumbprint,
            "encodedPemCertificate": text,
        }));
    }
    Ok(kept)
}

fn shown(end: Timestamp) -> String {
    end.strftime("%Y-%m-%dT%H:%M:%S+00:00").to_string()
}

/// When a certificate ends, and its thumbprint.
fn read(text: &str) -> Option<(Timestamp, String)> {
    let pem = STANDARD.decode(text.trim()).ok()?;
    let der = CertificateDer::from_pem_slice(&pem).ok()?;
    let (_, certificate) = X509Certificate::from_der(&der).ok()?;
    let end = Timestamp::from_second(certificate.validity().not_after.timestamp()).ok()?;
    let thumbprint = digest(&SHA1_FOR_LEGACY_USE_ONLY, &der);
    Some((end, thumbprint.as_ref().iter().map(|byte| format!("{byte:02X}")).collect()))
}
