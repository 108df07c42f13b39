//! Lists of resources of every type, in a group and in a subscription. Source: the Resources API's specification (2024-11-01).

use serde_json::{Map, Value, json};

use super::super::super::Request;
use super::super::super::error::{self, Error};
use super::super::super::filter::{Filter, Subject};
use super::super::super::headers::Answer;
use super::super::super::store::Resource;
use super::ok;
use crate::kernel::clock::rfc3339_ticks;

pub(super) fn resources(request: &Request<'_>) -> Result<Answer, Error> {
    let scope = request.target.owner();
    let filter = match request.query.filter() {
        Some(text) => Some(Filter::of_resources(text).ok_or_else(|| error::invalid_filter(text))?),
        None => None,
    };
    let expand = request.query.get("$expand").unwrap_or_default().to_ascii_lowercase();
    let wanted = |resource: &Resource| {
        resource.location.is_some()
            && filter.as_ref().is_none_or(|filter| filter.accepts(&subject(resource)))
            && request.shows(&resource.resource_type, &resource.id)
    };
    let window = request.window(&scope)?;
    let arm = &request.world.arm;
    // A list of one type is a range of its own, so that what else there is does not matter.
    let page = match filter.as_ref().and_then(Filter::only_type) {
        Some(kind) => arm.page_of_type(kind, &scope, &window, wanted),
        None => arm.page_below(&scope, &window, wanted),
    };
    Ok(ok(request.paged(page, |resource| resource_row(request, resource, &expand))))
}

/// A resource, as filters ask about it.
fn subject(resource: &Resource) -> Subject<'_> {
    Subject {
        kind: &resource.resource_type,
        name: resource.name(),
        location: resource.location.as_deref().unwrap_or_default(),
        group: resource.id.group().unwrap_or_default(),
        identity: resource.identity.as_ref(),
        plan: resource.members.get("plan"),
        tags: resource.tags.as_ref(),
    }
}

fn resource_row(request: &Request<'_>, resource: &Resource, expand: &str) -> Value {
    let mut row = Map::new();
    row.insert("id".into(), json!(resource.id.as_str()));
    row.insert("name".into(), json!(resource.name()));
    row.insert("type".into(), json!(resource.resource_type));
    for (key, value) in [("sku", &resource.sku), ("identity", &resource.identity)] {
        if let Some(value) = value {
            row.insert(key.into(), value.clone());
        }
    }
    for key in ["kind", "managedBy", "zones", "plan", "etag"] {
        if let Some(value) = resource.members.get(key) {
            row.insert(key.into(), value.clone());
        }
    }
    row.insert("location".into(), json!(resource.location));
    if let Some(tags) = &resource.tags {
        row.insert("tags".into(), json!(tags));
    }
    let data = &resource.system_data;
    for (key, value) in [
        ("createdTime", rfc3339_ticks(data.created_at)),
        ("changedTime", rfc3339_ticks(data.modified_at)),
        ("provisioningState", resource.state(request.now).to_owned()),
    ] {
        if expand.contains(&key.to_ascii_lowercase()) {
            row.insert(key.into(), json!(value));
        }
    }
    Value::Object(row)
}
