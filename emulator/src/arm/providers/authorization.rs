//! Microsoft.Authorization: role assignments and role definitions at every scope, and the caller's own permissions.
//! Source: the Authorization API's specification (2015-07-01 to 2022-05-01-preview), Azure RBAC's documentation, messages that
//! users have reported; inferred ones are marked.

mod assignments;
mod definitions;
pub(in super::super) mod locks;

use axum::http::StatusCode;
use serde_json::{Value, json};
use uuid::Uuid;

use super::super::Request;
use super::super::error::{Error, Voice};
use super::super::headers::Answer;
use super::unimplemented;
use crate::kernel::resource_id::ResourceId;

/// The first version that shows data actions and can assign roles with them.
const WITH_DATA_ACTIONS: &str = "2018-01-01-preview";

pub(super) fn answer(request: &Request<'_>) -> Result<Answer, Error> {
    match (request.known.kind.name.as_str(), request.target.is_item()) {
        ("roleAssignments", true) => assignments::one(request),
        ("roleAssignments", false) => assignments::list(request),
        ("roleDefinitions", true) => definitions::one(request),
        ("roleDefinitions", false) => definitions::list(request),
        ("locks", true) => locks::one(request),
        ("locks", false) => locks::list(request),
        ("permissions", _) => Ok(permissions(request)),
        _ => Err(unimplemented(request)),
    }
}

fn bad(code: &'static str, message: impl Into<String>) -> Error {
    Error::provider(StatusCode::BAD_REQUEST, code, message)
}

fn ok(body: Value) -> Answer {
    Answer::json(Voice::Provider, StatusCode::OK, body)
}

/// The id of a role definition as seen from a scope: in a subscription it begins with the subscription, elsewhere with nothing.
fn definition_id(scope: &ResourceId, role: Uuid) -> String {
    let prefix = scope.subscription().map(|id| format!("/subscriptions/{id}")).unwrap_or_default();
    format!("{prefix}/providers/Microsoft.Authorization/roleDefinitions/{role}")
}

/// A GUID as the provider's messages write it: without dashes.
fn bare(id: Uuid) -> String {
    id.simple().to_string()
}

/// One entry per assignment of the caller that counts at the scope.
fn permissions(request: &Request<'_>) -> Answer {
    let scope = &request.target.scope;
    let held = request.access().assignments_at_or_above(scope);
    let own = held.iter().filter(|assignment| request.caller.identities().any(|identity| identity == assignment.principal_id));
    let roles = own.filter_map(|assignment| request.access().role(assignment.role));
    let values: Vec<Value> =
        roles.flat_map(|role| role.permissions.iter().map(|entry| json!(entry)).collect::<Vec<_>>()).collect();
    ok(json!({ "value": values }))
}
