//! The properties of a cluster and of its pools: what was sent, completed with what AKS fills in, in the order in which AKS writes
//! them. An empty text means "the service's default"; read-only members that an update leaves out keep their values.
//! Source: AKS' REST reference (defaults) and bodies as AKS answers them.

use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::versions;

/// Members, and the first stable api-version that shows each; previews show all.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Members {
    cluster: Map<String, Value>,
    agent_pool: Map<String, Value>,
}

static MEMBERS: LazyLock<Members> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../../../../../fixtures/container-service/members.json"))
        .expect("fixtures/container-service/members.json lists members: a test reads it")
});

/// What the service decides about a cluster.
#[derive(Clone, Debug)]
pub(super) struct Facts {
    /// The host of the API server.
    pub(super) fqdn: String,
    /// The same for the portal.
    pub(super) portal_fqdn: String,
    /// The group that holds the nodes.
    pub(super) node_resource_group: String,
    /// The version asked for, and the patch that it stands for.
    pub(super) version: (String, String),
    /// 24 hexadecimal digits.
    pub(super) resource_uid: String,
    /// The id of the outbound address that the load balancer was given.
    pub(super) outbound_ip: String,
}

/// Puts members in the order of the calls: what is sent, else what was before, else a default.
struct Completion<'a> {
    sent: &'a Map<String, Value>,
    before: &'a Map<String, Value>,
    done: Map<String, Value>,
}

fn is_said(value: &Value) -> bool {
    !value.is_null() && value.as_str() != Some("")
}

impl<'a> Completion<'a> {
    fn new(sent: &'a Map<String, Value>, before: &'a Map<String, Value>) -> Self {
        Self { sent, before, done: Map::new() }
    }

    fn said(&self, key: &str) -> Option<&'a Value> {
        self.sent.get(key).filter(|value| is_said(value)).or_else(|| self.before.get(key).filter(|value| is_said(value)))
    }

    /// A member with a default.
    fn or(&mut self, key: &str, default: Value) {
        let value = self.said(key).cloned().unwrap_or(default);
        self.done.insert(key.to_owned(), value);
    }

    /// A member that is left out when nobody said it.
    fn if_said(&mut self, key: &str) {
        if let Some(value) = self.said(key) {
            self.done.insert(key.to_owned(), value.clone());
        }
    }

    /// A member that only the service decides.
    fn fixed(&mut self, key: &str, value: Value) {
        self.done.insert(key.to_owned(), value);
    }

    /// An object whose members have defaults of their own.
    fn object(&mut self, key: &str, complete: impl FnOnce(&mut Completion<'_>)) {
        let done = self.inner(key, complete);
        self.fixed(key, done);
    }

    /// What such an object will be.
    fn inner(&self, key: &str, complete: impl FnOnce(&mut Completion<'_>)) -> Value {
        let none = Map::new();
        let sent = self.sent.get(key).and_then(Value::as_object);
        let before = self.before.get(key).and_then(Value::as_object);
        let mut inner = Completion::new(sent.unwrap_or(&none), before.unwrap_or(&none));
        complete(&mut inner);
        Value::Object(inner.finish())
    }

    /// Everything else that was said, behind what has an order.
    fn finish(mut self) -> Map<String, Value> {
        let said: Vec<&String> = self.before.keys().chain(self.sent.keys()).collect();
        for key in said {
            if !self.done.contains_key(key) {
                self.if_said(key);
            }
        }
        self.done
    }
}

/// The properties of a cluster.
pub(super) fn cluster(sent: &Map<String, Value>, before: &Map<String, Value>, facts: &Facts) -> Map<String, Value> {
    let mut done = Completion::new(sent, before);
    done.or("powerState", json!({ "code": "Running" }));
    done.fixed("kubernetesVersion", json!(facts.version.0));
    done.fixed("currentKubernetesVersion", json!(facts.version.1));
    done.if_said("dnsPrefix");
    done.if_said("fqdnSubdomain");
    done.fixed("fqdn", json!(facts.fqdn));
    done.fixed("azurePortalFQDN", json!(facts.portal_fqdn));
    let network = network(&done, facts);
    done.fixed("agentPoolProfiles", Value::Array(pools(sent, before, facts, pods_per_node(&network))));
    done.if_said("linuxProfile");
    if let Some(windows) = done.said("windowsProfile").and_then(Value::as_object) {
        let mut windows = windows.clone();
        windows.remove("adminPassword");
        windows.entry("enableCSIProxy").or_insert(json!(true));
        done.fixed("windowsProfile", Value::Object(windows));
    }
    done.or("servicePrincipalProfile", json!({ "clientId": "msi" }));
    if let Some(profile) = done.done.get_mut("servicePrincipalProfile").and_then(Value::as_object_mut) {
        profile.remove("secret");
    }
    done.if_said("addonProfiles");
    done.or("nodeResourceGroup", json!(facts.node_resource_group));
    done.or("enableRBAC", json!(true));
    done.or("enablePodSecurityPolicy", json!(false));
    done.or("supportPlan", json!("KubernetesOfficial"));
    done.fixed("networkProfile", network);
    done.or("maxAgentPools", json!(100));
    done.if_said("apiServerAccessProfile");
    done.if_said("identityProfile");
    done.object("autoUpgradeProfile", |profile| {
        profile.if_said("upgradeChannel");
        profile.or("nodeOSUpgradeChannel", json!("NodeImage"));
    });
    done.or("disableLocalAccounts", json!(false));
    done.or("securityProfile", json!({}));
    done.object("storageProfile", |profile| {
        profile.object("diskCSIDriver", |driver| {
            driver.or("enabled", json!(true));
            driver.or("version", json!("v1"));
        });
        profile.object("fileCSIDriver", |driver| driver.or("enabled", json!(true)));
        profile.object("snapshotController", |controller| controller.or("enabled", json!(true)));
    });
    done.object("oidcIssuerProfile", |profile| profile.or("enabled", json!(false)));
    done.or("workloadAutoScalerProfile", json!({}));
    done.object("metricsProfile", |profile| {
        profile.object("costAnalysis", |analysis| analysis.or("enabled", json!(false)));
    });
    done.fixed("resourceUID", json!(facts.resource_uid));
    done.or(
        "controlPlanePluginProfiles",
        json!({
            "azure-monitor-metrics-ccp": { "enableV2": true },
            "karpenter": { "enableV2": true },
            "live-patching-controller": { "enableV2": true },
            "static-egress-controller": { "enableV2": true },
        }),
    );
    done.object("nodeProvisioningProfile", |profile| profile.or("mode", json!("Manual")));
    done.object("bootstrapProfile", |profile| profile.or("artifactSource", json!("Direct")));
    done.finish()
}

fn network(cluster: &Completion<'_>, facts: &Facts) -> Value {
    cluster.inner("networkProfile", |profile| {
        // Kubenet was the default until overlay became it; a client that says nothing gets today's.
        profile.or("networkPlugin", json!("azure"));
        let overlay = profile.said("networkPluginMode").is_some() || profile.said("networkPlugin").is_none();
        if overlay {
            profile.or("networkPluginMode", json!("overlay"));
        }
        let cilium = profile.said("networkDataplane") == Some(&json!("cilium"));
        profile.or("networkPolicy", json!(if cilium { "cilium" } else { "none" }));
        if profile.done["networkPlugin"] == "azure" {
            profile.or("networkDataplane", json!("azure"));
        }
        profile.or("loadBalancerSku", json!("standard"));
        if profile.said("outboundType").is_none_or(|kind| kind == "loadBalancer") {
            profile.object("loadBalancerProfile", |balancer| {
                balancer.or("managedOutboundIPs", json!({ "count": 1 }));
                balancer.or("effectiveOutboundIPs", json!([{ "id": facts.outbound_ip }]));
                balancer.or("backendPoolType", json!("nodeIPConfiguration"));
            });
        }
        let pods_have_a_range = profile.done["networkPlugin"] == "kubenet" || profile.done.contains_key("networkPluginMode");
        if pods_have_a_range {
            profile.or("podCidr", json!("10.244.0.0/16"));
        }
        profile.or("serviceCidr", json!("10.0.0.0/16"));
        profile.or("dnsServiceIP", json!("10.0.0.10"));
        profile.or("outboundType", json!("loadBalancer"));
        for (many, one) in [("podCidrs", "podCidr"), ("serviceCidrs", "serviceCidr")] {
            if let Some(range) = profile.done.get(one).cloned() {
                profile.or(many, json!([range]));
            }
        }
        profile.or("ipFamilies", json!(["IPv4"]));
        profile.or("podLinkLocalAccess", json!("IMDS"));
    })
}

/// How many pods a node may have, unless said otherwise: it depends on where pods get their addresses from.
fn pods_per_node(network: &Value) -> u32 {
    match (network["networkPlugin"].as_str(), network["networkPluginMode"].as_str()) {
        (Some("azure"), Some("overlay")) => 250,
        (Some("azure"), _) => 30,
        _ => 110,
    }
}

/// The pools of a cluster: as sent, each completed with what it was before; as before if none were sent.
fn pools(sent: &Map<String, Value>, before: &Map<String, Value>, facts: &Facts, pods: u32) -> Vec<Value> {
    let list = |members: &Map<String, Value>| members.get("agentPoolProfiles").and_then(Value::as_array).cloned();
    let earlier = list(before).unwrap_or_default();
    let Some(asked) = list(sent) else { return earlier };
    let none = Map::new();
    asked
        .iter()
        .filter_map(Value::as_object)
        .map(|asked| {
            let same = |other: &&Map<String, Value>| other.get("name") == asked.get("name");
            let before = earlier.iter().filter_map(Value::as_object).find(same).unwrap_or(&none);
            Value::Object(pool(asked, before, &facts.version, pods))
        })
        .collect()
}

/// The properties of a pool that is added to a cluster of these properties, or changed in it.
pub(super) fn pool_of(
    cluster: &Map<String, Value>,
    sent: &Map<String, Value>,
    before: &Map<String, Value>,
) -> Map<String, Value> {
    let text = |member: &str| cluster.get(member).and_then(Value::as_str).unwrap_or_default().to_owned();
    let version = (text("kubernetesVersion"), text("currentKubernetesVersion"));
    pool(sent, before, &version, pods_per_node(cluster.get("networkProfile").unwrap_or(&Value::Null)))
}

/// The properties of a pool; `version` is the cluster's, asked and resolved.
fn pool(sent: &Map<String, Value>, before: &Map<String, Value>, version: &(String, String), pods: u32) -> Map<String, Value> {
    let mut done = Completion::new(sent, before);
    done.if_said("name");
    if done.said("enableAutoScaling") == Some(&json!(true)) && !sent.get("count").is_some_and(Value::is_number) {
        done.or("count", sent.get("minCount").cloned().unwrap_or(json!(1)));
    } else {
        done.or("count", json!(1));
    }
    done.or("vmSize", json!("Standard_DS2_v2"));
    // Nothing and zero both mean the default size of the disk.
    let size = done.said("osDiskSizeGB").filter(|size| size.as_i64() != Some(0)).cloned();
    done.fixed("osDiskSizeGB", size.unwrap_or(json!(128)));
    done.or("osDiskType", json!("Managed"));
    done.or("kubeletDiskType", json!("OS"));
    done.or("workloadRuntime", json!("OCIContainer"));
    done.if_said("vnetSubnetID");
    done.or("maxPods", json!(pods));
    done.or("type", json!("VirtualMachineScaleSets"));
    done.if_said("availabilityZones");
    done.if_said("maxCount");
    done.if_said("minCount");
    done.or("enableAutoScaling", json!(false));
    done.if_said("scaleDownMode");
    done.or("powerState", json!({ "code": "Running" }));
    let asked = done.said("orchestratorVersion").and_then(Value::as_str).unwrap_or(&version.0).to_owned();
    let current = versions::resolve(&asked).unwrap_or_else(|| version.1.clone());
    done.fixed("orchestratorVersion", json!(asked));
    done.fixed("currentOrchestratorVersion", json!(current));
    done.or("enableNodePublicIP", json!(false));
    done.or("enableCustomCATrust", json!(false));
    done.if_said("nodeLabels");
    if let Some(taints) = done.said("nodeTaints").filter(|taints| taints.as_array().is_some_and(|taints| !taints.is_empty())) {
        done.fixed("nodeTaints", taints.clone());
    }
    done.or("mode", json!("User"));
    done.or("enableEncryptionAtHost", json!(false));
    done.or("enableUltraSSD", json!(false));
    done.or("osType", json!("Linux"));
    let windows = done.done["osType"] == "Windows";
    done.or("osSKU", json!(if windows { "Windows2022" } else { "Ubuntu" }));
    done.or(
        "nodeImageVersion",
        json!(if windows { "AKSWindows-2022-containerd-20348.4294.251014" } else { "AKSUbuntu-2204gen2containerd-202610.15.0" }),
    );
    done.object("upgradeSettings", |settings| settings.or("maxSurge", json!("10%")));
    done.or("enableFIPS", json!(false));
    done.or("networkProfile", json!({}));
    done.object("securityProfile", |profile| {
        profile.or("sshAccess", json!("LocalUser"));
        profile.or("enableVTPM", json!(false));
        profile.or("enableSecureBoot", json!(false));
    });
    let mut pool = done.finish();
    // Members that say nothing for a pool that is not made of spot machines, and empty lists, are not shown.
    if pool.get("scaleSetPriority").is_none_or(|priority| priority != "Spot") {
        for member in ["scaleSetPriority", "scaleSetEvictionPolicy", "spotMaxPrice"] {
            pool.remove(member);
        }
    }
    if pool.get("nodeTaints").and_then(Value::as_array).is_some_and(Vec::is_empty) {
        pool.remove("nodeTaints");
    }
    normalise_access(&mut pool);
    pool
}

/// Clients write `localuser`, AKS answers `LocalUser`.
fn normalise_access(pool: &mut Map<String, Value>) {
    if let Some(access) = pool.get_mut("securityProfile").and_then(|profile| profile.get_mut("sshAccess")) {
        for known in ["LocalUser", "Disabled", "EntraId"] {
            if access.as_str().is_some_and(|text| text.eq_ignore_ascii_case(known)) {
                *access = json!(known);
            }
        }
    }
}

/// Whether an api-version shows a member.
fn shows(first: Option<&Value>, api_version: &str) -> bool {
    let Some(first) = first.and_then(Value::as_str) else { return true };
    match api_version.split_once("-preview") {
        Some((date, _)) => date >= "2023-09-01",
        None => api_version >= first,
    }
}

/// Takes away what an api-version does not show of a cluster's body.
pub(super) fn restrict(body: &mut Value, api_version: &str) {
    for (path, first) in &MEMBERS.cluster {
        if !shows(Some(first), api_version) {
            match path.split_once('.') {
                Some((outer, member)) => remove(body.get_mut(outer), member),
                None => remove(Some(body), path),
            }
        }
    }
    let pools = body.pointer_mut("/properties/agentPoolProfiles").and_then(Value::as_array_mut);
    pools.into_iter().flatten().for_each(|pool| restrict_pool(pool, api_version));
}

/// Takes away what an api-version does not show of a pool's properties.
pub(super) fn restrict_pool(properties: &mut Value, api_version: &str) {
    for (member, first) in &MEMBERS.agent_pool {
        if !shows(Some(first), api_version) {
            remove(Some(properties), member);
        }
    }
}

fn remove(object: Option<&mut Value>, member: &str) {
    if let Some(Value::Object(members)) = object {
        // Order is kept: a plain removal would move the last member into the gap.
        members.shift_remove(member);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> Facts {
        Facts {
            fqdn: "a.hcp.westus2.azmk8s.io".into(),
            portal_fqdn: "a.portal.hcp.westus2.azmk8s.io".into(),
            node_resource_group: "MC_g_c_westus2".into(),
            version: ("1.33".into(), "1.33.6".into()),
            resource_uid: "0".repeat(24),
            outbound_ip: "/ip".into(),
        }
    }

    fn members(value: Value) -> Map<String, Value> {
        value.as_object().cloned().unwrap_or_default()
    }

    #[test]
    fn an_empty_text_means_the_default_and_an_update_keeps_what_it_leaves_out() {
        let sent = members(json!({
            "dnsPrefix": "a", "nodeResourceGroup": "", "agentPoolProfiles": [{ "name": "np", "vmSize": "", "count": 3, "osDiskSizeGB": 0 }]
        }));
        let first = cluster(&sent, &Map::new(), &facts());
        assert_eq!(first["nodeResourceGroup"], "MC_g_c_westus2");
        assert_eq!(first["agentPoolProfiles"][0]["vmSize"], "Standard_DS2_v2");
        assert_eq!(first["agentPoolProfiles"][0]["osDiskSizeGB"], 128);
        let update = members(json!({ "agentPoolProfiles": [{ "name": "np", "count": 5 }], "disableLocalAccounts": true }));
        let second = cluster(&update, &first, &facts());
        assert_eq!(second["dnsPrefix"], "a");
        assert_eq!(second["agentPoolProfiles"][0]["count"], 5);
        assert_eq!(second["disableLocalAccounts"], true);
        assert_eq!(cluster(&Map::new(), &second, &facts())["agentPoolProfiles"][0]["count"], 5);
    }

    #[test]
    fn secrets_are_not_kept() {
        let sent = members(json!({
            "servicePrincipalProfile": { "clientId": "x", "secret": "s" }, "windowsProfile": { "adminPassword": "p" }
        }));
        let done = Value::Object(cluster(&sent, &Map::new(), &facts())).to_string();
        assert!(!done.contains("secret") && !done.contains("adminPassword"), "{done}");
    }

    #[test]
    fn old_api_versions_do_not_show_what_came_later() {
        let pool = json!({ "workloadRuntime": "OCIContainer", "count": 1 });
        let mut body =
            json!({ "kind": "Base", "properties": { "agentPoolProfiles": [pool], "bootstrapProfile": {}, "fqdn": "f" } });
        let mut preview = body.clone();
        restrict(&mut body, "2024-07-01");
        assert_eq!(body, json!({ "properties": { "agentPoolProfiles": [{ "count": 1 }], "fqdn": "f" } }));
        let whole = preview.clone();
        restrict(&mut preview, "2024-09-02-preview");
        assert_eq!(preview, whole);
    }
}
