//! Private endpoint connections: a registry's side of the private endpoints that name it. They are read from the endpoints
//! themselves (Microsoft.Network/privateEndpoints); what an owner decided about one, and that one is gone, is kept here.
//! Source: the provider's specification and recorded answers.

use axum::http::{Method, StatusCode};
use serde_json::{Map, Value, json};

use super::super::super::Request;
use super::super::super::error::{self, Error, Voice};
use super::super::super::headers::Answer;
use super::super::super::store::Resource;
use super::super::network::{Link, links_to};
use super::child::{self, Change, invalid};
use super::{TYPE, ok};
use crate::world::World;

const KIND: &str = "privateEndpointConnections";

/// A connection.
pub(super) struct Connection {
    name: String,
    endpoint: String,
    state: Value,
}

/// The connections of a registry, in the order of the endpoints' ids.
pub(super) fn all(world: &World, registry: &Resource) -> Vec<Connection> {
    links_to(world, &registry.id).iter().filter_map(|link| connection(world, registry, link)).collect()
}

fn connection(world: &World, registry: &Resource, link: &Link) -> Option<Connection> {
    let number = world.ids.named(&format!("{} {}", link.endpoint.id.key(), registry.id.key())).simple().to_string();
    let name = format!("{}.{number}", registry.name());
    let kept = world.arm.resource(&registry.id.join(&format!("{KIND}/{name}")));
    if kept.as_ref().is_some_and(|kept| kept.properties.contains_key("gone")) {
        return None;
    }
    let first = if link.approved {
        json!({ "status": "Approved", "description": "Auto-Approved" })
    } else {
        json!({ "status": "Pending", "description": link.message })
    };
    let state = kept.and_then(|kept| kept.properties.get("state").cloned()).unwrap_or(first);
    Some(Connection { name, endpoint: link.endpoint.id.as_str().to_owned(), state })
}

fn shown(registry: &Resource, connection: &Connection) -> Value {
    json!({
        "type": format!("{TYPE}/{KIND}"),
        "id": registry.id.join(&format!("{KIND}/{}", connection.name)).as_str(),
        "name": connection.name,
        "properties": {
            "privateEndpoint": { "id": connection.endpoint },
            "privateLinkServiceConnectionState": connection.state,
            "provisioningState": "Succeeded",
        },
    })
}

/// The connections as a registry shows them.
pub(super) fn brief(world: &World, registry: &Resource) -> Value {
    all(world, registry).iter().map(|connection| shown(registry, connection)).collect()
}

pub(super) fn list(request: &Request<'_>) -> Result<Answer, Error> {
    let change = Change::of(request)?;
    Ok(ok(json!({ "value": brief(request.world, &change.parent) })))
}

pub(super) fn item(request: &Request<'_>) -> Result<Answer, Error> {
    let change = Change::of(request)?;
    let name = request.target.name();
    let found = all(request.world, &change.parent).into_iter().find(|it| it.name.eq_ignore_ascii_case(name));
    let Some(mut connection) = found else {
        if *request.method == Method::DELETE {
            return Ok(Answer::empty(Voice::Registry, StatusCode::NO_CONTENT));
        }
        let message = format!("The resource {name} could not be found.");
        return Err(Error::registry(StatusCode::NOT_FOUND, "ResourceNotFound", message));
    };
    let keep = |key: &str, value: Value| {
        let mut properties = Map::new();
        properties.insert(key.into(), value);
        let kind = format!("{TYPE}/{KIND}");
        request.world.arm.put_resource(Resource { properties, ..Resource::new(change.id(), kind, &request.caller, request.now) });
    };
    match *request.method {
        Method::PUT => {
            let given = &request.body["properties"]["privateLinkServiceConnectionState"];
            let words = ["Approved", "Rejected", "Pending", "Disconnected"];
            let status = given["status"].as_str().and_then(|text| words.into_iter().find(|it| it.eq_ignore_ascii_case(text)));
            let status = status.ok_or_else(|| invalid(request, "privateLinkServiceConnectionState.status", &given["status"]))?;
            connection.state = json!({ "status": status, "description": given["description"].as_str().unwrap_or_default() });
            keep("state", connection.state.clone());
            let mut body = shown(&change.parent, &connection);
            body["properties"]["provisioningState"] = json!("Updating");
            let operation = format!("privateendpointconnections-{}", request.world.ids.uuid());
            request.begin(operation.clone(), &change.id(), "Updating", Ok(None));
            let url = request.poll_url(&format!("{}/operationStatuses/{operation}", change.id()), &request.version);
            Ok(Answer::json(Voice::Registry, StatusCode::CREATED, body).header("azure-asyncoperation", url))
        }
        Method::DELETE => {
            keep("gone", json!(true));
            let location = change.parent.location.as_deref();
            Ok(child::deleting(request, "privateendpointconnections", &change.id(), location))
        }
        _ => Ok(ok(shown(&change.parent, &connection))),
    }
}

/// `privateLinkResources`: the registry itself, with its data endpoint in every region.
pub(super) fn link_resources(request: &Request<'_>) -> Result<Answer, Error> {
    let change = Change::of(request)?;
    let location = change.parent.location.clone().unwrap_or_default();
    let mut members = vec!["registry".to_owned(), format!("registry_data_{location}")];
    let elsewhere = change.siblings("replications").into_iter().filter_map(|it| it.location.clone());
    members.extend(elsewhere.filter(|other| *other != location).map(|other| format!("registry_data_{other}")));
    let resource = json!({
        "type": format!("{TYPE}/privateLinkResources"),
        "id": change.parent.id.join("privateLinkResources/registry").as_str(),
        "name": "registry",
        "properties": { "groupId": "registry", "requiredMembers": members, "requiredZoneNames": ["privatelink.azurecr.io"] },
    });
    if !request.target.is_item() {
        return Ok(ok(json!({ "value": [resource] })));
    }
    if request.target.name().eq_ignore_ascii_case("registry") {
        return Ok(ok(resource));
    }
    Err(error::resource_not_found(&request.target.id))
}
