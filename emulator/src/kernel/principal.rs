//! Who asks: the one who is named in a role assignment, and the caller of a request with the groups that it belongs to.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The kinds of principals that a role can be assigned to, by ARM's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PrincipalKind {
    /// A person.
    User,
    /// A group of principals.
    Group,
    /// An application or a managed identity.
    ServicePrincipal,
    /// A group of another tenant.
    ForeignGroup,
    /// A device.
    Device,
}

impl PrincipalKind {
    /// ARM's `principalType`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "User",
            Self::Group => "Group",
            Self::ServicePrincipal => "ServicePrincipal",
            Self::ForeignGroup => "ForeignGroup",
            Self::Device => "Device",
        }
    }
}

impl PrincipalKind {
    /// Every kind.
    pub const ALL: [Self; 5] = [Self::User, Self::Group, Self::ServicePrincipal, Self::ForeignGroup, Self::Device];

    /// The kind that a text names, in any case.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str().eq_ignore_ascii_case(text))
    }
}

/// An authenticated caller.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The object id in the directory.
    pub object_id: Uuid,
    /// How Azure's messages call it: the user principal name of a person, the application id of anything else.
    pub label: String,
    /// User or service principal.
    pub kind: PrincipalKind,
    /// The groups it belongs to, directly or through other groups.
    pub groups: Vec<Uuid>,
}

impl Caller {
    /// The caller's own id and those of its groups: everything that a role can have been given to.
    pub fn identities(&self) -> impl Iterator<Item = Uuid> {
        std::iter::once(self.object_id).chain(self.groups.iter().copied())
    }
}
