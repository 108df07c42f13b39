//! `servicePrincipals`: create for an application, read, change, delete, credentials, owners. Source: the Graph v1.0 reference of the
//! resource; errors as quoted in public.

use std::sync::Arc;

use axum::http::Method;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::access::{self, What};
use super::body::{self, Type};
use super::call::{Answer, Call};
use super::error::Error;
use super::relations::{self, Reference};
use super::{credentials, directory, objects, permission_grants};
use crate::entra::store::{Credentials, Kind, Principal, ServicePrincipal};
use crate::kernel::principal::PrincipalKind;

const RESOURCE: &str = "ServicePrincipal";

const READ_ONLY: [&str; 8] = [
    "id",
    "deletedDateTime",
    "createdDateTime",
    "appOwnerOrganizationId",
    "appDescription",
    "disabledByMicrosoftStatus",
    "applicationTemplateId",
    "verifiedPublisher",
];

pub(super) fn answer(call: &Call<'_>, rest: &[&str]) -> Result<Answer, Error> {
    match (&call.method, rest) {
        (&Method::GET, []) => call.list("servicePrincipals", RESOURCE, directory::all(call, PrincipalKind::ServicePrincipal)),
        (&Method::GET, ["$count"]) => call.count(RESOURCE, &directory::all(call, PrincipalKind::ServicePrincipal)),
        (&Method::POST, []) => {
            let body = call.object()?;
            create(call, body)
        }
        (&Method::PATCH, [key]) => upsert(call, key),
        (_, [key, rest @ ..]) => one(call, &find(call, key)?, rest),
        _ => Err(Error::not_implemented(&format!("{} of servicePrincipals", call.method))),
    }
}

/// A service principal by its object id, or by `appId=…`.
fn find(call: &Call<'_>, key: &str) -> Result<Arc<Principal>, Error> {
    let directory = &call.world.directory;
    let id = |text: &str| Uuid::try_parse(text).ok();
    let found = match key.strip_prefix("appId=") {
        Some(app_id) => id(app_id).and_then(|app_id| directory.by_app_id(app_id)),
        None => id(key).and_then(|id| directory.principal(id)),
    };
    found.filter(|principal| principal.service_principal().is_some()).ok_or_else(|| Error::not_found(key))
}

/// A change; with `Prefer: create-if-missing` what is missing is made.
fn upsert(call: &Call<'_>, key: &str) -> Result<Answer, Error> {
    let asked = call.headers.get("prefer").is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"create-if-missing"));
    match (find(call, key), key.strip_prefix("appId=")) {
        (Err(_), Some(app_id)) if asked => {
            let mut body = call.object()?;
            body.insert("appId".into(), json!(app_id));
            create(call, body)
        }
        (found, _) => one(call, &found?, &[]),
    }
}

fn create(call: &Call<'_>, body: Map<String, Value>) -> Result<Answer, Error> {
    let world = call.world;
    access::may_create(call, What::Applications)?;
    let text = body::required(&body, "appId", RESOURCE)?;
    let absent = || Error::no_backing_application(text);
    let app_id = Uuid::try_parse(text).map_err(|_| absent())?;
    if world.directory.by_app_id(app_id).is_some() {
        return Err(Error::service_principal_exists(text));
    }
    let application = world.directory.application_by_app_id(app_id).ok_or_else(absent)?;
    let kind = ServicePrincipal { app_id, managed_identity: None, credentials: Credentials::default() };
    let object_id = world.ids.uuid();
    let new = Principal::new(object_id, &application.display_name, Kind::ServicePrincipal(kind), world.clock.now());
    let principal = changed(call, &new, body)?;
    let principal = world.directory.put(principal);
    if call.caller.user().is_some() {
        world.directory.owners.add(object_id, call.caller.object_id);
    }
    Ok(call.created("servicePrincipals", RESOURCE, objects::object(world, &principal), object_id))
}

fn one(call: &Call<'_>, principal: &Arc<Principal>, rest: &[&str]) -> Result<Answer, Error> {
    let directory = &call.world.directory;
    let id = principal.object_id;
    let application = principal.app_id().and_then(|app_id| directory.application_by_app_id(app_id));
    let own: Vec<Uuid> = [Some(id), application.map(|application| application.object_id)].into_iter().flatten().collect();
    let allowed = || access::may_change(call, What::Applications, &own);
    match (&call.method, rest) {
        (&Method::GET, []) => call.one("servicePrincipals", RESOURCE, objects::object(call.world, principal)),
        (&Method::PATCH, []) => {
            allowed()?;
            directory.put(changed(call, principal, call.object()?)?);
            Ok(Answer::nothing())
        }
        (&Method::DELETE, []) => {
            allowed()?;
            not_managed(principal)?;
            directory.delete(id, call.world.clock.now());
            Ok(Answer::nothing())
        }
        (&Method::POST, ["addPassword"]) => {
            allowed()?;
            not_managed(principal)?;
            let password = credentials::new_password(call)?;
            change_credentials(call, id, |all| {
                all.passwords.push(password.clone());
                Ok(())
            })?;
            Ok(credentials::password_answer(call, &password))
        }
        (&Method::POST, ["removePassword"]) => {
            allowed()?;
            let key = credentials::named_key(call)?;
            change_credentials(call, id, |all| credentials::remove_password(all, key))?;
            Ok(Answer::nothing())
        }
        (_, ["owners", rest @ ..]) => {
            let owners = Reference { property: "owners", what: What::Applications, object: id, own: &own };
            relations::answer(call, &owners, rest)
        }
        (&Method::GET, ["oauth2PermissionGrants"]) => permission_grants::of_client(call, id),
        (&Method::GET, [list @ ("appRoleAssignments" | "appRoleAssignedTo")]) => {
            call.list(&format!("appRoleAssignments/{list}"), "AppRoleAssignment", Vec::new())
        }
        (_, rest) => directory::of_principal(call, principal, rest),
    }
}

/// What the platform manages cannot be changed in this way (the text is inferred).
fn not_managed(principal: &Principal) -> Result<(), Error> {
    match principal.service_principal().and_then(|it| it.managed_identity.as_deref()) {
        Some(resource) => {
            Err(Error::refused(format!("The service principal of a managed identity is managed by its resource '{resource}'.")))
        }
        None => Ok(()),
    }
}

fn change_credentials(
    call: &Call<'_>,
    id: Uuid,
    change: impl FnOnce(&mut Credentials) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut outcome = Ok(());
    call.world.directory.change(id, |principal| {
        if let Kind::ServicePrincipal(it) = &mut principal.kind {
            outcome = change(&mut it.credentials);
        }
    });
    outcome
}

fn changed(call: &Call<'_>, before: &Principal, mut body: Map<String, Value>) -> Result<Principal, Error> {
    let members = [&*objects::SERVICE_PRINCIPAL];
    let write_only = ["keyCredentials", "passwordCredentials", "appId"];
    Type { members: &members, write_only: &write_only, read_only: &READ_ONLY }.check(&body)?;
    let mut principal = before.clone();
    if let Some(app_id) = body.remove("appId") {
        let same = before.app_id().is_some_and(|own| app_id.as_str().is_some_and(|it| it.eq_ignore_ascii_case(&own.to_string())));
        if !same {
            return Err(Error::refused("Property 'appId' is read-only and cannot be set."));
        }
    }
    if let Some(Value::Bool(enabled)) = body.remove("accountEnabled") {
        principal.enabled = enabled;
    }
    if let Some(Value::String(name)) = body.remove("displayName") {
        principal.display_name = name;
    }
    let (keys, passwords) = (body.remove("keyCredentials"), body.remove("passwordCredentials"));
    if let Kind::ServicePrincipal(it) = &mut principal.kind {
        if let Some(given) = keys {
            it.credentials.keys = credentials::wanted_keys(call.world, &it.credentials, &given)?;
        }
        if let Some(given) = passwords {
            it.credentials.passwords = credentials::kept_passwords(&it.credentials, &given)?;
        }
    }
    body::merge(&mut principal.members, body, &objects::SERVICE_PRINCIPAL);
    Ok(principal)
}
