//! The directory: the tenant, its applications, service principals, users and groups.

use std::collections::BTreeSet;
use std::sync::Arc;

use dashmap::DashMap;
use jiff::Timestamp;
use parking_lot::RwLock;
use uuid::Uuid;

use crate::kernel::principal::{Caller, PrincipalKind};

/// The one tenant.
#[derive(Clone, Debug)]
pub struct Tenant {
    /// Its id.
    pub id: Uuid,
    /// Its initial domain, `something.onmicrosoft.com`.
    pub domain: String,
    /// The name that people see.
    pub display_name: String,
}

/// A secret that an application can prove itself with.
#[derive(Clone, Debug)]
pub struct PasswordCredential {
    /// Its id.
    pub key_id: Uuid,
    /// The secret itself.
    pub secret: String,
    /// When it stops working.
    pub end: Timestamp,
}

/// A certificate that an application can prove itself with.
#[derive(Clone, Debug)]
pub struct KeyCredential {
    /// Its id.
    pub key_id: Uuid,
    /// The certificate, DER.
    pub certificate: Vec<u8>,
    /// When it stops working.
    pub end: Timestamp,
}

/// How an application proves itself at the token endpoint.
#[derive(Clone, Debug, Default)]
pub struct Credentials {
    /// Client secrets.
    pub passwords: Vec<PasswordCredential>,
    /// Certificates.
    pub keys: Vec<KeyCredential>,
}

/// What makes a service principal one.
#[derive(Clone, Debug)]
pub struct ServicePrincipal {
    /// The application's (client) id.
    pub app_id: Uuid,
    /// The ARM resource id of the managed identity that this is, if it is one.
    pub managed_identity: Option<String>,
    /// How it proves itself; a managed identity has nothing here.
    pub credentials: Credentials,
}

/// What makes a user one.
#[derive(Clone, Debug)]
pub struct User {
    /// The name to sign in with.
    pub user_principal_name: String,
    /// The password to sign in with.
    pub password: String,
}

/// A principal by its kind.
#[derive(Clone, Debug)]
pub enum Kind {
    /// An application or a managed identity.
    ServicePrincipal(ServicePrincipal),
    /// A person.
    User(User),
    /// A group.
    Group,
}

/// An object of the directory that roles can be given to.
#[derive(Clone, Debug)]
pub struct Principal {
    /// Its object id.
    pub object_id: Uuid,
    /// The name that people see.
    pub display_name: String,
    /// What it is.
    pub kind: Kind,
    /// Whether it can sign in.
    pub enabled: bool,
    /// When it was made.
    pub created: Timestamp,
}

impl Principal {
    /// The kind, as role assignments name it.
    pub fn principal_kind(&self) -> PrincipalKind {
        match self.kind {
            Kind::ServicePrincipal(_) => PrincipalKind::ServicePrincipal,
            Kind::User(_) => PrincipalKind::User,
            Kind::Group => PrincipalKind::Group,
        }
    }

    /// The application id of a service principal.
    pub fn app_id(&self) -> Option<Uuid> {
        match &self.kind {
            Kind::ServicePrincipal(service_principal) => Some(service_principal.app_id),
            Kind::User(_) | Kind::Group => None,
        }
    }

    /// How Azure's messages call it.
    pub fn label(&self) -> String {
        match &self.kind {
            Kind::ServicePrincipal(service_principal) => service_principal.app_id.to_string(),
            Kind::User(user) => user.user_principal_name.clone(),
            Kind::Group => self.display_name.clone(),
        }
    }
}

/// The directory of the tenant.
#[derive(Debug)]
pub struct Store {
    /// The tenant itself.
    pub tenant: Tenant,
    principals: DashMap<Uuid, Arc<Principal>>,
    by_app_id: DashMap<Uuid, Uuid>,
    by_user_name: DashMap<String, Uuid>,
    /// Member and group: a member's groups are one range.
    memberships: RwLock<BTreeSet<(Uuid, Uuid)>>,
}

impl Store {
    /// A directory without objects.
    pub fn new(tenant: Tenant) -> Self {
        Self {
            tenant,
            principals: DashMap::new(),
            by_app_id: DashMap::new(),
            by_user_name: DashMap::new(),
            memberships: RwLock::default(),
        }
    }

    /// Puts an object, new or changed.
    pub fn put(&self, principal: Principal) -> Arc<Principal> {
        match &principal.kind {
            Kind::ServicePrincipal(service_principal) => {
                self.by_app_id.insert(service_principal.app_id, principal.object_id);
            }
            Kind::User(user) => {
                self.by_user_name.insert(user.user_principal_name.to_ascii_lowercase(), principal.object_id);
            }
            Kind::Group => {}
        }
        let principal = Arc::new(principal);
        self.principals.insert(principal.object_id, principal.clone());
        principal
    }

    /// Takes an object away.
    pub fn remove(&self, object_id: Uuid) -> Option<Arc<Principal>> {
        let (_, principal) = self.principals.remove(&object_id)?;
        match &principal.kind {
            Kind::ServicePrincipal(service_principal) => {
                self.by_app_id.remove(&service_principal.app_id);
            }
            Kind::User(user) => {
                self.by_user_name.remove(&user.user_principal_name.to_ascii_lowercase());
            }
            Kind::Group => {}
        }
        self.memberships.write().retain(|(member, group)| *group != object_id && *member != object_id);
        Some(principal)
    }

    /// An object by its object id.
    pub fn principal(&self, object_id: Uuid) -> Option<Arc<Principal>> {
        self.principals.get(&object_id).map(|entry| entry.clone())
    }

    /// A service principal by its application id.
    pub fn by_app_id(&self, app_id: Uuid) -> Option<Arc<Principal>> {
        let object_id = *self.by_app_id.get(&app_id)?;
        self.principal(object_id)
    }

    /// A user by its user principal name, in any case.
    pub fn by_user_name(&self, name: &str) -> Option<Arc<Principal>> {
        let object_id = *self.by_user_name.get(&name.to_ascii_lowercase())?;
        self.principal(object_id)
    }

    /// All objects, ordered by object id.
    pub fn principals(&self) -> Vec<Arc<Principal>> {
        let mut all: Vec<_> = self.principals.iter().map(|entry| entry.value().clone()).collect();
        all.sort_by_key(|principal| principal.object_id);
        all
    }

    /// Makes `member` a member of `group`.
    pub fn add_member(&self, group: Uuid, member: Uuid) {
        self.memberships.write().insert((member, group));
    }

    /// Every group that holds `member`, directly or through other groups.
    pub fn groups_of(&self, member: Uuid) -> Vec<Uuid> {
        let memberships = self.memberships.read();
        let mut found: Vec<Uuid> = Vec::new();
        let mut open = vec![member];
        while let Some(next) = open.pop() {
            for (_, group) in memberships.range((next, Uuid::nil())..=(next, Uuid::max())) {
                if !found.contains(group) {
                    found.push(*group);
                    open.push(*group);
                }
            }
        }
        found
    }

    /// A principal as the caller of a request.
    pub fn caller(&self, object_id: Uuid) -> Option<Caller> {
        let principal = self.principal(object_id).filter(|principal| principal.enabled)?;
        Some(Caller { object_id, label: principal.label(), kind: principal.principal_kind(), groups: self.groups_of(object_id) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_hold_members_through_other_groups() {
        let id = Uuid::from_u128;
        let tenant = Tenant { id: id(0), domain: String::new(), display_name: String::new() };
        let store = Store::new(tenant);
        store.add_member(id(20), id(1));
        store.add_member(id(30), id(20));
        store.add_member(id(20), id(30));
        assert_eq!(store.groups_of(id(1)), [id(20), id(30)]);
        assert!(store.groups_of(id(2)).is_empty());
    }
}
