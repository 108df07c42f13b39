//! What was deleted and can be brought back for thirty days.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use parking_lot::RwLock;
use uuid::Uuid;

use super::{Application, FederatedCredential, Principal};

/// How long a deleted object can be restored.
const KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);

/// A deleted object.
#[derive(Clone, Debug)]
pub enum Gone {
    /// An application with what it trusted.
    Application(Arc<Application>, Vec<FederatedCredential>),
    /// A user or a service principal.
    Principal(Arc<Principal>),
}

/// A deleted object, with its relations.
#[derive(Clone, Debug)]
pub struct Deleted {
    /// What it was.
    pub object: Gone,
    /// When it was deleted.
    pub at: Timestamp,
    /// Its memberships: member and group.
    pub memberships: Vec<(Uuid, Uuid)>,
    /// Its ownerships: owned and owner.
    pub ownerships: Vec<(Uuid, Uuid)>,
}

/// The deleted objects by their ids.
#[derive(Debug, Default)]
pub struct Bin {
    items: RwLock<BTreeMap<Uuid, Deleted>>,
}

impl Bin {
    pub(super) fn put(&self, id: Uuid, deleted: Deleted) {
        self.items.write().insert(id, deleted);
    }

    /// A deleted object that has not been purged.
    pub fn get(&self, id: Uuid, now: Timestamp) -> Option<Deleted> {
        self.items.read().get(&id).filter(|deleted| now.duration_since(deleted.at) < KEPT).cloned()
    }

    /// Takes an object out, to purge or to restore it.
    pub fn take(&self, id: Uuid, now: Timestamp) -> Option<Deleted> {
        let deleted = self.get(id, now)?;
        self.items.write().remove(&id);
        Some(deleted)
    }

    /// Every object that can be restored.
    pub fn all(&self, now: Timestamp) -> Vec<(Uuid, Deleted)> {
        let items = self.items.read();
        let kept = items.iter().filter(|(_, deleted)| now.duration_since(deleted.at) < KEPT);
        kept.map(|(id, deleted)| (*id, deleted.clone())).collect()
    }
}
