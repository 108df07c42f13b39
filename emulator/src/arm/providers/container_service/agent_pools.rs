//! Agent pools. They live in their cluster's properties: a pool read by itself and in its cluster is the same.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::http::StatusCode;
use serde_json::{Map, Value, json};

use super::super::super::Request;
use super::super::super::error::{self, Error, Voice};
use super::super::super::headers::Answer;
use super::super::super::store::Resource;
use super::{
    accepted, begin, body, clusters, errors, machines, page, pool, rows, rules, schema, shown, states, validate, written,
};
use crate::kernel::resource_id::ResourceId;
use crate::kube::spec::NodePool;

/// The pools of a cluster, as its Kubernetes side needs them.
pub(super) fn node_pools(cluster: &Resource) -> Vec<NodePool> {
    let text = |pool: &Value, member: &str| pool[member].as_str().unwrap_or_default().to_owned();
    profiles(&cluster.properties)
        .iter()
        .map(|pool| NodePool {
            name: text(pool, "name"),
            count: count(pool),
            gone: machines::deleted(cluster, pool["name"].as_str().unwrap_or_default()),
            vm_size: text(pool, "vmSize"),
            mode: text(pool, "mode"),
            os_sku: text(pool, "osSKU"),
            zones: texts(pool, "availabilityZones"),
            labels: labels(pool),
            taints: texts(pool, "nodeTaints"),
        })
        .collect()
}

fn texts(pool: &Value, member: &str) -> Vec<String> {
    let texts = pool[member].as_array().into_iter().flatten().filter_map(Value::as_str);
    texts.map(str::to_owned).collect()
}

/// How many nodes a pool has: none while it is stopped.
fn count(pool: &Value) -> u32 {
    if pool["powerState"]["code"] == "Stopped" { 0 } else { pool::nodes(pool) }
}

fn labels(pool: &Value) -> BTreeMap<String, String> {
    let labels = pool["nodeLabels"].as_object().into_iter().flatten();
    labels.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
}

pub(super) fn profiles(properties: &Map<String, Value>) -> Vec<Value> {
    properties.get("agentPoolProfiles").and_then(Value::as_array).cloned().unwrap_or_default()
}

/// The cluster that the target's pool belongs to.
pub(super) fn cluster(request: &Request<'_>) -> Result<Arc<Resource>, Error> {
    let id = &request.target.id;
    let end = id.key().rfind("/agentpools").unwrap_or(id.key().len());
    let cluster = ResourceId::new(&id.as_str()[..end]);
    request.world.arm.resource(&cluster).ok_or_else(|| error::resource_not_found(&cluster))
}

/// The pool's name in the path: of a pool's upgrade profile, not the last one.
pub(super) fn pool_name<'a>(request: &'a Request<'_>) -> &'a str {
    request.target.names.get(1).map_or("", String::as_str)
}

pub(super) fn position(pools: &[Value], name: &str) -> Option<usize> {
    pools.iter().position(|pool| pool["name"].as_str().is_some_and(|known| known.eq_ignore_ascii_case(name)))
}

/// What says which version of a pool this is: it changes with everything that the pool is.
pub(super) fn etag(request: &Request<'_>, cluster: &Resource, pool: &Value) -> String {
    request.world.ids.named(&format!("etag of {} {pool}", cluster.id.key())).to_string()
}

pub(super) fn render(request: &Request<'_>, cluster: &Resource, pool: &Value, state: &str) -> Value {
    let name = pool["name"].as_str().unwrap_or_default();
    let mut properties = pool.clone();
    if let Some(members) = properties.as_object_mut() {
        members.shift_remove("name");
    }
    properties["provisioningState"] = json!(state);
    properties["eTag"] = json!(etag(request, cluster, pool));
    if state == "Creating"
        && let Some(members) = properties.as_object_mut()
    {
        members.shift_remove("virtualMachineNodesStatus");
    }
    shown::restrict_pool(&mut properties, &request.version);
    json!({
        "id": format!("{}/agentPools/{name}", cluster.id),
        "name": name,
        "type": "Microsoft.ContainerService/managedClusters/agentPools",
        "properties": properties,
    })
}

/// One pool.
pub(super) fn get(request: &Request<'_>) -> Result<Answer, Error> {
    let cluster = cluster(request)?;
    let pools = profiles(&cluster.properties);
    let position = position(&pools, pool_name(request)).ok_or_else(|| error::resource_not_found(&request.target.id))?;
    let body = render(request, &cluster, &pools[position], states::pool(request, &cluster, pool_name(request)));
    Ok(Answer::json(Voice::Cluster, StatusCode::OK, body))
}

/// The pools of a cluster.
pub(super) fn list(request: &Request<'_>) -> Result<Answer, Error> {
    let cluster = cluster(request)?;
    if rows::are_behind(request) {
        return Ok(page(Vec::new()));
    }
    let state = |pool: &Value| states::pool(request, &cluster, pool["name"].as_str().unwrap_or_default());
    let pools: Vec<Value> =
        profiles(&cluster.properties).iter().map(|pool| render(request, &cluster, pool, state(pool))).collect();
    Ok(Answer::json(Voice::Cluster, StatusCode::OK, rows::ended(request, json!({ "value": pools }))))
}

/// Creates or updates a pool.
pub(super) fn put(request: &Request<'_>) -> Result<Answer, Error> {
    let before = cluster(request)?;
    let name = pool_name(request).to_owned();
    let mut pools = profiles(&before.properties);
    let existing = position(&pools, &name);
    let current = existing.map(|position| etag(request, &before, &pools[position]));
    request.precondition(Voice::Cluster, current.as_deref())?;
    let Some(sent) = request.body.get("properties").filter(|sent| !sent.is_null()) else {
        return Err(errors::invalid_parameter("properties"));
    };
    let Value::Object(mut asked) = schema::read(schema::POOL, sent, "properties", &request.version)? else {
        return Err(errors::invalid_parameter("properties"));
    };
    let none = Map::new();
    let earlier = existing.and_then(|position| pools[position].as_object()).unwrap_or(&none).clone();
    let current = before.properties.get("currentKubernetesVersion").and_then(Value::as_str).unwrap_or_default();
    if let Some(version) = asked.get("orchestratorVersion").and_then(Value::as_str).filter(|version| !version.is_empty()) {
        validate::pool_version(version, current)?;
        rules::immutable::pool_version(version, &earlier)?;
    }
    rules::immutable::pool(&asked, &earlier, "properties")?;
    rules::pools::sent(&asked, existing.is_none(), "properties")?;
    asked.insert("name".into(), json!(earlier.get("name").cloned().unwrap_or(json!(name))));
    let pool = body::pool_of(&before.properties, &asked, &earlier);
    validate::pool(&pool, &name)?;
    rules::pools::completed(&pool, &asked, &before.properties)?;
    let (status, running) = match existing {
        Some(position) => {
            pools[position] = Value::Object(pool.clone());
            let scales = pool::nodes(&Value::Object(earlier.clone())) != pool::nodes(&Value::Object(pool.clone()));
            (StatusCode::OK, if scales { "Scaling" } else { "Updating" })
        }
        None => {
            pools.push(Value::Object(pool.clone()));
            (StatusCode::CREATED, "Creating")
        }
    };
    validate::pools(&pools)?;
    let mut properties = before.properties.clone();
    properties.insert("agentPoolProfiles".into(), Value::Array(pools));
    rules::subnets::check(request, &properties, &before.properties)?;
    let cluster = clusters::change(request, &before, properties);
    let begun = begin(request, &request.target.id, cluster.location.as_deref().unwrap_or_default(), running);
    Ok(written(begun, status, render(request, &cluster, &Value::Object(pool), running)))
}

/// Deletes a pool, but never the last system pool.
pub(super) fn delete(request: &Request<'_>) -> Result<Answer, Error> {
    let before = cluster(request)?;
    let mut pools = profiles(&before.properties);
    let name = pool_name(request);
    let Some(position) = position(&pools, name) else {
        return Ok(Answer::empty(Voice::Cluster, StatusCode::NO_CONTENT));
    };
    request.precondition(Voice::Cluster, Some(&etag(request, &before, &pools[position])))?;
    pools.remove(position);
    if pools.is_empty() {
        return Err(errors::last_pool());
    }
    if !pools.iter().filter_map(Value::as_object).any(validate::is_system) {
        return Err(errors::last_system_pool());
    }
    let mut properties = before.properties.clone();
    properties.insert("agentPoolProfiles".into(), Value::Array(pools));
    let cluster = clusters::change(request, &machines::forgotten(&before, name), properties);
    Ok(accepted(begin(request, &request.target.id, cluster.location.as_deref().unwrap_or_default(), "Deleting")))
}

/// What a pool can be upgraded to.
pub(super) fn upgrade_profile(request: &Request<'_>) -> Result<Answer, Error> {
    let cluster = cluster(request)?;
    let name = pool_name(request);
    let pools = profiles(&cluster.properties);
    let pool = position(&pools, name).map(|position| &pools[position]).ok_or_else(|| errors::pool_not_found(name))?;
    let version = pool["currentOrchestratorVersion"].as_str().unwrap_or_default();
    let mut properties = json!({ "kubernetesVersion": version, "osType": pool["osType"] });
    let upgrades = super::versions::upgrades(version);
    if !upgrades.is_empty() {
        properties["upgrades"] = Value::Array(upgrades);
    }
    properties["latestNodeImageVersion"] = pool["nodeImageVersion"].clone();
    let body = json!({
        "id": format!("{}/agentPools/{name}/upgradeProfiles/default", cluster.id),
        "name": "default",
        "type": "Microsoft.ContainerService/managedClusters/agentPools/upgradeProfiles",
        "properties": properties,
    });
    Ok(Answer::json(Voice::Cluster, StatusCode::OK, body))
}
