//! The properties of a pool, completed with what AKS fills in. Sources: AKS' REST reference (defaults), its pages on node pools, spot,
//! gateway and virtual machine pools, and bodies as AKS answers them. Which sizes take an ephemeral disk is in
//! `fixtures/container-service/nodes.json`: what the virtual machines' cache or temporary disk holds.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::completion::Completion;
use super::versions;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Nodes {
    /// The newest image of each kind of system.
    images: BTreeMap<String, String>,
    /// Sizes, in lower case, and how many GiB their cache or temporary disk holds.
    local_disks: BTreeMap<String, i64>,
}

static NODES: LazyLock<Nodes> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../../../../../fixtures/container-service/nodes.json"))
        .expect("fixtures/container-service/nodes.json lists images and sizes: a test reads it")
});

/// The cluster that a pool belongs to.
pub(super) struct Cluster<'a> {
    /// Its version, asked and resolved.
    pub(super) version: (String, String),
    /// Its network profile.
    pub(super) network: &'a Value,
    /// Whether it is of the Automatic SKU.
    pub(super) automatic: bool,
    /// Whether the pool came in the cluster's body.
    pub(super) embedded: bool,
}

/// How many pods a node may have, unless said otherwise: it depends on where pods get their addresses from.
fn pods_per_node(network: &Value) -> u32 {
    let is = |member: &str, text: &str| network[member].as_str().is_some_and(|said| said.eq_ignore_ascii_case(text));
    match (is("networkPlugin", "azure"), is("networkPluginMode", "overlay")) {
        (true, true) => 250,
        (true, false) => 30,
        _ => 110,
    }
}

/// The properties of a pool.
pub(super) fn complete(sent: &Map<String, Value>, before: &Map<String, Value>, cluster: &Cluster<'_>) -> Map<String, Value> {
    let mut done = Completion::new(sent, before);
    let of_system = done.is("mode", "System");
    // Automatic clusters choose the machines of their system pool.
    let chosen = cluster.automatic && of_system && done.said("vmSize").is_none();
    let machines = done.is("type", "VirtualMachines");
    done.if_said("name");
    count(&mut done, machines);
    match (machines, chosen) {
        (true, _) => done.fixed("vmSize", json!("")),
        (_, true) => done.fixed("vmSize", json!("standard_d4pds_v5")),
        _ => done.or("vmSize", json!("Standard_DS2_v2")),
    }
    disk(&mut done);
    done.or("kubeletDiskType", json!("OS"));
    done.or("workloadRuntime", json!("OCIContainer"));
    done.if_said("vnetSubnetID");
    done.if_said("podSubnetID");
    done.or("maxPods", json!(pods_per_node(cluster.network)));
    done.or("type", json!("VirtualMachineScaleSets"));
    if cluster.automatic && of_system {
        done.or("availabilityZones", json!(["1", "2", "3"]));
    } else {
        done.if_said("availabilityZones");
    }
    scaling(&mut done);
    done.or("powerState", json!({ "code": "Running" }));
    let asked = done.text("orchestratorVersion").unwrap_or(&cluster.version.0).to_owned();
    let same = done.before.get("orchestratorVersion").and_then(Value::as_str) == Some(&asked);
    let known = done.before.get("currentOrchestratorVersion").and_then(Value::as_str).filter(|_| same).map(str::to_owned);
    // An alias of the cluster's own minor version is the cluster's patch, be there a newer one or not.
    let own = cluster.version.1.starts_with(&format!("{asked}.")).then(|| cluster.version.1.clone());
    let current = known.or(own).or_else(|| versions::resolve(&asked)).unwrap_or_else(|| cluster.version.1.clone());
    done.fixed("orchestratorVersion", json!(asked));
    done.fixed("currentOrchestratorVersion", json!(current));
    done.or("enableNodePublicIP", json!(false));
    done.or("enableCustomCATrust", json!(false));
    priority(&mut done);
    labels_and_taints(&mut done, cluster);
    done.or("mode", json!("User"));
    done.or("enableEncryptionAtHost", json!(false));
    done.or("enableUltraSSD", json!(false));
    system(&mut done, chosen);
    upgrades(&mut done, cluster);
    done.or("enableFIPS", json!(false));
    if windows(&done) {
        done.or("windowsProfile", json!({}));
    }
    done.or("networkProfile", json!({}));
    security(&mut done, cluster);
    accelerator(&mut done);
    if done.is("mode", "Gateway") {
        done.object("gatewayProfile", |gateway| gateway.or("publicIPPrefixSize", json!(31)));
    }
    if machines {
        machine_status(&mut done);
    }
    // The service alone says what state a pool is in.
    done.never("eTag");
    done.never("provisioningState");
    done.finish()
}

fn windows(done: &Completion<'_>) -> bool {
    done.is("osType", "Windows")
}

/// How many nodes: with the autoscaler never fewer or more than it may have. Pools of single machines count by size.
fn count(done: &mut Completion<'_>, machines: bool) {
    if machines {
        return done.never("count");
    }
    let number = |key: &str| done.said(key).and_then(Value::as_i64);
    let scaled = done.said("enableAutoScaling") == Some(&json!(true));
    let least = number("minCount").unwrap_or(0);
    let count = number("count").unwrap_or(if scaled { least } else { 1 });
    let most = number("maxCount").unwrap_or(count).max(least);
    done.fixed("count", json!(if scaled { count.clamp(least, most) } else { count }));
}

/// Nothing and zero both mean the default size of the disk. It lies on the machine itself where it fits there.
fn disk(done: &mut Completion<'_>) {
    let size = done.said("osDiskSizeGB").and_then(Value::as_i64).filter(|size| *size != 0).unwrap_or(128);
    done.fixed("osDiskSizeGB", json!(size));
    let machine = done.done["vmSize"].as_str().unwrap_or_default().to_lowercase();
    let fits = NODES.local_disks.get(&machine).is_some_and(|local| *local >= size);
    done.or("osDiskType", json!(if fits { "Ephemeral" } else { "Managed" }));
}

fn scaling(done: &mut Completion<'_>) {
    let scaled = done.said("enableAutoScaling") == Some(&json!(true));
    for bound in ["maxCount", "minCount"] {
        if scaled {
            done.if_said(bound);
        } else {
            done.never(bound);
        }
    }
    done.or("enableAutoScaling", json!(false));
    done.if_said("scaleDownMode");
}

/// Members that say nothing for a pool that is not made of spot machines are not shown.
fn priority(done: &mut Completion<'_>) {
    if done.is("scaleSetPriority", "Spot") {
        done.if_said("scaleSetPriority");
        done.or("scaleSetEvictionPolicy", json!("Delete"));
        done.or("spotMaxPrice", json!(-1));
    } else {
        ["scaleSetPriority", "scaleSetEvictionPolicy", "spotMaxPrice"].into_iter().for_each(|member| done.never(member));
    }
}

/// Labels and taints: what was sent, and what marks the pool's kind.
fn labels_and_taints(done: &mut Completion<'_>, cluster: &Cluster<'_>) {
    let spot = done.is("scaleSetPriority", "Spot");
    let mut labels = done.said("nodeLabels").and_then(Value::as_object).cloned().unwrap_or_default();
    if spot {
        labels.insert("kubernetes.azure.com/scalesetpriority".into(), json!("spot"));
    }
    done.fixed("nodeLabels", if labels.is_empty() { Value::Null } else { Value::Object(labels) });
    let said = |member: &str| -> Vec<Value> {
        let taints = done.said(member).and_then(Value::as_array).cloned().unwrap_or_default();
        taints.into_iter().filter(|taint| taint.as_str() != Some("")).collect()
    };
    let (mut taints, initial) = (said("nodeTaints"), said("nodeInitializationTaints"));
    let marks = [
        (spot, "kubernetes.azure.com/scalesetpriority=spot:NoSchedule"),
        (done.is("mode", "Gateway"), "kubernetes.azure.com/mode=gateway:NoSchedule"),
        (cluster.automatic && done.is("mode", "System"), "CriticalAddonsOnly=true:NoSchedule"),
    ];
    for (marked, mark) in marks {
        if marked && !taints.contains(&json!(mark)) {
            taints.push(json!(mark));
        }
    }
    done.fixed("nodeTaints", if taints.is_empty() { Value::Null } else { Value::Array(taints) });
    done.fixed("nodeInitializationTaints", if initial.is_empty() { Value::Null } else { Value::Array(initial) });
}

/// The operating system and its image: the newest when the pool is made, and again when the system changes.
fn system(done: &mut Completion<'_>, chosen: bool) {
    done.or("osType", json!("Linux"));
    let default = match (windows(done), chosen) {
        (true, _) => "Windows2022",
        (_, true) => "AzureLinux",
        _ => "Ubuntu",
    };
    done.or("osSKU", json!(default));
    let fips = done.said("enableFIPS") == Some(&json!(true));
    let kind = done.done["osSKU"].as_str().unwrap_or_default().to_lowercase();
    let image = image(&kind, fips, chosen);
    let same = ["osSKU", "enableFIPS"].into_iter().all(|member| match (done.asked(member), done.before.get(member)) {
        (Some(asked), Some(before)) => asked == before,
        _ => true,
    });
    match done.before.get("nodeImageVersion").filter(|_| same) {
        Some(image) => done.fixed("nodeImageVersion", image.clone()),
        None => done.fixed("nodeImageVersion", json!(image)),
    }
}

fn image(kind: &str, fips: bool, arm: bool) -> &'static str {
    let suffix = match (fips, arm) {
        (true, _) => "-fips",
        (_, true) => "-arm",
        _ => "",
    };
    let found = NODES.images.get(&format!("{kind}{suffix}")).or_else(|| NODES.images.get(kind));
    found.or_else(|| NODES.images.get("ubuntu")).map_or("", String::as_str)
}

/// How many nodes may be added while upgrading. A pool that was added by itself with empty settings shows them empty.
fn upgrades(done: &mut Completion<'_>, cluster: &Cluster<'_>) {
    let empty = done.said("upgradeSettings").and_then(Value::as_object).is_some_and(Map::is_empty);
    if empty && !cluster.embedded && done.before.get("upgradeSettings").is_none_or(|before| before == &json!({})) {
        return done.fixed("upgradeSettings", json!({}));
    }
    done.object("upgradeSettings", |settings| settings.or("maxSurge", json!("10%")));
}

/// How nodes are reached and started. Clients write `localuser`, AKS answers `LocalUser`.
fn security(done: &mut Completion<'_>, cluster: &Cluster<'_>) {
    done.object("securityProfile", |profile| {
        let known = ["LocalUser", "Disabled", "EntraId"].into_iter().find(|known| profile.is("sshAccess", known));
        let access = if cluster.automatic { "Disabled" } else { known.unwrap_or("LocalUser") };
        profile.fixed("sshAccess", json!(access));
        profile.or("enableVTPM", json!(false));
        profile.or("enableSecureBoot", json!(false));
    });
}

/// Graphics processors: their driver is installed unless told otherwise. What is kept is today's word for it.
fn accelerator(done: &mut Completion<'_>) {
    let machine = done.done["vmSize"].as_str().unwrap_or_default().to_lowercase();
    if !machine.starts_with("standard_n") && done.said("gpuProfile").is_none() {
        return;
    }
    let kind = windows(done).then_some("CUDA");
    done.object("gpuProfile", |profile| {
        let unwanted = profile.asked("installGPUDriver") == Some(&json!(false));
        profile.or("driver", json!(if unwanted { "None" } else { "Install" }));
        profile.never("installGPUDriver");
        if let Some(kind) = kind {
            profile.or("driverType", json!(kind));
        }
    });
}

/// The machines of a pool without scale sets: for each entry of the profile as many as it says, of the first of its sizes.
fn machine_status(done: &mut Completion<'_>) {
    let entries = done.said("virtualMachinesProfile").map(|profile| profile["scale"].clone()).unwrap_or_default();
    let entry = |entry: &Value, count: &str| {
        let size = entry["sizes"][0].as_str().or(entry["size"].as_str()).unwrap_or_default();
        json!({ "size": size, "count": entry[count] })
    };
    let manual = entries["manual"].as_array().into_iter().flatten().map(|each| entry(each, "count"));
    let scaled = match &entries["autoscale"] {
        Value::Array(each) => each.clone(),
        Value::Null => Vec::new(),
        one => vec![one.clone()],
    };
    let machines: Vec<Value> = manual.chain(scaled.iter().map(|each| entry(each, "minCount"))).collect();
    done.fixed("virtualMachineNodesStatus", if machines.is_empty() { Value::Null } else { Value::Array(machines) });
}

/// How many nodes a pool has.
pub(super) fn nodes(pool: &Value) -> u32 {
    let whole = |value: &Value| value.as_u64().and_then(|count| u32::try_from(count).ok()).unwrap_or_default();
    match pool["virtualMachineNodesStatus"].as_array() {
        Some(machines) => machines.iter().map(|each| whole(&each["count"])).sum(),
        None => whole(&pool["count"]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(sent: Value) -> Value {
        let network = json!({ "networkPlugin": "azure", "networkPluginMode": "overlay" });
        let cluster = Cluster { version: ("1.33".into(), "1.33.6".into()), network: &network, automatic: false, embedded: true };
        Value::Object(complete(sent.as_object().expect("an object"), &Map::new(), &cluster))
    }

    #[test]
    fn the_kinds_of_pools_are_marked() {
        let spot = made(json!({ "scaleSetPriority": "Spot" }));
        assert_eq!(spot["nodeTaints"], json!(["kubernetes.azure.com/scalesetpriority=spot:NoSchedule"]));
        assert_eq!((&spot["scaleSetEvictionPolicy"], &spot["spotMaxPrice"]), (&json!("Delete"), &json!(-1)));
        let gateway = made(json!({ "mode": "Gateway" }));
        assert_eq!(gateway["gatewayProfile"]["publicIPPrefixSize"], 31);
        let machines = json!({ "scale": { "manual": [{ "sizes": ["Standard_D4s_v3"], "count": 2 }, { "size": "Standard_D2s_v3", "count": 3 }] } });
        let machines = made(json!({ "type": "VirtualMachines", "virtualMachinesProfile": machines }));
        assert_eq!((nodes(&machines), machines.get("count")), (5, None));
        assert_eq!(made(json!({ "vmSize": "Standard_NC4as_T4_v3" }))["gpuProfile"]["driver"], "Install");
    }

    #[test]
    fn counts_stay_within_the_autoscalers_bounds() {
        for (count, expected) in [(json!(1), 2), (json!(9), 5), (Value::Null, 2)] {
            let pool = made(json!({ "enableAutoScaling": true, "minCount": 2, "maxCount": 5, "count": count }));
            assert_eq!(pool["count"], expected);
        }
        assert!(made(json!({ "minCount": 2, "maxCount": 5 })).get("minCount").is_none());
    }

    #[test]
    fn disks_lie_on_the_machine_where_they_fit() {
        assert_eq!(made(json!({ "vmSize": "Standard_D8s_v3" }))["osDiskType"], "Ephemeral");
        assert_eq!(made(json!({ "vmSize": "Standard_D8s_v3", "osDiskSizeGB": 512 }))["osDiskType"], "Managed");
        assert_eq!(made(json!({ "vmSize": "Standard_D2s_v3" }))["osDiskType"], "Managed");
    }
}
