//! `users` and `me`. Source: the Graph v1.0 reference of the resource; errors as quoted in public.

use std::sync::Arc;

use axum::http::Method;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::access::{self, What};
use super::body::{self, Type};
use super::call::{Answer, Call};
use super::error::Error;
use super::{directory, objects};
use crate::entra::store::{Kind, Principal, SignIn, User};
use crate::kernel::principal::PrincipalKind;

const RESOURCE: &str = "User";

const READ_ONLY: [&str; 5] = ["id", "createdDateTime", "deletedDateTime", "securityIdentifier", "lastPasswordChangeDateTime"];

pub(super) fn answer(call: &Call<'_>, rest: &[&str]) -> Result<Answer, Error> {
    match (&call.method, rest) {
        (&Method::GET, []) => call.list("users", RESOURCE, directory::all(call, PrincipalKind::User)),
        (&Method::GET, ["$count"]) => call.count(RESOURCE, &directory::all(call, PrincipalKind::User)),
        (&Method::POST, []) => create(call),
        (_, [key, rest @ ..]) => one(call, &find(call, key)?, rest, false),
        _ => Err(Error::not_implemented(&format!("{} of users", call.method))),
    }
}

/// The caller, who must be a person.
pub(super) fn me(call: &Call<'_>, rest: &[&str]) -> Result<Answer, Error> {
    if call.caller.user().is_none() {
        return Err(Error::bad_request("/me request is only valid with delegated authentication flow."));
    }
    one(call, &call.caller.clone(), rest, true)
}

/// A user by its object id or its name.
fn find(call: &Call<'_>, key: &str) -> Result<Arc<Principal>, Error> {
    let by_id = Uuid::try_parse(key).ok().and_then(|id| call.world.directory.principal(id));
    let found = by_id.or_else(|| call.world.directory.by_user_name(key));
    found.filter(|principal| principal.user().is_some()).ok_or_else(|| Error::not_found(key))
}

fn one(call: &Call<'_>, principal: &Arc<Principal>, rest: &[&str], own: bool) -> Result<Answer, Error> {
    let directory = &call.world.directory;
    let id = principal.object_id;
    let allowed = || access::may_change(call, What::Users, &[]);
    match (&call.method, rest) {
        (&Method::GET, []) => call.one("users", RESOURCE, objects::object(call.world, principal)),
        (&Method::PATCH, []) => {
            allowed()?;
            directory.put(changed(call, principal, call.object()?)?);
            Ok(Answer::nothing())
        }
        (&Method::DELETE, []) => {
            allowed()?;
            directory.delete(id, call.world.clock.now());
            Ok(Answer::nothing())
        }
        (&Method::POST, ["revokeSignInSessions"]) => {
            if !own && id != call.caller.object_id {
                allowed()?;
            }
            directory.change(id, |principal| revoke(call, principal));
            Ok(Answer::ok(json!({ "@odata.context": call.context("Edm.Boolean"), "value": true })))
        }
        (&Method::POST, ["changePassword"]) if own => change_password(call, principal),
        (&Method::GET, ["manager"]) => Err(Error::not_found("manager")),
        (_, rest) => directory::of_principal(call, principal, rest),
    }
}

fn revoke(call: &Call<'_>, principal: &mut Principal) {
    if let Kind::User(user) = &mut principal.kind {
        let now = call.world.clock.now();
        // To the second, as tokens tell their time.
        user.tokens_valid_from = jiff::Timestamp::from_second(now.as_second()).unwrap_or(now);
    }
}

/// A person's own change of the password.
fn change_password(call: &Call<'_>, principal: &Principal) -> Result<Answer, Error> {
    let body = call.object()?;
    let (old, new) = (body::required(&body, "currentPassword", RESOURCE)?, body::required(&body, "newPassword", RESOURCE)?);
    if !principal.user().is_some_and(|user| user.password.is(old)) {
        return Err(Error::refused("The specified password does not match the current password of the user."));
    }
    strong(new)?;
    call.world.directory.change(principal.object_id, |principal| {
        if let Kind::User(user) = &mut principal.kind {
            user.password = new.to_owned().into();
            user.sign_in = if user.sign_in == SignIn::PasswordExpired { SignIn::Allowed } else { user.sign_in };
        }
        revoke(call, principal);
    });
    Ok(Answer::nothing())
}

fn create(call: &Call<'_>) -> Result<Answer, Error> {
    let world = call.world;
    access::may_create(call, What::Users)?;
    let body = call.object()?;
    for name in ["accountEnabled", "displayName", "mailNickname", "passwordProfile", "userPrincipalName"] {
        if body.get(name).is_none_or(|value| value.is_null() || value == "") {
            return Err(Error::required(name, RESOURCE));
        }
    }
    let object_id = world.ids.uuid();
    let new = Principal::new(object_id, "", Kind::User(User::new("", String::new())), world.clock.now());
    let principal = world.directory.put(changed(call, &new, body)?);
    let mut shown = objects::object(world, &principal);
    // What is new shows its id first.
    if let Value::Object(members) = &mut shown {
        members.shift_remove("id");
    }
    objects::put_first(&mut shown, "id", json!(object_id));
    Ok(call.created("users", RESOURCE, shown, object_id))
}

fn changed(call: &Call<'_>, before: &Principal, mut body: Map<String, Value>) -> Result<Principal, Error> {
    let members = [&*objects::USER, &*objects::USER_ON_DEMAND];
    Type { members: &members, write_only: &["passwordProfile"], read_only: &READ_ONLY }.check(&body)?;
    let mut principal = before.clone();
    if let Some(Value::Bool(enabled)) = body.remove("accountEnabled") {
        principal.enabled = enabled;
    }
    if let Some(name) = body.remove("displayName") {
        let name = name.as_str().filter(|name| !name.is_empty());
        principal.display_name = name.ok_or_else(|| Error::required("displayName", RESOURCE))?.to_owned();
    }
    let name = body.remove("userPrincipalName").and_then(|name| name.as_str().map(str::to_owned));
    if let Some(name) = &name {
        check_name(call, before.object_id, name)?;
    }
    if let Some(nickname) = body.get("mailNickname").and_then(Value::as_str)
        && nickname.contains(|sign: char| sign.is_whitespace() || "@()\\[]\";:<>,".contains(sign))
    {
        return Err(Error::refused("Invalid value specified for property 'mailNickname' of resource 'User'."));
    }
    let profile = body.remove("passwordProfile");
    if let Some(profile) = profile.as_ref().and_then(Value::as_object) {
        set_password(&mut principal, profile)?;
        revoke(call, &mut principal);
    }
    if let (Kind::User(user), Some(name)) = (&mut principal.kind, name) {
        user.user_principal_name = name;
    }
    body::merge(&mut principal.members, body, &objects::USER_ON_DEMAND);
    Ok(principal)
}

/// A password to change at the next sign-in gets no token until then.
fn set_password(principal: &mut Principal, profile: &Map<String, Value>) -> Result<(), Error> {
    let Kind::User(user) = &mut principal.kind else { return Ok(()) };
    let forced = profile.get("forceChangePasswordNextSignIn").and_then(Value::as_bool);
    match profile.get("password").and_then(Value::as_str) {
        Some(password) => {
            strong(password)?;
            user.password = password.to_owned().into();
            user.sign_in = if forced.unwrap_or(true) { SignIn::PasswordExpired } else { SignIn::Allowed };
        }
        None if user.password.reveal().is_empty() => return Err(Error::required("passwordProfile/password", RESOURCE)),
        None if forced == Some(true) => user.sign_in = SignIn::PasswordExpired,
        None => {}
    }
    Ok(())
}

fn check_name(call: &Call<'_>, own: Uuid, name: &str) -> Result<(), Error> {
    let tenant = &call.world.directory.tenant;
    let Some((local, domain)) = name.rsplit_once('@').filter(|(local, _)| !local.is_empty()) else {
        return Err(Error::refused("Invalid value specified for property 'userPrincipalName' of resource 'User'."));
    };
    if !domain.eq_ignore_ascii_case(&tenant.domain) {
        return Err(Error::refused(
            "The domain portion of the userPrincipalName property is invalid. You must use one of the verified domain names in your \
             organization.",
        ));
    }
    let allowed = |sign: char| sign.is_alphanumeric() || "'.-_!#^~$%&*+/=?`{|}".contains(sign);
    if !local.chars().all(allowed) || local.len() > 64 {
        return Err(Error::refused("Invalid value specified for property 'userPrincipalName' of resource 'User'."));
    }
    match call.world.directory.by_user_name(name) {
        Some(other) if other.object_id != own => Err(Error::conflict("userPrincipalName")),
        _ => Ok(()),
    }
}

/// At least eight signs of three kinds.
fn strong(password: &str) -> Result<(), Error> {
    let has = |kind: fn(char) -> bool| usize::from(password.chars().any(kind));
    let kinds = has(|sign| sign.is_lowercase())
        + has(|sign| sign.is_uppercase())
        + has(|sign| sign.is_ascii_digit())
        + has(|sign| !sign.is_alphanumeric());
    if (8..=256).contains(&password.chars().count()) && kinds >= 3 {
        return Ok(());
    }
    Err(Error::refused(
        "The specified password does not comply with password complexity requirements. Please provide a different password.",
    ))
}
