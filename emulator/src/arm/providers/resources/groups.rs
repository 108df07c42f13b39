//! Resource groups. Source: the Resources API's specification (2024-11-01) and messages that users have reported; inferred ones say
//! so.

use axum::http::{Method, StatusCode};
use serde_json::{Map, Value, json};

use super::super::super::error::{self, Error, Voice};
use super::super::super::filter::{Filter, Subject};
use super::super::super::headers::Answer;
use super::super::super::store::{Ending, Group};
use super::super::super::{Request, catalog};
use super::ok;
use crate::kernel::resource_id::ResourceId;

pub(super) fn list(request: &Request<'_>) -> Result<Answer, Error> {
    let filter = match request.query.filter() {
        Some(text) => Some(Filter::of_groups(text).ok_or_else(|| error::invalid_filter(text))?),
        None => None,
    };
    let scope = request.target.owner();
    let wanted = |group: &Group| {
        let subject = Subject { tags: group.tags.as_ref(), ..Subject::default() };
        let fits = filter.as_ref().is_none_or(|filter| filter.accepts(&subject));
        fits && request.shows("Microsoft.Resources/subscriptions/resourceGroups", &group.id)
    };
    let page = request.world.arm.page_of_groups(&scope, &request.window(&scope)?, wanted);
    Ok(ok(request.paged(page, |group| group_body(request, group))))
}

fn group_body(request: &Request<'_>, group: &Group) -> Value {
    let mut body = Map::new();
    body.insert("id".into(), json!(group.id.as_str()));
    body.insert("name".into(), json!(group.id.name()));
    // Versions before 2018-09-01 (inferred from answers of 2018-05-01 without it and later ones with it) have no type.
    if request.version.as_str() >= "2018-09-01" {
        body.insert("type".into(), json!("Microsoft.Resources/resourceGroups"));
    }
    body.insert("location".into(), json!(group.location));
    if let Some(managed_by) = &group.managed_by {
        body.insert("managedBy".into(), json!(managed_by));
    }
    if let Some(tags) = &group.tags {
        body.insert("tags".into(), json!(tags));
    }
    let deleting = request.world.arm.is_being_deleted(&group.id, request.now);
    body.insert("properties".into(), json!({ "provisioningState": if deleting { "Deleting" } else { "Succeeded" } }));
    Value::Object(body)
}

pub(super) fn one(request: &Request<'_>) -> Result<Answer, Error> {
    let id = ResourceId::of_group(request.target.id.subscription().unwrap_or_default(), request.target.name());
    let existing = || request.world.arm.group(&id).ok_or_else(|| error::group_not_found(id.name()));
    match *request.method {
        Method::PUT => put(request, id),
        Method::HEAD => Ok(Answer::empty(Voice::Gateway, StatusCode::NO_CONTENT)),
        Method::DELETE => Ok(delete(request, &id)),
        Method::PATCH => {
            let old = existing()?;
            // The whole map is replaced.
            let tags = request.body.get("tags").map_or(old.tags.clone(), |tags| tags.as_object().cloned());
            let group = Group { tags, managed_by: managed_by(request, Some(&old))?, ..(*old).clone() };
            Ok(ok(group_body(request, &request.world.arm.put_group(group))))
        }
        _ => Ok(ok(group_body(request, existing()?.as_ref()))),
    }
}

fn put(request: &Request<'_>, id: ResourceId) -> Result<Answer, Error> {
    group_name(id.name())?;
    let existing = request.world.arm.group(&id);
    let group = Group {
        location: catalog::normal_location(request.body["location"].as_str().unwrap_or_default()),
        tags: request.body.get("tags").and_then(Value::as_object).cloned(),
        managed_by: managed_by(request, existing.as_deref())?,
        created: existing.as_ref().map_or(request.now, |group| group.created),
        id,
    };
    let status = if existing.is_some() { StatusCode::OK } else { StatusCode::CREATED };
    let group = request.world.arm.put_group(group);
    Ok(Answer::json(Voice::Gateway, status, group_body(request, &group)))
}

/// What manages the group, once said, stays (code and text are inferred).
fn managed_by(request: &Request<'_>, existing: Option<&Group>) -> Result<Option<String>, Error> {
    let given = request.body.get("managedBy").and_then(Value::as_str).map(str::to_owned);
    match (existing.and_then(|group| group.managed_by.clone()), given) {
        (Some(old), Some(new)) if !old.eq_ignore_ascii_case(&new) => {
            let message =
                format!("The resource group is managed by '{old}'. The property 'managedBy' cannot be changed to '{new}'.");
            Err(Error::gateway(StatusCode::CONFLICT, "ResourceGroupManagedByCannotBeChanged", message))
        }
        (old, new) => Ok(old.or(new)),
    }
}

/// Letters and digits of any script, and a few signs. The texts for length and full stop are inferred.
fn group_name(name: &str) -> Result<(), Error> {
    let bad = |message| Err(Error::gateway(StatusCode::BAD_REQUEST, "InvalidResourceGroup", message));
    let allowed = |character: &char| character.is_alphanumeric() || "-.()_".contains(*character);
    let invalid: String = name.chars().filter(|character| !allowed(character)).collect();
    if !invalid.is_empty() {
        return bad(format!(
            "The provided resource group name '{name}' has these invalid characters: '{invalid}'. The name can only be a letter, digit, \
             '-', '.', '(', ')' or '_'."
        ));
    }
    if name.chars().count() > 90 {
        return bad(format!("The provided resource group name '{name}' exceeds the maximum length of '90'."));
    }
    if name.ends_with('.') {
        return bad(format!("The provided resource group name '{name}' must not end with a period."));
    }
    Ok(())
}

fn delete(request: &Request<'_>, id: &ResourceId) -> Answer {
    use base64::Engine as _;
    let location = request.world.arm.group(id).map(|group| group.location.clone()).unwrap_or_default();
    let name = id.name().to_uppercase().replace('-', ":2D");
    let suffix = request.world.ids.text(8, b"0123456789ABCDEF");
    let job = json!({
        "jobId": format!("RESOURCEGROUPDELETIONJOB-{name}-{suffix}-{}", location.to_uppercase()),
        "jobLocation": location,
    });
    let token = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(job.to_string());
    request.begin_ending(token.clone(), id, "Deleting", Ending::RemoveGroup);
    let subscription = id.subscription().unwrap_or_default();
    let url = request.poll_url(&format!("/subscriptions/{subscription}/operationresults/{token}"), &request.version);
    Answer::empty(Voice::Gateway, StatusCode::ACCEPTED).header("location", url)
}
