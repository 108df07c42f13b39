//! What lies below a cluster and is a plain document: maintenance configurations and trusted access role bindings. Each type says what it
//! takes; the rest is the same. Recorded: 200 for creation and change alike, ids with `resourceGroups` as the caller's, no `systemData`.

use axum::http::{Method, StatusCode};
use serde_json::{Map, Value, json};

use super::super::super::Request;
use super::super::super::error::{self, Error, Voice};
use super::super::super::headers::Answer;
use super::super::super::store::Resource;
use super::{accepted, begin, errors, guard, page};

/// Checks a name and what was sent; the properties as they are kept.
type Accept = fn(&Request<'_>, &str, &Map<String, Value>) -> Result<Map<String, Value>, Error>;

/// A type of child.
pub(super) struct Child {
    /// What messages call one.
    pub(super) noun: &'static str,
    pub(super) accept: Accept,
    /// Whether its type is shown, and its provisioning state.
    pub(super) shown_in_full: bool,
    /// From which api-version on deleting one is a long operation.
    pub(super) long_deletion: Option<&'static str>,
}

/// Answers what is asked of a child or its collection.
pub(super) fn answer(request: &Request<'_>, child: &Child) -> Result<Answer, Error> {
    let cluster = guard::cluster(request).ok_or_else(|| absent_cluster(request))?;
    let arm = &request.world.arm;
    if !request.target.is_item() {
        let found = arm.resources_of_type(&request.known.full_type(), &cluster.id);
        return Ok(page(found.iter().map(|resource| render(resource, child, resource.state(request.now))).collect()));
    }
    let id = request.canonical_id("resourceGroups");
    let existing = arm.resource(&id);
    match *request.method {
        Method::PUT => {
            let Some(sent) = request.body.get("properties").and_then(Value::as_object) else {
                return Err(errors::invalid_parameter("properties"));
            };
            let properties = (child.accept)(request, id.name(), sent)?;
            let made = || Resource::new(id.clone(), request.known.full_type(), &request.caller, request.now);
            let resource = Resource {
                properties,
                changing: "Updating",
                settled_at: request.settles_at(),
                ..existing.map_or_else(made, |existing| (*existing).clone())
            };
            let resource = arm.put_resource(resource);
            Ok(Answer::json(Voice::Cluster, StatusCode::OK, render(&resource, child, "Updating")))
        }
        Method::DELETE if existing.is_none() => Ok(Answer::empty(Voice::Cluster, StatusCode::NO_CONTENT)),
        Method::DELETE => {
            arm.remove_resource(&id);
            if child.long_deletion.is_some_and(|first| request.version.as_str() >= first) {
                return Ok(accepted(begin(request, &id, cluster.location.as_deref().unwrap_or_default(), "Deleting")));
            }
            Ok(Answer::empty(Voice::Cluster, StatusCode::OK))
        }
        _ => {
            let resource = existing.ok_or_else(|| errors::child_not_found(child.noun, id.name()))?;
            Ok(Answer::json(Voice::Cluster, StatusCode::OK, render(&resource, child, resource.state(request.now))))
        }
    }
}

/// What is asked below a cluster that does not exist.
pub(super) fn absent_cluster(request: &Request<'_>) -> Error {
    let mut id = request.target.id.clone();
    while let Some(parent) = id.parent().filter(|parent| parent.key().contains("/managedclusters/")) {
        id = parent;
    }
    error::resource_not_found(&id)
}

fn render(resource: &Resource, child: &Child, state: &str) -> Value {
    let mut body = json!({ "id": resource.id.as_str(), "name": resource.name() });
    if child.shown_in_full {
        body["type"] = json!(resource.resource_type);
        body["properties"]["provisioningState"] = json!(state);
    }
    for (member, value) in &resource.properties {
        body["properties"][member] = value.clone();
    }
    body
}

/// `trustedAccessRoleBindings`: what may act in the cluster in the name of another resource.
pub(super) const TRUSTED_ACCESS: Child =
    Child { noun: "trusted access role binding", accept: trusted_access, shown_in_full: true, long_deletion: Some("2023-09-01") };

fn trusted_access(_: &Request<'_>, name: &str, sent: &Map<String, Value>) -> Result<Map<String, Value>, Error> {
    let good = (1..=24).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if !good {
        return Err(errors::invalid_parameter("trustedAccessRoleBindingName"));
    }
    let source = sent.get("sourceResourceId").and_then(Value::as_str).unwrap_or_default();
    if !source.starts_with("/subscriptions/") || !source.contains("/providers/") {
        return Err(errors::invalid_parameter("properties.sourceResourceId"));
    }
    let roles = sent.get("roles").and_then(Value::as_array).filter(|roles| !roles.is_empty());
    let roles = roles.filter(|roles| roles.iter().all(|role| role.as_str().is_some_and(|role| role.split('/').count() >= 3)));
    let roles = roles.ok_or_else(|| errors::invalid_parameter("properties.roles"))?;
    Ok(Map::from_iter([("sourceResourceId".to_owned(), json!(source)), ("roles".to_owned(), json!(roles))]))
}
