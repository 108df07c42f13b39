//! What every tenant has from the beginning: Microsoft's own applications (`fixtures/entra/first-party.json`) and the directory
//! roles (`fixtures/entra/directory-roles.json`).

use std::sync::LazyLock;

use jiff::Timestamp;
use serde::Deserialize;
use uuid::Uuid;

use super::{Credentials, Kind, Principal, ServicePrincipal, Store};
use crate::kernel::ids::Ids;

/// An application of Microsoft's: a service that tokens are for, or a client that people sign in with.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FirstParty {
    /// Its application id.
    pub app_id: Uuid,
    /// The name that people see.
    pub display_name: String,
    /// The audiences by which it is known, without a slash behind.
    #[serde(default)]
    pub identifier_uris: Vec<String>,
    /// What Microsoft's own clients may do there in a user's name.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// Delegated permissions that other clients can name by id: id and value.
    #[serde(default)]
    pub delegated: Vec<(Uuid, String)>,
    /// The version of the tokens that it takes.
    #[serde(default = "one")]
    pub version: u8,
    /// Whether it is a client on people's machines.
    #[serde(default)]
    pub public_client: bool,
    /// Whether it shares refresh tokens with others of its family.
    #[serde(default)]
    pub family: bool,
    /// Where it receives codes.
    #[serde(default)]
    pub redirect_uris: Vec<String>,
}

fn one() -> u8 {
    1
}

/// A directory role.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DirectoryRole {
    /// The same in every tenant.
    pub template_id: Uuid,
    /// Its name.
    pub display_name: String,
    /// What it is for.
    pub description: String,
    /// What its holders may change.
    pub writes: Vec<String>,
}

static FIRST_PARTIES: LazyLock<Vec<FirstParty>> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../../../../fixtures/entra/first-party.json"))
        .expect("fixtures/entra/first-party.json holds applications: a test reads it")
});

static DIRECTORY_ROLES: LazyLock<Vec<DirectoryRole>> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../../../../fixtures/entra/directory-roles.json"))
        .expect("fixtures/entra/directory-roles.json holds roles: a test reads it")
});

/// All of Microsoft's own applications.
pub fn first_parties() -> &'static [FirstParty] {
    &FIRST_PARTIES
}

/// One of Microsoft's own applications.
pub fn first_party(app_id: Uuid) -> Option<&'static FirstParty> {
    FIRST_PARTIES.iter().find(|known| known.app_id == app_id)
}

/// All directory roles.
pub fn directory_roles() -> &'static [DirectoryRole] {
    &DIRECTORY_ROLES
}

/// A directory role by its name, in any case, or by its template id.
pub fn directory_role(name: &str) -> Option<&'static DirectoryRole> {
    let is = |role: &&DirectoryRole| {
        role.display_name.eq_ignore_ascii_case(name) || Uuid::try_parse(name).is_ok_and(|id| id == role.template_id)
    };
    DIRECTORY_ROLES.iter().find(is)
}

impl Store {
    /// Puts the service principals of Microsoft's own applications.
    pub fn plant(&self, ids: &Ids, now: Timestamp) {
        for known in first_parties() {
            let object_id = ids.named(&format!("service principal of {}", known.app_id));
            let kind = ServicePrincipal { app_id: known.app_id, managed_identity: None, credentials: Credentials::default() };
            self.put(Principal::new(object_id, &known.display_name, Kind::ServicePrincipal(kind), now));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_every_tenant_has_can_be_read() {
        assert!(first_parties().iter().any(|known| known.public_client && known.family));
        assert_eq!(directory_role("global administrator").map(|role| role.writes.len()), Some(4));
        assert!(directory_role("88d8e3e3-8f55-4a1e-953a-9b9898b8876b").is_some_and(|role| role.writes.is_empty()));
    }
}
