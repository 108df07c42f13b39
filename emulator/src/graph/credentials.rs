//! Secrets and certificates of applications and service principals: `addPassword`, `removePassword`, `keyCredentials`. Source: the
//! Graph v1.0 reference of these actions; texts that are not quoted in public are inferred.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use serde_json::{Map, Value, json};
use uuid::Uuid;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::call::{Answer, Call};
use super::error::Error;
use super::objects;
use crate::entra::store::{Credentials, KeyCredential, PasswordCredential};
use crate::kernel::ids::ALPHANUMERIC;
use crate::world::World;

/// Signs of a generated secret.
const SECRET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789~_-.";

fn time(members: &Map<String, Value>, name: &str) -> Result<Option<Timestamp>, Error> {
    let Some(text) = members.get(name).and_then(Value::as_str) else { return Ok(None) };
    text.parse().map(Some).map_err(|_| {
        let expected = "Edm.DateTimeOffset";
        Error::bad_request(format!("Cannot convert the literal '{text}' to the expected type '{expected}'."))
    })
}

/// Makes a secret out of the body of `addPassword`: two years by default.
pub(super) fn new_password(call: &Call<'_>) -> Result<PasswordCredential, Error> {
    let world = call.world;
    let body = if call.body.is_empty() { Map::new() } else { call.object()? };
    let given = body.get("passwordCredential").and_then(Value::as_object).cloned().unwrap_or_default();
    let start = time(&given, "startDateTime")?.unwrap_or_else(|| world.clock.now());
    let years = |start: Timestamp| start.to_zoned_datetime(TimeZone::UTC).saturating_add(2.years()).timestamp();
    let end = time(&given, "endDateTime")?.unwrap_or_else(|| years(start));
    if end <= start {
        return Err(Error::refused("Credential lifetime is invalid: endDateTime must be later than startDateTime."));
    }
    let secret = format!("{}8Q~{}", world.ids.text(3, ALPHANUMERIC), world.ids.text(34, SECRET));
    let display_name = given.get("displayName").and_then(Value::as_str).map(str::to_owned);
    Ok(PasswordCredential { key_id: world.ids.uuid(), secret: secret.into(), display_name, start, end })
}

/// The answer that shows a new secret, once.
pub(super) fn password_answer(call: &Call<'_>, password: &PasswordCredential) -> Answer {
    let mut shown = objects::password_credential(password, true);
    objects::put_first(&mut shown, "@odata.context", json!(call.context("microsoft.graph.passwordCredential")));
    Answer::action(shown)
}

/// The key that the body of `removePassword` or `removeKey` names.
pub(super) fn named_key(call: &Call<'_>) -> Result<Uuid, Error> {
    let body = call.object()?;
    let text = body.get("keyId").and_then(Value::as_str).unwrap_or_default();
    Uuid::try_parse(text)
        .map_err(|_| Error::bad_request(format!("Cannot convert the literal '{text}' to the expected type 'Edm.Guid'.")))
}

/// Takes a secret away.
pub(super) fn remove_password(credentials: &mut Credentials, key: Uuid) -> Result<(), Error> {
    let before = credentials.passwords.len();
    credentials.passwords.retain(|password| password.key_id != key);
    if credentials.passwords.len() == before {
        return Err(Error::refused(format!("No password credential found with keyId '{key}'.")));
    }
    Ok(())
}

/// Secrets come from `addPassword` alone; a body may repeat those that there are, or leave some out.
pub(super) fn kept_passwords(credentials: &Credentials, given: &Value) -> Result<Vec<PasswordCredential>, Error> {
    let keep = |entry: &Value| {
        let key = entry["keyId"].as_str().and_then(|id| Uuid::try_parse(id).ok());
        credentials.passwords.iter().find(|known| Some(known.key_id) == key).cloned()
    };
    let all: Option<Vec<_>> = given.as_array().into_iter().flatten().map(keep).collect();
    all.ok_or_else(|| Error::refused("New password credentials must be generated with service actions."))
}

/// The certificates that a body wants: new ones with their key, known ones without.
pub(super) fn wanted_keys(world: &World, credentials: &Credentials, given: &Value) -> Result<Vec<KeyCredential>, Error> {
    given.as_array().into_iter().flatten().map(|entry| wanted_key(world, credentials, entry)).collect()
}

fn wanted_key(world: &World, credentials: &Credentials, entry: &Value) -> Result<KeyCredential, Error> {
    let empty = Map::new();
    let members = entry.as_object().unwrap_or(&empty);
    let key_id = members.get("keyId").and_then(Value::as_str).and_then(|id| Uuid::try_parse(id).ok());
    let Some(text) = members.get("key").and_then(Value::as_str) else {
        let known = credentials.keys.iter().find(|known| Some(known.key_id) == key_id);
        return known.cloned().ok_or_else(|| Error::refused("Key credential must have a value for its property 'key'."));
    };
    let supported = |name: &str, only: &str| members.get(name).and_then(Value::as_str).is_none_or(|value| value == only);
    if !supported("type", "AsymmetricX509Cert") || !supported("usage", "Verify") {
        return Err(Error::refused("Key credential must be of type 'AsymmetricX509Cert' with usage 'Verify'."));
    }
    let certificate = certificate(text).ok_or_else(|| Error::refused("Key value is invalid certificate."))?;
    let invalid = || Error::refused("Key value is invalid certificate.");
    let (_, parsed) = X509Certificate::from_der(&certificate).map_err(|_| invalid())?;
    let at = |seconds: i64| Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX);
    let (from, until) = (at(parsed.validity().not_before.timestamp()), at(parsed.validity().not_after.timestamp()));
    let end = time(members, "endDateTime")?.unwrap_or(until);
    if end > until {
        return Err(Error::refused("Key credential end date is invalid."));
    }
    let subject = parsed.subject().to_string();
    Ok(KeyCredential {
        key_id: key_id.unwrap_or_else(|| world.ids.uuid()),
        display_name: members.get("displayName").and_then(Value::as_str).map(str::to_owned).or(Some(subject)),
        start: time(members, "startDateTime")?.unwrap_or(from),
        end,
        certificate,
    })
}

/// A certificate in base64: of its DER form, or of its PEM text.
fn certificate(text: &str) -> Option<Vec<u8>> {
    let compact: String = text.chars().filter(|character| !character.is_whitespace()).collect();
    let bytes = STANDARD.decode(compact).ok()?;
    if bytes.starts_with(b"-----BEGIN") {
        return CertificateDer::from_pem_slice(&bytes).ok().map(|der| der.to_vec());
    }
    Some(bytes)
}
