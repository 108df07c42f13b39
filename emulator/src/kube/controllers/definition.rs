//! The controllers of CustomResourceDefinitions: names are accepted, definitions established; one that is deleted takes its objects
//! with it.

use serde_json::Value;

use super::context::{Context, key_of};
use crate::kube::custom;
use crate::kube::deletion::DeleteOptions;
use crate::kube::kinds;
use crate::kube::objects::{place, set_or_remove};
use crate::kube::store::{Dirty, Key};

/// The definitions that a change of this object is news to: its own, or those that may now have a name.
pub(super) fn concerned(context: &Context, key: &Key, dirty: &Dirty) -> Vec<Key> {
    if key.kind().custom.is_some() {
        let kind = dirty.kind;
        let name = format!("{}.{}", kind.plural, kind.group);
        return if dirty.deleted { vec![Key::new(&kinds::CUSTOM_RESOURCE_DEFINITIONS, "", &name)] } else { Vec::new() };
    }
    if !dirty.deleted {
        return vec![key.clone()];
    }
    let (all, _) = context.cluster.list(&kinds::CUSTOM_RESOURCE_DEFINITIONS, None);
    let waiting = all.iter().filter(|other| !custom::is_condition(other, "NamesAccepted"));
    waiting.map(|other| key_of(&kinds::CUSTOM_RESOURCE_DEFINITIONS, other)).collect()
}

/// Looks at a definition.
pub(super) fn sync(context: &mut Context, key: &Key) {
    let Some(definition) = context.get(key) else { return };
    if !definition["metadata"]["deletionTimestamp"].is_null() {
        return end(context, key, &definition);
    }
    let (all, _) = context.cluster.list(&kinds::CUSTOM_RESOURCE_DEFINITIONS, None);
    let now = context.now();
    let new = custom::look(&definition, all.iter().map(AsRef::as_ref), now);
    context.modify(key, |definition| definition["status"] = new["status"].clone());
}

/// Deletes the objects of a definition; once none is left, it may go.
fn end(context: &mut Context, key: &Key, definition: &Value) {
    let resource = custom::resource(definition);
    let (objects, _) = context.cluster.list(resource, None);
    for object in objects.iter().filter(|object| object["metadata"]["deletionTimestamp"].is_null()) {
        let (namespace, name) = place(object);
        let _ = context.cluster.delete(context.world, resource, &namespace, &name, &DeleteOptions::default());
    }
    let left = context.cluster.list(resource, None).0.len();
    let now = context.now();
    context.modify(key, |definition| {
        if left > 0 {
            return custom::waiting(definition, now, left);
        }
        let others: Vec<Value> = definition["metadata"]["finalizers"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|finalizer| *finalizer != custom::CLEANUP)
            .cloned()
            .collect();
        let others = if others.is_empty() { Value::Null } else { others.into() };
        set_or_remove(&mut definition["metadata"], "finalizers", others);
    });
}
