//! The identities of addons: each enabled addon that talks to Azure has a user-assigned identity of its own in the node resource group,
//! named after the addon and the cluster, which goes when the addon is turned off.
//!
//! Sources: bodies as AKS answers them (names, which have one, and that a monitoring agent that signs in by Entra has none); that the
//! identity goes with the addon is inferred.

use serde_json::{Map, Value, json};

use super::super::super::Request;
use super::super::managed_identity::{self, Identity};
use crate::kernel::resource_id::ResourceId;

/// Every addon: its name in bodies, and that of its identity, if it has one.
const ADDONS: [(&str, Option<&str>); 13] = [
    ("httpApplicationRouting", Some("httpapplicationrouting")),
    ("omsagent", Some("omsagent")),
    ("azurepolicy", Some("azurepolicy")),
    ("kubeDashboard", None),
    ("aciConnectorLinux", Some("aciconnectorlinux")),
    ("ingressApplicationGateway", Some("ingressapplicationgateway")),
    ("openServiceMesh", None),
    ("azureKeyvaultSecretsProvider", Some("azurekeyvaultsecretsprovider")),
    ("ACCSGXDevicePlugin", None),
    ("gitops", None),
    ("extensionManager", Some("extensionmanager")),
    ("azureDefender", Some("azuredefender")),
    ("webAppRouting", Some("webapprouting")),
];

fn known(name: &str) -> Option<&'static (&'static str, Option<&'static str>)> {
    ADDONS.iter().find(|(known, _)| known.eq_ignore_ascii_case(name))
}

/// Whether there is such an addon.
pub(super) fn exists(name: &str) -> bool {
    known(name).is_some_and(|(name, _)| *name != "webAppRouting")
}

/// An addon's name as AKS spells it. The dashboard keeps its capital where it was sent with one.
pub(super) fn canonical(name: &str) -> &str {
    known(name).map_or(name, |(canonical, _)| if *canonical == "kubeDashboard" { name } else { canonical })
}

/// Makes the identities of the addons that are on, and takes away those of the ones that are off.
pub(super) fn settle(
    request: &Request<'_>,
    cluster: &ResourceId,
    group: &ResourceId,
    location: &str,
    properties: &mut Map<String, Value>,
) {
    let addons = properties.get_mut("addonProfiles").and_then(Value::as_object_mut);
    for (name, addon) in addons.into_iter().flatten() {
        let on = addon["enabled"] == json!(true) && !signs_in_by_entra(name, addon);
        place(request, name, on, cluster, group, location, addon);
    }
    let routing = properties.get_mut("ingressProfile").and_then(|profile| profile.get_mut("webAppRouting"));
    if let Some(routing) = routing.filter(|routing| routing.is_object()) {
        let on = routing["enabled"] == json!(true);
        place(request, "webAppRouting", on, cluster, group, location, routing);
    }
}

/// A monitoring agent that uses Entra uses the kubelets' identity.
fn signs_in_by_entra(name: &str, addon: &Value) -> bool {
    let flag = addon.get("config").and_then(|config| config["useAADAuth"].as_str()).unwrap_or_default();
    name.eq_ignore_ascii_case("omsagent") && flag.eq_ignore_ascii_case("true")
}

fn place(
    request: &Request<'_>,
    name: &str,
    on: bool,
    cluster: &ResourceId,
    group: &ResourceId,
    location: &str,
    owner: &mut Value,
) {
    let Some((_, Some(prefix))) = known(name) else { return };
    let id = group.join(&format!("providers/{}/{prefix}-{}", managed_identity::TYPE, cluster.name()));
    let id = ResourceId::new(&id.as_str().replace("/resourceGroups/", "/resourcegroups/"));
    let existing = request.world.arm.resource(&id);
    let Some(members) = owner.as_object_mut() else { return };
    if !on {
        members.shift_remove("identity");
        if let Some(existing) = existing {
            super::super::remove(request.world, &existing);
        }
        return;
    }
    let identity = existing.and_then(|existing| Identity::of(&existing));
    let identity =
        identity.unwrap_or_else(|| managed_identity::create(request.world, &request.caller, id.clone(), location, None).0);
    let shown = json!({ "resourceId": id.as_str(), "clientId": identity.client_id, "objectId": identity.principal_id });
    members.insert("identity".into(), shown);
}
