//! Managed clusters: create, update, read, list, delete; their credentials and upgrade profiles.

use axum::http::StatusCode;
use serde_json::{Map, Value, json};

use super::super::super::Request;
use super::super::super::catalog::normal_location;
use super::super::super::error::{self, Error, Voice};
use super::super::super::headers::Answer;
use super::super::super::store::{Group, Resource, SystemData};
use super::body::{self, Facts};
use super::identities::{self, ControlPlane, Kubelet};
use super::{
    access, addons, agent_pools, begin, errors, facts, lifecycle, lockdown, page, rows, rules, schema, shown, states, validate,
    versions, written,
};
use crate::kernel::ids::HEX;
use crate::kernel::resource_id::ResourceId;
use crate::kube;
use crate::kube::spec::ClusterSpec;
use crate::world::World;

/// The type, as it is registered.
const KIND: &str = "Microsoft.ContainerService/managedClusters";
/// The type, as AKS writes it in bodies.
const KIND_IN_BODIES: &str = "Microsoft.ContainerService/ManagedClusters";

/// Creates or updates a cluster.
pub(super) fn put(request: &Request<'_>) -> Result<Answer, Error> {
    let id = request.canonical_id("resourcegroups");
    let before = request.world.arm.resource(&id);
    request.precondition(Voice::Cluster, before.as_ref().map(|before| request.etag(before)).as_deref())?;
    let sent = properties(request)?;
    validate::cluster_name(id.name())?;
    let none = Map::new();
    let earlier = before.as_ref().map_or(&none, |before| &before.properties);
    let location = normal_location(request.body["location"].as_str().unwrap_or_default());
    let version = facts::version(id.name(), &sent, earlier)?;
    rules::immutable::cluster(&sent, earlier)?;
    check_pools(&sent, earlier, &version.1)?;
    let sku = sku(request, before.as_deref())?;
    let facts = facts::settle(request, &id, &sent, earlier, &location, version, &sku, before.as_deref())?;
    rules::immutable::identity(&sent, earlier, facts.managed_identity)?;
    let mut properties = body::cluster(&sent, earlier, &facts);
    rules::cluster::check(request, &id, &sent, earlier, &properties, &sku)?;
    rules::subnets::check(request, &properties, earlier)?;

    let control_plane = identities::control_plane(request, &id, before.as_deref())?;
    identities::check_own_kubelet(request, &control_plane, before.as_deref())?;
    // All checks are done: from here on things are made.
    let node_group = node_group(request, &id, &facts.node_resource_group, &location);
    let kubelet = identities::kubelet(request, &control_plane, &id, &node_group, &location, before.as_deref())?;
    properties.shift_remove("identityProfile");
    if let Some(profile) = &kubelet.profile {
        properties.insert("identityProfile".into(), profile.clone());
    }
    addons::settle(request, &id, &node_group, &location, &mut properties);
    let running = if before.is_some() { "Updating" } else { "Creating" };
    let made = resource(request, id, location, properties, &control_plane, sku, before.as_deref());
    let resource = request.world.arm.put_resource(made);
    run(request.world, &resource, &facts, &kubelet);
    lockdown::apply(request.world, &resource, &node_group);
    let begun = begin(request, &resource.id, resource.location.as_deref().unwrap_or_default(), running);
    let status = if before.is_some() { StatusCode::OK } else { StatusCode::CREATED };
    let mut body = render(request, &resource, running);
    shown::empty_labels(&mut body);
    Ok(written(begun, status, body))
}

/// The properties that were sent, in AKS' own spelling.
fn properties(request: &Request<'_>) -> Result<Map<String, Value>, Error> {
    let Some(sent) = request.body.get("properties").filter(|properties| !properties.is_null()) else {
        return Err(errors::invalid_parameter("properties"));
    };
    match schema::read(schema::CLUSTER, sent, "properties", &request.version)? {
        Value::Object(properties) => Ok(properties),
        _ => Err(errors::invalid_parameter("properties")),
    }
}

fn text<'a>(members: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    members.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
}

fn check_pools(sent: &Map<String, Value>, earlier: &Map<String, Value>, version: &str) -> Result<(), Error> {
    let pools = match sent.get("agentPoolProfiles").and_then(Value::as_array) {
        Some(pools) => pools.as_slice(),
        None if !earlier.is_empty() => return Ok(()),
        None => &[],
    };
    validate::pools(pools)?;
    rules::immutable::pools(pools, earlier)?;
    for asked in pools.iter().filter_map(|pool| pool["orchestratorVersion"].as_str()).filter(|asked| !asked.is_empty()) {
        validate::pool_version(asked, version)?;
    }
    Ok(())
}

/// The SKU: as asked, else as it was, else the free one. The names that AKS used before 2023 mean today's.
fn sku(request: &Request<'_>, before: Option<&Resource>) -> Result<Value, Error> {
    let asked = request.body.get("sku").filter(|sku| sku.is_object());
    let asked = asked.map(|sku| schema::read(schema::SKU, sku, "sku", &request.version)).transpose()?;
    let mut sku = asked.or_else(|| before?.sku.clone()).unwrap_or_else(|| json!({}));
    for (member, old, new, default) in [("name", "Basic", "Base", "Base"), ("tier", "Paid", "Standard", "Free")] {
        let said = sku[member].as_str().filter(|said| !said.is_empty()).unwrap_or(default);
        let said = if said.eq_ignore_ascii_case(old) { new } else { said };
        sku[member] = json!(said);
    }
    Ok(json!({ "name": sku["name"], "tier": sku["tier"] }))
}

/// The node resource group, made if it is not there yet.
fn node_group(request: &Request<'_>, cluster: &ResourceId, name: &str, location: &str) -> ResourceId {
    let id = ResourceId::of_group(cluster.subscription().unwrap_or_default(), name);
    if request.world.arm.group(&id).is_none() {
        request.world.arm.put_group(Group {
            id: id.clone(),
            location: location.to_owned(),
            tags: None,
            managed_by: Some(cluster.as_str().to_owned()),
            created: request.now,
        });
    }
    id
}

fn resource(
    request: &Request<'_>,
    id: ResourceId,
    location: String,
    properties: Map<String, Value>,
    control_plane: &ControlPlane,
    sku: Value,
    before: Option<&Resource>,
) -> Resource {
    let tags = request.body.get("tags").and_then(Value::as_object).cloned();
    let made = || SystemData::new(&request.caller, request.now);
    Resource {
        location: Some(location),
        tags: tags.or_else(|| before?.tags.clone()),
        sku: Some(sku),
        identity: control_plane.body(request.world.directory.tenant.id),
        properties,
        members: members(request, before),
        system_data: before.map_or_else(made, |before| before.system_data.changed(&request.caller, request.now)),
        changing: if before.is_some() { "Updating" } else { "Creating" },
        settled_at: request.settles_at(),
        ..Resource::new(id, KIND, &request.caller, request.now)
    }
}

/// Where at the edge a cluster lies, if it does; AKS writes the kind of place in small letters.
fn members(request: &Request<'_>, before: Option<&Resource>) -> Map<String, Value> {
    let mut members = before.map(|before| before.members.clone()).unwrap_or_default();
    let asked = request.body.get("extendedLocation").filter(|place| place.is_object());
    let read = asked.and_then(|place| schema::read(schema::EXTENDED_LOCATION, place, "extendedLocation", &request.version).ok());
    if let Some(mut place) = read {
        place["type"] = json!(place["type"].as_str().unwrap_or_default().to_lowercase());
        members.insert("extendedLocation".into(), place);
    }
    members
}

/// Makes the cluster's Kubernetes side be as its ARM side says.
fn run(world: &World, resource: &Resource, facts: &Facts, kubelet: &Kubelet) {
    let existing = world.kube.by_arm_id(&resource.id).map(|cluster| cluster.spec());
    let token = |known: Option<String>| known.unwrap_or_else(|| world.ids.text(128, HEX));
    let spec = ClusterSpec {
        id: resource.id.clone(),
        name: resource.name().to_owned(),
        fqdn: facts.fqdn.clone(),
        location: resource.location.clone().unwrap_or_default(),
        version: facts.version.1.clone(),
        node_pools: agent_pools::node_pools(resource),
        kubelet_identity: Some(kubelet.identity.clone()),
        user_token: token(existing.as_ref().map(|spec| spec.user_token.clone())),
        admin_token: token(existing.as_ref().map(|spec| spec.admin_token.clone())),
        monitoring_token: token(existing.as_ref().map(|spec| spec.monitoring_token.clone())),
        node_resource_group: facts.node_resource_group.clone(),
        workload_identity: access::workload_identity(&resource.properties),
        entra: access::entra(&resource.properties),
    };
    if existing.is_some() {
        kube::reconfigure(world, spec);
    } else {
        kube::provision(world, spec);
    }
}

/// The body of a cluster in a state.
pub(super) fn render(request: &Request<'_>, resource: &Resource, state: &str) -> Value {
    let mut properties = Map::new();
    properties.insert("provisioningState".into(), json!(state));
    properties.extend(resource.properties.clone());
    shown::hide_public_name(&mut properties);
    let creating = state == "Creating";
    if creating {
        shown::not_yet(&mut properties);
    }
    let pools = properties.get_mut("agentPoolProfiles").and_then(Value::as_array_mut);
    for pool in pools.into_iter().flatten() {
        if !creating {
            pool["eTag"] = json!(agent_pools::etag(request, resource, pool));
        }
        pool["provisioningState"] = json!(state);
    }
    let links = properties.get_mut("privateLinkResources").and_then(Value::as_array_mut);
    for link in links.into_iter().flatten().filter(|_| !creating) {
        link["id"] = json!(format!("{}/privateLinkResources/management", resource.id));
    }
    let mut body = json!({ "id": resource.id.as_str(), "location": resource.location, "name": resource.name() });
    if let Some(tags) = &resource.tags {
        body["tags"] = json!(tags);
    }
    body["type"] = json!(KIND_IN_BODIES);
    let automatic = resource.sku.as_ref().is_some_and(facts::is_automatic);
    body["kind"] = json!(if automatic { "Automatic" } else { "Base" });
    if let Some(place) = resource.members.get("extendedLocation") {
        body["extendedLocation"] = place.clone();
    }
    body["properties"] = Value::Object(properties);
    if let Some(identity) = &resource.identity {
        body["identity"] = identity.clone();
    }
    body["sku"] = json!(resource.sku);
    if !creating {
        body["eTag"] = json!(request.etag(resource));
    }
    shown::restrict(&mut body, &request.version);
    body
}

fn shown(request: &Request<'_>, resource: &Resource) -> Value {
    let mut body = render(request, resource, resource.state(request.now));
    states::correct(request, resource, &mut body);
    body
}

/// One cluster.
pub(super) fn get(request: &Request<'_>) -> Result<Answer, Error> {
    let resource = request.resource()?;
    Ok(Answer::json(Voice::Cluster, StatusCode::OK, shown(request, &resource)))
}

/// The clusters of a subscription or a group.
pub(super) fn list(request: &Request<'_>) -> Result<Answer, Error> {
    if rows::are_behind(request) {
        return Ok(page(Vec::new()));
    }
    let page = request.page(KIND, &request.target.scope, |resource| shown(request, resource))?;
    Ok(Answer::json(Voice::Cluster, StatusCode::OK, rows::ended(request, page)))
}

/// Replaces the tags, all that a PATCH can change.
pub(super) fn patch_tags(request: &Request<'_>) -> Result<Answer, Error> {
    let before = request.resource()?;
    request.precondition(Voice::Cluster, Some(&request.etag(&before)))?;
    let mut resource = (*before).clone();
    resource.tags = request.body.get("tags").and_then(Value::as_object).cloned();
    resource.system_data = before.system_data.changed(&request.caller, request.now);
    let resource = request.world.arm.put_resource(resource);
    Ok(Answer::json(Voice::Cluster, StatusCode::OK, shown(request, &resource)))
}

/// Takes away what a cluster brought along: its Kubernetes side, its identity, the node resource group with what lies in it.
pub(in crate::arm) fn removed(world: &World, resource: &Resource) {
    kube::deprovision(world, &resource.id);
    let system = resource.identity.as_ref().filter(|identity| identity["type"] == "SystemAssigned");
    if let Some(principal) = system.and_then(|identity| uuid::Uuid::try_parse(identity["principalId"].as_str()?).ok()) {
        world.directory.remove(principal);
    }
    if let Some(group) = text(&resource.properties, "nodeResourceGroup") {
        let subscription = resource.id.subscription().unwrap_or_default();
        super::super::remove_group(world, &ResourceId::of_group(subscription, group));
    }
}

/// What a cluster can be upgraded to.
pub(super) fn upgrade_profile(request: &Request<'_>) -> Result<Answer, Error> {
    let id = request.target.owner();
    let cluster = id.parent().and_then(|cluster| request.world.arm.resource(&cluster));
    let cluster = cluster.ok_or_else(|| error::resource_not_found(&id.parent().unwrap_or(id.clone())))?;
    let upgrades = |version: &str| {
        let upgrades = versions::upgrades(version);
        if upgrades.is_empty() { Value::Null } else { Value::Array(upgrades) }
    };
    let current = text(&cluster.properties, "currentKubernetesVersion").unwrap_or_default();
    let pools = cluster.properties.get("agentPoolProfiles").and_then(Value::as_array);
    let pools: Vec<Value> = pools
        .into_iter()
        .flatten()
        .map(|pool| {
            let version = pool["currentOrchestratorVersion"].as_str().unwrap_or_default();
            json!({ "kubernetesVersion": version, "name": pool["name"], "osType": pool["osType"], "upgrades": upgrades(version) })
        })
        .collect();
    let body = json!({
        "id": format!("{}/upgradeprofiles/default", cluster.id),
        "name": "default",
        "type": "Microsoft.ContainerService/managedClusters/upgradeprofiles",
        "properties": {
            "controlPlaneProfile": { "kubernetesVersion": current, "osType": "Linux", "upgrades": upgrades(current) },
            "agentPoolProfiles": pools,
        },
    });
    Ok(Answer::json(Voice::Cluster, StatusCode::OK, body))
}

/// Puts changed properties of a cluster in the place of the old ones, and its nodes with them.
pub(super) fn change(request: &Request<'_>, before: &Resource, properties: Map<String, Value>) -> std::sync::Arc<Resource> {
    let mut resource = before.clone();
    resource.properties = properties;
    resource.system_data = before.system_data.changed(&request.caller, request.now);
    resource.changing = "Updating";
    resource.settled_at = request.settles_at();
    resource.settles_as = "Succeeded";
    let resource = request.world.arm.put_resource(resource);
    reconcile(request.world, &resource);
    resource
}

/// Makes the nodes of a cluster be as its properties say.
pub(super) fn reconcile(world: &World, resource: &Resource) {
    if let Some(cluster) = world.kube.by_arm_id(&resource.id) {
        let node_pools = agent_pools::node_pools(resource);
        let before = cluster.spec();
        let kubelet_identity =
            lifecycle::kubelet_of_service_principal(world, resource).or_else(|| before.kubelet_identity.clone());
        let entra = access::entra(&resource.properties);
        kube::reconfigure(world, ClusterSpec { node_pools, kubelet_identity, entra, ..(*before).clone() });
        kube::set_running(world, &resource.id, !states::is_stopped(resource));
    }
}
