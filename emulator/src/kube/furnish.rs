//! What every AKS cluster has from its beginning beside nodes and namespaces: priority classes and storage classes.
//! Sources: Kubernetes' bootstrap priority classes; AKS' documentation of its storage classes and the CSI drivers for disks and files.

use serde_json::{Value, json};

use super::kinds;
use super::store::Cluster;
use crate::world::World;

/// Name, driver, SKU, whether it waits for a pod, whether it is the default.
const STORAGE: [(&str, &str, &str, bool, bool); 8] = [
    ("azurefile", "file", "Standard_LRS", false, false),
    ("azurefile-csi", "file", "Standard_LRS", false, false),
    ("azurefile-csi-premium", "file", "Premium_LRS", false, false),
    ("azurefile-premium", "file", "Premium_LRS", false, false),
    ("default", "disk", "StandardSSD_LRS", true, true),
    ("managed", "disk", "StandardSSD_LRS", true, false),
    ("managed-csi", "disk", "StandardSSD_LRS", true, false),
    ("managed-csi-premium", "disk", "Premium_LRS", true, false),
];

/// Puts them into a new cluster.
pub fn cluster(world: &World, cluster: &Cluster) {
    let critical = [("system-cluster-critical", 2_000_000_000_i64), ("system-node-critical", 2_000_001_000)];
    let storage = STORAGE.map(storage_class).map(|class| (*kinds::STORAGE_CLASSES, class));
    let priorities = critical.map(priority_class).map(|class| (*kinds::PRIORITY_CLASSES, class));
    for (kind, object) in storage.into_iter().chain(priorities) {
        if let Err(error) = cluster.create(world, kind, object) {
            tracing::warn!("cannot furnish the cluster: {error}");
        }
    }
}

fn storage_class((name, driver, sku, waits, usual): (&str, &str, &str, bool, bool)) -> Value {
    let mut class = json!({
        "metadata": {
            "name": name,
            "labels": {"addonmanager.kubernetes.io/mode": "EnsureExists", "kubernetes.io/cluster-service": "true"},
        },
        "provisioner": format!("{driver}.csi.azure.com"),
        "parameters": if driver == "disk" { json!({"skuname": sku}) } else { json!({"skuName": sku}) },
        "reclaimPolicy": "Delete",
        "allowVolumeExpansion": true,
        "volumeBindingMode": if waits { "WaitForFirstConsumer" } else { "Immediate" },
    });
    if usual {
        class["metadata"]["annotations"] = json!({"storageclass.kubernetes.io/is-default-class": "true"});
    }
    if driver == "file" {
        class["mountOptions"] = json!(["mfsymlinks", "actimeo=30", "nosharesock"]);
    }
    class
}

fn priority_class((name, value): (&str, i64)) -> Value {
    let what = if name.contains("node") {
        "critical pods that must not be moved from their current node"
    } else {
        "critical pods that must run in the cluster, but can be moved to another node if necessary"
    };
    json!({
        "metadata": {"name": name, "generation": 1},
        "value": value,
        "description": format!("Used for system {what}."),
        "preemptionPolicy": "PreemptLowerPriority",
    })
}
