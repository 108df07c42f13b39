//! `oauth2PermissionGrants`: what applications may do in people's names. Source: the Graph v1.0 reference of the resource.

use axum::http::Method;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::access::{self, What};
use super::call::{Answer, Call};
use super::error::Error;
use super::{body, objects};
use crate::entra::consent::grant_id;

const SET: &str = "oauth2PermissionGrants";
const RESOURCE: &str = "OAuth2PermissionGrant";

pub(super) fn answer(call: &Call<'_>, rest: &[&str]) -> Result<Answer, Error> {
    let grants = &call.world.directory.grants;
    let find = |id: &str| grants.read().get(id).cloned().ok_or_else(|| Error::not_found(id));
    match (&call.method, rest) {
        (&Method::GET, []) => call.list(SET, RESOURCE, grants.read().values().cloned().collect()),
        (&Method::POST, []) => create(call),
        (&Method::GET, [id]) => call.one(SET, RESOURCE, find(id)?),
        (&Method::PATCH, [id]) => {
            access::may_change(call, What::Grants, &[])?;
            let mut grant = find(id)?;
            let body = call.object()?;
            grant["scope"] = json!(scope(&body)?);
            grants.write().insert((*id).to_owned(), grant);
            Ok(Answer::nothing())
        }
        (&Method::DELETE, [id]) => {
            access::may_change(call, What::Grants, &[])?;
            find(id)?;
            grants.write().remove(*id);
            Ok(Answer::nothing())
        }
        (method, _) => Err(Error::not_implemented(&format!("{method} of {SET}"))),
    }
}

/// The grants of one client.
pub(super) fn of_client(call: &Call<'_>, client: Uuid) -> Result<Answer, Error> {
    let client = client.to_string();
    let grants =
        call.world.directory.grants.read().values().filter(|grant| grant["clientId"] == client.as_str()).cloned().collect();
    call.list(SET, RESOURCE, grants)
}

fn scope(body: &Map<String, Value>) -> Result<String, Error> {
    Ok(body.get("scope").and_then(Value::as_str).unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" "))
}

fn create(call: &Call<'_>) -> Result<Answer, Error> {
    access::may_create(call, What::Grants)?;
    let body = call.object()?;
    let principal = |name: &str| {
        let text = body::required(&body, name, RESOURCE)?;
        let id = Uuid::try_parse(text).ok().filter(|id| call.world.directory.principal(*id).is_some());
        id.ok_or_else(|| Error::not_found(text))
    };
    let (client, resource) = (principal("clientId")?, principal("resourceId")?);
    let consent = body::required(&body, "consentType", RESOURCE)?;
    let user = match consent {
        "AllPrincipals" => None,
        "Principal" => Some(principal("principalId")?),
        _ => return Err(Error::refused(format!("Invalid value specified for property 'consentType' of resource '{RESOURCE}'."))),
    };
    let id = grant_id(client, resource, user);
    let mut grants = call.world.directory.grants.write();
    if grants.contains_key(&id) {
        return Err(Error::refused("Permission entry already exists."));
    }
    let grant = json!({
        "clientId": client,
        "consentType": consent,
        "id": id,
        "principalId": user,
        "resourceId": resource,
        "scope": scope(&body)?,
    });
    grants.insert(id.clone(), grant.clone());
    let mut shown = grant;
    objects::put_first(&mut shown, "@odata.context", json!(call.context(&format!("{SET}/$entity"))));
    Ok(Answer::created(call.world, shown, &format!("{SET}/{id}")))
}
