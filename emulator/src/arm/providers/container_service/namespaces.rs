//! Managed namespaces: namespaces of a cluster that ARM makes, labels and takes away.
//!
//! The Kubernetes namespace comes and goes with them. Their quota and network policy are kept and shown, but azlet's clusters have neither
//! quotas nor network policies to enforce them. Sources: AKS' REST reference (members, policies) and its documentation of managed
//! namespaces (defaults, adoption, deletion); texts of refusals are inferred.

use axum::http::{Method, StatusCode};
use serde_json::{Map, Value, json};

use super::super::super::Request;
use super::super::super::catalog::normal_location;
use super::super::super::error::{Error, Voice};
use super::super::super::headers::Answer;
use super::super::super::store::{Ending, Resource};
use super::{accepted, access, begin, begin_ending, children, credentials, errors, guard, page, written};
use crate::kube::deletion::DeleteOptions;
use crate::kube::kinds;
use crate::kube::store::Cluster;
use crate::world::World;

/// The type, as it is registered.
pub(super) const KIND: &str = "Microsoft.ContainerService/managedClusters/managedNamespaces";
/// Namespaces of the system's own.
const RESERVED: [&str; 6] = ["default", "gatekeeper-system", "kube-node-lease", "kube-public", "kube-system", "aks-command"];
const RULES: [&str; 3] = ["DenyAll", "AllowAll", "AllowSameNamespace"];

/// Answers what is asked of a namespace or of all.
pub(super) fn answer(request: &Request<'_>) -> Result<Answer, Error> {
    let cluster = guard::cluster(request).ok_or_else(|| children::absent_cluster(request))?;
    let arm = &request.world.arm;
    if !request.target.is_item() {
        let found = arm.resources_of_type(KIND, &cluster.id);
        let shown = found.iter().map(|resource| render(request, &cluster, resource, resource.state(request.now)));
        return Ok(page(shown.collect()));
    }
    let id = request.canonical_id("resourceGroups");
    let existing = arm.resource(&id);
    let location = cluster.location.clone().unwrap_or_default();
    match (request.method, existing) {
        (&Method::PUT, existing) => put(request, &cluster, existing.as_deref()),
        (&Method::DELETE, None) => Ok(Answer::empty(Voice::Cluster, StatusCode::NO_CONTENT)),
        (&Method::DELETE, Some(existing)) => {
            let settled_at = request.settles_at();
            let leaving = Resource { changing: "Deleting", settled_at, settles_as: "Succeeded", ..(*existing).clone() };
            let leaving = arm.put_resource(leaving);
            Ok(accepted(begin_ending(request, &leaving.id, &location, "Deleting", Ending::Remove)))
        }
        (_, None) => Err(errors::child_not_found("managed namespace", id.name())),
        (&Method::PATCH, Some(existing)) => {
            let tags = request.body.get("tags").and_then(Value::as_object).cloned();
            let changed = arm.put_resource(Resource { tags, ..(*existing).clone() });
            let body = render(request, &cluster, &changed, changed.state(request.now));
            Ok(Answer::json(Voice::Cluster, StatusCode::OK, body))
        }
        (_, Some(existing)) => {
            let body = render(request, &cluster, &existing, existing.state(request.now));
            Ok(Answer::json(Voice::Cluster, StatusCode::OK, body))
        }
    }
}

fn put(request: &Request<'_>, cluster: &Resource, existing: Option<&Resource>) -> Result<Answer, Error> {
    let id = request.canonical_id("resourceGroups");
    let properties = accept(id.name(), &request.body["properties"])?;
    let running = request.world.kube.by_arm_id(&cluster.id);
    let (name, group) = (cluster.name(), cluster.id.group().unwrap_or_default());
    let running = running.ok_or_else(|| errors::cluster_not_found(name, cluster.id.subscription().unwrap_or_default(), group))?;
    realize(request.world, &running, id.name(), &properties, existing.is_some())?;
    let state = if existing.is_some() { "Updating" } else { "Creating" };
    let location = cluster.location.clone().unwrap_or_default();
    let given = request.body["location"].as_str().map(normal_location);
    let resource = Resource {
        location: given.or_else(|| Some(location.clone())),
        tags: request.body.get("tags").and_then(Value::as_object).cloned(),
        properties,
        changing: state,
        settled_at: request.settles_at(),
        ..Resource::new(id, KIND, &request.caller, request.now)
    };
    let resource = request.world.arm.put_resource(resource);
    let status = if existing.is_some() { StatusCode::OK } else { StatusCode::CREATED };
    let begun = begin(request, &resource.id, &location, state);
    Ok(written(begun, status, render(request, cluster, &resource, state)))
}

/// Checks what was sent and completes it.
fn accept(name: &str, sent: &Value) -> Result<Map<String, Value>, Error> {
    let label = (1..=63).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        && !name.starts_with('-')
        && !name.ends_with('-');
    if !label {
        return Err(errors::invalid_value("managedNamespaceName", "it must be a DNS label: a-z, 0-9 and -, at most 63"));
    }
    if RESERVED.contains(&name) {
        return Err(errors::invalid_value("managedNamespaceName", "namespaces of the system cannot be managed"));
    }
    let mut kept = Map::new();
    for member in ["labels", "annotations"] {
        if let Some(map) = sent[member].as_object().filter(|map| !map.is_empty()) {
            kept.insert(member.into(), json!(map));
        }
    }
    if let Some(quota) = sent["defaultResourceQuota"].as_object() {
        for (member, value) in quota {
            let text = value.as_str().unwrap_or_default();
            let good = if member.starts_with("cpu") {
                number_with(text, &["m"])
            } else {
                number_with(text, &["Ei", "Pi", "Ti", "Gi", "Mi", "Ki"])
            };
            if !good {
                let why = "cpu is given in thousandths (100m), memory in powers of two (1Gi)";
                return Err(errors::invalid_value(&format!("properties.defaultResourceQuota.{member}"), why));
            }
        }
        kept.insert("defaultResourceQuota".into(), json!(quota));
    }
    let mut policy = Map::new();
    for (direction, usual) in [("ingress", "AllowSameNamespace"), ("egress", "AllowAll")] {
        let rule = sent["defaultNetworkPolicy"][direction].as_str().unwrap_or(usual);
        choice(&format!("defaultNetworkPolicy.{direction}"), rule, &RULES)?;
        policy.insert(direction.into(), json!(rule));
    }
    kept.insert("defaultNetworkPolicy".into(), Value::Object(policy));
    for (member, usual, known) in
        [("adoptionPolicy", "Never", &["Never", "IfIdentical", "Always"][..]), ("deletePolicy", "Keep", &["Keep", "Delete"][..])]
    {
        let policy = sent[member].as_str().unwrap_or(usual);
        choice(member, policy, known)?;
        kept.insert(member.into(), json!(policy));
    }
    Ok(kept)
}

fn number_with(text: &str, units: &[&str]) -> bool {
    let number = units.iter().find_map(|unit| text.strip_suffix(unit)).unwrap_or_default();
    !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
}

fn choice(member: &str, given: &str, known: &[&str]) -> Result<(), Error> {
    if known.contains(&given) {
        return Ok(());
    }
    Err(errors::invalid_value(&format!("properties.{member}"), &format!("it must be one of {}", known.join(", "))))
}

/// Makes the Kubernetes namespace be as it is said; one that is there and nobody manages is adopted only if that is wanted.
fn realize(world: &World, cluster: &Cluster, name: &str, wanted: &Map<String, Value>, managed: bool) -> Result<(), Error> {
    let map = |member: &str| wanted.get(member).cloned().unwrap_or_else(|| json!({}));
    let (labels, annotations) = (map("labels"), map("annotations"));
    if let Some(found) = cluster.get(&kinds::NAMESPACES, "", name) {
        let has = |member: &str, all: &Value| {
            all.as_object().into_iter().flatten().all(|(key, value)| found["metadata"][member][key] == *value)
        };
        let identical = has("labels", &labels) && has("annotations", &annotations);
        let adopted = managed || wanted["adoptionPolicy"] == "Always" || wanted["adoptionPolicy"] == "IfIdentical" && identical;
        if !adopted {
            return Err(errors::namespace_exists(name));
        }
        let _ = cluster.modify(world, &kinds::NAMESPACES, "", name, |namespace| {
            for (member, all) in [("labels", &labels), ("annotations", &annotations)] {
                for (key, value) in all.as_object().into_iter().flatten() {
                    namespace["metadata"][member][key] = value.clone();
                }
            }
        });
        return Ok(());
    }
    let namespace = json!({ "metadata": { "name": name, "labels": labels, "annotations": annotations } });
    let made = cluster.create(world, &kinds::NAMESPACES, namespace);
    made.map(|_| ()).map_err(|fault| errors::invalid_value("properties", &fault.message))
}

/// A managed namespace is gone: the Kubernetes namespace goes along if its policy says so.
pub(super) fn removed(world: &World, resource: &Resource) {
    let cluster = resource.id.parent().and_then(|cluster| world.kube.by_arm_id(&cluster));
    if let Some(cluster) = cluster.filter(|_| resource.properties.get("deletePolicy") == Some(&json!("Delete"))) {
        let _ = cluster.delete(world, &kinds::NAMESPACES, "", resource.name(), &DeleteOptions::default());
        crate::kube::controllers::settle(world, &cluster);
    }
}

fn render(request: &Request<'_>, cluster: &Resource, resource: &Resource, state: &str) -> Value {
    let mut properties = Map::new();
    properties.insert("provisioningState".into(), json!(state));
    properties.extend(resource.properties.clone());
    properties.insert("portalFqdn".into(), cluster.properties.get("azurePortalFQDN").cloned().unwrap_or_default());
    let mut body = json!({ "id": resource.id.as_str(), "name": resource.name(), "type": KIND, "location": resource.location });
    if let Some(tags) = &resource.tags {
        body["tags"] = json!(tags);
    }
    body["eTag"] = json!(request.etag(resource));
    body["properties"] = Value::Object(properties);
    body
}

/// `managedNamespaces/{name}/listCredential`: the user's kubeconfig, at home in the namespace.
pub(super) fn credential(request: &Request<'_>) -> Result<Answer, Error> {
    let cluster = guard::cluster(request).ok_or_else(|| children::absent_cluster(request))?;
    let id = request.target.owner();
    let namespace = request.world.arm.resource(&id).ok_or_else(|| errors::child_not_found("managed namespace", id.name()))?;
    access::of_namespace(request, &cluster, credentials::Role::User, namespace.name())
}
