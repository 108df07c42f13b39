//! `owners` and `members`: lists of references that are added and taken away. Source: the Graph v1.0 reference; errors as quoted in
//! public.

use axum::http::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::access::{self, What};
use super::call::{Answer, Call};
use super::directory;
use super::error::Error;
use crate::kernel::principal::PrincipalKind;

/// A list of references of an object.
pub(super) struct Reference<'a> {
    /// `members` or `owners`.
    pub(super) property: &'a str,
    pub(super) what: What,
    pub(super) object: Uuid,
    /// The object, and what belongs to it: whose owners may change the list.
    pub(super) own: &'a [Uuid],
}

impl Reference<'_> {
    fn all(&self, call: &Call<'_>) -> Vec<Uuid> {
        let directory = &call.world.directory;
        if self.property == "members" { directory.members_of(self.object) } else { directory.owners.of(self.object) }
    }

    fn add(&self, call: &Call<'_>, id: Uuid) -> bool {
        let directory = &call.world.directory;
        if self.property == "members" { directory.add_member(self.object, id) } else { directory.owners.add(self.object, id) }
    }

    fn remove(&self, call: &Call<'_>, id: Uuid) -> bool {
        let directory = &call.world.directory;
        if self.property == "members" {
            directory.remove_member(self.object, id)
        } else {
            directory.owners.remove(self.object, id)
        }
    }
}

pub(super) fn answer(call: &Call<'_>, list: &Reference<'_>, rest: &[&str]) -> Result<Answer, Error> {
    match (&call.method, rest) {
        (&Method::GET, ["$ref"]) => {
            let address = |id: &Uuid| json!({ "@odata.id": format!("https://graph.microsoft.com/v2/{}/directoryObjects/{id}", call.world.directory.tenant.id) });
            let all: Vec<Value> = list.all(call).iter().map(address).collect();
            call.list("Collection($ref)", "DirectoryObject", all)
        }
        (&Method::GET, rest) => directory::principals(call, "directoryObjects", &list.all(call), rest),
        (&Method::POST, ["$ref"]) => {
            access::may_change(call, list.what, list.own)?;
            let body = call.object()?;
            let address = body.get("@odata.id").and_then(Value::as_str).ok_or_else(|| {
                Error::bad_request("The property '@odata.id' is required in the payload of a request that adds a reference.")
            })?;
            let id = addressed(call, address)?;
            fits(call, list, id)?;
            if list.add(call, id) { Ok(Answer::nothing()) } else { Err(Error::reference_exists(list.property)) }
        }
        (&Method::DELETE, [id, "$ref"]) => {
            access::may_change(call, list.what, list.own)?;
            let member = Uuid::try_parse(id).map_err(|_| Error::not_found(id))?;
            let all = list.all(call);
            if !all.contains(&member) {
                return Err(Error::not_found(id));
            }
            if list.property == "owners" && list.what == What::Groups && all.len() == 1 {
                return Err(Error::refused("The group must have at least one owner, hence this owner cannot be removed."));
            }
            list.remove(call, member);
            Ok(Answer::nothing())
        }
        _ => Err(Error::not_implemented(&format!("{} of {}", call.method, list.property))),
    }
}

/// An object owns nothing unless it can sign in, and no group holds itself (that text is inferred).
fn fits(call: &Call<'_>, list: &Reference<'_>, id: Uuid) -> Result<(), Error> {
    let kind = call.world.directory.principal(id).map(|principal| principal.principal_kind());
    if list.property == "owners" && kind == Some(PrincipalKind::Group) {
        return Err(Error::refused("The reference target 'Group' of type 'owners' is invalid for 'owners' reference."));
    }
    if list.property == "members" && id == list.object {
        return Err(Error::refused("A group cannot be a member of itself."));
    }
    Ok(())
}

/// The object that an address names; it must exist.
pub(super) fn addressed(call: &Call<'_>, address: &str) -> Result<Uuid, Error> {
    let last = address.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    let directory = &call.world.directory;
    let by_id = Uuid::try_parse(last).ok().and_then(|id| directory.principal(id));
    let found = by_id.or_else(|| directory.by_user_name(last));
    let graph = address.starts_with("https://graph.microsoft.com/");
    if !graph {
        return Err(Error::bad_request(format!("Invalid URL format specified in @odata.id: '{address}'.")));
    }
    found.map(|principal| principal.object_id).ok_or_else(|| Error::not_found(last))
}
