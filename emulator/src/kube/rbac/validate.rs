//! What roles and bindings must be like (`pkg/apis/rbac/validation`), and what is filled in for them (`pkg/apis/rbac/v1/defaults.go`).

use serde_json::{Value, json};

use super::GROUP;
use crate::kube::error::Cause;
use crate::kube::kinds::Kind;

/// Whether objects of this kind are roles or bindings.
pub fn concerns(kind: &Kind) -> bool {
    kind.group == GROUP
}

/// Fills in the API groups that bindings leave out.
pub fn fill_in(kind: &Kind, object: &mut Value) {
    if !kind.kind.ends_with("RoleBinding") {
        return;
    }
    let empty = |value: &Value| value.as_str().is_none_or(str::is_empty);
    if object["roleRef"].is_object() && empty(&object["roleRef"]["apiGroup"]) {
        object["roleRef"]["apiGroup"] = json!(GROUP);
    }
    for subject in object.get_mut("subjects").and_then(Value::as_array_mut).into_iter().flatten() {
        if matches!(subject["kind"].as_str(), Some("User" | "Group")) && empty(&subject["apiGroup"]) {
            subject["apiGroup"] = json!(GROUP);
        }
    }
}

/// What is wrong with a role or a binding.
pub fn causes(kind: &Kind, object: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    if kind.kind.ends_with("RoleBinding") {
        role_ref(kind, &object["roleRef"], &mut causes);
        for (index, subject) in object["subjects"].as_array().into_iter().flatten().enumerate() {
            check_subject(kind, &format!("subjects[{index}]"), subject, &mut causes);
        }
        return causes;
    }
    for (index, rule) in object["rules"].as_array().into_iter().flatten().enumerate() {
        check_rule(kind, &format!("rules[{index}]"), rule, &mut causes);
    }
    let aggregation = &object["aggregationRule"];
    if aggregation.is_object() && is_empty(&aggregation["clusterRoleSelectors"]) {
        let detail = "at least one clusterRoleSelector required if aggregationRule is non-nil";
        causes.push(Cause::required("aggregationRule.clusterRoleSelectors", detail));
    }
    causes
}

/// A binding keeps the role that it began with.
pub fn changed(kind: &Kind, old: &Value, new: &Value) -> Option<Cause> {
    let moved = kind.kind.ends_with("RoleBinding") && old["roleRef"] != new["roleRef"];
    moved.then(|| Cause::invalid("roleRef", &new["roleRef"], "cannot change roleRef"))
}

fn is_empty(list: &Value) -> bool {
    list.as_array().is_none_or(Vec::is_empty)
}

fn check_rule(kind: &Kind, at: &str, rule: &Value, causes: &mut Vec<Cause>) {
    if is_empty(&rule["verbs"]) {
        causes.push(Cause::required(format!("{at}.verbs"), "verbs must contain at least one value"));
    }
    let urls = &rule["nonResourceURLs"];
    if !is_empty(urls) {
        let mut refuse = |detail| causes.push(Cause::invalid(format!("{at}.nonResourceURLs"), urls, detail));
        if kind.namespaced {
            refuse("namespaced rules cannot apply to non-resource URLs");
        }
        if ["apiGroups", "resources", "resourceNames"].iter().any(|field| !is_empty(&rule[*field])) {
            refuse("rules cannot apply to both regular resources and non-resource URLs");
        }
        return;
    }
    if is_empty(&rule["apiGroups"]) {
        causes.push(Cause::required(format!("{at}.apiGroups"), "resource rules must supply at least one api group"));
    }
    if is_empty(&rule["resources"]) {
        causes.push(Cause::required(format!("{at}.resources"), "resource rules must supply at least one resource"));
    }
}

fn role_ref(kind: &Kind, reference: &Value, causes: &mut Vec<Cause>) {
    let text = |field: &str| json!(reference[field].as_str().unwrap_or_default());
    let kinds: &[&str] = if kind.namespaced { &["Role", "ClusterRole"] } else { &["ClusterRole"] };
    if text("apiGroup") != GROUP {
        causes.push(Cause::not_supported("roleRef.apiGroup", &text("apiGroup"), &[GROUP]));
    }
    if !kinds.iter().any(|known| text("kind") == *known) {
        causes.push(Cause::not_supported("roleRef.kind", &text("kind"), kinds));
    }
    let name = text("name");
    match name.as_str().unwrap_or_default() {
        "" => causes.push(Cause::required("roleRef.name", "")),
        plain => causes.extend(name_fault(plain).map(|fault| Cause::invalid("roleRef.name", &name, &fault))),
    }
}

/// Names of roles and bindings may be anything that is one segment of a path (`validation/path`).
pub fn name_fault(name: &str) -> Option<String> {
    match name {
        "." | ".." => Some(format!("may not be '{name}'")),
        _ => ['/', '%'].into_iter().find(|no| name.contains(*no)).map(|no| format!("may not contain '{no}'")),
    }
}

fn check_subject(kind: &Kind, at: &str, subject: &Value, causes: &mut Vec<Cause>) {
    let text = |field: &str| subject[field].as_str().unwrap_or_default();
    if text("name").is_empty() {
        causes.push(Cause::required(format!("{at}.name"), ""));
    }
    match text("kind") {
        "ServiceAccount" => {
            if !text("apiGroup").is_empty() {
                causes.push(Cause::not_supported(format!("{at}.apiGroup"), &json!(text("apiGroup")), &[""]));
            }
            if !kind.namespaced && text("namespace").is_empty() {
                causes.push(Cause::required(format!("{at}.namespace"), ""));
            }
        }
        "User" | "Group" if text("apiGroup") != GROUP => {
            causes.push(Cause::not_supported(format!("{at}.apiGroup"), &json!(text("apiGroup")), &[GROUP]));
        }
        "User" | "Group" => {}
        other => {
            causes.push(Cause::not_supported(format!("{at}.kind"), &json!(other), &["ServiceAccount", "User", "Group"]));
        }
    }
}
