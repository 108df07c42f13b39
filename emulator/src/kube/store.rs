//! The state of this plane: clusters, and in each its objects with one version counter, a ring of recent changes for watches,
//! and a queue of what the controllers have not looked at yet. What may happen to an object is in `objects.rs`.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Bound;
use std::sync::Arc;

use arc_swap::{ArcSwap, ArcSwapOption};
use dashmap::DashMap;
use parking_lot::{Mutex, RwLock, RwLockReadGuard};
use serde_json::Value;
use tokio::sync::watch;

use super::backend::Backend;
use super::controllers::context::Memory;
use super::custom;
use super::kinds::{self, Kind, Served};
use super::rbac;
use super::spec::ClusterSpec;
use crate::kernel::resource_id::ResourceId;

/// How many changes a cluster keeps for watches that resume.
const KEPT_CHANGES: usize = 2048;

/// All clusters, by the host of their API server.
#[derive(Debug, Default)]
pub struct Store {
    clusters: DashMap<String, Arc<Cluster>>,
    /// Their hosts, by the key of the ARM id.
    hosts: DashMap<String, String>,
    /// The clusters that are stopped, by the same hosts: they keep their objects, but their names lead nowhere.
    stopped: DashMap<String, Arc<Cluster>>,
    /// A user's own cluster in the place of them all.
    backend: ArcSwapOption<Backend>,
}

impl Store {
    /// The user's own cluster that takes the place of the simulated ones, if there is one.
    pub fn backend(&self) -> Option<Arc<Backend>> {
        self.backend.load_full()
    }

    /// Puts a user's own cluster in the place of the simulated ones.
    pub fn set_backend(&self, backend: Option<Arc<Backend>>) {
        self.backend.store(backend);
    }

    /// The cluster whose API server has this host name.
    pub fn by_host(&self, host: &str) -> Option<Arc<Cluster>> {
        self.clusters.get(&host.to_ascii_lowercase()).map(|entry| entry.value().clone())
    }

    /// The cluster that is this ARM resource.
    pub fn by_arm_id(&self, id: &ResourceId) -> Option<Arc<Cluster>> {
        let host = self.hosts.get(id.key())?.clone();
        self.by_host(&host).or_else(|| self.stopped.get(&host).map(|entry| entry.value().clone()))
    }

    /// Stops a cluster's API server, which ends its watches, or starts it again.
    pub fn set_stopped(&self, id: &ResourceId, stopped: bool) {
        let Some(host) = self.hosts.get(id.key()).map(|host| host.clone()) else { return };
        let (from, to) = if stopped { (&self.clusters, &self.stopped) } else { (&self.stopped, &self.clusters) };
        if let Some((host, cluster)) = from.remove(&host) {
            if stopped {
                cluster.close();
            } else {
                cluster.reopen();
            }
            to.insert(host, cluster);
        }
    }

    /// Adds a cluster.
    pub fn insert(&self, cluster: Arc<Cluster>) {
        let host = cluster.spec().fqdn.to_ascii_lowercase();
        self.hosts.insert(cluster.id.key().to_owned(), host.clone());
        self.clusters.insert(host, cluster);
    }

    /// Takes a cluster away and ends its watches.
    pub fn remove(&self, id: &ResourceId) {
        if let Some((_, host)) = self.hosts.remove(id.key())
            && let Some((_, cluster)) = self.clusters.remove(&host).or_else(|| self.stopped.remove(&host))
        {
            cluster.close();
        }
    }

    /// Ends all watches: what a reset of the world begins with.
    pub fn close(&self) {
        self.clusters.iter().for_each(|entry| entry.value().close());
    }
}

/// What happens later in a cluster.
#[derive(Debug)]
pub enum Due {
    /// The controllers look at an object again: a back-off, a grace or a deadline has passed.
    Reconsider {
        /// The host of the cluster's API server.
        host: String,
        /// The object.
        key: Key,
    },
    /// Whoever waits for this moment goes on.
    Wake(tokio::sync::oneshot::Sender<()>),
}

/// An object's place: kind, namespace (empty for what has none), name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    kind: usize,
    /// The namespace.
    pub namespace: String,
    /// The name.
    pub name: String,
}

impl Key {
    /// The place of an object.
    pub fn new(kind: &Kind, namespace: &str, name: &str) -> Self {
        let namespace = if kind.namespaced { namespace } else { "" };
        Self { kind: kind.hub, namespace: namespace.into(), name: name.into() }
    }

    /// Its kind.
    pub fn kind(&self) -> &'static Kind {
        kinds::at(self.kind)
    }
}

/// What a change was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// The object is new.
    Added,
    /// The object was changed.
    Modified,
    /// The object is gone.
    Deleted,
}

/// A change, as watches see it.
#[derive(Clone, Debug)]
pub struct Change {
    /// The cluster's version after it.
    pub version: u64,
    /// What it was.
    pub verb: Verb,
    /// Where.
    pub key: Key,
    /// The object after it; of a deletion, the last state with the version of the deletion.
    pub object: Arc<Value>,
    /// The object before it.
    pub previous: Option<Arc<Value>>,
}

/// Something that changed and that the controllers have not looked at since.
#[derive(Clone, Debug)]
pub struct Dirty {
    /// Its kind.
    pub kind: &'static Kind,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its last state.
    pub object: Arc<Value>,
    /// Whether it is gone.
    pub deleted: bool,
}

/// What waiting watches are told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Signal {
    /// The cluster's version.
    pub version: u64,
    /// Whether the cluster is no more.
    pub closed: bool,
}

/// A cluster.
#[derive(Debug)]
pub struct Cluster {
    /// The managed cluster in ARM.
    pub id: ResourceId,
    spec: ArcSwap<ClusterSpec>,
    pub(super) state: Mutex<State>,
    rbac: Arc<RwLock<rbac::Index>>,
    signal: watch::Sender<Signal>,
    /// What the controllers remember; held while they run.
    pub(super) controllers: Mutex<Memory>,
}

impl Cluster {
    /// A cluster without objects.
    pub fn new(spec: ClusterSpec) -> Self {
        let state = State { workload_identity: spec.workload_identity, ..State::default() };
        Self {
            id: spec.id.clone(),
            spec: ArcSwap::from_pointee(spec),
            rbac: state.rbac.clone(),
            state: Mutex::new(state),
            signal: watch::Sender::new(Signal::default()),
            controllers: Mutex::default(),
        }
    }

    /// What it is made of.
    pub fn spec(&self) -> Arc<ClusterSpec> {
        self.spec.load_full()
    }

    /// The minor version of Kubernetes that it runs: 33 of 1.33.5.
    pub fn minor_version(&self) -> u32 {
        self.spec.load().version.split('.').nth(1).and_then(|minor| minor.parse().ok()).unwrap_or(33)
    }

    /// Changes what it is made of; the host must stay.
    pub fn set_spec(&self, spec: ClusterSpec) {
        self.state.lock().workload_identity = spec.workload_identity;
        self.spec.store(Arc::new(spec));
    }

    /// Tells when something changes.
    pub fn subscribe(&self) -> watch::Receiver<Signal> {
        self.signal.subscribe()
    }

    /// Ends its watches.
    pub fn close(&self) {
        self.signal.send_modify(|signal| signal.closed = true);
    }

    /// Lets new watches run after [`Cluster::close`].
    pub fn reopen(&self) {
        self.signal.send_modify(|signal| signal.closed = false);
    }

    /// The roles and bindings; must not be held across a change.
    pub fn rbac(&self) -> RwLockReadGuard<'_, rbac::Index> {
        self.rbac.read()
    }

    /// Runs `act` on the objects, then wakes the watches if anything changed.
    pub(super) fn locked<Answer>(&self, act: impl FnOnce(&mut State) -> Answer) -> Answer {
        let mut state = self.state.lock();
        let answer = act(&mut state);
        let version = state.version;
        drop(state);
        self.signal.send_if_modified(|signal| {
            let moved = signal.version != version;
            signal.version = version;
            moved
        });
        answer
    }

    /// The version of the whole.
    pub fn version(&self) -> u64 {
        self.state.lock().version
    }

    /// The kinds that it serves.
    pub fn served(&self) -> Served {
        self.state.lock().served.clone()
    }

    /// An object.
    pub fn get(&self, kind: &Kind, namespace: &str, name: &str) -> Option<Arc<Value>> {
        self.state.lock().objects.get(&Key::new(kind, namespace, name)).cloned()
    }

    /// The objects of a kind by namespace and name, of one namespace or of all, and the version at which they are so.
    pub fn list(&self, kind: &Kind, namespace: Option<&str>) -> (Vec<Arc<Value>>, u64) {
        let state = self.state.lock();
        (state.of_kind(kind, namespace).map(|(_, object)| object.clone()).collect(), state.version)
    }

    /// The objects of a kind as they were at a version; nothing if that is no longer kept.
    pub fn list_at(&self, kind: &Kind, namespace: Option<&str>, version: u64) -> Option<Vec<Arc<Value>>> {
        let state = self.state.lock();
        if version < state.forgotten {
            return None;
        }
        let mut there: BTreeMap<&Key, &Arc<Value>> = state.of_kind(kind, namespace).collect();
        for change in state.changes.iter().rev().take_while(|change| change.version > version) {
            let key = &change.key;
            if key.kind != kind.index || namespace.is_some_and(|namespace| kind.namespaced && key.namespace != namespace) {
                continue;
            }
            match &change.previous {
                Some(previous) => there.insert(key, previous),
                None => there.remove(key),
            };
        }
        Some(there.into_values().cloned().collect())
    }

    /// The oldest version from which a watch can resume.
    pub fn oldest(&self) -> u64 {
        self.state.lock().forgotten
    }

    /// The objects that name `uid` among their owners.
    pub fn owned_by(&self, uid: &str) -> Vec<Arc<Value>> {
        let state = self.state.lock();
        let keys = state.owned.get(uid).into_iter().flatten();
        keys.filter_map(|key| state.objects.get(key).cloned()).collect()
    }

    /// The next change that the controllers have not seen, in the order in which things first changed.
    pub fn next_dirty(&self) -> Option<Dirty> {
        self.state.lock().next_dirty()
    }

    /// The changes after `version`; nothing if they are no longer kept.
    pub fn changes_since(&self, version: u64) -> Option<Vec<Change>> {
        let state = self.state.lock();
        if version < state.forgotten {
            return None;
        }
        let first = state.changes.partition_point(|change| change.version <= version);
        Some(state.changes.range(first..).cloned().collect())
    }
}

/// The objects of a cluster and what follows from them.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) version: u64,
    /// The kinds that the cluster serves: they follow from its CustomResourceDefinitions.
    pub(super) served: Served,
    forgotten: u64,
    pub(super) objects: BTreeMap<Key, Arc<Value>>,
    pub(super) owned: BTreeMap<String, BTreeSet<Key>>,
    /// Whether pods may have identities of Entra's: what the cluster is made of says so.
    pub(super) workload_identity: bool,
    /// Roles and bindings, beside the lock of the objects: a change may be judged while it is made.
    rbac: Arc<RwLock<rbac::Index>>,
    changes: VecDeque<Change>,
    queue: VecDeque<Key>,
    dirty: BTreeMap<Key, (Arc<Value>, bool)>,
}

impl State {
    /// The objects of a kind, of one namespace or of all.
    pub(super) fn of_kind(&self, kind: &Kind, namespace: Option<&str>) -> impl Iterator<Item = (&Key, &Arc<Value>)> {
        let namespace = if kind.namespaced { namespace } else { None };
        let start = Key { kind: kind.hub, namespace: namespace.unwrap_or("").into(), name: String::new() };
        let (index, wanted) = (kind.hub, namespace.map(str::to_owned));
        self.objects
            .range((Bound::Included(start), Bound::Unbounded))
            .take_while(move |(key, _)| key.kind == index && wanted.as_ref().is_none_or(|wanted| key.namespace == *wanted))
    }

    /// Puts an object in its place with a new version.
    pub(super) fn put(&mut self, key: Key, mut object: Value) -> Arc<Value> {
        self.version += 1;
        object["metadata"]["resourceVersion"] = self.version.to_string().into();
        let object = Arc::new(object);
        let previous = self.objects.insert(key.clone(), object.clone());
        if let Some(previous) = &previous {
            self.forget_owners(&key, previous);
        }
        for uid in owners(&object) {
            self.owned.entry(uid.to_owned()).or_default().insert(key.clone());
        }
        let verb = if previous.is_some() { Verb::Modified } else { Verb::Added };
        let defines = key.kind == kinds::CUSTOM_RESOURCE_DEFINITIONS.index;
        self.note(verb, key, object.clone(), previous);
        if defines {
            self.serve();
        }
        object
    }

    /// Takes an object away; what is returned has the version of its end.
    pub(super) fn take(&mut self, key: &Key) -> Option<Arc<Value>> {
        let previous = self.objects.remove(key)?;
        self.forget_owners(key, &previous);
        self.version += 1;
        let mut last = (*previous).clone();
        last["metadata"]["resourceVersion"] = self.version.to_string().into();
        let last = Arc::new(last);
        self.note(Verb::Deleted, key.clone(), last.clone(), Some(previous));
        if key.kind == kinds::CUSTOM_RESOURCE_DEFINITIONS.index {
            self.serve();
        }
        Some(last)
    }

    /// Serves what the definitions say.
    fn serve(&mut self) {
        let definitions = self.of_kind(&kinds::CUSTOM_RESOURCE_DEFINITIONS, None);
        self.served = custom::served(definitions.map(|(_, definition)| definition.as_ref()));
    }

    fn forget_owners(&mut self, key: &Key, object: &Value) {
        for uid in owners(object) {
            if let Some(keys) = self.owned.get_mut(uid) {
                keys.remove(key);
                if keys.is_empty() {
                    self.owned.remove(uid);
                }
            }
        }
    }

    fn note(&mut self, verb: Verb, key: Key, object: Arc<Value>, previous: Option<Arc<Value>>) {
        if rbac::concerns(key.kind()) {
            let place = (key.namespace.clone(), key.name.clone());
            self.rbac.write().note(key.kind, place, (verb != Verb::Deleted).then_some(&*object));
        }
        if self.dirty.insert(key.clone(), (object.clone(), verb == Verb::Deleted)).is_none() {
            self.queue.push_back(key.clone());
        }
        self.changes.push_back(Change { version: self.version, verb, key, object, previous });
        if self.changes.len() > KEPT_CHANGES
            && let Some(oldest) = self.changes.pop_front()
        {
            self.forgotten = oldest.version;
        }
    }

    fn next_dirty(&mut self) -> Option<Dirty> {
        let key = self.queue.pop_front()?;
        let (object, deleted) = self.dirty.remove(&key)?;
        Some(Dirty { kind: key.kind(), namespace: key.namespace, name: key.name, object, deleted })
    }
}

/// The uids of an object's owners.
pub(super) fn owners(object: &Value) -> impl Iterator<Item = &str> {
    object["metadata"]["ownerReferences"].as_array().into_iter().flatten().filter_map(|owner| owner["uid"].as_str())
}
