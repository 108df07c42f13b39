//! The machines of a pool: what its nodes run on, in the recorded form. Source: AKS' REST reference, recorded answers.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::super::super::Request;
use super::super::super::error::{Error, Voice};
use super::super::super::headers::Answer;
use super::super::super::store::Resource;
use super::{agent_pools, errors, page};
use crate::kube::kinds;

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
