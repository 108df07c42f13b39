//! `applications`: create, read, change, delete, credentials, owners. Source: the Graph v1.0 reference of the resource; errors as
//! quoted in public, inferred ones marked where they are made.

use std::sync::Arc;

use axum::http::Method;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::access::{self, What};
use super::body::{self, Type};
use super::call::{Answer, Call};
use super::error::Error;
use super::relations::{self, Reference};
use super::{credentials, federated, objects};
use crate::entra::store::{Application, Credentials, PasswordCredential};

const RESOURCE: &str = "Application";

/// What the directory gives, and nobody sets.
const READ_ONLY: [&str; 7] = [
    "id",
    "appId",
    "deletedDateTime",
    "createdDateTime",
    "publisherDomain",
    "disabledByMicrosoftStatus",
    "applicationTemplateId",
];

const SIGN_IN_AUDIENCES: [&str; 4] =
    ["AzureADMyOrg", "AzureADMultipleOrgs", "AzureADandPersonalMicrosoftAccount", "PersonalMicrosoftAccount"];

pub(super) fn answer(call: &Call<'_>, rest: &[&str]) -> Result<Answer, Error> {
    match (&call.method, rest) {
        (&Method::GET, []) => call.list("applications", RESOURCE, all(call)),
        (&Method::GET, ["$count"]) => call.count(RESOURCE, &all(call)),
        (&Method::POST, []) => create(call),
        (_, [key, rest @ ..]) => one(call, &find(call, key)?, rest),
        _ => Err(Error::not_implemented(&format!("{} of applications", call.method))),
    }
}

fn all(call: &Call<'_>) -> Vec<Value> {
    call.world.directory.applications().iter().map(|application| objects::application(call.world, application, false)).collect()
}

/// An application by its object id, or by `appId=…` or `uniqueName=…`.
fn find(call: &Call<'_>, key: &str) -> Result<Arc<Application>, Error> {
    let directory = &call.world.directory;
    let id = |text: &str| Uuid::try_parse(text).ok();
    let found = if let Some(app_id) = key.strip_prefix("appId=") {
        id(app_id).and_then(|app_id| directory.application_by_app_id(app_id))
    } else if let Some(name) = key.strip_prefix("uniqueName=") {
        directory.applications().into_iter().find(|it| it.members.get("uniqueName").is_some_and(|unique| unique == name))
    } else {
        id(key).and_then(|id| directory.application(id))
    };
    found.ok_or_else(|| Error::not_found(key))
}

fn one(call: &Call<'_>, application: &Arc<Application>, rest: &[&str]) -> Result<Answer, Error> {
    let directory = &call.world.directory;
    let id = application.object_id;
    let own = [Some(id), directory.by_app_id(application.app_id).map(|principal| principal.object_id)];
    let own: Vec<Uuid> = own.into_iter().flatten().collect();
    let allowed = || access::may_change(call, What::Applications, &own);
    match (&call.method, rest) {
        (&Method::GET, []) => call.one("applications", RESOURCE, objects::application(call.world, application, false)),
        (&Method::PATCH, []) => {
            allowed()?;
            let changed = changed(call, application, call.object()?)?;
            directory.put_application(changed);
            Ok(Answer::nothing())
        }
        (&Method::DELETE, []) => {
            allowed()?;
            directory.delete_application(id, call.world.clock.now());
            Ok(Answer::nothing())
        }
        (&Method::POST, ["addPassword"]) => {
            allowed()?;
            let password = credentials::new_password(call)?;
            let add = |all: &mut Credentials| {
                all.passwords.push(password.clone());
                Ok(())
            };
            change_credentials(call, application, add)?;
            Ok(credentials::password_answer(call, &password))
        }
        (&Method::POST, ["removePassword"]) => {
            allowed()?;
            let key = credentials::named_key(call)?;
            change_credentials(call, application, |all| credentials::remove_password(all, key))?;
            Ok(Answer::nothing())
        }
        (_, ["owners", rest @ ..]) => {
            let owners = Reference { property: "owners", what: What::Applications, object: id, own: &own };
            relations::answer(call, &owners, rest)
        }
        (_, ["federatedIdentityCredentials", rest @ ..]) => federated::answer(call, application, rest),
        (_, [segment, ..]) => Err(Error::not_implemented(&format!("{} applications/{{id}}/{segment}", call.method))),
        (method, []) => Err(Error::not_implemented(&format!("{method} applications/{{id}}"))),
    }
}

fn change_credentials(
    call: &Call<'_>,
    application: &Application,
    change: impl FnOnce(&mut Credentials) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut changed = application.clone();
    change(&mut changed.credentials)?;
    call.world.directory.put_application(changed);
    Ok(())
}

fn create(call: &Call<'_>) -> Result<Answer, Error> {
    let world = call.world;
    access::may_create(call, What::Applications)?;
    let body = call.object()?;
    body::required(&body, "displayName", RESOURCE)?;
    let new = Application {
        object_id: world.ids.uuid(),
        app_id: world.ids.uuid(),
        display_name: String::new(),
        created: world.clock.now(),
        credentials: Credentials::default(),
        members: Map::new(),
    };
    let application = changed(call, &new, body)?;
    let shown = objects::application(world, &application, true);
    let id = application.object_id;
    world.directory.put_application(application);
    if call.caller.user().is_some() {
        world.directory.owners.add(id, call.caller.object_id);
    }
    Ok(call.created("applications", RESOURCE, shown, id))
}

/// The application as a body wants it.
fn changed(call: &Call<'_>, before: &Application, mut body: Map<String, Value>) -> Result<Application, Error> {
    let members = [&*objects::APPLICATION];
    let write_only = ["keyCredentials", "passwordCredentials", "owners@odata.bind"];
    Type { members: &members, write_only: &write_only, read_only: &READ_ONLY }.check(&body)?;
    let mut application = before.clone();
    if let Some(given) = body.remove("keyCredentials") {
        application.credentials.keys = credentials::wanted_keys(call.world, &before.credentials, &given)?;
    }
    if let Some(given) = body.remove("passwordCredentials") {
        application.credentials.passwords = kept(&before.credentials, &given)?;
    }
    if let Some(name) = body.remove("displayName") {
        let name = name.as_str().filter(|name| !name.is_empty()).ok_or_else(|| Error::required("displayName", RESOURCE))?;
        if name.chars().count() > 256 {
            return Err(Error::refused("Invalid value specified for property 'displayName' of resource 'Application'."));
        }
        application.display_name = name.to_owned();
    }
    if let Some(audience) = body.get("signInAudience").and_then(Value::as_str)
        && !SIGN_IN_AUDIENCES.contains(&audience)
    {
        return Err(Error::refused("Invalid value specified for property 'signInAudience' of resource 'Application'."));
    }
    body::merge(&mut application.members, body, &objects::APPLICATION);
    if let Some(roles) = application.members.get_mut("appRoles").and_then(Value::as_array_mut) {
        for role in roles.iter_mut().filter(|role| role.is_object()) {
            role["origin"] = json!("Application");
        }
    }
    identifier_uris(call, &application)?;
    Ok(application)
}

fn kept(credentials: &Credentials, given: &Value) -> Result<Vec<PasswordCredential>, Error> {
    credentials::kept_passwords(credentials, given)
}

/// Identifier URIs are unique in the tenant, and a web address among them lies in one of its domains.
fn identifier_uris(call: &Call<'_>, application: &Application) -> Result<(), Error> {
    let domain = &call.world.directory.tenant.domain;
    let uris = application.identifier_uris();
    for uri in &uris {
        let address = uri.strip_prefix("https://").or_else(|| uri.strip_prefix("http://"));
        let host = address.map(|rest| rest.split(['/', ':']).next().unwrap_or_default());
        if host.is_some_and(|host| host != domain && !host.ends_with(&format!(".{domain}"))) {
            return Err(Error::unverified_domain(uri));
        }
        if !uri.contains(':') {
            return Err(Error::refused("Invalid value specified for property 'identifierUris' of resource 'Application'."));
        }
    }
    let others = call.world.directory.applications();
    let taken = |other: &Arc<Application>| {
        let theirs = other.identifier_uris();
        other.object_id != application.object_id && uris.iter().any(|uri| theirs.iter().any(|it| it.eq_ignore_ascii_case(uri)))
    };
    if others.iter().any(taken) { Err(Error::conflict("identifierUris")) } else { Ok(()) }
}
