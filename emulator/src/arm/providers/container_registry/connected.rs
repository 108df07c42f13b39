//! Connected registries: registries on premises that copy from one in Azure. azlet keeps them as they are ordered; none ever
//! comes online. Source: the provider's specification (2020-11-01-preview and later), recorded answers, and Azure Container
//! Registry's documentation ("What is a connected registry"); the errors are inferred.

use axum::http::StatusCode;
use serde_json::{Map, Value, json};

use super::super::super::Request;
use super::super::super::error::{Error, Voice};
use super::super::super::headers::Answer;
use super::super::super::store::Resource;
use super::body;
use super::child::{Change, Child, Reply, is_name, results_url};
use crate::kernel::resource_id::ResourceId;

const MODES: [&str; 4] = ["ReadWrite", "ReadOnly", "Registry", "Mirror"];
const LEVELS: [&str; 5] = ["Debug", "Information", "Warning", "Error", "None"];

pub(super) const CONNECTED: Child = Child {
    name: |name| is_name(name, ""),
    show,
    may_go,
    ..Child::plain("connectedRegistries", "connectedregistries", [Reply::Begun, Reply::Begun, Reply::Done(200)], make)
};

fn make(change: &Change<'_>) -> Result<Map<String, Value>, Error> {
    change.premium("connected registry", "ConnectedRegistryNotSupported")?;
    let mut properties = Value::Object(change.base());
    if change.is_patch() {
        return changed(change, properties);
    }
    if change.parent.properties.get("dataEndpointEnabled") != Some(&json!(true)) {
        let message = format!(
            "Dedicated data endpoints must be enabled for the registry {} to use connected registries.",
            change.registry.name
        );
        return Err(Error::registry(StatusCode::BAD_REQUEST, "DataEndpointNotEnabled", message));
    }
    let mode = change.one_of("mode", &MODES)?.ok_or_else(|| change.invalid("mode", &change.given()["mode"]))?;
    properties["mode"] = json!(mode);
    let given = &change.given()["parent"];
    let sync = &given["syncProperties"];
    let token = sync["tokenId"].as_str().filter(|id| change.has("tokens", id));
    if token.is_none() {
        return Err(change.invalid("parent.syncProperties.tokenId", &sync["tokenId"]));
    }
    let shares = |it: &Resource| {
        let other = it.properties["parent"]["syncProperties"]["tokenId"].as_str().map(ResourceId::new);
        it.id != change.id() && other == token.map(ResourceId::new)
    };
    if let Some(other) = change.siblings("connectedRegistries").iter().find(|it| shares(it)) {
        let message = format!("The sync token is already used by the connected registry {}.", other.name());
        return Err(Error::registry(StatusCode::CONFLICT, "SyncTokenInUse", message));
    }
    let mut parent = Map::new();
    if let Some(id) = given["id"].as_str().filter(|id| !id.is_empty()) {
        parent.insert("id".into(), json!(above(change, id, mode)?));
    }
    let mut kept = json!({ "tokenId": sync["tokenId"], "schedule": "* * * * *", "messageTtl": "P2D" });
    synchronise(change, &mut kept, sync, "parent.syncProperties")?;
    parent.insert("syncProperties".into(), kept);
    properties["parent"] = Value::Object(parent);
    properties["logging"] = json!({ "logLevel": "Information", "auditLogStatus": "Disabled" });
    properties["activation"] = json!({ "status": "Inactive" });
    common(change, &mut properties)?;
    into_map(properties)
}

/// The parent must be one of the same registry; one that writes needs a parent that does.
fn above<'a>(change: &Change<'_>, id: &'a str, mode: &str) -> Result<&'a str, Error> {
    let wanted = ResourceId::new(id);
    let parents = change.siblings("connectedRegistries");
    let own = change.parent.id == wanted;
    let parent = parents.iter().find(|it| it.id == wanted);
    if parent.is_none() && !own {
        return Err(change.invalid("parent.id", &json!(id)));
    }
    let writes = |mode: &str| matches!(mode, "ReadWrite" | "Registry");
    if parent.is_some_and(|parent| writes(mode) && !writes(parent.properties["mode"].as_str().unwrap_or_default())) {
        return Err(change.invalid("mode", &json!(mode)));
    }
    Ok(id)
}

fn changed(change: &Change<'_>, mut properties: Value) -> Result<Map<String, Value>, Error> {
    let sync = &change.given()["syncProperties"];
    synchronise(change, &mut properties["parent"]["syncProperties"], sync, "syncProperties")?;
    common(change, &mut properties)?;
    into_map(properties)
}

fn into_map(value: Value) -> Result<Map<String, Value>, Error> {
    match value {
        Value::Object(map) => Ok(map),
        _ => Ok(Map::new()),
    }
}

fn synchronise(change: &Change<'_>, kept: &mut Value, given: &Value, path: &str) -> Result<(), Error> {
    for key in ["schedule", "messageTtl", "syncWindow"] {
        let good = match (&given[key], key) {
            (Value::Null, _) => continue,
            (Value::String(text), "schedule") => text.split_whitespace().count() == 5,
            (Value::String(text), _) => text.starts_with('P') && text.len() > 2,
            _ => false,
        };
        if !good {
            return Err(change.invalid(&format!("{path}.{key}"), &given[key]));
        }
        kept[key] = given[key].clone();
    }
    Ok(())
}

fn common(change: &Change<'_>, properties: &mut Value) -> Result<(), Error> {
    let given = change.given();
    for (key, words) in [("logLevel", &LEVELS[..]), ("auditLogStatus", &["Enabled", "Disabled"][..])] {
        let value = &given["logging"][key];
        if value.is_null() {
            continue;
        }
        let word = value.as_str().and_then(|text| words.iter().find(|word| word.eq_ignore_ascii_case(text)));
        properties["logging"][key] = json!(word.ok_or_else(|| change.invalid(&format!("logging.{key}"), value))?);
    }
    match &given["clientTokenIds"] {
        Value::Null => {}
        Value::Array(ids) => {
            if let Some(wrong) = ids.iter().find(|id| !id.as_str().is_some_and(|id| change.has("tokens", id))) {
                return Err(change.invalid("clientTokenIds", wrong));
            }
            properties["clientTokenIds"] = json!(ids);
        }
        other => return Err(change.invalid("clientTokenIds", other)),
    }
    for key in ["notificationsList", "garbageCollection"] {
        if !given[key].is_null() {
            match properties.get_mut(key) {
                Some(held) => body::merge(held, &given[key]),
                None => properties[key] = given[key].clone(),
            }
        }
    }
    Ok(())
}

fn show(change: &Change<'_>, resource: &Resource) -> Map<String, Value> {
    let mut shown = Map::new();
    let held = |key: &str| resource.properties.get(key).cloned();
    shown.insert("mode".into(), held("mode").unwrap_or_default());
    shown.insert("connectionState".into(), json!("Offline"));
    shown.insert("activation".into(), held("activation").unwrap_or_default());
    shown.insert("parent".into(), held("parent").unwrap_or_default());
    for key in ["clientTokenIds", "notificationsList"] {
        shown.extend(held(key).map(|value| (key.to_owned(), value)));
    }
    shown.insert("loginServer".into(), json!({ "tls": { "certificate": {} } }));
    shown.insert("logging".into(), held("logging").unwrap_or_default());
    if change.request.version.as_str() >= "2023-11-01-preview" {
        shown.extend(held("garbageCollection").map(|value| ("garbageCollection".to_owned(), value)));
    }
    shown
}

/// One that others copy from must stay.
fn may_go(change: &Change<'_>, old: &Resource) -> Result<(), Error> {
    let below = |it: &Resource| it.properties["parent"]["id"].as_str().is_some_and(|id| ResourceId::new(id) == old.id);
    match change.siblings("connectedRegistries").iter().find(|it| below(it)) {
        None => Ok(()),
        Some(child) => {
            let message = format!("The connected registry {} has the child {} and cannot be deleted.", old.name(), child.name());
            Err(Error::registry(StatusCode::CONFLICT, "ConnectedRegistryHasChildren", message))
        }
    }
}

/// `deactivate` goes on as an operation.
pub(super) fn deactivate(request: &Request<'_>) -> Result<Answer, Error> {
    let change = Change::of(request)?;
    let mut resource = Resource::clone(change.child()?);
    resource.properties.insert("activation".into(), json!({ "status": "Inactive" }));
    let resource = request.world.arm.put_resource(resource);
    let operation = format!("connectedregistries-{}", request.world.ids.uuid());
    request.begin(operation.clone(), &resource.id, "Updating", Ok(None));
    let url = results_url(request, &resource.id, change.parent.location.as_deref(), &operation);
    Ok(Answer::empty(Voice::Registry, StatusCode::ACCEPTED).header("location", url))
}
