//! Who may change the directory. Reading is open to every principal of the tenant (azlet's own simplification: Entra asks an
//! application for a Graph permission).
//!
//! Writing is for the holders of a directory role (`directoryRoles` in the seed), for the owners of an object, and, as Entra's default
//! user permissions have it, for people who register an application or make a group. Source: "Default user permissions in Microsoft
//! Entra ID"; Entra's built-in roles.

use uuid::Uuid;

use super::call::Call;
use super::error::Error;
use crate::entra::store::directory_roles;

/// What can be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// Applications and service principals.
    Applications,
    /// Groups and their members.
    Groups,
    /// People.
    Users,
    /// Delegated permissions.
    Grants,
}

impl What {
    fn name(self) -> &'static str {
        match self {
            Self::Applications => "applications",
            Self::Groups => "groups",
            Self::Users => "users",
            Self::Grants => "grants",
        }
    }
}

/// Whether the caller may make something new.
pub(super) fn may_create(call: &Call<'_>, what: What) -> Result<(), Error> {
    let person = call.caller.user().is_some() && matches!(what, What::Applications | What::Groups);
    if person || holds_role(call, what) { Ok(()) } else { Err(Error::denied()) }
}

/// Whether the caller may change one of these objects, which belong together (an application and its service principal).
pub(super) fn may_change(call: &Call<'_>, what: What, objects: &[Uuid]) -> Result<(), Error> {
    let owns = objects.iter().any(|object| call.world.directory.owners.of(*object).contains(&call.caller.object_id));
    if owns || holds_role(call, what) { Ok(()) } else { Err(Error::denied()) }
}

fn holds_role(call: &Call<'_>, what: What) -> bool {
    let roles = directory_roles().iter().filter(|role| role.writes.iter().any(|writes| writes == what.name()));
    roles.into_iter().any(|role| call.caller.directory_roles.contains(&role.template_id))
}
