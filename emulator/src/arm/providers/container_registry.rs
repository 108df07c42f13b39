//! Microsoft.ContainerRegistry: registries and what is done with them. The registry itself, its data plane, is [`crate::acr`].
//! Source: the provider's specification (2017-10-01 to 2026-09-01-preview) and Azure Container Registry's documentation.

mod actions;
mod body;
mod cache;
mod certificates;
mod child;
mod connected;
mod import;
mod pipelines;
mod private_endpoints;
mod properties;
mod registry;
mod replications;
mod runs;
mod scope_maps;
mod sku;
mod tasks;
mod webhooks;

use axum::http::StatusCode;
use serde_json::Value;

use super::super::error::{Error, Voice};
use super::super::headers::Answer;
use super::super::store::Resource;
use super::super::{Request, operation};
use super::unimplemented;
use crate::world::World;

/// The provider's namespace.
const NAMESPACE: &str = "Microsoft.ContainerRegistry";
/// The type, as the provider writes it.
pub const TYPE: &str = "Microsoft.ContainerRegistry/registries";

pub(super) fn answer(request: &Request<'_>) -> Result<Answer, Error> {
    let name = request.known.kind.name.as_str();
    if let Some(child) = CHILDREN.iter().find(|child| name.strip_prefix("registries/") == Some(child.kind)) {
        return if request.target.is_item() { child::item(request, child) } else { child::list(request, child) };
    }
    match (name, request.target.is_item()) {
        ("registries", true) => registry::one(request),
        ("registries", false) => registry::list(request),
        ("registries/listCredentials", _) => actions::list_credentials(request),
        ("registries/regenerateCredential", _) => actions::regenerate_credential(request),
        ("registries/generateCredentials", _) => scope_maps::generate(request),
        ("registries/importImage", _) => import::import_image(request),
        ("registries/listUsages", _) => actions::list_usages(request),
        ("registries/listPolicies" | "registries/updatePolicies", _) => actions::policies(request),
        ("registries/webhooks/ping", _) => webhooks::ping(request),
        ("registries/webhooks/getCallbackConfig", _) => webhooks::callback(request),
        ("registries/webhooks/listEvents", _) => webhooks::events(request),
        ("registries/connectedRegistries/deactivate", _) => connected::deactivate(request),
        ("registries/tasks/listDetails" | "registries/taskRuns/listDetails", _) => tasks::details(request),
        ("registries/agentPools/listQueueStatus", _) => tasks::queue(request),
        ("registries/scheduleRun", _) => runs::schedule_run(request),
        ("registries/listBuildSourceUploadUrl", _) => runs::upload_url(request),
        ("registries/runs", true) => runs::item(request),
        ("registries/runs", false) => runs::list(request),
        ("registries/runs/cancel", _) => runs::cancel(request),
        ("registries/runs/listLogSasUrl", _) => runs::log_url(request),
        ("registries/privateEndpointConnections", true) => private_endpoints::item(request),
        ("registries/privateEndpointConnections", false) => private_endpoints::list(request),
        ("registries/privateLinkResources", _) => private_endpoints::link_resources(request),
        (name, true) if name.ends_with("/operationStatuses") => operation::registry_status(request),
        ("locations/operationResults", true) => operation::registry_result(request),
        ("checkNameAvailability", _) => actions::check_name(request),
        _ => Err(unimplemented(request)),
    }
}

/// What a registry has children of.
const CHILDREN: [child::Child; 13] = [
    scope_maps::SCOPE_MAPS,
    scope_maps::TOKENS,
    replications::REPLICATIONS,
    webhooks::WEBHOOKS,
    cache::CACHE_RULES,
    cache::CREDENTIAL_SETS,
    connected::CONNECTED,
    pipelines::EXPORTS,
    pipelines::IMPORTS,
    pipelines::RUNS,
    tasks::TASKS,
    tasks::TASK_RUNS,
    tasks::AGENT_POOLS,
];

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
