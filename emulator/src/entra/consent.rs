//! What people allowed applications to do in their names: kept as delegated permission grants, which Graph shows.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use uuid::Uuid;

use super::client::Client;
use super::resources::granted;
use super::scope::Wanted;
use super::store::first_party;
use crate::world::World;

/// The id of a grant: client and resource, and the user if it is one user's (that part of its form is inferred).
pub fn grant_id(client: Uuid, resource: Uuid, user: Option<Uuid>) -> String {
    let mut bytes = Vec::with_capacity(48);
    for id in [Some(client), Some(resource), user].into_iter().flatten() {
        bytes.extend(id.to_bytes_le());
    }
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Records that a user consents to what an application asks for.
pub(super) fn record(world: &World, client: &Client, wanted: &Wanted, user: Uuid) {
    if client.first_party {
        return;
    }
    let resource = wanted.resource.principal.object_id;
    let mut scopes = granted(world, client.principal.object_id, resource, user);
    let asked = wanted.permissions.iter().flat_map(|permission| match permission.as_str() {
        ".default" => configured(client, wanted),
        other => vec![other.to_owned()],
    });
    for scope in asked {
        if !scopes.contains(&scope) {
            scopes.push(scope);
        }
    }
    if scopes.is_empty() {
        return;
    }
    let id = grant_id(client.principal.object_id, resource, Some(user));
    let grant = json!({
        "clientId": client.principal.object_id,
        "consentType": "Principal",
        "id": id,
        "principalId": user,
        "resourceId": resource,
        "scope": scopes.join(" "),
    });
    world.directory.grants.write().insert(id, grant);
}

/// What an application's registration asks of a resource (`requiredResourceAccess`); by default everything that Microsoft's own
/// clients may do there (azlet's own simplification).
fn configured(client: &Client, wanted: &Wanted) -> Vec<String> {
    let required = client.application.as_ref().and_then(|application| application.members.get("requiredResourceAccess"));
    let resource = wanted.resource.app_id.to_string();
    let access = required.and_then(Value::as_array).into_iter().flatten().find(|it| it["resourceAppId"] == resource.as_str());
    let names = first_party(wanted.resource.app_id).map(|known| known.delegated.as_slice()).unwrap_or_default();
    let named: Vec<String> = access
        .and_then(|access| access["resourceAccess"].as_array())
        .into_iter()
        .flatten()
        .filter(|it| it["type"] == "Scope")
        .filter_map(|it| Uuid::try_parse(it["id"].as_str()?).ok())
        .filter_map(|id| names.iter().find(|(known, _)| *known == id).map(|(_, name)| name.clone()))
        .collect();
    if named.is_empty() { wanted.resource.scopes.clone() } else { named }
}
