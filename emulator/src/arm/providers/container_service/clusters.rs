//! Managed clusters: create, update, read, list, delete; their credentials and upgrade profiles.

use axum::http::StatusCode;
use serde_json::{Map, Value, json};

use super::super::super::Request;
use super::super::super::catalog::normal_location;
use super::super::super::error::{self, Error, Voice};
use super::super::super::headers::Answer;
use super::super::super::store::{Group, Resource, SystemData};
use super::body::{self, Facts};
use super::credentials::{self, Access, Role};
use super::identities::{self, ControlPlane, Kubelet};
use super::{agent_pools, begin, errors, lifecycle, page, states, validate, versions, written};
use crate::kernel::ids::{HEX, LOWER_ALPHANUMERIC};
use crate::kernel::resource_id::ResourceId;
use crate::kube;
use crate::kube::store::ClusterSpec;
use crate::world::World;

/// The type, as it is registered.
const KIND: &str = "Microsoft.ContainerService/managedClusters";
/// The type, as AKS writes it in bodies.
const KIND_IN_BODIES: &str = "Microsoft.ContainerService/ManagedClusters";

/// Creates or updates a cluster.
pub(super) fn put(request: &Request<'_>) -> Result<Answer, Error> {
    let id = request.canonical_id("resourcegroups");
    validate::cluster_name(id.name())?;
    let before = request.world.arm.resource(&id);
    let sent = properties(request)?;
    let none = Map::new();
    let earlier = before.as_ref().map_or(&none, |before| &before.properties);
    let location = normal_location(request.body["location"].as_str().unwrap_or_default());
    let version = version(id.name(), sent, earlier)?;
    check_immutable(sent, earlier)?;
    check_pools(sent, earlier, &version.1)?;
    let facts = facts(request, &id, sent, earlier, &location, version)?;

    let control_plane = identities::control_plane(request, &id, before.as_deref())?;
    identities::check_own_kubelet(request, &control_plane, before.as_deref())?;
    // All checks are done: from here on things are made.
    let node_group = node_group(request, &id, &facts.node_resource_group, &location);
    let kubelet = identities::kubelet(request, &control_plane, &id, &node_group, &location, before.as_deref())?;

    let mut properties = body::cluster(sent, earlier, &facts);
    if let Some(profile) = &kubelet.profile {
        properties.insert("identityProfile".into(), profile.clone());
    }
    let running = if before.is_some() { "Updating" } else { "Creating" };
    let resource = request.world.arm.put_resource(resource(request, id, location, properties, &control_plane, before.as_deref()));
    run(request.world, &resource, &facts, &kubelet);
    let begun = begin(request, &resource.id, resource.location.as_deref().unwrap_or_default(), running);
    let status = if before.is_some() { StatusCode::OK } else { StatusCode::CREATED };
    Ok(written(begun, status, render(request, &resource, running)))
}

/// The properties that were sent.
fn properties<'a>(request: &'a Request<'_>) -> Result<&'a Map<String, Value>, Error> {
    match request.body.get("properties") {
        Some(Value::Object(properties)) => Ok(properties),
        Some(other) if !other.is_null() => {
            let kind = if other.is_array() { "array" } else { "value" };
            Err(errors::unmarshal(&format!("cannot unmarshal {kind} into Go struct field ManagedCluster.properties")))
        }
        _ => Err(errors::invalid_parameter("properties")),
    }
}

fn text<'a>(members: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    members.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
}

/// The version as asked for and the patch that it stands for.
fn version(cluster: &str, sent: &Map<String, Value>, earlier: &Map<String, Value>) -> Result<(String, String), Error> {
    let (had, current) = (text(earlier, "kubernetesVersion"), text(earlier, "currentKubernetesVersion"));
    let asked = text(sent, "kubernetesVersion").or(had).unwrap_or(versions::default_version());
    if let (Some(current), true) = (current, Some(asked) == had) {
        return Ok((asked.to_owned(), current.to_owned()));
    }
    let resolved = validate::version(cluster, asked)?;
    match current {
        Some(current) if !versions::can_become(current, &resolved) => Err(errors::upgrade_not_allowed(current, &resolved)),
        _ => Ok((asked.to_owned(), resolved)),
    }
}

/// What a cluster keeps for life.
fn check_immutable(sent: &Map<String, Value>, earlier: &Map<String, Value>) -> Result<(), Error> {
    for property in ["dnsPrefix", "fqdnSubdomain", "nodeResourceGroup", "enableRBAC"] {
        if let (Some(sent), Some(earlier)) = (sent.get(property), earlier.get(property))
            && !sent.is_null()
            && sent.as_str() != Some("")
            && sent != earlier
        {
            return Err(errors::change_not_allowed(&format!("properties.{property}")));
        }
    }
    Ok(())
}

fn check_pools(sent: &Map<String, Value>, earlier: &Map<String, Value>, version: &str) -> Result<(), Error> {
    let pools = match sent.get("agentPoolProfiles") {
        Some(Value::Array(pools)) => pools.as_slice(),
        None | Some(Value::Null) if !earlier.is_empty() => return Ok(()),
        None | Some(Value::Null) => &[],
        Some(_) => {
            let why =
                "cannot unmarshal value into Go struct field Properties.properties.agentPoolProfiles of type []AgentPoolProfile";
            return Err(errors::unmarshal(why));
        }
    };
    validate::pools(pools)?;
    for asked in pools.iter().filter_map(|pool| pool["orchestratorVersion"].as_str()).filter(|asked| !asked.is_empty()) {
        validate::pool_version(asked, version)?;
    }
    Ok(())
}

/// What the service decides; an update finds it decided.
fn facts(
    request: &Request<'_>,
    id: &ResourceId,
    sent: &Map<String, Value>,
    earlier: &Map<String, Value>,
    location: &str,
    version: (String, String),
) -> Result<Facts, Error> {
    let prefix = text(sent, "dnsPrefix").or(text(earlier, "dnsPrefix")).or(text(sent, "fqdnSubdomain"));
    let prefix = prefix.ok_or_else(|| errors::invalid_parameter("properties.dnsPrefix"))?;
    validate::dns_prefix(prefix)?;
    let ids = &request.world.ids;
    let group = id.group().unwrap_or_default();
    let default_group = || format!("MC_{group}_{}_{location}", id.name()).chars().take(80).collect();
    let label = || format!("{prefix}-{}", ids.named_text(&format!("host of {}", id.key()), 8, LOWER_ALPHANUMERIC));
    let fqdn =
        text(earlier, "fqdn").map_or_else(|| format!("{}.hcp.{location}.azmk8s.io", label()).to_lowercase(), str::to_owned);
    let node_resource_group =
        text(earlier, "nodeResourceGroup").or(text(sent, "nodeResourceGroup")).map_or_else(default_group, str::to_owned);
    let subscription = id.subscription().unwrap_or_default();
    Ok(Facts {
        portal_fqdn: fqdn.replacen(".hcp.", ".portal.hcp.", 1),
        fqdn,
        version,
        resource_uid: text(earlier, "resourceUID").map_or_else(|| ids.text(24, HEX), str::to_owned),
        outbound_ip: format!(
            "/subscriptions/{subscription}/resourceGroups/{node_resource_group}/providers/Microsoft.Network/publicIPAddresses/{}",
            ids.named(&format!("outbound address of {}", id.key()))
        ),
        node_resource_group,
    })
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
    before: Option<&Resource>,
) -> Resource {
    let sku = request.body.get("sku").filter(|sku| sku.is_object()).cloned();
    let mut sku = sku.or_else(|| before?.sku.clone()).unwrap_or_else(|| json!({ "name": "Base", "tier": "Free" }));
    // The names that AKS used before 2023 mean these.
    if sku["name"] == "Basic" {
        sku["name"] = json!("Base");
    }
    if sku["tier"] == "Paid" {
        sku["tier"] = json!("Standard");
    }
    let tags = request.body.get("tags").and_then(Value::as_object).cloned();
    let made = || SystemData::new(&request.caller, request.now);
    Resource {
        location: Some(location),
        tags: tags.or_else(|| before?.tags.clone()),
        sku: Some(sku),
        identity: control_plane.body(request.world.directory.tenant.id),
        properties,
        system_data: before.map_or_else(made, |before| before.system_data.changed(&request.caller, request.now)),
        changing: if before.is_some() { "Updating" } else { "Creating" },
        settled_at: request.settles_at(),
        ..Resource::new(id, KIND, &request.caller, request.now)
    }
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
        node_pools: agent_pools::node_pools(&resource.properties),
        kubelet_identity: Some(kubelet.identity.clone()),
        user_token: token(existing.as_ref().map(|spec| spec.user_token.clone())),
        admin_token: token(existing.as_ref().map(|spec| spec.admin_token.clone())),
        node_resource_group: facts.node_resource_group.clone(),
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
    let network = properties.get_mut("networkProfile").and_then(Value::as_object_mut);
    if state == "Creating" {
        // What is not made yet is not shown.
        if let Some(Value::Object(balancer)) = network.and_then(|network| network.get_mut("loadBalancerProfile")) {
            balancer.shift_remove("effectiveOutboundIPs");
        }
        properties.shift_remove("identityProfile");
    } else if let Some(sku) = network.and_then(|network| network.get_mut("loadBalancerSku")).filter(|sku| *sku == "standard") {
        // AKS echoes the client's spelling until the load balancer is there, and then shows the load balancer's own.
        *sku = json!("Standard");
    }
    let pools = properties.get_mut("agentPoolProfiles").and_then(Value::as_array_mut);
    for pool in pools.into_iter().flatten() {
        pool["provisioningState"] = json!(state);
    }
    let mut body = json!({ "id": resource.id.as_str(), "location": resource.location, "name": resource.name() });
    if let Some(tags) = &resource.tags {
        body["tags"] = json!(tags);
    }
    body["type"] = json!(KIND_IN_BODIES);
    body["kind"] = json!("Base");
    body["properties"] = Value::Object(properties);
    if let Some(identity) = &resource.identity {
        body["identity"] = identity.clone();
    }
    body["sku"] = json!(resource.sku);
    body::restrict(&mut body, &request.version);
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
    let found = request.world.arm.resources_of_type(KIND, &request.target.scope);
    Ok(page(found.iter().map(|resource| shown(request, resource)).collect()))
}

/// Replaces the tags, all that a PATCH can change.
pub(super) fn patch_tags(request: &Request<'_>) -> Result<Answer, Error> {
    let before = request.resource()?;
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

/// The credential of a role.
pub(super) fn credential(request: &Request<'_>, role: Role) -> Result<Answer, Error> {
    let resource = request.resource()?;
    if role == Role::Admin && resource.properties.get("disableLocalAccounts") == Some(&json!(true)) {
        return Err(errors::local_accounts_disabled());
    }
    let (name, group) = (resource.name(), resource.id.group().unwrap_or_default());
    let cluster = request
        .world
        .kube
        .by_arm_id(&resource.id)
        .ok_or_else(|| errors::cluster_not_found(name, resource.id.subscription().unwrap_or_default(), group))?;
    let spec = cluster.spec();
    let token = if role == Role::Admin { &spec.admin_token } else { &spec.user_token };
    let access = Access { cluster: name, group, fqdn: &spec.fqdn, ca_pem: &request.world.ca_pem, token };
    Ok(Answer::json(Voice::Cluster, StatusCode::OK, credentials::answer(role, &access)))
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
        let node_pools = agent_pools::node_pools(&resource.properties);
        let before = cluster.spec();
        let kubelet_identity =
            lifecycle::kubelet_of_service_principal(world, resource).or_else(|| before.kubelet_identity.clone());
        kube::reconfigure(world, ClusterSpec { node_pools, kubelet_identity, ..(*before).clone() });
        kube::set_running(world, &resource.id, !states::is_stopped(resource));
    }
}
