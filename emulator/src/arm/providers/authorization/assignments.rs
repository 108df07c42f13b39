//! One role assignment: PUT, GET, DELETE.

use std::sync::Arc;

use axum::http::{Method, StatusCode};
use uuid::Uuid;

use super::super::super::error::{Error, Voice};
use super::super::super::headers::Answer;
use super::assignment_body::body;
use super::assignment_rules::{self as rules, name};
use super::{Request, bad, bare, ok, properties, text};
use crate::kernel::access::{AssignmentConflict, RoleAssignment};
use crate::kernel::resource_id::ResourceId;

/// The roles that let their holders give roles, of which a subscription keeps one: Owner and User Access Administrator.
const ADMINISTRATORS: [Uuid; 2] =
    [Uuid::from_u128(0x8e3af657_a8ff_443c_a75c_2fe8c4bcb635), Uuid::from_u128(0x18d7d88d_d35e_4fb5_a5c3_7773c20a72d9)];

pub(super) fn one(request: &Request<'_>) -> Result<Answer, Error> {
    match *request.method {
        Method::PUT => put(request),
        Method::DELETE => delete(request),
        _ => {
            let text = request.target.name();
            let assignment = Uuid::try_parse(text).ok().and_then(|name| found(request, name)).ok_or_else(|| {
                let id = text.replace('-', "");
                let message = format!("The role assignment '{id}' is not found.");
                Error::provider(StatusCode::NOT_FOUND, "RoleAssignmentNotFound", message)
            })?;
            Ok(ok(body(&assignment, &request.version, true)))
        }
    }
}

/// An assignment is found from its own scope and from every scope below it.
fn found(request: &Request<'_>, name: Uuid) -> Option<Arc<RoleAssignment>> {
    let access = request.access();
    access.assignment(name).filter(|assignment| access.is_within(&request.target.scope, &assignment.scope))
}

fn put(request: &Request<'_>) -> Result<Answer, Error> {
    let name = name(request)?;
    let scope = request.target.scope.clone();
    rules::scope_exists(request, &scope)?;
    let properties = properties(request)?;
    let role = rules::role(request, &scope, text(properties, "roleDefinitionId")?)?;
    let given = (text(properties, "principalId")?, text(properties, "principalType")?);
    let principal = rules::principal(request, given.0, given.1)?;
    let condition = rules::condition(text(properties, "condition")?, text(properties, "conditionVersion")?, &role)?;
    let description = rules::description(text(properties, "description")?)?;
    let assignment = RoleAssignment {
        description,
        condition,
        delegated_identity: text(properties, "delegatedManagedIdentityResourceId")?.map(str::to_owned),
        ..RoleAssignment::new(name, scope, role.id, principal, (request.caller.object_id, request.now))
    };
    match request.access().put_assignment(assignment) {
        Ok(stored) => {
            // The answer to a PUT says "now" and names no creator, also when it changes an old assignment.
            let shown = RoleAssignment { created_on: request.now, ..(*stored).clone() };
            Ok(Answer::json(Voice::Provider, StatusCode::CREATED, body(&shown, &request.version, false)))
        }
        Err(conflict) => Err(refused(conflict)),
    }
}

fn refused(conflict: AssignmentConflict) -> Error {
    match conflict {
        AssignmentConflict::Exists(other) => {
            let message =
                format!("The role assignment already exists. The ID of the existing role assignment is {}.", bare(other));
            Error::provider(StatusCode::CONFLICT, "RoleAssignmentExists", message)
        }
        AssignmentConflict::NameTaken => bad(
            "RoleAssignmentUpdateNotPermitted",
            "Tenant ID, application ID, principal ID, and scope are not allowed to be updated.",
        ),
        AssignmentConflict::LimitReached => bad("RoleAssignmentLimitExceeded", "No more role assignments can be created"),
    }
}

fn delete(request: &Request<'_>) -> Result<Answer, Error> {
    let name = name(request)?;
    let Some(assignment) = found(request, name) else {
        return Ok(Answer::empty(Voice::Provider, StatusCode::NO_CONTENT));
    };
    keep_an_administrator(request, &assignment)?;
    request.access().remove_assignment(name);
    Ok(ok(body(&assignment, &request.version, true)))
}

/// A subscription keeps one assignment of a role that can give roles (the code is inferred, and so is that only its own assignments
/// count). A Global Administrator may take the last one too.
fn keep_an_administrator(request: &Request<'_>, assignment: &RoleAssignment) -> Result<(), Error> {
    let scope = &assignment.scope;
    let at_subscription = scope.subscription().is_some_and(|id| *scope == ResourceId::of_subscription(id));
    let administers = |role: Uuid| ADMINISTRATORS.contains(&role);
    if !at_subscription || !administers(assignment.role) || rules::is_global_administrator(request) {
        return Ok(());
    }
    let others = request.access().assignments_at_or_above(scope);
    let other = |it: &&Arc<RoleAssignment>| it.scope == *scope && it.name != assignment.name && administers(it.role);
    if others.iter().any(|it| other(&it)) {
        return Ok(());
    }
    Err(bad("LastRbacAdminAssignmentNotDeletable", "Cannot delete the last RBAC admin assignment"))
}
