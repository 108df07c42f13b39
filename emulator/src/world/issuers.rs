//! The issuers of clusters' service account tokens: AKS gives each cluster an address, and Entra finds the keys behind it.

use super::World;
use crate::kernel::resource_id::ResourceId;

const CLUSTERS: &str = "Microsoft.ContainerService/managedClusters";

impl World {
    /// The issuer of a cluster's service account tokens, if it is on.
    pub fn issuer_of_cluster(&self, cluster: &ResourceId) -> Option<String> {
        let resource = self.arm.resource(cluster)?;
        resource.properties.get("oidcIssuerProfile")?.get("issuerURL")?.as_str().map(str::to_owned)
    }

    /// Whether some cluster has this issuer, to the letter.
    pub fn is_issuer_of_a_cluster(&self, issuer: &str) -> bool {
        let subscriptions = self.arm.subscriptions();
        let clusters =
            subscriptions.iter().flat_map(|it| self.arm.resources_of_type(CLUSTERS, &ResourceId::of_subscription(it.id)));
        clusters.into_iter().any(|cluster| self.issuer_of_cluster(&cluster.id).as_deref() == Some(issuer))
    }
}
