//! Role definitions, built in and custom.

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

use super::super::super::error::{Error, Voice};
use super::super::super::headers::Answer;
use super::definition_rules as rules;
use super::{Request, WITH_DATA_ACTIONS, bad, bare, definition_id, in_pages, ok};
use crate::kernel::access::{RoleDefinition, RoleKind};
use crate::kernel::clock::rfc3339_ticks;
use crate::kernel::resource_id::ResourceId;

pub(super) fn one(request: &Request<'_>) -> Result<Answer, Error> {
    let text = request.target.name();
    let id = Uuid::try_parse(text).ok();
    match *request.method {
        Method::PUT => put(request),
        Method::DELETE => delete(request, id),
        _ => {
            let role = id.and_then(|id| request.access().role(id));
            let role = role.filter(|role| visible(request, role, false)).ok_or_else(|| {
                let message = format!("The specified role definition with ID '{}' does not exist.", text.replace('-', ""));
                Error::provider(StatusCode::NOT_FOUND, "RoleDefinitionDoesNotExist", message)
            })?;
            Ok(ok(body(&role, request, false)))
        }
    }
}

/// Built-in roles are everywhere; a custom one is where it can be assigned, at the root, and with `below` also above that.
fn visible(request: &Request<'_>, role: &RoleDefinition, below: bool) -> bool {
    let scope = &request.target.scope;
    let access = request.access();
    role.kind == RoleKind::BuiltIn
        || scope.key() == "/"
        || role.assignable_scopes.iter().any(|assignable| {
            let assignable = ResourceId::new(assignable);
            access.is_within(scope, &assignable) || below && access.is_within(&assignable, scope)
        })
}

fn body(role: &RoleDefinition, request: &Request<'_>, just_made: bool) -> Value {
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
    json!({
        "properties": {
            "roleName": role.role_name,
            "type": if custom { "CustomRole" } else { "BuiltInRole" },
            "description": if custom && role.description.is_empty() { Value::Null } else { json!(role.description) },
            "assignableScopes": role.assignable_scopes,
            "permissions": permissions,
            "createdOn": rfc3339_ticks(role.created_on),
            "updatedOn": rfc3339_ticks(role.updated_on),
            "createdBy": role.created_by.filter(|_| !just_made),
            "updatedBy": role.updated_by,
        },
        "id": definition_id(&request.target.scope, role.id),
        "type": "Microsoft.Authorization/roleDefinitions",
        "name": role.id,
    })
}

/// What a list of definitions was asked to show.
#[derive(Debug, Default, PartialEq)]
struct Selection {
    below: bool,
    name: Option<String>,
    kind: Option<String>,
}

pub(super) fn list(request: &Request<'_>) -> Result<Answer, Error> {
    let selection = selection(request.query.filter().unwrap_or_default())?;
    let shown = |role: &RoleDefinition| {
        let kind = if role.kind == RoleKind::Custom { "customrole" } else { "builtinrole" };
        visible(request, role, selection.below)
            && selection.name.as_ref().is_none_or(|name| role.role_name.to_lowercase() == *name)
            && selection.kind.as_ref().is_none_or(|wanted| wanted == kind)
    };
    let roles = request.access().roles();
    let values = roles.iter().filter(|role| shown(role)).map(|role| body(role, request, false)).collect();
    in_pages(request, values)
}

/// `atScopeAndBelow()`, `roleName eq '…'`, `type eq '…'`, joined by `and` (the text of the refusal is inferred).
fn selection(filter: &str) -> Result<Selection, Error> {
    let mut selection = Selection::default();
    for part in parts(filter) {
        let lower = part.to_lowercase();
        let quoted = |prefix: &str| {
            let rest = lower.strip_prefix(prefix)?.trim().strip_prefix('\'')?.strip_suffix('\'')?;
            Some(rest.replace("''", "'"))
        };
        if lower == "atscopeandbelow()" {
            selection.below = true;
        } else if let Some(value) = quoted("rolename eq") {
            selection.name = Some(value);
        } else if let Some(value) = quoted("type eq") {
            selection.kind = Some(value);
        } else if lower != "atscope()" {
            let message = format!(
                "The filter '{part}' is not supported. Supported filters are 'atScopeAndBelow()', 'roleName eq '{{value}}'' and \
                 'type eq '{{value}}''."
            );
            return Err(bad("BadRequest", message));
        }
    }
    Ok(selection)
}

/// The parts of a filter between its `and`s, those within quotes left alone.
pub(super) fn parts(filter: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut begin = 0;
    let lower = filter.to_ascii_lowercase();
    for (position, _) in lower.match_indices(" and ") {
        let quotes = filter[begin..position].matches('\'').count();
        if quotes.is_multiple_of(2) {
            found.push(filter[begin..position].trim());
            begin = position + " and ".len();
        }
    }
    found.push(filter[begin..].trim());
    found.retain(|part| !part.is_empty());
    found
}

fn put(request: &Request<'_>) -> Result<Answer, Error> {
    let id = rules::name(request)?;
    let wanted = rules::wanted(request)?;
    let existing = request.access().role(id);
    rules::may_be_changed(existing.as_deref())?;
    rules::name_is_free(request, id, &wanted.role_name)?;
    rules::may_write(request, &wanted.assignable_scopes, existing.as_deref())?;
    rules::fits(request, existing.as_deref())?;
    let role = RoleDefinition {
        id,
        kind: RoleKind::Custom,
        created_on: existing.as_ref().map_or(request.now, |role| role.created_on),
        updated_on: request.now,
        created_by: existing.as_ref().map_or(Some(request.caller.object_id), |role| role.created_by),
        updated_by: Some(request.caller.object_id),
        role_name: wanted.role_name,
        description: wanted.description,
        permissions: wanted.permissions,
        assignable_scopes: wanted.assignable_scopes,
    };
    request.access().put_role(role.clone());
    Ok(Answer::json(Voice::Provider, StatusCode::CREATED, body(&role, request, existing.is_none())))
}

fn delete(request: &Request<'_>, id: Option<Uuid>) -> Result<Answer, Error> {
    let Some(role) = id.and_then(|id| request.access().role(id)) else {
        return Ok(Answer::empty(Voice::Provider, StatusCode::NO_CONTENT));
    };
    if role.kind == RoleKind::BuiltIn {
        return Err(bad("RoleDefinitionIsBuiltIn", format!("The role '{}' is built in and cannot be deleted.", bare(role.id))));
    }
    rules::may_write(request, &role.assignable_scopes, None)?;
    if request.access().is_assigned(role.id) {
        let message = "There are existing role assignments referencing role (code: RoleDefinitionHasAssignments)";
        return Err(bad("RoleDefinitionHasAssignments", message));
    }
    request.access().remove_role(role.id);
    Ok(ok(body(&role, request, false)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_falls_apart_outside_its_quotes() {
        assert_eq!(parts("atScopeAndBelow() AND type eq 'CustomRole'"), ["atScopeAndBelow()", "type eq 'CustomRole'"]);
        assert_eq!(parts("roleName eq 'this and that'"), ["roleName eq 'this and that'"]);
        assert_eq!(parts("roleName eq 'it''s and'' more' and atScope()"), ["roleName eq 'it''s and'' more'", "atScope()"]);
        assert!(parts("").is_empty());
        assert_eq!(parts(" and  and "), Vec::<&str>::new());
    }
}
