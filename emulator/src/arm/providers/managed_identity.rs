//! Microsoft.ManagedIdentity: user-assigned identities, each with a service principal in the directory, and their federated
//! credentials. Source: the provider's specification (2024-11-30); ids are written with `resourcegroups` in lower case.

use axum::http::{Method, StatusCode};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::super::error::{self, Error, Voice};
use super::super::headers::Answer;
use super::super::store::Resource;
use super::super::{Request, catalog};
use super::unimplemented;
use crate::entra::store::{Credentials, Kind, Principal, ServicePrincipal};
use crate::kernel::principal::Caller;
use crate::kernel::resource_id::ResourceId;
use crate::world::World;

/// The type, as the provider writes it.
pub const TYPE: &str = "Microsoft.ManagedIdentity/userAssignedIdentities";

/// What may be done with an identity by who gives it to a resource.
pub const ASSIGN: &str = "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action";

/// What an identity is to others.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The object id of its service principal.
    pub principal_id: Uuid,
    /// Its application id.
    pub client_id: Uuid,
}

impl Identity {
    /// The identity that a resource is.
    pub fn of(resource: &Resource) -> Option<Self> {
        let id = |key: &str| Uuid::try_parse(resource.properties.get(key)?.as_str()?).ok();
        Some(Self { principal_id: id("principalId")?, client_id: id("clientId")? })
    }
}

/// Makes a service principal for a managed identity of any kind.
pub(super) fn make_principal(world: &World, name: &str, resource: &ResourceId) -> Identity {
    let identity = Identity { principal_id: world.ids.uuid(), client_id: world.ids.uuid() };
    let kind = Kind::ServicePrincipal(ServicePrincipal {
        app_id: identity.client_id,
        managed_identity: Some(resource.as_str().to_owned()),
        credentials: Credentials::default(),
    });
    world.directory.put(Principal::new(identity.principal_id, name, kind, world.clock.now()));
    identity
}

/// Makes a user-assigned identity, as a PUT does and as a cluster does for its nodes.
pub(super) fn create(
    world: &World,
    caller: &Caller,
    id: ResourceId,
    location: &str,
    tags: Option<Map<String, Value>>,
) -> (Identity, std::sync::Arc<Resource>) {
    let now = world.clock.now();
    let identity = make_principal(world, id.name(), &id);
    let mut properties = Map::new();
    properties.insert("tenantId".into(), json!(world.directory.tenant.id));
    properties.insert("principalId".into(), json!(identity.principal_id));
    properties.insert("clientId".into(), json!(identity.client_id));
    let resource = world.arm.put_resource(Resource {
        location: Some(location.to_owned()),
        tags: Some(tags.unwrap_or_default()),
        properties,
        ..Resource::new(id, TYPE, caller, now)
    });
    (identity, resource)
}

/// An identity's service principal goes with it.
pub(super) fn removed(world: &World, resource: &Resource) {
    if let Some(identity) = Identity::of(resource) {
        world.directory.remove(identity.principal_id);
    }
}

pub(super) fn answer(request: &Request<'_>) -> Result<Answer, Error> {
    match (request.known.kind.name.as_str(), request.target.is_item()) {
        ("userAssignedIdentities", true) => identity(request),
        ("userAssignedIdentities", false) => {
            let page = request.page(TYPE, &request.target.owner(), body)?;
            Ok(Answer::json(Voice::Provider, StatusCode::OK, page))
        }
        ("userAssignedIdentities/federatedIdentityCredentials", item) => credentials(request, item),
        _ => Err(unimplemented(request)),
    }
}

fn body(resource: &Resource) -> Value {
    json!({
        "location": resource.location,
        "tags": resource.tags.clone().unwrap_or_default(),
        "id": resource.id.as_str(),
        "name": resource.name(),
        "type": resource.resource_type,
        "properties": resource.properties,
    })
}

fn identity(request: &Request<'_>) -> Result<Answer, Error> {
    let arm = &request.world.arm;
    let existing = arm.resource(&request.target.id);
    let answer = |status, resource: &Resource| Answer::json(Voice::Provider, status, body(resource));
    match (request.method, existing) {
        (&Method::PUT, Some(old)) => {
            let tags = request.body.get("tags").and_then(Value::as_object).cloned();
            let system_data = old.system_data.changed(&request.caller, request.now);
            let new = arm.put_resource(Resource { tags: tags.or_else(|| old.tags.clone()), system_data, ..(*old).clone() });
            Ok(answer(StatusCode::OK, &new))
        }
        (&Method::PUT, None) => {
            name(request.target.name())?;
            let id = request.canonical_id("resourcegroups");
            let location = catalog::normal_location(request.body["location"].as_str().unwrap_or_default());
            let tags = request.body.get("tags").and_then(Value::as_object).cloned();
            let (_, resource) = create(request.world, &request.caller, id, &location, tags);
            Ok(answer(StatusCode::CREATED, &resource).header("location", resource.id.as_str().to_owned()))
        }
        (&Method::PATCH, Some(old)) => {
            let tags = request.body.get("tags").and_then(Value::as_object).cloned();
            let new = arm.put_resource(Resource { tags: tags.or_else(|| old.tags.clone()), ..(*old).clone() });
            Ok(answer(StatusCode::OK, &new))
        }
        (&Method::DELETE, Some(old)) => {
            super::remove(request.world, &old);
            Ok(Answer::empty(Voice::Provider, StatusCode::OK))
        }
        (&Method::DELETE, None) => Ok(Answer::empty(Voice::Gateway, StatusCode::NO_CONTENT)),
        (_, Some(old)) => Ok(answer(StatusCode::OK, &old)),
        (_, None) => Err(error::resource_not_found(&request.target.id)),
    }
}

/// 3 to 128 letters, digits, `-` and `_`, the first no sign (code and text are inferred).
fn name(name: &str) -> Result<(), Error> {
    let plain = name.chars().all(|character| character.is_ascii_alphanumeric() || "-_".contains(character));
    let begins = name.starts_with(|first: char| first.is_ascii_alphanumeric());
    if plain && begins && (3..=128).contains(&name.len()) {
        return Ok(());
    }
    let message = format!(
        "The name '{name}' is invalid. It must be 3 to 128 characters of letters, digits, '-' and '_', beginning with a letter or digit."
    );
    Err(Error::provider(StatusCode::BAD_REQUEST, "InvalidRequest", message))
}

fn credential_body(resource: &Resource) -> Value {
    json!({ "id": resource.id.as_str(), "name": resource.name(), "type": resource.resource_type, "properties": resource.properties })
}

fn credentials(request: &Request<'_>, item: bool) -> Result<Answer, Error> {
    let arm = &request.world.arm;
    let id = request.canonical_id("resourcegroups");
    let parent = if item { id.parent().unwrap_or_else(ResourceId::root) } else { id };
    if arm.resource(&parent).is_none() {
        return Err(error::resource_not_found(&parent));
    }
    let kind = request.known.full_type();
    if !item {
        let all = arm.resources_of_type(&kind, &parent);
        let values: Vec<Value> = all.iter().map(|resource| credential_body(resource)).collect();
        return Ok(Answer::json(Voice::Provider, StatusCode::OK, json!({ "value": values })));
    }
    let id = request.canonical_id("resourcegroups");
    match (request.method, arm.resource(&id)) {
        (&Method::PUT, existing) => {
            let given = &request.body["properties"];
            let complete = given["issuer"].is_string() && given["subject"].is_string() && given["audiences"].is_array();
            if !complete {
                let message = "The federated identity credential needs the properties 'issuer', 'subject' and 'audiences'.";
                return Err(Error::provider(StatusCode::BAD_REQUEST, "BadRequest", message));
            }
            let properties =
                ["issuer", "subject", "audiences"].into_iter().map(|key| (key.to_owned(), given[key].clone())).collect();
            let status = if existing.is_some() { StatusCode::OK } else { StatusCode::CREATED };
            let new = Resource::new(id, kind, &request.caller, request.now);
            let resource = arm.put_resource(Resource { properties, ..new });
            Ok(Answer::json(Voice::Provider, status, credential_body(&resource)))
        }
        (&Method::DELETE, Some(resource)) => {
            super::remove(request.world, &resource);
            Ok(Answer::empty(Voice::Provider, StatusCode::OK))
        }
        (&Method::DELETE, None) => Ok(Answer::empty(Voice::Gateway, StatusCode::NO_CONTENT)),
        (_, Some(resource)) => Ok(Answer::json(Voice::Provider, StatusCode::OK, credential_body(&resource))),
        (_, None) => Err(error::resource_not_found(&request.target.id)),
    }
}

/// The identity of a resource as a write asks for it: a system-assigned one gets a service principal, user-assigned ones must
/// exist and the caller must be allowed to assign those that are new.
pub(super) fn assign(request: &Request<'_>, given: &Value, old: Option<&Value>) -> Result<Option<Value>, Error> {
    let kind = given["type"].as_str().unwrap_or("None");
    if kind.eq_ignore_ascii_case("None") {
        return Ok(None);
    }
    let wants = |wanted: &str| kind.split(',').any(|part| part.trim().eq_ignore_ascii_case(wanted));
    if !wants("SystemAssigned") && !wants("UserAssigned") {
        let message =
            format!("Error converting value \"{kind}\" to type 'IdentityType'. Path 'identity.type', line 1, position 1.");
        return Err(error::invalid_content(&message));
    }
    let mut identity = Map::new();
    identity.insert("type".into(), json!(kind));
    if wants("SystemAssigned") {
        let kept = old.and_then(|old| Uuid::try_parse(old["principalId"].as_str()?).ok());
        let id = request.canonical_id("resourceGroups");
        let principal = kept.unwrap_or_else(|| make_principal(request.world, id.name(), &id).principal_id);
        identity.insert("principalId".into(), json!(principal));
        identity.insert("tenantId".into(), json!(request.world.directory.tenant.id));
    }
    if wants("UserAssigned") {
        let mut assigned = Map::new();
        let mut refused = Vec::new();
        for id in given["userAssignedIdentities"].as_object().into_iter().flatten().map(|(id, _)| id) {
            let scope = ResourceId::new(id);
            let had = old.is_some_and(|old| old["userAssignedIdentities"].get(id).is_some());
            let resource = request.world.arm.resource(&scope);
            let allowed = had || request.may(ASSIGN, &scope);
            match resource.as_deref().and_then(Identity::of).filter(|_| allowed) {
                Some(Identity { principal_id, client_id }) => {
                    assigned.insert(id.clone(), json!({ "principalId": principal_id, "clientId": client_id }));
                }
                None => refused.push(id.clone()),
            }
        }
        if !refused.is_empty() {
            let (caller, scope) = (&request.caller, &request.target.id);
            let main = (request.action.as_str(), scope.as_str());
            return Err(error::linked_authorization_failed(&caller.label, caller.object_id, main, (ASSIGN, &refused)));
        }
        identity.insert("userAssignedIdentities".into(), Value::Object(assigned));
    }
    Ok(Some(Value::Object(identity)))
}
