//! The cells of nodes and events.

use jiff::Timestamp;
use serde_json::Value;

use super::{list, number, or_none, text};
use crate::kube::table::age;

pub(super) fn event(object: &Value, name: Value, now: Timestamp) -> Vec<Value> {
    let first_of = |fields: &[&str]| fields.iter().map(|field| &object[*field]).find(|value| value.is_string()).cloned();
    let first = first_of(&["firstTimestamp", "eventTime"]).unwrap_or(Value::Null);
    let series = &object["series"]["lastObservedTime"];
    let last = if series.is_string() { series.clone() } else { first_of(&["lastTimestamp", "eventTime"]).unwrap_or(Value::Null) };
    let involved = &object["involvedObject"];
    let target = format!("{}/{}", text(&involved["kind"]).to_lowercase(), text(&involved["name"]));
    let (component, host) = (text(&object["source"]["component"]), text(&object["source"]["host"]));
    let (component, host) = if component.is_empty() {
        (text(&object["reportingComponent"]), text(&object["reportingInstance"]))
    } else {
        (component, host)
    };
    let source = if host.is_empty() { component.to_owned() } else { format!("{component}, {host}") };
    let times = object["series"]["count"].as_i64().unwrap_or_else(|| number(&object["count"]).max(1));
    vec![
        age(&last, now).into(),
        text(&object["type"]).into(),
        text(&object["reason"]).into(),
        target.into(),
        text(&involved["fieldPath"]).into(),
        source.into(),
        text(&object["message"]).trim().into(),
        age(&first, now).into(),
        times.into(),
        name,
    ]
}

pub(super) fn node(object: &Value, name: Value, old: Value) -> Vec<Value> {
    let (status, info) = (&object["status"], &object["status"]["nodeInfo"]);
    let ready = list(&status["conditions"]).find(|condition| condition["type"] == "Ready");
    let mut state = match ready.map(|condition| text(&condition["status"])) {
        Some("True") => "Ready".to_owned(),
        Some(_) => "NotReady".into(),
        None => "Unknown".into(),
    };
    if object["spec"]["unschedulable"] == true {
        state.push_str(",SchedulingDisabled");
    }
    let address = |kind: &str| {
        or_none(
            list(&status["addresses"]).find(|address| address["type"] == kind).map_or("", |address| text(&address["address"])),
        )
    };
    let known = |value: &Value| if text(value).is_empty() { "<unknown>".into() } else { value.clone() };
    vec![
        name,
        state.into(),
        roles(&object["metadata"]["labels"]).into(),
        old,
        text(&info["kubeletVersion"]).into(),
        address("InternalIP"),
        address("ExternalIP"),
        known(&info["osImage"]),
        known(&info["kernelVersion"]),
        known(&info["containerRuntimeVersion"]),
    ]
}

fn roles(labels: &Value) -> String {
    let mut roles: Vec<&str> = Vec::new();
    for (key, value) in labels.as_object().into_iter().flatten() {
        if let Some(role) = key.strip_prefix("node-role.kubernetes.io/").filter(|role| !role.is_empty()) {
            roles.push(role);
        } else if key == "kubernetes.io/role" && !text(value).is_empty() {
            roles.push(text(value));
        }
    }
    roles.sort_unstable();
    roles.dedup();
    if roles.is_empty() { "<none>".into() } else { roles.join(",") }
}
