//! What a custom role must be: its name, its actions, its scopes.
//! Source: Azure RBAC's documentation of custom roles and its troubleshooting page, messages that users have reported. Codes and
//! texts of breached limits are inferred where the documentation only names the limit.

use axum::http::StatusCode;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::super::super::catalog;
use super::super::super::error::{self, Error};
use super::operations;
use super::{Request, bad, bare, properties, text, texts};
use crate::kernel::access::{Permission, RoleDefinition, RoleKind};
use crate::kernel::resource_id::ResourceId;

const NAME_AT_MOST: usize = 512;
const DESCRIPTION_AT_MOST: usize = 2048;
const SCOPES_AT_MOST: usize = 2000;
const ROLES_AT_MOST: usize = 5000;

/// A custom role as a body describes it.
pub(super) struct Wanted {
    pub role_name: String,
    pub description: String,
    pub permissions: Vec<Permission>,
    pub assignable_scopes: Vec<String>,
}

/// The name in the URL: a GUID (the refusal is inferred from that of role assignments).
pub(super) fn name(request: &Request<'_>) -> Result<Uuid, Error> {
    let text = request.target.name();
    Uuid::try_parse(text).map_err(|_| {
        bad(
            "InvalidRoleDefinitionId",
            format!("The role definition ID '{text}' is not valid. The role definition ID must be a GUID."),
        )
    })
}

/// Reads the body and judges all of it that needs no one else.
pub(super) fn wanted(request: &Request<'_>) -> Result<Wanted, Error> {
    let properties = properties(request)?;
    let role_name = text(properties, "roleName")?.filter(|name| !name.trim().is_empty()).ok_or_else(error::bad_request_format)?;
    let description = text(properties, "description")?.unwrap_or_default();
    let kind = text(properties, "type")?.or(text(properties, "roleType")?);
    if kind.is_some_and(|kind| !kind.eq_ignore_ascii_case("CustomRole")) {
        return Err(error::bad_request_format());
    }
    at_most("RoleDefinitionNameTooLong", "role name", role_name.chars().count(), NAME_AT_MOST)?;
    at_most("RoleDefinitionDescriptionTooLong", "role description", description.chars().count(), DESCRIPTION_AT_MOST)?;
    let entries = properties.get("permissions").and_then(Value::as_array).ok_or_else(error::bad_request_format)?;
    let permissions = entries.iter().map(permission).collect::<Result<Vec<_>, _>>()?;
    let assignable_scopes = texts(properties, "assignableScopes")?;
    scopes(request, &assignable_scopes)?;
    for permission in &permissions {
        operations::known(permission).map_err(|message| bad("InvalidActionOrNotAction", message))?;
    }
    Ok(Wanted { role_name: role_name.to_owned(), description: description.to_owned(), permissions, assignable_scopes })
}

fn at_most(code: &'static str, what: &str, length: usize, limit: usize) -> Result<(), Error> {
    if length <= limit {
        return Ok(());
    }
    Err(bad(code, format!("The {what} has a length of '{length}', which exceeds the maximum of '{limit}'.")))
}

fn permission(value: &Value) -> Result<Permission, Error> {
    let object: &Map<String, Value> = value.as_object().ok_or_else(error::bad_request_format)?;
    Ok(Permission {
        actions: texts(object, "actions")?,
        not_actions: texts(object, "notActions")?,
        data_actions: texts(object, "dataActions")?,
        not_data_actions: texts(object, "notDataActions")?,
    })
}

/// Subscriptions, groups, resources and one management group; never the root, never a wildcard.
fn scopes(request: &Request<'_>, scopes: &[String]) -> Result<(), Error> {
    if scopes.is_empty() {
        return Err(error::bad_request_format());
    }
    at_most("TooManyAssignableScopes", "list of assignable scopes", scopes.len(), SCOPES_AT_MOST)?;
    if scopes.iter().any(|scope| scope.contains('*')) {
        let resources = catalog::provider("Microsoft.Resources");
        let versions = resources.and_then(|provider| Some(provider.versions(provider.types.first()?)));
        return Err(error::invalid_api_version(&request.version, versions.unwrap_or_default()));
    }
    let parsed: Vec<ResourceId> = scopes.iter().map(|scope| ResourceId::new(scope)).collect();
    let well_formed = |scope: &ResourceId| scope.subscription().is_some() || scope.is_management_group();
    if scopes.iter().any(|scope| !scope.starts_with('/')) || !parsed.iter().all(well_formed) {
        return Err(error::bad_request_format());
    }
    if parsed.iter().filter(|scope| scope.is_management_group()).count() > 1 {
        let message = "Only one management group can be an assignable scope of a custom role.";
        return Err(bad("TooManyManagementGroupScopes", message));
    }
    Ok(())
}

/// A built-in role cannot be changed (the refusal is inferred).
pub(super) fn may_be_changed(existing: Option<&RoleDefinition>) -> Result<(), Error> {
    match existing {
        Some(role) if role.kind == RoleKind::BuiltIn => {
            Err(bad("RoleDefinitionIsBuiltIn", format!("The role '{}' is built in and cannot be changed.", bare(role.id))))
        }
        _ => Ok(()),
    }
}

/// A name is one role's in the whole tenant.
pub(super) fn name_is_free(request: &Request<'_>, id: Uuid, name: &str) -> Result<(), Error> {
    if request.access().role_by_name(name).is_none_or(|role| role.id == id) {
        return Ok(());
    }
    let message = "A role definition cannot be updated with a name that already exists.";
    Err(Error::provider(StatusCode::CONFLICT, "RoleDefinitionWithSameNameExists", message))
}

/// A tenant holds so many custom roles (the text is Microsoft's documented one).
pub(super) fn fits(request: &Request<'_>, existing: Option<&RoleDefinition>) -> Result<(), Error> {
    if existing.is_some() || request.access().custom_roles().len() < ROLES_AT_MOST {
        return Ok(());
    }
    Err(bad("RoleDefinitionLimitExceeded", "Role definition limit exceeded. No more role definitions can be created."))
}

/// The same right is needed at every assignable scope, those that the role has had included. A management group need not exist.
pub(super) fn may_write(request: &Request<'_>, scopes: &[String], existing: Option<&RoleDefinition>) -> Result<(), Error> {
    let access = request.access();
    let absent = |id: &ResourceId| id.is_management_group() && access.management_group(id.name()).is_none();
    let before = existing.into_iter().flat_map(|role| &role.assignable_scopes);
    let all = scopes.iter().chain(before.filter(|scope| !scopes.contains(scope)));
    let judged: Vec<ResourceId> = all.map(|scope| ResourceId::new(scope)).filter(|id| !absent(id)).collect();
    request.linked(&request.action, &judged)
}
