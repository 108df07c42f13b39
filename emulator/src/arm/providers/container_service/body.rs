//! The properties of a cluster: what was sent, completed with what AKS fills in, in the order in which AKS writes them. Read-only
//! members that an update leaves out keep their values. Sources: AKS' REST reference (defaults) and bodies as AKS answers them.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::completion::Completion;
use super::pool::{self, Cluster};
use super::{network, profiles};

/// What the service decides about a cluster.
#[derive(Clone, Debug)]
pub(super) struct Facts {
    /// The host of the API server.
    pub(super) fqdn: String,
    /// The same for the portal.
    pub(super) portal_fqdn: String,
    /// The host of the API server inside its network, if that is a private one.
    pub(super) private_fqdn: Option<String>,
    /// The group that holds the nodes.
    pub(super) node_resource_group: String,
    /// The version asked for, and the patch that it stands for.
    pub(super) version: (String, String),
    /// 24 hexadecimal digits.
    pub(super) resource_uid: String,
    /// The path of the public addresses in the node resource group, and what their names are made of.
    pub(super) outbound: (String, Uuid),
    /// The issuer of the tokens of service accounts.
    pub(super) issuer: String,
    /// The tenant.
    pub(super) tenant: Uuid,
    /// The api-version of the request.
    pub(super) api_version: String,
    /// Whether the cluster is of the Automatic SKU.
    pub(super) automatic: bool,
    /// Whether its control plane has identities instead of a service principal.
    pub(super) managed_identity: bool,
}

impl Facts {
    /// The id of an outbound address that AKS made.
    pub(super) fn outbound_address(&self, number: u64, family: &str) -> String {
        let (path, seed) = &self.outbound;
        let name =
            if number == 0 && family.is_empty() { *seed } else { Uuid::new_v5(seed, format!("{number}{family}").as_bytes()) };
        format!("{path}/{name}{family}")
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
    done.fixed("privateFQDN", json!(facts.private_fqdn));
    let network = network::profile(&done, facts);
    let pools = pools(&done, facts, &network);
    let sets = pools.iter().any(|pool| pool["type"].as_str().is_some_and(|kind| kind.eq_ignore_ascii_case("AvailabilitySet")));
    done.fixed("agentPoolProfiles", Value::Array(pools));
    done.if_said("linuxProfile");
    profiles::windows(&mut done);
    profiles::service_principal(&mut done, facts);
    profiles::addons(&mut done, facts);
    done.or("nodeResourceGroup", json!(facts.node_resource_group));
    done.or("enableRBAC", json!(true));
    done.or("enablePodSecurityPolicy", json!(false));
    done.or("supportPlan", json!("KubernetesOfficial"));
    done.fixed("networkProfile", network);
    profiles::aad(&mut done, facts);
    // Availability sets are for one pool only.
    done.fixed("maxAgentPools", json!(if sets { 1 } else { 100 }));
    profiles::api_server(&mut done, facts);
    done.if_said("diskEncryptionSetID");
    done.if_said("identityProfile");
    profiles::auto_scaler(&mut done);
    profiles::auto_upgrade(&mut done, facts);
    profiles::pod_identity(&mut done);
    done.or("disableLocalAccounts", json!(facts.automatic));
    profiles::http_proxy(&mut done);
    profiles::security(&mut done, facts);
    profiles::storage(&mut done);
    profiles::issuer(&mut done, facts);
    done.if_said("publicNetworkAccess");
    profiles::safeguards(&mut done, facts);
    if facts.automatic {
        done.or("nodeResourceGroupProfile", json!({ "restrictionLevel": "ReadOnly" }));
    } else {
        done.if_said("nodeResourceGroupProfile");
    }
    profiles::ingress(&mut done, facts);
    profiles::workload_auto_scaler(&mut done, facts);
    profiles::service_mesh(&mut done);
    profiles::monitor(&mut done);
    done.object("metricsProfile", |profile| {
        profile.object("costAnalysis", |analysis| analysis.or("enabled", json!(false)));
    });
    profiles::upgrade_settings(&mut done);
    done.fixed("resourceUID", json!(facts.resource_uid));
    done.or("controlPlanePluginProfiles", profiles::control_plane_plugins());
    done.object("nodeProvisioningProfile", |profile| profile.or("mode", json!(if facts.automatic { "Auto" } else { "Manual" })));
    done.object("bootstrapProfile", |profile| profile.or("artifactSource", json!("Direct")));
    done.finish()
}

/// The pools of a cluster: as sent, each completed with what it was before; as before if none were sent.
fn pools(cluster: &Completion<'_>, facts: &Facts, network: &Value) -> Vec<Value> {
    let list = |members: &Map<String, Value>| members.get("agentPoolProfiles").and_then(Value::as_array).cloned();
    let earlier = list(cluster.before).unwrap_or_default();
    let Some(asked) = list(cluster.sent) else { return earlier };
    let none = Map::new();
    let around = Cluster { version: facts.version.clone(), network, automatic: facts.automatic, embedded: true };
    asked
        .iter()
        .filter_map(Value::as_object)
        .map(|asked| {
            let same = |other: &&Map<String, Value>| other.get("name") == asked.get("name");
            let before = earlier.iter().filter_map(Value::as_object).find(same).unwrap_or(&none);
            Value::Object(pool::complete(asked, before, &around))
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
    let automatic = cluster.get("nodeProvisioningProfile").is_some_and(|profile| profile["mode"] == "Auto");
    let around = Cluster {
        version: (text("kubernetesVersion"), text("currentKubernetesVersion")),
        network: cluster.get("networkProfile").unwrap_or(&Value::Null),
        automatic,
        embedded: false,
    };
    pool::complete(sent, before, &around)
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(crate) fn facts() -> Facts {
        Facts {
            fqdn: "a.hcp.westus2.azmk8s.io".into(),
            portal_fqdn: "a.portal.hcp.westus2.azmk8s.io".into(),
            private_fqdn: None,
            node_resource_group: "MC_g_c_westus2".into(),
            version: ("1.33".into(), "1.33.6".into()),
            resource_uid: "0".repeat(24),
            outbound: ("/addresses".into(), Uuid::nil()),
            issuer: "https://westus2.oic.prod-aks.azure.com/t/i/".into(),
            tenant: Uuid::nil(),
            api_version: "2026-06-01".into(),
            automatic: false,
            managed_identity: true,
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
            "servicePrincipalProfile": { "clientId": "x", "secret": "s3cr3t" }, "windowsProfile": { "adminPassword": "s3cr3t" },
            "aadProfile": { "serverAppSecret": "s3cr3t" },
        }));
        let facts = Facts { managed_identity: false, ..facts() };
        let done = Value::Object(cluster(&sent, &Map::new(), &facts)).to_string();
        assert!(!done.contains("s3cr3t"), "{done}");
    }

    #[test]
    fn the_outbound_addresses_are_as_many_as_asked() {
        let sent = members(
            json!({ "networkProfile": { "loadBalancerProfile": { "managedOutboundIPs": { "count": 2, "countIPv6": 1 } } } }),
        );
        let done = cluster(&sent, &Map::new(), &facts());
        let balancer = &done["networkProfile"]["loadBalancerProfile"];
        assert_eq!(balancer["effectiveOutboundIPs"].as_array().map(Vec::len), Some(3), "{balancer}");
        let own = json!({ "publicIPs": [{ "id": "/mine" }] });
        let sent = members(json!({ "networkProfile": { "loadBalancerProfile": { "outboundIPs": own } } }));
        let balancer = cluster(&sent, &done, &facts())["networkProfile"]["loadBalancerProfile"].clone();
        assert_eq!(balancer["effectiveOutboundIPs"], json!([{ "id": "/mine" }]));
        assert!(balancer.get("managedOutboundIPs").is_none(), "{balancer}");
    }
}
