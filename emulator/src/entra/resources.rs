//! What tokens are for: Microsoft's services, and the tenant's own applications by their identifier URIs. The resource decides the
//! version of its tokens, not the endpoint. Source: Microsoft's access token reference.

use std::sync::Arc;

use serde_json::Value;
use uuid::Uuid;

use super::error::Error;
use super::store::{Principal, first_parties};
use crate::world::World;

/// Microsoft Graph, which scopes without a resource are for.
pub(super) const GRAPH: &str = "https://graph.microsoft.com";

/// A service that takes tokens.
#[derive(Clone, Debug)]
pub struct Resource {
    /// Its application id.
    pub app_id: Uuid,
    /// Its service principal in the tenant.
    pub principal: Arc<Principal>,
    /// The version of its tokens.
    pub version: u8,
    /// What Microsoft's own clients may do there in a user's name.
    pub scopes: Vec<String>,
}

/// The resource that an audience names, if the tenant has it.
pub fn resolve(world: &World, audience: &str) -> Result<Resource, Error> {
    let resource =
        find(world, audience).ok_or_else(|| Error::resource_not_found(audience, &world.directory.tenant.display_name))?;
    if !resource.principal.enabled {
        return Err(Error::resource_disabled(audience));
    }
    Ok(resource)
}

fn find(world: &World, audience: &str) -> Option<Resource> {
    let bare = audience.strip_suffix('/').unwrap_or(audience);
    let id = Uuid::try_parse(bare).ok();
    let is = |uri: &String| uri.eq_ignore_ascii_case(bare) || uri.eq_ignore_ascii_case(audience);
    let known = first_parties().iter().find(|known| Some(known.app_id) == id || known.identifier_uris.iter().any(is));
    if let Some(known) = known {
        let principal = world.directory.by_app_id(known.app_id)?;
        return Some(Resource { app_id: known.app_id, principal, version: known.version, scopes: known.scopes.clone() });
    }
    let named = world.directory.applications().into_iter().find(|it| it.identifier_uris().iter().any(is));
    let app_id = named.map(|application| application.app_id).or(id)?;
    let principal = world.directory.by_app_id(app_id)?;
    let application = world.directory.application_by_app_id(app_id);
    let api = application.as_ref().and_then(|application| application.members.get("api"));
    let version =
        api.and_then(|api| api["requestedAccessTokenVersion"].as_u64()).filter(|version| *version == 2).map_or(1, |_| 2);
    let offered = api.and_then(|api| api["oauth2PermissionScopes"].as_array()).into_iter().flatten();
    let scopes = offered.filter_map(|scope| scope["value"].as_str().map(str::to_owned)).collect();
    Some(Resource { app_id, principal, version, scopes })
}

/// What a user, or an administrator for all, allowed an application to do at a resource.
pub(super) fn granted(world: &World, client: Uuid, resource: Uuid, user: Uuid) -> Vec<String> {
    let grants = world.directory.grants.read();
    let names = |grant: &Value, member: &str, id: Uuid| grant[member].as_str().is_some_and(|text| text == id.to_string());
    grants
        .values()
        .filter(|grant| names(grant, "clientId", client) && names(grant, "resourceId", resource))
        .filter(|grant| grant["consentType"] == "AllPrincipals" || names(grant, "principalId", user))
        .flat_map(|grant| grant["scope"].as_str().unwrap_or_default().split_whitespace())
        .map(str::to_owned)
        .collect()
}
