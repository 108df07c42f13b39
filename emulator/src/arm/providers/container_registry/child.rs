//! What all children of a registry have in common: how they are written, shown, listed and deleted, and which of it goes on as
//! an operation. Each child brings its own rules as a [`Child`].
//! Source: the provider's specification; recorded answers of the command line for statuses, headers and bodies (scope maps are
//! written with 200, changed with 201, deleted with 202; webhooks always answer 200; the others begin with 201).

use std::sync::Arc;

use axum::http::{Method, StatusCode};
use serde_json::{Map, Value, json};

use super::super::super::Request;
use super::super::super::catalog;
use super::super::super::error::{self, Error, Voice};
use super::super::super::headers::Answer;
use super::super::super::store::Resource;
use super::super::managed_identity;
use super::{body, ok};
use crate::acr::store::Registry;
use crate::kernel::resource_id::ResourceId;

/// How a write is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reply {
    /// Done, with this status.
    Done(u16),
    /// Goes on: 201 with `Azure-AsyncOperation` for a PUT or PATCH, 202 with `Location` for a DELETE.
    Begun,
    /// The type has no such verb.
    Never,
}

/// A kind of child.
pub(super) struct Child {
    /// The last segment of its type.
    pub kind: &'static str,
    /// What the names of its operations begin with.
    pub operation: &'static str,
    /// The answers to PUT, PATCH and DELETE.
    pub replies: [Reply; 3],
    /// Whether a name is one.
    pub name: fn(&str) -> bool,
    /// Whether it has an identity of its own.
    pub identity: bool,
    /// The properties that a PUT or PATCH leads to.
    pub make: fn(&Change<'_>) -> Result<Map<String, Value>, Error>,
    /// The properties as they are shown, without the provisioning state.
    pub show: fn(&Change<'_>, &Resource) -> Map<String, Value>,
    /// Whether it may be deleted.
    pub may_go: fn(&Change<'_>, &Resource) -> Result<(), Error>,
    /// Told after every write and deletion.
    pub changed: fn(&Change<'_>),
    /// Children that every registry has without anyone making them.
    pub built_in: fn(&Change<'_>) -> Vec<Resource>,
}

impl Child {
    /// A child that shows what is kept, may always go, and means nothing to the data plane.
    pub(super) const fn plain(
        kind: &'static str,
        operation: &'static str,
        replies: [Reply; 3],
        make: fn(&Change<'_>) -> Result<Map<String, Value>, Error>,
    ) -> Self {
        Self {
            kind,
            operation,
            replies,
            name: |name| is_name(name, "-"),
            identity: false,
            make,
            show: |_, resource| resource.properties.clone(),
            may_go: |_, _| Ok(()),
            changed: |_| {},
            built_in: |_| Vec::new(),
        }
    }

    /// The full type.
    pub(super) fn full_type(&self) -> String {
        format!("{}/{}", super::TYPE, self.kind)
    }
}

/// Letters, digits and some more, 5 to 50 characters: the specification's rule for every child's name.
pub(super) fn is_name(name: &str, more: &str) -> bool {
    (5..=50).contains(&name.len()) && name.chars().all(|it| it.is_ascii_alphanumeric() || more.contains(it))
}

/// A request about a child, or the children, of a registry.
pub(super) struct Change<'a> {
    /// The request.
    pub request: &'a Request<'a>,
    /// The registry as a resource.
    pub parent: Arc<Resource>,
    /// The registry as it is served.
    pub registry: Arc<Registry>,
    /// The child, if it exists.
    pub old: Option<Arc<Resource>>,
}

impl<'a> Change<'a> {
    /// The registry that a request is about must exist.
    pub(super) fn of(request: &'a Request<'a>) -> Result<Self, Error> {
        let id = registry_of(&request.target.id);
        let missing = || parent_missing(request, &id);
        let parent = request.world.arm.resource(&id).ok_or_else(missing)?;
        let registry = request.world.acr.by_id(&id).ok_or_else(missing)?;
        sweep(request, &id);
        let child = request.target.names.len() > 1;
        let old = child.then(|| request.world.arm.resource(&request.target.owner())).flatten();
        Ok(Self { request, parent, registry, old })
    }

    /// The properties that were sent.
    pub(super) fn given(&self) -> &Value {
        &self.request.body["properties"]
    }

    /// Whether what is not sent stays.
    pub(super) fn is_patch(&self) -> bool {
        *self.request.method == Method::PATCH
    }

    /// The registry's SKU.
    pub(super) fn sku(&self) -> &str {
        self.parent.sku.as_ref().and_then(|sku| sku["name"].as_str()).unwrap_or_default()
    }

    /// What is kept if this is a PATCH of something; else nothing.
    pub(super) fn base(&self) -> Map<String, Value> {
        let kept = self.old.as_ref().filter(|_| self.is_patch());
        kept.map(|old| old.properties.clone()).unwrap_or_default()
    }

    /// The child that the request is about, or the provider's own 404.
    pub(super) fn child(&self) -> Result<&Arc<Resource>, Error> {
        self.old.as_ref().ok_or_else(|| absent(self.request))
    }

    /// The id of the child, as the provider spells it.
    pub(super) fn id(&self) -> ResourceId {
        self.request.canonical_id("resourceGroups")
    }

    /// The children of this kind that the registry has.
    pub(super) fn siblings(&self, kind: &str) -> Vec<Arc<Resource>> {
        self.request.world.arm.resources_of_type(&format!("{}/{kind}", super::TYPE), &self.parent.id)
    }

    /// Whether the registry has a child with this id.
    pub(super) fn has(&self, kind: &str, id: &str) -> bool {
        let id = ResourceId::new(id);
        self.siblings(kind).iter().any(|resource| resource.id == id)
    }

    /// A value that is not what it must be. The form of the message is that of a reported one for `registryUri`; that other
    /// properties are refused in the same words is inferred.
    pub(super) fn invalid(&self, property: &str, value: &Value) -> Error {
        invalid(self.request, property, value)
    }

    /// A text that was sent, or nothing; anything else than a text is refused.
    pub(super) fn text(&self, key: &str) -> Result<Option<&str>, Error> {
        match &self.given()[key] {
            Value::Null => Ok(None),
            Value::String(text) => Ok(Some(text)),
            other => Err(self.invalid(key, other)),
        }
    }

    /// A text that must be sent, unless this is a PATCH.
    pub(super) fn needed(&self, key: &str) -> Result<Option<&str>, Error> {
        match self.text(key)? {
            Some(text) if !text.trim().is_empty() => Ok(Some(text)),
            None if self.is_patch() => Ok(None),
            other => Err(self.invalid(key, &json!(other))),
        }
    }

    /// One of some words that was sent, in its own spelling.
    pub(super) fn one_of(&self, key: &str, words: &[&'static str]) -> Result<Option<&'static str>, Error> {
        let Some(text) = self.text(key)? else { return Ok(None) };
        let known = words.iter().find(|word| word.eq_ignore_ascii_case(text)).copied();
        known.map(Some).ok_or_else(|| self.invalid(key, &json!(text)))
    }

    /// A SKU below Premium has none of these. The message has the form of the one for network rules; the codes are inferred.
    pub(super) fn premium(&self, feature: &str, code: &'static str) -> Result<(), Error> {
        if self.sku() == "Premium" { Ok(()) } else { Err(super::sku::not_offered(feature, self.sku(), code)) }
    }

    /// A limit of the SKU on how many there may be of a kind.
    pub(super) fn room_for(&self, kind: &str, most: usize) -> Result<(), Error> {
        if self.old.is_some() || self.siblings(kind).len() < most {
            return Ok(());
        }
        let message =
            format!("The limit of {most} {kind} of the SKU {} is reached for the registry {}.", self.sku(), self.registry.name);
        Err(Error::registry(StatusCode::BAD_REQUEST, "QuotaExceeded", message))
    }
}

/// How long an agent pool is seen going (inferred: its machines take a while; the command line asks for it after the deletion).
const POOL_GOES: jiff::SignedDuration = jiff::SignedDuration::from_secs(5);
const GOING: &str = "Deleting";

/// Takes away the agent pools whose deletion is over.
fn sweep(request: &Request<'_>, registry: &ResourceId) {
    if !request.known.kind.name.starts_with("registries/agentPools") {
        return;
    }
    for pool in request.world.arm.resources_of_type(&format!("{}/agentPools", super::TYPE), registry) {
        if pool.changing == GOING && request.now >= pool.settled_at {
            request.world.arm.remove_resource(&pool.id);
        }
    }
}

/// The registry that an id is or lies in.
fn registry_of(id: &ResourceId) -> ResourceId {
    let segments: Vec<&str> = id.segments().collect();
    let registries = segments.iter().rposition(|segment| segment.eq_ignore_ascii_case(super::NAMESPACE));
    let end = registries.map_or(segments.len(), |position| (position + 3).min(segments.len()));
    ResourceId::new(&segments[..end].join("/"))
}

fn parent_missing(request: &Request<'_>, registry: &ResourceId) -> Error {
    let verb = request.action.rsplit('/').next().unwrap_or_default();
    let message = format!(
        "Failed to perform '{verb}' on resource(s) of type '{}', because the parent resource '{registry}' could not be found.",
        request.known.kind.name
    );
    Error::gateway(StatusCode::NOT_FOUND, "ParentResourceNotFound", message)
}

/// Types with a location are known to ARM itself, which says what is absent; the others are asked of the provider.
fn absent(request: &Request<'_>) -> Error {
    if request.known.kind.tracked || request.known.kind.name.split('/').count() > 2 {
        return error::resource_not_found(&request.target.owner());
    }
    let message = format!("The resource {} could not be found.", request.target.name());
    Error::registry(StatusCode::NOT_FOUND, "ResourceNotFound", message)
}

/// See [`Change::invalid`].
pub(super) fn invalid(request: &Request<'_>, property: &str, value: &Value) -> Error {
    let shown = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let path: Vec<String> = property.split('.').map(capital).collect();
    let about: String = request.known.kind.name.rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
    let message = format!(
        "Invalid value {shown} for property parameters.{} for resource name {}. Kindly refer to docs for expected value: \
         https://docs.microsoft.com/en-us/rest/api/containerregistry/{about}",
        path.join("."),
        request.target.name()
    );
    Error::registry(StatusCode::BAD_REQUEST, "InvalidParameters", message)
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// One child.
pub(super) fn item(request: &Request<'_>, child: &Child) -> Result<Answer, Error> {
    let change = Change::of(request)?;
    match *request.method {
        Method::PUT | Method::PATCH => write(&change, child),
        Method::DELETE => delete(&change, child),
        _ => {
            let name = request.target.name();
            let built_in = (child.built_in)(&change).into_iter().find(|it| it.name().eq_ignore_ascii_case(name));
            let found = built_in.map(Arc::new).or_else(|| change.old.clone()).ok_or_else(|| absent(request))?;
            Ok(ok(shown(&change, child, &found, found.state(request.now))))
        }
    }
}

/// All children of one kind.
pub(super) fn list(request: &Request<'_>, child: &Child) -> Result<Answer, Error> {
    let change = Change::of(request)?;
    let built_in = (child.built_in)(&change).into_iter().map(Arc::new);
    let mut made = change.siblings(child.kind);
    // Recorded for tasks; that the others come in the order of their names agrees with what is recorded of replications.
    if child.kind == "tasks" {
        made.sort_by_key(|resource| resource.system_data.created_at);
    }
    let all = built_in.chain(made);
    let values: Vec<Value> = all.map(|resource| shown(&change, child, &resource, resource.state(request.now))).collect();
    Ok(ok(json!({ "value": values })))
}

fn write(change: &Change<'_>, child: &Child) -> Result<Answer, Error> {
    let request = change.request;
    let (position, state) = match (&change.old, change.is_patch()) {
        (None, true) => return Err(absent(request)),
        (None, false) => (0, "Creating"),
        (Some(_), false) => (0, "Updating"),
        (Some(_), true) => (1, "Updating"),
    };
    let reply = child.replies[position];
    let name = request.target.name();
    if change.old.is_none() && !(child.name)(name) {
        return Err(change.invalid("name", &json!(name)));
    }
    let properties = (child.make)(change)?;
    let old = change.old.as_deref();
    let tracked = request.known.kind.tracked;
    let given_location = request.body["location"].as_str().map(catalog::normal_location);
    let tags = request.body["tags"].as_object().cloned();
    let resource = Resource {
        location: given_location.or_else(|| old.and_then(|old| old.location.clone())),
        tags: tags.or_else(|| old.filter(|_| change.is_patch()).and_then(|old| old.tags.clone())).or(tracked.then(Map::new)),
        identity: if child.identity { identity(change, old)? } else { None },
        properties,
        system_data: match old {
            Some(old) => old.system_data.changed(&request.caller, request.now),
            None => super::super::super::store::SystemData::new(&request.caller, request.now),
        },
        changing: state,
        settled_at: if reply == Reply::Begun { request.settles_at() } else { request.now },
        ..Resource::new(change.id(), child.full_type(), &request.caller, request.now)
    };
    let resource = request.world.arm.put_resource(resource);
    (child.changed)(change);
    let Reply::Done(status) = reply else {
        let operation = format!("{}-{}", child.operation, request.world.ids.uuid());
        request.begin(operation.clone(), &resource.id, state, Ok(None));
        let url = request.poll_url(&format!("{}/operationStatuses/{operation}", resource.id), &request.version);
        let body = shown(change, child, &resource, state);
        return Ok(Answer::json(Voice::Registry, StatusCode::CREATED, body).header("azure-asyncoperation", url));
    };
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    Ok(Answer::json(Voice::Registry, status, shown(change, child, &resource, "Succeeded")))
}

fn delete(change: &Change<'_>, child: &Child) -> Result<Answer, Error> {
    let request = change.request;
    let name = request.target.name();
    if let Some(fixed) = (child.built_in)(change).iter().find(|it| it.name().eq_ignore_ascii_case(name)) {
        return Err(built_in_stays(fixed.name()));
    }
    let Some(old) = change.old.clone() else {
        return Ok(Answer::empty(Voice::Registry, StatusCode::NO_CONTENT));
    };
    (child.may_go)(change, &old)?;
    if child.kind == "agentPools" {
        let settled_at = request.now.saturating_add(POOL_GOES).unwrap_or(request.now);
        request.world.arm.put_resource(Resource { changing: GOING, settled_at, ..Resource::clone(&old) });
    } else {
        super::super::remove(request.world, &old);
    }
    (child.changed)(change);
    if let Reply::Done(status) = child.replies[2] {
        return Ok(Answer::empty(Voice::Registry, StatusCode::from_u16(status).unwrap_or(StatusCode::OK)));
    }
    let location = old.location.as_deref().or(change.parent.location.as_deref());
    Ok(deleting(request, child.operation, &old.id, location))
}

/// What comes with every registry can be neither changed nor deleted (code and words are inferred).
pub(super) fn built_in_stays(name: &str) -> Error {
    let message = format!("The resource {name} is system defined and cannot be changed or deleted.");
    Error::registry(StatusCode::BAD_REQUEST, "SystemDefinedResource", message)
}

/// The answer to something that goes on and is followed at `operationResults`.
pub(super) fn deleting(request: &Request<'_>, kind: &str, id: &ResourceId, location: Option<&str>) -> Answer {
    let operation = format!("{kind}-{}", request.world.ids.uuid());
    request.begin(operation.clone(), id, "Deleting", Ok(None));
    Answer::empty(Voice::Registry, StatusCode::ACCEPTED).header("location", results_url(request, id, location, &operation))
}

/// Where an operation's result is found.
pub(super) fn results_url(request: &Request<'_>, id: &ResourceId, location: Option<&str>, operation: &str) -> String {
    let subscription = id.subscription().unwrap_or_default();
    let location = location.unwrap_or_default();
    let path = format!(
        "/subscriptions/{subscription}/providers/Microsoft.ContainerRegistry/locations/{location}/operationResults/{operation}"
    );
    request.poll_url(&path, &request.version)
}

/// The identity of a child: as a PUT or PATCH asks for it.
fn identity(change: &Change<'_>, old: Option<&Resource>) -> Result<Option<Value>, Error> {
    let given = &change.request.body["identity"];
    let before = old.and_then(|old| old.identity.as_ref());
    if !given.is_object() {
        return Ok(before.filter(|_| change.is_patch()).cloned());
    }
    let identity = managed_identity::assign(change.request, given, before)?;
    Ok(if change.request.known.kind.name.ends_with("/credentialSets") { identity.map(body::camel_identity) } else { identity })
}

/// A child as it is shown.
pub(super) fn shown(change: &Change<'_>, child: &Child, resource: &Resource, state: &str) -> Value {
    let mut value = Map::new();
    value.insert("type".into(), json!(resource.resource_type));
    if let Some(identity) = &resource.identity {
        value.insert("identity".into(), identity.clone());
    }
    value.insert("id".into(), json!(resource.id.as_str()));
    value.insert("name".into(), json!(resource.name()));
    if let Some(location) = &resource.location {
        value.insert("location".into(), json!(location));
    }
    if let Some(tags) = &resource.tags {
        value.insert("tags".into(), json!(tags));
    }
    // Tasks and what belongs to them show it in all versions, as recorded.
    let of_tasks = matches!(child.kind, "tasks" | "taskRuns" | "agentPools");
    if of_tasks || change.request.version.as_str() >= body::WITH_SYSTEM_DATA {
        value.insert("systemData".into(), resource.system_data.body());
    }
    let mut properties = Map::new();
    properties.insert("provisioningState".into(), json!(state));
    properties.extend((child.show)(change, resource));
    value.insert("properties".into(), Value::Object(properties));
    Value::Object(value)
}
