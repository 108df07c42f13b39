//! One ordered list of everything that happens later: back-offs, graceful ends, delays. Entries with the same time come out
//! in the order in which they went in.

use std::collections::BTreeMap;

use jiff::Timestamp;
use parking_lot::Mutex;
use tokio::sync::Notify;

/// What happens later, ordered by time and then by entry.
#[derive(Debug)]
pub struct Timeline<Event> {
    entries: Mutex<Entries<Event>>,
    changed: Notify,
}

#[derive(Debug)]
struct Entries<Event> {
    next_number: u64,
    by_time: BTreeMap<(Timestamp, u64), Event>,
}

impl<Event> Default for Timeline<Event> {
    fn default() -> Self {
        Self { entries: Mutex::new(Entries { next_number: 0, by_time: BTreeMap::new() }), changed: Notify::new() }
    }
}

impl<Event> Timeline<Event> {
    /// Enters an event.
    pub fn schedule(&self, at: Timestamp, event: Event) {
        let mut entries = self.entries.lock();
        let number = entries.next_number;
        entries.next_number += 1;
        entries.by_time.insert((at, number), event);
        drop(entries);
        self.changed.notify_one();
    }

    /// When the next event is due.
    pub fn next_at(&self) -> Option<Timestamp> {
        self.entries.lock().by_time.keys().next().map(|(at, _)| *at)
    }

    /// Takes the first event that is due at `now`, with its time.
    pub fn pop_due(&self, now: Timestamp) -> Option<(Timestamp, Event)> {
        let mut entries = self.entries.lock();
        let first = entries.by_time.first_entry()?;
        if first.key().0 > now {
            return None;
        }
        let ((at, _), event) = first.remove_entry();
        Some((at, event))
    }

    /// Wakes who waits for a change, without one: the clock has been moved, or the world replaced.
    pub fn wake(&self) {
        self.changed.notify_one();
    }

    /// Returns as soon as an event has been entered, or [`Timeline::wake`] called, since the last call.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_out_by_time_and_then_by_entry() {
        let timeline = Timeline::default();
        let at = |second| Timestamp::from_second(second).expect("in range");
        timeline.schedule(at(20), "late");
        timeline.schedule(at(10), "first");
        timeline.schedule(at(10), "second");
        assert_eq!(timeline.next_at(), Some(at(10)));
        assert_eq!(timeline.pop_due(at(15)), Some((at(10), "first")));
        assert_eq!(timeline.pop_due(at(15)), Some((at(10), "second")));
        assert_eq!(timeline.pop_due(at(15)), None);
    }
}
