//! Merging an applied configuration into an object, and removing fields from it (structured-merge-diff's `typed.Merge` and
//! `RemoveItems`).

use serde_json::{Map, Value};

use super::compare::{element_of, elements};
use super::element::Element;
use super::schema::{Manner, Schema};
use super::set::{Node, Set};

/// The object with everything that a configuration says.
pub fn merged(schema: Schema<'_>, live: Option<&Value>, config: &Value) -> Value {
    match (schema.manner(config), live, config) {
        (Manner::Fields, Some(Value::Object(live)), Value::Object(config)) => {
            let mut out = live.clone();
            for (name, value) in config {
                let new = merged(schema.child(name).schema, live.get(name), value);
                out.insert(name.clone(), new);
            }
            out.into()
        }
        (manner @ (Manner::Keyed(_) | Manner::Set), Some(live @ Value::Array(_)), Value::Array(_)) => {
            merged_items(schema, &manner, live, config).into()
        }
        _ => config.clone(),
    }
}

/// The configured items in their order; what only the object has keeps its place among them.
fn merged_items(schema: Schema<'_>, manner: &Manner<'_>, live: &Value, config: &Value) -> Vec<Value> {
    let (left, right) = (elements(schema, manner, Some(live)), elements(schema, manner, Some(config)));
    let find = |list: &[(Element, &Value)], element: &Element| list.iter().position(|(known, _)| known == element);
    let combined = |element: &Element, value: &Value| {
        let old = left.iter().find(|(known, _)| known == element).map(|(_, old)| *old);
        merged(schema.item(), old, value)
    };
    let mut shared = right.iter().map(|(element, _)| element).filter(|element| find(&left, element).is_some()).peekable();
    let (mut out, mut at_left, mut at_right) = (Vec::new(), 0, 0);
    while at_left < left.len() || at_right < right.len() {
        if let (Some((ours, _)), Some((theirs, value))) = (left.get(at_left), right.get(at_right)) {
            if ours == theirs {
                out.push(combined(theirs, value));
                (at_left, at_right) = (at_left + 1, at_right + 1);
                shared.next();
                continue;
            }
            if find(&right, ours).is_some() && shared.peek().is_some_and(|next| *next != ours) {
                at_left += 1;
                continue;
            }
        }
        if let Some((ours, value)) = left.get(at_left) {
            match find(&right, ours) {
                None => {
                    out.push((*value).clone());
                    at_left += 1;
                    continue;
                }
                Some(place) if place < at_right => at_left += 1,
                Some(_) => {}
            }
        }
        if let Some((theirs, value)) = right.get(at_right) {
            out.push(combined(theirs, value));
            at_right += 1;
            shared.next_if(|next| *next == theirs);
        }
    }
    out
}

/// The value without some of its fields; null if nothing is left.
pub fn without(schema: Schema<'_>, value: &Value, gone: &Set) -> Value {
    let keep = |node: Option<&Node>, schema: Schema<'_>, value: &Value| match node {
        Some(node) if node.member => None,
        Some(node) if !node.below.is_empty() => Some(without(schema, value, &node.below)),
        _ => Some(value.clone()),
    };
    match (schema.manner(value), value) {
        (Manner::Fields, Value::Object(fields)) => {
            let left: Map<String, Value> = fields
                .iter()
                .filter_map(|(name, value)| {
                    let kept = keep(gone.get(&Element::field(name)), schema.child(name).schema, value)?;
                    Some((name.clone(), kept))
                })
                .collect();
            if left.is_empty() { Value::Null } else { left.into() }
        }
        (manner @ (Manner::Keyed(_) | Manner::Set), Value::Array(items)) => {
            let left: Vec<Value> = items
                .iter()
                .filter_map(|item| {
                    let node = element_of(schema, &manner, item).and_then(|element| gone.get(&element).cloned());
                    keep(node.as_ref(), schema.item(), item)
                })
                .collect();
            if left.is_empty() { Value::Null } else { left.into() }
        }
        (Manner::Leaf, value) if gone.is_empty() => value.clone(),
        _ => Value::Null,
    }
}

/// The set with every named field on its paths as a member of its own.
pub fn with_named_fields(schema: Schema<'_>, value: &Value, set: &Set) -> Set {
    let mut out = Set::default();
    for (element, node) in set.iter() {
        let (child, declared, below) = match element.name() {
            Some(name) => {
                let child = schema.child(name);
                (child.schema, child.declared, value.get(name))
            }
            None => {
                let manner = schema.manner(value);
                let item = elements(schema, &manner, Some(value)).into_iter().find(|(known, _)| known == element);
                (schema.item(), false, item.map(|(_, item)| item))
            }
        };
        let member = node.member || (declared && !node.below.is_empty());
        let below = with_named_fields(child, below.unwrap_or(&Value::Null), &node.below);
        out.put(element.clone(), Node { member, below });
    }
    out
}
