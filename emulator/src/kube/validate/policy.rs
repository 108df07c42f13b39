//! Rules for roles, autoscalers, disruption budgets, priorities, classes of storage and leases
//! (`pkg/apis/{rbac,autoscaling,policy,scheduling,storage,coordination,node}/validation`).

use serde_json::{Value, json};

use super::names::{label_fault, selector};
use super::{SUBDOMAIN, enumerated, is_subdomain, list, not_negative, text};
use crate::kube::error::Cause;

const RBAC: &str = "rbac.authorization.k8s.io";

pub(super) fn none(value: &Value) -> bool {
    value.as_array().is_none_or(Vec::is_empty)
}

pub(super) fn role(object: &Value, namespaced: bool, causes: &mut Vec<Cause>) {
    if object["aggregationRule"].is_object() && none(&object["aggregationRule"]["clusterRoleSelectors"]) {
        let why = "at least one clusterRoleSelector required if aggregationRule is non-nil";
        causes.push(Cause::required("aggregationRule.clusterRoleSelectors", why));
    }
    for (index, rule) in list(&object["rules"]) {
        let place = format!("rules[{index}]");
        if none(&rule["verbs"]) {
            causes.push(Cause::required(format!("{place}.verbs"), "verbs must contain at least one value"));
        }
        if !none(&rule["nonResourceURLs"]) {
            let at = format!("{place}.nonResourceURLs");
            if namespaced {
                let why = "namespaced rules cannot apply to non-resource URLs";
                causes.push(Cause::invalid(at.clone(), &rule["nonResourceURLs"], why));
            }
            if !none(&rule["apiGroups"]) || !none(&rule["resources"]) || !none(&rule["resourceNames"]) {
                let why = "rules cannot apply to both regular resources and non-resource URLs";
                causes.push(Cause::invalid(at, &rule["nonResourceURLs"], why));
            }
            continue;
        }
        if none(&rule["apiGroups"]) {
            causes.push(Cause::required(format!("{place}.apiGroups"), "resource rules must supply at least one api group"));
        }
        if none(&rule["resources"]) {
            causes.push(Cause::required(format!("{place}.resources"), "resource rules must supply at least one resource"));
        }
    }
}

pub(super) fn role_binding(object: &Value, namespaced: bool, causes: &mut Vec<Cause>) {
    let role = &object["roleRef"];
    if text(&role["apiGroup"]) != RBAC {
        causes.push(Cause::not_supported("roleRef.apiGroup", &json!(text(&role["apiGroup"])), &[RBAC]));
    }
    let kinds: &[&str] = if namespaced { &["Role", "ClusterRole"] } else { &["ClusterRole"] };
    if !kinds.contains(&text(&role["kind"])) {
        causes.push(Cause::not_supported("roleRef.kind", &json!(text(&role["kind"])), kinds));
    }
    if text(&role["name"]).is_empty() {
        causes.push(Cause::required("roleRef.name", ""));
    }
    for (index, subject) in list(&object["subjects"]) {
        let place = format!("subjects[{index}]");
        if text(&subject["name"]).is_empty() {
            causes.push(Cause::required(format!("{place}.name"), ""));
        }
        let group = text(&subject["apiGroup"]);
        match text(&subject["kind"]) {
            "ServiceAccount" => {
                if !text(&subject["name"]).is_empty() && !is_subdomain(text(&subject["name"])) {
                    causes.push(Cause::invalid(format!("{place}.name"), &subject["name"], SUBDOMAIN));
                }
                if !group.is_empty() {
                    causes.push(Cause::not_supported(format!("{place}.apiGroup"), &subject["apiGroup"], &[""]));
                }
                if !namespaced && text(&subject["namespace"]).is_empty() {
                    causes.push(Cause::required(format!("{place}.namespace"), ""));
                }
            }
            "User" | "Group" => {
                if group != RBAC {
                    causes.push(Cause::not_supported(format!("{place}.apiGroup"), &json!(group), &[RBAC]));
                }
            }
            kind => {
                causes.push(Cause::not_supported(format!("{place}.kind"), &json!(kind), &["ServiceAccount", "User", "Group"]));
            }
        }
    }
}

pub(super) fn autoscaler(spec: &Value, causes: &mut Vec<Cause>) {
    let (least, most) = (spec["minReplicas"].as_i64(), spec["maxReplicas"].as_i64().unwrap_or(0));
    if least.is_some_and(|least| least < 1) {
        causes.push(Cause::invalid("spec.minReplicas", &spec["minReplicas"], "must be greater than or equal to 1"));
    }
    if most < 1 {
        causes.push(Cause::invalid("spec.maxReplicas", &json!(most), "must be greater than 0"));
    }
    if least.is_some_and(|least| most < least) {
        causes.push(Cause::invalid("spec.maxReplicas", &json!(most), "must be greater than or equal to `minReplicas`"));
    }
    for field in ["kind", "name"].into_iter().filter(|field| text(&spec["scaleTargetRef"][*field]).is_empty()) {
        causes.push(Cause::required(format!("spec.scaleTargetRef.{field}"), ""));
    }
    for (index, metric) in list(&spec["metrics"]) {
        metric_source(&format!("spec.metrics[{index}]"), metric, causes);
    }
    for direction in ["scaleUp", "scaleDown"] {
        scaling_rules(&format!("spec.behavior.{direction}"), &spec["behavior"][direction], causes);
    }
}

fn metric_source(at: &str, metric: &Value, causes: &mut Vec<Cause>) {
    let known = [
        ("ContainerResource", "containerResource"),
        ("External", "external"),
        ("Object", "object"),
        ("Pods", "pods"),
        ("Resource", "resource"),
    ];
    let kind = text(&metric["type"]);
    let Some((_, section)) = known.iter().find(|(name, _)| *name == kind) else {
        causes.push(if kind.is_empty() {
            Cause::required(format!("{at}.type"), "must specify a metric source type")
        } else {
            Cause::not_supported(format!("{at}.type"), &metric["type"], &known.map(|(name, _)| name))
        });
        return;
    };
    let source = &metric[*section];
    if !source.is_object() {
        causes.push(Cause::required(format!("{at}.{section}"), "must populate information for the given metric source"));
        return;
    }
    for (_, other) in known.iter().filter(|(_, other)| other != section && metric[*other].is_object()) {
        causes.push(Cause::forbidden(format!("{at}.{other}"), "must populate the given metric source only"));
    }
    let (place, target) = (format!("{at}.{section}"), &source["target"]);
    if matches!(*section, "resource" | "containerResource") {
        if text(&source["name"]).is_empty() {
            causes.push(Cause::required(format!("{place}.name"), "must specify a resource name"));
        }
        let (utilization, value) = (&target["averageUtilization"], &target["averageValue"]);
        if utilization.is_null() && value.is_null() {
            let why = "must set either a target raw value or a target utilization";
            causes.push(Cause::required(format!("{place}.target.averageUtilization"), why));
        }
        if !utilization.is_null() && !value.is_null() {
            let why = "may not set both a target raw value and a target utilization";
            causes.push(Cause::forbidden(format!("{place}.target.averageValue"), why));
        }
    } else if text(&source["metric"]["name"]).is_empty() {
        causes.push(Cause::required(format!("{place}.metric.name"), "must specify a metric name"));
    }
    if target["averageUtilization"].as_i64().is_some_and(|number| number < 1) {
        let why = "must be greater than 0";
        causes.push(Cause::invalid(format!("{place}.target.averageUtilization"), &target["averageUtilization"], why));
    }
    match text(&target["type"]) {
        "Utilization" | "Value" | "AverageValue" => {}
        "" => causes.push(Cause::required(format!("{place}.target.type"), "must specify a metric target type")),
        _ => {
            let why = "must be either Utilization, Value, or AverageValue";
            causes.push(Cause::invalid(format!("{place}.target.type"), &target["type"], why));
        }
    }
}

fn scaling_rules(at: &str, rules: &Value, causes: &mut Vec<Cause>) {
    if !rules.is_object() {
        return;
    }
    let window = &rules["stabilizationWindowSeconds"];
    if window.as_i64().is_some_and(|seconds| seconds < 0) {
        let why = "must be greater than or equal to zero";
        causes.push(Cause::invalid(format!("{at}.stabilizationWindowSeconds"), window, why));
    }
    if window.as_i64().is_some_and(|seconds| seconds > 3600) {
        let why = "must be less than or equal to 3600";
        causes.push(Cause::invalid(format!("{at}.stabilizationWindowSeconds"), window, why));
    }
    enumerated(at, rules, "selectPolicy", &["Disabled", "Max", "Min"], causes);
    if none(&rules["policies"]) {
        causes.push(Cause::required(format!("{at}.policies"), "must specify at least one Policy"));
    }
    for (index, policy) in list(&rules["policies"]) {
        let place = format!("{at}.policies[{index}]");
        enumerated(&place, policy, "type", &["Percent", "Pods"], causes);
        for field in ["value", "periodSeconds"] {
            if policy[field].as_i64().unwrap_or(0) <= 0 {
                let shown = json!(policy[field].as_i64().unwrap_or(0));
                causes.push(Cause::invalid(format!("{place}.{field}"), &shown, "must be greater than zero"));
            }
        }
    }
}

pub(super) fn disruption_budget(spec: &Value, causes: &mut Vec<Cause>) {
    let (least, most) = (&spec["minAvailable"], &spec["maxUnavailable"]);
    if !least.is_null() && !most.is_null() {
        // As Go writes the type of its own, whose fields have no other names.
        let shown = json!({"MinAvailable": least, "Selector": spec["selector"], "MaxUnavailable": most,
            "UnhealthyPodEvictionPolicy": spec["unhealthyPodEvictionPolicy"]});
        causes.push(Cause::invalid("spec", &shown, "minAvailable and maxUnavailable cannot be both set"));
    }
    amount("spec.minAvailable", least, causes);
    amount("spec.maxUnavailable", most, causes);
    selector("spec.selector", &spec["selector"], causes);
    enumerated("spec", spec, "unhealthyPodEvictionPolicy", &["AlwaysAllow", "IfHealthyBudget"], causes);
}

/// A count, or a share of at most all.
fn amount(at: &str, value: &Value, causes: &mut Vec<Cause>) {
    match value {
        Value::Number(number) if number.as_i64().is_some_and(|number| number < 0) => {
            causes.push(Cause::invalid(at, value, "must be greater than or equal to 0"));
        }
        Value::String(share) => {
            let percent =
                share.strip_suffix('%').filter(|digits| !digits.is_empty()).and_then(|digits| digits.parse::<u32>().ok());
            match percent {
                None => {
                    let why = "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', \
                               regex used for validation is '[0-9]+%')";
                    causes.push(Cause::invalid(at, value, why));
                }
                Some(101..) => causes.push(Cause::invalid(at, value, "must not be greater than 100%")),
                Some(_) => {}
            }
        }
        _ => {}
    }
}

pub(super) fn priority_class(object: &Value, causes: &mut Vec<Cause>) {
    let (name, value) = (text(&object["metadata"]["name"]), object["value"].as_i64().unwrap_or(0));
    let system = [("system-node-critical", 2_000_001_000), ("system-cluster-critical", 2_000_000_000)];
    if name.starts_with("system-") {
        if !system.contains(&(name, value)) {
            let why = "priority class names with 'system-' prefix are reserved for system use only. error: ";
            let error = if system.iter().any(|(known, _)| *known == name) {
                format!(
                    "value of {name} PriorityClass must be {}",
                    system.iter().find(|(known, _)| *known == name).map_or(0, |(_, value)| *value)
                )
            } else {
                format!("{name} is not a known system priority class")
            };
            causes.push(Cause::forbidden("metadata.name", &format!("{why}{error}")));
        }
    } else if value > 1_000_000_000 {
        causes.push(Cause::forbidden("value", "maximum allowed value of a user defined priority is 1000000000"));
    }
    enumerated_at("preemptionPolicy", object, &["Never", "PreemptLowerPriority"], causes);
}

fn enumerated_at(field: &str, object: &Value, supported: &[&str], causes: &mut Vec<Cause>) {
    enumerated("", object, field, supported, causes);
}

pub(super) fn storage_class(object: &Value, causes: &mut Vec<Cause>) {
    if text(&object["provisioner"]).is_empty() {
        causes.push(Cause::required("provisioner", ""));
    }
    enumerated_at("reclaimPolicy", object, &["Delete", "Retain"], causes);
    enumerated_at("volumeBindingMode", object, &["Immediate", "WaitForFirstConsumer"], causes);
    for (key, _) in object["parameters"].as_object().into_iter().flatten().filter(|(key, _)| key.is_empty()) {
        causes.push(Cause::invalid("parameters", &json!(key), "field can not be empty."));
    }
}

pub(super) fn volume_attributes_class(object: &Value, causes: &mut Vec<Cause>) {
    if text(&object["driverName"]).is_empty() {
        causes.push(Cause::required("driverName", ""));
    }
    if object["parameters"].as_object().is_none_or(serde_json::Map::is_empty) {
        causes.push(Cause::required("parameters", "must contain at least one key/value pair"));
    }
}

pub(super) fn attachment(spec: &Value, causes: &mut Vec<Cause>) {
    if text(&spec["attacher"]).is_empty() {
        causes.push(Cause::required("spec.attacher", ""));
    }
    let why = "must specify exactly one of inlineVolumeSpec and persistentVolumeName";
    match (&spec["source"]["inlineVolumeSpec"], &spec["source"]["persistentVolumeName"]) {
        (Value::Null, Value::Null) => causes.push(Cause::required("spec.source", why)),
        (Value::Null, name) if text(name).is_empty() => {
            causes.push(Cause::required("spec.source.persistentVolumeName", "must specify non empty persistentVolumeName"));
        }
        (inline, name) if !inline.is_null() && !name.is_null() => causes.push(Cause::forbidden("spec.source", why)),
        _ => {}
    }
    if !is_subdomain(text(&spec["nodeName"])) {
        causes.push(Cause::invalid("spec.nodeName", &json!(text(&spec["nodeName"])), SUBDOMAIN));
    }
}

pub(super) fn csi_driver(spec: &Value, causes: &mut Vec<Cause>) {
    enumerated("spec", spec, "fsGroupPolicy", &["File", "None", "ReadWriteOnceWithFSType"], causes);
    for (index, mode) in list(&spec["volumeLifecycleModes"]) {
        if mode != "Persistent" && mode != "Ephemeral" {
            let at = format!("spec.volumeLifecycleModes[{index}]");
            causes.push(Cause::not_supported(at, mode, &["Persistent", "Ephemeral"]));
        }
    }
}

pub(super) fn lease(spec: &Value, causes: &mut Vec<Cause>) {
    if spec["leaseDurationSeconds"].as_i64().is_some_and(|seconds| seconds <= 0) {
        causes.push(Cause::invalid("spec.leaseDurationSeconds", &spec["leaseDurationSeconds"], "must be greater than 0"));
    }
    not_negative("spec", spec, &["leaseTransitions"], causes);
}

pub(super) fn runtime_class(object: &Value, causes: &mut Vec<Cause>) {
    let handler = text(&object["handler"]);
    causes.extend(label_fault(handler).map(|fault| Cause::invalid("handler", &json!(handler), &fault)));
}
