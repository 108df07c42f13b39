//! What a cluster and a pool keep for life. Sources: AKS' documentation of each property, and `PropertyChangeNotAllowed` as users have
//! reported it, for a pool with `properties.` before the name and for a cluster's profiles without. Which of the rest are kept for life
//! is inferred from the documentation.

use serde_json::{Map, Value, json};

use super::super::errors;
use super::{is, text};
use crate::arm::error::Error;

/// Members of a cluster, and how the error names each.
const OF_CLUSTER: [(&str, &str); 6] = [
    ("/dnsPrefix", "properties.dnsPrefix"),
    ("/fqdnSubdomain", "properties.fqdnSubdomain"),
    ("/nodeResourceGroup", "properties.nodeResourceGroup"),
    ("/enableRBAC", "properties.enableRBAC"),
    ("/linuxProfile/adminUsername", "linuxProfile.adminUsername"),
    ("/windowsProfile/adminUsername", "windowsProfile.adminUsername"),
];

/// The same of its network.
const OF_NETWORK: [&str; 3] = ["serviceCidr", "dnsServiceIP", "ipFamilies"];

/// The same of a pool; operating systems of one kind may change into each other.
const OF_POOL: [&str; 6] = ["vmSize", "osType", "osDiskType", "osDiskSizeGB", "maxPods", "type"];

/// Members of a pool that can only be said when it is made.
const WHEN_MADE: [&str; 9] = [
    "vnetSubnetID",
    "podSubnetID",
    "availabilityZones",
    "nodePublicIPPrefixID",
    "proximityPlacementGroupID",
    "hostGroupID",
    "gpuInstanceProfile",
    "capacityReservationGroupID",
    "podIPAllocationMode",
];

/// Whether a member that was sent is another than before. Texts are compared without regard to case; nothing, an empty text and zero
/// mean that it stays.
fn changes(sent: Option<&Value>, earlier: Option<&Value>) -> bool {
    let (Some(sent), Some(earlier)) = (sent, earlier) else { return false };
    match (sent, earlier) {
        (Value::Null, _) => false,
        (Value::String(sent), Value::String(earlier)) => !sent.is_empty() && !sent.eq_ignore_ascii_case(earlier),
        (Value::Number(sent), _) if sent.as_f64() == Some(0.0) => false,
        (Value::Array(sent), _) if sent.is_empty() => false,
        _ => sent != earlier,
    }
}

/// The same of a member that can only be said when the thing is made: that nothing was said is kept too.
fn appears(sent: Option<&Value>, earlier: Option<&Value>) -> bool {
    let none = json!("");
    let said = sent.is_some_and(|sent| sent.as_array().is_none_or(|sent| !sent.is_empty()) && sent != &none && !sent.is_null());
    changes(sent, earlier) || said && earlier.is_none()
}

/// A cluster.
pub(in super::super) fn cluster(sent: &Map<String, Value>, earlier: &Map<String, Value>) -> Result<(), Error> {
    if earlier.is_empty() {
        return Ok(());
    }
    let (sent, earlier) = (Value::Object(sent.clone()), Value::Object(earlier.clone()));
    for (pointer, name) in OF_CLUSTER {
        if changes(sent.pointer(pointer), earlier.pointer(pointer)) {
            return Err(errors::change_not_allowed(name));
        }
    }
    if appears(sent.get("diskEncryptionSetID"), earlier.get("diskEncryptionSetID")) {
        return Err(errors::change_not_allowed("diskEncryptionSetID"));
    }
    let none = Map::new();
    let network = |of: &Value| of.get("networkProfile").and_then(Value::as_object).cloned();
    network_profile(&network(&sent).unwrap_or_default(), &network(&earlier).unwrap_or_default())?;
    let access = |of: &Value| of.get("apiServerAccessProfile").and_then(Value::as_object).cloned().unwrap_or(none.clone());
    let (asked, had) = (access(&sent), access(&earlier));
    let wanted = asked.get("enablePrivateCluster").and_then(Value::as_bool);
    let integrated = super::on(&asked, "enableVnetIntegration") || super::on(&had, "enableVnetIntegration");
    if wanted.is_some_and(|wanted| wanted != super::on(&had, "enablePrivateCluster")) && !integrated {
        return Err(errors::change_not_allowed("apiServerAccessProfile.enablePrivateCluster"));
    }
    if changes(asked.get("privateDNSZone"), had.get("privateDNSZone")) {
        return Err(errors::change_not_allowed("apiServerAccessProfile.privateDNSZone"));
    }
    Ok(())
}

/// A cluster may move to an overlay, and with it get a range for its pods; and from kubenet to Azure's plugin.
fn network_profile(sent: &Map<String, Value>, earlier: &Map<String, Value>) -> Result<(), Error> {
    let to_overlay = is(sent, "networkPluginMode", "overlay") && !is(earlier, "networkPluginMode", "overlay");
    let plugin = changes(sent.get("networkPlugin"), earlier.get("networkPlugin"));
    if plugin && !(text(earlier, "networkPlugin").eq_ignore_ascii_case("kubenet") && is(sent, "networkPlugin", "azure")) {
        return Err(errors::change_not_allowed("networkProfile.networkPlugin"));
    }
    if changes(sent.get("podCidr"), earlier.get("podCidr")) && !to_overlay {
        return Err(errors::change_not_allowed("networkProfile.podCidr"));
    }
    for member in OF_NETWORK {
        // Families may be added, in the order that they have.
        if member != "ipFamilies" && changes(sent.get(member), earlier.get(member)) {
            return Err(errors::change_not_allowed(&format!("networkProfile.{member}")));
        }
    }
    if is(earlier, "loadBalancerSku", "standard") && is(sent, "loadBalancerSku", "basic") {
        return Err(errors::change_not_allowed("networkProfile.loadBalancerSku"));
    }
    Ok(())
}

/// Who the control plane is: it may get identities for a service principal, but no service principal again, and another one only by its
/// own operation.
pub(in super::super) fn identity(sent: &Map<String, Value>, earlier: &Map<String, Value>, managed: bool) -> Result<(), Error> {
    const NAME: &str = "servicePrincipalProfile.clientId";
    let client = |of: &Map<String, Value>| {
        of.get("servicePrincipalProfile").and_then(|profile| profile["clientId"].as_str()).map(str::to_owned)
    };
    match (client(earlier), client(sent)) {
        (Some(had), _) if had == "msi" && !managed => Err(errors::change_not_allowed(NAME)),
        (Some(had), Some(asked)) if !managed && !asked.is_empty() && !had.eq_ignore_ascii_case(&asked) => {
            Err(errors::change_not_allowed(NAME))
        }
        _ => Ok(()),
    }
}

/// The pools of a cluster's body, each against the pool of its name.
pub(in super::super) fn pools(sent: &[Value], earlier: &Map<String, Value>) -> Result<(), Error> {
    let earlier = earlier.get("agentPoolProfiles").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    for asked in sent.iter().filter_map(Value::as_object) {
        let same = |other: &&Map<String, Value>| text(other, "name") == text(asked, "name");
        let Some(before) = earlier.iter().filter_map(Value::as_object).find(same) else { continue };
        pool(asked, before, "agentPoolProfile")?;
        pool_version(text(asked, "orchestratorVersion"), before)?;
    }
    Ok(())
}

/// A pool; `owner` is how errors name it.
pub(in super::super) fn pool(sent: &Map<String, Value>, earlier: &Map<String, Value>, owner: &str) -> Result<(), Error> {
    if earlier.is_empty() {
        return Ok(());
    }
    let refused = |member: &str| Err(errors::change_not_allowed(&format!("{owner}.{member}")));
    for member in OF_POOL {
        if changes(sent.get(member), earlier.get(member)) {
            return refused(member);
        }
    }
    for member in WHEN_MADE {
        if appears(sent.get(member), earlier.get(member)) {
            return refused(member);
        }
    }
    let spot = |pool: &Map<String, Value>| is(pool, "scaleSetPriority", "Spot");
    if !text(sent, "scaleSetPriority").is_empty() && spot(sent) != spot(earlier) {
        return refused("scaleSetPriority");
    }
    if changes(sent.get("osSKU"), earlier.get("osSKU")) && is(earlier, "osType", "Windows") {
        return refused("osSKU");
    }
    for config in ["kubeletConfig", "linuxOSConfig"] {
        if sent.get(config).is_some_and(|sent| !sent.is_null() && earlier.get(config).is_some_and(|earlier| earlier != sent)) {
            let message = "The custom kubelet config and the custom Linux OS config of an agent pool cannot be changed.";
            return Err(super::refuse("CustomKubeletConfigOrCustomLinuxOSConfigCanNotBeChanged", config, message));
        }
    }
    Ok(())
}

/// A pool's version never falls (text inferred); retired versions are let be, as everywhere.
pub(in super::super) fn pool_version(asked: &str, earlier: &Map<String, Value>) -> Result<(), Error> {
    let current = text(earlier, "currentOrchestratorVersion");
    if current.is_empty() || asked.is_empty() || asked == text(earlier, "orchestratorVersion") {
        return Ok(());
    }
    let resolved = super::super::versions::resolve(asked).unwrap_or_default();
    if super::super::versions::is_older(&resolved, current) && !super::super::versions::is_retired(&resolved) {
        let message = format!("Downgrading the agent pool from version {current} to {resolved} is not allowed.");
        return Err(super::refuse("AgentPoolUpgradeVersionNotAllowed", "properties.orchestratorVersion", message));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn members(value: Value) -> Map<String, Value> {
        value.as_object().cloned().unwrap_or_default()
    }

    #[test]
    fn what_stays_the_same_is_no_change() {
        let had = members(json!({ "vmSize": "Standard_D2s_v3", "maxPods": 30, "osDiskSizeGB": 128, "osType": "Linux" }));
        for same in [
            json!({ "vmSize": "standard_d2s_v3" }),
            json!({ "vmSize": "" }),
            json!({ "osDiskSizeGB": 0 }),
            json!({ "maxPods": null }),
        ] {
            assert!(pool(&members(same.clone()), &had, "properties").is_ok(), "{same}");
        }
        for other in [
            json!({ "maxPods": 31 }),
            json!({ "osType": "Windows" }),
            json!({ "scaleSetPriority": "Spot" }),
            json!({ "availabilityZones": ["1"] }),
        ] {
            assert!(pool(&members(other.clone()), &had, "properties").is_err(), "{other}");
        }
        assert!(pool(&members(json!({ "scaleSetPriority": "Regular" })), &had, "properties").is_ok());
    }

    #[test]
    fn a_cluster_may_move_to_an_overlay_and_not_back() {
        let network = |value: Value| members(json!({ "networkProfile": value }));
        let kubenet = network(json!({ "networkPlugin": "kubenet", "podCidr": "10.244.0.0/16" }));
        let overlay = network(json!({ "networkPlugin": "azure", "networkPluginMode": "Overlay", "podCidr": "192.168.0.0/16" }));
        assert!(cluster(&overlay, &kubenet).is_ok());
        assert_eq!(cluster(&kubenet, &overlay).expect_err("a change").target.as_deref(), Some("networkProfile.networkPlugin"));
    }
}
