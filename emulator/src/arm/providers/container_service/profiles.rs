//! The profiles of a cluster beside its network and its pools, completed with what AKS fills in.
//!
//! Sources: AKS' REST reference and documentation, and bodies as AKS answers them: which members stand there by default, what the
//! Automatic SKU turns on, how an empty profile is read. What the documentation alone tells is marked as inferred.

use std::net::IpAddr;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::body::Facts;
use super::completion::Completion;
use crate::kernel::clock::rfc3339_seconds;

/// What the autoscaler does unless told otherwise.
const AUTO_SCALER: [(&str, &str); 17] = [
    ("balance-similar-node-groups", "false"),
    ("expander", "random"),
    ("max-empty-bulk-delete", "10"),
    ("max-graceful-termination-sec", "600"),
    ("max-node-provision-time", "15m"),
    ("max-total-unready-percentage", "45"),
    ("new-pod-scale-up-delay", "0s"),
    ("ok-total-unready-count", "3"),
    ("scan-interval", "10s"),
    ("scale-down-delay-after-add", "10m"),
    ("scale-down-delay-after-delete", "10s"),
    ("scale-down-delay-after-failure", "3m"),
    ("scale-down-unneeded-time", "10m"),
    ("scale-down-unready-time", "20m"),
    ("scale-down-utilization-threshold", "0.5"),
    ("skip-nodes-with-local-storage", "false"),
    ("skip-nodes-with-system-pods", "true"),
];

/// The namespaces that safeguards never look at.
const SYSTEM_NAMESPACES: [&str; 4] = ["kube-system", "calico-system", "tigera-system", "gatekeeper-system"];

/// The mesh revision that is taken when none is named (which it is, is inferred).
const MESH_REVISION: &str = "asm-1-27";

/// The administrator of Windows nodes: there if asked for, or if Azure's network plugin is. The password is never shown.
pub(super) fn windows(done: &mut Completion<'_>) {
    let azure = |members: &Map<String, Value>| {
        let plugin = members.get("networkProfile").and_then(|profile| profile["networkPlugin"].as_str());
        plugin.is_some_and(|plugin| plugin.eq_ignore_ascii_case("azure"))
    };
    let first = done.before.is_empty();
    if done.said("windowsProfile").is_some() || first && azure(done.sent) {
        done.object("windowsProfile", |profile| {
            profile.or("adminUsername", json!("azureuser"));
            profile.never("adminPassword");
            profile.if_said("licenseType");
            profile.or("enableCSIProxy", json!(true));
            profile.object_if_said("gmsaProfile", |accounts| {
                ["enabled", "dnsServer", "rootDomainName"].into_iter().for_each(|member| match member {
                    "enabled" => accounts.or(member, json!(false)),
                    _ => accounts.or(member, json!("")),
                });
            });
        });
    }
}

/// `msi` stands for a service principal where there is none; the secret is never shown.
pub(super) fn service_principal(done: &mut Completion<'_>, facts: &Facts) {
    if facts.managed_identity {
        return done.fixed("servicePrincipalProfile", json!({ "clientId": "msi" }));
    }
    done.object("servicePrincipalProfile", |profile| {
        profile.if_said("clientId");
        profile.never("secret");
    });
}

/// The addons: by name, each with the configuration that was sent. What is left out of the map stays as it was.
pub(super) fn addons(done: &mut Completion<'_>, facts: &Facts) {
    if done.said("addonProfiles").is_none() && !facts.automatic {
        return;
    }
    done.object("addonProfiles", |addons| {
        if facts.automatic {
            addons.or("azureKeyvaultSecretsProvider", json!({ "enabled": true, "config": { "enableSecretRotation": "true" } }));
            addons.or("azurepolicy", json!({ "enabled": true }));
        }
        let names: Vec<&String> = addons.before.keys().chain(addons.sent.keys()).collect();
        for name in names {
            let known = super::addons::canonical(name);
            let Some(addon) = addons.sent.get(name).or_else(|| addons.before.get(name)) else { continue };
            let mut shown = json!({ "enabled": addon["enabled"] == json!(true), "config": addon.get("config") });
            // The identity is the service's to say.
            if let Some(identity) = addons.before.get(known).and_then(|before| before.get("identity")) {
                shown["identity"] = identity.clone();
            }
            addons.never(name);
            addons.fixed(known, shown);
        }
    });
}

/// Entra integration: AKS' own unless the client's applications are named.
pub(super) fn aad(done: &mut Completion<'_>, facts: &Facts) {
    if done.said("aadProfile").is_none() && !facts.automatic {
        return;
    }
    done.object("aadProfile", |profile| {
        if facts.automatic {
            profile.or("managed", json!(true));
        } else {
            profile.if_said("managed");
        }
        profile.if_said("adminGroupObjectIDs");
        if profile.done.get("managed") == Some(&json!(true)) {
            profile.or("enableAzureRBAC", json!(facts.automatic));
        }
        profile.never("serverAppSecret");
        profile.or("tenantID", json!(facts.tenant));
    });
}

/// Who reaches the API server and how.
pub(super) fn api_server(done: &mut Completion<'_>, facts: &Facts) {
    if done.said("apiServerAccessProfile").is_none() && !facts.automatic {
        return;
    }
    done.object("apiServerAccessProfile", |profile| {
        authorized_ranges(profile);
        let private = profile.said("enablePrivateCluster") == Some(&json!(true));
        if facts.automatic {
            profile.or("enablePrivateCluster", json!(false));
        } else {
            profile.if_said("enablePrivateCluster");
        }
        if private {
            profile.or("privateDNSZone", json!("system"));
            profile.or("enablePrivateClusterPublicFQDN", json!(true));
        }
        if facts.automatic {
            profile.or("enableVnetIntegration", json!(true));
        }
        if profile.said("enableVnetIntegration") == Some(&json!(true)) || facts.automatic {
            let subnet = profile.text("subnetId").unwrap_or_default();
            profile.fixed("subnetId", json!(subnet));
        }
    });
    let shown = done.done.get("apiServerAccessProfile").and_then(Value::as_object);
    if shown.is_some_and(Map::is_empty) {
        done.never("apiServerAccessProfile");
    }
    if facts.private_fqdn.is_some() {
        done.fixed(
            "privateLinkResources",
            json!([{
                "name": "management",
                "type": "Microsoft.ContainerService/managedClusters/privateLinkResources",
                "groupId": "management",
                "requiredMembers": ["management"],
            }]),
        );
    }
}

/// Single addresses are shown as ranges; an empty list is none.
fn authorized_ranges(profile: &mut Completion<'_>) {
    let ranges = profile.said("authorizedIPRanges").and_then(Value::as_array).cloned().unwrap_or_default();
    if ranges.is_empty() {
        return profile.never("authorizedIPRanges");
    }
    let whole = |range: &str| match range.parse::<IpAddr>() {
        Ok(IpAddr::V4(_)) => format!("{range}/32"),
        Ok(IpAddr::V6(_)) => format!("{range}/128"),
        // A range already, or the tag of a service.
        Err(_) => range.to_owned(),
    };
    let ranges = ranges.iter().filter_map(Value::as_str).map(|range| json!(whole(range)));
    profile.fixed("authorizedIPRanges", Value::Array(ranges.collect()));
}

/// The autoscaler's settings, if any were made; an empty profile makes them the default ones again.
pub(super) fn auto_scaler(done: &mut Completion<'_>) {
    let Some(said) = done.said("autoScalerProfile").and_then(Value::as_object) else { return };
    let none = Map::new();
    let before = if said.is_empty() { None } else { done.before.get("autoScalerProfile").and_then(Value::as_object) };
    let mut profile = Completion::new(said, before.unwrap_or(&none));
    AUTO_SCALER.into_iter().for_each(|(setting, default)| profile.or(setting, json!(default)));
    let settings = profile.finish();
    done.fixed("autoScalerProfile", Value::Object(settings));
}

/// The upgrade channels: patch for long-term support, stable for Automatic, else none by itself.
pub(super) fn auto_upgrade(done: &mut Completion<'_>, facts: &Facts) {
    let long_term = done.is("supportPlan", "AKSLongTermSupport");
    done.object("autoUpgradeProfile", |profile| {
        match (long_term, facts.automatic) {
            (true, _) => profile.or("upgradeChannel", json!("patch")),
            (_, true) => profile.or("upgradeChannel", json!("stable")),
            _ => profile.if_said("upgradeChannel"),
        }
        profile.or("nodeOSUpgradeChannel", json!("NodeImage"));
    });
}

/// Pod identity: what is off or empty is not shown.
pub(super) fn pod_identity(done: &mut Completion<'_>) {
    done.object_if_said("podIdentityProfile", |profile| {
        if profile.said("enabled") == Some(&json!(true)) {
            profile.if_said("enabled");
        } else {
            profile.never("enabled");
        }
        for list in ["userAssignedIdentities", "userAssignedIdentityExceptions"] {
            if profile.said(list).and_then(Value::as_array).is_some_and(Vec::is_empty) {
                profile.never(list);
            }
        }
    });
}

/// The proxy of the nodes. What it is not used for grows by the cluster's own ranges and names (which, is inferred).
pub(super) fn http_proxy(done: &mut Completion<'_>) {
    let network = done.done.get("networkProfile").cloned().unwrap_or_default();
    done.object_if_said("httpProxyConfig", |proxy| {
        let mut none: Vec<Value> = proxy.said("noProxy").and_then(Value::as_array).cloned().unwrap_or_default();
        let own = ["localhost", "127.0.0.1", "168.63.129.16", "169.254.169.254", "konnectivity"].map(|name| json!(name));
        let ranges = ["podCidr", "serviceCidr"].map(|range| network[range].clone());
        for each in own.into_iter().chain(ranges).filter(|each| !each.is_null()) {
            if !none.contains(&each) {
                none.push(each);
            }
        }
        proxy.fixed("effectiveNoProxy", Value::Array(none));
    });
}

/// Defender, workload identity, image cleaner and the like.
pub(super) fn security(done: &mut Completion<'_>, facts: &Facts) {
    done.object("securityProfile", |profile| {
        if facts.automatic || profile.said("imageCleaner").is_some() {
            profile.object("imageCleaner", |cleaner| {
                cleaner.or("enabled", json!(facts.automatic));
                cleaner.or("intervalHours", json!(168));
            });
        }
        if facts.automatic {
            profile.or("workloadIdentity", json!({ "enabled": true }));
        }
    });
}

/// The drivers of storage.
pub(super) fn storage(done: &mut Completion<'_>) {
    done.object("storageProfile", |profile| {
        profile.object("diskCSIDriver", |driver| {
            driver.or("enabled", json!(true));
            driver.or("version", json!("v1"));
        });
        profile.object("fileCSIDriver", |driver| driver.or("enabled", json!(true)));
        profile.object("snapshotController", |controller| controller.or("enabled", json!(true)));
    });
}

/// The issuer of service accounts' tokens: it has an address once it is on.
pub(super) fn issuer(done: &mut Completion<'_>, facts: &Facts) {
    done.object("oidcIssuerProfile", |profile| {
        profile.or("enabled", json!(facts.automatic));
        let on = profile.done.get("enabled") == Some(&json!(true));
        profile.fixed("issuerURL", if on { json!(facts.issuer) } else { Value::Null });
    });
}

/// Deployment safeguards.
pub(super) fn safeguards(done: &mut Completion<'_>, facts: &Facts) {
    if done.said("safeguardsProfile").is_none() && !facts.automatic {
        return;
    }
    done.object("safeguardsProfile", |profile| {
        profile.or("level", json!("Warning"));
        profile.if_said("excludedNamespaces");
        profile.or("version", json!("v1.0.0"));
        profile.fixed("systemExcludedNamespaces", json!(SYSTEM_NAMESPACES));
    });
}

/// Application routing. Its identity is put there when it is made.
pub(super) fn ingress(done: &mut Completion<'_>, facts: &Facts) {
    let asked = done.said("ingressProfile").is_some_and(|profile| profile.get("webAppRouting").is_some());
    if !asked && !facts.automatic {
        return done.if_said("ingressProfile");
    }
    done.object("ingressProfile", |profile| {
        profile.object("webAppRouting", |routing| {
            routing.or("enabled", json!(facts.automatic));
            routing.if_said("dnsZoneResourceIds");
            let identity = routing.before.get("identity").cloned().unwrap_or_default();
            routing.fixed("identity", identity);
            routing.object("nginx", |nginx| nginx.or("defaultIngressControllerType", json!("AnnotationControlled")));
        });
    });
}

/// Monitoring. The monitoring agent that signs in by Entra is shown here too.
pub(super) fn monitor(done: &mut Completion<'_>) {
    let agent = done.done.get("addonProfiles").map(|addons| addons["omsagent"].clone()).unwrap_or_default();
    let config = |key: &str| agent["config"][key].as_str().unwrap_or_default().to_owned();
    let shown = agent["enabled"] == json!(true) && config("useAADAuth").eq_ignore_ascii_case("true");
    if !shown {
        return done.if_said("azureMonitorProfile");
    }
    done.object("azureMonitorProfile", |profile| {
        let workspace = config("logAnalyticsWorkspaceResourceID");
        profile.or("containerInsights", json!({ "enabled": true, "logAnalyticsWorkspaceResourceId": workspace }));
    });
}

/// KEDA and vertical autoscaling.
pub(super) fn workload_auto_scaler(done: &mut Completion<'_>, facts: &Facts) {
    done.object("workloadAutoScalerProfile", |profile| {
        if facts.automatic {
            profile.or("keda", json!({ "enabled": true }));
            profile.or("verticalPodAutoscaler", json!({ "enabled": true, "addonAutoscaling": "Unspecified" }));
        }
    });
}

/// Istio, or nothing of it when it is off.
pub(super) fn service_mesh(done: &mut Completion<'_>) {
    if done.said("serviceMeshProfile").is_none() {
        return;
    }
    if done.said("serviceMeshProfile").is_some_and(|profile| profile["mode"] == "Disabled") {
        return done.fixed("serviceMeshProfile", json!({ "mode": "Disabled" }));
    }
    done.object("serviceMeshProfile", |profile| {
        profile.or("mode", json!("Istio"));
        profile.object("istio", |istio| {
            istio.or("components", json!({}));
            istio.or("revisions", json!([MESH_REVISION]));
        });
    });
}

/// Until when upgrades may be forced: in whole seconds.
pub(super) fn upgrade_settings(done: &mut Completion<'_>) {
    done.object_if_said("upgradeSettings", |settings| {
        settings.object_if_said("overrideSettings", |forced| {
            forced.if_said("forceUpgrade");
            let until = forced.text("until").and_then(|until| until.parse::<Timestamp>().ok());
            match until {
                Some(until) => forced.fixed("until", json!(rfc3339_seconds(until))),
                None => forced.if_said("until"),
            }
        });
    });
}

/// What runs beside the control plane.
pub(super) fn control_plane_plugins() -> Value {
    json!({
        "azure-monitor-metrics-ccp": { "enableV2": true },
        "karpenter": { "enableV2": true },
        "live-patching-controller": { "enableV2": true },
        "static-egress-controller": { "enableV2": true },
    })
}
