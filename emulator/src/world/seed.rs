//! The world that every emulator starts with (`fixtures/world/seed.json`, documented in the README).

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::World;
use crate::entra::store::{
    Application, Credentials, Kind, PasswordCredential, Principal, ServicePrincipal, Tenant, User, directory_role,
};
use crate::kernel::access::{ManagementGroup, RoleAssignment};
use crate::kernel::container_script::{Fault, ImageScript};
use crate::kernel::resource_id::ResourceId;
use crate::kernel::settings::Values as Settings;

const DEFAULT_WORLD: &str = include_str!("../../../fixtures/world/seed.json");

/// What a world begins with.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Seed {
    tenant: SeedTenant,
    /// The subscriptions; the first is the default one.
    pub subscriptions: Vec<SeedSubscription>,
    /// Who is in the directory, with which roles.
    pub principals: Vec<SeedPrincipal>,
    /// Public images that can be imported and pulled without a network.
    pub images: Vec<SeedImage>,
    /// How long ARM's long-running operations take, by action or a pattern of it: `{"*": "30s"}`. No time at all if none is set.
    #[serde(default)]
    pub operation_times: BTreeMap<String, SeedDuration>,
    /// Delays, all zero if absent.
    #[serde(default)]
    pub settings: Settings,
    /// What containers do in the simulated clusters, by image (docs/CONTAINERS.md).
    #[serde(default)]
    pub containers: Vec<SeedContainers>,
}

/// A duration, written `90s` or `1m30s`.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SeedDuration(pub Duration);

impl TryFrom<String> for SeedDuration {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let duration = text.parse::<SignedDuration>().ok().and_then(|duration| Duration::try_from(duration).ok());
        duration.map(Self).ok_or_else(|| format!("{text:?} is not a duration; write it as 10s, 5m or 1h30m"))
    }
}

impl From<SeedDuration> for String {
    fn from(SeedDuration(duration): SeedDuration) -> Self {
        format!("{:#}", SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX))
    }
}

/// What containers of some images do, as it was written and as it was read.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "serde_json::Value", into = "serde_json::Value")]
pub struct SeedContainers {
    written: serde_json::Value,
    /// As it was read.
    pub script: ImageScript,
}

impl TryFrom<serde_json::Value> for SeedContainers {
    type Error = Fault;

    fn try_from(value: serde_json::Value) -> Result<Self, Self::Error> {
        let script = ImageScript::read(&value)?;
        Ok(Self { written: value, script })
    }
}

impl From<SeedContainers> for serde_json::Value {
    fn from(containers: SeedContainers) -> Self {
        containers.written
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SeedTenant {
    id: Uuid,
    domain: String,
    display_name: String,
}

/// A subscription of the seed.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SeedSubscription {
    /// Its id.
    pub id: Uuid,
    /// The name that people see.
    pub display_name: String,
}

/// A principal of the seed.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SeedPrincipal {
    /// The short name by which `azlet exec --as` chooses it.
    pub name: String,
    /// Its object id.
    pub object_id: Uuid,
    /// The name that people see.
    pub display_name: String,
    /// The application id, of a service principal.
    pub app_id: Option<Uuid>,
    /// The client secret, of a service principal.
    pub client_secret: Option<String>,
    /// The name to sign in with, of a user.
    pub user_principal_name: Option<String>,
    /// The password to sign in with, of a user.
    pub password: Option<String>,
    /// Roles on every subscription, by name.
    pub roles: Vec<String>,
    /// Roles in the directory, by name: who holds `Global Administrator` may change users, groups and applications.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub directory_roles: Vec<String>,
}

/// A public image of the seed; its content is made by [`crate::acr`] out of `fixtures/images/`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SeedImage {
    /// The registry's host, such as `docker.io`.
    pub registry: String,
    /// The repository, `library/nginx`.
    pub repository: String,
    /// The tags.
    pub tags: Vec<String>,
    /// What kind of content it has: the name of a folder of `fixtures/images/`.
    pub content: String,
}

/// Why a seed could not be read.
#[derive(Debug, thiserror::Error)]
pub enum SeedError {
    /// The file could not be read.
    #[error("cannot read the seed {path}: {source}")]
    Unreadable {
        /// Which file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// It is not what a seed must be.
    #[error("the seed {path} is not a world: {source}; compare it with fixtures/world/seed.json")]
    Malformed {
        /// Which file.
        path: String,
        /// Why.
        source: serde_json::Error,
    },
}

impl Default for Seed {
    fn default() -> Self {
        serde_json::from_str(DEFAULT_WORLD).expect("fixtures/world/seed.json is a seed: a test reads it")
    }
}

impl Seed {
    /// Reads a seed from a file.
    pub fn from_file(path: &Path) -> Result<Self, SeedError> {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|source| SeedError::Unreadable { path: name.clone(), source })?;
        serde_json::from_str(&text).map_err(|source| SeedError::Malformed { path: name, source })
    }

    /// The tenant.
    pub fn tenant(&self) -> Tenant {
        let SeedTenant { id, domain, display_name } = self.tenant.clone();
        Tenant { id, domain, display_name }
    }

    /// A principal by its short name.
    pub fn principal(&self, name: &str) -> Option<&SeedPrincipal> {
        self.principals.iter().find(|principal| principal.name == name)
    }
}

/// Puts what the seed says into a new world.
pub(super) fn plant(world: &World) {
    let now = world.clock.now();
    world.access.plant_management_groups(ManagementGroup {
        name: world.directory.tenant.id.to_string(),
        display_name: "Tenant Root Group".into(),
        parent: None,
        version: 1,
        updated_on: now,
        updated_by: None,
    });
    world.directory.plant(&world.ids, now);
    for principal in &world.seed.principals {
        plant_principal(world, principal, now);
    }
    world.arm.plant(&world.seed, now);
}

fn plant_principal(world: &World, seed: &SeedPrincipal, now: Timestamp) {
    let kind = match (seed.app_id, &seed.user_principal_name) {
        (Some(app_id), _) => {
            plant_application(world, seed, app_id, now);
            let credentials = Credentials::default();
            Kind::ServicePrincipal(ServicePrincipal { app_id, managed_identity: None, credentials })
        }
        (None, Some(name)) => Kind::User(User::new(name, seed.password.clone().unwrap_or_default())),
        (None, None) => Kind::Group,
    };
    let role = |name: &String| directory_role(name).map(|role| role.template_id);
    let directory_roles = seed.directory_roles.iter().filter_map(role).collect();
    let principal =
        world.directory.put(Principal { directory_roles, ..Principal::new(seed.object_id, &seed.display_name, kind, now) });
    for (role_name, subscription) in seed.roles.iter().flat_map(|role| world.seed.subscriptions.iter().map(move |s| (role, s))) {
        let Some(role) = world.access.role_by_name(role_name) else {
            tracing::warn!(role = %role_name, principal = %seed.name, "the seed names a role that does not exist");
            continue;
        };
        let name = world.ids.named(&format!("{} {} {}", seed.object_id, role.id, subscription.id));
        let to = (principal.object_id, principal.principal_kind());
        let by = (principal.object_id, now);
        let scope = ResourceId::of_subscription(subscription.id);
        let stored = world.access.put_assignment(RoleAssignment::new(name, scope, role.id, to, by));
        debug_assert!(stored.is_ok(), "the seed gives {} the role {role_name} twice", seed.name);
    }
}

/// The application behind a service principal of the seed, with its secret.
fn plant_application(world: &World, seed: &SeedPrincipal, app_id: Uuid, now: Timestamp) {
    let key_id = world.ids.named(&format!("secret of {}", seed.object_id));
    let secret = |secret: &String| PasswordCredential {
        key_id,
        secret: secret.clone().into(),
        display_name: None,
        start: now,
        end: Timestamp::MAX,
    };
    let passwords = seed.client_secret.iter().map(secret).collect();
    world.directory.put_application(Application {
        object_id: world.ids.named(&format!("application of {}", seed.object_id)),
        app_id,
        display_name: seed.display_name.clone(),
        created: now,
        credentials: Credentials { passwords, keys: Vec::new() },
        members: serde_json::Map::new(),
    });
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::kernel::access::Access;
    use crate::kernel::clock::{Clock, STEP_START};

    #[test]
    fn the_seed_and_the_roles_can_be_read() {
        let seed = Seed::default();
        assert_eq!(seed.subscriptions.len(), 2);
        let access = Access::new(Arc::new(Clock::step(STEP_START)), Arc::default());
        for role in seed.principals.iter().flat_map(|principal| &principal.roles) {
            assert!(access.role_by_name(role).is_some(), "{role}");
        }
        for role in seed.principals.iter().flat_map(|principal| &principal.directory_roles) {
            assert!(directory_role(role).is_some(), "{role}");
        }
    }
}
