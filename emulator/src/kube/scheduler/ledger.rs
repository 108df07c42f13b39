//! What the pods of each node ask for, kept as pods come, change and go: scheduling a pod costs what the nodes are, not what all pods are.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;

use super::ask::Ask;
use crate::kube::controllers::object::*;
use crate::kube::store::Key;

/// A pod on a node.
#[derive(Clone, Debug)]
pub struct Held {
    /// The pod.
    pub pod: Arc<Value>,
    /// What it asks for.
    pub ask: Ask,
}

/// What is on a node.
#[derive(Clone, Debug, Default)]
pub struct Load {
    /// Its pods that have not ended.
    pub pods: BTreeMap<Key, Held>,
    /// What they ask for together.
    pub total: Ask,
    /// How many of them each owner has.
    pub owners: BTreeMap<String, usize>,
}

impl Load {
    /// Puts a pod on.
    pub fn add(&mut self, key: Key, held: Held) {
        self.total.add(&held.ask);
        if let Some(owner) = controller_of(&held.pod) {
            *self.owners.entry(text(owner, "/uid").to_owned()).or_default() += 1;
        }
        self.pods.insert(key, held);
    }

    /// Takes a pod off.
    pub fn take(&mut self, key: &Key) {
        let Some(held) = self.pods.remove(key) else { return };
        self.total.take(&held.ask);
        if let Some(owner) = controller_of(&held.pod)
            && let Some(count) = self.owners.get_mut(text(owner, "/uid"))
        {
            *count = count.saturating_sub(1);
        }
    }
}

/// The load of all nodes.
#[derive(Debug, Default)]
pub struct Ledger {
    nodes: BTreeMap<String, Load>,
    places: BTreeMap<Key, String>,
    /// The pods that want no others near them.
    repelling: BTreeSet<Key>,
}

/// Where a pod says whom it cannot have near.
pub const REPELS: &str = "/spec/affinity/podAntiAffinity/requiredDuringSchedulingIgnoredDuringExecution";

impl Ledger {
    /// Notes a pod as it is now, or that it is gone.
    pub fn note(&mut self, key: &Key, pod: Option<&Arc<Value>>) {
        let node = pod.filter(|pod| !has_ended(pod)).map_or("", |pod| text(pod, "/spec/nodeName"));
        let known = self.places.get(key).map_or("", String::as_str);
        if node == known && node.is_empty() {
            return;
        }
        // A pod that stays where it is asks for what it asked for; only what is known of it changes.
        if node == known
            && let (Some(held), Some(pod)) = (self.nodes.get_mut(node).and_then(|load| load.pods.get_mut(key)), pod)
        {
            held.pod = pod.clone();
            return;
        }
        if let Some(before) = self.places.remove(key) {
            if let Some(load) = self.nodes.get_mut(&before) {
                load.take(key);
            }
            self.repelling.remove(key);
        }
        let Some(pod) = pod.filter(|_| !node.is_empty()) else { return };
        self.places.insert(key.clone(), node.to_owned());
        if !items(pod, REPELS).is_empty() {
            self.repelling.insert(key.clone());
        }
        let held = Held { pod: pod.clone(), ask: Ask::of(pod) };
        self.nodes.entry(node.to_owned()).or_default().add(key.clone(), held);
    }

    /// What is on a node; nothing if no pod is.
    pub fn load(&self, node: &str) -> Option<&Load> {
        self.nodes.get(node)
    }

    /// All pods on nodes with the name of the node.
    pub fn all(&self) -> impl Iterator<Item = (&str, &Held)> {
        self.nodes.iter().flat_map(|(node, load)| load.pods.values().map(move |held| (node.as_str(), held)))
    }

    /// The pods on nodes that want no others near them.
    pub fn repelling(&self) -> impl Iterator<Item = (&str, &Held)> {
        self.repelling.iter().filter_map(|key| {
            let node = self.places.get(key)?;
            Some((node.as_str(), self.nodes.get(node)?.pods.get(key)?))
        })
    }
}

/// Whether a pod runs no more: what it asked for is free.
pub fn has_ended(pod: &Value) -> bool {
    matches!(text(pod, "/status/phase"), "Succeeded" | "Failed")
}
