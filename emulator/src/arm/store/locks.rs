//! Management locks: what is locked at which scope, and what a lock forbids.
//! Source: Azure's documentation of locks ("Lock your Azure resources to protect your infrastructure").

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use parking_lot::RwLock;
use serde_json::Value;

use crate::kernel::resource_id::ResourceId;

/// How much a lock forbids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockLevel {
    /// Nothing may be deleted.
    CanNotDelete,
    /// Nothing may be changed or deleted.
    ReadOnly,
    /// Nothing is forbidden (inferred: the level exists in the specification alone).
    NotSpecified,
}

/// What a request does to its scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// PUT, PATCH and every POST.
    Write,
    /// DELETE.
    Delete,
}

impl LockLevel {
    /// How it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CanNotDelete => "CanNotDelete",
            Self::ReadOnly => "ReadOnly",
            Self::NotSpecified => "NotSpecified",
        }
    }

    /// The level of a name in any case.
    pub fn of(name: &str) -> Option<Self> {
        [Self::CanNotDelete, Self::ReadOnly, Self::NotSpecified]
            .into_iter()
            .find(|level| level.as_str().eq_ignore_ascii_case(name))
    }

    fn forbids(self, change: Change) -> bool {
        match self {
            Self::ReadOnly => true,
            Self::CanNotDelete => change == Change::Delete,
            Self::NotSpecified => false,
        }
    }
}

/// A lock.
#[derive(Clone, Debug)]
pub struct Lock {
    /// What it locks.
    pub scope: ResourceId,
    /// Its name.
    pub name: String,
    /// How much it forbids.
    pub level: LockLevel,
    /// Why it is there.
    pub notes: Option<String>,
    /// The applications that own it.
    pub owners: Option<Value>,
}

/// All locks, by the key of their scope and their name in lower case.
#[derive(Debug, Default)]
pub struct Locks {
    held: RwLock<BTreeMap<(String, String), Arc<Lock>>>,
}

impl Locks {
    /// Puts a lock; says whether there was none of its name.
    pub fn put(&self, lock: Lock) -> (Arc<Lock>, bool) {
        let lock = Arc::new(lock);
        let key = (lock.scope.key().to_owned(), lock.name.to_lowercase());
        let is_new = self.held.write().insert(key, lock.clone()).is_none();
        (lock, is_new)
    }

    /// A lock at a scope.
    pub fn get(&self, scope: &ResourceId, name: &str) -> Option<Arc<Lock>> {
        self.held.read().get(&(scope.key().to_owned(), name.to_lowercase())).cloned()
    }

    /// Takes a lock away; false if there was none.
    pub fn remove(&self, scope: &ResourceId, name: &str) -> bool {
        self.held.write().remove(&(scope.key().to_owned(), name.to_lowercase())).is_some()
    }

    /// The locks at a scope.
    pub fn at(&self, scope: &ResourceId) -> Vec<Arc<Lock>> {
        let held = self.held.read();
        range(&held, scope.key()).take_while(|((key, _), _)| key == scope.key()).map(|(_, lock)| lock.clone()).collect()
    }

    /// The locks at a scope and below it.
    pub fn within(&self, scope: &ResourceId) -> Vec<Arc<Lock>> {
        let held = self.held.read();
        let near = range(&held, scope.key()).take_while(|((key, _), _)| key.starts_with(scope.key()));
        near.filter(|(_, lock)| lock.scope.is_within(scope)).map(|(_, lock)| lock.clone()).collect()
    }

    /// Takes away what locks a scope or something below it: what happens to locks when the scope is gone.
    pub fn remove_within(&self, scope: &ResourceId) {
        for lock in self.within(scope) {
            self.remove(&lock.scope, &lock.name);
        }
    }

    /// The locked scopes that forbid a change: the scope itself and those above it, the nearest first; what is deleted goes with
    /// everything below it, so that a lock there counts too.
    pub fn forbidding(&self, change: Change, scope: &ResourceId) -> Vec<ResourceId> {
        if self.held.read().is_empty() {
            return Vec::new();
        }
        let above = scope.ancestor_keys().flat_map(|key| self.at(&ResourceId::new(key)));
        let below = if change == Change::Delete { self.within(scope) } else { Vec::new() };
        let mut scopes: Vec<ResourceId> = Vec::new();
        for lock in above.chain(below).filter(|lock| lock.level.forbids(change)) {
            if !scopes.contains(&lock.scope) {
                scopes.push(lock.scope.clone());
            }
        }
        scopes
    }
}

type Held = BTreeMap<(String, String), Arc<Lock>>;

fn range<'a>(held: &'a Held, key: &str) -> impl Iterator<Item = (&'a (String, String), &'a Arc<Lock>)> {
    held.range((Bound::Included((key.to_owned(), String::new())), Bound::Unbounded))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lock(scope: &str, level: LockLevel) -> Lock {
        Lock { scope: ResourceId::new(scope), name: "Lock".into(), level, notes: None, owners: None }
    }

    #[test]
    fn locks_count_for_everything_below_and_for_what_takes_them_along() {
        let locks = Locks::default();
        let (group, registry) = ("/subscriptions/s/resourceGroups/rg", "/subscriptions/s/resourceGroups/rg/providers/N/r/x");
        locks.put(lock(registry, LockLevel::CanNotDelete));
        locks.put(lock("/subscriptions/s/resourceGroups/rg2", LockLevel::ReadOnly));
        let forbidding = |change, scope: &str| locks.forbidding(change, &ResourceId::new(scope)).len();
        assert_eq!(forbidding(Change::Delete, registry), 1);
        assert_eq!(forbidding(Change::Write, registry), 0);
        assert_eq!(forbidding(Change::Delete, &format!("{registry}/providers/A/ra/y")), 1);
        assert_eq!(forbidding(Change::Delete, group), 1, "what lies in a group goes with it");
        assert_eq!(forbidding(Change::Write, "/subscriptions/s/resourceGroups/RG2/providers/N/r/y"), 1);
        locks.put(lock("/subscriptions/s", LockLevel::ReadOnly));
        assert_eq!(forbidding(Change::Write, registry), 1);
        assert_eq!(forbidding(Change::Delete, registry), 2);
        locks.remove_within(&ResourceId::new(group));
        assert_eq!(locks.within(&ResourceId::new("/subscriptions/s")).len(), 2, "the other group keeps its own");
    }
}
