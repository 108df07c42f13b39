//! Discovery in both forms: aggregated (`apidiscovery.k8s.io/v2`) and the older lists per group, and `/version`. All of it follows
//! from the table of kinds.

use serde_json::{Map, Value, json};

use super::custom;
use super::kinds::{Kind, Served};

/// The group that no kinds of the table are in.
const MEASURED: (&str, &str) = (super::metrics::GROUP, super::metrics::VERSION);

/// The order of the built-in groups (`kube-aggregator`'s priorities of their API services).
const PRIORITY: [&str; 21] = [
    "",
    "apiregistration.k8s.io",
    "apps",
    "events.k8s.io",
    "authentication.k8s.io",
    "authorization.k8s.io",
    "autoscaling",
    "batch",
    "certificates.k8s.io",
    "networking.k8s.io",
    "policy",
    "rbac.authorization.k8s.io",
    "storage.k8s.io",
    "admissionregistration.k8s.io",
    "apiextensions.k8s.io",
    "scheduling.k8s.io",
    "coordination.k8s.io",
    "node.k8s.io",
    "discovery.k8s.io",
    "resource.k8s.io",
    "flowcontrol.apiserver.k8s.io",
];

/// The groups with their versions, in the order in which they are told: the core's empty name first, then the built-in groups, then
/// those of custom resources; a group's versions by their precedence.
pub fn groups(served: &Served) -> Vec<(&'static str, Vec<&'static str>)> {
    let mut groups: Vec<(&str, Vec<&str>)> = Vec::new();
    for kind in served.iter() {
        match groups.iter_mut().find(|(group, _)| *group == kind.group) {
            Some((_, versions)) if versions.contains(&kind.version.as_str()) => {}
            Some((_, versions)) => versions.push(&kind.version),
            None => groups.push((&kind.group, vec![&kind.version])),
        }
    }
    // The sort keeps the order of those that have no place of their own: they stand last.
    groups.sort_by_key(|(group, _)| PRIORITY.iter().position(|known| known == group).unwrap_or(PRIORITY.len()));
    for (_, versions) in &mut groups {
        versions.sort_by_key(|version| std::cmp::Reverse(custom::precedence(version)));
    }
    groups
}

fn kinds_of(served: &Served, group: &str, version: &str) -> Vec<&'static Kind> {
    served.iter().filter(move |kind| kind.group == group && kind.version == version).collect()
}

/// The aggregated form, of the core (`/api`) or of all other groups (`/apis`).
pub fn aggregated(served: &Served, core: bool) -> Value {
    let items: Vec<Value> = groups(served)
        .into_iter()
        .filter(|(group, _)| group.is_empty() == core)
        .map(|(group, versions)| {
            let versions: Vec<Value> = versions
                .into_iter()
                .map(|version| {
                    let resources: Vec<Value> = kinds_of(served, group, version).into_iter().map(aggregated_resource).collect();
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

/// `/`: the paths that there are.
pub fn paths(served: &Served) -> Value {
    let mut paths = vec!["/api".to_owned(), "/api/v1".into(), "/apis".into()];
    for (group, versions) in groups(served).into_iter().filter(|(group, _)| !group.is_empty()) {
        paths.push(format!("/apis/{group}"));
        paths.extend(versions.into_iter().map(|version| format!("/apis/{group}/{version}")));
    }
    paths.extend(["/healthz", "/livez", "/openapi/v3", "/readyz", "/version"].map(str::to_owned));
    json!({ "paths": paths })
}

fn response_kind(group: &str, version: &str, kind: &str) -> Value {
    json!({"group": group, "version": version, "kind": kind})
}

/// The kind of a resource's objects: named in full for custom resources only.
fn own_kind(kind: &Kind) -> Value {
    let (group, version) = if kind.custom.is_some() { (kind.group.as_str(), kind.version.as_str()) } else { ("", "") };
    response_kind(group, version, &kind.kind)
}

fn aggregated_resource(kind: &'static Kind) -> Value {
    let mut resource = Map::new();
    resource.insert("resource".into(), kind.plural.clone().into());
    resource.insert("responseKind".into(), own_kind(kind));
    resource.insert("scope".into(), if kind.namespaced { "Namespaced" } else { "Cluster" }.into());
    resource.insert("singularResource".into(), kind.singular().into());
    resource.insert("verbs".into(), kind.told_verbs().into());
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
                let own = kind.custom.is_some() && sub.kind.is_none();
                let response = if own { own_kind(kind) } else { response_kind(&sub.group, &sub.version, name) };
                json!({"subresource": sub.name, "responseKind": response, "verbs": verbs})
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

fn group_entry(group: &str, versions: &[&str]) -> Value {
    let entries: Vec<Value> =
        versions.iter().map(|version| json!({"groupVersion": format!("{group}/{version}"), "version": version})).collect();
    json!({"name": group, "versions": entries, "preferredVersion": entries.first()})
}

/// `/apis` in the older form.
pub fn group_list(served: &Served) -> Value {
    let list: Vec<Value> = groups(served)
        .into_iter()
        .chain([(MEASURED.0, vec![MEASURED.1])])
        .filter(|(group, _)| !group.is_empty())
        .map(|(group, versions)| group_entry(group, &versions))
        .collect();
    json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": list})
}

/// `/apis/GROUP`.
pub fn group(served: &Served, name: &str) -> Option<Value> {
    let (group, versions) = groups(served)
        .into_iter()
        .chain([(MEASURED.0, vec![MEASURED.1])])
        .find(|(group, _)| !group.is_empty() && *group == name)?;
    let mut entry = json!({"kind": "APIGroup", "apiVersion": "v1"});
    if let (Value::Object(entry), Value::Object(fields)) = (&mut entry, group_entry(group, &versions)) {
        entry.extend(fields);
    }
    Some(entry)
}

/// `/api/v1`, `/apis/GROUP/VERSION`.
pub fn resource_list(served: &Served, group: &str, version: &str) -> Option<Value> {
    if (group, version) == MEASURED {
        return Some(super::metrics::resources());
    }
    let mut resources = Vec::new();
    for kind in kinds_of(served, group, version) {
        let mut entry = json!({"name": kind.plural, "singularName": kind.singular(), "namespaced": kind.namespaced, "kind": kind.kind,
            "verbs": kind.told_verbs()});
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
        let served = Served::default();
        let mut aggregated_names = Vec::new();
        for group in aggregated(&served, false)["items"].as_array().into_iter().flatten() {
            for version in group["versions"].as_array().into_iter().flatten() {
                for resource in version["resources"].as_array().into_iter().flatten() {
                    aggregated_names.push(resource["resource"].as_str().unwrap_or("").to_owned());
                }
            }
        }
        let listed: Vec<String> = groups(&served)
            .into_iter()
            .chain([(MEASURED.0, vec![MEASURED.1])])
            .filter(|(group, _)| !group.is_empty())
            .flat_map(|(group, versions)| versions.into_iter().map(move |version| (group, version)))
            .filter_map(|(group, version)| resource_list(&served, group, version))
            .flat_map(|list| list["resources"].as_array().cloned().unwrap_or_default())
            .filter_map(|resource| resource["name"].as_str().map(str::to_owned))
            .filter(|name| !name.contains('/'))
            .collect();
        assert_eq!(aggregated_names, listed);
        assert!(group(&served, "nope").is_none() && group(&served, "").is_none());
    }

    #[test]
    fn the_version_is_all_digits() {
        let version = version("1.33.5");
        assert_eq!((version["minor"].as_str(), version["gitVersion"].as_str()), (Some("33"), Some("v1.33.5")));
    }
}
