//! What a client sees of a cluster or a pool: what its api-version shows, what is there yet, and the names that older api-versions
//! know. Which stable api-version shows a member first is data, `fixtures/container-service/members.json`; previews show all since
//! 2023-09. Sources: AKS' REST reference by api-version; bodies as AKS answers them.

use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::{Map, Value, json};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Members {
    /// Members of a cluster's body, and the first stable api-version that shows each.
    cluster: Map<String, Value>,
    /// The same of a pool's properties.
    agent_pool: Map<String, Value>,
    /// Members of a pool that are not shown before a version while nothing is in them.
    empty_until: Map<String, Value>,
}

static MEMBERS: LazyLock<Members> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../../../../../fixtures/container-service/members.json"))
        .expect("fixtures/container-service/members.json lists members: a test reads it")
});

/// Before this version the SKU's names were others.
const SKU_NAMES_SINCE: &str = "2023-02-01";

/// Whether an api-version shows a member.
fn shows(first: &Value, api_version: &str) -> bool {
    let Some(first) = first.as_str() else { return true };
    match api_version.split_once("-preview") {
        Some((date, _)) => date >= "2023-09-01",
        None => api_version >= first,
    }
}

/// Takes away what an api-version does not show of a cluster's body.
pub(super) fn restrict(body: &mut Value, api_version: &str) {
    for (path, first) in &MEMBERS.cluster {
        if !shows(first, api_version) {
            let (outer, member) = path.rsplit_once('.').unwrap_or(("", path));
            let pointer = if outer.is_empty() { String::new() } else { format!("/{}", outer.replace('.', "/")) };
            remove(body.pointer_mut(&pointer), member);
        }
    }
    if api_version < SKU_NAMES_SINCE
        && let Some(sku) = body.get_mut("sku").filter(|sku| sku.is_object())
    {
        for (member, new, old) in [("name", "Base", "Basic"), ("tier", "Standard", "Paid")] {
            if sku[member] == new {
                sku[member] = json!(old);
            }
        }
    }
    let pools = body.pointer_mut("/properties/agentPoolProfiles").and_then(Value::as_array_mut);
    pools.into_iter().flatten().for_each(|pool| restrict_pool(pool, api_version));
}

/// Takes away what an api-version does not show of a pool's properties.
pub(super) fn restrict_pool(properties: &mut Value, api_version: &str) {
    for (member, first) in &MEMBERS.agent_pool {
        if !shows(first, api_version) {
            remove(Some(properties), member);
        }
    }
    older_words(properties, api_version);
    for (member, first) in &MEMBERS.empty_until {
        if !shows(first, api_version) && properties.get(member).is_some_and(|value| value == &json!({})) {
            remove(Some(properties), member);
        }
    }
}

/// The preview of 2024 said with a boolean what is now a word: whether the driver of graphics processors is installed.
fn older_words(properties: &mut Value, api_version: &str) {
    let profile = properties.get_mut("gpuProfile").and_then(Value::as_object_mut).filter(|_| api_version < "2024-11");
    if let Some(profile) = profile
        && let Some(driver) = profile.shift_remove("driver")
    {
        profile.shift_insert(0, "installGPUDriver".into(), json!(driver != "None"));
    }
}

fn remove(object: Option<&mut Value>, member: &str) {
    if let Some(Value::Object(members)) = object {
        // Order is kept: a plain removal would move the last member into the gap.
        members.shift_remove(member);
    }
}

/// Takes away what is not there while a cluster is being made: addresses, identities, names of private links.
pub(super) fn not_yet(properties: &mut Map<String, Value>) {
    let mut hide = |pointer: &str, member: &str| {
        let mut at = properties.get_mut(pointer.split('/').next().unwrap_or_default());
        for step in pointer.split('/').skip(1) {
            at = at.and_then(|value| value.get_mut(step));
        }
        remove(at, member);
    };
    hide("networkProfile/loadBalancerProfile", "effectiveOutboundIPs");
    hide("networkProfile/natGatewayProfile", "effectiveOutboundIPs");
    hide("ingressProfile/webAppRouting", "identity");
    let addons = properties.get_mut("addonProfiles").and_then(Value::as_object_mut);
    addons.into_iter().flat_map(|addons| addons.values_mut()).for_each(|addon| remove(Some(addon), "identity"));
    let pools = properties.get_mut("agentPoolProfiles").and_then(Value::as_array_mut);
    pools.into_iter().flatten().for_each(|pool| remove(Some(pool), "virtualMachineNodesStatus"));
    properties.shift_remove("identityProfile");
}

/// A private cluster whose public name is off shows none.
pub(super) fn hide_public_name(properties: &mut Map<String, Value>) {
    let private = properties.get("apiServerAccessProfile").is_some_and(|profile| {
        profile["enablePrivateCluster"] == json!(true) && profile["enablePrivateClusterPublicFQDN"] == json!(false)
    });
    if private {
        properties.shift_remove("fqdn");
    }
}

/// The answer to a PUT shows an empty object for the labels of pools that have none; reading them shows nothing.
pub(super) fn empty_labels(body: &mut Value) {
    let pools = body.pointer_mut("/properties/agentPoolProfiles").and_then(Value::as_array_mut);
    for pool in pools.into_iter().flatten().filter_map(Value::as_object_mut) {
        pool.entry("nodeLabels").or_insert_with(|| json!({}));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_api_versions_do_not_show_what_came_later() {
        let pool = json!({ "workloadRuntime": "OCIContainer", "networkProfile": {}, "count": 1 });
        let mut body = json!({
            "kind": "Base",
            "properties": { "agentPoolProfiles": [pool], "bootstrapProfile": {}, "fqdn": "f", "storageProfile": { "diskCSIDriver": { "version": "v1", "enabled": true } } },
            "sku": { "name": "Base", "tier": "Standard" },
        });
        let mut preview = body.clone();
        let mut oldest = body.clone();
        restrict(&mut body, "2024-07-01");
        let properties = json!({ "agentPoolProfiles": [{ "count": 1 }], "fqdn": "f", "storageProfile": { "diskCSIDriver": { "enabled": true } } });
        assert_eq!(body, json!({ "properties": properties, "sku": { "name": "Base", "tier": "Standard" } }));
        let whole = preview.clone();
        restrict(&mut preview, "2024-09-02-preview");
        assert_eq!(preview, whole);
        restrict(&mut oldest, "2022-11-01");
        assert_eq!(oldest["sku"], json!({ "name": "Basic", "tier": "Paid" }));
    }
}
