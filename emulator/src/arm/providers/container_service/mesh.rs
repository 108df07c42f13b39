//! The revisions of the service mesh add-on: what a region offers, and what a cluster's mesh can become.
//! Recorded: revision `asm-1-20` goes with Kubernetes 1.25 to 1.29 and can become `asm-1-21`; that the others follow the same steps,
//! and which are offered now, is azlet's own.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::super::super::Request;
use super::super::super::error::{Error, Voice};
use super::super::super::headers::Answer;
use super::super::super::store::Resource;
use super::{children, errors, guard, page};

/// The minor versions of Istio that are offered.
const OFFERED: std::ops::RangeInclusive<u32> = 25..=28;

fn revision(minor: u32) -> Value {
    let upgrades: Vec<String> = (minor < *OFFERED.end()).then(|| format!("asm-1-{}", minor + 1)).into_iter().collect();
    let versions: Vec<String> = (minor + 5..=minor + 9).map(|kubernetes| format!("1.{kubernetes}")).collect();
    json!({
        "revision": format!("asm-1-{minor}"),
        "upgrades": upgrades,
        "compatibleWith": [{ "name": "kubernetes", "versions": versions }],
    })
}

/// `locations/{location}/meshRevisionProfiles[/istio]`.
pub(super) fn revisions(request: &Request<'_>) -> Result<Answer, Error> {
    let subscription = request.target.id.subscription().unwrap_or_default();
    let location = request.target.names.first().map_or("", String::as_str);
    let profile = json!({
        "id": format!(
            "/subscriptions/{subscription}/providers/Microsoft.ContainerService/locations/{location}/meshRevisionProfiles/istio"
        ),
        "name": "istio",
        "type": "Microsoft.ContainerService/locations/meshRevisionProfiles",
        "properties": { "meshRevisions": OFFERED.map(revision).collect::<Vec<_>>() },
    });
    one_or_all(request, vec![profile])
}

/// `managedClusters/{name}/meshUpgradeProfiles[/istio]`: nothing unless the mesh is there.
pub(super) fn upgrades(request: &Request<'_>) -> Result<Answer, Error> {
    let cluster = guard::cluster(request).ok_or_else(|| children::absent_cluster(request))?;
    let profile = minor(&cluster).map(|minor| {
        let folder = cluster.id.as_str().replacen("/resourcegroups/", "/resourceGroups/", 1);
        json!({
            "id": format!("{folder}/meshUpgradeProfiles/istio"),
            "name": "istio",
            "type": "Microsoft.ContainerService/managedClusters/meshUpgradeProfiles",
            "properties": revision(minor),
        })
    });
    one_or_all(request, profile.into_iter().collect())
}

fn one_or_all(request: &Request<'_>, profiles: Vec<Value>) -> Result<Answer, Error> {
    if !request.target.is_item() {
        return Ok(page(profiles));
    }
    let mode = request.target.name();
    let found = profiles.into_iter().find(|profile| profile["name"].as_str().is_some_and(|name| name.eq_ignore_ascii_case(mode)));
    let found = found.ok_or_else(|| errors::child_not_found("mesh profile", mode))?;
    Ok(Answer::json(Voice::Cluster, StatusCode::OK, found))
}

/// The newest revision of a cluster's mesh.
fn minor(cluster: &Resource) -> Option<u32> {
    let profile = cluster.properties.get("serviceMeshProfile").filter(|profile| profile["mode"] == "Istio")?;
    let revisions = profile.pointer("/istio/revisions").and_then(Value::as_array).into_iter().flatten();
    let minors = revisions.filter_map(|revision| revision.as_str()?.rsplit('-').next()?.parse().ok());
    Some(minors.max().unwrap_or(*OFFERED.end()))
}
