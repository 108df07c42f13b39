//! Names and values of tags that a subscription knows beforehand, whether or not something has them.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use parking_lot::RwLock;
use uuid::Uuid;

/// A name as written, with its values.
type Name = (String, BTreeSet<String>);

/// All names and values. Names have no case, values have.
#[derive(Debug, Default)]
pub struct TagNames {
    /// By subscription and the name in lower case.
    held: RwLock<BTreeMap<(Uuid, String), Name>>,
}

impl TagNames {
    /// Puts a name; false if it was there.
    pub fn put(&self, subscription: Uuid, name: &str) -> bool {
        match self.held.write().entry((subscription, name.to_lowercase())) {
            Entry::Occupied(_) => false,
            Entry::Vacant(vacant) => {
                vacant.insert((name.to_owned(), BTreeSet::new()));
                true
            }
        }
    }

    /// Puts a value of a name, if there is such a name.
    pub fn put_value(&self, subscription: Uuid, name: &str, value: &str) {
        if let Some((_, values)) = self.held.write().get_mut(&(subscription, name.to_lowercase())) {
            values.insert(value.to_owned());
        }
    }

    /// Takes a name away; false if there was none.
    pub fn remove(&self, subscription: Uuid, name: &str) -> bool {
        self.held.write().remove(&(subscription, name.to_lowercase())).is_some()
    }

    /// Takes a value of a name away; false if there was none.
    pub fn remove_value(&self, subscription: Uuid, name: &str, value: &str) -> bool {
        let mut held = self.held.write();
        held.get_mut(&(subscription, name.to_lowercase())).is_some_and(|(_, values)| values.remove(value))
    }

    /// The names of a subscription with their values.
    pub fn of(&self, subscription: Uuid) -> Vec<(String, BTreeSet<String>)> {
        let held = self.held.read();
        let own = held.range((subscription, String::new())..).take_while(|((owner, _), _)| *owner == subscription);
        own.map(|(_, name)| name.clone()).collect()
    }
}
