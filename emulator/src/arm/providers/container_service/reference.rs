//! What only tells: about a region (roles for trusted access, options and images of nodes, policy versions) and about a cluster (versions
//! for pools, private link, the hosts that nodes need, detectors, load balancers). Shapes are those of AKS' REST reference; lists that
//! change with time are in `fixtures/container-service/`.

use std::sync::LazyLock;

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use super::super::super::Request;
use super::super::super::catalog::Known;
use super::super::super::error::{self, Error, Voice};
use super::super::super::headers::Answer;
use super::super::super::store::Resource;
use super::{children, errors, guard, page, private_link, versions};

static DATA: LazyLock<Value> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../../../../../fixtures/container-service/reference.json"))
        .expect("fixtures/container-service/reference.json is JSON: a test reads it")
});

fn ok(body: Value) -> Answer {
    Answer::json(Voice::Cluster, StatusCode::OK, body)
}

/// What is told about a region; nothing if it is none of these.
pub(super) fn of_location(request: &Request<'_>) -> Option<Result<Answer, Error>> {
    let list = |name: &str| DATA[name].as_array().cloned().unwrap_or_default();
    Some(match request.known.kind.name.as_str() {
        "locations/trustedAccessRoles" => Ok(page(list("trustedAccessRoles"))),
        "locations/nodeImageVersions" => Ok(page(list("nodeImageVersions"))),
        "locations/usages" => Ok(usages(request)),
        "locations/osOptions" => os_options(request),
        "locations/guardrailsVersions" => policy_versions(request, "guardrailsVersions"),
        "locations/safeguardsVersions" => policy_versions(request, "safeguardsVersions"),
        _ => return None,
    })
}

fn place(request: &Request<'_>) -> String {
    let subscription = request.target.id.subscription().unwrap_or_default();
    let location = request.target.names.first().map_or("", String::as_str);
    format!("/subscriptions/{subscription}/providers/Microsoft.ContainerService/locations/{location}")
}

/// How many clusters there are of how many there may be (the limit of 5000 is AKS' documented one).
fn usages(request: &Request<'_>) -> Answer {
    let subscription =
        crate::kernel::resource_id::ResourceId::of_subscription(request.target.id.subscription().unwrap_or_default());
    let clusters = request.world.arm.resources_of_type("Microsoft.ContainerService/managedClusters", &subscription);
    let here = request.target.names.first().map_or("", String::as_str);
    let count = clusters.iter().filter(|cluster| cluster.location.as_deref() == Some(here)).count();
    page(vec![json!({
        "name": { "value": "ManagedClusters", "localizedValue": "Managed Clusters" },
        "currentValue": count,
        "limit": 5000,
        "unit": "Count",
    })])
}

fn os_options(request: &Request<'_>) -> Result<Answer, Error> {
    if !request.target.name().eq_ignore_ascii_case("default") {
        return Err(errors::child_not_found("OS options profile", request.target.name()));
    }
    Ok(ok(json!({
        "id": format!("{}/osOptions/default", place(request)),
        "name": "default",
        "type": "Microsoft.ContainerService/locations/osOptions",
        "properties": { "osOptionPropertyList": [
            { "osType": "Linux", "enableFipsImage": true },
            { "osType": "Windows", "enableFipsImage": true },
        ] },
    })))
}

fn policy_versions(request: &Request<'_>, list: &str) -> Result<Answer, Error> {
    let all = DATA[list].as_array().into_iter().flatten().map(|version| {
        let name = version["name"].as_str().unwrap_or_default();
        json!({
            "id": format!("{}/{list}/{name}", place(request)),
            "name": name,
            "type": format!("Microsoft.ContainerService/locations/{list}"),
            "properties": { "isDefaultVersion": version["isDefaultVersion"], "support": version["support"] },
        })
    });
    let all: Vec<Value> = all.collect();
    if !request.target.is_item() {
        return Ok(page(all));
    }
    let name = request.target.name();
    let found = all.into_iter().find(|version| version["name"] == name);
    found.map(ok).ok_or_else(|| errors::child_not_found("version", name))
}

/// `GET /providers/Microsoft.ContainerService/operations`: the actions of every type that is known here.
pub(super) fn operations(request: &Request<'_>) -> Answer {
    let mut names: Vec<String> = Vec::new();
    let provider = request.known.provider;
    for kind in &provider.types {
        let known = Known { provider, kind };
        for (method, item) in
            [Method::GET, Method::PUT, Method::DELETE, Method::POST].iter().flat_map(|method| [(method, true), (method, false)])
        {
            if known.allows(method, item)
                && let Some(action) = known.action(method, item)
                && !names.contains(&action)
            {
                names.push(action);
            }
        }
    }
    names.sort();
    let described = names.iter().map(|name| {
        let resource = name.split('/').skip(1).take(name.split('/').count() - 2).collect::<Vec<_>>().join("/");
        let operation = name.rsplit('/').next().unwrap_or_default();
        json!({
            "name": name,
            "origin": "user,system",
            "display": { "provider": "Microsoft Container Service", "resource": resource, "operation": operation, "description": name },
        })
    });
    page(described.collect())
}

/// What is told about a cluster; nothing if it is none of these.
pub(super) fn of_cluster(request: &Request<'_>) -> Option<Result<Answer, Error>> {
    let kind = request.known.kind.name.strip_prefix("managedClusters/")?;
    let known = [
        "availableAgentPoolVersions",
        "outboundNetworkDependenciesEndpoints",
        "privateLinkResources",
        "resolvePrivateLinkServiceId",
        "privateEndpointConnections",
        "detectors",
        "loadBalancers",
    ];
    if !known.contains(&kind) {
        return None;
    }
    Some(match guard::cluster(request) {
        Some(cluster) => about(request, kind, &cluster),
        None => Err(children::absent_cluster(request)),
    })
}

fn about(request: &Request<'_>, kind: &str, cluster: &Resource) -> Result<Answer, Error> {
    let name = request.target.name();
    match kind {
        "availableAgentPoolVersions" => Ok(ok(json!({
            "id": format!("{}/availableagentpoolversions", cluster.id),
            "name": "default",
            "type": "Microsoft.ContainerService/managedClusters/availableAgentpoolVersions",
            "properties": { "agentPoolVersions": versions::of_pools(text(cluster, "currentKubernetesVersion")) },
        }))),
        "outboundNetworkDependenciesEndpoints" => Ok(page(outbound(cluster))),
        "privateLinkResources" => Ok(page(private_link::resource(cluster).into_iter().collect())),
        "resolvePrivateLinkServiceId" => private_link::resolve(request, cluster),
        "privateEndpointConnections" => private_link::connections(request, cluster),
        _ if matches!(*request.method, Method::PUT | Method::DELETE) => {
            Err(error::not_implemented(&format!("{} of Microsoft.ContainerService/managedClusters/{kind}", request.method)))
        }
        _ if request.target.is_item() => Err(errors::child_not_found(noun(kind), name)),
        _ => Ok(page(Vec::new())),
    }
}

fn noun(kind: &str) -> &'static str {
    match kind {
        "detectors" => "detector",
        _ => "load balancer",
    }
}

fn text<'a>(cluster: &'a Resource, member: &str) -> &'a str {
    cluster.properties.get(member).and_then(Value::as_str).unwrap_or_default()
}

/// The hosts that nodes need, with the cluster's own.
fn outbound(cluster: &Resource) -> Vec<Value> {
    let mut categories = DATA["outboundNetworkDependencies"].as_array().cloned().unwrap_or_default();
    let windows = cluster.properties.get("windowsProfile").is_some();
    categories.retain(|category| windows || category["category"] != "windows");
    let own = |port: u16, protocol: &str| json!([{ "domainName": text(cluster, "fqdn"), "endpointDetails": [{ "port": port, "protocol": protocol }] }]);
    categories.push(json!({ "category": "apiserver", "endpoints": own(443, "Https") }));
    categories
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_lists_can_be_read() {
        for list in
            ["trustedAccessRoles", "nodeImageVersions", "guardrailsVersions", "safeguardsVersions", "outboundNetworkDependencies"]
        {
            assert!(super::DATA[list].as_array().is_some_and(|list| !list.is_empty()), "{list}");
        }
    }
}
