//! The directory: the tenant, its applications, service principals, users and groups.

mod deleted;
mod federation;
mod first_party;
mod principal;
mod relations;
mod sign_in;

use std::collections::BTreeMap;
use std::sync::Arc;

use dashmap::DashMap;
use jiff::Timestamp;
use parking_lot::{Mutex, RwLock};
use serde_json::Value;
use uuid::Uuid;

use crate::kernel::principal::Caller;

pub use deleted::{Bin, Deleted, Gone};
pub use federation::{Federation, IssuerKey};
pub use first_party::{DirectoryRole, FirstParty, directory_role, directory_roles, first_parties, first_party};
pub use principal::{
    Application, Credentials, FederatedCredential, KeyCredential, Kind, PasswordCredential, Principal, ServicePrincipal, SignIn,
    Tenant, User,
};
pub use relations::Relation;
pub use sign_in::{Code, Device, DeviceState, SignIns};

/// The ends of relations.
type Pairs = Vec<(Uuid, Uuid)>;

/// The directory of the tenant.
#[derive(Debug)]
pub struct Store {
    /// The tenant itself.
    pub tenant: Tenant,
    principals: DashMap<Uuid, Arc<Principal>>,
    by_app_id: DashMap<Uuid, Uuid>,
    by_user_name: DashMap<String, Uuid>,
    applications: RwLock<BTreeMap<Uuid, Arc<Application>>>,
    /// Member and group.
    memberships: Relation,
    /// What is owned, and who owns it.
    pub owners: Relation,
    /// Issuers of other tokens, and who trusts them.
    pub federation: Federation,
    /// What sign-ins leave behind.
    pub sign_ins: SignIns,
    /// What was deleted.
    pub deleted: Bin,
    /// Delegated permissions that were granted, by id, as Graph shows them.
    pub grants: RwLock<BTreeMap<String, Value>>,
    /// Held by a write from its first check to its last change.
    pub writing: Mutex<()>,
}

impl Store {
    /// A directory without objects.
    pub fn new(tenant: Tenant) -> Self {
        Self {
            tenant,
            principals: DashMap::new(),
            by_app_id: DashMap::new(),
            by_user_name: DashMap::new(),
            applications: RwLock::default(),
            memberships: Relation::default(),
            owners: Relation::default(),
            federation: Federation::default(),
            sign_ins: SignIns::default(),
            deleted: Bin::default(),
            grants: RwLock::default(),
            writing: Mutex::default(),
        }
    }

    /// Puts an object, new or changed.
    pub fn put(&self, principal: Principal) -> Arc<Principal> {
        let before = self.principal(principal.object_id);
        if let Some(name) = before.as_ref().and_then(|before| before.user()).map(|user| user.user_principal_name.clone()) {
            self.by_user_name.remove(&name.to_ascii_lowercase());
        }
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

    /// Takes an object away for good.
    pub fn remove(&self, object_id: Uuid) -> Option<Arc<Principal>> {
        self.detach(object_id).map(|(principal, _, _)| principal)
    }

    /// An object, with the memberships and the ownerships that it had.
    fn detach(&self, object_id: Uuid) -> Option<(Arc<Principal>, Pairs, Pairs)> {
        let (_, principal) = self.principals.remove(&object_id)?;
        match &principal.kind {
            Kind::ServicePrincipal(service_principal) => {
                self.by_app_id.remove(&service_principal.app_id);
                self.federation.forget(object_id);
            }
            Kind::User(user) => {
                self.by_user_name.remove(&user.user_principal_name.to_ascii_lowercase());
            }
            Kind::Group => {}
        }
        Some((principal, self.memberships.forget(object_id), self.owners.forget(object_id)))
    }

    /// Takes an object away so that it can be restored.
    pub fn delete(&self, object_id: Uuid, at: Timestamp) -> Option<Arc<Principal>> {
        let (principal, memberships, ownerships) = self.detach(object_id)?;
        let object = Gone::Principal(principal.clone());
        self.deleted.put(object_id, Deleted { object, at, memberships, ownerships });
        Some(principal)
    }

    /// Changes an object; false if there is none.
    pub fn change(&self, object_id: Uuid, change: impl FnOnce(&mut Principal)) -> bool {
        let Some(principal) = self.principal(object_id) else { return false };
        let mut changed = (*principal).clone();
        change(&mut changed);
        self.put(changed);
        true
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

    /// Puts an application, new or changed.
    pub fn put_application(&self, application: Application) -> Arc<Application> {
        let application = Arc::new(application);
        self.applications.write().insert(application.object_id, application.clone());
        application
    }

    /// An application by its object id.
    pub fn application(&self, object_id: Uuid) -> Option<Arc<Application>> {
        self.applications.read().get(&object_id).cloned()
    }

    /// An application by its application id.
    pub fn application_by_app_id(&self, app_id: Uuid) -> Option<Arc<Application>> {
        self.applications.read().values().find(|application| application.app_id == app_id).cloned()
    }

    /// All applications, ordered by object id.
    pub fn applications(&self) -> Vec<Arc<Application>> {
        self.applications.read().values().cloned().collect()
    }

    /// Takes an application away, with its service principal, so that both can be restored.
    pub fn delete_application(&self, object_id: Uuid, at: Timestamp) -> Option<Arc<Application>> {
        let application = self.applications.write().remove(&object_id)?;
        let object = Gone::Application(application.clone(), self.federation.forget(object_id));
        let deleted = Deleted { object, at, memberships: Vec::new(), ownerships: self.owners.forget(object_id) };
        self.deleted.put(object_id, deleted);
        if let Some(principal) = self.by_app_id(application.app_id) {
            self.delete(principal.object_id, at);
        }
        Some(application)
    }

    /// Brings a deleted object back with its relations; an application brings its service principal along.
    pub fn restore(&self, id: Uuid, now: Timestamp) -> Option<()> {
        let deleted = self.deleted.take(id, now)?;
        match deleted.object {
            Gone::Application(application, trusts) => {
                let app_id = application.app_id;
                self.put_application((*application).clone());
                trusts.into_iter().for_each(|trust| self.federation.put(id, trust));
                let own = |gone: &Gone| matches!(gone, Gone::Principal(principal) if principal.app_id() == Some(app_id));
                let principals: Vec<Uuid> =
                    self.deleted.all(now).into_iter().filter(|(_, it)| own(&it.object)).map(|(id, _)| id).collect();
                principals.into_iter().for_each(|principal| {
                    self.restore(principal, now);
                });
            }
            Gone::Principal(principal) => {
                self.put((*principal).clone());
            }
        }
        for (from, to) in deleted.memberships {
            self.memberships.add(from, to);
        }
        for (from, to) in deleted.ownerships {
            self.owners.add(from, to);
        }
        Some(())
    }

    /// Everything by which an application proves itself: its own credentials and those of its service principal.
    pub fn credentials(&self, app_id: Uuid) -> Credentials {
        let mut all = self.application_by_app_id(app_id).map(|it| it.credentials.clone()).unwrap_or_default();
        if let Some(own) = self.by_app_id(app_id).as_ref().and_then(|principal| principal.service_principal()) {
            all.passwords.extend(own.credentials.passwords.iter().cloned());
            all.keys.extend(own.credentials.keys.iter().cloned());
        }
        all
    }

    /// Whether `secret` is one of an application's, at this time.
    pub fn knows_secret(&self, app_id: Uuid, secret: &str, now: Timestamp) -> bool {
        self.credentials(app_id).passwords.iter().any(|known| known.secret.is(secret) && now < known.end)
    }

    /// Everything that an application trusts: its own federated credentials, or its managed identity's.
    pub fn trusts(&self, app_id: Uuid) -> Vec<FederatedCredential> {
        let application = self.application_by_app_id(app_id).map(|application| application.object_id);
        let principal = self.by_app_id(app_id).map(|principal| principal.object_id);
        application.into_iter().chain(principal).flat_map(|owner| self.federation.of(owner)).collect()
    }

    /// Makes `member` a member of `group`; false if it was.
    pub fn add_member(&self, group: Uuid, member: Uuid) -> bool {
        self.memberships.add(member, group)
    }

    /// Takes a member out of a group; false if it was none.
    pub fn remove_member(&self, group: Uuid, member: Uuid) -> bool {
        self.memberships.remove(member, group)
    }

    /// The direct members of a group.
    pub fn members_of(&self, group: Uuid) -> Vec<Uuid> {
        self.memberships.to(group)
    }

    /// The members of a group, directly or through other groups.
    pub fn transitive_members_of(&self, group: Uuid) -> Vec<Uuid> {
        self.memberships.reaching(group)
    }

    /// The groups that hold `member` directly.
    pub fn direct_groups_of(&self, member: Uuid) -> Vec<Uuid> {
        self.memberships.of(member)
    }

    /// Every group that holds `member`, directly or through other groups.
    pub fn groups_of(&self, member: Uuid) -> Vec<Uuid> {
        self.memberships.reachable(member)
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

    #[test]
    fn what_is_deleted_comes_back_with_its_memberships() {
        let id = Uuid::from_u128;
        let store = Store::new(Tenant { id: id(0), domain: String::new(), display_name: String::new() });
        let now = Timestamp::UNIX_EPOCH;
        store.put(Principal::new(id(1), "one", Kind::User(User::new("one@x", String::from("p"))), now));
        store.add_member(id(20), id(1));
        assert!(store.delete(id(1), now).is_some() && store.by_user_name("ONE@X").is_none());
        assert!(store.members_of(id(20)).is_empty());
        assert_eq!(store.restore(id(1), now), Some(()));
        assert_eq!((store.members_of(id(20)), store.by_user_name("ONE@X").is_some()), (vec![id(1)], true));
    }
}
