//! Scope maps and tokens: who signs in to the registry with a name and a password of its own, and what for.
//! Source: the provider's specification (2019-05-01-preview and later), recorded answers, and Azure Container Registry's
//! documentation ("Create a token with repository-scoped permissions"). Which errors wrong actions and names get is inferred.

use std::sync::Arc;

use axum::http::StatusCode;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::super::super::Request;
use super::super::super::error::Error;
use super::super::super::headers::Answer;
use super::super::super::store::Resource;
use super::child::{self, Change, Child, Reply, is_name};
use super::{certificates, ok, registry, sku};
use crate::acr::token_users::{MapAction, TokenPassword, TokenUser};
use crate::kernel::clock::rfc3339_ticks_offset;
use crate::kernel::resource_id::ResourceId;

/// What every registry has: name, description, actions on all repositories.
const SYSTEM: [(&str, &str, &[&str]); 5] = [
    (
        "_repositories_admin",
        "Can perform all read, write and delete operations on the registry",
        &["metadata/read", "metadata/write", "content/read", "content/write", "content/delete"],
    ),
    ("_repositories_pull", "Can pull any repository of the registry", &["content/read"]),
    ("_repositories_pull_metadata_read", "Can perform all read operations on the registry", &["content/read", "metadata/read"]),
    ("_repositories_push", "Can push to any repository of the registry", &["content/read", "content/write"]),
    (
        "_repositories_push_metadata_write",
        "Can perform all read and write operations on the registry",
        &["metadata/read", "metadata/write", "content/read", "content/write"],
    ),
];

pub(super) const SCOPE_MAPS: Child = Child {
    name: |name| is_name(name, "-_"),
    changed: sync,
    built_in: system_maps,
    ..Child::plain("scopeMaps", "scopemaps", [Reply::Done(200), Reply::Begun, Reply::Begun], make_map)
};

pub(super) const TOKENS: Child =
    Child { changed: sync, ..Child::plain("tokens", "token", [Reply::Begun, Reply::Begun, Reply::Begun], make_token) };

fn system_maps(change: &Change<'_>) -> Vec<Resource> {
    let created = change.parent.system_data.created_at;
    let map = |(name, description, actions): &(&str, &str, &[&str])| {
        let actions: Vec<String> = actions.iter().map(|action| format!("repositories/*/{action}")).collect();
        let mut properties = Map::new();
        properties.insert("description".into(), json!(description));
        properties.insert("type".into(), json!("SystemDefined"));
        properties.insert("creationDate".into(), json!(rfc3339_ticks_offset(created)));
        properties.insert("actions".into(), json!(actions));
        Resource {
            properties,
            system_data: change.parent.system_data.clone(),
            ..Resource::new(
                change.parent.id.join(&format!("scopeMaps/{name}")),
                SCOPE_MAPS.full_type(),
                &change.request.caller,
                created,
            )
        }
    };
    SYSTEM.iter().map(map).collect()
}

fn make_map(change: &Change<'_>) -> Result<Map<String, Value>, Error> {
    let name = change.request.target.name();
    if SYSTEM.iter().any(|(system, ..)| system.eq_ignore_ascii_case(name)) {
        return Err(child::built_in_stays(name));
    }
    change.room_for("scopeMaps", sku::limits(change.sku()).tokens)?;
    let mut properties = change.base();
    if let Some(description) = change.text("description")? {
        if description.chars().count() > 256 {
            return Err(change.invalid("description", &json!(description)));
        }
        properties.insert("description".into(), json!(description));
    }
    properties.insert("type".into(), json!("UserDefined"));
    keep_creation(change, &mut properties);
    match &change.given()["actions"] {
        Value::Null if change.is_patch() => {}
        given => {
            properties.insert("actions".into(), actions(change, given)?);
        }
    }
    Ok(properties)
}

/// The time of creation, of what was there or of now.
pub(super) fn keep_creation(change: &Change<'_>, properties: &mut Map<String, Value>) {
    let kept = change.old.as_ref().and_then(|old| old.properties.get("creationDate").cloned());
    properties.insert("creationDate".into(), kept.unwrap_or_else(|| json!(rfc3339_ticks_offset(change.request.now))));
}

fn actions(change: &Change<'_>, given: &Value) -> Result<Value, Error> {
    let Some(list) = given.as_array().filter(|list| !list.is_empty()) else {
        return Err(change.invalid("actions", given));
    };
    let mut unique: Vec<&Value> = Vec::new();
    for action in list {
        if action.as_str().and_then(MapAction::parse).is_none() {
            return Err(change.invalid("actions", action));
        }
        if !unique.contains(&action) {
            unique.push(action);
        }
    }
    Ok(json!(unique))
}

fn make_token(change: &Change<'_>) -> Result<Map<String, Value>, Error> {
    change.room_for("tokens", sku::limits(change.sku()).tokens)?;
    let kept = change.base();
    let mut properties = Map::new();
    keep_creation(change, &mut properties);
    let map = match change.needed("scopeMapId")? {
        Some(id) => {
            let id = ResourceId::new(id);
            let own = map_of(change, &id).is_some();
            if !own {
                return Err(change.invalid("scopeMapId", &json!(id.as_str())));
            }
            json!(id.as_str())
        }
        None => kept.get("scopeMapId").cloned().unwrap_or_default(),
    };
    properties.insert("scopeMapId".into(), map);
    let before = change.old.as_ref().map(|old| old.properties["credentials"].clone());
    properties.insert("credentials".into(), credentials(change, before)?);
    let status = change.one_of("status", &["enabled", "disabled"])?;
    let status = status.map(|status| json!(status)).or_else(|| kept.get("status").cloned());
    properties.insert("status".into(), status.unwrap_or_else(|| json!("enabled")));
    Ok(properties)
}

/// The credentials of a token: passwords can only be taken away here, `generateCredentials` makes them; certificates come with
/// their public part.
fn credentials(change: &Change<'_>, before: Option<Value>) -> Result<Value, Error> {
    let mut held = before.filter(Value::is_object).unwrap_or_else(|| json!({ "passwords": [] }));
    let given = &change.given()["credentials"];
    if given.is_null() {
        return Ok(held);
    }
    if !given["certificates"].is_null() {
        held["certificates"] = json!(certificates::given(change, &given["certificates"])?);
    }
    if let Some(wanted) = given["passwords"].as_array() {
        let named = |password: &&Value| wanted.iter().any(|wanted| wanted["name"] == password["name"]);
        held["passwords"] = held["passwords"].as_array().into_iter().flatten().filter(named).cloned().collect();
    }
    Ok(held)
}

/// The scope map of this registry with this id, as a resource.
fn map_of(change: &Change<'_>, id: &ResourceId) -> Option<Arc<Resource>> {
    // The registry's name and the map's: a registry that was moved to another group keeps its maps.
    let tail = |id: &ResourceId| id.key().rsplitn(4, '/').take(3).map(str::to_owned).collect::<Vec<_>>();
    let wanted = tail(id);
    let same = |map: &Resource| tail(&map.id) == wanted;
    let built_in = system_maps(change).into_iter().find(|map| same(map)).map(Arc::new);
    built_in.or_else(|| change.siblings("scopeMaps").into_iter().find(|map| same(map)))
}

/// Tells the data plane who may sign in, and what for.
fn sync(change: &Change<'_>) {
    let mut users = change.registry.token_users.write();
    let before = std::mem::take(&mut *users);
    for token in change.siblings("tokens") {
        let map = token.properties["scopeMapId"].as_str().and_then(|id| map_of(change, &ResourceId::new(id)));
        let actions = map.iter().flat_map(|map| map.properties["actions"].as_array()).flatten();
        let actions = actions.filter_map(|action| MapAction::parse(action.as_str()?)).collect();
        let key = token.name().to_lowercase();
        let listed = |password: &TokenPassword| {
            let list = token.properties["credentials"]["passwords"].as_array();
            list.is_some_and(|list| list.iter().any(|known| known["name"] == password.name.as_str()))
        };
        let passwords = before.get(&key).map(|user| user.passwords.iter().filter(|it| listed(it)).cloned().collect());
        let user = TokenUser {
            name: token.name().to_owned(),
            enabled: token.properties["status"] != "disabled",
            passwords: passwords.unwrap_or_default(),
            actions,
        };
        users.insert(key, Arc::new(user));
    }
}

/// Makes one password of a token, or both; this is the only time that they are shown.
pub(super) fn generate(request: &Request<'_>) -> Result<Answer, Error> {
    let change = Change::of(request)?;
    let body = &request.body;
    let invalid = |key: &str| child::invalid(request, key, &body[key]);
    let id = ResourceId::new(body["tokenId"].as_str().ok_or_else(|| invalid("tokenId"))?);
    let token = change.siblings("tokens").into_iter().find(|token| token.id == id).ok_or_else(|| {
        let message = format!("The resource {} could not be found.", id.name());
        Error::registry(StatusCode::NOT_FOUND, "ResourceNotFound", message)
    })?;
    let names: Vec<&str> = match body["name"].as_str() {
        None if body["name"].is_null() => vec!["password1", "password2"],
        Some(name) if ["password1", "password2"].contains(&name) => vec![name],
        _ => return Err(invalid("name")),
    };
    let expires: Option<Timestamp> = match &body["expiry"] {
        Value::Null => None,
        given => {
            let end = given.as_str().and_then(|text| text.parse::<Timestamp>().ok()).filter(|end| *end > request.now);
            Some(end.ok_or_else(|| invalid("expiry"))?)
        }
    };
    let mut made = Vec::new();
    let mut kept: Vec<Value> = token.properties["credentials"]["passwords"].as_array().cloned().unwrap_or_default();
    kept.retain(|password| !names.iter().any(|name| password["name"] == *name));
    let mut secrets = Vec::new();
    for name in names {
        let mut shown = Map::new();
        shown.insert("creationTime".into(), json!(rfc3339_ticks_offset(request.now)));
        if let Some(end) = expires {
            shown.insert("expiry".into(), json!(end.strftime("%Y-%m-%dT%H:%M:%S+00:00").to_string()));
        }
        shown.insert("name".into(), json!(name));
        kept.push(Value::Object(shown.clone()));
        let value = registry::new_password(request.world);
        shown.insert("value".into(), json!(value));
        made.push(Value::Object(shown));
        secrets.push(TokenPassword { name: name.to_owned(), value, expires });
    }
    kept.sort_by_key(|password| password["name"].as_str().unwrap_or_default().to_owned());
    let mut resource = Resource::clone(&token);
    let mut credentials =
        resource.properties.get("credentials").filter(|it| it.is_object()).cloned().unwrap_or_else(|| json!({}));
    credentials["passwords"] = json!(kept);
    resource.properties.insert("credentials".into(), credentials);
    request.world.arm.put_resource(resource);
    sync(&change);
    let mut users = change.registry.token_users.write();
    if let Some(user) = users.get_mut(&token.name().to_lowercase()) {
        let user = Arc::make_mut(user);
        user.passwords.retain(|known| !secrets.iter().any(|new| new.name == known.name));
        user.passwords.extend(secrets);
    }
    Ok(ok(json!({ "username": token.name(), "passwords": made })))
}
