//! Federated credentials of user-assigned identities. What is kept here is kept in the directory too, where the token endpoint looks.
//!
//! Sources: the provider's specification; "Important considerations and restrictions for federated identity credentials"; the texts
//! about missing properties and about a pair that is taken as quoted in public, other texts and codes inferred.

use axum::http::{Method, StatusCode};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::super::super::Request;
use super::super::super::error::{self, Error, Voice};
use super::super::super::headers::Answer;
use super::super::super::store::Resource;
use super::Identity;
use crate::entra::store::FederatedCredential;
use crate::kernel::resource_id::ResourceId;

/// An identity has so many at most.
const AT_MOST: usize = 20;

fn bad_request(message: impl Into<String>) -> Error {
    Error::provider(StatusCode::BAD_REQUEST, "BadRequest", message)
}

fn body(resource: &Resource) -> Value {
    json!({ "id": resource.id.as_str(), "name": resource.name(), "type": resource.resource_type, "properties": resource.properties })
}

pub(super) fn answer(request: &Request<'_>, item: bool) -> Result<Answer, Error> {
    let arm = &request.world.arm;
    let id = request.canonical_id("resourcegroups");
    let parent = if item { id.parent().unwrap_or_else(ResourceId::root) } else { request.target.owner() };
    let identity = arm.resource(&parent).ok_or_else(|| error::resource_not_found(&parent))?;
    let kind = request.known.full_type();
    if !item {
        return Ok(Answer::json(Voice::Provider, StatusCode::OK, request.page(&kind, &parent, body)?));
    }
    match (request.method, arm.resource(&id)) {
        (&Method::PUT, existing) => put(request, &identity, id, existing.as_deref()),
        (&Method::DELETE, Some(resource)) => {
            if let Some(Identity { principal_id, .. }) = Identity::of(&identity) {
                request.world.directory.federation.remove(principal_id, resource.name());
            }
            super::super::remove(request.world, &resource);
            Ok(Answer::empty(Voice::Provider, StatusCode::OK))
        }
        (&Method::DELETE, None) => Ok(Answer::empty(Voice::Gateway, StatusCode::NO_CONTENT)),
        (_, Some(resource)) => Ok(Answer::json(Voice::Provider, StatusCode::OK, body(&resource))),
        (_, None) => Err(error::resource_not_found(&request.target.id)),
    }
}

fn put(request: &Request<'_>, identity: &Resource, id: ResourceId, existing: Option<&Resource>) -> Result<Answer, Error> {
    let Some(Identity { principal_id, .. }) = Identity::of(identity) else {
        return Err(error::resource_not_found(&identity.id));
    };
    let credential = read(request, principal_id, existing)?;
    let mut properties = Map::new();
    properties.insert("issuer".into(), json!(credential.issuer));
    properties.insert("subject".into(), json!(credential.subject));
    properties.insert("audiences".into(), json!(credential.audiences));
    request.world.directory.federation.put(principal_id, credential);
    let new = Resource::new(id, request.known.full_type(), &request.caller, request.now);
    let base = existing.cloned().unwrap_or(new);
    let resource = request.world.arm.put_resource(Resource { properties, ..base });
    let status = if existing.is_some() { StatusCode::OK } else { StatusCode::CREATED };
    let answer = Answer::json(Voice::Provider, status, body(&resource));
    Ok(if existing.is_some() { answer } else { answer.header("location", resource.id.as_str().to_owned()) })
}

fn read(request: &Request<'_>, owner: Uuid, existing: Option<&Resource>) -> Result<FederatedCredential, Error> {
    let name = request.target.name();
    check_name(name)?;
    let given = &request.body["properties"];
    let text = |member: &str| given[member].as_str().map(str::trim).filter(|text| !text.is_empty());
    let audiences = given["audiences"].as_array().map(|all| all.iter().filter_map(Value::as_str).map(str::to_owned).collect());
    let audiences: Vec<String> = audiences.unwrap_or_default();
    let (Some(issuer), Some(subject), Some(first)) = (text("issuer"), text("subject"), audiences.first()) else {
        return Err(bad_request(
            "The request format was unexpected. Federated Identity Credential must specify 'issuer', 'subject' and 'audience'.",
        ));
    };
    if audiences.len() > 1 || first.is_empty() {
        return Err(bad_request(
            "The request format was unexpected. Federated Identity Credential must have exactly one audience.",
        ));
    }
    if !issuer.starts_with("https://") {
        return Err(bad_request(format!("The issuer '{issuer}' is invalid. It must be a URL that begins with https://.")));
    }
    let others: Vec<FederatedCredential> =
        request.world.directory.federation.of(owner).into_iter().filter(|it| !it.name.eq_ignore_ascii_case(name)).collect();
    if others.iter().any(|other| other.issuer == issuer && other.subject == subject) {
        let message = "Issuer and subject combination already exists for this Managed Identity.";
        return Err(Error::provider(StatusCode::CONFLICT, "Conflict", message));
    }
    if existing.is_none() && others.len() >= AT_MOST {
        return Err(bad_request(format!("Too many Federated Identity Credentials: a managed identity has at most {AT_MOST}.")));
    }
    Ok(FederatedCredential {
        id: request.world.ids.named(&format!("federated credential {owner} {}", name.to_lowercase())),
        name: name.to_owned(),
        issuer: issuer.to_owned(),
        subject: subject.to_owned(),
        audiences,
        description: None,
    })
}

/// 3 to 120 letters, digits, `-` and `_`, beginning with a letter or digit.
fn check_name(name: &str) -> Result<(), Error> {
    let plain = name.chars().all(|character| character.is_ascii_alphanumeric() || "-_".contains(character));
    let begins = name.starts_with(|first: char| first.is_ascii_alphanumeric());
    if plain && begins && (3..=120).contains(&name.len()) {
        return Ok(());
    }
    Err(bad_request(format!(
        "The name '{name}' of the Federated Identity Credential is invalid. It must match '^[a-zA-Z0-9]{{1}}[a-zA-Z0-9-_]{{2,119}}$'."
    )))
}
