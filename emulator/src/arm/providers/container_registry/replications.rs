//! Replications: a Premium registry in further regions. The registry's own region gets a replication of its own as soon as there
//! is another. Source: the provider's specification, recorded answers; the errors for regions are inferred.

use axum::http::StatusCode;
use serde_json::{Map, Value, json};

use super::super::super::catalog;
use super::super::super::error::Error;
use super::super::super::store::{Resource, SystemData};
use super::child::{Change, Child, Reply, is_name};
use crate::kernel::clock::rfc3339_ticks;

/// The application id of Azure Container Registry itself, which makes the replication of the registry's own region.
const SERVICE: &str = "6a0ec4d3-30cb-4a83-91c0-ae56bc0e3d26";

pub(super) const REPLICATIONS: Child = Child {
    name: |name| is_name(name, ""),
    show,
    may_go,
    changed,
    ..Child::plain("replications", "replications", [Reply::Begun, Reply::Begun, Reply::Begun], make)
};

fn conflict(code: &'static str, message: String) -> Error {
    Error::registry(StatusCode::CONFLICT, code, message)
}

fn make(change: &Change<'_>) -> Result<Map<String, Value>, Error> {
    change.premium("geo-replication", "ReplicationNotSupported")?;
    let request = change.request;
    let mut properties = change.base();
    if !change.is_patch() {
        let location = catalog::normal_location(request.body["location"].as_str().unwrap_or_default());
        let home = change.parent.location.clone().unwrap_or_default();
        if location == home && change.old.is_none() {
            let message = format!("The location {location} is the home region of the registry {}.", change.registry.name);
            return Err(conflict("ReplicationInHomeRegion", message));
        }
        let taken = |it: &Resource| it.location.as_deref() == Some(&location) && it.id != change.id();
        if change.siblings("replications").iter().any(|it| taken(it)) {
            let message = format!("The registry {} already has a replication in the location {location}.", change.registry.name);
            return Err(conflict("ReplicationAlreadyExists", message));
        }
        if change.parent.properties["policies"]["softDeletePolicy"]["status"] == "enabled" {
            let message = "The requested feature geo-replication is not supported while the soft delete policy is enabled.";
            return Err(conflict("SoftDeleteNotSupported", message.into()));
        }
    }
    let flag = &change.given()["regionEndpointEnabled"];
    if !(flag.is_null() || flag.is_boolean()) {
        return Err(change.invalid("regionEndpointEnabled", flag));
    }
    if let Some(enabled) = flag.as_bool() {
        properties.insert("regionEndpointEnabled".into(), json!(enabled));
    }
    properties.entry("regionEndpointEnabled").or_insert(json!(true));
    if let Some(redundancy) = change.one_of("zoneRedundancy", &["Enabled", "Disabled"])? {
        properties.insert("zoneRedundancy".into(), json!(redundancy));
    }
    properties.entry("zoneRedundancy").or_insert(json!("Disabled"));
    Ok(properties)
}

fn show(change: &Change<'_>, resource: &Resource) -> Map<String, Value> {
    let request = change.request;
    let creating = request.now < resource.settled_at || (change.old.is_none() && request.target.is_item());
    let mut status = Map::new();
    if !(creating && resource.changing == "Creating") {
        status.insert("displayStatus".into(), json!("Ready"));
    }
    status.insert("timestamp".into(), json!(rfc3339_ticks(resource.settled_at)));
    let mut shown = Map::new();
    shown.insert("status".into(), Value::Object(status));
    for key in ["regionEndpointEnabled", "zoneRedundancy"] {
        let since = if key == "zoneRedundancy" { "2020-11-01-preview" } else { "2019-12-01-preview" };
        if request.version.as_str() >= since {
            shown.insert(key.into(), resource.properties.get(key).cloned().unwrap_or_default());
        }
    }
    shown
}

fn may_go(change: &Change<'_>, old: &Resource) -> Result<(), Error> {
    if old.location != change.parent.location {
        return Ok(());
    }
    let message = format!("The replication {} is in the home region of the registry and cannot be deleted.", old.name());
    Err(conflict("ReplicationInHomeRegion", message))
}

/// The first replication elsewhere brings one in the registry's own region along.
fn changed(change: &Change<'_>) {
    let request = change.request;
    change.registry.settings.write().regions = super::registry::regions(request.world, &change.parent);
    let Some(home) = change.parent.location.clone() else { return };
    let id = change.parent.id.join(&format!("replications/{home}"));
    if change.siblings("replications").is_empty() || request.world.arm.resource(&id).is_some() {
        return;
    }
    let mut properties = Map::new();
    properties.insert("regionEndpointEnabled".into(), json!(true));
    properties.insert("zoneRedundancy".into(), change.parent.properties["zoneRedundancy"].clone());
    let made = SystemData {
        created_by: SERVICE.into(),
        created_by_type: "Application",
        modified_by: SERVICE.into(),
        modified_by_type: "Application",
        ..SystemData::new(&request.caller, request.now)
    };
    request.world.arm.put_resource(Resource {
        location: Some(home),
        tags: Some(Map::new()),
        properties,
        system_data: made,
        settled_at: request.settles_at(),
        ..Resource::new(id, REPLICATIONS.full_type(), &request.caller, request.now)
    });
}
