//! The Kubernetes versions of AKS: which exist, which are offered, what can be upgraded to what.
//! The data is `fixtures/container-service/kubernetes-versions.json`. Versions that AKS has retired are not offered but accepted, in any
//! direction, so that templates that pin what was current when they were written still run (azlet's own leniency).
//! Source: AKS' support policy (a minor version at a time; no downgrade; an alias such as `1.33` means its newest patch).

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::{Map, Value, json};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Catalog {
    default: String,
    /// Minor versions that are not offered any more, and the last patch of each.
    retired: BTreeMap<String, String>,
    minors: Vec<Minor>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Minor {
    version: String,
    patches: Vec<String>,
    #[serde(default)]
    long_term_support: bool,
    #[serde(default)]
    preview: bool,
}

static CATALOG: LazyLock<Catalog> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../../../../../fixtures/container-service/kubernetes-versions.json"))
        .expect("fixtures/container-service/kubernetes-versions.json lists versions: a test reads it")
});

/// Numbers of a version, for comparison; none if it is not `x.y` or `x.y.z`.
fn numbers(version: &str) -> Option<Vec<u32>> {
    let numbers: Vec<u32> = version.split('.').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    (2..=3).contains(&numbers.len()).then_some(numbers)
}

/// Whether this has the form of a version at all.
pub(super) fn is_version(version: &str) -> bool {
    numbers(version).is_some()
}

/// The version to ask for when nothing is said.
pub(super) fn default_version() -> &'static str {
    &CATALOG.default
}

/// The patch version that an asked version stands for; none if there is no such version.
pub(super) fn resolve(asked: &str) -> Option<String> {
    let newest = CATALOG.minors.iter().find(|minor| minor.version == asked).and_then(|minor| minor.patches.last());
    let exact = || CATALOG.minors.iter().flat_map(|minor| &minor.patches).find(|patch| *patch == asked);
    let retired = || CATALOG.retired.get(asked);
    let pinned = || (numbers(asked).is_some_and(|numbers| numbers.len() == 3) && is_retired(asked)).then(|| asked.to_owned());
    newest.or_else(exact).or_else(retired).cloned().or_else(pinned)
}

/// Whether a version is older than everything that is offered.
pub(super) fn is_retired(version: &str) -> bool {
    let oldest = CATALOG.minors.first().and_then(|minor| numbers(&minor.version));
    numbers(version).zip(oldest).is_some_and(|(version, oldest)| version[..2] < oldest[..])
}

/// Whether a cluster of version `from` may become `to`: not backwards, and no minor version skipped.
pub(super) fn can_become(from: &str, to: &str) -> bool {
    if is_retired(from) || is_retired(to) {
        return true;
    }
    match (numbers(from), numbers(to)) {
        (Some(from), Some(to)) => to >= from && to[0] == from[0] && to[1] <= from[1] + 1,
        _ => false,
    }
}

/// Whether a version is older than another.
pub(super) fn is_older(version: &str, other: &str) -> bool {
    numbers(version).zip(numbers(other)).is_some_and(|(version, other)| version < other)
}

/// The offered versions that a cluster of version `from` may become.
pub(super) fn upgrades(from: &str) -> Vec<Value> {
    CATALOG
        .minors
        .iter()
        .flat_map(|minor| minor.patches.iter().map(move |patch| (minor, patch)))
        .filter(|(_, patch)| patch.as_str() != from && can_become(from, patch))
        .map(|(minor, patch)| {
            if minor.preview {
                json!({ "kubernetesVersion": patch, "isPreview": true })
            } else {
                json!({ "kubernetesVersion": patch })
            }
        })
        .collect()
}

/// The offered versions that a pool of a cluster of version `cluster` may have: not newer, and at most three minor versions older.
pub(super) fn of_pools(cluster: &str) -> Vec<Value> {
    let (Some(newest), patches) = (numbers(cluster), CATALOG.minors.iter().flat_map(|minor| &minor.patches)) else {
        return Vec::new();
    };
    let fits = |patch: &&String| {
        numbers(patch).is_some_and(|patch| patch <= newest && patch.first() == newest.first() && patch[1] + 3 >= newest[1])
    };
    patches
        .filter(fits)
        .map(|patch| {
            let mut version = json!({ "kubernetesVersion": patch });
            if patch == cluster {
                version["default"] = json!(true);
            }
            version
        })
        .collect()
}

/// The answer of `locations/{location}/kubernetesVersions`.
pub(super) fn offered() -> Value {
    let values: Vec<Value> = CATALOG.minors.iter().map(describe).collect();
    json!({ "values": values })
}

fn describe(minor: &Minor) -> Value {
    let mut plans = vec!["KubernetesOfficial"];
    if minor.long_term_support {
        plans.push("AKSLongTermSupport");
    }
    let patches: Map<String, Value> = minor
        .patches
        .iter()
        .map(|patch| {
            let next: Vec<Value> = upgrades(patch).into_iter().map(|upgrade| upgrade["kubernetesVersion"].clone()).collect();
            (patch.clone(), json!({ "upgrades": next }))
        })
        .collect();
    let mut value = json!({ "version": minor.version });
    if minor.version == CATALOG.default {
        value["isDefault"] = json!(true);
    }
    value["capabilities"] = json!({ "supportPlan": plans });
    if minor.preview {
        value["isPreview"] = json!(true);
    }
    value["patchVersions"] = Value::Object(patches);
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_resolve_and_upgrade_by_one_minor() {
        assert_eq!(resolve("1.33").as_deref(), Some("1.33.6"));
        assert_eq!(resolve("1.33.5").as_deref(), Some("1.33.5"));
        assert_eq!(resolve("1.28").as_deref(), Some("1.28.9"));
        assert_eq!(resolve("1.25.6").as_deref(), Some("1.25.6"));
        assert_eq!(resolve("1.33.99"), None);
        assert_eq!(resolve("1.99"), None);
        assert!(resolve(default_version()).is_some());
        assert!(
            is_version("1.33") && is_version("1.33.5") && !is_version("latest") && !is_version("1") && !is_version("1.2.3.4")
        );
        assert!(can_become("1.32.9", "1.33.6") && can_become("1.33.5", "1.33.6"));
        assert!(!can_become("1.32.9", "1.34.1") && !can_become("1.33.6", "1.33.5"));
        assert_eq!(upgrades("1.33.6"), [json!({ "kubernetesVersion": "1.34.1" }), json!({ "kubernetesVersion": "1.34.2" })]);
    }
}
