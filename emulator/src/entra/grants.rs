//! The token endpoints: which grant is asked for, and client credentials. Sources: RFC 6749; Microsoft's pages on the OAuth 2.0 flows.
//! The order of the checks is inferred from the errors quoted in public: tenant, fields, grant, application, credential, scope,
//! resource, grant material, user, consent.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use bytes::Bytes;
use serde_json::{Value, json};

use super::client;
use super::discovery::{TenantName, tenant};
use super::error::{Error, Trace};
use super::token::{self, Ask};
use super::{resources, user_grants};
use crate::world::World;

/// The fields of a form.
pub(super) type Form = HashMap<String, String>;

/// Which of the two generations of endpoints was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    One,
    Two,
}

pub(super) async fn token_v2(
    Extension(world): Extension<Arc<World>>,
    Path(tenant): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    answer(&world, &headers, grant(&world, &tenant, &headers, &form(&body), Version::Two))
}

pub(super) async fn token_v1(
    Extension(world): Extension<Arc<World>>,
    Path(tenant): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    answer(&world, &headers, grant(&world, &tenant, &headers, &form(&body), Version::One))
}

/// A JSON answer with the headers of the token endpoint.
pub(super) fn answer(world: &World, headers: &HeaderMap, result: Result<Value, Error>) -> Response {
    let trace = Trace::new(world, headers);
    match result {
        Ok(body) => {
            let mut response = (StatusCode::OK, Json(body)).into_response();
            trace.stamp(&mut response, 0);
            response
        }
        Err(error) => error.answer(&trace),
    }
}

fn grant(world: &World, name: &str, headers: &HeaderMap, form: &Form, version: Version) -> Result<Value, Error> {
    let named = tenant(world, name, "invalid_request")?;
    let grant_type = field(form, "grant_type")?;
    let credentials = grant_type == "client_credentials";
    if !credentials && grant_type != "password" && !user_grants::is_known(grant_type) {
        return Err(Error::unsupported_grant(grant_type));
    }
    if (credentials || grant_type == "password") && matches!(named, TenantName::Common(_)) {
        return Err(Error::grant_not_on_common());
    }
    let client = client::identify(world, headers, form)?;
    if credentials {
        client_credentials(world, &client, form, version)
    } else {
        user_grants::answer(world, &client, form, version)
    }
}

fn client_credentials(world: &World, client: &client::Client, form: &Form, version: Version) -> Result<Value, Error> {
    if client.first_party && client.is_public() {
        return Err(Error::client_is_public());
    }
    let proof = client.prove(world)?.ok_or_else(Error::credential_missing)?;
    let audience = match version {
        Version::Two => {
            let scope = form.get("scope").filter(|scope| !scope.is_empty()).ok_or_else(Error::scope_missing)?;
            resource_of_default_scope(scope).ok_or_else(|| Error::scope_not_default(scope))?.to_owned()
        }
        Version::One => field(form, "resource")?.to_owned(),
    };
    resources::resolve(world, &audience)?;
    let ask = Ask::new(&client.principal, &audience, proof);
    let access_token = token::issue_for(world, &ask);
    let lifetime = ask.lifetime_seconds();
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

/// The resource of the one scope `…/.default`. MSAL for Go asks for OpenID's own scopes beside it, in this grant too; they are
/// taken and mean nothing.
fn resource_of_default_scope(scope: &str) -> Option<&str> {
    let mut asked = scope.split_whitespace().filter(|word| !matches!(*word, "openid" | "profile" | "offline_access" | "email"));
    let resource = asked.next()?.strip_suffix("/.default")?;
    asked.next().is_none().then_some(resource)
}

/// A field that the form must have.
pub(super) fn field<'a>(form: &'a Form, name: &str) -> Result<&'a str, Error> {
    form.get(name).map(String::as_str).filter(|value| !value.is_empty()).ok_or_else(|| Error::parameter_missing(name))
}

/// A URL-encoded form; what is none has no fields.
pub(super) fn form(body: &[u8]) -> Form {
    form_urlencoded::parse(body).into_owned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_resource_is_asked_for_and_openids_own_scopes_beside_it_mean_nothing() {
        let arm = Some("https://management.azure.com");
        assert_eq!(resource_of_default_scope("https://management.azure.com/.default"), arm);
        assert_eq!(resource_of_default_scope("https://management.azure.com/.default openid offline_access profile"), arm);
        assert_eq!(resource_of_default_scope("https://management.azure.com/user_impersonation openid"), None);
        assert_eq!(resource_of_default_scope("https://a.example/.default https://b.example/.default"), None);
        assert_eq!(resource_of_default_scope("openid"), None);
    }
}
