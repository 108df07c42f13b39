//! Tokens for managed identities: the instance metadata service (`http://169.254.169.254/metadata/…`) and the endpoint that App
//! Service and its relatives give their programs (`/msi/token`).
//!
//! A machine gets tokens for the identities that it carries, and for no other. Which machine asks, the control API says
//! (`/_azlet/machine`); until it does, it is one that carries every user-assigned identity that is assigned to some resource.
//! Source: "How managed identities for Azure resources work" and the replies recorded from the services; what is inferred says so.

mod app_service;
pub mod store;

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::Query;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Json, Router};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::entra::error::Trace;
use crate::entra::resources;
use crate::entra::store::Principal;
use crate::entra::token::{self, Ask, Proof};
use crate::kernel::resource_id::ResourceId;
use crate::world::World;

use store::{Given, Machine};

pub use app_service::secret as identity_header;

/// The newest versions of the service, as it lists them.
const VERSIONS: [&str; 3] = ["2020-10-01", "2020-09-01", "2020-07-15"];

/// Every route of the plane.
pub fn router() -> Router {
    Router::new()
        .route("/metadata/identity/oauth2/token", get(identity_token))
        .route("/metadata/instance", get(instance))
        .route("/metadata/instance/{*path}", get(instance))
        .route("/metadata/{*path}", get(not_served))
        .route("/msi/token", get(app_service::answer))
}

type Parameters = HashMap<String, String>;

fn answer(status: StatusCode, body: &Value) -> Response {
    let headers = [(header::CONTENT_TYPE, "application/json; charset=utf-8"), (header::SERVER, "IMDS/150.870.65.1854")];
    (status, headers, body.to_string()).into_response()
}

/// An answer that says no.
struct Refusal(Value);

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        answer(StatusCode::BAD_REQUEST, &self.0)
    }
}

fn refusal(error: &str, description: &str) -> Refusal {
    Refusal(json!({ "error": error, "error_description": description }))
}

/// What every request must have; judged before the query, since clients find out by exactly this whether there is a service.
fn admitted(headers: &HeaderMap) -> Result<(), Refusal> {
    if headers.get("metadata").is_none_or(|value| !value.as_bytes().eq_ignore_ascii_case(b"true")) {
        return Err(refusal("invalid_request", "Required metadata header not specified"));
    }
    if headers.contains_key("x-forwarded-for") {
        // The text is inferred.
        return Err(refusal("invalid_request", "Requests with the header X-Forwarded-For are not answered"));
    }
    Ok(())
}

fn said<'a>(query: &'a Parameters, names: &[&str]) -> Option<&'a str> {
    names.iter().find_map(|name| query.get(*name)).map(String::as_str).filter(|value| !value.is_empty())
}

fn versioned(query: &Parameters) -> Result<(), Refusal> {
    if said(query, &["api-version"]).is_some() {
        return Ok(());
    }
    let error = "Bad request. api-version was not specified in the request. For more information refer to aka.ms/azureimds";
    Err(Refusal(json!({ "error": error, "newest-versions": VERSIONS })))
}

async fn identity_token(
    Extension(world): Extension<Arc<World>>,
    Query(query): Query<Parameters>,
    headers: HeaderMap,
) -> Response {
    token_answer(&world, &query, &headers).unwrap_or_else(Refusal::into_response)
}

fn token_answer(world: &World, query: &Parameters, headers: &HeaderMap) -> Result<Response, Refusal> {
    admitted(headers)?;
    versioned(query)?;
    let resource =
        said(query, &["resource"]).ok_or_else(|| refusal("invalid_request", "Required query variable 'resource' is missing"))?;
    let identity = select(world, query, &["client_id"]).map_err(|fault| refusal("invalid_request", fault.imds()))?;
    resources::resolve(world, resource).map_err(|error| Refusal(error.body(&Trace::new(world, headers))))?;
    let given = given(world, &identity, resource);
    let (now, lifetime) = (world.clock.now(), Proof::ManagedIdentity.lifetime_seconds());
    let expires = given.made.as_second() + lifetime;
    let left = (expires - now.as_second()).max(0);
    Ok(answer(
        StatusCode::OK,
        &json!({
            "access_token": given.token,
            "client_id": identity.principal.app_id(),
            "expires_in": left.to_string(),
            "expires_on": expires.to_string(),
            "ext_expires_in": (lifetime - 1).to_string(),
            "not_before": (given.made.as_second() - 300).to_string(),
            "resource": resource,
            "token_type": "Bearer",
        }),
    ))
}

/// The token that a machine was given before, until it is about to end; then a new one. That it is renewed five minutes before is
/// inferred.
fn given(world: &World, identity: &Attached, resource: &str) -> Given {
    let id = identity.principal.object_id;
    let now = world.clock.now();
    let ends = |made: Timestamp| now.duration_since(made) >= SignedDuration::from_secs(86_400 - 300);
    if let Some(given) = world.imds.given(id, resource).filter(|given| !ends(given.made)) {
        return given;
    }
    let ask = Ask { machine: identity.machine.as_deref(), ..Ask::new(&identity.principal, resource, Proof::ManagedIdentity) };
    let given = Given { token: token::issue_for(world, &ask), made: now };
    world.imds.remember(id, resource, given.clone());
    given
}

/// An identity that the machine carries.
struct Attached {
    principal: Arc<Principal>,
    /// The resource id of a user-assigned one.
    resource: Option<ResourceId>,
    /// The machine that a user-assigned one is used from, if it is a resource.
    machine: Option<String>,
}

/// Why no identity was selected.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fault {
    Absent,
    Several,
}

impl Fault {
    fn imds(self) -> &'static str {
        match self {
            Self::Absent => "Identity not found",
            Self::Several => {
                "Multiple user assigned identities exist, please specify the clientId / resourceId of the identity in the token request"
            }
        }
    }
}

fn attached(world: &World) -> Vec<Attached> {
    let principal = |id: Uuid| world.directory.principal(id).filter(|principal| principal.enabled);
    let (identities, system, machine) = match world.imds.machine() {
        Machine::Any => (world.carried_identities(), None, None),
        Machine::With(identities) => (identities, None, None),
        Machine::Resource(id) => {
            let (identities, system) = world.identities_of(&id).unwrap_or_default();
            (identities, system, Some(id.as_str().to_owned()))
        }
    };
    let system = system.and_then(principal).map(|principal| Attached { principal, resource: None, machine: None });
    let user_assigned = identities.into_iter().filter_map(|id| {
        let principal = world.principal_of_identity(&id).and_then(principal)?;
        Some(Attached { principal, resource: Some(id), machine: machine.clone() })
    });
    system.into_iter().chain(user_assigned).collect()
}

/// The identity that a query selects; without a selector the system-assigned one, or the only one that there is.
fn select(world: &World, query: &Parameters, client_id: &[&str]) -> Result<Attached, Fault> {
    let mut all = attached(world);
    let is = |text: &str, id: Option<Uuid>| Uuid::try_parse(text).ok().is_some_and(|asked| Some(asked) == id);
    if let Some(asked) = said(query, client_id) {
        all.retain(|it| is(asked, it.principal.app_id()));
    } else if let Some(asked) = said(query, &["object_id", "principal_id"]) {
        all.retain(|it| is(asked, Some(it.principal.object_id)));
    } else if let Some(asked) = said(query, &["msi_res_id", "mi_res_id"]) {
        let asked = ResourceId::new(asked);
        all.retain(|it| it.resource.as_ref().is_some_and(|id| id.key() == asked.key()));
    } else if all.len() > 1 && all[0].resource.is_some() {
        return Err(Fault::Several);
    }
    if all.is_empty() { Err(Fault::Absent) } else { Ok(all.swap_remove(0)) }
}

/// What the machine is: told of a machine that the control API chose.
async fn instance(
    Extension(world): Extension<Arc<World>>,
    Query(query): Query<Parameters>,
    path: Option<axum::extract::Path<String>>,
    headers: HeaderMap,
) -> Response {
    if let Err(refusal) = admitted(&headers).and_then(|()| versioned(&query)) {
        return refusal.into_response();
    }
    let Machine::Resource(id) = world.imds.machine() else {
        let message = "azlet knows no machine: choose one with POST /_azlet/machine {\"resource\": \"<ARM id>\"}";
        return answer(StatusCode::NOT_FOUND, &json!({ "error": message }));
    };
    let compute = json!({
        "azEnvironment": "AzurePublicCloud",
        "location": world.arm.resource(&id).and_then(|resource| resource.location.clone()),
        "name": id.name(),
        "resourceGroupName": id.group(),
        "resourceId": id.as_str(),
        "subscriptionId": id.subscription(),
    });
    let whole = json!({ "compute": compute });
    let path = path.map(|path| path.0).unwrap_or_default();
    let found = path.split('/').filter(|part| !part.is_empty()).try_fold(&whole, |value, part| value.get(part));
    match found {
        Some(Value::String(text)) if query.get("format").is_some_and(|format| format == "text") => text.clone().into_response(),
        Some(found) => answer(StatusCode::OK, found),
        None => answer(StatusCode::NOT_FOUND, &json!({ "error": "Not found" })),
    }
}

async fn not_served() -> Response {
    (StatusCode::NOT_FOUND, Json(json!({ "error": "Not found" }))).into_response()
}
