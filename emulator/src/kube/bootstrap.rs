//! How a cluster comes into being, changes and goes: what ARM's managed clusters call.

use std::sync::Arc;

use serde_json::{Value, json};

use super::spec::ClusterSpec;
use super::store::Cluster;
use super::{controllers, furnish, kinds, nodes, rbac};
use crate::kernel::resource_id::ResourceId;
use crate::world::World;

/// The address of the API server in the eyes of the cluster: one of a range that is kept for documentation.
const API_SERVER: &str = "192.0.2.1";

/// Makes a cluster with its namespaces, its own service and its nodes.
pub fn provision(world: &World, spec: ClusterSpec) -> Arc<Cluster> {
    let cluster = Arc::new(Cluster::new(spec));
    for name in ["default", "kube-node-lease", "kube-public", "kube-system"] {
        if let Err(error) = cluster.create(world, &kinds::NAMESPACES, json!({"metadata": {"name": name}})) {
            tracing::warn!(kubernetes.namespace = name, "cannot make the namespace: {error}");
        }
    }
    if let Err(error) = cluster.create(world, &kinds::SERVICES, api_server_service()) {
        tracing::warn!("cannot make the service of the API server: {error}");
    }
    rbac::defaults::furnish(world, &cluster);
    furnish::cluster(world, &cluster);
    if let Err(error) = cluster.create(world, &kinds::ENDPOINTS, api_server_endpoints()) {
        tracing::warn!("cannot make the endpoints of the API server: {error}");
    }
    nodes::reconcile(world, &cluster);
    controllers::settle(world, &cluster);
    world.kube.insert(cluster.clone());
    cluster
}

/// The service by which pods reach the API server: the first address of the service range.
fn api_server_service() -> Value {
    json!({
        "metadata": {
            "name": "kubernetes",
            "namespace": "default",
            "labels": { "component": "apiserver", "provider": "kubernetes" },
        },
        "spec": {
            "type": "ClusterIP",
            "clusterIP": "10.0.0.1",
            "ports": [{ "name": "https", "port": 443, "protocol": "TCP", "targetPort": 443 }],
        },
    })
}

/// Where the service of the API server leads to: what AKS puts there is an address outside of the cluster.
fn api_server_endpoints() -> Value {
    json!({
        "metadata": { "name": "kubernetes", "namespace": "default", "labels": { "endpointslice.kubernetes.io/skip-mirror": "true" } },
        "subsets": [{ "addresses": [{ "ip": API_SERVER }], "ports": [{ "name": "https", "port": 443, "protocol": "TCP" }] }],
    })
}

/// Makes a cluster be as `spec` says: pools scaled, the version changed. Without such a cluster nothing happens.
pub fn reconfigure(world: &World, spec: ClusterSpec) {
    let Some(cluster) = world.kube.by_arm_id(&spec.id) else { return };
    cluster.set_spec(spec);
    rbac::defaults::follow_entra(world, &cluster);
    nodes::reconcile(world, &cluster);
    controllers::settle(world, &cluster);
}

/// Stops a cluster, whose API server is then nowhere to be found and whose nodes are gone, or starts it again. Its objects stay.
pub fn set_running(world: &World, id: &ResourceId, running: bool) {
    if running {
        world.kube.set_stopped(id, false);
    }
    if let Some(cluster) = world.kube.by_arm_id(id) {
        nodes::reconcile(world, &cluster);
        controllers::settle(world, &cluster);
    }
    if !running {
        world.kube.set_stopped(id, true);
    }
}

/// Takes a cluster away, if there is one.
pub fn deprovision(world: &World, id: &ResourceId) {
    world.kube.remove(id);
}
