//! Kinds that are served in two versions and kept in one (`pkg/apis/autoscaling/v1/conversion.go`,
//! `pkg/apis/events/v1/conversion.go`): `autoscaling/v1` beside `autoscaling/v2`, and the events of `events.k8s.io` beside those of
//! the core.

use std::borrow::Cow;

use serde_json::{Map, Value, json};

use super::custom;
use super::kinds::Kind;

/// The fields of an event that have other names in `events.k8s.io`: there, and in the core.
const EVENT_FIELDS: [(&str, &str); 7] = [
    ("regarding", "involvedObject"),
    ("note", "message"),
    ("reportingController", "reportingComponent"),
    ("deprecatedSource", "source"),
    ("deprecatedFirstTimestamp", "firstTimestamp"),
    ("deprecatedLastTimestamp", "lastTimestamp"),
    ("deprecatedCount", "count"),
];
const METRICS: &str = "autoscaling.alpha.kubernetes.io/metrics";
const BEHAVIOR: &str = "autoscaling.alpha.kubernetes.io/behavior";
const CURRENT: &str = "autoscaling.alpha.kubernetes.io/current-metrics";
const CONDITIONS: &str = "autoscaling.alpha.kubernetes.io/conditions";

/// An object as clients of `kind` see it, out of how it is kept.
pub fn shown<'a>(kind: &Kind, object: &'a Value) -> Cow<'a, Value> {
    if let Some(version) = &kind.custom {
        return Cow::Owned(custom::shown(kind, version, object));
    }
    if !kind.is_converted() || object["apiVersion"] == kind.api_version() {
        return Cow::Borrowed(object);
    }
    let mut shown = object.clone();
    if kind.kind == "Event" {
        rename(&mut shown, |(here, core)| (core, here));
    } else {
        older_autoscaler(&mut shown);
    }
    shown["apiVersion"] = kind.api_version().into();
    super::types::order(kind, &mut shown);
    Cow::Owned(shown)
}

/// An object as it is kept, out of what a client of `kind` sent.
pub fn kept(kind: &'static Kind, mut object: Value) -> Value {
    if !kind.is_converted() {
        return object;
    }
    if kind.kind == "Event" {
        rename(&mut object, |(here, core)| (here, core));
    } else {
        newer_autoscaler(&mut object);
    }
    object["apiVersion"] = kind.kept_as().api_version().into();
    object
}

fn rename(event: &mut Value, direction: fn((&'static str, &'static str)) -> (&'static str, &'static str)) {
    let Value::Object(fields) = event else { return };
    for (from, to) in EVENT_FIELDS.map(direction) {
        if let Some(value) = fields.shift_remove(from) {
            fields.insert(to.into(), value);
        }
    }
}

fn object_at<'a>(object: &'a mut Value, field: &str) -> Option<&'a mut Map<String, Value>> {
    object.get_mut(field).and_then(Value::as_object_mut)
}

/// `autoscaling/v2` to `v1`: utilisation of the processor has a field; what else there is goes into annotations.
fn older_autoscaler(object: &mut Value) {
    let mut notes = Map::new();
    if let Some(spec) = object_at(object, "spec") {
        let mut metrics = taken(spec, "metrics");
        if let Some(place) = metrics.iter().position(is_processor_target) {
            spec.insert(
                "targetCPUUtilizationPercentage".into(),
                metrics.remove(place)["resource"]["target"]["averageUtilization"].clone(),
            );
        }
        note(&mut notes, METRICS, metrics.into_iter().map(|metric| flattened(metric, "target")).collect());
        if let Some(behavior) = spec.shift_remove("behavior") {
            notes.insert(BEHAVIOR.into(), behavior.to_string().into());
        }
    }
    if let Some(status) = object_at(object, "status") {
        let metrics = taken(status, "currentMetrics");
        if let Some(current) = metrics.iter().find(|metric| is_processor(metric)) {
            let value = current["resource"]["current"]["averageUtilization"].clone();
            if !value.is_null() {
                status.insert("currentCPUUtilizationPercentage".into(), value);
            }
        }
        note(&mut notes, CURRENT, metrics.into_iter().map(|metric| flattened(metric, "current")).collect());
        note(&mut notes, CONDITIONS, taken(status, "conditions"));
        status.entry("currentReplicas").or_insert_with(|| 0.into());
    }
    if notes.is_empty() {
        return;
    }
    if !object["metadata"]["annotations"].is_object() {
        object["metadata"]["annotations"] = json!({});
    }
    if let Some(annotations) = object["metadata"]["annotations"].as_object_mut() {
        annotations.extend(notes);
    }
}

/// `autoscaling/v1` to `v2`: the way back.
fn newer_autoscaler(object: &mut Value) {
    let mut read = |name: &str| -> Value {
        let metadata = &mut object["metadata"];
        let text = metadata.get_mut("annotations").and_then(Value::as_object_mut).and_then(|notes| notes.shift_remove(name));
        if metadata["annotations"].as_object().is_some_and(Map::is_empty)
            && let Some(metadata) = metadata.as_object_mut()
        {
            metadata.shift_remove("annotations");
        }
        text.and_then(|text| serde_json::from_str(text.as_str()?).ok()).unwrap_or(Value::Null)
    };
    let list = |value: Value| if let Value::Array(items) = value { items } else { Vec::new() };
    let (metrics, behavior, current, conditions) = (list(read(METRICS)), read(BEHAVIOR), list(read(CURRENT)), read(CONDITIONS));
    if let Some(spec) = object_at(object, "spec") {
        let mut metrics: Vec<Value> = metrics.into_iter().map(|metric| nested(metric, "target")).collect();
        if let Some(percentage) = spec.shift_remove("targetCPUUtilizationPercentage") {
            let target = json!({"type": "Utilization", "averageUtilization": percentage});
            metrics.insert(0, json!({"type": "Resource", "resource": {"name": "cpu", "target": target}}));
        }
        if !metrics.is_empty() {
            spec.insert("metrics".into(), metrics.into());
        }
        if behavior.is_object() {
            spec.insert("behavior".into(), behavior);
        }
    }
    if let Some(status) = object_at(object, "status") {
        let mut current: Vec<Value> = current.into_iter().map(|metric| nested(metric, "current")).collect();
        if let Some(percentage) = status.shift_remove("currentCPUUtilizationPercentage")
            && !current.iter().any(is_processor)
        {
            current.insert(
                0,
                json!({"type": "Resource", "resource": {"name": "cpu", "current": {"averageUtilization": percentage}}}),
            );
        }
        status.insert("currentMetrics".into(), if current.is_empty() { Value::Null } else { current.into() });
        if conditions.is_array() {
            status.insert("conditions".into(), conditions);
        }
    }
}

fn taken(fields: &mut Map<String, Value>, name: &str) -> Vec<Value> {
    match fields.shift_remove(name) {
        Some(Value::Array(items)) => items,
        _ => Vec::new(),
    }
}

fn note(notes: &mut Map<String, Value>, name: &str, items: Vec<Value>) {
    if !items.is_empty() {
        notes.insert(name.into(), Value::Array(items).to_string().into());
    }
}

fn is_processor(metric: &Value) -> bool {
    metric["type"] == "Resource" && metric["resource"]["name"] == "cpu"
}

fn is_processor_target(metric: &Value) -> bool {
    is_processor(metric) && !metric["resource"]["target"]["averageUtilization"].is_null()
}

/// The section of a metric that its type names: `resource`, `pods`, `object`, `external`, `containerResource`.
fn section_of(metric: &Value) -> String {
    let name = metric["type"].as_str().unwrap_or("");
    name.chars().take(1).flat_map(char::to_lowercase).chain(name.chars().skip(1)).collect()
}

/// The names in `autoscaling/v1` of a value's fields in `v2`; those of an object's and an external metric's plain value differ.
fn older_name(section: &str, part: &str, field: &str) -> Option<&'static str> {
    Some(match (part, field, section) {
        ("target", "averageUtilization", _) => "targetAverageUtilization",
        ("target", "averageValue", "object") | ("current", "averageValue", "object") => "averageValue",
        ("target", "averageValue", _) => "targetAverageValue",
        ("target", "value", _) => "targetValue",
        ("current", "averageUtilization", _) => "currentAverageUtilization",
        ("current", "averageValue", _) => "currentAverageValue",
        ("current", "value", _) => "currentValue",
        _ => return None,
    })
}

fn flattened(mut metric: Value, part: &str) -> Value {
    let section = section_of(&metric);
    let Some(fields) = object_at(&mut metric, &section) else { return metric };
    if let Some(Value::Object(values)) = fields.shift_remove(part) {
        for (field, value) in values {
            if let Some(name) = older_name(&section, part, &field) {
                fields.insert(name.into(), value);
            }
        }
    }
    if let Some(Value::Object(named)) = fields.shift_remove("metric") {
        let selector = if section == "external" { "metricSelector" } else { "selector" };
        for (field, value) in named {
            fields.insert(if field == "name" { "metricName" } else { selector }.into(), value);
        }
    }
    if let Some(described) = fields.shift_remove("describedObject") {
        fields.insert("target".into(), described);
    }
    metric
}

fn nested(mut metric: Value, part: &str) -> Value {
    let section = section_of(&metric);
    let Some(fields) = object_at(&mut metric, &section) else { return metric };
    if section == "object"
        && let Some(described) = fields.shift_remove("target")
    {
        fields.insert("describedObject".into(), described);
    }
    let mut named = Map::new();
    for (from, to) in [("metricName", "name"), ("metricSelector", "selector"), ("selector", "selector")] {
        if let Some(value) = fields.shift_remove(from) {
            named.insert(to.into(), value);
        }
    }
    if !named.is_empty() {
        fields.insert("metric".into(), named.into());
    }
    let mut values = Map::new();
    for (field, kind) in [("averageUtilization", "Utilization"), ("averageValue", "AverageValue"), ("value", "Value")] {
        let name = older_name(&section, part, field).unwrap_or(field);
        if let Some(value) = fields.shift_remove(name) {
            if part == "target" && values.is_empty() {
                values.insert("type".into(), kind.into());
            }
            values.insert(field.into(), value);
        }
    }
    fields.insert(part.into(), values.into());
    metric
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kube::kinds;

    #[test]
    fn an_autoscaler_is_the_same_after_the_way_through_the_older_version() {
        let older = kinds::by_path("autoscaling", "v1", "horizontalpodautoscalers").unwrap();
        let kept_one = json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "h"}, "spec": {
            "scaleTargetRef": {"kind": "Deployment", "name": "d"}, "maxReplicas": 3, "metrics": [
                {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}},
                {"type": "Pods", "pods": {"metric": {"name": "rps"}, "target": {"type": "AverageValue", "averageValue": "10"}}}],
            "behavior": {"scaleDown": {"stabilizationWindowSeconds": 5}}}});
        let seen = shown(older, &kept_one).into_owned();
        assert_eq!(seen["spec"]["targetCPUUtilizationPercentage"], 80);
        assert_eq!(seen["apiVersion"], "autoscaling/v1");
        let note = seen["metadata"]["annotations"][METRICS].as_str().unwrap();
        assert_eq!(note, r#"[{"type":"Pods","pods":{"targetAverageValue":"10","metricName":"rps"}}]"#);
        assert_eq!(kept(older, seen), kept_one);
    }

    #[test]
    fn an_event_has_other_names_in_its_own_group() {
        let events = kinds::by_path("events.k8s.io", "v1", "events").unwrap();
        let event = json!({"apiVersion": "v1", "kind": "Event", "metadata": {"name": "e"}, "involvedObject": {"name": "p"},
            "message": "m", "count": 2});
        let seen = shown(events, &event).into_owned();
        assert_eq!((&seen["regarding"]["name"], &seen["note"], &seen["deprecatedCount"]), (&json!("p"), &json!("m"), &json!(2)));
        assert_eq!(kept(events, seen), event);
    }
}
