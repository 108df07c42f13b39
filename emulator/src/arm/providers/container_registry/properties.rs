//! What may be asked of a registry: the words and numbers that each property takes, and which of them go together.
//! Source: the provider's specification; Azure Container Registry's documentation of policies, network rules, encryption, regional
//! endpoints and soft delete. Codes and texts of the refusals are inferred, in the form of reported ones.

use axum::http::StatusCode;
use serde_json::{Map, Value, json};

use super::super::super::Request;
use super::super::super::error::Error;
use super::super::super::store::Resource;
use super::child::invalid;
use super::{bad, body, sku};
use crate::acr::store::AddressRange;
use crate::kernel::clock::rfc3339_ticks_offset;
use crate::kernel::ids::HEX;

/// What a property takes.
enum Takes {
    Flag,
    Word(&'static [&'static str]),
    Object,
}

const ON_OFF: &[&str] = &["Enabled", "Disabled"];
const STATUS: &[&str] = &["enabled", "disabled"];

const TAKEN: [(&str, Takes); 15] = [
    ("adminUserEnabled", Takes::Flag),
    ("networkRuleSet", Takes::Object),
    ("policies", Takes::Object),
    ("encryption", Takes::Object),
    ("dataEndpointEnabled", Takes::Flag),
    ("regionalEndpoints", Takes::Word(ON_OFF)),
    ("endpointProtocol", Takes::Word(&["IPv4", "IPv4AndIPv6"])),
    ("publicNetworkAccess", Takes::Word(ON_OFF)),
    ("networkRuleBypassOptions", Takes::Word(&["AzureServices", "None"])),
    ("networkRuleBypassAllowedForTasks", Takes::Flag),
    ("zoneRedundancy", Takes::Word(ON_OFF)),
    ("anonymousPullEnabled", Takes::Flag),
    ("metadataSearch", Takes::Word(ON_OFF)),
    ("roleAssignmentMode", Takes::Word(&["LegacyRegistryPermissions", "AbacRepositoryPermissions"])),
    ("writableCacheRepos", Takes::Word(ON_OFF)),
];

/// The scopes of a generated domain name label.
pub(super) const LABEL_SCOPES: [&str; 5] = ["Unsecure", "TenantReuse", "SubscriptionReuse", "ResourceGroupReuse", "NoReuse"];

fn word(request: &Request<'_>, path: &str, given: &Value, words: &[&str]) -> Result<Value, Error> {
    let known = given.as_str().and_then(|text| words.iter().find(|word| word.eq_ignore_ascii_case(text)));
    known.map(|word| json!(word)).ok_or_else(|| invalid(request, path, given))
}

/// Puts what a request may set over what is there, as far as its version knows it, and checks the whole.
pub(super) fn apply(request: &Request<'_>, properties: &mut Value, sku: &str, old: Option<&Resource>) -> Result<(), Error> {
    let given = request.body["properties"].as_object();
    for (key, takes) in &TAKEN {
        let Some(value) = given.and_then(|given| given.get(*key)).filter(|value| !value.is_null()) else { continue };
        if !body::knows(key, &request.version) {
            continue;
        }
        let value = match takes {
            Takes::Flag if value.is_boolean() => value.clone(),
            Takes::Word(words) => word(request, key, value, words)?,
            Takes::Object if value.is_object() => match *key {
                "networkRuleSet" => network_rules(request, value)?,
                "policies" => policies(request, value, &properties["policies"])?,
                _ => encryption(request, value, &properties["encryption"])?,
            },
            _ => return Err(invalid(request, key, value)),
        };
        match properties.get_mut(*key) {
            Some(held) => body::merge(held, &value),
            None => properties[*key] = value,
        }
    }
    sku::check(properties, sku)?;
    together(request, properties, old)
}

/// `networkRuleSet`: a default and IPv4 addresses or ranges.
fn network_rules(request: &Request<'_>, given: &Value) -> Result<Value, Error> {
    let mut rules = Map::new();
    let default = &given["defaultAction"];
    if !default.is_null() {
        rules.insert("defaultAction".into(), word(request, "networkRuleSet.defaultAction", default, &["Allow", "Deny"])?);
    }
    let list = |key: &str| match &given[key] {
        Value::Null => Ok(None),
        Value::Array(list) if list.len() <= sku::NETWORK_RULES => Ok(Some(list)),
        Value::Array(list) => {
            let most = sku::NETWORK_RULES;
            Err(bad("QuotaExceeded", format!("The number of {key}, {}, exceeds the maximum of {most}.", list.len())))
        }
        other => Err(invalid(request, &format!("networkRuleSet.{key}"), other)),
    };
    if let Some(list) = list("ipRules")? {
        let mut all: Vec<Value> = Vec::new();
        for rule in list {
            if rule["value"].as_str().and_then(AddressRange::parse).is_none() {
                return Err(invalid(request, "networkRuleSet.ipRules.value", &rule["value"]));
            }
            if !rule["action"].is_null() {
                word(request, "networkRuleSet.ipRules.action", &rule["action"], &["Allow"])?;
            }
            let rule = json!({ "action": "Allow", "value": rule["value"] });
            if !all.contains(&rule) {
                all.push(rule);
            }
        }
        rules.insert("ipRules".into(), json!(all));
    }
    if let Some(list) = list("virtualNetworkRules")? {
        let subnet = |rule: &Value| rule["id"].as_str().is_some_and(|id| id.to_lowercase().contains("/virtualnetworks/"));
        if let Some(wrong) = list.iter().find(|rule| !subnet(rule)) {
            return Err(invalid(request, "networkRuleSet.virtualNetworkRules.id", &wrong["id"]));
        }
        let rules_of = list.iter().map(|rule| json!({ "action": "Allow", "id": rule["id"] }));
        rules.insert("virtualNetworkRules".into(), rules_of.collect());
    }
    Ok(Value::Object(rules))
}

/// `policies`, put over those that are there.
pub(super) fn policies(request: &Request<'_>, given: &Value, held: &Value) -> Result<Value, Error> {
    let mut all = held.clone();
    for key in [
        "quarantinePolicy",
        "trustPolicy",
        "retentionPolicy",
        "exportPolicy",
        "azureADAuthenticationAsArmPolicy",
        "softDeletePolicy",
    ] {
        let policy = &given[key];
        if !policy["status"].is_null() {
            all[key]["status"] = word(request, &format!("policies.{key}.status"), &policy["status"], STATUS)?;
        }
        let (days, range) = match key {
            "retentionPolicy" => ("days", 0..=365),
            "softDeletePolicy" => ("retentionDays", 1..=90),
            _ => continue,
        };
        if !policy[days].is_null() {
            let good = policy[days].as_i64().is_some_and(|days| range.contains(&days));
            if !good {
                return Err(invalid(request, &format!("policies.{key}.{days}"), &policy[days]));
            }
            all[key][days] = policy[days].clone();
        }
        all[key]["lastUpdatedTime"] = json!(rfc3339_ticks_offset(request.now));
    }
    if !given["trustPolicy"]["type"].is_null() {
        word(request, "policies.trustPolicy.type", &given["trustPolicy"]["type"], &["Notary"])?;
    }
    Ok(all)
}

/// A key without a version follows the newest one; which that is, azlet invents.
fn encryption(request: &Request<'_>, given: &Value, held: &Value) -> Result<Value, Error> {
    let status = match &given["status"] {
        Value::Null => held["status"].clone(),
        status => word(request, "encryption.status", status, STATUS)?,
    };
    if status != "enabled" {
        return Ok(json!({ "status": "disabled" }));
    }
    let (key, before) = (&given["keyVaultProperties"], &held["keyVaultProperties"]);
    let id = key["keyIdentifier"].as_str().or(before["keyIdentifier"].as_str());
    let good = id.filter(|id| id.starts_with("https://") && id.contains("/keys/"));
    let id = good.ok_or_else(|| invalid(request, "encryption.keyVaultProperties.keyIdentifier", &key["keyIdentifier"]))?;
    let rotates = id.split("/keys/").nth(1).is_some_and(|rest| !rest.trim_end_matches('/').contains('/'));
    let versioned = match before["versionedKeyIdentifier"].as_str().filter(|_| before["keyIdentifier"] == id) {
        Some(same) => same.to_owned(),
        None if rotates => format!("{}/{}", id.trim_end_matches('/'), request.world.ids.text(32, HEX)),
        None => id.to_owned(),
    };
    let identity = if key["identity"].is_null() { &before["identity"] } else { &key["identity"] };
    let mut shown = Map::new();
    shown.insert("keyIdentifier".into(), json!(id));
    shown.insert("versionedKeyIdentifier".into(), json!(versioned));
    if !identity.is_null() {
        shown.insert("identity".into(), identity.clone());
    }
    shown.insert("keyRotationEnabled".into(), json!(rotates));
    let rotated = before.is_object() && before["keyIdentifier"] != id;
    let last = if rotated { json!(rfc3339_ticks_offset(request.now)) } else { before["lastKeyRotationTimestamp"].clone() };
    if rotates || !last.is_null() {
        let first = if last.is_null() { json!(rfc3339_ticks_offset(request.now)) } else { last };
        shown.insert("lastKeyRotationTimestamp".into(), first);
    }
    Ok(json!({ "status": "enabled", "keyVaultProperties": shown }))
}

/// What cannot be together, and what cannot change.
fn together(request: &Request<'_>, properties: &Value, old: Option<&Resource>) -> Result<(), Error> {
    let policy = |name: &str| properties["policies"][name]["status"].as_str().unwrap_or_default();
    if policy("exportPolicy") == "disabled" && properties["publicNetworkAccess"] != "Disabled" {
        let message = "The export policy can only be disabled if the public network access of the registry is disabled.";
        return Err(bad("ExportPolicyConflict", message));
    }
    if properties["regionalEndpoints"] == "Enabled" && policy("trustPolicy") == "enabled" {
        let message = "The requested feature regional endpoints is not supported while the trust policy is enabled.";
        return Err(bad("RegionalEndpointsNotSupported", message));
    }
    let Some(old) = old else { return Ok(()) };
    let was = |pointer: &str| old.properties.get(pointer.split('/').next().unwrap_or_default());
    if was("encryption").is_some_and(|was| was["status"] != properties["encryption"]["status"]) {
        let message = "The encryption of a registry can neither be enabled nor disabled after its creation.";
        return Err(conflict("EncryptionCannotBeChanged", message));
    }
    if was("zoneRedundancy").is_some_and(|was| *was != properties["zoneRedundancy"]) {
        return Err(conflict("ZoneRedundancyCannotBeChanged", "The zone redundancy of a registry cannot be changed."));
    }
    let soft = policy("softDeletePolicy") == "enabled";
    let was_soft = was("policies").is_some_and(|was| was["softDeletePolicy"]["status"] == "enabled");
    if soft && !was_soft {
        for (kind, what) in [("replications", "geo-replication"), ("cacheRules", "artifact cache")] {
            let full = format!("{}/{kind}", super::TYPE);
            if !request.world.arm.resources_of_type(&full, &old.id).is_empty() {
                let message = format!("The soft delete policy is not supported for a registry with {what}.");
                return Err(conflict("SoftDeleteNotSupported", &message));
            }
        }
    }
    Ok(())
}

fn conflict(code: &'static str, message: &str) -> Error {
    Error::registry(StatusCode::CONFLICT, code, message)
}
