//! What AKS refuses in a cluster or a pool, in its own order: name, version, pools, network, service principal.
//!
//! Sources: AKS' REST reference (patterns and lengths), its naming rules page, and messages that users have reported.

use serde_json::{Map, Value};

use super::{errors, rules, versions};
use crate::arm::error::Error;

/// Words that a cluster's name must not hold, and words that it must not begin with (AKS' naming rules).
const RESERVED_ANYWHERE: [&str; 2] = ["MICROSOFT", "WINDOWS"];
const RESERVED_AT_START: [&str; 2] = ["LOGIN", "XBOX"];
/// Words that cannot be a whole name (Azure's list of reserved resource names).
const RESERVED: [&str; 29] = [
    "ACCESS",
    "AZURE",
    "BING",
    "BIZSPARK",
    "BIZTALK",
    "CORTANA",
    "DIRECTX",
    "DOTNET",
    "DYNAMICS",
    "EXCEL",
    "EXCHANGE",
    "FOREFRONT",
    "GROOVE",
    "HOLOLENS",
    "HYPERV",
    "KINECT",
    "LYNC",
    "MSDN",
    "O365",
    "OFFICE",
    "OFFICE365",
    "ONEDRIVE",
    "ONENOTE",
    "OUTLOOK",
    "POWERPOINT",
    "SHAREPOINT",
    "SKYPE",
    "VISIO",
    "VISUALSTUDIO",
];

/// A cluster's name.
pub(super) fn cluster_name(name: &str) -> Result<(), Error> {
    let well_formed = (1..=63).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
        && name.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric())
        && name.bytes().last().is_some_and(|byte| byte.is_ascii_alphanumeric());
    if !well_formed {
        let details = format!("\"{name}\" must match ^[a-zA-Z0-9]$|^[a-zA-Z0-9][-_a-zA-Z0-9]{{0,61}}[a-zA-Z0-9]$.");
        return Err(errors::invalid_name(&details));
    }
    let upper = name.to_ascii_uppercase();
    if RESERVED_ANYWHERE.iter().any(|word| upper.contains(word)) {
        return Err(errors::invalid_name(&format!(
            "\"{name}\" managed cluster name is invalid because 'MICROSOFT' and 'WINDOWS' can't be used as either a whole word or a \
             substring in the name."
        )));
    }
    if RESERVED_AT_START.iter().any(|word| upper.starts_with(word)) {
        return Err(errors::invalid_name(&format!(
            "\"{name}\" managed cluster name is invalid because 'LOGIN' and 'XBOX' can't be used at the start of a resource name, but \
             can be used later in the name."
        )));
    }
    if RESERVED.contains(&upper.as_str()) {
        return Err(errors::invalid_name(&format!("\"{name}\" managed cluster name is invalid because it is reserved.")));
    }
    Ok(())
}

/// The DNS prefix: 1 to 54 letters, digits and hyphens, a letter or digit at both ends.
pub(super) fn dns_prefix(prefix: &str) -> Result<(), Error> {
    let ends = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric());
    let well_formed = (1..=54).contains(&prefix.len())
        && prefix.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && ends(prefix.bytes().next())
        && ends(prefix.bytes().last());
    if well_formed { Ok(()) } else { Err(errors::invalid_parameter("properties.dnsPrefix")) }
}

/// A pool's name: lower-case letters and digits, a letter first, at most 12, for Windows at most 6.
pub(super) fn pool_name(name: &str, os_type: &str) -> Result<(), Error> {
    let longest = if os_type.eq_ignore_ascii_case("windows") { 6 } else { 12 };
    let well_formed = (1..=longest).contains(&name.len())
        && name.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    if well_formed { Ok(()) } else { Err(errors::invalid_parameter("agentPoolProfile.name")) }
}

/// A version that a cluster asks for; the patch that it stands for.
pub(super) fn version(cluster: &str, asked: &str) -> Result<String, Error> {
    if !versions::is_version(asked) {
        return Err(errors::invalid_parameter("orchestratorProfile.OrchestratorVersion"));
    }
    versions::resolve(asked).ok_or_else(|| errors::version_not_supported(cluster, asked))
}

/// How many minor versions a pool may be behind its cluster (Kubernetes' skew policy since 1.28).
const SKEW: u32 = 3;

/// A version that a pool asks for: it exists, is not above the cluster's and not too far below. Retired versions are let be, as
/// everywhere.
pub(super) fn pool_version(asked: &str, cluster_version: &str) -> Result<String, Error> {
    if !versions::is_version(asked) {
        return Err(errors::invalid_parameter("orchestratorProfile.OrchestratorVersion"));
    }
    let resolved = versions::resolve(asked).ok_or_else(|| errors::pool_version_not_supported(asked))?;
    let named = cluster_version.starts_with(&format!("{asked}."));
    if !named && (minor(&resolved) > minor(cluster_version) || versions::is_older(cluster_version, &resolved)) {
        return Err(errors::pool_version_above_cluster(&resolved, cluster_version));
    }
    skew(&resolved, cluster_version)?;
    Ok(resolved)
}

/// A pool may be some minor versions behind its cluster. Retired versions are let be, as everywhere.
pub(super) fn skew(pool: &str, cluster: &str) -> Result<(), Error> {
    let behind = minor(cluster).zip(minor(pool)).map_or(0, |(cluster, pool)| cluster.saturating_sub(pool));
    if behind > SKEW && !versions::is_retired(pool) {
        return Err(errors::pool_version_too_old(pool, cluster, SKEW));
    }
    Ok(())
}

fn minor(version: &str) -> Option<u32> {
    version.split('.').nth(1)?.parse().ok()
}

/// One pool as it was sent.
pub(super) fn pool(pool: &Map<String, Value>, name: &str) -> Result<(), Error> {
    let text = |key: &str| pool.get(key).and_then(Value::as_str).unwrap_or_default();
    pool_name(name, text("osType"))?;
    let system = is_system(pool);
    let floor = i64::from(system);
    let number = |key: &str| pool.get(key).and_then(Value::as_i64);
    if let Some(count) = number("count").filter(|count| !(floor..=1000).contains(count)) {
        return Err(errors::count_out_of_range(count, floor));
    }
    if pool.get("enableAutoScaling").and_then(Value::as_bool) == Some(true) {
        let (least, most) = (number("minCount").unwrap_or(floor), number("maxCount").unwrap_or(0));
        if least < floor {
            return Err(errors::invalid_parameter("agentPoolProfile.minCount"));
        }
        if most < least || most > 1000 {
            return Err(errors::invalid_parameter("agentPoolProfile.maxCount"));
        }
    }
    Ok(())
}

/// Whether a pool is a system pool.
pub(super) fn is_system(pool: &Map<String, Value>) -> bool {
    pool.get("mode").and_then(Value::as_str).is_some_and(|mode| mode.eq_ignore_ascii_case("system"))
}

/// All pools of a cluster together: at least one system pool, no name twice.
pub(super) fn pools(pools: &[Value]) -> Result<(), Error> {
    let mut names = Vec::new();
    for each in pools {
        let Some(members) = each.as_object() else { return Err(errors::invalid_parameter("agentPoolProfiles")) };
        let name = members.get("name").and_then(Value::as_str).unwrap_or_default();
        pool(members, name)?;
        rules::pools::sent(members, false, "agentPoolProfile")?;
        if names.contains(&name) {
            return Err(errors::invalid_parameter("agentPoolProfiles.name"));
        }
        names.push(name);
    }
    if !pools.iter().filter_map(Value::as_object).any(is_system) {
        return Err(errors::no_system_pool());
    }
    rules::pools::together(pools)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn names_follow_the_naming_rules() {
        for good in ["a", "myAKSCluster", "a-b_c", &"x".repeat(63)] {
            assert!(cluster_name(good).is_ok(), "{good}");
        }
        for bad in ["", "-a", "a-", "a.b", "ä", &"x".repeat(64), "my-microsoft", "Login1"] {
            assert!(cluster_name(bad).is_err(), "{bad}");
        }
        assert!(cluster_name("my-login").is_ok());
        assert!(pool_name("nodepool1", "Linux").is_ok() && pool_name("npwin1", "Windows").is_ok());
        for (bad, os) in
            [("1pool", "Linux"), ("Pool", "Linux"), ("averylongname", "Linux"), ("npwindo", "Windows"), ("", "Linux")]
        {
            assert!(pool_name(bad, os).is_err(), "{bad}");
        }
        assert!(dns_prefix("a-1").is_ok() && dns_prefix("a.b").is_err() && dns_prefix(&"a".repeat(55)).is_err());
    }

    #[test]
    fn pools_need_a_system_pool_and_sound_counts() {
        let pool = |mode: &str, count: i64| json!({ "name": "np", "mode": mode, "count": count });
        assert!(pools(&[pool("System", 1)]).is_ok());
        assert!(pools(&[pool("User", 1)]).is_err());
        assert!(pools(&[pool("System", 0)]).is_err());
        assert!(pools(&[pool("System", 1), pool("User", 1)]).is_err(), "a name twice");
        assert!(pools(&[json!("np")]).is_err());
        assert!(pool_version("1.32", "1.33.6").is_ok() && pool_version("1.34", "1.33.6").is_err());
    }
}
