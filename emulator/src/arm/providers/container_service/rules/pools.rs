//! The rules of a pool, and of all pools of a cluster together.
//!
//! Sources: AKS' list of error codes; its REST reference (bounds); texts of missing counts, of labels below `kubernetes.io` and of sizes
//! as users have reported them or the documentation has them. The other texts are inferred.

use serde_json::{Map, Value};

use super::super::{errors, validate};
use super::{is, nodes, number, object, on, refuse, text};
use crate::arm::error::Error;
use crate::kube::sizes;

/// How many pools a cluster may have.
const POOLS_AT_MOST: usize = 100;

/// How many cores the machines of a system pool have at least.
const SYSTEM_CORES: u32 = 2;

/// Prefixes of labels below `kubernetes.io` and `k8s.io` that may be set, and single labels.
const LABEL_PREFIXES: [&str; 2] = ["kubelet.kubernetes.io", "node.kubernetes.io"];
const LABELS: [&str; 11] = [
    "beta.kubernetes.io/arch",
    "failure-domain.beta.kubernetes.io/zone",
    "failure-domain.beta.kubernetes.io/region",
    "failure-domain.kubernetes.io/region",
    "kubernetes.io/os",
    "kubernetes.io/arch",
    "beta.kubernetes.io/os",
    "failure-domain.kubernetes.io/zone",
    "kubernetes.io/hostname",
    "kubernetes.io/instance-type",
    "beta.kubernetes.io/instance-type",
];

/// A pool as it was sent. `owner` is how errors name it; `new` says that it was sent by itself and is not there yet.
pub(in super::super) fn sent(pool: &Map<String, Value>, new: bool, owner: &str) -> Result<(), Error> {
    let machines = is(pool, "type", "VirtualMachines");
    if new && !machines && pool.get("count").is_none_or(Value::is_null) {
        return Err(errors::missing_parameter(&format!("{owner}.count")));
    }
    if pool.get("enableAutoScaling") == Some(&Value::Bool(false))
        && ["minCount", "maxCount"].into_iter().any(|bound| number(pool, bound).is_some_and(|count| count > 0))
    {
        let message = "minCount and maxCount can only be set when autoscaling is enabled.";
        return Err(refuse("AutoScalingNotEnabled", "agentPoolProfile.enableAutoScaling", message));
    }
    if is(pool, "scaleSetPriority", "Low") {
        let message = "Low priority agent pools are deprecated. Use Spot.";
        return Err(refuse("LowPriPoolDeprecated", "agentPoolProfile.scaleSetPriority", message));
    }
    size(text(pool, "vmSize"))?;
    labels(pool)?;
    taints(pool)?;
    nodes::check(pool)
}

/// A size of virtual machine: a name of a series that there is. Which sizes a region has is not told apart (azlet's own leniency).
fn size(size: &str) -> Result<(), Error> {
    if size.is_empty() || sizes::offer(size).is_some() {
        return Ok(());
    }
    let message = format!(
        "The requested VM size {size} is not available in the current region. The sizes available in the current region are: \
         standard_d2s_v3,standard_d2s_v5,standard_d4s_v3,standard_d4s_v5,standard_d8s_v5,standard_ds2_v2,standard_e4s_v5. For more \
         details, please visit https://aka.ms/cpu-quota"
    );
    Err(refuse("InvalidParameter", "vmSize", message))
}

fn labels(pool: &Map<String, Value>) -> Result<(), Error> {
    for (key, value) in object(pool, "nodeLabels").into_iter().flatten() {
        let value = value.as_str().unwrap_or_default();
        let (prefix, name) = key.rsplit_once('/').unwrap_or(("", key));
        let well_formed =
            is_name(name, 63) && (prefix.is_empty() || is_domain(prefix)) && (value.is_empty() || is_name(value, 63));
        if !well_formed {
            let details =
                format!("{key}={value} is not a valid node label. See https://aka.ms/node-labels for the syntax of labels");
            return Err(errors::invalid_value("agentPoolProfile.nodeLabels", &details));
        }
        let of = |domain: &str| prefix == domain || prefix.ends_with(&format!(".{domain}"));
        if prefix == "kubernetes.azure.com" && name != "scalesetpriority" {
            let message = format!("The node label key {key} is reserved: the prefix kubernetes.azure.com is for use by AKS.");
            return Err(refuse("NodeLabelKeyNotAllowed", "agentPoolProfile.nodeLabels", message));
        }
        let allowed = LABELS.contains(&key.as_str()) || LABEL_PREFIXES.into_iter().any(of);
        if (of("kubernetes.io") || of("k8s.io")) && !allowed {
            let message = "For Kubernetes version greater than or equal to 1.16, node label keys in the 'kubernetes.io' or 'k8s.io' namespace must begin with an allowed prefix (kubelet.kubernetes.io, node.kubernetes.io) or be in the specifically allowed set (beta.kubernetes.io/arch, failure-domain.beta.kubernetes.io/zone, failure-domain.beta.kubernetes.io/region, failure-domain.kubernetes.io/region, kubernetes.io/os, kubernetes.io/arch, beta.kubernetes.io/os, failure-domain.kubernetes.io/zone, kubernetes.io/hostname, kubernetes.io/instance-type, beta.kubernetes.io/instance-type). For more information, please check https://aka.ms/aks-node-labels-116.";
            return Err(refuse("BadRequest", &format!("{key}={value}"), message));
        }
    }
    Ok(())
}

/// A name of Kubernetes: letters, digits, `-`, `_` and `.`, a letter or digit at both ends.
fn is_name(name: &str, longest: usize) -> bool {
    let ends = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric());
    (1..=longest).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
        && ends(name.bytes().next())
        && ends(name.bytes().last())
}

fn is_domain(domain: &str) -> bool {
    domain.len() <= 253
        && domain.split('.').all(|part| is_name(part, 63) && !part.contains('_'))
        && domain.to_lowercase() == domain
}

/// Taints: `key=value:Effect` or `key:Effect`.
fn taints(pool: &Map<String, Value>) -> Result<(), Error> {
    for member in ["nodeTaints", "nodeInitializationTaints"] {
        let taints = pool.get(member).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        // The command line takes the last taint away by sending an empty one.
        for taint in taints.filter(|taint| !taint.is_empty()) {
            let split = taint.rsplit_once(':').map(|(pair, effect)| (pair.split_once('=').unwrap_or((pair, "")), effect));
            let well_formed = split.is_some_and(|((key, value), effect)| {
                let (prefix, name) = key.rsplit_once('/').unwrap_or(("", key));
                is_name(name, 63)
                    && (prefix.is_empty() || is_domain(prefix))
                    && (value.is_empty() || is_name(value, 63))
                    && ["NoSchedule", "PreferNoSchedule", "NoExecute"].contains(&effect)
            });
            if !well_formed {
                let details = format!(
                    "{taint} is not a valid node taint. It must have the form key=value:effect, the effect being NoSchedule, PreferNoSchedule or NoExecute"
                );
                return Err(errors::invalid_value(&format!("agentPoolProfile.{member}"), &details));
            }
        }
    }
    Ok(())
}

/// A pool as it will be, in a cluster of these properties.
pub(in super::super) fn completed(
    pool: &Map<String, Value>,
    asked: &Map<String, Value>,
    cluster: &Map<String, Value>,
) -> Result<(), Error> {
    let none = Map::new();
    let network = object(cluster, "networkProfile").unwrap_or(&none);
    role(pool)?;
    zones(pool, network)?;
    capacity(pool)?;
    system(pool, asked, network)?;
    spot(pool)?;
    addresses(pool)?;
    conflicts(pool)
}

/// What system pools must be.
fn role(pool: &Map<String, Value>) -> Result<(), Error> {
    if !validate::is_system(pool) {
        return Ok(());
    }
    if is(pool, "osType", "Windows") {
        return Err(refuse("SystemPoolMustBeLinux", "agentPoolProfile.osType", "System node pools must be Linux."));
    }
    if is(pool, "scaleSetPriority", "Spot") {
        let message = "System node pools must be of regular priority.";
        return Err(refuse("SystemPoolMustBeRegular", "agentPoolProfile.scaleSetPriority", message));
    }
    let size = text(pool, "vmSize");
    let burstable = size.to_lowercase().starts_with("standard_b") || size.to_lowercase().starts_with("basic_");
    if burstable || sizes::offer(size).is_some_and(|offer| offer.cores < SYSTEM_CORES) {
        return Err(errors::size_not_for_system_pools(size));
    }
    Ok(())
}

fn zones(pool: &Map<String, Value>, network: &Map<String, Value>) -> Result<(), Error> {
    const TARGET: &str = "agentPoolProfile.availabilityZones";
    let zones: Vec<&str> =
        pool.get("availabilityZones").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    if zones.is_empty() {
        return Ok(());
    }
    if let Some(zone) = zones.iter().find(|zone| zone.is_empty() || !zone.bytes().all(|byte| byte.is_ascii_digit())) {
        let message = format!("Availability zone {zone} is invalid. Availability zones must be numeric.");
        return Err(refuse("InvalidAvailabilityZoneFormat", TARGET, message));
    }
    if let Some(zone) = zones.iter().find(|zone| !["1", "2", "3"].contains(zone)) {
        let message = format!("Availability zone {zone} is not supported in this region.");
        return Err(refuse("AvailabilityZoneNotSupported", TARGET, message));
    }
    if is(pool, "type", "AvailabilitySet") {
        let message = "Virtual Machine Scale Sets are required for availability zones.";
        return Err(refuse("VMSSRequiredForAvailabilityZone", TARGET, message));
    }
    if is(network, "loadBalancerSku", "basic") {
        let message = "The Standard load balancer is required for availability zones.";
        return Err(refuse("SLBRequiredForAvailabilityZone", TARGET, message));
    }
    Ok(())
}

/// How many pods and how large a disk.
fn capacity(pool: &Map<String, Value>) -> Result<(), Error> {
    let pods = number(pool, "maxPods").unwrap_or(30);
    if pods < 10 {
        let message = format!("The maximum number of pods of a node is {pods}. It must be at least 10.");
        return Err(refuse("InsufficientMaxPods", "agentPoolProfile.maxPods", message));
    }
    if pods > 250 {
        let message = format!("The maximum number of pods of a node is {pods}. It must be at most 250.");
        return Err(refuse("MaxPodsLimitExceeded", "agentPoolProfile.maxPods", message));
    }
    if number(pool, "osDiskSizeGB").is_some_and(|size| !(30..=2048).contains(&size)) {
        return Err(errors::invalid_value(
            "agentPoolProfile.osDiskSizeGB",
            "The OS disk size must be 0 or between 30 and 2048 GB",
        ));
    }
    Ok(())
}

/// The operating system: Windows needs Azure's plugin, and each SKU belongs to one system.
fn system(pool: &Map<String, Value>, asked: &Map<String, Value>, network: &Map<String, Value>) -> Result<(), Error> {
    let windows = is(pool, "osType", "Windows");
    if windows && !is(network, "networkPlugin", "azure") {
        let message = "Windows agent pools can only be added to clusters with network plugin azure.";
        return Err(refuse("AzureCNIOnlyForWindows", "networkProfile.networkPlugin", message));
    }
    let sku = text(pool, "osSKU");
    if !sku.is_empty() && sku.to_lowercase().starts_with("windows") != windows {
        let message = format!("OS SKU {sku} is invalid for OS type {}.", text(pool, "osType"));
        return Err(refuse("InvalidOSSKU", "agentPoolProfile.osSKU", message));
    }
    if windows && on(pool, "enableFIPS") && is(asked, "osSKU", "WindowsAnnual") {
        return Err(errors::invalid_value("agentPoolProfile.enableFIPS", "FIPS is not supported for OS SKU WindowsAnnual"));
    }
    Ok(())
}

fn spot(pool: &Map<String, Value>) -> Result<(), Error> {
    if !is(pool, "scaleSetPriority", "Spot") {
        return Ok(());
    }
    let price = pool.get("spotMaxPrice").and_then(Value::as_f64).unwrap_or(-1.0);
    if price <= 0.0 && (price + 1.0).abs() > f64::EPSILON {
        let details =
            format!("The maximum price of spot machines was {price}. It must be greater than zero, or -1 for the current price");
        return Err(errors::invalid_value("agentPoolProfile.spotMaxPrice", &details));
    }
    Ok(())
}

fn addresses(pool: &Map<String, Value>) -> Result<(), Error> {
    let public = on(pool, "enableNodePublicIP");
    if public && is(pool, "type", "AvailabilitySet") {
        let message = "Node public IPs require Virtual Machine Scale Sets.";
        return Err(refuse("NodePublicIPRequiresVMSS", "agentPoolProfile.enableNodePublicIP", message));
    }
    if !public && !text(pool, "nodePublicIPPrefixID").is_empty() {
        let message = "enableNodePublicIP must be true when a node public IP prefix is set.";
        return Err(refuse("NodePublicIPCanNotBeFalseWithIPPrefixSet", "agentPoolProfile.enableNodePublicIP", message));
    }
    let prefix = object(pool, "gatewayProfile").and_then(|gateway| number(gateway, "publicIPPrefixSize"));
    if prefix.is_some_and(|prefix| !(28..=31).contains(&prefix)) {
        let details = "The size of the public IP prefix must be between 28 and 31";
        return Err(errors::invalid_value("agentPoolProfile.gatewayProfile.publicIPPrefixSize", details));
    }
    Ok(())
}

/// What cannot be had together with a capacity reservation, and instances of graphics processors on machines that have none.
fn conflicts(pool: &Map<String, Value>) -> Result<(), Error> {
    if !text(pool, "capacityReservationGroupID").is_empty() {
        for (conflicts, code, what) in [
            (is(pool, "type", "AvailabilitySet"), "CRGConflictWithVMAS", "availability sets"),
            (on(pool, "enableUltraSSD"), "CRGConflictWithUltraSSD", "ultra SSD"),
            (!text(pool, "proximityPlacementGroupID").is_empty(), "CRGConflictWithPPG", "proximity placement groups"),
            (is(pool, "scaleSetPriority", "Spot"), "CRGConflictWithSpotVM", "spot machines"),
            (!text(pool, "hostGroupID").is_empty(), "CRGConflictWithDedicatedHost", "dedicated hosts"),
        ] {
            if conflicts {
                let message = format!("Capacity reservation groups cannot be used with {what}.");
                return Err(refuse(code, "agentPoolProfile.capacityReservationGroupID", message));
            }
        }
    }
    let size = text(pool, "vmSize").to_lowercase();
    let divisible = ["a100", "h100", "h200"].iter().any(|model| size.contains(model));
    if !text(pool, "gpuInstanceProfile").is_empty() && !divisible {
        let message = format!("The VM size {} does not support multi-instance GPUs.", text(pool, "vmSize"));
        return Err(refuse("VMSizeDoesNotSupportMIG", "agentPoolProfile.gpuInstanceProfile", message));
    }
    if on(pool, "enableEncryptionAtHost") && is(pool, "type", "AvailabilitySet") {
        let message = "Encryption at host is not allowed for availability sets.";
        return Err(refuse("EncryptionAtHostNotAllowedOnVMAS", "agentPoolProfile.enableEncryptionAtHost", message));
    }
    Ok(())
}

/// All pools of a cluster: how many, and of which kinds.
pub(in super::super) fn together(pools: &[Value]) -> Result<(), Error> {
    if pools.len() > POOLS_AT_MOST {
        let message = format!("The maximum number of agent pools of a cluster, {POOLS_AT_MOST}, is reached.");
        return Err(refuse("MaxAgentPoolCountReached", "agentPoolProfiles", message));
    }
    let sets = |pool: &Value| pool.as_object().is_some_and(|pool| is(pool, "type", "AvailabilitySet"));
    if pools.len() > 1 && pools.iter().any(sets) {
        let message = "Availability sets cannot be mixed with other agent pools.";
        return Err(refuse("MixedTypeNotSupported", "agentPoolProfile.type", message));
    }
    Ok(())
}
