//! Role assignments.

use std::sync::Arc;

use axum::http::{Method, StatusCode};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::super::super::catalog;
use super::super::super::error::{self, Error, Voice};
use super::super::super::headers::Answer;
use super::{Request, WITH_DATA_ACTIONS, bad, bare, definition_id, ok};
use crate::kernel::access::{AssignmentConflict, RoleAssignment};
use crate::kernel::clock::rfc3339_ticks;
use crate::kernel::principal::PrincipalKind;
use crate::kernel::resource_id::ResourceId;

/// The first version that knows conditions and descriptions.
const WITH_CONDITIONS: &str = "2020-03-01-preview";
/// The first version that tells what kind of principal it is.
const WITH_PRINCIPAL_TYPE: &str = "2018-01-01-preview";

pub(super) fn one(request: &Request<'_>) -> Result<Answer, Error> {
    match *request.method {
        Method::PUT => put(request),
        Method::DELETE => {
            let name = name(request)?;
            Ok(match found(request, name).and_then(|_| request.access().remove_assignment(name)) {
                Some(assignment) => ok(body(&assignment, &request.version, true)),
                None => Answer::empty(Voice::Provider, StatusCode::NO_CONTENT),
            })
        }
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

fn name(request: &Request<'_>) -> Result<Uuid, Error> {
    let text = request.target.name();
    Uuid::try_parse(text).map_err(|_| {
        bad(
            "InvalidRoleAssignmentId",
            format!("The role assignment ID '{text}' is not valid. The role assignment ID must be a GUID."),
        )
    })
}

/// An assignment is found from its own scope and from every scope below it.
fn found(request: &Request<'_>, name: Uuid) -> Option<Arc<RoleAssignment>> {
    request.access().assignment(name).filter(|assignment| request.target.scope.is_within(&assignment.scope))
}

fn put(request: &Request<'_>) -> Result<Answer, Error> {
    let name = name(request)?;
    let scope = request.target.scope.clone();
    scope_exists(request, &scope)?;
    let properties = request.body.get("properties").and_then(Value::as_object).ok_or_else(error::bad_request_format)?;
    let text = |key: &str| match properties.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.as_str())),
        Some(_) => Err(error::bad_request_format()),
    };
    let definition = text("roleDefinitionId")?.ok_or_else(error::bad_request_format)?;
    let role = role(request, definition)?;
    let (principal_id, principal_kind) = principal(request, text("principalId")?, text("principalType")?)?;
    if text("condition")?.is_some_and(|condition| !condition.is_empty()) {
        return Err(error::not_implemented("conditions of role assignments"));
    }
    let caller = request.caller.object_id;
    let assignment = RoleAssignment {
        description: text("description")?.map(str::to_owned),
        ..RoleAssignment::new(name, scope, role, (principal_id, principal_kind), (caller, request.now))
    };
    match request.access().put_assignment(assignment) {
        Ok(stored) => {
            // The answer to a PUT says "now" and names no creator, also when it changes an old assignment.
            let shown = RoleAssignment { created_on: request.now, ..(*stored).clone() };
            Ok(Answer::json(Voice::Provider, StatusCode::CREATED, body(&shown, &request.version, false)))
        }
        Err(AssignmentConflict::Exists(other)) => {
            let message =
                format!("The role assignment already exists. The ID of the existing role assignment is {}.", bare(other));
            Err(Error::provider(StatusCode::CONFLICT, "RoleAssignmentExists", message))
        }
        Err(AssignmentConflict::LimitReached) => {
            Err(bad("RoleAssignmentLimitExceeded", "No more role assignments can be created"))
        }
        Err(AssignmentConflict::NameTaken) => Err(bad(
            "RoleAssignmentUpdateNotPermitted",
            "Tenant ID, application ID, principal ID, and scope are not allowed to be updated.",
        )),
    }
}

/// A resource of a type that is served here must exist to be a scope (inferred); others are taken on trust.
fn scope_exists(request: &Request<'_>, scope: &ResourceId) -> Result<(), Error> {
    let served = scope.key().contains("/providers/")
        && scope.resource_type().is_some_and(|full| {
            let (namespace, kind) = full.split_once('/').unwrap_or((&full, ""));
            catalog::provider(namespace)
                .is_some_and(|provider| provider.types.iter().any(|known| known.tracked && known.name.eq_ignore_ascii_case(kind)))
        });
    if served && request.world.arm.resource(scope).is_none() {
        return Err(error::resource_not_found(scope));
    }
    Ok(())
}

/// The role that a definition's id names, in its long or short form; a bare GUID is malformed.
fn role(request: &Request<'_>, definition: &str) -> Result<Uuid, Error> {
    let id = ResourceId::new(definition);
    let qualified = definition.starts_with('/')
        && id.resource_type().is_some_and(|kind| kind.eq_ignore_ascii_case("Microsoft.Authorization/roleDefinitions"));
    let role = Uuid::try_parse(id.name()).ok().filter(|_| qualified).ok_or_else(error::bad_request_format)?;
    let found = request.access().role(role).ok_or_else(|| {
        bad("RoleDefinitionDoesNotExist", format!("The specified role definition with ID '{}' does not exist.", bare(role)))
    })?;
    let data = found.permissions.iter().any(|entry| !entry.data_actions.is_empty() || !entry.not_data_actions.is_empty());
    if data && request.version.as_str() < WITH_DATA_ACTIONS {
        return Err(bad(
            "UnsupportedApiVersionForRoleDefinitionHasDataActions",
            format!(
                "Assignments to roles with DataActions and NotDataActions are not supported on API version '{}'. The minimum required API \
                 version for this operations is '{WITH_DATA_ACTIONS}'.",
                request.version
            ),
        ));
    }
    Ok(role)
}

/// The principal: it must be in the directory, unless its kind is named, which also says that it may not be there yet.
fn principal(request: &Request<'_>, id: Option<&str>, kind: Option<&str>) -> Result<(Uuid, PrincipalKind), Error> {
    let text = id.ok_or_else(error::bad_request_format)?;
    let id = Uuid::try_parse(text).map_err(|_| {
        bad("InvalidPrincipalId", format!("The Principal ID '{text}' is not valid. Principal ID must be a GUID."))
    })?;
    let known = request.world.directory.principal(id).map(|principal| principal.principal_kind());
    let given = kind.filter(|kind| !kind.is_empty()).map(kind_of).transpose()?;
    match (known, given) {
        (Some(known), Some(given)) if known != given => Err(bad(
            "UnmatchedPrincipalType",
            format!(
                "The PrincipalId '{}' has type '{}' , which is different from specified PrinciaplType '{}'.",
                bare(id),
                known.as_str(),
                given.as_str()
            ),
        )),
        (Some(known), _) => Ok((id, known)),
        (None, Some(given)) => Ok((id, given)),
        (None, None) => Err(bad(
            "PrincipalNotFound",
            format!(
                "Principal {} does not exist in the directory {}. Check that you have the correct principal ID. If you are creating this \
                 principal and then immediately assigning a role, this error might be related to a replication delay. In this case, set \
                 the role assignment principalType property to a value, such as ServicePrincipal, User, or Group.  See \
                 https://aka.ms/docs-principaltype",
                bare(id),
                request.world.directory.tenant.id
            ),
        )),
    }
}

fn kind_of(text: &str) -> Result<PrincipalKind, Error> {
    let kinds = [PrincipalKind::User, PrincipalKind::Group, PrincipalKind::ServicePrincipal];
    match kinds.into_iter().find(|kind| kind.as_str().eq_ignore_ascii_case(text)) {
        Some(kind) => Ok(kind),
        None if ["foreigngroup", "device"].contains(&text.to_ascii_lowercase().as_str()) => {
            Err(error::not_implemented(&format!("role assignments to the principal type {text}")))
        }
        None => Err(error::bad_request_format()),
    }
}

fn body(assignment: &RoleAssignment, version: &str, with_creator: bool) -> Value {
    let mut properties = Map::new();
    properties.insert("roleDefinitionId".into(), json!(definition_id(&assignment.scope, assignment.role)));
    properties.insert("principalId".into(), json!(assignment.principal_id));
    if version >= WITH_PRINCIPAL_TYPE {
        properties.insert("principalType".into(), json!(assignment.principal_kind.as_str()));
    }
    properties.insert("scope".into(), json!(assignment.scope.as_str()));
    if version >= WITH_CONDITIONS {
        properties.insert("condition".into(), Value::Null);
        properties.insert("conditionVersion".into(), Value::Null);
    }
    properties.insert("createdOn".into(), json!(rfc3339_ticks(assignment.created_on)));
    properties.insert("updatedOn".into(), json!(rfc3339_ticks(assignment.updated_on)));
    properties.insert("createdBy".into(), if with_creator { json!(assignment.created_by) } else { Value::Null });
    properties.insert("updatedBy".into(), json!(assignment.updated_by));
    if version >= WITH_CONDITIONS {
        properties.insert("delegatedManagedIdentityResourceId".into(), Value::Null);
        properties.insert("description".into(), json!(assignment.description));
    }
    let scope = assignment.scope.as_str().trim_end_matches('/');
    json!({
        "properties": properties,
        "id": format!("{scope}/providers/Microsoft.Authorization/roleAssignments/{}", assignment.name),
        "type": "Microsoft.Authorization/roleAssignments",
        "name": assignment.name,
    })
}

/// What a list was asked to show.
enum Selection {
    All,
    AtScope,
    Principal(Uuid),
    AssignedTo { principal: Uuid, below: bool },
}

pub(super) fn list(request: &Request<'_>) -> Result<Answer, Error> {
    let scope = &request.target.scope;
    let selection = match request.query.filter() {
        None => Selection::All,
        Some(text) => selection(text).ok_or_else(|| {
            bad(
                "BadRequest",
                format!(
                    "The filter '{text}' is not supported. Supported filters are either 'atScope()' or 'principalId eq '{{value}}' or \
                     assignedTo('{{value}}')'."
                ),
            )
        })?,
    };
    let mut rows = request.access().assignments_at_or_above(scope);
    if !matches!(selection, Selection::AtScope | Selection::AssignedTo { below: false, .. }) {
        rows.extend(request.access().assignments_below(scope));
    }
    let wanted: Option<Vec<Uuid>> = match selection {
        Selection::All | Selection::AtScope => None,
        Selection::Principal(principal) => Some(vec![principal]),
        Selection::AssignedTo { principal, .. } => {
            let groups = request.world.directory.groups_of(principal);
            Some(std::iter::once(principal).chain(groups).collect())
        }
    };
    let shown = rows.iter().filter(|row| wanted.as_ref().is_none_or(|wanted| wanted.contains(&row.principal_id)));
    let values: Vec<Value> = shown.map(|row| body(row, &request.version, true)).collect();
    Ok(ok(json!({ "value": values })))
}

/// `atScope()`, `principalId eq '…'`, `assignedTo('…')`, and the first with the last.
fn selection(text: &str) -> Option<Selection> {
    let plain: String = text.split_whitespace().collect::<Vec<_>>().join(" ").to_ascii_lowercase();
    let quoted = |text: &str| Uuid::try_parse(text.strip_prefix('\'')?.strip_suffix('\'')?).ok();
    let assigned = |text: &str| quoted(text.strip_prefix("assignedto(")?.strip_suffix(')')?);
    if plain == "atscope()" {
        return Some(Selection::AtScope);
    }
    if let Some(principal) = plain.strip_prefix("principalid eq ").and_then(quoted) {
        return Some(Selection::Principal(principal));
    }
    match plain.split_once(" and ") {
        Some(("atscope()", rest)) | Some((rest, "atscope()")) => {
            Some(Selection::AssignedTo { principal: assigned(rest)?, below: false })
        }
        Some(_) => None,
        None => Some(Selection::AssignedTo { principal: assigned(&plain)?, below: true }),
    }
}
