//! Microsoft Graph over the directory, as far as Azure's command line asks it to name principals and to find the one that a role
//! is given to: reads of users, groups and service principals, `getByIds`, `me`.
//!
//! Source: the Graph v1.0 reference; shapes as recorded from it. Everything else answers a 4xx that says so.

mod filter;
mod objects;

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, Query};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::entra::store::Principal;
use crate::entra::token;
use crate::kernel::principal::PrincipalKind;
use crate::world::World;

const CONTEXT: &str = "https://graph.microsoft.com/v1.0/$metadata#";

/// Every route of the plane.
pub fn router() -> Router {
    Router::new()
        .route("/v1.0/directoryObjects/getByIds", post(get_by_ids))
        .route("/v1.0/me", get(me))
        .route("/v1.0/{collection}", get(list))
        .route("/v1.0/{collection}/{id}", get(one))
        .fallback(not_served)
}

/// An error in Graph's shape.
struct Error {
    status: StatusCode,
    code: &'static str,
    message: String,
}

impl Error {
    fn bad_request(message: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, code: "BadRequest", message: message.into() }
    }

    fn not_found(id: &str) -> Self {
        let message = format!("Resource '{id}' does not exist or one of its queried reference-property objects are not present.");
        Self { status: StatusCode::NOT_FOUND, code: "Request_ResourceNotFound", message }
    }

    fn unauthorized(message: impl Into<String>) -> Self {
        Self { status: StatusCode::UNAUTHORIZED, code: "InvalidAuthenticationToken", message: message.into() }
    }

    fn answer(self, world: &World) -> Response {
        let request_id = world.ids.uuid();
        let body = json!({ "error": {
            "code": self.code,
            "message": self.message,
            "innerError": {
                "date": world.clock.now().strftime("%Y-%m-%dT%H:%M:%S").to_string(),
                "request-id": request_id,
                "client-request-id": request_id,
            },
        }});
        let mut response = (self.status, Json(body)).into_response();
        if self.status == StatusCode::UNAUTHORIZED {
            let challenge = "Bearer realm=\"\", authorization_uri=\"https://login.microsoftonline.com/common/oauth2/authorize\", \
                             client_id=\"00000003-0000-0000-c000-000000000000\"";
            response.headers_mut().insert(header::WWW_AUTHENTICATE, header::HeaderValue::from_static(challenge));
        }
        response
    }
}

/// The caller, proven by a token for Graph. Any caller may read the directory: directory roles are not emulated.
fn caller(world: &World, headers: &HeaderMap) -> Result<Arc<Principal>, Error> {
    let shown = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    let shown = shown.filter(|token| !token.is_empty()).ok_or_else(|| Error::unauthorized("Access token is empty."))?;
    let claims = token::verify(world, shown).map_err(|fault| {
        Error::unauthorized(match fault {
            token::TokenFault::Malformed => "IDX14100: JWT is not well formed, there are no dots (.).".to_owned(),
            token::TokenFault::Expired { .. } => "Lifetime validation failed, the token is expired.".to_owned(),
            other => format!("Access token validation failure. {other}."),
        })
    })?;
    let audience = claims.audience.trim_end_matches('/');
    if !matches!(audience, "https://graph.microsoft.com" | "00000003-0000-0000-c000-000000000000") {
        return Err(Error::unauthorized("Access token validation failure. Invalid audience."));
    }
    world.directory.principal(claims.object_id).ok_or_else(|| Error::unauthorized("Access token validation failure."))
}

/// The kind of object that a collection holds.
fn collection_kind(name: &str) -> Option<PrincipalKind> {
    match name.to_ascii_lowercase().as_str() {
        "users" => Some(PrincipalKind::User),
        "groups" => Some(PrincipalKind::Group),
        "serviceprincipals" => Some(PrincipalKind::ServicePrincipal),
        _ => None,
    }
}

fn answer(world: &World, result: Result<Value, Error>) -> Response {
    match result {
        Ok(body) => Json(body).into_response(),
        Err(error) => error.answer(world),
    }
}

async fn list(
    Extension(world): Extension<Arc<World>>,
    Path(collection): Path<String>,
    Query(query): Query<HashMap<String, String>>,
    headers: HeaderMap,
) -> Response {
    let result = caller(&world, &headers).and_then(|_| {
        let kind = collection_kind(&collection).ok_or_else(|| not_built(&format!("/v1.0/{collection}")))?;
        let filter = query.get("$filter").map(|text| filter::Filter::parse(text)).transpose().map_err(Error::bad_request)?;
        let found: Vec<Value> = world
            .directory
            .principals()
            .into_iter()
            .filter(|principal| principal.principal_kind() == kind)
            .map(|principal| objects::object(&world, &principal))
            .filter(|object| filter.as_ref().is_none_or(|filter| filter.accepts(object)))
            .collect();
        Ok(json!({ "@odata.context": format!("{CONTEXT}{collection}"), "value": found }))
    });
    answer(&world, result)
}

async fn one(
    Extension(world): Extension<Arc<World>>,
    Path((collection, id)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    let result = caller(&world, &headers).and_then(|_| {
        let kind = collection_kind(&collection).ok_or_else(|| not_built(&format!("/v1.0/{collection}")))?;
        let by_id = Uuid::try_parse(&id).ok().and_then(|id| world.directory.principal(id));
        by_id
            .or_else(|| world.directory.by_user_name(&id))
            .filter(|principal| principal.principal_kind() == kind)
            .map(|principal| {
                let mut object = objects::object(&world, &principal);
                objects::put_first(&mut object, "@odata.context", json!(format!("{CONTEXT}{collection}/$entity")));
                object
            })
            .ok_or_else(|| Error::not_found(&id))
    });
    answer(&world, result)
}

async fn me(Extension(world): Extension<Arc<World>>, headers: HeaderMap) -> Response {
    let result = caller(&world, &headers).and_then(|principal| match principal.principal_kind() {
        PrincipalKind::User => Ok(objects::object(&world, &principal)),
        _ => Err(Error::bad_request("/me request is only valid with delegated authentication flow.")),
    });
    answer(&world, result)
}

#[derive(Deserialize)]
struct Ids {
    ids: Vec<String>,
}

/// The objects of the given ids; those that do not exist are left out silently.
async fn get_by_ids(
    Extension(world): Extension<Arc<World>>,
    headers: HeaderMap,
    body: Result<Json<Ids>, JsonRejection>,
) -> Response {
    let result = caller(&world, &headers).and_then(|_| {
        let Json(Ids { ids }) = body.map_err(|rejection| Error::bad_request(rejection.body_text()))?;
        let found: Vec<Value> = ids
            .iter()
            .filter_map(|id| world.directory.principal(Uuid::try_parse(id).ok()?))
            .map(|principal| {
                let mut object = objects::object(&world, &principal);
                objects::put_first(&mut object, "@odata.type", json!(objects::type_name(&principal)));
                object
            })
            .collect();
        Ok(json!({ "@odata.context": format!("{CONTEXT}directoryObjects"), "value": found }))
    });
    answer(&world, result)
}

fn not_built(path: &str) -> Error {
    Error::bad_request(format!(
        "azlet does not implement {path} of Microsoft Graph; it reads users, groups, servicePrincipals and directoryObjects/getByIds."
    ))
}

async fn not_served(Extension(world): Extension<Arc<World>>, uri: Uri) -> Response {
    not_built(uri.path()).answer(&world)
}
