//! Agent pools: what AKS fills in by kind, what it refuses, and how they reach the nodes. Sources: AKS' REST reference, its pages on node
//! pools and node configuration, its list of error codes, errors that users have reported. Rows whose name ends in `(inferred)` have an
//! inferred code.

use azlet_tests::Azlet;
use azlet_tests::aks::{below, body, refusal, url};
use serde_json::{Value, json};

fn pool(members: Value) -> Value {
    let mut pool = json!({ "properties": { "count": 1, "mode": "User", "vmSize": "Standard_D2s_v3", "osType": "Linux" } });
    for (member, value) in members.as_object().into_iter().flatten() {
        pool["properties"][member] = value.clone();
    }
    pool
}

#[tokio::test]
async fn a_pool_that_breaks_a_rule_is_refused() {
    let (_azlet, owner) = Azlet::with_group().await;
    let network = json!({ "networkPlugin": "kubenet" });
    owner.put_and_wait(&url("c"), &body(&json!({ "networkProfile": network, "kubernetesVersion": "1.33.5" }))).await;
    let spot = |more: Value| {
        let mut members = json!({ "scaleSetPriority": "Spot" });
        members.as_object_mut().expect("an object").extend(more.as_object().cloned().unwrap_or_default());
        pool(members)
    };
    let reserved = |member: &str, value: Value| pool(json!({ "capacityReservationGroupID": "/g", member: value }));
    let config = |kubelet: Value| pool(json!({ "kubeletConfig": kubelet }));
    let rows = [
        ("np", "no count", json!({ "properties": { "mode": "User" } })),
        ("np", "a negative count", pool(json!({ "count": -1 }))),
        ("np", "a system pool without nodes", pool(json!({ "mode": "System", "count": 0 }))),
        ("np", "too many nodes", pool(json!({ "count": 1001 }))),
        ("np", "bounds without the autoscaler", pool(json!({ "enableAutoScaling": false, "minCount": 1, "maxCount": 3 }))),
        ("np", "bounds the wrong way round", pool(json!({ "enableAutoScaling": true, "minCount": 3, "maxCount": 1 }))),
        ("np", "a size that is none", pool(json!({ "vmSize": "huge" }))),
        ("np", "a size of a series that there is not", pool(json!({ "vmSize": "Standard_Q2s_v5" }))),
        ("np", "a size with more cores in use than it has", pool(json!({ "vmSize": "Standard_E4-8s_v5" }))),
        ("np", "a system pool of machines with one core", pool(json!({ "mode": "System", "vmSize": "Standard_DS1_v2" }))),
        ("np", "a system pool of burstable machines", pool(json!({ "mode": "System", "vmSize": "Standard_B2s" }))),
        ("np", "a system pool of spot machines", spot(json!({ "mode": "System" }))),
        ("np", "spot machines for nothing (inferred)", spot(json!({ "spotMaxPrice": 0 }))),
        ("np", "low priority", pool(json!({ "scaleSetPriority": "Low" }))),
        ("npwindo", "a Windows pool's name is too long", pool(json!({ "osType": "Windows" }))),
        ("npwin", "Windows on kubenet", pool(json!({ "osType": "Windows" }))),
        ("np", "another system's SKU", pool(json!({ "osSKU": "Windows2022" }))),
        ("np", "zones by name", pool(json!({ "availabilityZones": ["eastus-1"] }))),
        ("np", "a fourth zone", pool(json!({ "availabilityZones": ["4"] }))),
        ("np", "too few pods", pool(json!({ "maxPods": 9 }))),
        ("np", "too many pods", pool(json!({ "maxPods": 251 }))),
        ("np", "a disk that is too small (inferred)", pool(json!({ "osDiskSizeGB": 10 }))),
        ("np", "a label below kubernetes.io", pool(json!({ "nodeLabels": { "node-role.kubernetes.io/eos": "" } }))),
        ("np", "a label of AKS'", pool(json!({ "nodeLabels": { "kubernetes.azure.com/x": "y" } }))),
        ("np", "a label that is none (inferred)", pool(json!({ "nodeLabels": { "a b": "c" } }))),
        ("np", "a taint that is none (inferred)", pool(json!({ "nodeTaints": ["a=b:Maybe"] }))),
        ("np", "a public address prefix without addresses", pool(json!({ "nodePublicIPPrefixID": "/p" }))),
        ("np", "reserved capacity of spot machines", reserved("scaleSetPriority", json!("Spot"))),
        ("np", "reserved capacity with ultra disks", reserved("enableUltraSSD", json!(true))),
        ("np", "reserved capacity in a placement group", reserved("proximityPlacementGroupID", json!("/p"))),
        ("np", "reserved capacity on dedicated hosts", reserved("hostGroupID", json!("/h"))),
        ("np", "parts of a graphics processor that is not there", pool(json!({ "gpuInstanceProfile": "MIG1g" }))),
        ("np", "a kubelet's CPU policy", config(json!({ "cpuManagerPolicy": "fast" }))),
        (
            "np",
            "a kubelet that collects the wrong way round",
            config(json!({ "imageGcHighThreshold": 10, "imageGcLowThreshold": 20 })),
        ),
        ("np", "a kernel setting out of bounds", pool(json!({ "linuxOSConfig": { "sysctls": { "vmSwappiness": 101 } } }))),
        ("np", "a swap file that the kubelet does not like", pool(json!({ "linuxOSConfig": { "swapFileSizeMB": 100 } }))),
        ("np", "a surge that is no number (inferred)", pool(json!({ "upgradeSettings": { "maxSurge": "some" } }))),
        ("np", "a drain that takes too long (inferred)", pool(json!({ "upgradeSettings": { "drainTimeoutInMinutes": 1441 } }))),
        (
            "np",
            "a gateway's prefix out of bounds (inferred)",
            pool(json!({ "mode": "Gateway", "gatewayProfile": { "publicIPPrefixSize": 24 } })),
        ),
        ("np", "a version that is none", pool(json!({ "orchestratorVersion": "new" }))),
        ("np", "an unknown version", pool(json!({ "orchestratorVersion": "1.99" }))),
        ("np", "a version above the cluster's", pool(json!({ "orchestratorVersion": "1.34" }))),
        ("np", "a patch above the cluster's", pool(json!({ "orchestratorVersion": "1.33.6" }))),
        ("np", "a set beside another pool", pool(json!({ "type": "AvailabilitySet" }))),
    ];
    let mut lines = String::new();
    for (name, rule, body) in rows {
        let answer = owner.put(&below("c", &format!("agentPools/{name}")), &body).await;
        lines.push_str(&format!("{rule}\n    {}\n", refusal(&answer)));
    }
    insta::assert_snapshot!(lines);
    let pools = owner.get(&below("c", "agentPools")).await.json();
    assert_eq!(pools["value"].as_array().map(Vec::len), Some(1), "nothing was added");
}

#[tokio::test]
async fn what_a_pool_keeps_for_life_is_named() {
    let (_azlet, owner) = Azlet::with_group().await;
    owner.put_and_wait(&url("c"), &body(&json!({}))).await;
    let kubelet = json!({ "cpuManagerPolicy": "static" });
    owner
        .put_and_wait(&below("c", "agentPools/np"), &pool(json!({ "kubeletConfig": kubelet, "orchestratorVersion": "1.34.2" })))
        .await;
    let mut lines = String::new();
    for (rule, change) in [
        ("the size", json!({ "vmSize": "Standard_D4s_v3" })),
        ("the system", json!({ "osType": "Windows" })),
        ("the pods of a node", json!({ "maxPods": 31 })),
        ("the disk's size", json!({ "osDiskSizeGB": 256 })),
        ("the zones", json!({ "availabilityZones": ["1"] })),
        ("the priority", json!({ "scaleSetPriority": "Spot" })),
        ("the kubelet's settings", json!({ "kubeletConfig": { "cpuManagerPolicy": "none" } })),
        ("an older version", json!({ "orchestratorVersion": "1.33" })),
    ] {
        let answer = owner.put(&below("c", "agentPools/np"), &pool(change)).await;
        lines.push_str(&format!("{rule}\n    {}\n", refusal(&answer)));
    }
    insta::assert_snapshot!(lines);
    // What says the same in another case, or means that nothing changes, is no change.
    let same = pool(json!({ "vmSize": "standard_d2s_V3", "osDiskSizeGB": 0, "scaleSetPriority": "Regular", "maxPods": null }));
    assert_eq!(owner.put(&below("c", "agentPools/np"), &same).await.status(), 200);
}

#[tokio::test]
async fn pools_of_each_kind_are_completed() {
    let (_azlet, owner) = Azlet::with_group().await;
    let network = json!({ "networkPlugin": "azure", "networkPluginMode": "overlay" });
    owner.put_and_wait(&url("c"), &body(&json!({ "networkProfile": network }))).await;
    let manual =
        json!({ "scale": { "manual": [{ "size": "Standard_D4s_v3", "count": 2 }, { "size": "Standard_D2s_v3", "count": 1 }] } });
    let mut lines = String::new();
    for (name, members) in [
        ("spot", json!({ "scaleSetPriority": "Spot", "nodeLabels": { "mine": "1" } })),
        ("win", json!({ "osType": "Windows" })),
        ("fips", json!({ "enableFIPS": true })),
        ("azl", json!({ "osSKU": "AzureLinux" })),
        ("gateway", json!({ "mode": "Gateway", "count": 2 })),
        ("gpu", json!({ "vmSize": "Standard_NC4as_T4_v3" })),
        ("vms", json!({ "count": null, "vmSize": null, "type": "VirtualMachines", "virtualMachinesProfile": manual })),
        ("auto", json!({ "enableAutoScaling": true, "count": 9, "minCount": 1, "maxCount": 3 })),
    ] {
        let mut body = pool(members);
        if name == "vms" {
            body["properties"].as_object_mut().expect("an object").retain(|_, value| !value.is_null());
        }
        let made = owner.put_and_wait(&below("c", &format!("agentPools/{name}")), &body).await;
        let mut properties = made.json()["properties"].clone();
        let members = properties.as_object_mut().unwrap_or_else(|| panic!("{name}: {}", made.golden()));
        // What every pool has says nothing about its kind.
        for common in
            ["eTag", "provisioningState", "powerState", "currentOrchestratorVersion", "orchestratorVersion", "kubeletDiskType"]
        {
            members.remove(common);
        }
        lines.push_str(&format!("{name}\n    {properties}\n"));
    }
    insta::assert_snapshot!(lines);
    let deleted = owner.delete(&below("c", "agentPools/nodepool1")).await;
    insta::assert_snapshot!("last_system_pool_of_many", deleted.golden());
}

#[tokio::test]
async fn nodes_have_what_their_size_offers() {
    let (azlet, owner) = Azlet::with_group().await;
    let cluster = azlet.cluster(&owner, 1).await;
    let mut lines = String::new();
    for (name, size) in [
        ("a", "Standard_DS2_v2"),
        ("b", "Standard_D8s_v5"),
        ("c", "standard_e8-4as_v5"),
        ("d", "Standard_D4pls_v5"),
        ("e", "Standard_F4s_v2"),
    ] {
        owner.put_and_wait(&below("c", &format!("agentPools/{name}")), &pool(json!({ "vmSize": size }))).await;
        let url = format!("{}/api/v1/nodes?labelSelector=agentpool%3D{name}", cluster.server.trim_end_matches(":443"));
        let node = cluster.user.get(&url).await.json()["items"][0].clone();
        let (capacity, info) = (&node["status"]["capacity"], &node["status"]["nodeInfo"]);
        lines.push_str(&format!("{size}: {} {} {}\n", capacity["cpu"], capacity["memory"], info["architecture"]));
    }
    insta::assert_snapshot!(lines);
}

#[tokio::test]
async fn pools_reach_the_nodes() {
    let (azlet, owner) = Azlet::with_group().await;
    let cluster = azlet.cluster(&owner, 1).await;
    let zoned = pool(json!({
        "count": 3, "availabilityZones": ["1", "2"], "osSKU": "AzureLinux", "nodeLabels": { "env": "test" }, "nodeTaints": ["a=b:NoSchedule"],
    }));
    owner.put_and_wait(&below("c", "agentPools/zoned"), &zoned).await;
    let nodes = cluster.user.get(&format!("{}/api/v1/nodes?labelSelector=agentpool%3Dzoned", cluster.server)).await.json();
    let shown: Vec<Value> = nodes["items"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|node| {
            let label = |key: &str| node["metadata"]["labels"][key].clone();
            json!([
                label("topology.kubernetes.io/zone"),
                label("kubernetes.azure.com/os-sku"),
                label("env"),
                node["spec"]["taints"],
                node["status"]["nodeInfo"]["osImage"]
            ])
        })
        .collect();
    let taints = json!([{ "key": "a", "effect": "NoSchedule", "value": "b" }]);
    let of = |zone: &str| json!([zone, "AzureLinux", "test", taints, "Microsoft Azure Linux 3.0"]);
    assert_eq!(shown, [of("westus2-1"), of("westus2-2"), of("westus2-1")]);
    let changed = pool(json!({ "count": 3, "nodeLabels": { "env": "live" }, "nodeTaints": [] }));
    owner.put_and_wait(&below("c", "agentPools/zoned"), &changed).await;
    let nodes = cluster.user.get(&format!("{}/api/v1/nodes?labelSelector=env%3Dlive", cluster.server)).await.json();
    assert_eq!(nodes["items"].as_array().map(Vec::len), Some(3));
    assert!(nodes["items"][0]["spec"].get("taints").is_none(), "{nodes}");
}
