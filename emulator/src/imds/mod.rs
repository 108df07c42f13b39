//! The instance metadata service's token endpoint, `http://169.254.169.254/metadata/identity/oauth2/token`: tokens for managed
//! identities.
//!
//! There is no emulated virtual machine to be on: every user-assigned identity counts as assigned to the machine that asks
//! (azlet's own simplification). Source: "How managed identities for Azure resources work" and the replies recorded from it.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::Query;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Json, Router};
use serde_json::json;
use uuid::Uuid;

use crate::entra::store::{Kind, Principal};
use crate::entra::token::{self, Proof};
use crate::world::World;

/// Every route of the plane.
pub fn router() -> Router {
    Router::new().route("/metadata/identity/oauth2/token", get(identity_token))
}

fn refusal(error: &str, description: &str) -> Response {
    let body = json!({ "error": error, "error_description": description });
    (StatusCode::BAD_REQUEST, Json(body)).into_response()
}

async fn identity_token(
    Extension(world): Extension<Arc<World>>,
    Query(query): Query<HashMap<String, String>>,
    headers: HeaderMap,
) -> Response {
    // Judged before the query: clients find out by exactly this whether there is a metadata service.
    if headers.get("metadata").is_none_or(|value| !value.as_bytes().eq_ignore_ascii_case(b"true")) {
        return refusal("invalid_request", "Required metadata header not specified");
    }
    let Some(resource) = query.get("resource").filter(|resource| !resource.is_empty()) else {
        return refusal("invalid_request", "Required query variable 'resource' is missing");
    };
    match identity(&world, &query) {
        Ok(principal) => Json(body(&world, &principal, resource)).into_response(),
        Err(description) => refusal("invalid_request", description),
    }
}

fn body(world: &World, principal: &Principal, resource: &str) -> serde_json::Value {
    let now = world.clock.now().as_second();
    let lifetime = Proof::ManagedIdentity.lifetime_seconds();
    json!({
        "access_token": token::issue(world, principal, resource, Proof::ManagedIdentity),
        "client_id": principal.app_id(),
        "expires_in": lifetime.to_string(),
        "expires_on": (now + lifetime).to_string(),
        "ext_expires_in": (lifetime - 1).to_string(),
        "not_before": (now - 300).to_string(),
        "resource": resource,
        "token_type": "Bearer",
    })
}

/// The identity that the query selects, or the only one there is.
fn identity(world: &World, query: &HashMap<String, String>) -> Result<Arc<Principal>, &'static str> {
    const ABSENT: &str = "Identity not found";
    let selector = |names: &[&str]| names.iter().find_map(|name| query.get(*name).filter(|value| !value.is_empty()));
    let id = |text: &String| Uuid::try_parse(text).map_err(|_| ABSENT);
    let found = if let Some(client_id) = selector(&["client_id"]) {
        world.directory.by_app_id(id(client_id)?)
    } else if let Some(object_id) = selector(&["object_id", "principal_id"]) {
        world.directory.principal(id(object_id)?)
    } else {
        let resource_id = selector(&["msi_res_id", "mi_res_id"]);
        let mut identities = world.directory.principals().into_iter().filter(|principal| {
            user_assigned(principal).is_some_and(|id| resource_id.is_none_or(|asked| asked.eq_ignore_ascii_case(id)))
        });
        let first = identities.next();
        if identities.next().is_some() {
            return Err(
                "Multiple user assigned identities exist, please specify the clientId / resourceId of the identity in the \
                        token request",
            );
        }
        first
    };
    found.filter(|principal| user_assigned(principal).is_some()).ok_or(ABSENT)
}

/// The resource id of a user-assigned identity.
fn user_assigned(principal: &Principal) -> Option<&str> {
    let Kind::ServicePrincipal(service_principal) = &principal.kind else { return None };
    let id = service_principal.managed_identity.as_deref()?;
    id.to_ascii_lowercase().contains("/microsoft.managedidentity/userassignedidentities/").then_some(id)
}
