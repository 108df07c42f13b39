//! Management groups: a tree above the subscriptions. A subscription's id does not tell its management groups, so whoever asks for
//! the scopes above one asks here.
//! Source: Azure's documentation of management groups (one root per tenant, named by the tenant's id; six levels below it; a group
//! and a subscription have one parent each).

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use jiff::Timestamp;
use uuid::Uuid;

use super::super::resource_id::ResourceId;

/// So many levels lie below the root, subscriptions not counted.
pub const DEPTH_AT_MOST: usize = 6;

/// A management group.
#[derive(Clone, Debug)]
pub struct ManagementGroup {
    /// Its name, as it was made.
    pub name: String,
    /// The name that people see.
    pub display_name: String,
    /// The key of its parent; the root has none.
    pub parent: Option<String>,
    /// How often it was written.
    pub version: u32,
    /// When it was last changed.
    pub updated_on: Timestamp,
    /// Who changed it last.
    pub updated_by: Option<Uuid>,
}

impl ManagementGroup {
    /// Its id.
    pub fn id(&self) -> ResourceId {
        id_of(&self.name)
    }
}

/// The id of the management group of a name.
pub fn id_of(name: &str) -> ResourceId {
    ResourceId::new(&format!("/providers/Microsoft.Management/managementGroups/{name}"))
}

/// The tree.
#[derive(Debug, Default)]
pub(super) struct Hierarchy {
    root: Option<String>,
    groups: BTreeMap<String, Arc<ManagementGroup>>,
    /// Where a subscription hangs, by its key; one that is not here hangs on the root.
    subscriptions: HashMap<String, String>,
}

impl Hierarchy {
    pub(super) fn plant(&mut self, root: ManagementGroup) {
        let key = root.id().key().to_owned();
        self.root = Some(key.clone());
        self.groups.insert(key, Arc::new(root));
    }

    pub(super) fn root(&self) -> Option<&Arc<ManagementGroup>> {
        self.groups.get(self.root.as_ref()?)
    }

    pub(super) fn group(&self, key: &str) -> Option<&Arc<ManagementGroup>> {
        self.groups.get(key)
    }

    pub(super) fn groups(&self) -> impl Iterator<Item = &Arc<ManagementGroup>> {
        self.groups.values()
    }

    pub(super) fn put(&mut self, group: ManagementGroup) -> Arc<ManagementGroup> {
        let group = Arc::new(group);
        self.groups.insert(group.id().key().to_owned(), group.clone());
        group
    }

    pub(super) fn remove(&mut self, key: &str) {
        self.groups.remove(key);
    }

    pub(super) fn place(&mut self, subscription: &ResourceId, group_key: &str) {
        self.subscriptions.insert(subscription.key().to_owned(), group_key.to_owned());
    }

    /// The key of the management group that a management group or a subscription hangs on.
    pub(super) fn parent_key(&self, key: &str) -> Option<&str> {
        if key.starts_with("/subscriptions/") {
            return self.subscriptions.get(key).or(self.root.as_ref()).map(String::as_str);
        }
        self.groups.get(key)?.parent.as_deref()
    }

    /// The keys of a scope and of all that lies above it, management groups included, the nearest first, the root of the tenant
    /// last.
    pub(super) fn ancestors<'a>(&'a self, scope: &'a ResourceId) -> impl Iterator<Item = &'a str> {
        let mut own = scope.ancestor_keys();
        let mut last = "";
        let mut above: Option<&'a str> = None;
        std::iter::from_fn(move || {
            if let Some(key) = above {
                above = self.parent_key(key).or((key != "/").then_some("/"));
                return Some(key);
            }
            let key = own.next()?;
            if key == "/" && !last.is_empty() {
                let first = self.parent_key(last).unwrap_or("/");
                above = self.parent_key(first).or((first != "/").then_some("/"));
                return Some(first);
            }
            last = key;
            Some(key)
        })
    }

    /// Whether `scope` is, or lies below, the scope of this key.
    pub(super) fn is_within(&self, scope: &ResourceId, above: &str) -> bool {
        self.ancestors(scope).any(|key| key == above)
    }
}
