//! Microsoft.ManagedIdentity: user-assigned identities, each with a service principal in the directory, and their federated
//! credentials. Sources: the provider's specifications (2023-01-31 to 2025-05-31-preview) and answers recorded from it; ids are
//! written with `resourcegroups` in lower case.

mod associated;
mod credentials;

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
            let page = request.page(TYPE, &request.target.owner(), |resource| body(request, resource))?;
            Ok(Answer::json(Voice::Provider, StatusCode::OK, page))
        }
        ("userAssignedIdentities/federatedIdentityCredentials", item) => credentials::answer(request, item),
        ("userAssignedIdentities/listAssociatedResources", _) => associated::list(request),
        ("userAssignedIdentities/revokeTokens", _) => {
            request.resource()?;
            // Tokens name their principal and are judged when they are shown; there is nothing to keep for later.
            Ok(Answer::empty(Voice::Provider, StatusCode::OK))
        }
        ("identities", true) => associated::system_assigned(request),
        ("operations", _) => Ok(Answer::json(Voice::Provider, StatusCode::OK, associated::operations())),
        _ => Err(unimplemented(request)),
    }
}

/// Members of `properties` beside the ids, with the first api-version that knows each.
const MEMBERS: [(&str, &str); 2] = [("isolationScope", "2024-11-30"), ("assignmentRestrictions", "2025-05-31-preview")];

/// Where the machines that have an identity get its credentials.
fn secret_url(id: &ResourceId, location: &str, tenant: Uuid, principal: &str, client: &str) -> String {
    format!("https://control-{location}.identity.azure.net{}/credentials?tid={tenant}&oid={principal}&aid={client}", id.as_str())
}

/// An identity as an api-version shows it: until 2018-11-30 with the address of its credentials (recorded).
fn body(request: &Request<'_>, resource: &Resource) -> Value {
    let mut properties = resource.properties.clone();
    if request.version.as_str() < "2018-11-30" {
        let text = |member: &str| properties[member].as_str().unwrap_or_default();
        let (tenant, location) = (request.world.directory.tenant.id, resource.location.as_deref().unwrap_or_default());
        let url = secret_url(&resource.id, location, tenant, text("principalId"), text("clientId"));
        properties.insert("clientSecretUrl".into(), json!(url));
    }
    for (member, since) in MEMBERS {
        if request.version.as_str() < since {
            properties.shift_remove(member);
        }
    }
    json!({
        "location": resource.location,
        "tags": resource.tags.clone().unwrap_or_default(),
        "id": resource.id.as_str(),
        "name": resource.name(),
        "type": resource.resource_type,
        "properties": properties,
    })
}

fn identity(request: &Request<'_>) -> Result<Answer, Error> {
    let arm = &request.world.arm;
    let existing = arm.resource(&request.target.id);
    let answer = |status, resource: &Resource| Answer::json(Voice::Provider, status, body(request, resource));
    let tags = || request.body.get("tags").and_then(Value::as_object).cloned();
    match (request.method, existing) {
        (&Method::PUT, Some(old)) => {
            let new = arm.put_resource(changed(request, &old, tags())?);
            Ok(answer(StatusCode::OK, &new))
        }
        (&Method::PUT, None) => {
            name(request.target.name())?;
            let members = members(request)?;
            let id = request.canonical_id("resourcegroups");
            let location = catalog::normal_location(request.body["location"].as_str().unwrap_or_default());
            let (_, made) = create(request.world, &request.caller, id, &location, tags());
            let mut properties = made.properties.clone();
            properties.extend(members);
            let resource = arm.put_resource(Resource { properties, ..(*made).clone() });
            Ok(answer(StatusCode::CREATED, &resource).header("location", resource.id.as_str().to_owned()))
        }
        (&Method::PATCH, Some(old)) => {
            let new = arm.put_resource(changed(request, &old, tags())?);
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

/// What a write leaves out, an identity keeps.
fn changed(request: &Request<'_>, old: &Resource, tags: Option<Map<String, Value>>) -> Result<Resource, Error> {
    let mut properties = old.properties.clone();
    properties.extend(members(request)?);
    let system_data = old.system_data.changed(&request.caller, request.now);
    Ok(Resource { tags: tags.or_else(|| old.tags.clone()), system_data, properties, ..old.clone() })
}

/// The members of `properties` that a body may set.
fn members(request: &Request<'_>) -> Result<Map<String, Value>, Error> {
    let given = &request.body["properties"];
    let known = MEMBERS.iter().filter(|(_, since)| request.version.as_str() >= *since);
    let said = known.filter(|(member, _)| !given[*member].is_null());
    let members: Map<String, Value> = said.map(|(member, _)| ((*member).to_owned(), given[*member].clone())).collect();
    match members.get("isolationScope") {
        Some(scope) if scope != "None" && scope != "Regional" => {
            let message = format!("The isolation scope {scope} is invalid. It must be 'None' or 'Regional'.");
            Err(Error::provider(StatusCode::BAD_REQUEST, "BadRequest", message))
        }
        _ => Ok(members),
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
