//! Reviews that are answered and not stored: who am I, may I, what may I, may someone else, whose token is this
//! (`pkg/registry/{authorization,authentication}`).

use std::sync::Arc;

use serde_json::{Value, json};

use super::auth::{self, Attributes, Decision, User};
use super::error::{Cause, Error};
use super::kinds::Kind;
use super::rbac::{Asked, Rule};
use super::store::Cluster;
use super::types;
use crate::world::World;

/// Whether objects of this kind are reviews.
pub fn is_review(kind: &Kind) -> bool {
    matches!(kind.group.as_str(), "authentication.k8s.io" | "authorization.k8s.io")
}

/// Whether objects of this kind that are not kept are answered.
pub fn is_answered(kind: &Kind) -> bool {
    kind.custom.is_some() || kind.kind != "Binding"
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
pub fn review(world: &Arc<World>, cluster: &Cluster, kind: &Kind, mut object: Value, user: &User) -> Result<Value, Error> {
    if !object["metadata"].is_object() {
        object["metadata"] = json!({});
    }
    let causes = causes(kind, &object);
    if !causes.is_empty() {
        return Err(Error::invalid(kind, "", &causes));
    }
    object["status"] = match kind.kind.as_str() {
        "SelfSubjectReview" => json!({ "userInfo": user.to_json() }),
        "SelfSubjectAccessReview" => access(cluster, &object["spec"], user),
        "SubjectAccessReview" | "LocalSubjectAccessReview" => access(cluster, &object["spec"], &named(&object["spec"])),
        "TokenReview" => token(world, cluster, &object["spec"])?,
        _ => rules(cluster, &object["spec"], user)?,
    };
    types::order(kind, &mut object);
    Ok(object)
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_default()
}

fn texts(list: &Value) -> Vec<String> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// What breaks the rules for reviews (`pkg/apis/authorization/validation`).
fn causes(kind: &Kind, object: &Value) -> Vec<Cause> {
    let spec = &object["spec"];
    let (resource, path) = (&spec["resourceAttributes"], &spec["nonResourceAttributes"]);
    let mut causes = Vec::new();
    if !kind.kind.ends_with("AccessReview") {
        return causes;
    }
    if resource.is_object() && path.is_object() {
        let detail = "cannot be specified in combination with resourceAttributes";
        causes.push(Cause::invalid("spec.nonResourceAttributes", path, detail));
    }
    if !resource.is_object() && !path.is_object() {
        let detail = "exactly one of nonResourceAttributes or resourceAttributes must be specified";
        causes.push(Cause::invalid("spec.resourceAttributes", &Value::Null, detail));
    }
    let about_others = kind.kind != "SelfSubjectAccessReview";
    if about_others && text(spec, "user").is_empty() && texts(&spec["groups"]).is_empty() {
        let detail = "at least one of user or group must be specified";
        causes.push(Cause::invalid("spec.user", &json!(text(spec, "user")), detail));
    }
    if kind.namespaced {
        let named = text(resource, "namespace");
        if resource.is_object() && named != text(&object["metadata"], "namespace") {
            causes.push(Cause::invalid("spec.resourceAttributes.namespace", &json!(named), "must match metadata.namespace"));
        }
        if path.is_object() {
            causes.push(Cause::invalid("spec.nonResourceAttributes", path, "disallowed on this kind of request"));
        }
    }
    causes
}

/// Somebody whom a review names.
fn named(spec: &Value) -> User {
    let extra = spec["extra"].as_object().into_iter().flatten();
    let extra = extra.map(|(key, list)| (key.clone(), texts(list))).collect();
    User::named(text(spec, "user"), texts(&spec["groups"])).with(text(spec, "uid"), extra)
}

fn access(cluster: &Cluster, spec: &Value, user: &User) -> Value {
    let asked = &spec["resourceAttributes"];
    let Decision { allowed, reason } = if asked.is_object() {
        let plural = text(asked, "resource");
        let below = text(asked, "subresource");
        let resource = if below.is_empty() { plural.to_owned() } else { format!("{plural}/{below}") };
        let [verb, group, namespace, name] = ["verb", "group", "namespace", "name"].map(|field| text(asked, field));
        user.decide(cluster, &Asked::Resource(Attributes { verb, group, resource: &resource, namespace, name }))
    } else {
        let asked = &spec["nonResourceAttributes"];
        user.decide(cluster, &Asked::Path { verb: text(asked, "verb"), path: text(asked, "path") })
    };
    let mut status = json!({ "allowed": allowed });
    if !reason.is_empty() {
        status["reason"] = json!(reason);
    }
    status
}

/// What the user may do in a namespace, as far as Kubernetes' roles say.
fn rules(cluster: &Cluster, spec: &Value, user: &User) -> Result<Value, Error> {
    let namespace = text(spec, "namespace");
    if namespace.is_empty() {
        return Err(Error::bad_request("no namespace on request"));
    }
    let (rules, fault) = cluster.rbac().rules_for(user.subject(), namespace);
    let (paths, resources): (Vec<&Rule>, Vec<&Rule>) = rules.iter().partition(|rule| !rule.non_resource_urls.is_empty());
    let shown = |rules: Vec<&Rule>| rules.into_iter().map(Rule::to_json).collect::<Vec<_>>();
    let faults = fault.into_iter().chain(user.is_judged_by_azure().then(|| {
        // What Azure's roles give cannot be listed.
        "webhook authorizer does not support user rule resolution".to_owned()
    }));
    let faults: Vec<String> = faults.collect();
    let mut status = json!({
        "resourceRules": shown(resources), "nonResourceRules": shown(paths), "incomplete": !faults.is_empty(),
    });
    if !faults.is_empty() {
        status["evaluationError"] = json!(faults.join(", "));
    }
    Ok(status)
}

/// Whose token it is.
fn token(world: &Arc<World>, cluster: &Cluster, spec: &Value) -> Result<Value, Error> {
    let shown = text(spec, "token");
    if shown.is_empty() {
        return Err(Error::bad_request("token is required for TokenReview in authentication"));
    }
    let own = auth::audiences(world, cluster);
    let wanted = Some(texts(&spec["audiences"])).filter(|wanted| !wanted.is_empty());
    let audiences = wanted.unwrap_or(own);
    Ok(match auth::of_token(world, cluster, shown, &audiences) {
        Some(user) => json!({ "authenticated": true, "user": user.to_json(), "audiences": audiences }),
        None => json!({
            "user": {}, "error": "[invalid bearer token, token lookup failed]",
        }),
    })
}
