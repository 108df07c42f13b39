//! What diagnostic settings deliver: which events are wanted, and the rows of each workspace's tables.
//!
//! Nothing is recorded while no setting wants it, and asking costs one atomic read then. A table keeps its youngest rows only.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use jiff::Timestamp;
use parking_lot::RwLock;
use serde_json::{Map, Value};

use crate::kernel::resource_id::ResourceId;

/// How many rows a table keeps at most: the oldest go first.
pub const ROWS_AT_MOST: usize = 20_000;

/// A row of a table; columns that it does not name are empty.
#[derive(Clone, Debug)]
pub struct Row {
    /// When it happened.
    pub at: Timestamp,
    /// What its columns say.
    pub cells: Map<String, Value>,
}

/// What happened to a resource, before it is known who wants it and in which table.
#[derive(Clone, Debug)]
pub struct Event {
    /// When.
    pub at: Timestamp,
    /// The columns of the table that is the category's own.
    pub own: Map<String, Value>,
    /// The table that is the category's own.
    pub table: &'static str,
    /// The columns of the common table, for categories that have one.
    pub common: Option<Map<String, Value>>,
}

/// The common table.
pub const COMMON_TABLE: &str = "AzureDiagnostics";

/// One diagnostic setting, as far as it delivers to a workspace.
#[derive(Clone, Debug)]
pub struct Sink {
    /// The resource whose events it wants.
    pub resource: ResourceId,
    /// The workspace that gets them.
    pub workspace: ResourceId,
    /// The categories.
    pub categories: BTreeSet<String>,
    /// Whether the categories' own tables are wanted where there is a choice.
    pub dedicated: bool,
}

type Tables = HashMap<&'static str, VecDeque<Arc<Row>>>;

/// Everything that is delivered.
#[derive(Debug, Default)]
pub struct Store {
    /// How many settings deliver to a workspace.
    watching: AtomicUsize,
    /// By the key of the setting's id.
    sinks: RwLock<HashMap<String, Arc<Sink>>>,
    /// By the key of the workspace's id.
    workspaces: RwLock<HashMap<String, Tables>>,
    /// How often a workspace's name was given up for good, by the key of its id.
    purged: RwLock<HashMap<String, u64>>,
}

impl Store {
    /// A setting begins to deliver, or changes what it delivers.
    pub fn watch(&self, setting: &ResourceId, sink: Sink) {
        let mut sinks = self.sinks.write();
        sinks.insert(setting.key().to_owned(), Arc::new(sink));
        self.watching.store(sinks.len(), Ordering::Release);
    }

    /// A setting delivers no more.
    pub fn unwatch(&self, setting: &ResourceId) {
        let mut sinks = self.sinks.write();
        sinks.remove(setting.key());
        self.watching.store(sinks.len(), Ordering::Release);
    }

    /// Whether anybody wants events of this category of a resource.
    pub fn wants(&self, resource: &ResourceId, category: &str) -> bool {
        self.watching.load(Ordering::Acquire) > 0
            && self.sinks.read().values().any(|sink| sink.resource == *resource && sink.categories.contains(category))
    }

    /// Delivers an event to everybody who wants it.
    pub fn record(&self, resource: &ResourceId, category: &str, event: &Event) {
        if self.watching.load(Ordering::Acquire) == 0 {
            return;
        }
        let wanting: Vec<Arc<Sink>> = {
            let sinks = self.sinks.read();
            let wants = |sink: &&Arc<Sink>| sink.resource == *resource && sink.categories.contains(category);
            sinks.values().filter(wants).cloned().collect()
        };
        for sink in wanting {
            let (table, cells) = match &event.common {
                Some(common) if !sink.dedicated => (COMMON_TABLE, common),
                _ => (event.table, &event.own),
            };
            self.append(&sink.workspace, table, Row { at: event.at, cells: cells.clone() });
        }
    }

    fn append(&self, workspace: &ResourceId, table: &'static str, row: Row) {
        let mut workspaces = self.workspaces.write();
        let rows = workspaces.entry(workspace.key().to_owned()).or_default().entry(table).or_default();
        if rows.len() == ROWS_AT_MOST {
            rows.pop_front();
        }
        rows.push_back(Arc::new(row));
    }

    /// The rows of a table that are not older than `oldest`; older ones are forgotten.
    pub fn rows(&self, workspace: &ResourceId, table: &str, oldest: Timestamp) -> Vec<Arc<Row>> {
        let mut workspaces = self.workspaces.write();
        let Some(rows) = workspaces.get_mut(workspace.key()).and_then(|tables| tables.get_mut(table)) else { return Vec::new() };
        while rows.front().is_some_and(|row| row.at < oldest) {
            rows.pop_front();
        }
        rows.iter().cloned().collect()
    }

    /// A workspace is deleted: its rows are kept for its recovery, unless it is purged.
    pub fn purge(&self, workspace: &ResourceId) {
        self.workspaces.write().remove(workspace.key());
        *self.purged.write().entry(workspace.key().to_owned()).or_default() += 1;
    }

    /// How often a workspace of this id was purged: who makes it again makes another one.
    pub fn purges(&self, workspace: &ResourceId) -> u64 {
        self.purged.read().get(workspace.key()).copied().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(at: i64) -> Event {
        let at = Timestamp::from_second(at).expect("in range");
        Event { at, own: Map::new(), table: "AKSAudit", common: Some(Map::new()) }
    }

    fn sink(dedicated: bool) -> Sink {
        Sink {
            resource: ResourceId::new("/r"),
            workspace: ResourceId::new("/w"),
            categories: BTreeSet::from(["kube-audit".to_owned()]),
            dedicated,
        }
    }

    #[test]
    fn only_what_is_wanted_is_kept_and_only_so_much_and_so_long() {
        let store = Store::default();
        let (resource, workspace) = (ResourceId::new("/R"), ResourceId::new("/w"));
        let oldest = Timestamp::from_second(0).expect("in range");
        store.record(&resource, "kube-audit", &event(1));
        assert!(!store.wants(&resource, "kube-audit") && store.rows(&workspace, "AKSAudit", oldest).is_empty());
        store.watch(&ResourceId::new("/s1"), sink(true));
        store.watch(&ResourceId::new("/s2"), sink(false));
        assert!(store.wants(&resource, "kube-audit") && !store.wants(&resource, "guard"));
        for at in 0..=i64::try_from(ROWS_AT_MOST).expect("small") {
            store.record(&resource, "kube-audit", &event(at));
        }
        assert_eq!(store.rows(&workspace, "AKSAudit", oldest).len(), ROWS_AT_MOST);
        assert_eq!(store.rows(&workspace, COMMON_TABLE, Timestamp::from_second(19_999).expect("in range")).len(), 2);
        store.unwatch(&ResourceId::new("/s1"));
        store.unwatch(&ResourceId::new("/s2"));
        assert!(!store.wants(&resource, "kube-audit"));
        store.purge(&workspace);
        assert_eq!((store.purges(&workspace), store.rows(&workspace, "AKSAudit", oldest).len()), (1, 0));
    }
}
