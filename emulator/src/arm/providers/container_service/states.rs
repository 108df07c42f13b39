//! What state a cluster and each of its pools is in. A pool's own operation makes its cluster `Updating` and leaves the other pools
//! alone; an operation of the cluster is its pools' too. Source: recorded order of states, AKS' REST reference.

use serde_json::{Map, Value, json};

use super::super::super::Request;
use super::super::super::store::Resource;

/// The provisioning state of a pool.
pub(super) fn pool(request: &Request<'_>, cluster: &Resource, name: &str) -> &'static str {
    let arm = &request.world.arm;
    let own = arm.latest_operation(&cluster.id.join(&format!("agentPools/{name}")));
    let of_cluster = arm.latest_operation(&cluster.id);
    match (own, of_cluster) {
        (Some(own), of_cluster) if of_cluster.as_ref().is_none_or(|other| own.started >= other.started) => {
            if own.is_running(request.now) { own.running } else { own.ends_as }
        }
        (_, Some(of_cluster)) if of_cluster.is_running(request.now) => cluster.state(request.now),
        (_, Some(of_cluster)) => of_cluster.ends_as,
        (_, None) => cluster.state(request.now),
    }
}

/// Puts each pool's own state into the body of a cluster.
pub(super) fn correct(request: &Request<'_>, cluster: &Resource, body: &mut Value) {
    let pools = body.pointer_mut("/properties/agentPoolProfiles").and_then(Value::as_array_mut);
    for each in pools.into_iter().flatten() {
        let name = each["name"].as_str().unwrap_or_default().to_owned();
        each["provisioningState"] = json!(pool(request, cluster, &name));
    }
}

/// Whether a cluster is stopped.
pub(super) fn is_stopped(cluster: &Resource) -> bool {
    cluster.properties.get("powerState").is_some_and(|state| state["code"] == "Stopped")
}

/// The properties of a cluster that is `Running` or `Stopped` with all its pools.
pub(super) fn powered(cluster: &Resource, code: &str) -> Map<String, Value> {
    let mut properties = cluster.properties.clone();
    properties.insert("powerState".into(), json!({ "code": code }));
    let pools = properties.get_mut("agentPoolProfiles").and_then(Value::as_array_mut);
    for pool in pools.into_iter().flatten() {
        pool["powerState"] = json!({ "code": code });
    }
    properties
}
