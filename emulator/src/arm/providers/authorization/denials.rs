//! Deny assignments.
//! Source: the Authorization API's specification of 2022-04-01 for their shape and lists; azure-cli's notes on 2024-07-01-preview,
//! since which people can make them: for users and service principals, or for everyone with somebody excluded. The codes of their
//! refusals are inferred, but for `DenyAssignmentExists`.

use std::sync::Arc;

use axum::http::{Method, StatusCode};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::super::super::error::{self, Error, Voice};
use super::super::super::headers::Answer;
use super::definitions::parts;
use super::{Request, bad, bare, in_pages, object_id, ok, properties, text, texts};
use crate::kernel::access::{DenyAssignment, DenyPrincipal, Permission};
use crate::kernel::clock::rfc3339_ticks;
use crate::kernel::condition::{Condition, VERSION};
use crate::kernel::resource_id::ResourceId;
use crate::world::World;

/// The version in which denials can be made.
const WITH_WRITES: &str = "2024-07-01-preview";

pub(super) fn one(request: &Request<'_>) -> Result<Answer, Error> {
    let writes = *request.method != Method::GET;
    if writes && request.version != WITH_WRITES {
        return Err(error::method_not_supported(request.method.as_str()));
    }
    let text = request.target.name();
    let name = Uuid::try_parse(text).ok();
    let access = request.access();
    let found = name.and_then(|name| access.denial(name)).filter(|it| access.is_within(&request.target.scope, &it.scope));
    match *request.method {
        Method::PUT => put(request, name),
        Method::DELETE => match found {
            None => Ok(Answer::empty(Voice::Provider, StatusCode::NO_CONTENT)),
            Some(denial) => {
                unprotected(&denial)?;
                access.remove_denial(denial.name);
                Ok(ok(body(&denial)))
            }
        },
        _ => found.map(|denial| ok(body(&denial))).ok_or_else(|| {
            let message = format!("The deny assignment '{}' is not found.", text.replace('-', ""));
            Error::provider(StatusCode::NOT_FOUND, "DenyAssignmentNotFound", message)
        }),
    }
}

/// What the service made for itself, nobody else changes.
fn unprotected(denial: &DenyAssignment) -> Result<(), Error> {
    if !denial.system_protected {
        return Ok(());
    }
    let message = format!("The deny assignment '{}' is system protected and cannot be changed.", bare(denial.name));
    Err(Error::provider(StatusCode::FORBIDDEN, "DenyAssignmentIsSystemProtected", message))
}

fn put(request: &Request<'_>, name: Option<Uuid>) -> Result<Answer, Error> {
    let name = name.ok_or_else(|| {
        let id = request.target.name();
        bad(
            "InvalidDenyAssignmentId",
            format!("The deny assignment ID '{id}' is not valid. The deny assignment ID must be a GUID."),
        )
    })?;
    super::assignment_rules::scope_exists(request, &request.target.scope)?;
    let properties = properties(request)?;
    let display_name = text(properties, "denyAssignmentName")?.filter(|name| !name.is_empty());
    let display_name = display_name.ok_or_else(error::bad_request_format)?;
    let permissions = properties.get("permissions").and_then(Value::as_array).ok_or_else(error::bad_request_format)?;
    let permissions = permissions.iter().map(permission).collect::<Result<Vec<_>, _>>()?;
    let names_actions = |(permission, _): &(Permission, _)| !permission.actions.is_empty() || !permission.data_actions.is_empty();
    if !permissions.iter().any(names_actions) {
        return Err(error::bad_request_format());
    }
    let principals = principals(properties, "principals")?;
    let excluded = principals_of_exclusion(properties)?;
    for_whom(&principals, &excluded)?;
    let access = request.access();
    let same_name = |other: &Arc<DenyAssignment>| other.name != name && other.display_name.eq_ignore_ascii_case(display_name);
    if access.denials(&ResourceId::root(), true).iter().any(same_name) {
        let message = format!("Custom deny assignment with the same name {display_name} already exists.");
        return Err(Error::provider(StatusCode::CONFLICT, "DenyAssignmentExists", message));
    }
    let existing = access.denial(name);
    existing.as_deref().map_or(Ok(()), unprotected)?;
    let denial = access.put_denial(DenyAssignment {
        name,
        display_name: display_name.to_owned(),
        description: text(properties, "description")?.map(str::to_owned),
        permissions,
        scope: request.target.scope.clone(),
        not_below: properties.get("doNotApplyToChildScopes").and_then(Value::as_bool).unwrap_or(false),
        principals,
        excluded,
        system_protected: false,
        created_on: existing.as_ref().map_or(request.now, |it| it.created_on),
        updated_on: request.now,
        created_by: existing.as_ref().map_or(Some(request.caller.object_id), |it| it.created_by),
        updated_by: Some(request.caller.object_id),
    });
    Ok(Answer::json(Voice::Provider, StatusCode::CREATED, body(&denial)))
}

fn permission(value: &Value) -> Result<(Permission, Option<Arc<Condition>>), Error> {
    let object = value.as_object().ok_or_else(error::bad_request_format)?;
    let permission = Permission {
        actions: texts(object, "actions")?,
        not_actions: texts(object, "notActions")?,
        data_actions: texts(object, "dataActions")?,
        not_data_actions: texts(object, "notDataActions")?,
    };
    let condition = match text(object, "condition")?.filter(|text| !text.is_empty()) {
        None => None,
        Some(text) => Some(Arc::new(Condition::parse(text).map_err(|_| error::bad_request_format())?)),
    };
    Ok((permission, condition))
}

fn principals(properties: &Map<String, Value>, key: &str) -> Result<Vec<DenyPrincipal>, Error> {
    let Some(list) = properties.get(key).filter(|value| !value.is_null()) else { return Ok(Vec::new()) };
    let list = list.as_array().ok_or_else(error::bad_request_format)?;
    list.iter()
        .map(|value| {
            let object = value.as_object().ok_or_else(error::bad_request_format)?;
            let id = text(object, "id")?.and_then(|id| Uuid::try_parse(id).ok()).ok_or_else(error::bad_request_format)?;
            let kind = text(object, "type")?.unwrap_or(if id.is_nil() { "SystemDefined" } else { "User" });
            Ok(DenyPrincipal { id, kind: kind.to_owned() })
        })
        .collect()
}

fn principals_of_exclusion(properties: &Map<String, Value>) -> Result<Vec<DenyPrincipal>, Error> {
    let excluded = principals(properties, "excludePrincipals")?;
    // Everyone can be denied something, and cannot be excluded from it.
    if excluded.iter().any(|principal| principal.id.is_nil()) { Err(error::bad_request_format()) } else { Ok(excluded) }
}

/// One is denied something, or everyone but somebody is; groups are not named.
fn for_whom(principals: &[DenyPrincipal], excluded: &[DenyPrincipal]) -> Result<(), Error> {
    let everyone = principals.iter().any(|principal| principal.id.is_nil());
    let named = |principal: &DenyPrincipal| {
        let kind = principal.kind.as_str();
        principal.id.is_nil() || kind.eq_ignore_ascii_case("User") || kind.eq_ignore_ascii_case("ServicePrincipal")
    };
    if principals.is_empty() || !principals.iter().all(named) {
        let message = "A custom deny assignment names users and service principals, or everyone.";
        return Err(bad("InvalidDenyAssignmentPrincipals", message));
    }
    if everyone && excluded.is_empty() {
        let message = "A custom deny assignment for everyone excludes at least one principal.";
        return Err(bad("InvalidDenyAssignmentPrincipals", message));
    }
    Ok(())
}

fn body(denial: &DenyAssignment) -> Value {
    let permissions: Vec<Value> = denial
        .permissions
        .iter()
        .map(|(permission, condition)| {
            let mut shown = json!(permission);
            shown["condition"] = json!(condition.as_ref().map(|condition| condition.text()));
            shown["conditionVersion"] = json!(condition.as_ref().map(|_| VERSION));
            shown
        })
        .collect();
    let shown = |principals: &[DenyPrincipal]| {
        principals.iter().map(|principal| json!({ "id": principal.id, "type": principal.kind })).collect::<Vec<_>>()
    };
    json!({
        "properties": {
            "denyAssignmentName": denial.display_name,
            "description": denial.description,
            "permissions": permissions,
            "scope": denial.scope.as_str(),
            "doNotApplyToChildScopes": denial.not_below,
            "principals": shown(&denial.principals),
            "excludePrincipals": shown(&denial.excluded),
            "isSystemProtected": denial.system_protected,
            "createdOn": rfc3339_ticks(denial.created_on),
            "updatedOn": rfc3339_ticks(denial.updated_on),
            "createdBy": denial.created_by,
            "updatedBy": denial.updated_by,
        },
        "id": object_id(&denial.scope, "denyAssignments", denial.name),
        "type": "Microsoft.Authorization/denyAssignments",
        "name": denial.name,
    })
}

/// At, above and below the scope, or with `atScope()` at and above it; by name, by principal.
pub(super) fn list(request: &Request<'_>) -> Result<Answer, Error> {
    let scope = &request.target.scope;
    let filter = request.query.filter().unwrap_or_default();
    if scope.key() == "/" && filter.is_empty() {
        return Err(bad("BadRequest", "A list of deny assignments at the root scope needs a filter."));
    }
    let mut rows = request.access().denials(scope, true);
    for part in parts(filter) {
        let lower = part.to_lowercase();
        let quoted = |prefix: &str, end: &str| {
            let rest = lower.strip_prefix(prefix)?.strip_suffix(end)?.trim();
            rest.strip_prefix('\'')?.strip_suffix('\'').map(str::to_owned)
        };
        let names = |denial: &DenyAssignment, wanted: &[Uuid]| {
            denial.principals.iter().any(|it| it.id.is_nil() || wanted.contains(&it.id))
        };
        if lower == "atscope()" {
            let above = request.access().denials(scope, false);
            rows.retain(|row| above.iter().any(|other| other.name == row.name));
        } else if let Some(name) = quoted("denyassignmentname eq", "") {
            rows.retain(|row| row.display_name.to_lowercase() == name);
        } else if let Some(id) = quoted("principalid eq", "").and_then(|id| Uuid::try_parse(&id).ok()) {
            rows.retain(|row| names(row, &[id]));
        } else if let Some(id) = quoted("assignedto(", ")").and_then(|id| Uuid::try_parse(&id).ok()) {
            let held: Vec<Uuid> = std::iter::once(id).chain(request.world.directory.groups_of(id)).collect();
            rows.retain(|row| names(row, &held));
        } else {
            let message = format!(
                "The filter '{filter}' is not supported. Supported filters are 'atScope()', 'denyAssignmentName eq '{{value}}'', \
                 'principalId eq '{{value}}'' and 'assignedTo('{{value}}')'."
            );
            return Err(bad("BadRequest", message));
        }
    }
    in_pages(request, rows.iter().map(|row| body(row)).collect())
}

/// Denies everyone but `excluded` to change what lies in a cluster's node group: AKS' lockdown of it. Reading stays allowed. Which
/// actions Azure lists is inferred from what the documentation says they prevent.
pub(in super::super) fn lock_down(world: &World, node_group: &ResourceId, cluster: &ResourceId, excluded: &[Uuid]) {
    let now = world.clock.now();
    let actions = ["*/write", "*/delete", "*/action"].map(str::to_owned).to_vec();
    let exclude = |id: &Uuid| DenyPrincipal { id: *id, kind: "ServicePrincipal".into() };
    world.access.put_denial(DenyAssignment {
        name: lockdown_name(world, cluster),
        display_name: format!("AKS node resource group lockdown of {}", cluster.name()),
        description: Some(format!("Only {} changes its node resource group.", cluster.as_str())),
        permissions: vec![(Permission { actions, ..Permission::default() }, None)],
        scope: node_group.clone(),
        not_below: false,
        principals: vec![DenyPrincipal::everyone()],
        excluded: excluded.iter().map(exclude).collect(),
        system_protected: true,
        created_on: now,
        updated_on: now,
        created_by: None,
        updated_by: None,
    });
}

/// Takes the lockdown of a cluster's node group away.
pub(in super::super) fn unlock(world: &World, cluster: &ResourceId) {
    world.access.remove_denial(lockdown_name(world, cluster));
}

fn lockdown_name(world: &World, cluster: &ResourceId) -> Uuid {
    world.ids.named(&format!("lockdown {}", cluster.key()))
}
