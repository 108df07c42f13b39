//! The cells of what governs others: roles' bindings, quotas, priorities, webhooks, certificates, flows, devices.

use serde_json::{Value, json};

use super::{list, number, or_none, selector, text};
use crate::kube::table::human_duration;

pub(super) fn role_binding(object: &Value, name: Value, old: Value) -> Vec<Value> {
    let role = format!("{}/{}", text(&object["roleRef"]["kind"]), text(&object["roleRef"]["name"]));
    let subjects = |kind: &str| {
        let of_kind = list(&object["subjects"]).filter(|subject| subject["kind"] == kind);
        let named = of_kind.map(|subject| match text(&subject["namespace"]) {
            _ if kind != "ServiceAccount" => text(&subject["name"]).to_owned(),
            namespace => format!("{namespace}/{}", text(&subject["name"])),
        });
        json!(named.collect::<Vec<_>>().join(", "))
    };
    vec![name, role.into(), old, subjects("User"), subjects("Group"), subjects("ServiceAccount")]
}

pub(super) fn quota(object: &Value, name: Value, old: Value) -> Vec<Value> {
    let status = &object["status"];
    let (mut requests, mut limits) = (Vec::new(), Vec::new());
    let mut hard: Vec<(&String, &Value)> = status["hard"].as_object().into_iter().flatten().collect();
    hard.sort_by_key(|(resource, _)| resource.as_str());
    for (resource, hard) in hard {
        let used = status["used"][resource].as_str().unwrap_or("0");
        let column = if resource.starts_with("limits.") { &mut limits } else { &mut requests };
        column.push(format!("{resource}: {used}/{}", text(hard)));
    }
    vec![name, requests.join(", ").into(), limits.join(", ").into(), old]
}

pub(super) fn component(object: &Value, name: Value) -> Vec<Value> {
    let healthy = list(&object["conditions"]).find(|condition| condition["type"] == "Healthy");
    let status = match healthy.map(|condition| text(&condition["status"])) {
        None => "Unknown",
        Some("True") => "Healthy",
        Some(_) => "Unhealthy",
    };
    let told = |field: &str| json!(healthy.map_or("", |condition| text(&condition[field])));
    vec![name, status.into(), told("message"), told("error")]
}

pub(super) fn signing_request(object: &Value, name: Value, old: Value) -> Vec<Value> {
    let (spec, status) = (&object["spec"], &object["status"]);
    let has = |kind: &str| list(&status["conditions"]).any(|condition| condition["type"] == kind);
    let mut state = match (has("Denied"), has("Approved")) {
        (true, _) => "Denied",
        (false, true) => "Approved",
        (false, false) => "Pending",
    }
    .to_owned();
    if has("Failed") {
        state.push_str(",Failed");
    }
    if !text(&status["certificate"]).is_empty() {
        state.push_str(",Issued");
    }
    let lasting = spec["expirationSeconds"].as_i64().map_or_else(|| "<none>".to_owned(), human_duration);
    vec![name, old, or_none(text(&spec["signerName"])), text(&spec["username"]).into(), lasting.into(), state.into()]
}

pub(super) fn priority_class(object: &Value, name: Value, old: Value) -> Vec<Value> {
    let by_default = object["globalDefault"].as_bool().unwrap_or(false);
    vec![name, number(&object["value"]).into(), by_default.into(), old, text(&object["preemptionPolicy"]).into()]
}

pub(super) fn admission_policy(object: &Value, name: Value, old: Value) -> Vec<Value> {
    let (spec, kind) = (&object["spec"], &object["spec"]["paramKind"]);
    let kind = if kind.is_object() { format!("{}/{}", text(&kind["apiVersion"]), text(&kind["kind"])) } else { "<unset>".into() };
    vec![name, list(&spec["validations"]).count().into(), kind.into(), old]
}

pub(super) fn admission_binding(object: &Value, name: Value, old: Value) -> Vec<Value> {
    let parameter = &object["spec"]["paramRef"];
    let shown = match (text(&parameter["name"]), text(&parameter["namespace"])) {
        ("", _) if parameter["selector"].is_object() => selector(&parameter["selector"]),
        ("", _) => "<unset>".into(),
        (name, "") => format!("*/{name}"),
        (name, namespace) => format!("{namespace}/{name}"),
    };
    vec![name, text(&object["spec"]["policyName"]).into(), shown.into(), old]
}

pub(super) fn flow_schema(object: &Value, name: Value, old: Value) -> Vec<Value> {
    let spec = &object["spec"];
    let dangling = list(&object["status"]["conditions"]).find(|condition| condition["type"] == "Dangling");
    vec![
        name,
        text(&spec["priorityLevelConfiguration"]["name"]).into(),
        number(&spec["matchingPrecedence"]).into(),
        or_none(text(&spec["distinguisherMethod"]["type"])),
        old,
        dangling.map_or("?", |condition| text(&condition["status"])).into(),
    ]
}

pub(super) fn priority_level(object: &Value, name: Value, old: Value) -> Vec<Value> {
    let (spec, limited) = (&object["spec"], &object["spec"]["limited"]);
    let queuing = &limited["limitResponse"]["queuing"];
    let shown = |inside: &Value, value: &Value| if inside.is_object() { number(value).into() } else { Value::from("<none>") };
    vec![
        name,
        text(&spec["type"]).into(),
        shown(limited, &limited["nominalConcurrencyShares"]),
        shown(queuing, &queuing["queues"]),
        shown(queuing, &queuing["handSize"]),
        shown(queuing, &queuing["queueLengthLimit"]),
        old,
    ]
}

pub(super) fn device_claim(object: &Value, name: Value, old: Value) -> Vec<Value> {
    let (status, ending) = (&object["status"], !object["metadata"]["deletionTimestamp"].is_null());
    let mut states = Vec::new();
    if ending {
        states.push("deleted");
    }
    if status["allocation"].is_object() {
        states.push("allocated");
        if list(&status["reservedFor"]).count() > 0 {
            states.push("reserved");
        }
    } else if !ending {
        states.push("pending");
    }
    vec![name, states.join(",").into(), old]
}

pub(super) fn device_slice(object: &Value, name: Value, old: Value) -> Vec<Value> {
    let spec = &object["spec"];
    vec![name, text(&spec["nodeName"]).into(), text(&spec["driver"]).into(), text(&spec["pool"]["name"]).into(), old]
}
