//! What a controller has in its hands while it works: the world, the cluster, and what the controllers of that cluster remember.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

use super::events::{Recorder, Source};
use super::object;
use crate::kube::deletion::DeleteOptions;
use crate::kube::kinds::Kind;
use crate::kube::kubelet;
use crate::kube::objects::Write;
use crate::kube::scheduler::ledger::Ledger;
use crate::kube::store::{Cluster, Due, Key};
use crate::world::{self, World};

/// What the controllers, the scheduler and the kubelets of one cluster remember.
#[derive(Debug, Default)]
pub struct Memory {
    /// Which events have been told.
    pub events: Recorder,
    /// Pods that found no node; they are tried again when a node changes or a pod goes.
    pub unschedulable: BTreeSet<Key>,
    /// The pods of each node.
    pub on_node: BTreeMap<String, BTreeSet<Key>>,
    /// What the pods of each node ask for.
    pub ledger: Ledger,
    /// Pods that nobody controls, by namespace.
    pub orphans: BTreeMap<String, BTreeSet<Key>>,
    /// Services and the like that selected a pod when it was last looked at.
    pub followers: BTreeMap<Key, BTreeSet<Key>>,
    /// How often in a row, and when last, the API server refused what a controller wanted.
    pub refused: BTreeMap<Key, (u32, Timestamp)>,
    /// When the load balancers that are being made will be there, by Service.
    pub balancers: BTreeMap<Key, Timestamp>,
    /// Since when pods may no longer stay on their nodes.
    pub evictions: BTreeMap<Key, Timestamp>,
    /// What the nodes run.
    pub nodes: kubelet::Nodes,
}

impl Memory {
    /// The pods of a namespace that nobody controls.
    pub fn orphans(&self, namespace: &str) -> impl Iterator<Item = &Key> {
        self.orphans.get(namespace).into_iter().flatten()
    }
}

/// A controller's tools.
#[derive(Debug)]
pub struct Context<'a> {
    /// The world.
    pub world: &'a World,
    /// The cluster.
    pub cluster: &'a Cluster,
    /// What is remembered from one run to the next.
    pub memory: &'a mut Memory,
    /// Which part of the control plane works now: who owns what it writes.
    pub manager: &'static str,
}

/// The place of an object that is known to be of a kind.
pub fn key_of(kind: &Kind, object: &Value) -> Key {
    Key::new(kind, object::namespace(object), object::name(object))
}

impl Context<'_> {
    /// The time.
    pub fn now(&self) -> Timestamp {
        self.world.clock.now()
    }

    /// The minor version of Kubernetes that the cluster runs: 33 of 1.33.5.
    pub fn minor_version(&self) -> u32 {
        let spec = self.cluster.spec();
        spec.version.split('.').nth(1).and_then(|minor| minor.parse().ok()).unwrap_or(33)
    }

    /// An object.
    pub fn get(&self, key: &Key) -> Option<Arc<Value>> {
        self.cluster.get(key.kind(), &key.namespace, &key.name)
    }

    /// The objects of a kind that `uid` owns.
    pub fn owned(&self, uid: &str, kind: &Kind) -> Vec<Arc<Value>> {
        let mut owned = self.cluster.owned_by(uid);
        owned.retain(|object| object["kind"] == kind.kind);
        owned
    }

    /// Creates an object; what the API server refuses is logged.
    pub fn create(&self, kind: &Kind, object: Value) -> Option<Arc<Value>> {
        let created = self.cluster.create_with(self.world, kind, object, Write::by(self.manager));
        if let Err(error) = &created {
            tracing::debug!(kubernetes.kind = kind.kind, "a controller's object was refused: {error}");
        }
        created.ok()
    }

    /// Changes an object.
    pub fn modify(&self, key: &Key, change: impl FnOnce(&mut Value)) -> Option<Arc<Value>> {
        self.cluster.modify_as(self.world, self.manager, key.kind(), (&key.namespace, &key.name), change)
    }

    /// Deletes an object; a running pod has its grace.
    pub fn remove(&self, key: &Key) {
        self.delete(key, &DeleteOptions::default());
    }

    /// Deletes an object at once.
    pub fn remove_now(&self, key: &Key) {
        self.delete(key, &DeleteOptions::now());
    }

    fn delete(&self, key: &Key, options: &DeleteOptions) {
        if let Err(error) = self.cluster.delete(self.world, key.kind(), &key.namespace, &key.name, options) {
            tracing::debug!(kubernetes.name = key.name, "a controller's deletion was refused: {error}");
        }
    }

    /// Looks at an object again at some time.
    pub fn reconsider_at(&self, at: Timestamp, key: &Key) {
        let due = Due::Reconsider { host: self.cluster.spec().fqdn.clone(), key: key.clone() };
        self.world.timeline.schedule(at, world::Due::Kube(due));
    }

    /// Tells an event about an object.
    pub fn event(&mut self, kind: &Kind, object: &Value, severity: &str, reason: &str, message: &str, component: &str) {
        let source = Source { component, host: "", field_path: "" };
        self.event_from(kind, object, severity, reason, message, &source);
    }

    /// Tells an event that has a host or is about a part of an object.
    pub fn event_from(&mut self, kind: &Kind, object: &Value, severity: &str, reason: &str, message: &str, source: &Source) {
        let recorder = std::mem::take(&mut self.memory.events);
        self.memory.events = recorder.told(self, kind, object, (severity, reason, message), source);
    }
}
