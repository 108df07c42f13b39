//! What the SKUs offer and what they forbid.
//! Source: Azure Container Registry's documentation ("Container registry service tiers"); a reported message for network rules
//! gives the form of the others, whose codes are inferred.

use axum::http::StatusCode;
use serde_json::Value;

use super::super::super::error::Error;
use super::bad;

/// The SKUs that can be asked for.
const SKUS: [&str; 3] = ["Basic", "Standard", "Premium"];
const GIB: u64 = 1024 * 1024 * 1024;

/// How much of everything a SKU has.
pub(super) struct Limits {
    /// Included storage in bytes.
    pub size: u64,
    /// Webhooks.
    pub webhooks: usize,
    /// Tokens, and likewise scope maps.
    pub tokens: usize,
}

/// Address rules of a Premium registry, and rules for networks.
pub(super) const NETWORK_RULES: usize = 100;
/// Private endpoint connections of a Premium registry.
pub(super) const PRIVATE_ENDPOINTS: usize = 200;
/// Cache rules of a registry.
pub(super) const CACHE_RULES: usize = 1000;

/// The limits of a SKU.
pub(super) fn limits(sku: &str) -> Limits {
    let (size, webhooks, tokens) = match sku {
        "Premium" => (500, 500, 50_000),
        "Standard" => (100, 10, 500),
        _ => (10, 2, 100),
    };
    Limits { size: size * GIB, webhooks, tokens }
}

/// The SKU that a body names, in its own spelling. Classic is retired.
pub(super) fn asked(body: &Value) -> Result<Option<&'static str>, Error> {
    let Some(name) = body["sku"].get("name").filter(|name| !name.is_null()) else { return Ok(None) };
    let text = name.as_str().unwrap_or_default();
    if text.eq_ignore_ascii_case("Classic") {
        let message = "The Classic SKU is no longer supported. Please select one of the SKUs 'Basic, Standard, Premium'.";
        return Err(bad("ClassicRegistryNotSupported", message));
    }
    let known = SKUS.into_iter().find(|sku| sku.eq_ignore_ascii_case(text));
    known
        .map(Some)
        .ok_or_else(|| bad("InvalidSku", format!("The SKU '{text}' is invalid. Allowed values are 'Basic, Standard, Premium'.")))
}

/// A feature that a SKU does not have.
pub(super) fn not_offered(feature: &str, sku: &str, code: &'static str) -> Error {
    let message = format!("The requested feature {feature} is not supported for the SKU {sku}.");
    Error::registry(StatusCode::BAD_REQUEST, code, message)
}

/// Checks a registry's properties against its SKU.
pub(super) fn check(properties: &Value, sku: &str) -> Result<(), Error> {
    let enabled = |path: &str| {
        let value = properties.pointer(path).unwrap_or(&Value::Null);
        value.as_bool() == Some(true) || value.as_str().is_some_and(|text| text.eq_ignore_ascii_case("enabled"))
    };
    if sku == "Basic" && enabled("/anonymousPullEnabled") {
        return Err(not_offered("anonymous pull", sku, "AnonymousPullNotSupported"));
    }
    if sku == "Premium" {
        return Ok(());
    }
    let rules = &properties["networkRuleSet"];
    let any = |key: &str| rules[key].as_array().is_some_and(|rules| !rules.is_empty());
    if rules["defaultAction"] == "Deny" || any("ipRules") || any("virtualNetworkRules") {
        return Err(not_offered("virtual network rule", sku, "NetworkRuleNotSupported"));
    }
    if properties["publicNetworkAccess"] == "Disabled" {
        let message = format!(
            "Disabling public network access is not supported for the SKU {sku}. For more information, please visit \
             https://aka.ms/acr/private-link."
        );
        return Err(bad("DisablingPublicNetworkAccessNotSupported", message));
    }
    for (path, feature, code) in [
        ("/dataEndpointEnabled", "data endpoint rule", "DataEndpointNotSupported"),
        ("/regionalEndpoints", "regional endpoints", "RegionalEndpointsNotSupported"),
        ("/encryption/status", "customer managed key encryption", "EncryptionNotSupported"),
        ("/zoneRedundancy", "zone redundancy", "ZoneRedundancyNotSupported"),
        ("/policies/retentionPolicy/status", "retention policy", "RetentionPolicyNotSupported"),
        ("/policies/trustPolicy/status", "trust policy", "TrustPolicyNotSupported"),
        ("/policies/quarantinePolicy/status", "quarantine policy", "QuarantinePolicyNotSupported"),
    ] {
        if enabled(path) {
            return Err(not_offered(feature, sku, code));
        }
    }
    if properties["policies"]["exportPolicy"]["status"] == "disabled" {
        return Err(not_offered("export policy", sku, "ExportPolicyNotSupported"));
    }
    Ok(())
}
