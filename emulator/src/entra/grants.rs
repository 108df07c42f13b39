//! The token endpoints: client credentials by secret and certificate, the password of a user, and the refresh token that
//! follows it. Sources: RFC 6749; Microsoft's pages on the OAuth 2.0 flows. The order of the checks is inferred from the errors
//! quoted in public: tenant, fields, grant, application, credential, scope, resource, grant material.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};
use uuid::Uuid;

use super::assertion;
use super::discovery::{TenantName, tenant};
use super::error::{Error, Trace};
use super::store::{Kind, Principal, ServicePrincipal};
use super::token::{self, Proof};
use crate::world::World;

type Form = HashMap<String, String>;

/// Resources that tokens are issued for: the audiences by which they are known (with and without a slash behind).
const RESOURCES: [&str; 8] = [
    "https://management.azure.com",
    "https://management.core.windows.net",
    "https://graph.microsoft.com",
    "https://containerregistry.azure.net",
    "797f4846-ba00-4fd7-ba43-dac1f8f63013",
    "00000003-0000-0000-c000-000000000000",
    "6a0ec4d3-30cb-4a83-91c0-ae56bc0e3d26",
    "6dae42f8-4368-4678-94ff-3960e28e3630",
];

/// Which of the two token endpoints was asked.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Version {
    One,
    Two,
}

pub(super) async fn token_v2(
    Extension(world): Extension<Arc<World>>,
    Path(tenant): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    answer(&world, &tenant, &headers, &body, Version::Two)
}

pub(super) async fn token_v1(
    Extension(world): Extension<Arc<World>>,
    Path(tenant): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    answer(&world, &tenant, &headers, &body, Version::One)
}

fn answer(world: &World, tenant: &str, headers: &HeaderMap, body: &[u8], version: Version) -> Response {
    let trace = Trace::new(world, headers);
    match grant(world, tenant, headers, &form(body), version) {
        Ok(body) => {
            let mut response = (StatusCode::OK, Json(body)).into_response();
            trace.stamp(&mut response);
            response
        }
        Err(error) => error.answer(&trace),
    }
}

fn grant(world: &World, name: &str, headers: &HeaderMap, form: &Form, version: Version) -> Result<Value, Error> {
    let named = tenant(world, name, "invalid_request")?;
    let grant_type = field(form, "grant_type")?;
    match grant_type {
        "client_credentials" if matches!(named, TenantName::Common(_)) => Err(Error::grant_not_on_common()),
        "client_credentials" => client_credentials(world, headers, form, version),
        "password" if matches!(named, TenantName::Common(_)) => Err(Error::grant_not_on_common()),
        "password" => password(world, form),
        "refresh_token" => refresh(world, form),
        other => Err(Error::unsupported_grant(other)),
    }
}

fn client_credentials(world: &World, headers: &HeaderMap, form: &Form, version: Version) -> Result<Value, Error> {
    let (client_id, secret) = client(headers, form)?;
    let principal = application(world, &client_id)?;
    let Kind::ServicePrincipal(service_principal) = &principal.kind else {
        return Err(Error::application_not_found(&client_id, &world.directory.tenant.display_name));
    };
    let proof = match (form.get("client_assertion"), secret) {
        (Some(assertion), _) => {
            assertion::check(world, service_principal, assertion)?;
            Proof::Certificate
        }
        (None, Some(secret)) => {
            check_secret(world, service_principal, &secret)?;
            Proof::Secret
        }
        (None, None) => return Err(Error::credential_missing()),
    };
    let audience = match version {
        Version::Two => {
            let scope = form.get("scope").filter(|scope| !scope.is_empty()).ok_or_else(Error::scope_missing)?;
            scope.strip_suffix("/.default").ok_or_else(|| Error::scope_not_default(scope))?.to_owned()
        }
        Version::One => field(form, "resource")?.to_owned(),
    };
    check_resource(world, &audience)?;
    let access_token = token::issue(world, &principal, &audience, proof);
    let lifetime = proof.lifetime_seconds();
    Ok(match version {
        Version::Two => json!({
            "token_type": "Bearer",
            "expires_in": lifetime,
            "ext_expires_in": lifetime,
            "access_token": access_token,
        }),
        Version::One => {
            let now = world.clock.now().as_second();
            json!({
                "token_type": "Bearer",
                "expires_in": lifetime.to_string(),
                "ext_expires_in": lifetime.to_string(),
                "expires_on": (now + lifetime).to_string(),
                "not_before": (now - 300).to_string(),
                "resource": audience,
                "access_token": access_token,
            })
        }
    })
}

/// The application by its id, if it is in the tenant and enabled.
fn application(world: &World, client_id: &str) -> Result<Arc<Principal>, Error> {
    let principal = Uuid::try_parse(client_id)
        .ok()
        .and_then(|app_id| world.directory.by_app_id(app_id))
        .ok_or_else(|| Error::application_not_found(client_id, &world.directory.tenant.display_name))?;
    if !principal.enabled {
        return Err(Error::application_disabled(client_id, &principal.display_name));
    }
    Ok(principal)
}

/// Whether `secret` is one of the application's and has not expired.
pub(super) fn check_secret(world: &World, service_principal: &ServicePrincipal, secret: &str) -> Result<(), Error> {
    let app_id = service_principal.app_id.to_string();
    let known = service_principal.credentials.passwords.iter().find(|password| password.secret == secret);
    match known {
        None => Err(Error::invalid_secret(&app_id)),
        Some(password) if password.end <= world.clock.now() => Err(Error::expired_secret(&app_id)),
        Some(_) => Ok(()),
    }
}

fn check_resource(world: &World, audience: &str) -> Result<(), Error> {
    let bare = audience.strip_suffix('/').unwrap_or(audience).to_ascii_lowercase();
    if RESOURCES.contains(&bare.as_str()) || Uuid::try_parse(&bare).is_ok_and(|id| world.directory.by_app_id(id).is_some()) {
        return Ok(());
    }
    Err(Error::resource_not_found(audience, &world.directory.tenant.display_name))
}

fn password(world: &World, form: &Form) -> Result<Value, Error> {
    field(form, "client_id")?;
    let (name, password) = (field(form, "username")?, field(form, "password")?);
    let principal =
        world.directory.by_user_name(name).ok_or_else(|| Error::user_not_found(&world.directory.tenant.display_name))?;
    match &principal.kind {
        Kind::User(user) if user.password == password && !password.is_empty() => user_tokens(world, &principal, form),
        _ => Err(Error::wrong_password()),
    }
}

/// Refresh tokens are signed like access tokens, for an audience that no service accepts, and live for a day.
const REFRESH_AUDIENCE: &str = "azlet:refresh";

fn refresh(world: &World, form: &Form) -> Result<Value, Error> {
    field(form, "client_id")?;
    let claims = token::verify(world, field(form, "refresh_token")?).map_err(|_| Error::malformed_grant())?;
    let principal = world.directory.principal(claims.object_id).filter(|_| claims.audience == REFRESH_AUDIENCE);
    let principal = principal.ok_or_else(Error::malformed_grant)?;
    user_tokens(world, &principal, form)
}

fn user_tokens(world: &World, principal: &Principal, form: &Form) -> Result<Value, Error> {
    let Kind::User(user) = &principal.kind else { return Err(Error::malformed_grant()) };
    let scopes = form.get("scope").filter(|scope| !scope.is_empty()).ok_or_else(|| Error::parameter_missing("scope"))?;
    let asked = scopes.split(' ').find(|scope| scope.contains('/'));
    let audience = match asked.and_then(|scope| scope.rsplit_once('/')) {
        Some((audience, _)) => audience.to_owned(),
        None => "https://graph.microsoft.com".into(),
    };
    check_resource(world, &audience)?;
    let now = world.clock.now().as_second();
    let tenant = world.directory.tenant.id;
    let client_id = field(form, "client_id")?;
    let subject = format!("subject {} {client_id}", principal.object_id);
    let id_token = json!({
        "aud": client_id,
        "iss": format!("https://login.microsoftonline.com/{tenant}/v2.0"),
        "iat": now - 300,
        "nbf": now - 300,
        "exp": now + 3600,
        "name": principal.display_name,
        "oid": principal.object_id,
        "preferred_username": user.user_principal_name,
        "sub": world.ids.named_text(&subject, 43, crate::kernel::ids::ALPHANUMERIC),
        "tid": tenant,
        "ver": "2.0",
    });
    let client_info = json!({ "uid": principal.object_id, "utid": tenant }).to_string();
    let granted = asked.map_or_else(String::new, |asked| format!("{audience}/user_impersonation {asked}"));
    let header = json!({ "typ": "JWT", "alg": "RS256", "kid": world.signing_key.thumbprint() });
    Ok(json!({
        "token_type": "Bearer",
        "scope": granted,
        "expires_in": Proof::User.lifetime_seconds(),
        "ext_expires_in": Proof::User.lifetime_seconds(),
        "access_token": token::issue(world, principal, &audience, Proof::User),
        "refresh_token": token::issue(world, principal, REFRESH_AUDIENCE, Proof::ManagedIdentity),
        "foci": "1",
        "id_token": world.signing_key.sign(&header, &id_token),
        "client_info": URL_SAFE_NO_PAD.encode(client_info),
    }))
}

/// Client id and secret: from the form, or from a Basic header.
fn client(headers: &HeaderMap, form: &Form) -> Result<(String, Option<String>), Error> {
    if let Some(id) = form.get("client_id").filter(|id| !id.is_empty()) {
        return Ok((id.clone(), form.get("client_secret").cloned()));
    }
    headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok()?.strip_prefix("Basic "))
        .and_then(|encoded| String::from_utf8(STANDARD.decode(encoded).ok()?).ok())
        .and_then(|pair| pair.split_once(':').map(|(id, secret)| (decoded(id), Some(decoded(secret)))))
        .ok_or_else(|| Error::parameter_missing("client_id"))
}

fn field<'a>(form: &'a Form, name: &str) -> Result<&'a str, Error> {
    form.get(name).map(String::as_str).filter(|value| !value.is_empty()).ok_or_else(|| Error::parameter_missing(name))
}

/// A URL-encoded form; what is none has no fields.
fn form(body: &[u8]) -> Form {
    let text = String::from_utf8_lossy(body);
    text.split('&').filter_map(|pair| pair.split_once('=')).map(|(name, value)| (decoded(name), decoded(value))).collect()
}

fn decoded(text: &str) -> String {
    percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned()
}
