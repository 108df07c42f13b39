//! The caller's own permissions, and elevated access.
//! Source: the Authorization API's specification (`permissions`, `elevateAccess`).

use axum::http::StatusCode;
use serde_json::{Value, json};
use uuid::Uuid;

use super::super::super::error::{self, Error, Voice};
use super::super::super::headers::Answer;
use super::{Request, assignment_rules, ok};
use crate::kernel::access::RoleAssignment;
use crate::kernel::condition::VERSION;
use crate::kernel::resource_id::ResourceId;

const USER_ACCESS_ADMINISTRATOR: Uuid = Uuid::from_u128(0x18d7d88d_d35e_4fb5_a5c3_7773c20a72d9);
const ELEVATE: &str = "Microsoft.Authorization/elevateAccess/action";

/// One entry for each assignment of the caller that counts at the scope.
pub(super) fn list(request: &Request<'_>) -> Answer {
    let scope = &request.target.scope;
    let mut values: Vec<Value> = Vec::new();
    for (assignment, role) in request.access().effective(&request.caller, scope) {
        for permission in &role.permissions {
            let mut shown = json!(permission);
            if let Some(condition) = &assignment.condition {
                shown["condition"] = json!(condition.text());
                shown["conditionVersion"] = json!(VERSION);
            }
            values.push(shown);
        }
    }
    ok(json!({ "value": values }))
}

/// Gives a Global Administrator User Access Administrator at the root; it is no right of Azure RBAC, so that nobody else gets it
/// by a role (the refusal's scope is inferred).
pub(super) fn elevate(request: &Request<'_>) -> Result<Answer, Error> {
    let caller = &request.caller;
    if !assignment_rules::is_global_administrator(request) {
        return Err(error::authorization_failed(&caller.label, caller.object_id, ELEVATE, "/"));
    }
    let name = request.world.ids.named(&format!("elevated access of {}", caller.object_id));
    let to = (caller.object_id, caller.kind);
    let by = (caller.object_id, request.now);
    // Who has it already keeps it.
    let _ = request.access().put_assignment(RoleAssignment::new(name, ResourceId::root(), USER_ACCESS_ADMINISTRATOR, to, by));
    Ok(Answer::empty(Voice::Provider, StatusCode::OK))
}
