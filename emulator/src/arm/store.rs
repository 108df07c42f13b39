//! The state of ARM: subscriptions, groups, resources, operations.
//!
//! Resources are keyed by their id in lower case, so that what lies in a group or a subscription is one range, and a second
//! index by type keeps the cost of a list independent of everything else.

mod budget;
mod locks;
mod operations;
mod page;
mod registrations;
mod tag_names;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use parking_lot::{Mutex, RwLock};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::kernel::clock::rfc3339_ticks_offset;
use crate::kernel::principal::{Caller, PrincipalKind};
use crate::kernel::resource_id::ResourceId;
use crate::world::Seed;

use operations::Operations;

pub use budget::{Budgets, Left, Spending};
pub use locks::{Change, Lock, LockLevel, Locks};
pub use operations::{Ending, Fault, Operation, Timing};
pub use page::{Page, Window};
pub use registrations::Registrations;
pub use tag_names::TagNames;

/// A subscription.
#[derive(Clone, Debug)]
pub struct Subscription {
    /// Its id.
    pub id: Uuid,
    /// The name that people see.
    pub display_name: String,
    /// Its tags.
    pub tags: Option<Map<String, Value>>,
}

/// A resource group.
#[derive(Clone, Debug)]
pub struct Group {
    /// Its id, with the spelling of its name as last given.
    pub id: ResourceId,
    /// Its region.
    pub location: String,
    /// Its tags.
    pub tags: Option<Map<String, Value>>,
    /// What manages it.
    pub managed_by: Option<String>,
    /// When it was made.
    pub created: Timestamp,
}

/// Who made and changed a resource, and when.
#[derive(Clone, Debug)]
pub struct SystemData {
    /// Who made it.
    pub created_by: String,
    /// `User` or `Application`.
    pub created_by_type: &'static str,
    /// When it was made.
    pub created_at: Timestamp,
    /// Who changed it last.
    pub modified_by: String,
    /// `User` or `Application`.
    pub modified_by_type: &'static str,
    /// When it was changed last.
    pub modified_at: Timestamp,
}

impl SystemData {
    /// Of something that `caller` makes now.
    pub fn new(caller: &Caller, now: Timestamp) -> Self {
        let (by, kind) = author(caller);
        Self {
            created_by: by.clone(),
            created_by_type: kind,
            created_at: now,
            modified_by: by,
            modified_by_type: kind,
            modified_at: now,
        }
    }

    /// The same, changed by `caller` now.
    pub fn changed(&self, caller: &Caller, now: Timestamp) -> Self {
        let (modified_by, modified_by_type) = author(caller);
        Self { modified_by, modified_by_type, modified_at: now, ..self.clone() }
    }

    /// `systemData` in bodies.
    pub fn body(&self) -> Value {
        json!({
            "createdBy": self.created_by,
            "createdByType": self.created_by_type,
            "createdAt": rfc3339_ticks_offset(self.created_at),
            "lastModifiedBy": self.modified_by,
            "lastModifiedByType": self.modified_by_type,
            "lastModifiedAt": rfc3339_ticks_offset(self.modified_at),
        })
    }
}

fn author(caller: &Caller) -> (String, &'static str) {
    (caller.label.clone(), if caller.kind == PrincipalKind::User { "User" } else { "Application" })
}

/// A resource in a group.
#[derive(Clone, Debug)]
pub struct Resource {
    /// Its id, as it was last written.
    pub id: ResourceId,
    /// Its full type, as its provider writes it.
    pub resource_type: String,
    /// Its region; children have none.
    pub location: Option<String>,
    /// Its tags.
    pub tags: Option<Map<String, Value>>,
    /// Its SKU.
    pub sku: Option<Value>,
    /// Its identity.
    pub identity: Option<Value>,
    /// The other members beside `properties`: `kind`, `zones`, `plan`, `extendedLocation`.
    pub members: Map<String, Value>,
    /// What its provider keeps about it.
    pub properties: Map<String, Value>,
    /// Who made and changed it.
    pub system_data: SystemData,
    /// What is happening to it until [`Resource::settled_at`].
    pub changing: &'static str,
    /// When it reaches, or reached, its final state.
    pub settled_at: Timestamp,
    /// The state that it then has: `Succeeded`, `Failed`, `Canceled`.
    pub settles_as: &'static str,
    /// How often it was written: what its etag is made of. The store counts.
    pub revision: u64,
}

impl Resource {
    /// A resource that `caller` makes now, with nothing but its names.
    pub fn new(id: ResourceId, resource_type: impl Into<String>, caller: &Caller, now: Timestamp) -> Self {
        Self {
            id,
            resource_type: resource_type.into(),
            location: None,
            tags: None,
            sku: None,
            identity: None,
            members: Map::new(),
            properties: Map::new(),
            system_data: SystemData::new(caller, now),
            changing: "Creating",
            settled_at: now,
            settles_as: "Succeeded",
            revision: 0,
        }
    }

    /// The provisioning state at `now`.
    pub fn state(&self, now: Timestamp) -> &'static str {
        if now >= self.settled_at { self.settles_as } else { self.changing }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        self.id.name()
    }
}

/// Everything that ARM keeps.
#[derive(Debug, Default)]
pub struct Store {
    inner: RwLock<Inner>,
    /// Held by a write from its first check to its last change, so that two writes never interleave.
    pub writing: Mutex<()>,
    /// How long operations take, and which of them fail.
    pub timing: RwLock<Timing>,
    /// What callers may still ask for.
    pub budgets: Budgets,
    /// What is locked.
    pub locks: Locks,
    /// Which providers the subscriptions are registered for.
    pub registrations: Registrations,
    /// The names and values of tags that were put without a resource that has them.
    pub tag_names: TagNames,
}

#[derive(Debug, Default)]
struct Inner {
    subscriptions: BTreeMap<Uuid, Arc<Subscription>>,
    groups: BTreeMap<String, Arc<Group>>,
    resources: BTreeMap<String, Arc<Resource>>,
    by_type: BTreeSet<(String, String)>,
    operations: Operations,
}

impl Store {
    /// Puts the subscriptions of the seed.
    pub fn plant(&self, seed: &Seed, _now: Timestamp) {
        for (action, time) in &seed.operation_times {
            self.timing.write().set(action, time.0);
        }
        let mut inner = self.inner.write();
        for subscription in &seed.subscriptions {
            let id = subscription.id;
            let subscription = Subscription { id, display_name: subscription.display_name.clone(), tags: None };
            inner.subscriptions.insert(id, Arc::new(subscription));
        }
    }

    /// All subscriptions.
    pub fn subscriptions(&self) -> Vec<Arc<Subscription>> {
        self.inner.read().subscriptions.values().cloned().collect()
    }

    /// A subscription by its id.
    pub fn subscription(&self, id: Uuid) -> Option<Arc<Subscription>> {
        self.inner.read().subscriptions.get(&id).cloned()
    }

    /// Puts a subscription that has changed.
    pub fn put_subscription(&self, subscription: Subscription) {
        self.inner.write().subscriptions.insert(subscription.id, Arc::new(subscription));
    }

    /// The group that `id` is or lies in.
    pub fn group(&self, id: &ResourceId) -> Option<Arc<Group>> {
        self.inner.read().groups.get(id.group_id()?.key()).cloned()
    }

    /// Puts a group, new or changed.
    pub fn put_group(&self, group: Group) -> Arc<Group> {
        let group = Arc::new(group);
        self.inner.write().groups.insert(group.id.key().to_owned(), group.clone());
        group
    }

    /// Takes a group away; its resources are the caller's business.
    pub fn remove_group(&self, id: &ResourceId) -> bool {
        self.inner.write().groups.remove(id.key()).is_some()
    }

    /// The groups of a subscription, by name.
    pub fn groups(&self, subscription: &ResourceId) -> Vec<Arc<Group>> {
        let prefix = format!("{}/", subscription.key());
        let inner = self.inner.read();
        let below = inner.groups.range(prefix.clone()..).take_while(|(key, _)| key.starts_with(&prefix));
        below.map(|(_, group)| group.clone()).collect()
    }

    /// A resource by its id.
    pub fn resource(&self, id: &ResourceId) -> Option<Arc<Resource>> {
        self.inner.read().resources.get(id.key()).cloned()
    }

    /// Puts a resource, new or changed.
    pub fn put_resource(&self, mut resource: Resource) -> Arc<Resource> {
        let key = resource.id.key().to_owned();
        let mut inner = self.inner.write();
        resource.revision = inner.resources.get(&key).map_or(0, |before| before.revision) + 1;
        let resource = Arc::new(resource);
        inner.by_type.insert((resource.resource_type.to_ascii_lowercase(), key.clone()));
        inner.resources.insert(key, resource.clone());
        resource
    }

    /// Takes a resource away.
    pub fn remove_resource(&self, id: &ResourceId) -> Option<Arc<Resource>> {
        let mut inner = self.inner.write();
        let resource = inner.resources.remove(id.key())?;
        inner.by_type.remove(&(resource.resource_type.to_ascii_lowercase(), id.key().to_owned()));
        Some(resource)
    }

    /// Everything below a scope, by id: parents before their children.
    pub fn resources_below(&self, scope: &ResourceId) -> Vec<Arc<Resource>> {
        let prefix = format!("{}/", scope.key());
        let inner = self.inner.read();
        let below = inner.resources.range(prefix.clone()..).take_while(|(key, _)| key.starts_with(&prefix));
        below.map(|(_, resource)| resource.clone()).collect()
    }

    /// The resources of one type below a scope, by id.
    pub fn resources_of_type(&self, kind: &str, scope: &ResourceId) -> Vec<Arc<Resource>> {
        let kind = kind.to_ascii_lowercase();
        let prefix = format!("{}/", scope.key());
        let inner = self.inner.read();
        inner
            .by_type
            .range((kind.clone(), prefix.clone())..)
            .take_while(|(other, key)| *other == kind && key.starts_with(&prefix))
            .filter_map(|(_, key)| inner.resources.get(key).cloned())
            .collect()
    }
}
