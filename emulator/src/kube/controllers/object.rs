//! Reading Kubernetes objects as JSON values: what the controllers, the scheduler and the kubelet ask again and again.
//! Objects stay `serde_json::Value`s, so that fields that nobody here knows are kept.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::kernel::clock::rfc3339_seconds;

/// A string by JSON pointer; empty if there is none, as Go's zero value.
pub fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or("")
}

/// A whole number by JSON pointer.
pub fn number(object: &Value, pointer: &str) -> Option<i64> {
    object.pointer(pointer).and_then(Value::as_i64)
}

/// The elements of a list by JSON pointer; none if there is no list.
pub fn items<'a>(object: &'a Value, pointer: &str) -> &'a [Value] {
    object.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// `metadata.name`.
pub fn name(object: &Value) -> &str {
    text(object, "/metadata/name")
}

/// `metadata.namespace`.
pub fn namespace(object: &Value) -> &str {
    text(object, "/metadata/namespace")
}

/// `metadata.uid`.
pub fn uid(object: &Value) -> &str {
    text(object, "/metadata/uid")
}

/// A label's value.
pub fn label<'a>(object: &'a Value, key: &str) -> Option<&'a str> {
    object.pointer("/metadata/labels")?.get(key)?.as_str()
}

/// An annotation's value.
pub fn annotation<'a>(object: &'a Value, key: &str) -> Option<&'a str> {
    object.pointer("/metadata/annotations")?.get(key)?.as_str()
}

/// Sets an annotation; false if it had that value.
pub fn annotate(object: &mut Value, key: &str, value: &str) -> bool {
    if annotation(object, key) == Some(value) {
        return false;
    }
    map_at(object, &["metadata", "annotations"]).insert(key.into(), value.into());
    true
}

/// Whether the object is being deleted.
pub fn is_terminating(object: &Value) -> bool {
    object.pointer("/metadata/deletionTimestamp").is_some_and(Value::is_string)
}

/// The owner reference whose `controller` is true.
pub fn controller_of(object: &Value) -> Option<&Value> {
    items(object, "/metadata/ownerReferences").iter().find(|owner| owner["controller"] == true)
}

/// A reference that makes `owner` the controller of something else.
pub fn controller_reference(owner: &Value, api_version: &str, kind: &str) -> Value {
    json!({
        "apiVersion": api_version, "kind": kind, "name": name(owner), "uid": uid(owner),
        "controller": true, "blockOwnerDeletion": true,
    })
}

/// The map at a path of keys; what is missing on the way, or is no map, becomes one.
pub fn map_at<'a>(object: &'a mut Value, path: &[&str]) -> &'a mut Map<String, Value> {
    let mut at = object;
    for key in path {
        if !at.is_object() {
            *at = Value::Object(Map::new());
        }
        at = at.as_object_mut().expect("made a map above").entry(*key).or_insert(Value::Null);
    }
    if !at.is_object() {
        *at = Value::Object(Map::new());
    }
    at.as_object_mut().expect("made a map above")
}

/// A condition by its type.
pub fn condition<'a>(object: &'a Value, kind: &str) -> Option<&'a Value> {
    items(object, "/status/conditions").iter().find(|condition| condition["type"] == kind)
}

/// Whether a pod's `Ready` condition (or a node's) is `True`.
pub fn is_ready(object: &Value) -> bool {
    condition(object, "Ready").is_some_and(|condition| condition["status"] == "True")
}

/// A time as Kubernetes writes it, read back.
pub fn time(object: &Value, pointer: &str) -> Option<Timestamp> {
    text(object, pointer).parse().ok()
}

/// A time as Kubernetes writes it.
pub fn stamp(at: Timestamp) -> Value {
    Value::String(rfc3339_seconds(at))
}

/// Whether a label selector (`matchLabels` and `matchExpressions`) selects a set of labels. An empty selector selects all.
pub fn selects(selector: &Value, labels: &Value) -> bool {
    let label = |key: &str| labels.get(key).and_then(Value::as_str);
    let equal =
        selector["matchLabels"].as_object().is_none_or(|wanted| wanted.iter().all(|(key, value)| label(key) == value.as_str()));
    equal && items(selector, "/matchExpressions").iter().all(|expression| matches_expression(expression, label))
}

/// Whether one expression of a label or node selector holds for the value that `label` finds.
pub fn matches_expression<'a>(expression: &Value, label: impl Fn(&str) -> Option<&'a str>) -> bool {
    let found = label(text(expression, "/key"));
    let listed = |value: &str| items(expression, "/values").iter().any(|wanted| wanted == value);
    let compared = |ordering: fn(&i64, &i64) -> bool| {
        let wanted = items(expression, "/values").first().and_then(Value::as_str).and_then(|value| value.parse().ok());
        let found = found.and_then(|value| value.parse().ok());
        matches!((found, wanted), (Some(found), Some(wanted)) if ordering(&found, &wanted))
    };
    match text(expression, "/operator") {
        "In" => found.is_some_and(listed),
        "NotIn" => !found.is_some_and(listed),
        "Exists" => found.is_some(),
        "DoesNotExist" => found.is_none(),
        "Gt" => compared(i64::gt),
        "Lt" => compared(i64::lt),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_select_by_labels_and_expressions() {
        let labels = json!({"app": "nginx", "tier": "3"});
        let yes = [
            json!({}),
            json!({"matchLabels": {"app": "nginx"}}),
            json!({"matchExpressions": [{"key": "app", "operator": "In", "values": ["a", "nginx"]}]}),
            json!({"matchExpressions": [{"key": "zone", "operator": "NotIn", "values": ["a"]}]}),
            json!({"matchExpressions": [{"key": "tier", "operator": "Gt", "values": ["2"]}]}),
            json!({"matchExpressions": [{"key": "zone", "operator": "DoesNotExist"}]}),
        ];
        let no = [
            json!({"matchLabels": {"app": "nginx", "zone": "a"}}),
            json!({"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["nginx"]}]}),
            json!({"matchExpressions": [{"key": "zone", "operator": "Exists"}]}),
            json!({"matchExpressions": [{"key": "tier", "operator": "Lt", "values": ["3"]}]}),
            json!({"matchExpressions": [{"key": "tier", "operator": "Unheard"}]}),
        ];
        assert!(yes.iter().all(|selector| selects(selector, &labels)));
        assert!(!no.iter().any(|selector| selects(selector, &labels)));
    }

    #[test]
    fn a_missing_map_is_made_on_the_way() {
        let mut object = json!({"metadata": {"annotations": null}});
        assert!(annotate(&mut object, "a", "1"));
        assert!(!annotate(&mut object, "a", "1"));
        assert_eq!(object, json!({"metadata": {"annotations": {"a": "1"}}}));
    }
}
