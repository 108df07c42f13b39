//! The rules of a whole cluster: its profiles among each other, its groups, its addons. Texts are inferred where the list of error codes
//! is the only source.

use serde_json::{Map, Value};

use super::super::super::super::Request;
use super::super::{addons, errors, facts, validate};
use super::{is, network, object, on, pools, refuse, text, windows};
use crate::arm::error::Error;
use crate::kernel::resource_id::ResourceId;

/// What was sent, what was before, and what the cluster will be.
pub(in super::super) fn check(
    request: &Request<'_>,
    id: &ResourceId,
    sent: &Map<String, Value>,
    earlier: &Map<String, Value>,
    done: &Map<String, Value>,
    sku: &Value,
) -> Result<(), Error> {
    let none = Map::new();
    network::check(object(sent, "networkProfile").unwrap_or(&none), object(done, "networkProfile").unwrap_or(&none))?;
    let identity = request.body["identity"]["type"].as_str().unwrap_or_default();
    network::api_server(done, identity.eq_ignore_ascii_case("SystemAssigned"))?;
    node_group(request, id, sent, earlier)?;
    windows::check(sent)?;
    support(done, sku)?;
    addon_profiles(sent)?;
    proxy(sent)?;
    security(sent, earlier, done)?;
    access(sent, done)?;
    for pool in done.get("agentPoolProfiles").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_object) {
        pools::completed(pool, pool, done)?;
        // A control plane that would run too far ahead of its pools is not upgraded.
        let version = text(pool, "currentOrchestratorVersion");
        if !earlier.is_empty() && text(earlier, "currentKubernetesVersion") != text(done, "currentKubernetesVersion") {
            validate::skew(version, text(done, "currentKubernetesVersion"))?;
        }
    }
    Ok(())
}

/// The node resource group: a name of its own, of at most 80 characters, for a group that AKS makes.
fn node_group(
    request: &Request<'_>,
    id: &ResourceId,
    sent: &Map<String, Value>,
    earlier: &Map<String, Value>,
) -> Result<(), Error> {
    let name = text(sent, "nodeResourceGroup");
    if name.is_empty() || !earlier.is_empty() {
        return Ok(());
    }
    let fits = |each: char| each.is_alphanumeric() || "-_().".contains(each);
    if name.chars().count() > 80 || name.ends_with('.') || !name.chars().all(fits) {
        let details =
            format!("{name} must have 1 to 80 letters, digits, '-', '_', '(', ')' or '.' and must not end with a period");
        return Err(errors::invalid_value("nodeResourceGroup", &details));
    }
    if id.group().is_some_and(|group| group.eq_ignore_ascii_case(name)) {
        let message = format!("The node resource group {name} must not be the same as the cluster's resource group.");
        return Err(refuse("NodeResourceGroupSameAsResourceGroup", "nodeResourceGroup", message));
    }
    let group = ResourceId::of_group(id.subscription().unwrap_or_default(), name);
    if request.world.arm.group(&group).is_some() {
        let message =
            format!("The node resource group {name} already exists. Use a name of a resource group that does not exist.");
        return Err(refuse("NodeResourceGroupAlreadyExists", "nodeResourceGroup", message));
    }
    Ok(())
}

/// Long-term support is the Premium tier's; Automatic is not free (texts and codes inferred).
fn support(done: &Map<String, Value>, sku: &Value) -> Result<(), Error> {
    if is(done, "supportPlan", "AKSLongTermSupport") && sku["tier"] != "Premium" {
        let message = "Long-Term Support requires the Premium tier: set sku.tier to Premium.";
        return Err(refuse("BadRequest", "supportPlan", message));
    }
    if facts::is_automatic(sku) && sku["tier"] == "Free" {
        return Err(errors::invalid_value("sku.tier", "The Automatic SKU requires the Standard or the Premium tier"));
    }
    Ok(())
}

fn addon_profiles(sent: &Map<String, Value>) -> Result<(), Error> {
    for (name, addon) in object(sent, "addonProfiles").into_iter().flatten() {
        let target = format!("addonProfiles.{name}");
        if !addons::exists(name) {
            return Err(refuse("AddonInvalid", &target, format!("Addon {name} is not supported.")));
        }
        let config = |key: &str| {
            let entries = addon["config"].as_object().into_iter().flatten();
            let mut found = entries.filter(|(known, _)| known.eq_ignore_ascii_case(key)).filter_map(|(_, value)| value.as_str());
            found.next().unwrap_or_default().to_owned()
        };
        if name.eq_ignore_ascii_case("omsagent")
            && addon["enabled"] == true
            && config("logAnalyticsWorkspaceResourceID").is_empty()
        {
            let message = "Log Analytics workspace resource ID is not set for addon omsagent.";
            return Err(refuse("LogAnalyticsWorkspaceNotSet", &target, message));
        }
        let entra = config("useAADAuth").to_lowercase();
        if name.eq_ignore_ascii_case("omsagent") && !matches!(entra.as_str(), "" | "true" | "false") {
            let message = "The value of useAADAuth of addon omsagent must be true or false.";
            return Err(refuse("OmsagentInvalidAADAuthInput", &target, message));
        }
    }
    Ok(())
}

fn proxy(sent: &Map<String, Value>) -> Result<(), Error> {
    use base64::Engine as _;
    let Some(proxy) = object(sent, "httpProxyConfig") else { return Ok(()) };
    for member in ["httpProxy", "httpsProxy"] {
        let url = text(proxy, member);
        let web = url.starts_with("http://") || url.starts_with("https://");
        if !url.is_empty() && !web {
            let message = format!("The proxy URL {url} is invalid. It must begin with http:// or https://.");
            return Err(refuse("HTTPProxyWrongUrlError", &format!("httpProxyConfig.{member}"), message));
        }
    }
    let authority = text(proxy, "trustedCa");
    if base64::engine::general_purpose::STANDARD.decode(authority).is_err() {
        let message = "The trusted CA of the HTTP proxy config is not encoded in base64.";
        return Err(refuse("HTTPProxyConfigCADecodeError", "httpProxyConfig.trustedCa", message));
    }
    Ok(())
}

fn security(sent: &Map<String, Value>, earlier: &Map<String, Value>, done: &Map<String, Value>) -> Result<(), Error> {
    let issuer = |of: &Map<String, Value>| {
        object(of, "oidcIssuerProfile").and_then(|issuer| issuer.get("enabled")).and_then(Value::as_bool)
    };
    if issuer(earlier) == Some(true) && issuer(sent) == Some(false) {
        let message = "OIDC issuer feature cannot be disabled.";
        return Err(refuse("OIDCIssuerCannotBeDisabled", "oidcIssuerProfile.enabled", message));
    }
    let none = Map::new();
    let profile = object(done, "securityProfile").unwrap_or(&none);
    if let Some(kms) = object(profile, "azureKeyVaultKms").filter(|kms| on(kms, "enabled")) {
        if text(kms, "keyId").is_empty() {
            let details = "A key ID is required when Azure Key Vault KMS is enabled";
            return Err(errors::invalid_value("securityProfile.azureKeyVaultKms.keyId", details));
        }
        if is(kms, "keyVaultNetworkAccess", "Private") && text(kms, "keyVaultResourceId").is_empty() {
            let details = "A key vault resource ID is required when the key vault's network access is Private";
            return Err(errors::invalid_value("securityProfile.azureKeyVaultKms.keyVaultResourceId", details));
        }
    }
    let hours = object(profile, "imageCleaner").and_then(|cleaner| super::number(cleaner, "intervalHours"));
    if hours.is_some_and(|hours| !(24..=2160).contains(&hours)) {
        let details = "The interval must be between 24 hours and 3 months (2160 hours)";
        return Err(errors::invalid_value("securityProfile.imageCleaner.intervalHours", details));
    }
    Ok(())
}

/// Who signs in: Azure RBAC needs AKS' own integration with Entra; pod identity needs Azure's plugin or consent.
fn access(sent: &Map<String, Value>, done: &Map<String, Value>) -> Result<(), Error> {
    let none = Map::new();
    let aad = object(done, "aadProfile").unwrap_or(&none);
    if on(aad, "enableAzureRBAC") && !on(aad, "managed") {
        let details = "Azure RBAC requires AKS-managed AAD: set aadProfile.managed to true";
        return Err(errors::invalid_value("aadProfile.enableAzureRBAC", details));
    }
    if !aad.is_empty() && done.get("enableRBAC") == Some(&Value::Bool(false)) {
        return Err(refuse("RBACNotEnabledForAAD", "enableRBAC", "RBAC must be enabled for AAD integration."));
    }
    for group in aad.get("adminGroupObjectIDs").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
        if uuid::Uuid::try_parse(group).is_err() {
            let message = format!("The admin group object ID {group} is invalid.");
            return Err(refuse("InvalidAdminGroupObjectID", "aadProfile.adminGroupObjectIDs", message));
        }
    }
    let pods = object(sent, "podIdentityProfile").unwrap_or(&none);
    let kubenet = object(done, "networkProfile").is_some_and(|network| is(network, "networkPlugin", "kubenet"));
    if on(pods, "enabled") && kubenet && !on(pods, "allowNetworkPluginKubenet") {
        let message = "Network plugin kubenet requires consent to enable pod identity: set allowNetworkPluginKubenet to true.";
        return Err(refuse("PodIdentityAddonWithKubeNetNeedsConsent", "podIdentityProfile.allowNetworkPluginKubenet", message));
    }
    Ok(())
}
