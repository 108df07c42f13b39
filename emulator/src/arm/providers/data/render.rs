//! How a stored resource of a described type is shown, as the asked api-version knows it.

use indexmap::IndexMap;
use serde_json::{Map, Value, json};

use super::super::super::store::Resource;
use super::Part;
use super::shape::{Etag, Kind, Member, Shape, When};
use super::template::Scope;
use crate::world::World;

/// What answers begin with, unless the description names its members; those that have rules come behind.
const USUAL: [&str; 6] = ["id", "name", "type", "location", "tags", "etag"];

/// The body of a resource.
pub(super) fn body(shape: &Shape, scope: &Scope<'_>, resource: &Resource) -> Value {
    let mut body = Map::new();
    let usual: Vec<String>;
    let order = if shape.body.is_empty() {
        usual = USUAL.iter().map(|name| (*name).to_owned()).chain(shape.members.keys().cloned()).collect();
        &usual
    } else {
        &shape.body
    };
    for name in order {
        let value = match name.as_str() {
            "id" => json!(resource.id.as_str()),
            "name" => json!(resource.name()),
            "type" => json!(resource.resource_type),
            "location" if resource.location.is_some() => json!(resource.location),
            "tags" if resource.tags.is_some() => json!(resource.tags),
            "etag" => match etag(shape, scope, resource) {
                Some(etag) => json!(etag),
                None => continue,
            },
            "systemData" => resource.system_data.body(),
            other => match top(shape, scope, resource, other) {
                Some(value) => value,
                None => continue,
            },
        };
        body.insert(name.clone(), value);
    }
    Value::Object(body)
}

fn top(shape: &Shape, scope: &Scope<'_>, resource: &Resource, name: &str) -> Option<Value> {
    let stored = match name {
        "properties" => Some(Value::Object(resource.properties.clone())),
        "sku" => resource.sku.clone(),
        "identity" => resource.identity.clone(),
        other => resource.members.get(other).cloned(),
    };
    match shape.members.get(name) {
        Some(rule) => shown(rule, scope, stored.as_ref()),
        None => stored,
    }
}

fn shown(rule: &Member, scope: &Scope<'_>, stored: Option<&Value>) -> Option<Value> {
    if rule.secret || !rule.known_in(&scope.request.version) {
        return None;
    }
    if let (Some(template), When::Read) = (&rule.computed, rule.when) {
        let value = scope.fill(template);
        return (rule.nullable || !value.is_null()).then_some(value);
    }
    match (rule.kind, stored) {
        (Kind::Object, Some(Value::Object(stored))) if !rule.members.is_empty() => {
            Some(Value::Object(members(&rule.members, rule.open, scope, stored)))
        }
        (Kind::Array, Some(Value::Array(items))) => match &rule.items {
            Some(rule) => Some(Value::Array(items.iter().filter_map(|item| shown(rule, scope, Some(item))).collect())),
            None => Some(json!(items)),
        },
        (Kind::Object, None) if !rule.members.is_empty() => {
            let computed = members(&rule.members, false, scope, &Map::new());
            (!computed.is_empty()).then_some(Value::Object(computed))
        }
        (_, None) => rule.nullable.then_some(Value::Null),
        (_, Some(value)) => Some(value.clone()),
    }
}

fn members(rules: &IndexMap<String, Member>, open: bool, scope: &Scope<'_>, stored: &Map<String, Value>) -> Map<String, Value> {
    let ruled = rules.iter().filter_map(|(name, rule)| Some((name.clone(), shown(rule, scope, stored.get(name))?)));
    let mut shown: Map<String, Value> = ruled.collect();
    if open {
        let others = stored.iter().filter(|(name, _)| !rules.contains_key(*name));
        shown.extend(others.map(|(name, value)| (name.clone(), value.clone())));
    }
    shown
}

/// The resources of a child type that lie in a resource, as elements of its body.
pub(super) fn embedded(scope: &Scope<'_>, parent: &Resource, child: &str) -> Value {
    let kind = format!("{}/{child}", parent.resource_type);
    let Some(part) = Part::of_type(&kind) else { return Value::Null };
    let children = scope.request.world.arm.resources_of_type(&kind, &parent.id);
    let shown = children.iter().map(|child| {
        let scope = Scope { id: &child.id, resource: Some(child), parent: Some(parent), ..*scope };
        body(part.shape, &scope, child)
    });
    Value::Array(shown.collect())
}

/// The etag of a resource of a described type.
pub(super) fn own_etag(scope: &Scope<'_>, resource: &Resource) -> Option<String> {
    etag(Part::of_type(&resource.resource_type)?.shape, scope, resource)
}

/// An etag says how often the resource and what lies in it were written, and whether it is still changing.
fn etag(shape: &Shape, scope: &Scope<'_>, resource: &Resource) -> Option<String> {
    let guid = || {
        let world: &World = scope.request.world;
        let inside = if shape.embeds.is_empty() { Vec::new() } else { world.arm.resources_below(&resource.id) };
        let inner: u64 = inside.iter().map(|child| child.revision).sum();
        world.ids.named(&format!("{} {} {inner} {}", resource.id.key(), resource.revision, scope.state))
    };
    match shape.etag {
        Etag::None => None,
        Etag::Weak => Some(format!("W/\"{}\"", guid())),
        Etag::Quoted => Some(format!("\"{}\"", guid())),
    }
}
