//! Discovery in both forms: aggregated (`apidiscovery.k8s.io/v2`) and the older lists per group, and `/version`. All of it follows
//! from the table of kinds.

use serde_json::{Map, Value, json};

use super::kinds::{self, Kind};

/// The group that no kinds of the table are in.
const MEASURED: (&str, &str) = (super::metrics::GROUP, super::metrics::VERSION);

/// The groups that have kinds, the core's empty name first.
pub fn groups() -> Vec<(&'static str, &'static str)> {
    let mut groups: Vec<(&str, &str)> = Vec::new();
    for kind in kinds::all() {
        if !groups.contains(&(kind.group.as_str(), kind.version.as_str())) {
            groups.push((&kind.group, &kind.version));
        }
    }
    groups
}

/// The groups, each once.
fn names() -> Vec<&'static str> {
    let mut names: Vec<&str> = groups().into_iter().map(|(group, _)| group).collect();
    names.dedup();
    names
}

/// The versions of a group, the preferred one first.
fn versions_of(group: &str) -> impl Iterator<Item = &'static str> {
    groups().into_iter().chain([MEASURED]).filter(move |(name, _)| *name == group).map(|(_, version)| version)
}

fn kinds_of(group: &str, version: &str) -> impl Iterator<Item = &'static Kind> {
    kinds::all().iter().filter(move |kind| kind.group == group && kind.version == version)
}

/// The aggregated form, of the core (`/api`) or of all other groups (`/apis`).
pub fn aggregated(core: bool) -> Value {
    let items: Vec<Value> = names()
        .into_iter()
        .filter(|group| group.is_empty() == core)
        .map(|group| {
            let versions: Vec<Value> = versions_of(group)
                .map(|version| {
                    let resources: Vec<Value> = kinds_of(group, version).map(aggregated_resource).collect();
                    json!({"version": version, "resources": resources, "freshness": "Current"})
                })
                .collect();
            let metadata = if core { json!({}) } else { json!({"name": group}) };
            json!({"metadata": metadata, "versions": versions})
        })
        .collect();
    let items: Vec<Value> = items.into_iter().chain((!core).then(super::metrics::aggregated)).collect();
    json!({"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}, "items": items})
}

fn response_kind(group: &str, version: &str, kind: &str) -> Value {
    json!({"group": group, "version": version, "kind": kind})
}

fn aggregated_resource(kind: &'static Kind) -> Value {
    let mut resource = Map::new();
    resource.insert("resource".into(), kind.plural.clone().into());
    resource.insert("responseKind".into(), response_kind("", "", &kind.kind));
    resource.insert("scope".into(), if kind.namespaced { "Namespaced" } else { "Cluster" }.into());
    resource.insert("singularResource".into(), kind.singular().into());
    resource.insert("verbs".into(), kind.verbs().collect::<Vec<_>>().into());
    if !kind.short_names.is_empty() {
        resource.insert("shortNames".into(), kind.short_names.clone().into());
    }
    if !kind.categories.is_empty() {
        resource.insert("categories".into(), kind.categories.clone().into());
    }
    if !kind.subresources.is_empty() {
        let subresources: Vec<Value> = kind
            .subresources
            .iter()
            .map(|sub| {
                let name = sub.kind.as_deref().unwrap_or(&kind.kind);
                let verbs: Vec<&str> = sub.verbs().collect();
                json!({"subresource": sub.name, "responseKind": response_kind(&sub.group, &sub.version, name), "verbs": verbs})
            })
            .collect();
        resource.insert("subresources".into(), subresources.into());
    }
    Value::Object(resource)
}

/// `/api` in the older form.
pub fn versions(host: &str) -> Value {
    json!({"kind": "APIVersions", "versions": ["v1"],
        "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": format!("{host}:443")}]})
}

fn group_entry(group: &str) -> Value {
    let entry = |version: &str| json!({"groupVersion": format!("{group}/{version}"), "version": version});
    let versions: Vec<Value> = versions_of(group).map(entry).collect();
    json!({"name": group, "preferredVersion": versions.first(), "versions": versions})
}

/// `/apis` in the older form.
pub fn group_list() -> Value {
    let list: Vec<Value> = names().into_iter().chain([MEASURED.0]).filter(|group| !group.is_empty()).map(group_entry).collect();
    json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": list})
}

/// `/apis/GROUP`.
pub fn group(name: &str) -> Option<Value> {
    let group = names().into_iter().chain([MEASURED.0]).find(|group| !group.is_empty() && *group == name)?;
    let mut entry = json!({"kind": "APIGroup", "apiVersion": "v1"});
    if let (Value::Object(entry), Value::Object(fields)) = (&mut entry, group_entry(group)) {
        entry.extend(fields);
    }
    Some(entry)
}

/// `/api/v1`, `/apis/GROUP/VERSION`.
pub fn resource_list(group: &str, version: &str) -> Option<Value> {
    if (group, version) == MEASURED {
        return Some(super::metrics::resources());
    }
    let mut resources = Vec::new();
    for kind in kinds_of(group, version) {
        let mut entry = json!({"name": kind.plural, "singularName": kind.singular(), "namespaced": kind.namespaced, "kind": kind.kind,
            "verbs": kind.verbs().collect::<Vec<_>>()});
        if !kind.short_names.is_empty() {
            entry["shortNames"] = kind.short_names.clone().into();
        }
        if !kind.categories.is_empty() {
            entry["categories"] = kind.categories.clone().into();
        }
        resources.push(entry);
        for sub in &kind.subresources {
            let mut entry =
                json!({"name": format!("{}/{}", kind.plural, sub.name), "singularName": "", "namespaced": kind.namespaced});
            if !sub.group.is_empty() {
                entry["group"] = sub.group.clone().into();
                entry["version"] = sub.version.clone().into();
            }
            entry["kind"] = sub.kind.clone().unwrap_or_else(|| kind.kind.clone()).into();
            entry["verbs"] = sub.verbs().collect::<Vec<_>>().into();
            resources.push(entry);
        }
    }
    let name = if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
    (!resources.is_empty())
        .then(|| json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": name, "resources": resources}))
}

/// `/version`, for a cluster of version `1.33.5`. Minor and patch are plain numbers: `az aks check-acr` reads them as such.
pub fn version(version: &str) -> Value {
    let mut parts = version.split('.');
    let (major, minor) = (parts.next().unwrap_or("1"), parts.next().unwrap_or("33"));
    json!({"major": major, "minor": minor, "gitVersion": format!("v{version}"), "gitCommit": "0000000000000000000000000000000000000000",
        "gitTreeState": "clean", "buildDate": "2025-01-01T00:00:00Z", "goVersion": "go1.24.6", "compiler": "gc", "platform": "linux/amd64"})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_name_the_same_resources() {
        let mut aggregated_names = Vec::new();
        for group in aggregated(false)["items"].as_array().into_iter().flatten() {
            for version in group["versions"].as_array().into_iter().flatten() {
                for resource in version["resources"].as_array().into_iter().flatten() {
                    aggregated_names.push(resource["resource"].as_str().unwrap_or("").to_owned());
                }
            }
        }
        let listed: Vec<String> = groups()
            .into_iter()
            .chain([MEASURED])
            .filter(|(group, _)| !group.is_empty())
            .filter_map(|(group, version)| resource_list(group, version))
            .flat_map(|list| list["resources"].as_array().cloned().unwrap_or_default())
            .filter_map(|resource| resource["name"].as_str().map(str::to_owned))
            .filter(|name| !name.contains('/'))
            .collect();
        assert_eq!(aggregated_names, listed);
        assert!(group("nope").is_none() && group("").is_none());
    }

    #[test]
    fn the_version_is_all_digits() {
        let version = version("1.33.5");
        assert_eq!((version["minor"].as_str(), version["gitVersion"].as_str()), (Some("33"), Some("v1.33.5")));
    }
}
