//! Which providers a subscription is registered for. Registering takes time like any operation; the state follows from the clock.

use std::collections::HashMap;

use jiff::Timestamp;
use parking_lot::RwLock;
use uuid::Uuid;

/// What was last asked for, and when it is so.
#[derive(Clone, Copy, Debug)]
struct Change {
    registered: bool,
    at: Timestamp,
}

/// All registrations that differ from how a subscription begins.
#[derive(Debug, Default)]
pub struct Registrations {
    changes: RwLock<HashMap<(Uuid, String), Change>>,
}

impl Registrations {
    /// The state of a registration. Unless a subscription begins with none (`required`), it begins with all of them.
    pub fn state(&self, subscription: Uuid, namespace: &str, now: Timestamp, required: bool) -> &'static str {
        match self.changes.read().get(&(subscription, namespace.to_ascii_lowercase())) {
            Some(Change { registered: true, at }) if now < *at => "Registering",
            Some(Change { registered: false, at }) if now < *at => "Unregistering",
            Some(Change { registered: false, .. }) => "Unregistered",
            None if required => "NotRegistered",
            _ => "Registered",
        }
    }

    /// Registers a subscription, or ends that, from `at` on.
    pub fn change(&self, subscription: Uuid, namespace: &str, registered: bool, at: Timestamp) {
        self.changes.write().insert((subscription, namespace.to_ascii_lowercase()), Change { registered, at });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registration_becomes_what_was_asked_for_in_time() {
        let registrations = Registrations::default();
        let at = |second| Timestamp::from_second(second).expect("in range");
        let state = |second| registrations.state(Uuid::nil(), "microsoft.X", at(second), false);
        assert_eq!(state(0), "Registered");
        registrations.change(Uuid::nil(), "Microsoft.x", false, at(10));
        assert_eq!((state(9), state(10)), ("Unregistering", "Unregistered"));
        registrations.change(Uuid::nil(), "Microsoft.X", true, at(20));
        assert_eq!((state(19), state(20)), ("Registering", "Registered"));
        assert_eq!(registrations.state(Uuid::max(), "Microsoft.X", at(0), true), "NotRegistered");
    }
}
