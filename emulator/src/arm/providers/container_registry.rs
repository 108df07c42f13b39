//! Microsoft.ContainerRegistry: registries and what is done with them. The registry itself, its data plane, is [`crate::acr`].
//! Source: the provider's specification (2017-10-01 to 2026-09-01-preview) and Azure Container Registry's documentation.

mod actions;
mod body;
mod registry;

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::super::error::{Error, Voice};
use super::super::headers::Answer;
use super::super::store::Resource;
use super::super::{Request, operation};
use super::unimplemented;
use crate::world::World;

/// The type, as the provider writes it.
pub const TYPE: &str = "Microsoft.ContainerRegistry/registries";

pub(super) fn answer(request: &Request<'_>) -> Result<Answer, Error> {
    match (request.known.kind.name.as_str(), request.target.is_item()) {
        ("registries", true) => registry::one(request),
        ("registries", false) => Ok(registry::list(request)),
        ("registries/listCredentials", _) => actions::list_credentials(request),
        ("registries/regenerateCredential", _) => actions::regenerate_credential(request),
        ("registries/importImage", _) => actions::import_image(request),
        ("registries/listUsages", _) => actions::list_usages(request),
        ("registries/privateEndpointConnections", false) => {
            request.resource()?;
            Ok(ok(json!({ "value": [] })))
        }
        ("registries/operationStatuses", true) => operation::registry_status(request),
        ("locations/operationResults", true) => operation::registry_result(request),
        ("checkNameAvailability", _) => actions::check_name(request),
        _ => Err(unimplemented(request)),
    }
}

fn ok(body: Value) -> Answer {
    Answer::json(Voice::Registry, StatusCode::OK, body)
}

fn bad(code: &'static str, message: impl Into<String>) -> Error {
    Error::registry(StatusCode::BAD_REQUEST, code, message)
}

/// A registry's data goes with it.
pub(super) fn removed(world: &World, resource: &Resource) {
    if let Some(login_server) = resource.properties.get("loginServer").and_then(Value::as_str) {
        world.acr.remove(login_server);
    }
}

/// The name of a new operation: `registries-` and a GUID.
fn operation_name(request: &Request<'_>) -> String {
    format!("registries-{}", request.world.ids.uuid())
}
