//! The machines of a pool: what its nodes run on, in the recorded form, and how single ones are taken away. Source: AKS' REST reference,
//! recorded answers. What `deleteMachines` refuses beyond its form is inferred: names that the pool does not have, and system pools
//! that would be left without a machine, with the message that scaling them so far down gets.

use axum::http::StatusCode;
use serde_json::{Map, Value, json};

use super::super::super::Request;
use super::super::super::error::{Error, Voice};
use super::super::super::headers::Answer;
use super::super::super::store::Resource;
use super::{accepted, agent_pools, begin, clusters, errors, page, pool, validate};
use crate::kube::{kinds, nodes};

/// The machines of a pool, or one of them.
pub(super) fn get(request: &Request<'_>) -> Result<Answer, Error> {
    let cluster = agent_pools::cluster(request)?;
    let pool = agent_pools::pool_name(request);
    agent_pools::position(&agent_pools::profiles(&cluster.properties), pool).ok_or_else(|| errors::pool_not_found(pool))?;
    let machines = machines(request, &cluster, pool);
    if !request.target.is_item() {
        return Ok(page(machines));
    }
    let name = request.target.name();
    let found =
        machines.into_iter().find(|machine| machine["name"].as_str().is_some_and(|known| known.eq_ignore_ascii_case(name)));
    let found = found.ok_or_else(|| errors::child_not_found("machine", name))?;
    Ok(Answer::json(Voice::Cluster, StatusCode::OK, found))
}

fn machines(request: &Request<'_>, cluster: &Resource, pool: &str) -> Vec<Value> {
    let Some(running) = request.world.kube.by_arm_id(&cluster.id) else { return Vec::new() };
    let folder = cluster.id.as_str().replacen("/resourcegroups/", "/resourceGroups/", 1);
    let group = running.spec().node_resource_group.clone();
    let (nodes, _) = running.list(&kinds::NODES, None);
    let of_pool = nodes.iter().filter(|node| {
        let label = &node["metadata"]["labels"]["kubernetes.azure.com/agentpool"];
        label.as_str().is_some_and(|label| label.eq_ignore_ascii_case(pool))
    });
    of_pool
        .map(|node| {
            let name = node["metadata"]["name"].as_str().unwrap_or_default();
            let addresses = node["status"]["addresses"].as_array().into_iter().flatten();
            let internal = addresses.filter(|address| address["type"] == "InternalIP").map(|address| {
                let ip = address["address"].as_str().unwrap_or_default();
                json!({ "ip": ip, "family": if ip.contains(':') { "IPv6" } else { "IPv4" } })
            });
            // The node knows its group in lower case, ARM as it was made.
            let place = node["spec"]["providerID"].as_str().unwrap_or_default().trim_start_matches("azure://");
            let place = place.replacen(&group.to_lowercase(), &group, 1);
            json!({
                "id": format!("{folder}/agentPools/{pool}/machines/{name}"),
                "name": name,
                "type": "Microsoft.ContainerService/managedClusters/agentPools/machines",
                "properties": { "network": { "ipAddresses": internal.collect::<Vec<_>>() }, "resourceId": place },
            })
        })
        .collect()
}

/// The member of a cluster's resource, not of its body, that keeps which machines were taken away: numbers by pool.
const DELETED: &str = "deletedMachines";

/// The numbers of a pool's machines that were taken away by name.
pub(super) fn deleted(cluster: &Resource, pool: &str) -> Vec<u32> {
    let numbers = cluster.members.get(DELETED).and_then(|pools| pools[pool.to_lowercase()].as_array());
    let numbers = numbers.into_iter().flatten().filter_map(Value::as_u64);
    numbers.filter_map(|number| u32::try_from(number).ok()).collect()
}

/// The cluster without what is kept about a pool: the pool is deleted, and one of its name begins anew.
pub(super) fn forgotten(cluster: &Resource, pool: &str) -> Resource {
    let mut cluster = cluster.clone();
    if let Some(pools) = cluster.members.get_mut(DELETED).and_then(Value::as_object_mut) {
        pools.shift_remove(&pool.to_lowercase());
    }
    cluster
}

/// Takes machines away by name: the pool has as many fewer, and their names are not given again.
pub(super) fn delete(request: &Request<'_>) -> Result<Answer, Error> {
    let before = agent_pools::cluster(request)?;
    let name = agent_pools::pool_name(request);
    let mut pools = agent_pools::profiles(&before.properties);
    let position = agent_pools::position(&pools, name).ok_or_else(|| errors::pool_not_found(name))?;
    let asked = asked(request)?;
    let known = machines(request, &before, name);
    let is_named = |machine: &Value, asked: &str| machine["name"].as_str().is_some_and(|name| name.eq_ignore_ascii_case(asked));
    if let Some(unknown) = asked.iter().find(|asked| !known.iter().any(|machine| is_named(machine, asked))) {
        return Err(errors::child_not_found("machine", unknown));
    }
    let going = known.iter().filter(|machine| asked.iter().any(|asked| is_named(machine, asked)));
    let numbers: Vec<u32> = going.filter_map(|machine| nodes::number(machine["name"].as_str()?)).collect();
    let left = i64::from(pool::nodes(&pools[position])) - i64::try_from(numbers.len()).unwrap_or_default();
    if left < 1 && pools[position].as_object().is_some_and(validate::is_system) {
        return Err(errors::count_out_of_range(left, 1));
    }
    shrink(&mut pools[position], numbers.len());

    let mut kept = deleted(&before, name);
    kept.extend(numbers);
    let mut cluster = (*before).clone();
    let of_pools = cluster.members.entry(DELETED).or_insert_with(|| Value::Object(Map::new()));
    of_pools[name.to_lowercase()] = json!(kept);
    let mut properties = before.properties.clone();
    properties.insert("agentPoolProfiles".into(), Value::Array(pools));
    let cluster = clusters::change(request, &cluster, properties);
    let pool = cluster.id.join(&format!("agentPools/{name}"));
    Ok(accepted(begin(request, &pool, cluster.location.as_deref().unwrap_or_default(), "Updating")))
}

/// The names that were sent: at least one, all of them texts.
fn asked<'a>(request: &'a Request<'_>) -> Result<Vec<&'a str>, Error> {
    let wrong = || errors::invalid_parameter("machineNames");
    let sent = request.body.get("machineNames").filter(|sent| !sent.is_null());
    let sent = sent.ok_or_else(|| errors::missing_parameter("machineNames"))?.as_array().ok_or_else(wrong)?;
    let names: Option<Vec<&str>> = sent.iter().map(Value::as_str).collect();
    names.filter(|names| !names.is_empty()).ok_or_else(wrong)
}

/// Makes a pool count some machines fewer; one of single virtual machines counts them by size, and loses them from the last.
fn shrink(pool: &mut Value, by: usize) {
    let by = u64::try_from(by).unwrap_or_default();
    if pool["virtualMachineNodesStatus"].is_array() {
        shrink_sizes(&mut pool["virtualMachineNodesStatus"], by);
        if pool["virtualMachinesProfile"]["scale"]["manual"].is_array() {
            shrink_sizes(&mut pool["virtualMachinesProfile"]["scale"]["manual"], by);
        }
    } else {
        pool["count"] = json!(pool["count"].as_u64().unwrap_or_default().saturating_sub(by));
    }
}

fn shrink_sizes(sizes: &mut Value, mut by: u64) {
    for size in sizes.as_array_mut().into_iter().flatten().rev() {
        let count = size["count"].as_u64().unwrap_or_default();
        size["count"] = json!(count.saturating_sub(by));
        by = by.saturating_sub(count);
    }
}
