//! What ARM keeps about long-running operations: each of them, which still run on what, what is left to do at their ends, and
//! how long which kind of operation takes. Nothing runs for an operation: its state is computed when it is read.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::kernel::action;
use crate::kernel::resource_id::ResourceId;

/// A long-running operation.
#[derive(Clone, Debug)]
pub struct Operation {
    /// Its name in URLs.
    pub name: String,
    /// What it works on.
    pub resource: ResourceId,
    /// The namespace of the provider that runs it and is asked about it.
    pub namespace: String,
    /// When it began.
    pub started: Timestamp,
    /// When it ends.
    pub ends: Timestamp,
    /// What is said about it while it runs: `Creating`, `Deleting`, `Accepted`.
    pub running: &'static str,
    /// How it ends: `Succeeded`, `Failed`, `Canceled`.
    pub ends_as: &'static str,
    /// What it ends with: a body or none, or the code and message of an error.
    pub result: Result<Option<Value>, (String, String)>,
    /// What its end does.
    pub ending: Ending,
}

/// What the end of an operation does, beside ending it. What is seen at once is done when it begins.
#[derive(Clone, Debug, PartialEq)]
pub enum Ending {
    /// Nothing more.
    Nothing,
    /// The resource is taken away, with all that hangs on it.
    Remove,
    /// The group is taken away, with everything in it.
    RemoveGroup,
    /// A step of the provider's own, which it knows by this name.
    Step(&'static str),
    /// The resource's properties, or those of what it is a part of, become these.
    Become(Map<String, Value>),
}

impl Operation {
    /// Whether it still runs.
    pub fn is_running(&self, now: Timestamp) -> bool {
        now < self.ends
    }

    /// Its status at a time, in the words of providers that know only these.
    pub fn status(&self, now: Timestamp) -> &'static str {
        if self.is_running(now) { "InProgress" } else { self.ends_as }
    }
}

/// How long operations take, and which of them fail: by the action that a request was permitted, or a pattern of it with `*`.
#[derive(Clone, Debug, Default)]
pub struct Timing {
    times: BTreeMap<String, Duration>,
    faults: Vec<Fault>,
}

/// Operations that are to fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The action, or a pattern.
    pub action: String,
    /// The error's code.
    pub code: String,
    /// The error's message.
    pub message: String,
    /// How many more operations fail so.
    pub times: u32,
}

impl Timing {
    /// Sets how long operations of an action take.
    pub fn set(&mut self, pattern: &str, time: Duration) {
        self.times.insert(pattern.to_ascii_lowercase(), time);
    }

    /// How long operations of an action take: the longest pattern that covers it decides; no time at all unless one does.
    pub fn of(&self, action: &str) -> Duration {
        let covering = self.times.iter().filter(|(pattern, _)| action::matches(pattern, action));
        covering.max_by_key(|(pattern, _)| pattern.len()).map_or(Duration::ZERO, |(_, time)| *time)
    }

    /// Lets operations fail.
    pub fn fail(&mut self, fault: Fault) {
        self.faults.push(fault);
    }

    /// Takes a failure that is meant for an operation of this action.
    fn take_fault(&mut self, action: &str) -> Option<(String, String)> {
        let position = self.faults.iter().position(|fault| action::matches(&fault.action, action))?;
        let fault = self.faults.get_mut(position)?;
        fault.times = fault.times.saturating_sub(1);
        let error = (fault.code.clone(), fault.message.clone());
        if fault.times == 0 {
            self.faults.remove(position);
        }
        Some(error)
    }

    /// What is set, by pattern.
    pub fn times(&self) -> impl Iterator<Item = (&str, Duration)> {
        self.times.iter().map(|(pattern, time)| (pattern.as_str(), *time))
    }

    /// What is still to fail.
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }
}

/// All operations.
#[derive(Debug, Default)]
pub(super) struct Operations {
    by_name: HashMap<String, Arc<Operation>>,
    /// The names of what was done to a resource, in order, by the resource's key.
    by_resource: BTreeMap<String, Vec<String>>,
    /// What has something to do at its end and has not done it.
    pending: BTreeMap<(Timestamp, u64), String>,
    next_number: u64,
}

impl Operations {
    fn put(&mut self, operation: Operation) -> Arc<Operation> {
        let operation = Arc::new(operation);
        let name = operation.name.to_ascii_lowercase();
        if operation.ending != Ending::Nothing {
            self.pending.insert((operation.ends, self.next_number), name.clone());
            self.next_number += 1;
        }
        self.by_resource.entry(operation.resource.key().to_owned()).or_default().push(name.clone());
        self.by_name.insert(name, operation.clone());
        operation
    }

    fn below(&self, scope: &ResourceId) -> impl Iterator<Item = &Arc<Operation>> {
        let (key, prefix) = (scope.key().to_owned(), format!("{}/", scope.key()));
        let own = self.by_resource.get(&key).into_iter();
        let from = prefix.clone();
        let children =
            self.by_resource.range(from..).take_while(move |(key, _)| key.starts_with(&prefix)).map(|(_, names)| names);
        own.chain(children).flatten().filter_map(|name| self.by_name.get(name))
    }
}

impl super::Store {
    /// Remembers an operation.
    pub fn put_operation(&self, operation: Operation) -> Arc<Operation> {
        self.inner.write().operations.put(operation)
    }

    /// An operation by its name.
    pub fn operation(&self, name: &str) -> Option<Arc<Operation>> {
        self.inner.read().operations.by_name.get(&name.to_ascii_lowercase()).cloned()
    }

    /// What still runs on a resource or below it, the youngest last.
    pub fn running(&self, scope: &ResourceId, now: Timestamp) -> Vec<Arc<Operation>> {
        let inner = self.inner.read();
        let mut running: Vec<_> = inner.operations.below(scope).filter(|operation| operation.is_running(now)).cloned().collect();
        running.sort_by_key(|operation| operation.started);
        running
    }

    /// The latest operation on a resource itself.
    pub fn latest_operation(&self, resource: &ResourceId) -> Option<Arc<Operation>> {
        let inner = self.inner.read();
        let name = inner.operations.by_resource.get(resource.key())?.last()?;
        inner.operations.by_name.get(name).cloned()
    }

    /// The resource of an id, or the one that it is a part of: a pool's cluster.
    pub fn resource_with(&self, id: &ResourceId) -> Option<Arc<super::Resource>> {
        let inner = self.inner.read();
        std::iter::successors(Some(id.clone()), ResourceId::parent).find_map(|id| inner.resources.get(id.key()).cloned())
    }

    /// Whether a group is being deleted: nothing can be written into it any more.
    pub fn is_being_deleted(&self, group: &ResourceId, now: Timestamp) -> bool {
        let inner = self.inner.read();
        let names = inner.operations.by_resource.get(group.key()).into_iter().flatten();
        let mut operations = names.filter_map(|name| inner.operations.by_name.get(name));
        operations.any(|operation| operation.ending == Ending::RemoveGroup && operation.is_running(now))
    }

    /// Ends a running operation before its time: what its end would have done is not done.
    pub fn stop_operation(&self, name: &str, now: Timestamp, ends_as: &'static str, error: Option<(String, String)>) {
        let name = name.to_ascii_lowercase();
        let mut inner = self.inner.write();
        let Some(operation) = inner.operations.by_name.get(&name).filter(|operation| operation.is_running(now)) else { return };
        let result = error.map_or_else(|| operation.result.clone(), Err);
        let stopped = Operation { ends: now, ends_as, result, ending: Ending::Nothing, ..(**operation).clone() };
        inner.operations.pending.retain(|_, pending| *pending != name);
        inner.operations.by_name.insert(name, Arc::new(stopped));
    }

    /// Says how an operation ends that has begun, or has just ended.
    pub fn conclude(&self, name: &str, ends_as: &'static str, result: Result<Option<Value>, (String, String)>) {
        let name = name.to_ascii_lowercase();
        if let Some(operation) = self.inner.write().operations.by_name.get_mut(&name) {
            let operation = Arc::make_mut(operation);
            (operation.ends_as, operation.result) = (ends_as, result);
        }
    }

    /// Whether an end is due.
    pub fn has_ended(&self, now: Timestamp) -> bool {
        self.inner.read().operations.pending.first_key_value().is_some_and(|((ends, _), _)| *ends <= now)
    }

    /// Takes the first end that is due.
    pub fn take_ended(&self, now: Timestamp) -> Option<Arc<Operation>> {
        let mut inner = self.inner.write();
        let first = inner.operations.pending.first_entry().filter(|first| first.key().0 <= now)?;
        let name = first.remove();
        inner.operations.by_name.get(&name).cloned()
    }

    /// Takes a failure that is meant for an operation of this action.
    pub fn take_fault(&self, action: &str) -> Option<(String, String)> {
        self.timing.write().take_fault(action)
    }

    /// Says how a resource, or what it is a part of, comes out of an operation that ends at `ends`. This is no write: the
    /// revision stays.
    pub fn settle(&self, id: &ResourceId, ends: Timestamp, settles_as: &'static str) {
        let Some(resource) = self.resource_with(id) else { return };
        if resource.settled_at == ends && resource.settles_as != settles_as {
            let resource = super::Resource { settles_as, ..(*resource).clone() };
            self.inner.write().resources.insert(resource.id.key().to_owned(), Arc::new(resource));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arm::store::Store;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("in range")
    }

    fn operation(name: &str, resource: &str, ends: i64, ending: Ending) -> Operation {
        Operation {
            name: name.into(),
            resource: ResourceId::new(resource),
            namespace: "N".into(),
            started: at(0),
            ends: at(ends),
            running: "Updating",
            ends_as: "Succeeded",
            result: Ok(None),
            ending,
        }
    }

    #[test]
    fn the_longest_pattern_says_how_long() {
        let mut timing = Timing::default();
        assert_eq!(timing.of("N/a/write"), Duration::ZERO);
        timing.set("*", Duration::from_secs(1));
        timing.set("N/A/write", Duration::from_secs(9));
        assert_eq!((timing.of("n/a/write").as_secs(), timing.of("N/a/delete").as_secs()), (9, 1));
        timing.fail(Fault { action: "N/*".into(), code: "C".into(), message: "m".into(), times: 1 });
        assert_eq!(timing.take_fault("N/a/write"), Some(("C".into(), "m".into())));
        assert_eq!(timing.take_fault("N/a/write"), None);
    }

    #[test]
    fn what_runs_is_found_below_and_ends_are_taken_in_order() {
        let store = Store::default();
        store.put_operation(operation("late", "/a/b", 20, Ending::Remove));
        store.put_operation(operation("early", "/a/b/c/d", 10, Ending::Remove));
        store.put_operation(operation("other", "/a/bb", 10, Ending::Nothing));
        assert_eq!(store.running(&ResourceId::new("/A/b"), at(5)).len(), 2);
        assert_eq!(store.running(&ResourceId::new("/a/b"), at(15)).len(), 1);
        assert!(!store.has_ended(at(5)) && store.has_ended(at(10)));
        assert_eq!(store.take_ended(at(30)).map(|operation| operation.name.clone()), Some("early".into()));
        store.stop_operation("late", at(12), "Canceled", None);
        assert!(store.take_ended(at(30)).is_none());
        assert_eq!(store.operation("late").map(|operation| operation.status(at(12))), Some("Canceled"));
    }
}
