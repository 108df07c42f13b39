//! Snapshots of agent pools and of clusters: what another one can be made like. Bodies as recorded; refusals are inferred.

use axum::http::{Method, StatusCode};
use serde_json::{Map, Value, json};

use super::super::super::Request;
use super::super::super::catalog::normal_location;
use super::super::super::error::{self, Error, Voice};
use super::super::super::headers::Answer;
use super::super::super::store::{Resource, SystemData};
use super::{agent_pools, errors};
use crate::kernel::clock::rfc3339_ticks;
use crate::kernel::resource_id::ResourceId;

/// Answers what is asked of `snapshots` and `managedclustersnapshots`.
pub(super) fn answer(request: &Request<'_>) -> Result<Answer, Error> {
    let arm = &request.world.arm;
    if !request.target.is_item() {
        let page = request.page(&request.known.full_type(), &request.target.scope, render)?;
        return Ok(Answer::json(Voice::Cluster, StatusCode::OK, page));
    }
    let id = request.canonical_id("resourceGroups");
    let existing = arm.resource(&id);
    let tags = || request.body.get("tags").and_then(Value::as_object).cloned();
    match (request.method, existing) {
        (&Method::PUT, existing) => {
            let of_cluster = request.known.kind.name.starts_with("managedcluster");
            let properties = properties(request, of_cluster)?;
            let made = || SystemData::new(&request.caller, request.now);
            let resource = Resource {
                location: Some(normal_location(request.body["location"].as_str().unwrap_or_default())),
                tags: tags(),
                properties,
                system_data: existing.map_or_else(made, |old| old.system_data.changed(&request.caller, request.now)),
                ..Resource::new(id, request.known.full_type(), &request.caller, request.now)
            };
            Ok(Answer::json(Voice::Cluster, StatusCode::OK, render(&arm.put_resource(resource))))
        }
        (&Method::DELETE, existing) => {
            let status = if existing.is_some() { StatusCode::OK } else { StatusCode::NO_CONTENT };
            arm.remove_resource(&id);
            Ok(Answer::empty(Voice::Cluster, status))
        }
        (_, None) => Err(error::resource_not_found(&id)),
        (&Method::PATCH, Some(existing)) => {
            let system_data = existing.system_data.changed(&request.caller, request.now);
            let resource = Resource { tags: tags().or_else(|| existing.tags.clone()), system_data, ..(*existing).clone() };
            Ok(Answer::json(Voice::Cluster, StatusCode::OK, render(&arm.put_resource(resource))))
        }
        (_, Some(existing)) => Ok(Answer::json(Voice::Cluster, StatusCode::OK, render(&existing))),
    }
}

fn properties(request: &Request<'_>, of_cluster: bool) -> Result<Map<String, Value>, Error> {
    let sent = &request.body["properties"];
    let source = sent["creationData"]["sourceResourceId"].as_str().filter(|source| !source.is_empty());
    let source = source.ok_or_else(|| errors::invalid_parameter("properties.creationData.sourceResourceId"))?;
    let id = ResourceId::new(source);
    let mut kept = Map::new();
    kept.insert("creationData".into(), json!({ "sourceResourceId": source }));
    if of_cluster {
        let cluster = request.world.arm.resource(&id).ok_or_else(|| errors::source_not_found(source))?;
        kept.insert("snapshotType".into(), json!("ManagedCluster"));
        let of = |member: &str| cluster.properties.get(member).cloned().unwrap_or_default();
        let network = of("networkProfile");
        let mut shown = json!({
            "kubernetesVersion": of("currentKubernetesVersion"),
            "sku": cluster.sku,
            "enableRbac": of("enableRBAC"),
            "networkProfile": { "networkPlugin": network["networkPlugin"], "loadBalancerSku": "Standard" },
        });
        for member in ["networkPluginMode", "networkPolicy"] {
            if let Some(value) = network.get(member).filter(|value| *value != "none") {
                shown["networkProfile"][member] = value.clone();
            }
        }
        kept.insert("managedClusterPropertiesReadOnly".into(), shown);
        return Ok(kept);
    }
    let cluster = request.world.arm.resource_with(&id).ok_or_else(|| errors::source_not_found(source))?;
    let pools = agent_pools::profiles(&cluster.properties);
    let position = agent_pools::position(&pools, id.name()).ok_or_else(|| errors::source_not_found(source))?;
    let pool = &pools[position];
    kept.insert("snapshotType".into(), json!("NodePool"));
    for (member, of_pool) in [
        ("nodeImageVersion", "nodeImageVersion"),
        ("kubernetesVersion", "currentOrchestratorVersion"),
        ("osType", "osType"),
        ("osSku", "osSKU"),
        ("vmSize", "vmSize"),
        ("enableFIPS", "enableFIPS"),
    ] {
        kept.insert(member.into(), pool[of_pool].clone());
    }
    Ok(kept)
}

fn render(resource: &Resource) -> Value {
    let kind = if resource.resource_type.ends_with("managedclustersnapshots") { "ManagedClusterSnapshots" } else { "Snapshots" };
    let data = &resource.system_data;
    let mut body = json!({
        "name": resource.name(),
        "id": resource.id.as_str(),
        "type": format!("Microsoft.ContainerService/{kind}"),
        "location": resource.location,
    });
    if let Some(tags) = &resource.tags {
        body["tags"] = json!(tags);
    }
    body["systemData"] = json!({
        "createdBy": data.created_by,
        "createdByType": data.created_by_type,
        "createdAt": rfc3339_ticks(data.created_at),
        "lastModifiedBy": data.modified_by,
        "lastModifiedByType": data.modified_by_type,
        "lastModifiedAt": rfc3339_ticks(data.modified_at),
    });
    body["properties"] = Value::Object(resource.properties.clone());
    body
}
