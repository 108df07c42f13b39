//! Which machine asks for tokens of managed identities, and the tokens that it was given.

use std::collections::HashMap;

use jiff::Timestamp;
use parking_lot::RwLock;
use uuid::Uuid;

use crate::kernel::resource_id::ResourceId;

/// The machine that the service runs on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Machine {
    /// No machine in particular: one that carries every user-assigned identity that some resource carries.
    #[default]
    Any,
    /// A resource: what it carries.
    Resource(ResourceId),
    /// A machine that is no resource, with these user-assigned identities.
    With(Vec<ResourceId>),
}

/// A token that was given out.
#[derive(Clone, Debug)]
pub struct Given {
    /// The token.
    pub token: String,
    /// When it was made.
    pub made: Timestamp,
}

/// The state of the service.
#[derive(Debug, Default)]
pub struct Store {
    machine: RwLock<Machine>,
    given: RwLock<HashMap<(Uuid, String), Given>>,
}

impl Store {
    /// The machine.
    pub fn machine(&self) -> Machine {
        self.machine.read().clone()
    }

    /// Chooses the machine. A new machine remembers no tokens.
    pub fn set_machine(&self, machine: Machine) {
        *self.machine.write() = machine;
        self.given.write().clear();
    }

    /// The token that a principal was last given for a resource.
    pub fn given(&self, principal: Uuid, resource: &str) -> Option<Given> {
        self.given.read().get(&(principal, resource.to_owned())).cloned()
    }

    /// Remembers a token.
    pub fn remember(&self, principal: Uuid, resource: &str, given: Given) {
        self.given.write().insert((principal, resource.to_owned()), given);
    }
}
