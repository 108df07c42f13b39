//! Role definitions, built in and custom.

use std::sync::Arc;

use axum::http::{Method, StatusCode};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::super::super::error::{self, Error, Voice};
use super::super::super::headers::Answer;
use super::{Request, WITH_DATA_ACTIONS, bad, bare, definition_id, ok};
use crate::kernel::access::{Permission, RoleDefinition, RoleKind};
use crate::kernel::clock::rfc3339_ticks;
use crate::kernel::resource_id::ResourceId;

pub(super) fn one(request: &Request<'_>) -> Result<Answer, Error> {
    let text = request.target.name();
    let unknown = || {
        let message = format!("The specified role definition with ID '{}' does not exist.", text.replace('-', ""));
        Error::provider(StatusCode::NOT_FOUND, "RoleDefinitionDoesNotExist", message)
    };
    let id = Uuid::try_parse(text).ok();
    match *request.method {
        Method::PUT => put(request, id.ok_or_else(error::bad_request_format)?),
        Method::DELETE => delete(request, id),
        _ => {
            let role = id.and_then(|id| request.access().role(id)).filter(|role| visible(role, &request.target.scope, false));
            let role = role.ok_or_else(unknown)?;
            Ok(ok(body(&role, request)))
        }
    }
}

/// Built-in roles are everywhere; a custom one is where it can be assigned, and with `below` also above that.
fn visible(role: &RoleDefinition, scope: &ResourceId, below: bool) -> bool {
    role.kind == RoleKind::BuiltIn
        || role.assignable_scopes.iter().any(|assignable| {
            let assignable = ResourceId::new(assignable);
            scope.is_within(&assignable) || (below || scope.key() == "/") && assignable.is_within(scope)
        })
}

fn body(role: &RoleDefinition, request: &Request<'_>) -> Value {
    shown(role, request, false)
}

fn shown(role: &RoleDefinition, request: &Request<'_>, just_made: bool) -> Value {
    let permissions: Vec<Value> = role
        .permissions
        .iter()
        .map(|entry| {
            let mut entry = json!(entry);
            if request.version.as_str() < WITH_DATA_ACTIONS
                && let Some(entry) = entry.as_object_mut()
            {
                entry.shift_remove("dataActions");
                entry.shift_remove("notDataActions");
            }
            entry
        })
        .collect();
    let custom = role.kind == RoleKind::Custom;
    let by = |known: bool| if custom && known { json!(request.caller.object_id) } else { Value::Null };
    json!({
        "properties": {
            "roleName": role.role_name,
            "type": if custom { "CustomRole" } else { "BuiltInRole" },
            "description": if custom && role.description.is_empty() { Value::Null } else { json!(role.description) },
            "assignableScopes": role.assignable_scopes,
            "permissions": permissions,
            "createdOn": rfc3339_ticks(role.created_on),
            "updatedOn": rfc3339_ticks(role.updated_on),
            "createdBy": by(!just_made),
            "updatedBy": by(true),
        },
        "id": definition_id(&request.target.scope, role.id),
        "type": "Microsoft.Authorization/roleDefinitions",
        "name": role.id,
    })
}

pub(super) fn list(request: &Request<'_>) -> Result<Answer, Error> {
    let mut below = false;
    let (mut name, mut kind) = (None, None);
    for part in request.query.filter().into_iter().flat_map(|text| split_and(text)) {
        let lower = part.to_ascii_lowercase();
        let quoted = |prefix: &str| {
            let rest = lower.strip_prefix(prefix)?.trim().strip_prefix('\'')?.strip_suffix('\'')?;
            Some(rest.replace("''", "'"))
        };
        if lower == "atscopeandbelow()" {
            below = true;
        } else if let Some(value) = quoted("rolename eq") {
            name = Some(value);
        } else if let Some(value) = quoted("type eq") {
            kind = Some(value);
        } else if lower != "atscope()" {
            let message = format!(
                "The filter '{part}' is not supported. Supported filters are 'atScopeAndBelow()', 'roleName eq '{{value}}'' and \
                 'type eq '{{value}}''."
            );
            return Err(bad("BadRequest", message));
        }
    }
    let roles = request.access().roles();
    let values: Vec<Value> = roles
        .iter()
        .filter(|role| visible(role, &request.target.scope, below))
        .filter(|role| name.as_ref().is_none_or(|name| role.role_name.to_lowercase() == *name))
        .filter(|role| match kind.as_deref() {
            Some("builtinrole") => role.kind == RoleKind::BuiltIn,
            Some("customrole") => role.kind == RoleKind::Custom,
            _ => true,
        })
        .map(|role| body(role, request))
        .collect();
    Ok(ok(json!({ "value": values })))
}

/// The parts of a filter between its `and`s; none lies in a quoted text, since no role's name is asked for with one here.
fn split_and(text: &str) -> Vec<&str> {
    if text.to_ascii_lowercase().contains("atscope") || text.to_ascii_lowercase().starts_with("type") {
        text.split(" and ").map(str::trim).collect()
    } else {
        vec![text.trim()]
    }
}

fn put(request: &Request<'_>, id: Uuid) -> Result<Answer, Error> {
    let properties = request.body.get("properties").and_then(Value::as_object).ok_or_else(error::bad_request_format)?;
    let role_name = properties.get("roleName").and_then(Value::as_str).filter(|name| !name.is_empty());
    let role_name = role_name.ok_or_else(error::bad_request_format)?;
    let scopes = texts(properties, "assignableScopes")?;
    if scopes.is_empty() || scopes.iter().any(|scope| scope == "/") {
        return Err(error::bad_request_format());
    }
    let permissions = properties.get("permissions").and_then(Value::as_array).ok_or_else(error::bad_request_format)?;
    let permissions = permissions.iter().map(permission).collect::<Result<Vec<_>, _>>()?;
    let existing = request.access().role(id);
    if existing.as_ref().is_some_and(|role| role.kind == RoleKind::BuiltIn) {
        return Err(bad("RoleDefinitionIsBuiltIn", format!("The role '{}' is built in and cannot be changed.", bare(id))));
    }
    let same_name = |role: &Arc<RoleDefinition>| role.id != id && role.role_name.eq_ignore_ascii_case(role_name);
    if request.access().roles().iter().any(same_name) {
        let message = "A role definition cannot be updated with a name that already exists.";
        return Err(Error::provider(StatusCode::CONFLICT, "RoleDefinitionWithSameNameExists", message));
    }
    let refused: Vec<String> =
        scopes.iter().filter(|scope| !request.may(&request.action, &ResourceId::new(scope))).cloned().collect();
    if !refused.is_empty() {
        let (caller, scope) = (&request.caller, request.target.scope.as_str());
        let action = request.action.as_str();
        return Err(error::linked_authorization_failed(&caller.label, caller.object_id, (action, scope), (action, &refused)));
    }
    let role = RoleDefinition {
        id,
        role_name: role_name.to_owned(),
        description: properties.get("description").and_then(Value::as_str).unwrap_or_default().to_owned(),
        kind: RoleKind::Custom,
        permissions,
        assignable_scopes: scopes,
        created_on: existing.as_ref().map_or(request.now, |role| role.created_on),
        updated_on: request.now,
        created_by: Some(existing.as_ref().and_then(|role| role.created_by).unwrap_or(request.caller.object_id)),
        updated_by: Some(request.caller.object_id),
    };
    request.access().put_role(role.clone());
    Ok(Answer::json(Voice::Provider, StatusCode::CREATED, shown(&role, request, existing.is_none())))
}

fn texts(object: &Map<String, Value>, key: &str) -> Result<Vec<String>, Error> {
    match object.get(key) {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(values)) => {
            values.iter().map(|value| value.as_str().map(str::to_owned).ok_or_else(error::bad_request_format)).collect()
        }
        Some(_) => Err(error::bad_request_format()),
    }
}

fn permission(value: &Value) -> Result<Permission, Error> {
    let object = value.as_object().ok_or_else(error::bad_request_format)?;
    Ok(Permission {
        actions: texts(object, "actions")?,
        not_actions: texts(object, "notActions")?,
        data_actions: texts(object, "dataActions")?,
        not_data_actions: texts(object, "notDataActions")?,
    })
}

fn delete(request: &Request<'_>, id: Option<Uuid>) -> Result<Answer, Error> {
    let Some(role) = id.and_then(|id| request.access().role(id)) else {
        return Ok(Answer::empty(Voice::Provider, StatusCode::NO_CONTENT));
    };
    if role.kind == RoleKind::BuiltIn {
        return Err(bad("RoleDefinitionIsBuiltIn", format!("The role '{}' is built in and cannot be deleted.", bare(role.id))));
    }
    let root = ResourceId::root();
    let mut assigned = request.access().assignments_at_or_above(&root);
    assigned.extend(request.access().assignments_below(&root));
    if assigned.iter().any(|assignment| assignment.role == role.id) {
        let message = "There are existing role assignments referencing role (code: RoleDefinitionHasAssignments)";
        return Err(bad("RoleDefinitionHasAssignments", message));
    }
    request.access().remove_role(role.id);
    Ok(ok(body(&role, request)))
}
