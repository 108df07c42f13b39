//! The private link of a private cluster, and the connections that private endpoints of its callers' own make to it: read from the
//! endpoints themselves, with what was decided about each kept here. Source: AKS' REST reference. Inferred: that a connection is named like a
//! registry's, that a deleted one is not shown again, and that AKS' own endpoint in the node resource group is not among them.

use axum::http::{Method, StatusCode};
use serde_json::{Map, Value, json};

use super::super::super::Request;
use super::super::super::error::{Error, Voice};
use super::super::super::headers::Answer;
use super::super::super::store::Resource;
use super::super::network::{Link, links_to};
use super::{errors, page};

const KIND: &str = "Microsoft.ContainerService/managedClusters/privateEndpointConnections";
/// The type in bodies is that of the link service behind a cluster.
const KIND_IN_BODIES: &str = "Microsoft.Network/privateLinkServices/privateEndpointConnections";
const STATES: [&str; 4] = ["Approved", "Rejected", "Pending", "Disconnected"];

/// What private endpoints can connect to; nothing if the cluster is not private.
pub(super) fn resource(cluster: &Resource) -> Option<Value> {
    let private = cluster.properties.get("apiServerAccessProfile").is_some_and(|profile| profile["enablePrivateCluster"] == true);
    private.then(|| {
        let service = format!(
            "/subscriptions/{}/resourceGroups/{}/providers/Microsoft.Network/privateLinkServices/kube-apiserver",
            cluster.id.subscription().unwrap_or_default(),
            cluster.properties.get("nodeResourceGroup").and_then(Value::as_str).unwrap_or_default()
        );
        json!({
            "id": format!("{}/privateLinkResources/management", cluster.id),
            "name": "management",
            "type": "Microsoft.ContainerService/managedClusters/privateLinkResources",
            "groupId": "management",
            "requiredMembers": ["management"],
            "privateLinkServiceID": service,
        })
    })
}

/// The link service behind a link.
pub(super) fn resolve(request: &Request<'_>, cluster: &Resource) -> Result<Answer, Error> {
    let link = resource(cluster).filter(|_| request.body["name"] == "management");
    let link = link.ok_or_else(|| errors::invalid_parameter("name"))?;
    Ok(ok(json!({ "privateLinkServiceID": link["privateLinkServiceID"] })))
}

/// What is asked of the connections, or of one of them.
pub(super) fn connections(request: &Request<'_>, cluster: &Resource) -> Result<Answer, Error> {
    let all = all(request, cluster);
    if !request.target.is_item() {
        return Ok(page(all));
    }
    let name = request.target.name();
    let found = all.into_iter().find(|each| each["name"].as_str().is_some_and(|known| known.eq_ignore_ascii_case(name)));
    match (request.method, found) {
        (&Method::DELETE, None) => Ok(Answer::empty(Voice::Cluster, StatusCode::NO_CONTENT)),
        (_, None) => Err(errors::child_not_found("private endpoint connection", name)),
        (&Method::DELETE, Some(_)) => {
            keep(request, cluster, "gone", json!(true));
            Ok(Answer::empty(Voice::Cluster, StatusCode::OK))
        }
        (&Method::PUT, Some(mut connection)) => {
            let given = &request.body["properties"]["privateLinkServiceConnectionState"];
            let parameter = "properties.privateLinkServiceConnectionState";
            if !given.is_object() {
                return Err(errors::missing_parameter(parameter));
            }
            let status = given["status"].as_str().and_then(|text| STATES.into_iter().find(|it| it.eq_ignore_ascii_case(text)));
            let status = status.ok_or_else(|| errors::invalid_parameter(&format!("{parameter}.status")))?;
            let state = json!({ "status": status, "description": given["description"].as_str().unwrap_or_default() });
            connection["properties"]["privateLinkServiceConnectionState"] = state.clone();
            keep(request, cluster, "state", state);
            Ok(ok(connection))
        }
        (_, Some(connection)) => Ok(ok(connection)),
    }
}

fn ok(body: Value) -> Answer {
    Answer::json(Voice::Cluster, StatusCode::OK, body)
}

fn all(request: &Request<'_>, cluster: &Resource) -> Vec<Value> {
    if resource(cluster).is_none() {
        return Vec::new();
    }
    links_to(request.world, &cluster.id).iter().filter_map(|link| shown(request, cluster, link)).collect()
}

/// A connection; nothing if it was deleted. An endpoint that is made anew makes a new one.
fn shown(request: &Request<'_>, cluster: &Resource, link: &Link) -> Option<Value> {
    let endpoint = &link.endpoint;
    let made = endpoint.properties.get("resourceGuid").and_then(Value::as_str).unwrap_or_default();
    let number = request.world.ids.named(&format!("{} {made} {}", endpoint.id.key(), cluster.id.key()));
    let name = format!("{}.{number}", endpoint.name());
    let id = cluster.id.join(&format!("privateEndpointConnections/{name}"));
    let kept = request.world.arm.resource(&id);
    if kept.as_ref().is_some_and(|kept| kept.properties.contains_key("gone")) {
        return None;
    }
    let first = if link.approved {
        json!({ "status": "Approved", "description": "Auto Approved" })
    } else {
        json!({ "status": "Pending", "description": link.message })
    };
    let state = kept.and_then(|kept| kept.properties.get("state").cloned()).unwrap_or(first);
    Some(json!({
        "id": id.as_str(),
        "name": name,
        "type": KIND_IN_BODIES,
        "properties": {
            "provisioningState": "Succeeded",
            "privateEndpoint": { "id": endpoint.id.as_str() },
            "privateLinkServiceConnectionState": state,
        },
    }))
}

/// Keeps what was decided about the connection that is asked about.
fn keep(request: &Request<'_>, cluster: &Resource, member: &str, value: Value) {
    let id = cluster.id.join(&format!("privateEndpointConnections/{}", request.target.name()));
    let properties = Map::from_iter([(member.to_owned(), value)]);
    request.world.arm.put_resource(Resource { properties, ..Resource::new(id, KIND, &request.caller, request.now) });
}
