//! `/subscriptions/{id}/tagNames`: the names and values of tags that a subscription knows, those that something has among them.
//! Source: the Resources API's specification (2024-11-01) and recorded answers. Codes and texts of the refusals are inferred.

use std::collections::BTreeMap;

use axum::http::{Method, StatusCode};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::super::super::Request;
use super::super::super::error::{Error, Voice};
use super::super::super::headers::Answer;
use super::super::super::validate;
use super::list_of;
use crate::kernel::resource_id::ResourceId;

/// How often a name is used, with its values.
#[derive(Default)]
struct Use {
    name: String,
    values: BTreeMap<String, usize>,
}

/// What is known, by the name in lower case.
fn known(request: &Request<'_>) -> BTreeMap<String, Use> {
    let (id, scope) = subscription(request);
    let arm = &request.world.arm;
    let mut known: BTreeMap<String, Use> = BTreeMap::new();
    let mut note = |name: &str, value: Option<&str>, times: usize| {
        let entry = known.entry(name.to_lowercase()).or_insert_with(|| Use { name: name.to_owned(), ..Use::default() });
        if let Some(value) = value {
            *entry.values.entry(value.to_owned()).or_default() += times;
        }
    };
    for (name, values) in arm.tag_names.of(id) {
        note(&name, None, 0);
        values.iter().for_each(|value| note(&name, Some(value), 0));
    }
    let own = arm.subscription(id).and_then(|subscription| subscription.tags.clone());
    let groups = arm.groups(&scope).into_iter().filter_map(|group| group.tags.clone());
    let resources = arm.resources_below(&scope).into_iter().filter_map(|resource| resource.tags.clone());
    for (name, value) in own.into_iter().chain(groups).chain(resources).flatten() {
        note(&name, value.as_str(), 1);
    }
    known
}

fn subscription(request: &Request<'_>) -> (Uuid, ResourceId) {
    let id = request.target.id.subscription().unwrap_or_default();
    (Uuid::try_parse(id).unwrap_or_default(), ResourceId::of_subscription(id))
}

fn count(value: usize) -> Value {
    json!({ "type": "Total", "value": value })
}

fn value_body(name_id: &str, value: &str, used: usize) -> Value {
    json!({ "id": format!("{name_id}/tagValues/{value}"), "tagValue": value, "count": count(used) })
}

fn name_body(scope: &ResourceId, used: &Use) -> Value {
    let id = format!("{scope}/tagNames/{}", used.name);
    let values: Vec<Value> = used.values.iter().map(|(value, times)| value_body(&id, value, *times)).collect();
    json!({ "id": id, "tagName": used.name, "count": count(used.values.values().sum()), "values": values })
}

pub(super) fn list(request: &Request<'_>) -> Answer {
    let (_, scope) = subscription(request);
    list_of(known(request).values().map(|used| name_body(&scope, used)).collect())
}

fn written(is_new: bool, body: Value) -> Answer {
    Answer::json(Voice::Gateway, if is_new { StatusCode::CREATED } else { StatusCode::OK }, body)
}

fn deleted(existed: bool) -> Answer {
    Answer::empty(Voice::Gateway, if existed { StatusCode::OK } else { StatusCode::NO_CONTENT })
}

fn conflict(code: &'static str, message: String) -> Error {
    Error::gateway(StatusCode::CONFLICT, code, message)
}

pub(super) fn name(request: &Request<'_>) -> Result<Answer, Error> {
    let ((id, scope), name) = (subscription(request), request.target.name());
    let held = &request.world.arm.tag_names;
    let before = known(request).remove(&name.to_lowercase());
    if *request.method == Method::PUT {
        let as_tag = Map::from_iter([(name.to_owned(), json!(""))]);
        validate::tags("", &[], &as_tag)?;
        let is_new = held.put(id, name) && before.is_none();
        let used = before.unwrap_or_else(|| Use { name: name.to_owned(), ..Use::default() });
        return Ok(written(is_new, name_body(&scope, &used)));
    }
    if let Some(used) = before.filter(|used| !used.values.is_empty()) {
        let message =
            format!("The tag name '{}' cannot be deleted while it has values: it has {}.", used.name, used.values.len());
        return Err(conflict("TagNameHasValues", message));
    }
    Ok(deleted(held.remove(id, name)))
}

pub(super) fn value(request: &Request<'_>) -> Result<Answer, Error> {
    let (id, scope) = subscription(request);
    let [_, name, value] = request.target.names.as_slice() else {
        return Err(super::super::super::error::not_routed(request.target.id.as_str()));
    };
    let held = &request.world.arm.tag_names;
    let used = known(request).remove(&name.to_lowercase());
    let times = used.as_ref().and_then(|used| used.values.get(value).copied());
    if *request.method == Method::PUT {
        let Some(used) = used else {
            let message = format!("The tag name '{name}' could not be found.");
            return Err(Error::gateway(StatusCode::NOT_FOUND, "TagNameNotFound", message));
        };
        validate::tags("", &[], &Map::from_iter([(name.clone(), json!(value))]))?;
        held.put(id, name);
        held.put_value(id, name, value);
        let name_id = format!("{scope}/tagNames/{}", used.name);
        return Ok(written(times.is_none(), value_body(&name_id, value, times.unwrap_or_default())));
    }
    if times.is_some_and(|times| times > 0) {
        return Err(conflict(
            "TagValueInUse",
            format!("The value '{value}' of the tag '{name}' is in use and cannot be deleted."),
        ));
    }
    Ok(deleted(held.remove_value(id, name, value)))
}
