//! Defaults of the network's kinds, of roles' bindings, limits, webhooks, flows and devices.

use serde_json::{Map, Value, json};

use super::{default, each, each_in, section};

const RBAC: &str = "rbac.authorization.k8s.io";

pub(super) fn network_policy(object: &mut Value) {
    let spec = &mut object["spec"];
    if !spec.is_object() {
        return;
    }
    if spec["policyTypes"].as_array().is_none_or(Vec::is_empty) {
        let both = spec["egress"].as_array().is_some_and(|rules| !rules.is_empty());
        spec["policyTypes"] = if both { json!(["Ingress", "Egress"]) } else { json!(["Ingress"]) };
    }
    default(spec, "podSelector", json!({}));
    for direction in ["ingress", "egress"] {
        for rule in each(spec, direction) {
            each(rule, "ports").for_each(|port| default(port, "protocol", "TCP"));
        }
    }
}

pub(super) fn ingress_class(object: &mut Value) {
    if object["spec"]["parameters"].is_object() {
        default(&mut object["spec"]["parameters"], "scope", "Cluster");
    }
}

pub(super) fn endpoint_slice(object: &mut Value) {
    for port in each(object, "ports").filter(|port| port.is_object()) {
        if port["name"].is_null() {
            port["name"] = "".into();
        }
        default(port, "protocol", "TCP");
    }
}

pub(super) fn endpoints(object: &mut Value) {
    for subset in each(object, "subsets") {
        each(subset, "ports").for_each(|port| default(port, "protocol", "TCP"));
    }
}

pub(super) fn role_binding(object: &mut Value) {
    if object["roleRef"].is_object() {
        default(&mut object["roleRef"], "apiGroup", RBAC);
    }
    for subject in each(object, "subjects") {
        if subject["kind"] == "User" || subject["kind"] == "Group" {
            default(subject, "apiGroup", RBAC);
        }
    }
}

pub(super) fn limit_range(object: &mut Value) {
    for item in each_in(object, "spec", "limits").filter(|item| item["type"] == "Container") {
        for (target, sources) in [("default", &["max"][..]), ("defaultRequest", &["default", "min"])] {
            for source in sources {
                let found = item[*source].as_object().cloned().unwrap_or_default();
                if found.is_empty() {
                    continue;
                }
                let limits: &mut Map<String, Value> = section(item, target);
                for (resource, amount) in found {
                    limits.entry(resource).or_insert(amount);
                }
            }
        }
    }
}

pub(super) fn webhooks(object: &mut Value) {
    let mutating = object["kind"] == "MutatingWebhookConfiguration";
    for webhook in each(object, "webhooks").filter(|webhook| webhook.is_object()) {
        default(webhook, "failurePolicy", "Fail");
        selectors(webhook);
        default(webhook, "timeoutSeconds", 10);
        if mutating {
            default(webhook, "reinvocationPolicy", "Never");
        }
        each(webhook, "rules").for_each(|rule| default(rule, "scope", "*"));
        if webhook["clientConfig"]["service"].is_object() {
            default(&mut webhook["clientConfig"]["service"], "port", 443);
        }
    }
}

fn selectors(matching: &mut Value) {
    default(matching, "matchPolicy", "Equivalent");
    default(matching, "namespaceSelector", json!({}));
    default(matching, "objectSelector", json!({}));
    for list in ["resourceRules", "excludeResourceRules"] {
        each(matching, list).for_each(|rule| default(rule, "scope", "*"));
    }
}

pub(super) fn admission_policy(object: &mut Value) {
    let spec = &mut object["spec"];
    if spec.is_object() {
        default(spec, "failurePolicy", "Fail");
        if spec["matchConstraints"].is_object() {
            selectors(&mut spec["matchConstraints"]);
        }
    }
}

pub(super) fn admission_binding(object: &mut Value) {
    if object["spec"]["matchResources"].is_object() {
        selectors(&mut object["spec"]["matchResources"]);
    }
}

pub(super) fn flow_schema(object: &mut Value) {
    let spec = &mut object["spec"];
    if spec.is_object() && spec["matchingPrecedence"].as_i64().unwrap_or(0) == 0 {
        spec["matchingPrecedence"] = 1000.into();
    }
}

pub(super) fn priority_level(object: &mut Value) {
    let spec = &mut object["spec"];
    for (section, shares) in [("exempt", 0), ("limited", 30)] {
        if spec[section].is_object() {
            default(&mut spec[section], "nominalConcurrencyShares", shares);
            default(&mut spec[section], "lendablePercent", 0);
        }
    }
    if spec["limited"]["limitResponse"]["queuing"].is_object() {
        let queuing = &mut spec["limited"]["limitResponse"]["queuing"];
        for (field, value) in [("handSize", 8), ("queues", 64), ("queueLengthLimit", 50)] {
            if queuing[field].as_i64().unwrap_or(0) == 0 {
                queuing[field] = value.into();
            }
        }
    }
}

pub(super) fn device_requests(spec: &mut Value) {
    if !spec["devices"].is_object() {
        return;
    }
    for request in each_in(spec, "devices", "requests") {
        if request["exactly"].is_object() {
            device_count(&mut request["exactly"]);
        }
        each(request, "firstAvailable").for_each(device_count);
    }
}

fn device_count(request: &mut Value) {
    default(request, "allocationMode", "ExactCount");
    if request["allocationMode"] == "ExactCount" {
        default(request, "count", 1);
    }
}
