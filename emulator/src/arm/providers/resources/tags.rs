//! `{scope}/providers/Microsoft.Resources/tags/default`: the tags of a subscription, a group or a resource.
//! Source: the Resources API's specification (2024-11-01) and recorded answers.

use axum::http::{Method, StatusCode};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::super::super::error::{self, Error, Voice};
use super::super::super::headers::Answer;
use super::super::super::store::{Group, Resource, Subscription};
use super::super::super::{Request, validate};
use super::ok;

/// What has tags.
enum Tagged {
    Subscription(std::sync::Arc<Subscription>),
    Group(std::sync::Arc<Group>),
    Resource(std::sync::Arc<Resource>),
}

impl Tagged {
    /// What the scope is.
    fn at(request: &Request<'_>) -> Result<Self, Error> {
        let (scope, arm) = (&request.target.scope, &request.world.arm);
        if scope.key().contains("/providers/") {
            return arm.resource(scope).map(Self::Resource).ok_or_else(|| error::resource_not_found(scope));
        }
        if let Some(group) = scope.group() {
            return arm.group(scope).map(Self::Group).ok_or_else(|| error::group_not_found(group));
        }
        let subscription = scope.subscription().and_then(|id| Uuid::try_parse(id).ok()).and_then(|id| arm.subscription(id));
        subscription.map(Self::Subscription).ok_or_else(error::missing_subscription)
    }

    fn tags(&self) -> Map<String, Value> {
        let tags = match self {
            Self::Subscription(subscription) => &subscription.tags,
            Self::Group(group) => &group.tags,
            Self::Resource(resource) => &resource.tags,
        };
        tags.clone().unwrap_or_default()
    }

    fn set(&self, request: &Request<'_>, tags: Map<String, Value>) {
        let (arm, tags) = (&request.world.arm, Some(tags));
        match self {
            Self::Subscription(old) => arm.put_subscription(Subscription { tags, ..(**old).clone() }),
            Self::Group(old) => drop(arm.put_group(Group { tags, ..(**old).clone() })),
            Self::Resource(old) => {
                let system_data = old.system_data.changed(&request.caller, request.now);
                drop(arm.put_resource(Resource { tags, system_data, ..(**old).clone() }));
            }
        }
    }
}

pub(super) fn at_scope(request: &Request<'_>) -> Result<Answer, Error> {
    if !request.target.name().eq_ignore_ascii_case("default") {
        return Err(error::not_routed(request.target.id.as_str()));
    }
    let tagged = Tagged::at(request)?;
    match *request.method {
        Method::PUT => tagged.set(request, given(request)?),
        Method::PATCH => tagged.set(request, patched(request, tagged.tags())?),
        Method::DELETE => {
            tagged.set(request, Map::new());
            return Ok(Answer::empty(Voice::Gateway, StatusCode::OK));
        }
        _ => {}
    }
    let tags = Tagged::at(request)?.tags();
    Ok(ok(json!({
        "id": format!("{}/providers/Microsoft.Resources/tags/default", request.target.scope.as_str()),
        "name": "default",
        "type": "Microsoft.Resources/tags",
        "properties": { "tags": tags },
    })))
}

/// The tags of the body, checked.
fn given(request: &Request<'_>) -> Result<Map<String, Value>, Error> {
    let Some(properties) = request.body.get("properties").filter(|properties| properties.is_object()) else {
        return Err(validate::required("properties", request.text, &[]));
    };
    let tags = match properties.get("tags") {
        None | Some(Value::Null) => Map::new(),
        Some(Value::Object(tags)) => tags.clone(),
        Some(_) => return Err(validate::not_a("TagDictionary", "", request.text, &["properties", "tags"])),
    };
    validate::tags(request.text, &["properties", "tags"], &tags)?;
    Ok(tags)
}

/// What a PATCH makes of the tags. Names are compared without case. A name that is deleted goes with the value that is given,
/// whatever its value if that is empty (inferred).
fn patched(request: &Request<'_>, mut tags: Map<String, Value>) -> Result<Map<String, Value>, Error> {
    let given = given(request)?;
    let operation = request.body["operation"].as_str().unwrap_or_default();
    let position = |tags: &Map<String, Value>, key: &str| tags.keys().find(|known| known.eq_ignore_ascii_case(key)).cloned();
    match operation.to_ascii_lowercase().as_str() {
        "replace" => return Ok(given),
        "merge" => {
            for (key, value) in given {
                let key = position(&tags, &key).unwrap_or(key);
                tags.insert(key, value);
            }
        }
        "delete" => {
            for (key, value) in given {
                if let Some(known) = position(&tags, &key)
                    && (value == "" || tags.get(&known) == Some(&value))
                {
                    tags.shift_remove(&known);
                }
            }
        }
        _ => return Err(validate::not_a("TagsPatchOperation", operation, request.text, &["operation"])),
    }
    validate::number_of_tags(&tags)?;
    Ok(tags)
}
