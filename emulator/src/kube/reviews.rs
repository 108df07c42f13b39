//! Reviews that are answered and not stored: who am I, may I, what may I (`SelfSubjectReview`, `SelfSubjectAccessReview`,
//! `SelfSubjectRulesReview`).

use serde_json::{Value, json};

use super::auth::{Attributes, User};
use super::kinds::Kind;

/// Whether objects of this kind are reviews.
pub fn is_review(kind: &Kind) -> bool {
    matches!(kind.group.as_str(), "authentication.k8s.io" | "authorization.k8s.io")
}

/// Whether objects of this kind that are not kept are answered.
pub fn is_answered(kind: &Kind) -> bool {
    kind.custom.is_some()
        || !matches!(kind.kind.as_str(), "Binding" | "TokenReview" | "SubjectAccessReview" | "LocalSubjectAccessReview")
}

/// Writes into a request for a certificate who asks for it.
pub fn sign(request: &mut Value, user: &User) {
    if let (Some(spec), Value::Object(told)) = (request["spec"].as_object_mut(), user.to_json()) {
        for field in ["username", "uid", "groups", "extra"] {
            spec.shift_remove(field);
            if let Some(value) = told.get(field) {
                spec.insert(field.into(), value.clone());
            }
        }
    }
}

/// The review with its status.
pub fn review(kind: &Kind, mut object: Value, user: &User) -> Value {
    if !object["metadata"].is_object() {
        object["metadata"] = json!({});
    }
    object["status"] = match kind.kind.as_str() {
        "SelfSubjectReview" => json!({"userInfo": user.to_json()}),
        "SelfSubjectAccessReview" => access(&object["spec"], user),
        _ => rules(user),
    };
    object
}

fn access(spec: &Value, user: &User) -> Value {
    let text = |value: &Value, field: &str| value[field].as_str().unwrap_or("").to_owned();
    let allowed = if spec["nonResourceAttributes"].is_object() {
        let asked = &spec["nonResourceAttributes"];
        user.authorize_path(&text(asked, "verb"), &text(asked, "path")).is_ok()
    } else {
        let asked = &spec["resourceAttributes"];
        let [verb, group, resource, namespace, name] =
            ["verb", "group", "resource", "namespace", "name"].map(|field| text(asked, field));
        let asked = Attributes { verb: &verb, group: &group, resource: &resource, namespace: &namespace, name: &name };
        user.authorize(asked).is_ok()
    };
    json!({"allowed": allowed})
}

fn rules(user: &User) -> Value {
    if user.is_administrator() {
        return json!({
            "resourceRules": [{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}],
            "nonResourceRules": [{"verbs": ["*"], "nonResourceURLs": ["*"]}],
            "incomplete": false,
        });
    }
    json!({"resourceRules": [], "incomplete": false,
        "nonResourceRules": [{"verbs": ["get"], "nonResourceURLs": ["/healthz", "/livez", "/readyz", "/version", "/version/"]}]})
}
