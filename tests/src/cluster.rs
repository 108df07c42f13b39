//! What most stories begin with, made through the wire: a resource group, and a cluster in it with its user's kubeconfig.

use base64::Engine as _;
use serde_json::{Value, json};

use crate::{Actor, Answer, Azlet, SUBSCRIPTION, arm, my_registry, resource_id};

const VERSION: &str = "2026-06-01";

/// A cluster `c` in the group `rg`.
#[derive(Debug)]
pub struct Cluster {
    /// The managed cluster, as ARM shows it.
    pub resource: Value,
    /// The URL of its API server.
    pub server: String,
    /// Who its user's kubeconfig makes one.
    pub user: Actor,
}

impl Azlet {
    /// An emulator with a resource group `rg`, and its owner.
    pub async fn with_group() -> (Self, Actor) {
        let azlet = Self::start().await;
        let owner = azlet.owner().await;
        let group = arm(&format!("/subscriptions/{SUBSCRIPTION}/resourceGroups/rg"), "2024-11-01");
        let made = owner.put(&group, &json!({ "location": "westus2" })).await;
        assert_eq!(made.status(), 201, "{}", made.golden());
        (azlet, owner)
    }

    /// The same with the registry [`my_registry`] in the group.
    pub async fn with_registry() -> (Self, Actor) {
        let (azlet, owner) = Self::with_group().await;
        let body = json!({ "location": "westus2", "sku": { "name": "Premium" } });
        let made = owner.put(&arm(&my_registry(), "2023-07-01"), &body).await;
        assert!(made.status() < 300, "{}", made.golden());
        (azlet, owner)
    }

    /// Makes a cluster with one pool of `nodes` nodes.
    pub async fn cluster(&self, owner: &Actor, nodes: u32) -> Cluster {
        let id = resource_id("rg", "Microsoft.ContainerService/managedClusters/c");
        let body = json!({
            "location": "westus2",
            "identity": { "type": "SystemAssigned" },
            "properties": { "dnsPrefix": "c", "agentPoolProfiles": [{ "name": "np", "mode": "System", "count": nodes }] },
        });
        let made = owner.put_and_wait(&arm(&id, VERSION), &body).await;
        assert_eq!(made.status(), 200, "{}", made.golden());
        let credential = owner.post(&arm(&format!("{id}/listClusterUserCredential"), VERSION), &json!({})).await;
        let kubeconfig = kubeconfig(&credential);
        let member = |name| kubeconfig.lines().find_map(|line| line.trim().strip_prefix(name)).expect("a member").to_owned();
        Cluster { resource: made.json(), server: member("server: "), user: self.bearer(member("token: ")) }
    }
}

/// The kubeconfig in the answer of `listClusterUserCredential` or `listClusterAdminCredential`.
pub fn kubeconfig(credential: &Answer) -> String {
    let value = credential.json()["kubeconfigs"][0]["value"].as_str().expect("a kubeconfig").to_owned();
    String::from_utf8(base64::engine::general_purpose::STANDARD.decode(value).expect("base64")).expect("text")
}
