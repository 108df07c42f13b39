//! Management locks: the type `Microsoft.Authorization/locks` at any scope, and the step of the pipeline that asks whether one
//! forbids a request. Source: the Authorization API's specification (2016-09-01), Azure's documentation of locks, and refusals
//! that users have quoted. Codes and texts for a malformed lock are inferred.

use axum::http::{Method, StatusCode};
use serde_json::{Map, Value, json};

use super::super::super::error::{self, Error, Voice};
use super::super::super::headers::Answer;
use super::super::super::store::{Change, Lock, LockLevel};
use super::super::super::{Request, validate};
use crate::kernel::resource_id::ResourceId;
use crate::world::World;

/// The type.
const TYPE: &str = "Microsoft.Authorization/locks";

/// How long notes may be.
const NOTES_AT_MOST: usize = 512;

/// How long a name may be.
const NAME_AT_MOST: usize = 260;

/// Refuses a request that a lock forbids. Locks stand above rights: an Owner is refused as well. Locks themselves can be put
/// and taken away whatever is locked.
pub(in super::super::super) fn check(request: &Request<'_>) -> Result<(), Error> {
    let change = match *request.method {
        Method::GET | Method::HEAD => return Ok(()),
        Method::DELETE => Change::Delete,
        _ => Change::Write,
    };
    if request.known.full_type() == TYPE {
        return Ok(());
    }
    refuse(request, change, &request.target.owner())
}

/// Refuses a change of a scope that a lock forbids.
pub(in super::super::super) fn refuse(request: &Request<'_>, change: Change, scope: &ResourceId) -> Result<(), Error> {
    let locked = request.world.arm.locks.forbidding(change, scope);
    if locked.is_empty() { Ok(()) } else { Err(error::scope_locked(change, scope, &locked)) }
}

/// What a group's deletion ends in if something has been locked while it went on: the group stays. Each refusal is what the
/// resource's own deletion would be answered.
pub(in super::super::super) fn blocked(world: &World, group: &ResourceId) -> Option<Value> {
    let locked = world.arm.locks.forbidding(Change::Delete, group);
    let first = locked.first()?;
    let held = world.arm.resources_below(group);
    let below = held.iter().filter(|resource| locked.iter().any(|scope| resource.id.is_within(scope)));
    let names: Vec<String> = below.clone().map(|resource| format!("{}/{}", resource.resource_type, resource.name())).collect();
    let details: Vec<Value> = below
        .map(|resource| {
            let refusal = error::scope_locked(Change::Delete, &resource.id, &locked);
            json!({ "target": resource.id.as_str(), "message": refusal.body().to_string() })
        })
        .collect();
    let (group, names) = (group.name(), if names.is_empty() { first.as_str().to_owned() } else { names.join(",") });
    let message = format!(
        "Deletion of resource group '{group}' failed as resources with identifiers '{names}' could not be deleted. The provisioning \
         state of the resource group will be rolled back. The tracking Id is '{}'. Please check audit logs for more details.",
        world.ids.uuid()
    );
    Some(json!({ "error": { "code": "ResourceGroupDeletionBlocked", "message": message, "details": details } }))
}

pub(super) fn one(request: &Request<'_>) -> Result<Answer, Error> {
    let locks = &request.world.arm.locks;
    let (scope, name) = (&request.target.scope, request.target.name());
    let existing = locks.get(scope, name);
    match *request.method {
        Method::PUT => {
            scope_exists(request)?;
            let (lock, is_new) = locks.put(given(request)?);
            let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
            Ok(Answer::json(Voice::Gateway, status, body(&lock)))
        }
        Method::DELETE => {
            let status = if locks.remove(scope, name) { StatusCode::OK } else { StatusCode::NO_CONTENT };
            Ok(Answer::empty(Voice::Gateway, status))
        }
        _ => match existing {
            Some(lock) => Ok(Answer::json(Voice::Gateway, StatusCode::OK, body(&lock))),
            None => {
                let message = format!("The lock '{name}' could not be found.");
                Err(Error::gateway(StatusCode::NOT_FOUND, "LockNotFound", message))
            }
        },
    }
}

/// The locks at the scope and below it, with `atScope()` at the scope alone.
pub(super) fn list(request: &Request<'_>) -> Result<Answer, Error> {
    let (locks, scope) = (&request.world.arm.locks, &request.target.scope);
    let shown = match request.query.filter() {
        None => locks.within(scope),
        Some(filter) if filter.eq_ignore_ascii_case("atScope()") => locks.at(scope),
        Some(filter) => return Err(error::invalid_filter(filter)),
    };
    let rows: Vec<Value> = shown.iter().map(|lock| body(lock)).collect();
    Ok(Answer::json(Voice::Gateway, StatusCode::OK, json!({ "value": rows })))
}

fn body(lock: &Lock) -> Value {
    let mut properties = Map::new();
    properties.insert("level".into(), json!(lock.level.as_str()));
    for (key, value) in [("notes", lock.notes.clone().map(Value::String)), ("owners", lock.owners.clone())] {
        if let Some(value) = value {
            properties.insert(key.into(), value);
        }
    }
    json!({
        "properties": properties,
        "id": format!("{}/providers/{TYPE}/{}", lock.scope.as_str().trim_end_matches('/'), lock.name),
        "type": TYPE,
        "name": lock.name,
    })
}

/// A group is looked for by the pipeline; that a resource must exist is inferred.
fn scope_exists(request: &Request<'_>) -> Result<(), Error> {
    let scope = &request.target.scope;
    let is_resource = scope.key().contains("/providers/");
    if is_resource && request.world.arm.resource(scope).is_none() { Err(error::resource_not_found(scope)) } else { Ok(()) }
}

/// The lock that a PUT asks for.
fn given(request: &Request<'_>) -> Result<Lock, Error> {
    let name = request.target.name();
    let reserved = |character: char| "<>%&:\\?/".contains(character) || character.is_control();
    if name.chars().count() > NAME_AT_MOST || name.chars().any(reserved) {
        let message = format!(
            "The lock name '{name}' is invalid. It must have at most {NAME_AT_MOST} characters, and none of '<,>,%,&,:,\\,?,/' or \
             control characters."
        );
        return Err(Error::gateway(StatusCode::BAD_REQUEST, "InvalidLockName", message));
    }
    let properties = &request.body["properties"];
    let level = match &properties["level"] {
        Value::String(level) => {
            LockLevel::of(level).ok_or_else(|| validate::not_a("LockLevel", level, request.text, &["properties", "level"]))?
        }
        _ => return Err(validate::required("level", request.text, &["properties"])),
    };
    let notes = properties["notes"].as_str().map(str::to_owned);
    if let Some(notes) = notes.as_ref().filter(|notes| notes.chars().count() > NOTES_AT_MOST) {
        let message =
            format!("The notes of a lock have at most {NOTES_AT_MOST} characters, and these {}.", notes.chars().count());
        return Err(Error::gateway(StatusCode::BAD_REQUEST, "InvalidLockNotes", message));
    }
    let owners = properties.get("owners").filter(|owners| owners.is_array()).cloned();
    Ok(Lock { scope: request.target.scope.clone(), name: name.to_owned(), level, notes, owners })
}
