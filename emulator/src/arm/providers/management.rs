//! Microsoft.Management: management groups and the subscriptions in them.
//! Source: the Management Groups API's specification of 2020-05-01 and 2023-04-01, Azure's documentation of management groups (one
//! root named by the tenant's id, six levels below it, who may create, move and delete). Inferred: the codes of refusals that the
//! documentation only describes; a PUT is done at once, as the specification allows.

mod entities;
mod groups;
mod subscriptions;

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use super::super::Request;
use super::super::error::{Error, Voice};
use super::super::headers::Answer;
use super::unimplemented;
use crate::kernel::access::ManagementGroup;
use crate::kernel::resource_id::ResourceId;

const GROUP_TYPE: &str = "Microsoft.Management/managementGroups";
const READ: &str = "Microsoft.Management/managementGroups/read";
const WRITE: &str = "Microsoft.Management/managementGroups/write";
const DELETE: &str = "Microsoft.Management/managementGroups/delete";

pub(super) fn answer(request: &Request<'_>) -> Result<Answer, Error> {
    match (request.known.kind.name.as_str(), request.target.is_item(), request.method) {
        ("managementGroups", false, _) => Ok(groups::list(request)),
        ("managementGroups", true, &Method::GET) => groups::get(request),
        ("managementGroups", true, &Method::PUT) => groups::put(request),
        ("managementGroups", true, &Method::PATCH) => groups::patch(request),
        ("managementGroups", true, &Method::DELETE) => groups::delete(request),
        ("managementGroups/descendants", ..) => entities::descendants(request),
        ("managementGroups/subscriptions", false, _) => subscriptions::list(request),
        ("managementGroups/subscriptions", true, _) => subscriptions::one(request),
        ("getEntities", ..) => Ok(entities::all(request)),
        ("checkNameAvailability", ..) => groups::check_name(request),
        ("operationResults/managementGroups", ..) => Ok(groups::deleted(request)),
        _ => Err(unimplemented(request)),
    }
}

fn ok(body: Value) -> Answer {
    Answer::json(Voice::Provider, StatusCode::OK, body)
}

fn bad(message: impl Into<String>) -> Error {
    Error::provider(StatusCode::BAD_REQUEST, "BadRequest", message)
}

/// A management group that is not there.
pub(super) fn not_found(id: &ResourceId) -> Error {
    Error::provider(StatusCode::NOT_FOUND, "NotFound", format!("'{id}' not found"))
}

/// The group that the target names first.
fn group(request: &Request<'_>) -> Result<std::sync::Arc<ManagementGroup>, Error> {
    let name = request.target.names.first().map_or("", String::as_str);
    request.access().management_group(name).ok_or_else(|| not_found(&group_id(request)))
}

/// The id of the group that the target names first, whether or not there is one.
fn group_id(request: &Request<'_>) -> ResourceId {
    let name = request.target.names.first().map_or("", String::as_str);
    crate::kernel::access::hierarchy::id_of(name)
}

/// A group or subscription as another one's parent.
fn as_parent(group: &ManagementGroup) -> Value {
    json!({ "id": group.id().as_str(), "name": group.name, "displayName": group.display_name })
}
