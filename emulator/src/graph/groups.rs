//! `groups`: create, read, change, delete, members and owners. Source: the Graph v1.0 reference of the resource; errors as quoted in
//! public.

use std::sync::Arc;

use axum::http::Method;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::access::{self, What};
use super::body::{self, Type};
use super::call::{Answer, Call};
use super::error::Error;
use super::relations::{self, Reference};
use super::{directory, objects};
use crate::entra::store::{Kind, Principal};
use crate::kernel::principal::PrincipalKind;

const RESOURCE: &str = "Group";

const READ_ONLY: [&str; 6] = ["id", "createdDateTime", "deletedDateTime", "renewedDateTime", "securityIdentifier", "mail"];

pub(super) fn answer(call: &Call<'_>, rest: &[&str]) -> Result<Answer, Error> {
    match (&call.method, rest) {
        (&Method::GET, []) => call.list("groups", RESOURCE, directory::all(call, PrincipalKind::Group)),
        (&Method::GET, ["$count"]) => call.count(RESOURCE, &directory::all(call, PrincipalKind::Group)),
        (&Method::POST, []) => create(call),
        (_, [key, rest @ ..]) => one(call, &find(call, key)?, rest),
        _ => Err(Error::not_implemented(&format!("{} of groups", call.method))),
    }
}

fn find(call: &Call<'_>, key: &str) -> Result<Arc<Principal>, Error> {
    let found = Uuid::try_parse(key).ok().and_then(|id| call.world.directory.principal(id));
    found.filter(|principal| matches!(principal.kind, Kind::Group)).ok_or_else(|| Error::not_found(key))
}

fn one(call: &Call<'_>, group: &Arc<Principal>, rest: &[&str]) -> Result<Answer, Error> {
    let id = group.object_id;
    let own = [id];
    let allowed = || access::may_change(call, What::Groups, &own);
    match (&call.method, rest) {
        (&Method::GET, []) => call.one("groups", RESOURCE, objects::object(call.world, group)),
        (&Method::PATCH, []) => {
            allowed()?;
            let mut body = call.object()?;
            let added = bound(call, &body, "members@odata.bind")?;
            body.shift_remove("members@odata.bind");
            let changed = changed(group, body)?;
            let directory = &call.world.directory;
            if added.iter().any(|member| directory.members_of(id).contains(member)) {
                return Err(Error::reference_exists("members"));
            }
            directory.put(changed);
            added.into_iter().for_each(|member| {
                directory.add_member(id, member);
            });
            Ok(Answer::nothing())
        }
        (&Method::DELETE, []) => {
            allowed()?;
            // Security groups cannot be restored.
            call.world.directory.remove(id);
            Ok(Answer::nothing())
        }
        (_, [property @ ("members" | "owners"), rest @ ..]) => {
            relations::answer(call, &Reference { property, what: What::Groups, object: id, own: &own }, rest)
        }
        (&Method::GET, ["transitiveMembers", rest @ ..]) => {
            let members = call.world.directory.transitive_members_of(id);
            directory::principals(call, "directoryObjects", &members, rest)
        }
        (_, rest) => directory::of_principal(call, group, rest),
    }
}

/// The objects that a body names by their addresses.
fn bound(call: &Call<'_>, body: &Map<String, Value>, name: &str) -> Result<Vec<Uuid>, Error> {
    let addresses = body.get(name).and_then(Value::as_array).into_iter().flatten();
    addresses.map(|address| relations::addressed(call, address.as_str().unwrap_or_default())).collect()
}

fn create(call: &Call<'_>) -> Result<Answer, Error> {
    let world = call.world;
    access::may_create(call, What::Groups)?;
    let mut body = call.object()?;
    for name in ["displayName", "mailEnabled", "mailNickname", "securityEnabled"] {
        if body.get(name).is_none_or(|value| value.is_null() || value == "") {
            return Err(Error::required(name, RESOURCE));
        }
    }
    let (members, owners) = (bound(call, &body, "members@odata.bind")?, bound(call, &body, "owners@odata.bind")?);
    body.retain(|name, _| !name.contains('@'));
    let object_id = world.ids.uuid();
    let new = Principal::new(object_id, "", Kind::Group, world.clock.now());
    let group = world.directory.put(changed(&new, body)?);
    members.into_iter().for_each(|member| {
        world.directory.add_member(object_id, member);
    });
    let creator = call.caller.user().map(|_| call.caller.object_id);
    owners.into_iter().chain(creator).for_each(|owner| {
        world.directory.owners.add(object_id, owner);
    });
    Ok(call.created("groups", RESOURCE, objects::object(world, &group), object_id))
}

fn changed(before: &Principal, mut body: Map<String, Value>) -> Result<Principal, Error> {
    let members = [&*objects::GROUP];
    Type { members: &members, write_only: &[], read_only: &READ_ONLY }.check(&body)?;
    let mut group = before.clone();
    if let Some(name) = body.remove("displayName") {
        let name = name.as_str().filter(|name| !name.is_empty() && name.chars().count() <= 256);
        group.display_name = name.ok_or_else(|| Error::required("displayName", RESOURCE))?.to_owned();
    }
    if let Some(nickname) = body.get("mailNickname").and_then(Value::as_str) {
        let bad = |sign: char| sign.is_whitespace() || !sign.is_ascii() || "@()\\[]\";:<>,".contains(sign);
        if nickname.contains(bad) || nickname.len() > 64 {
            return Err(Error::refused("Invalid value specified for property 'mailNickname' of resource 'Group'."));
        }
    }
    body::merge(&mut group.members, body, &objects::GROUP);
    let said = |name: &str| group.members.get(name).and_then(Value::as_bool);
    let unified =
        group.members.get("groupTypes").and_then(Value::as_array).is_some_and(|all| all.iter().any(|it| it == "Unified"));
    if said("mailEnabled") == Some(true) && !unified {
        return Err(Error::refused(
            "The service does not currently support writes of mail-enabled groups. Please ensure that the mail-enablement property is unset and the security-enablement property is set.",
        ));
    }
    if said("mailEnabled") == Some(false) && said("securityEnabled") == Some(false) {
        return Err(Error::refused("A group must be mail-enabled or security-enabled, or both."));
    }
    Ok(group)
}
