//! The nodes of a cluster: one object per machine of each agent pool, as AKS names, labels and sizes them.
//!
//! Names are those of a virtual machine scale set: `aks-{pool}-{8 digits}-vmss{6 digits of base 36}`. A pool that shrinks loses its
//! last machines. Sources: AKS' documentation of node labels and reservations; the Node API of Kubernetes.

use serde_json::{Map, Value, json};

use super::deletion::DeleteOptions;
use super::kinds;
use super::sizes::{self, Offer};
use super::spec::{ClusterSpec, NodePool};
use super::store::Cluster;
use crate::kernel::clock::rfc3339_seconds;
use crate::world::World;

/// The size that counts where a pool names none, or one that cannot be read.
const USUAL_SIZE: &str = "Standard_DS2_v2";

/// Makes the nodes be as the pools say.
pub fn reconcile(world: &World, cluster: &Cluster) {
    let spec = cluster.spec();
    let mut number = 0;
    let mut wanted: Vec<(String, Value)> = Vec::new();
    for pool in &spec.node_pools {
        for index in indices(pool) {
            let name = name(world, &spec, pool, index);
            wanted.push((name.clone(), node(world, &spec, pool, &name, (number, index))));
            number += 1;
        }
    }
    let (existing, _) = cluster.list(&kinds::NODES, None);
    for node in existing {
        let name = node["metadata"]["name"].as_str().unwrap_or_default();
        if !wanted.iter().any(|(known, _)| known == name) {
            let _ = cluster.delete(world, &kinds::NODES, "", name, &DeleteOptions::default());
        }
    }
    for (name, node) in wanted {
        let known = cluster.modify(world, &kinds::NODES, "", &name, |existing| follow(existing, &node));
        if known.is_none()
            && let Err(error) = cluster.create(world, &kinds::NODES, node)
        {
            tracing::warn!(kubernetes.node = %name, "cannot make the node: {error}");
        }
    }
}

/// The numbers of a pool's machines: the first that were not taken away by name.
fn indices(pool: &NodePool) -> impl Iterator<Item = u32> {
    let count = usize::try_from(pool.count).unwrap_or_default();
    (0..).filter(|index| !pool.gone.contains(index)).take(count)
}

/// The number that a machine's name ends with: six digits of base 36.
pub fn number(name: &str) -> Option<u32> {
    let digits = name.len().checked_sub(6).and_then(|start| name.get(start..))?;
    u32::from_str_radix(digits, 36).ok()
}

/// Makes a node that is there already be as its pool now says: version, labels and taints. Labels that others set stay, and so do the
/// taints that Kubernetes itself sets.
fn follow(existing: &mut Value, wanted: &Value) {
    existing["status"]["nodeInfo"]["kubeletVersion"] = wanted["status"]["nodeInfo"]["kubeletVersion"].clone();
    for (key, value) in wanted["metadata"]["labels"].as_object().into_iter().flatten() {
        existing["metadata"]["labels"][key] = value.clone();
    }
    let of_kubernetes = |taint: &Value| taint["key"].as_str().is_some_and(|key| key.starts_with("node.kubernetes.io/"));
    let own = existing["spec"]["taints"].as_array().into_iter().flatten().filter(|taint| of_kubernetes(taint)).cloned();
    let taints: Vec<Value> = wanted["spec"]["taints"].as_array().into_iter().flatten().cloned().chain(own).collect();
    match existing["spec"].as_object_mut() {
        Some(spec) if taints.is_empty() => drop(spec.remove("taints")),
        _ => existing["spec"]["taints"] = Value::Array(taints),
    }
}

/// Whether a pool is of Windows machines.
fn is_windows(pool: &NodePool) -> bool {
    pool.os_sku.to_ascii_lowercase().starts_with("windows")
}

/// `arm64` where a `p` in the size says so: `Standard_D4ps_v5`.
fn architecture(pool: &NodePool) -> &'static str {
    let size = pool.vm_size.to_ascii_lowercase();
    let series = size.split('_').nth(1).unwrap_or_default().trim_start_matches(|each: char| each.is_ascii_alphabetic());
    let features = series.trim_start_matches(|each: char| each.is_ascii_digit());
    if features.starts_with('p') { "arm64" } else { "amd64" }
}

fn name(world: &World, spec: &ClusterSpec, pool: &NodePool, index: u32) -> String {
    if is_windows(pool) {
        return format!("aks{}{}", pool.name, base_36(index));
    }
    let number = world.ids.named_text(&format!("scale sets of {}", spec.id.key()), 8, b"0123456789");
    format!("aks-{}-{number}-vmss{}", pool.name, base_36(index))
}

/// Six digits of base 36, as scale sets number their machines.
fn base_36(mut number: u32) -> String {
    let mut digits = [b'0'; 6];
    for digit in digits.iter_mut().rev() {
        *digit = b"0123456789abcdefghijklmnopqrstuvwxyz"[usize::try_from(number % 36).unwrap_or_default()];
        number /= 36;
    }
    String::from_utf8_lossy(&digits).into_owned()
}

fn labels(spec: &ClusterSpec, pool: &NodePool, name: &str, index: u32) -> Map<String, Value> {
    let mode = pool.mode.to_lowercase();
    let system = if is_windows(pool) { "windows" } else { "linux" };
    // Machines are spread over the zones in turn; without zones, they are in none, which is 0.
    let turn = usize::try_from(index).unwrap_or_default().checked_rem(pool.zones.len());
    let zone =
        turn.and_then(|turn| pool.zones.get(turn)).map_or_else(|| "0".to_owned(), |zone| format!("{}-{zone}", spec.location));
    let fixed = [
        ("agentpool", pool.name.as_str()),
        ("beta.kubernetes.io/arch", architecture(pool)),
        ("beta.kubernetes.io/instance-type", &pool.vm_size),
        ("beta.kubernetes.io/os", system),
        ("failure-domain.beta.kubernetes.io/region", &spec.location),
        ("failure-domain.beta.kubernetes.io/zone", &zone),
        ("kubernetes.azure.com/agentpool", &pool.name),
        ("kubernetes.azure.com/cluster", &spec.node_resource_group),
        ("kubernetes.azure.com/mode", &mode),
        ("kubernetes.azure.com/os-sku", &pool.os_sku),
        ("kubernetes.azure.com/role", "agent"),
        ("kubernetes.io/arch", architecture(pool)),
        ("kubernetes.io/hostname", name),
        ("kubernetes.io/os", system),
        ("node.kubernetes.io/instance-type", &pool.vm_size),
        ("topology.kubernetes.io/region", &spec.location),
        ("topology.kubernetes.io/zone", &zone),
    ];
    let fixed = fixed.into_iter().map(|(key, value)| (key.to_owned(), json!(value)));
    fixed.chain(pool.labels.iter().map(|(key, value)| (key.clone(), json!(value)))).collect()
}

/// A taint out of `key=value:Effect`.
fn taint(text: &str) -> Option<Value> {
    let (pair, effect) = text.rsplit_once(':')?;
    let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
    let mut taint = json!({ "key": key, "effect": effect });
    if !value.is_empty() {
        taint["value"] = json!(value);
    }
    Some(taint)
}

fn node(world: &World, spec: &ClusterSpec, pool: &NodePool, name: &str, (number, index): (u32, u32)) -> Value {
    let offer = sizes::offer(&pool.vm_size).or_else(|| sizes::offer(USUAL_SIZE));
    let Offer { cores, memory } = offer.unwrap_or_default();
    let subscription = spec.id.subscription().unwrap_or_default();
    let taints: Vec<Value> = pool.taints.iter().filter_map(|text| taint(text)).collect();
    let mut body = json!({
        "metadata": { "name": name, "labels": labels(spec, pool, name, index) },
        "spec": {
            "podCIDR": format!("10.244.{}.0/24", number % 256),
            "podCIDRs": [format!("10.244.{}.0/24", number % 256)],
            "providerID": format!(
                "azure:///subscriptions/{subscription}/resourceGroups/{}/providers/Microsoft.Compute/virtualMachineScaleSets/{}/\
                 virtualMachines/{number}",
                spec.node_resource_group.to_lowercase(),
                name.rsplit_once("vmss").map_or(name, |(before, _)| before).to_owned() + "vmss"
            ),
        },
        "status": {
            "capacity": {
                "cpu": cores.to_string(), "ephemeral-storage": "129886128Ki", "memory": format!("{memory}Ki"), "pods": "250"
            },
            "allocatable": {
                "cpu": format!("{}m", cores * 1000 - 100),
                "ephemeral-storage": "119703055367",
                "memory": format!("{}Ki", memory - 1_900_000),
                "pods": "250",
            },
            "conditions": conditions(&rfc3339_seconds(world.clock.now())),
            "addresses": [
                { "type": "InternalIP", "address": format!("10.224.{}.{}", number / 250, number % 250 + 4) },
                { "type": "Hostname", "address": name },
            ],
            "daemonEndpoints": { "kubeletEndpoint": { "Port": 10250 } },
            "nodeInfo": {
                "machineID": world.ids.named(&format!("machine {name}")).simple().to_string(),
                "systemUUID": world.ids.named(&format!("system {name}")),
                "bootID": world.ids.named(&format!("boot {name}")),
                "kernelVersion": "5.15.0-1098-azure",
                "osImage": image(pool),
                "containerRuntimeVersion": "containerd://1.7.28-1",
                "kubeletVersion": format!("v{}", spec.version),
                "kubeProxyVersion": "",
                "operatingSystem": if is_windows(pool) { "windows" } else { "linux" },
                "architecture": architecture(pool),
            },
        },
    });
    if !taints.is_empty() {
        body["spec"]["taints"] = Value::Array(taints);
    }
    body
}

/// What a node says that it runs.
fn image(pool: &NodePool) -> &'static str {
    match pool.os_sku.to_ascii_lowercase().as_str() {
        "azurelinux" | "azurelinux3" => "Microsoft Azure Linux 3.0",
        "ubuntu2404" => "Ubuntu 24.04.3 LTS",
        "windows2019" => "Windows Server 2019 Datacenter",
        "windowsannual" => "Windows Server Datacenter",
        "windows2025" => "Windows Server 2025 Datacenter",
        sku if sku.starts_with("windows") => "Windows Server 2022 Datacenter",
        _ => "Ubuntu 22.04.5 LTS",
    }
}

fn conditions(now: &str) -> Value {
    let condition = |kind: &str, status: &str, reason: &str, message: &str| {
        json!({
            "type": kind, "status": status, "lastHeartbeatTime": now, "lastTransitionTime": now, "reason": reason, "message": message
        })
    };
    json!([
        condition("MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
        condition("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
        condition("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
        condition("Ready", "True", "KubeletReady", "kubelet is posting ready status"),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machines_are_numbered_in_base_36_and_taints_are_read() {
        assert_eq!(base_36(0), "000000");
        assert_eq!(base_36(37), "000011");
        assert_eq!((number("aks-np-12345678-vmss00000z"), number("aksnpw000011"), number("short")), (Some(35), Some(37), None));
        assert_eq!(taint("a=b:NoSchedule"), Some(json!({ "key": "a", "effect": "NoSchedule", "value": "b" })));
        assert_eq!(taint("a:NoExecute"), Some(json!({ "key": "a", "effect": "NoExecute" })));
        assert_eq!(taint("nonsense"), None);
    }

    #[test]
    fn a_node_follows_its_pool_and_keeps_what_others_set() {
        let mut node = json!({
            "metadata": { "labels": { "mine": "1", "env": "old" } },
            "spec": { "taints": [{ "key": "old" }, { "key": "node.kubernetes.io/unschedulable" }] },
            "status": { "nodeInfo": { "kubeletVersion": "v1" } },
        });
        let wanted = json!({ "metadata": { "labels": { "env": "new" } }, "spec": {}, "status": { "nodeInfo": { "kubeletVersion": "v2" } } });
        follow(&mut node, &wanted);
        assert_eq!(node["metadata"]["labels"], json!({ "mine": "1", "env": "new" }));
        assert_eq!(node["spec"]["taints"], json!([{ "key": "node.kubernetes.io/unschedulable" }]));
        assert_eq!(node["status"]["nodeInfo"]["kubeletVersion"], "v2");
    }
}
