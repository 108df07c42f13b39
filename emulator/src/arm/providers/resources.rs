//! Microsoft.Resources: what ARM serves itself. Tenants, subscriptions, regions, providers, groups, lists of resources of every
//! type, tags, moves. Source: the Resources API's specification (subscriptions 2022-12-01, resources 2024-11-01).

mod groups;
mod lists;
mod moves;
mod registrations;
mod subscriptions;
mod tag_names;
mod tags;

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::super::error::{Error, Voice};
use super::super::headers::Answer;
use super::super::{Request, operation};
use super::unimplemented;

pub(super) use registrations::operations;

pub(super) fn answer(request: &Request<'_>) -> Result<Answer, Error> {
    let item = request.target.is_item();
    match (request.known.kind.name.as_str(), item) {
        ("tenants", _) => Ok(subscriptions::tenants(request)),
        ("subscriptions", false) => Ok(subscriptions::list(request)),
        ("subscriptions", true) => subscriptions::one(request),
        ("subscriptions/locations", _) => Ok(subscriptions::locations(request)),
        ("checkResourceName", _) => subscriptions::check_name(request),
        ("providers" | "subscriptions/providers", false) => Ok(registrations::list(request)),
        ("providers" | "subscriptions/providers", true) => registrations::one(request),
        ("subscriptions/providers/register", _) => registrations::register(request),
        ("subscriptions/providers/unregister", _) => registrations::unregister(request),
        ("subscriptions/providers/resourceTypes", _) => registrations::resource_types(request),
        ("subscriptions/resources" | "subscriptions/resourceGroups/resources", _) => lists::resources(request),
        ("subscriptions/tagNames", false) => Ok(tag_names::list(request)),
        ("subscriptions/tagNames", true) => tag_names::name(request),
        ("subscriptions/tagNames/tagValues", true) => tag_names::value(request),
        ("subscriptions/operationresults", _) => operation::gateway_result(request),
        ("subscriptions/resourceGroups", false) => groups::list(request),
        ("subscriptions/resourceGroups", true) => groups::one(request),
        ("subscriptions/resourceGroups/moveResources", _) => moves::go(request),
        ("subscriptions/resourceGroups/validateMoveResources", _) => moves::validate(request),
        ("tags", true) => tags::at_scope(request),
        _ => Err(unimplemented(request)),
    }
}

fn ok(body: Value) -> Answer {
    Answer::json(Voice::Gateway, StatusCode::OK, body)
}

fn list_of(values: Vec<Value>) -> Answer {
    ok(json!({ "value": values }))
}
