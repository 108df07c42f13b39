//! Cache rules and credential sets: which repositories come from where, and with what to sign in there.
//! Source: the provider's specification (2023-01-01-preview and later), recorded answers, and Azure Container Registry's
//! documentation ("Artifact cache"). azlet has no key vaults, so that credentials are never healthy, and no network: what is filled
//! comes from the images that are loaded. The errors are inferred, but for that of a rule for Docker Hub without credentials, which users
//! report; it is off unless `dockerHubCredentialsRequired` is set.

use axum::http::StatusCode;
use serde_json::{Map, Value, json};

use super::super::super::error::Error;
use super::super::super::store::Resource;
use super::bad;
use super::child::{Change, Child, Reply};
use super::scope_maps::keep_creation;
use super::sku;
use crate::acr::route::is_repository;
use crate::acr::store::CacheRule;
use crate::acr::upstream;

pub(super) const CACHE_RULES: Child =
    Child { changed, ..Child::plain("cacheRules", "cacherules", [Reply::Begun, Reply::Begun, Reply::Begun], make_rule) };

pub(super) const CREDENTIAL_SETS: Child = Child {
    identity: true,
    may_go: set_may_go,
    ..Child::plain("credentialSets", "credentialsets", [Reply::Begun, Reply::Begun, Reply::Begun], make_set)
};

/// `host/repository`, the repository perhaps ending in `/*`, or being `*`.
fn source(text: &str) -> Option<bool> {
    let (host, path) = text.split_once('/')?;
    let good_host = host.contains('.') && host.chars().all(|it| it.is_ascii_alphanumeric() || ".-".contains(it));
    good_host.then(|| target(path))?
}

/// A repository, perhaps with a wildcard; tells whether there is one.
fn target(text: &str) -> Option<bool> {
    if text == "*" {
        return Some(true);
    }
    match text.strip_suffix("/*") {
        Some(beginning) => is_repository(beginning).then_some(true),
        None => is_repository(text).then_some(false),
    }
}

/// Whether two targets could mean the same repository.
fn overlap(one: &str, other: &str) -> bool {
    match (one.strip_suffix('*'), other.strip_suffix('*')) {
        (Some(one), Some(other)) => one.starts_with(other) || other.starts_with(one),
        (None, None) => one == other,
        // A rule for one repository may stand within a wildcard: it wins there (documented).
        _ => false,
    }
}

fn make_rule(change: &Change<'_>) -> Result<Map<String, Value>, Error> {
    change.room_for("cacheRules", sku::CACHE_RULES)?;
    if change.parent.properties["policies"]["softDeletePolicy"]["status"] == "enabled" {
        let message = "The requested feature artifact cache is not supported while the soft delete policy is enabled.";
        return Err(Error::registry(StatusCode::CONFLICT, "SoftDeleteNotSupported", message));
    }
    let mut properties = change.base();
    match &change.given()["credentialSetResourceId"] {
        Value::Null if change.is_patch() && change.given().get("credentialSetResourceId").is_some() => {
            properties.remove("credentialSetResourceId");
        }
        Value::Null => {}
        Value::String(id) if id.is_empty() => {
            properties.remove("credentialSetResourceId");
        }
        Value::String(id) if change.has("credentialSets", id) => {
            properties.insert("credentialSetResourceId".into(), json!(id));
        }
        other => return Err(change.invalid("credentialSetResourceId", other)),
    }
    if !change.is_patch() {
        let from = change.needed("sourceRepository")?.unwrap_or_default();
        let to = change.needed("targetRepository")?.unwrap_or_default();
        let Some(wild) = source(from) else { return Err(change.invalid("sourceRepository", &json!(from))) };
        let is_docker_hub = upstream::canonical(from.split('/').next().unwrap_or_default()) == "docker.io";
        let required = change.request.world.settings.values().docker_hub_credentials_required;
        if is_docker_hub && required && !properties.contains_key("credentialSetResourceId") {
            let message = "Cannot create cache rule pointing to Docker Hub without credentials. Please add a credential set to cache \
                           rule. Learn more: https://aka.ms/acr/cache-auth";
            return Err(bad("EnforceDockerAuthentication", message));
        }
        if target(to) != Some(wild) {
            return Err(change.invalid("targetRepository", &json!(to)));
        }
        let taken =
            |it: &Resource| it.id != change.id() && it.properties["targetRepository"].as_str().is_some_and(|it| overlap(it, to));
        if let Some(other) = change.siblings("cacheRules").iter().find(|it| taken(it)) {
            let message = format!("The target repository {to} overlaps with the one of the cache rule {}.", other.name());
            return Err(Error::registry(StatusCode::CONFLICT, "CacheRuleConflict", message));
        }
        properties.insert("sourceRepository".into(), json!(from));
        properties.insert("targetRepository".into(), json!(to));
    }
    keep_creation(change, &mut properties);
    Ok(properties)
}

/// Tells the data plane which repositories it fills from where.
fn changed(change: &Change<'_>) {
    let text = |rule: &Resource, key: &str| rule.properties.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let rules = change.siblings("cacheRules");
    let rules = rules.iter().map(|rule| CacheRule {
        name: rule.name().to_owned(),
        from: text(rule, "sourceRepository"),
        to: text(rule, "targetRepository"),
    });
    *change.registry.cache_rules.write() = rules.collect();
}

fn make_set(change: &Change<'_>) -> Result<Map<String, Value>, Error> {
    let mut properties = change.base();
    if !change.is_patch() {
        let host = change.needed("loginServer")?.unwrap_or_default();
        properties.insert("loginServer".into(), json!(host));
        if change.request.body["identity"]["type"].as_str().is_none_or(|kind| kind.eq_ignore_ascii_case("None")) {
            return Err(super::child::invalid(change.request, "identity.type", &change.request.body["identity"]["type"]));
        }
    }
    match &change.given()["authCredentials"] {
        Value::Null if change.is_patch() => {}
        Value::Array(list) if !list.is_empty() => {
            let all: Result<Vec<Value>, Error> = list.iter().map(|given| credential(change, given)).collect();
            properties.insert("authCredentials".into(), json!(all?));
        }
        other => return Err(change.invalid("authCredentials", other)),
    }
    keep_creation(change, &mut properties);
    Ok(properties)
}

fn credential(change: &Change<'_>, given: &Value) -> Result<Value, Error> {
    if given["name"] != "Credential1" {
        return Err(change.invalid("authCredentials.name", &given["name"]));
    }
    for key in ["usernameSecretIdentifier", "passwordSecretIdentifier"] {
        let good = given[key].as_str().is_some_and(|uri| uri.starts_with("https://") && uri.contains("/secrets/"));
        if !good {
            return Err(change.invalid(&format!("authCredentials.{key}"), &given[key]));
        }
    }
    Ok(json!({
        "name": "Credential1",
        "usernameSecretIdentifier": given["usernameSecretIdentifier"],
        "passwordSecretIdentifier": given["passwordSecretIdentifier"],
        "credentialHealth": {
            "status": "Unhealthy",
            "errorCode": "Forbidden",
            "errorMessage": "azlet has no key vaults: the secrets cannot be read.",
        },
    }))
}

fn set_may_go(change: &Change<'_>, set: &Resource) -> Result<(), Error> {
    let uses = |rule: &Resource| {
        rule.properties
            .get("credentialSetResourceId")
            .and_then(Value::as_str)
            .is_some_and(|id| id.eq_ignore_ascii_case(set.id.as_str()))
    };
    match change.siblings("cacheRules").iter().find(|rule| uses(rule)) {
        None => Ok(()),
        Some(rule) => {
            let message = format!("The credential set {} is in use by the cache rule {}.", set.name(), rule.name());
            Err(Error::registry(StatusCode::CONFLICT, "CredentialSetInUse", message))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_and_targets_are_read_as_documented() {
        assert_eq!(source("docker.io/library/nginx"), Some(false));
        assert_eq!(source("mcr.microsoft.com/*"), Some(true));
        for bad in ["nginx", "docker.io", "docker.io/", "localhost/x", "docker.io/A", "docker.io/a*"] {
            assert_eq!(source(bad), None, "{bad}");
        }
        assert_eq!(target("a/*"), Some(true));
        assert_eq!(target("a*"), None);
    }

    #[test]
    fn wildcards_overlap_with_wildcards_alone() {
        assert!(overlap("a/*", "a/b/*") && overlap("*", "a/*") && overlap("a", "a"));
        assert!(!overlap("a/*", "b/*") && !overlap("a/*", "a/b"));
    }
}
