//! Which application asks, and how it proves it: secret, certificate, federated credential. Sources: RFC 6749, section 2.3; RFC 7523;
//! Microsoft's pages on the OAuth 2.0 flows.

use std::sync::Arc;

use axum::http::{HeaderMap, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;
use serde_json::Value;
use uuid::Uuid;

use super::error::{Error, Trace};
use super::grants::Form;
use super::store::{Application, Principal, first_party};
use super::token::Proof;
use super::{assertion, federation};
use crate::kernel::jwt;
use crate::world::World;

/// The only `client_assertion_type`.
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// What an application shows.
enum Shown {
    Nothing,
    Secret(String),
    Assertion { kind: String, text: String },
}

/// The application that asks.
pub(super) struct Client {
    /// Its id, as text.
    pub(super) id: String,
    /// Its id.
    pub(super) app_id: Uuid,
    /// Its service principal.
    pub(super) principal: Arc<Principal>,
    /// Its registration, if it is the tenant's own.
    pub(super) application: Option<Arc<Application>>,
    /// Whether it is Microsoft's own, and needs no consent.
    pub(super) first_party: bool,
    /// Whether it shares refresh tokens with its family.
    pub(super) family: bool,
    shown: Shown,
}

/// Finds the application that asks.
pub(super) fn identify(world: &World, headers: &HeaderMap, form: &Form) -> Result<Client, Error> {
    let (id, shown) = read(headers, form)?;
    let mut client = by_id(world, &id)?;
    client.shown = shown;
    Ok(client)
}

/// An application by its id, if it is in the tenant and enabled.
pub(super) fn by_id(world: &World, id: &str) -> Result<Client, Error> {
    let tenant = &world.directory.tenant;
    let absent = || Error::application_not_found(id, &tenant.display_name);
    let app_id = Uuid::try_parse(id).map_err(|_| absent())?;
    let application = world.directory.application_by_app_id(app_id);
    let principal = match world.directory.by_app_id(app_id) {
        Some(principal) => principal,
        None if application.is_some() => return Err(Error::service_principal_missing(id, tenant.id)),
        None => return Err(absent()),
    };
    if !principal.enabled {
        return Err(Error::application_disabled(id, &principal.display_name));
    }
    let known = first_party(app_id);
    let (first_party, family) = (known.is_some(), known.is_some_and(|known| known.family));
    Ok(Client { id: id.to_owned(), app_id, principal, application, first_party, family, shown: Shown::Nothing })
}

/// Client id and proof: from the form, or from a Basic header.
fn read(headers: &HeaderMap, form: &Form) -> Result<(String, Shown), Error> {
    let said = |name: &str| form.get(name).filter(|value| !value.is_empty()).cloned();
    let basic = || {
        let encoded = headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Basic ")?;
        let pair = String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?;
        let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        pair.split_once(':').map(|(id, secret)| (decoded(id), decoded(secret)))
    };
    let shown = match (said("client_assertion"), said("client_secret")) {
        (Some(text), _) => Shown::Assertion { kind: said("client_assertion_type").unwrap_or_default(), text },
        (None, Some(secret)) => Shown::Secret(secret),
        (None, None) => Shown::Nothing,
    };
    match (said("client_id"), basic()) {
        (Some(id), Some((same, secret))) if same == id && matches!(shown, Shown::Nothing) => Ok((id, Shown::Secret(secret))),
        (Some(id), _) => Ok((id, shown)),
        (None, Some((id, secret))) => Ok((id, Shown::Secret(secret))),
        // An assertion names its application itself.
        (None, None) => match &shown {
            Shown::Assertion { text, .. } => {
                subject(text).map(|id| (id, shown)).ok_or_else(|| Error::parameter_missing("client_id"))
            }
            _ => Err(Error::parameter_missing("client_id")),
        },
    }
}

fn subject(assertion: &str) -> Option<String> {
    jwt::parse(assertion).ok()?.claims["sub"].as_str().map(str::to_owned)
}

impl Client {
    /// Whether it is one that cannot keep a secret: Microsoft's own on people's machines, or registered as such.
    pub(super) fn is_public(&self) -> bool {
        if let Some(known) = first_party(self.app_id) {
            return known.public_client;
        }
        self.application
            .as_ref()
            .is_some_and(|it| it.members.get("isFallbackPublicClient").is_some_and(|said| said == &Value::Bool(true)))
    }

    /// How it proved itself; nothing if it showed nothing.
    pub(super) fn prove(&self, world: &World) -> Result<Option<Proof>, Error> {
        match &self.shown {
            Shown::Nothing => Ok(None),
            Shown::Secret(secret) => self.check_secret(world, secret).map(|()| Some(Proof::Secret)),
            Shown::Assertion { kind, .. } if kind != ASSERTION_TYPE => Err(Error::assertion_type(kind)),
            Shown::Assertion { text, .. } => self.check_assertion(world, text).map(Some),
        }
    }

    /// As [`Client::prove`], in the grant of a user: a public application must show nothing, another must prove itself.
    pub(super) fn prove_for_user(&self, world: &World, public: bool) -> Result<Proof, Error> {
        if public {
            return if matches!(self.shown, Shown::Nothing) { Ok(Proof::User) } else { Err(Error::client_is_public()) };
        }
        self.prove(world)?.ok_or_else(Error::client_unproven)
    }

    fn check_secret(&self, world: &World, secret: &str) -> Result<(), Error> {
        check_secret(world, self.app_id, &self.id, secret)
    }

    /// A token that the application signed itself names it as issuer; any other is another issuer's.
    fn check_assertion(&self, world: &World, text: &str) -> Result<Proof, Error> {
        let parsed = jwt::parse(text).map_err(|_| Error::assertion_malformed())?;
        let issuer = parsed.claims["iss"].as_str().ok_or_else(Error::assertion_malformed)?;
        if !issuer.eq_ignore_ascii_case(&self.id) {
            federation::check(world, self.app_id, &parsed)?;
            return Ok(Proof::Federated);
        }
        assertion::check(world, self.app_id, &parsed)?;
        Ok(Proof::Certificate)
    }
}

fn check_secret(world: &World, app_id: Uuid, id: &str, secret: &str) -> Result<(), Error> {
    let credentials = world.directory.credentials(app_id);
    // All are compared, so that the time taken tells nothing about which one it was.
    let known = credentials.passwords.iter().fold(None, |found, known| if known.secret.is(secret) { Some(known) } else { found });
    match known {
        None => Err(Error::invalid_secret(id)),
        Some(known) if known.end <= world.clock.now() => Err(Error::expired_secret(id)),
        Some(_) => Ok(()),
    }
}

/// Tries the secret of an application that a service was given, as the service would at the token endpoint: the body of the refusal.
///
/// # Errors
///
/// What Entra answers if the secret is wrong or has expired.
pub fn try_secret(world: &World, app_id: Uuid, secret: &str) -> Result<(), Value> {
    let trace = Trace::new(world, &HeaderMap::new());
    check_secret(world, app_id, &app_id.to_string(), secret).map_err(|error| error.body(&trace))
}
