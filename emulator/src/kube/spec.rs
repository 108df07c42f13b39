//! What a cluster is made of, as Azure's side says it: names and tokens, pools of nodes, identities.

use std::collections::BTreeMap;

use uuid::Uuid;

use crate::kernel::resource_id::ResourceId;

/// What a cluster is made of.
#[derive(Clone, Debug)]
pub struct ClusterSpec {
    /// The managed cluster in ARM.
    pub id: ResourceId,
    /// Its name.
    pub name: String,
    /// The host of its API server.
    pub fqdn: String,
    /// Where it stands, `westus2`.
    pub location: String,
    /// `1.33.5`.
    pub version: String,
    /// Its pools of nodes.
    pub node_pools: Vec<NodePool>,
    /// As whom its nodes pull; none with a service principal.
    pub kubelet_identity: Option<KubeletIdentity>,
    /// The token in the user's kubeconfig.
    pub user_token: String,
    /// The token in the administrator's kubeconfig.
    pub admin_token: String,
    /// The token in the kubeconfig of who reads metrics.
    pub monitoring_token: String,
    /// The group that holds its nodes, `MC_…`.
    pub node_resource_group: String,
    /// Whether the webhook of workload identity is on.
    pub workload_identity: bool,
    /// Whether Entra's tokens are taken, and what they are worth.
    pub entra: Option<Entra>,
}

/// A cluster's integration with Entra.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entra {
    /// Whether roles in Azure decide what people may do.
    pub azure_rbac: bool,
    /// The groups whose members may do everything.
    pub administrators: Vec<Uuid>,
}

/// A pool of nodes.
#[derive(Clone, Debug)]
pub struct NodePool {
    /// Its name.
    pub name: String,
    /// How many nodes.
    pub count: u32,
    /// The numbers of machines that were taken away by name; they are never given again.
    pub gone: Vec<u32>,
    /// `Standard_DS2_v2`.
    pub vm_size: String,
    /// `System` or `User`.
    pub mode: String,
    /// Its system: `Ubuntu`, `AzureLinux`, `Windows2022`.
    pub os_sku: String,
    /// The availability zones that its machines are spread over.
    pub zones: Vec<String>,
    /// More labels of its nodes.
    pub labels: BTreeMap<String, String>,
    /// Its nodes' taints, `key=value:Effect`.
    pub taints: Vec<String>,
}

/// The identity that nodes have at the registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KubeletIdentity {
    /// Its object id.
    pub object_id: Uuid,
    /// Its client id.
    pub client_id: Uuid,
}
