//! `/_azlet/machine`: on which machine the metadata service runs, and so for which managed identities it has tokens; and what a
//! program in App Service would find in its environment.

use std::sync::Arc;

use axum::extract::rejection::JsonRejection;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::Deserialize;
use serde_json::json;

use super::problem;
use crate::imds;
use crate::imds::store::Machine;
use crate::kernel::resource_id::ResourceId;
use crate::world::World;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Chosen {
    /// An ARM id: the machine is this resource, with what it carries.
    resource: Option<String>,
    /// ARM ids: the machine is no resource, and carries these user-assigned identities.
    identities: Option<Vec<String>>,
}

pub(super) async fn get(Extension(world): Extension<Arc<World>>, headers: HeaderMap) -> Response {
    let ids = |all: &[ResourceId]| all.iter().map(|id| id.as_str().to_owned()).collect::<Vec<_>>();
    let (resource, identities) = match world.imds.machine() {
        Machine::Any => (None, ids(&world.carried_identities())),
        Machine::With(identities) => (None, ids(&identities)),
        Machine::Resource(id) => {
            let (identities, _) = world.identities_of(&id).unwrap_or_default();
            (Some(id.as_str().to_owned()), ids(&identities))
        }
    };
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost");
    let body = json!({
        "resource": resource,
        "identities": identities,
        "environment": { "IDENTITY_ENDPOINT": format!("http://{host}/msi/token"), "IDENTITY_HEADER": imds::identity_header(&world) },
    });
    Json(body).into_response()
}

pub(super) async fn set(Extension(world): Extension<Arc<World>>, body: Result<Json<Chosen>, JsonRejection>) -> Response {
    let form =
        r#"send {"resource": "<ARM id>"}, {"identities": ["<ARM id>", …]}, or {} for a machine with every assigned identity"#;
    let Json(chosen) = match body {
        Ok(body) => body,
        Err(rejection) => return problem(StatusCode::BAD_REQUEST, format!("{rejection}; {form}")),
    };
    let machine = match (chosen.resource, chosen.identities) {
        (Some(_), Some(_)) => return problem(StatusCode::BAD_REQUEST, format!("a machine is one or the other; {form}")),
        (Some(resource), None) => Machine::Resource(ResourceId::new(&resource)),
        (None, Some(identities)) => Machine::With(identities.iter().map(|id| ResourceId::new(id)).collect()),
        (None, None) => Machine::Any,
    };
    let absent = match &machine {
        Machine::Any => None,
        Machine::Resource(id) => world.identities_of(id).is_none().then(|| id.clone()),
        Machine::With(identities) => identities.iter().find(|id| world.principal_of_identity(id).is_none()).cloned(),
    };
    if let Some(id) = absent {
        return problem(
            StatusCode::BAD_REQUEST,
            format!("{id} does not exist here, or is no such thing; {form}", id = id.as_str()),
        );
    }
    world.imds.set_machine(machine);
    StatusCode::NO_CONTENT.into_response()
}
