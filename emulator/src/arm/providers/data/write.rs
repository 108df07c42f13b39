//! PUT and PATCH of described types.

use std::sync::Arc;

use axum::http::Method;
use serde_json::{Map, Value};

use super::super::super::Request;
use super::super::super::catalog::normal_location;
use super::super::super::error::{self, Error};
use super::super::super::headers::Answer;
use super::super::super::store::{Ending, Resource};
use super::super::managed_identity;
use super::accept::{Judge, merged, named};
use super::fault::Faults;
use super::shape::{Kind, Operation, Style};
use super::template::Scope;
use super::{Hooks, Part, canonical, embed, name_fits, operation, parent, shown};
use crate::kernel::resource_id::ResourceId;

/// What a PUT or PATCH is about to store.
pub(in super::super) struct Write {
    /// What is stored.
    pub resource: Resource,
    /// What was there.
    pub old: Option<Arc<Resource>>,
    /// Resources that are elements of its body.
    pub children: Vec<Write>,
    /// Such resources that it takes away.
    pub removed: Vec<Arc<Resource>>,
}

/// PUT and PATCH.
pub(super) fn write(
    request: &Request<'_>,
    part: &Part,
    hooks: &dyn Hooks,
    existing: Option<Arc<Resource>>,
) -> Result<Answer, Error> {
    let whole = *request.method == Method::PUT;
    if !whole && existing.is_none() {
        return Err(super::absent(request, part));
    }
    let above = parent(request, part)?;
    let name = request.target.name();
    if existing.is_none() && !name_fits(&part.shape.name, name) {
        return Err(Faults { shape: part.shape, name }.raise_name());
    }
    let id = existing.as_ref().map_or_else(|| canonical(request, part), |old| old.id.clone());
    let made = existing.is_none();
    super::idle(request, part)?;
    let body = if whole { request.body.clone() } else { change(part, &request.body, existing.as_deref()) };
    let mut write = draft(request, part, id, &body, existing, above.as_deref(), whole)?;
    if whole || may_patch(part, "properties") {
        embed::children(request, part, if whole { &body } else { &request.body }, &mut write, whole)?;
    }
    hooks.before_write(request, &mut write)?;
    let rule = if whole { &part.shape.put } else { &part.shape.patch };
    let (resource, state) = store(request, rule, write, made);
    hooks.after_write(request, &resource);
    let status = if made { operation::status(rule.created, 201) } else { operation::status(rule.changed, 200) };
    let said = rule.answers.as_deref().unwrap_or(state);
    let mut answer = shown(request, part, hooks, status, &resource, said);
    if rule.empty {
        answer.body = None;
    }
    let scope = super::scope(request, &resource, above.as_deref(), state);
    Ok(operation::begin(request, rule, scope, answer, Ending::Nothing))
}

/// What a PATCH makes of what was there, of the members that it may change.
fn change(part: &Part, given: &Value, old: Option<&Resource>) -> Value {
    let Some(old) = old else { return given.clone() };
    let mut before = old.members.clone();
    before.insert("properties".into(), Value::Object(old.properties.clone()));
    for (name, value) in [("sku", &old.sku), ("identity", &old.identity)] {
        before.extend(value.clone().map(|value| (name.to_owned(), value)));
    }
    before.extend(old.tags.clone().map(|tags| ("tags".to_owned(), Value::Object(tags))));
    let empty = Map::new();
    let given = given.as_object().unwrap_or(&empty);
    for (name, value) in given.iter().filter(|(name, value)| may_patch(part, name) && !value.is_null()) {
        // Tags are replaced as a whole.
        let kept = before.get(name).filter(|_| name != "tags").cloned().unwrap_or(Value::Null);
        before.insert(name.clone(), merged(&kept, value));
    }
    Value::Object(before)
}

/// Whether a PATCH changes this member.
fn may_patch(part: &Part, member: &str) -> bool {
    part.shape.patchable.is_empty() || part.shape.patchable.iter().any(|known| known == member)
}

/// A resource as a body asks for it.
pub(super) fn draft(
    request: &Request<'_>,
    part: &Part,
    id: ResourceId,
    body: &Value,
    old: Option<Arc<Resource>>,
    above: Option<&Resource>,
    whole: bool,
) -> Result<Write, Error> {
    let empty = Map::new();
    let given = match body {
        Value::Object(given) => given,
        Value::Null => &empty,
        _ => return Err(error::invalid_content("Unexpected token: the body must be an object.")),
    };
    let location = location(part, given, old.as_deref());
    let before = old.as_deref().map(stored);
    let place = location.clone().or_else(|| above.and_then(|above| above.location.clone())).unwrap_or_default();
    let scope = Scope { request, id: &id, location: &place, resource: old.as_deref(), parent: above, state: "", operation: "" };
    let faults = Faults { shape: part.shape, name: id.name() };
    let judge = Judge { scope: &scope, faults, version: &request.version };
    let mut accepted = judge.object(&part.shape.members, false, given, before.as_ref(), "")?;
    let identity = match part.shape.members.get("identity").map(|rule| rule.kind) {
        Some(Kind::Identity) => {
            let wanted = accepted.remove("identity").unwrap_or(Value::Null);
            let kept = old.as_ref().and_then(|old| old.identity.as_ref());
            if wanted.is_null() && !whole { kept.cloned() } else { managed_identity::assign(request, &wanted, kept)? }
        }
        _ => accepted.remove("identity"),
    };
    let tags = if part.kind.tracked { named(given, "tags").and_then(Value::as_object).cloned() } else { None };
    let system_data = old.as_ref().map(|old| old.system_data.changed(&request.caller, request.now));
    let fresh = Resource::new(id, part.full_type.clone(), &request.caller, request.now);
    let resource = Resource {
        location,
        tags,
        sku: accepted.remove("sku"),
        identity,
        properties: match accepted.remove("properties") {
            Some(Value::Object(properties)) => properties,
            _ => Map::new(),
        },
        members: accepted,
        system_data: system_data.unwrap_or_else(|| fresh.system_data.clone()),
        ..fresh
    };
    Ok(Write { resource, old, children: Vec::new(), removed: Vec::new() })
}

/// The region: that of what was there, or the one that is given.
fn location(part: &Part, given: &Map<String, Value>, old: Option<&Resource>) -> Option<String> {
    if let Some(kept) = old.and_then(|old| old.location.clone()) {
        return Some(kept);
    }
    let written = named(given, "location").and_then(Value::as_str).filter(|_| part.kind.tracked)?;
    Some(normal_location(written))
}

/// A resource in the form of a body.
fn stored(resource: &Resource) -> Map<String, Value> {
    let mut members = resource.members.clone();
    members.insert("properties".into(), Value::Object(resource.properties.clone()));
    members.extend(resource.sku.clone().map(|sku| ("sku".to_owned(), sku)));
    members
}

/// Stores everything, and says what is told of the state meanwhile.
fn store(request: &Request<'_>, rule: &'static Operation, write: Write, made: bool) -> (Arc<Resource>, &'static str) {
    let running = rule.running.as_deref().unwrap_or("Updating");
    let state = match rule.style {
        Style::Done => "Succeeded",
        _ if made => rule.creating.as_deref().or(rule.running.as_deref()).unwrap_or("Creating"),
        _ => running,
    };
    let settle = |resource: Resource| {
        let settled_at = if rule.style == Style::Done { request.now } else { request.settles_at() };
        Resource { changing: state, settled_at, ..resource }
    };
    let arm = &request.world.arm;
    for old in &write.removed {
        super::super::remove(request.world, old);
    }
    let resource = arm.put_resource(settle(write.resource));
    for child in write.children {
        arm.put_resource(settle(child.resource));
    }
    (resource, state)
}
