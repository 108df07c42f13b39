//! The endpoint that App Service, Functions and Container Apps give their programs: `IDENTITY_ENDPOINT` with `IDENTITY_HEADER`
//! (2019-08-01), and its older form (2017-09-01). Source: "How to use managed identities for App Service and Azure Functions"; errors as
//! quoted in public. What a wrong header is answered is inferred.

use std::sync::Arc;

use axum::Extension;
use axum::extract::Query;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::{Fault, Parameters, answer as respond, given, said, select};
use crate::entra::resources;
use crate::entra::token::Proof;
use crate::kernel::ids::HEX;
use crate::kernel::secret::Secret;
use crate::world::World;

/// What `IDENTITY_HEADER` holds.
pub fn secret(world: &World) -> String {
    world.ids.named_text("identity header", 32, HEX).to_uppercase()
}

fn refusal(world: &World, status: StatusCode, message: &str) -> Response {
    let correlation = world.ids.uuid();
    respond(status, &json!({ "statusCode": status.as_u16(), "message": message, "correlationId": correlation }))
}

pub(super) async fn answer(
    Extension(world): Extension<Arc<World>>,
    Query(query): Query<Parameters>,
    headers: HeaderMap,
) -> Response {
    token(&world, &query, &headers).unwrap_or_else(|(status, message)| refusal(&world, status, message))
}

fn token(world: &World, query: &Parameters, headers: &HeaderMap) -> Result<Response, (StatusCode, &'static str)> {
    let bad = |message| (StatusCode::BAD_REQUEST, message);
    let (header, client_id) = match said(query, &["api-version"]) {
        Some("2017-09-01") => ("secret", "clientid"),
        Some("2019-08-01") => ("x-identity-header", "client_id"),
        _ => return Err(bad("The api-version is missing or unknown: it is 2019-08-01 or 2017-09-01.")),
    };
    let shown = headers.get(header).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !Secret::new(secret(world)).is(shown) {
        return Err((StatusCode::UNAUTHORIZED, "The identity header is missing or wrong."));
    }
    let resource = said(query, &["resource"]).ok_or(bad("The resource parameter is missing."))?;
    let chosen = said(query, &[client_id, "object_id", "principal_id", "mi_res_id"]).is_some();
    let identity = select(world, query, &[client_id]).map_err(|fault| match fault {
        Fault::Absent if chosen => {
            bad("No User Assigned or Delegated Managed Identity found for specified ClientId/ResourceId/PrincipalId.")
        }
        Fault::Absent | Fault::Several => bad("Unable to load the proper Managed Identity."),
    })?;
    // The service says this with 500, which clients repeat; azlet never does.
    resources::resolve(world, resource).map_err(|_| bad("An unexpected error occured while fetching the AAD Token."))?;
    let given = given(world, &identity, resource);
    let expires = given.made.as_second() + Proof::ManagedIdentity.lifetime_seconds();
    let body = json!({
        "access_token": given.token,
        "expires_on": expires.to_string(),
        "resource": resource,
        "token_type": "Bearer",
        "client_id": identity.principal.app_id(),
    });
    Ok(respond(StatusCode::OK, &body).into_response())
}
