//! The controllers of a cluster, its scheduler and its kubelets, as one loop: whatever changed is looked at, in the order in which
//! it changed, until nothing is left to do. The cost follows from what changed, never from what there is.
//!
//! All of them are level-triggered, as Kubernetes' own: a look compares what is with what should be, and may come once too often.
//! What has to happen later (back-offs, graceful ends, deadlines) is a later look.

mod account_tokens;
mod autoscaler;
mod claims;
mod conditions;
pub mod context;
pub mod cron_job;
mod daemon_set;
mod definition;
mod deployment;
mod deployment_status;
pub mod disruption;
pub mod events;
mod hash;
mod job;
mod namespaces;
mod nodes;
mod notice;
pub mod object;
mod pods;
mod quota;
mod replica_set;
mod revisions;
mod rolling;
#[cfg(test)]
mod scenarios;
mod services;
mod stateful_set;

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use context::{Context, key_of};
use object::{name, text};

use super::kinds;
use super::kubelet;
use super::rbac::aggregation;
use super::scheduler;
use super::store::{Cluster, Due, Key};
use crate::world::World;

/// How many looks one run may take: far beyond what any real change needs, so that a mistake cannot hang the emulator.
const MOST_LOOKS: usize = 200_000;

/// Who owns what the controllers, the scheduler and the kubelets write.
const CONTROLLERS: &str = "kube-controller-manager";
const SCHEDULER: &str = "kube-scheduler";
const KUBELET: &str = "kubelet";

/// Lets the controllers act on everything that changed, until nothing is left to do.
pub fn settle(world: &World, cluster: &Arc<Cluster>) {
    run(world, cluster, None);
}

/// Does what is due in a cluster; nothing if the cluster is gone.
pub fn due(world: &World, event: Due) {
    match event {
        Due::Reconsider { host, key } => {
            if let Some(cluster) = world.kube.by_host(&host) {
                run(world, &cluster, Some(key));
            }
        }
        // Who waited may have gone meanwhile.
        Due::Wake(waiting) => drop(waiting.send(())),
    }
}

/// What is to be looked at: each thing once, in the order of entry.
#[derive(Debug, Default)]
struct Queue {
    order: VecDeque<Key>,
    waiting: BTreeSet<Key>,
}

impl Queue {
    fn push(&mut self, key: Key) {
        if self.waiting.insert(key.clone()) {
            self.order.push_back(key);
        }
    }

    fn pop(&mut self) -> Option<Key> {
        let key = self.order.pop_front()?;
        self.waiting.remove(&key);
        Some(key)
    }
}

fn run(world: &World, cluster: &Cluster, first: Option<Key>) {
    let mut memory = cluster.controllers.lock();
    let mut context = Context { world, cluster, memory: &mut memory, manager: CONTROLLERS };
    let mut queue = Queue::default();
    queue.order.extend(first);
    for _ in 0..MOST_LOOKS {
        while let Some(dirty) = cluster.next_dirty() {
            notice::notice(&mut context, &mut queue, &dirty);
        }
        let Some(key) = queue.pop() else { return };
        look(&mut context, &key);
    }
    tracing::error!(
        kubernetes.cluster = cluster.id.as_str(),
        "the controllers found no end; the rest is done with the next change"
    );
}

fn look(context: &mut Context, key: &Key) {
    let kind = key.kind();
    match (kind.group.as_str(), kind.kind.as_str()) {
        ("", "Pod") => look_at_pod(context, key),
        ("", "ReplicationController") | ("apps", "ReplicaSet") => replica_set::sync(context, key),
        ("", "Service") => services::sync(context, key),
        ("policy", "PodDisruptionBudget") => disruption::sync(context, key),
        ("apps", "DaemonSet") => daemon_set::sync(context, key),
        ("apps", "StatefulSet") => stateful_set::sync(context, key),
        ("batch", "CronJob") => cron_job::sync(context, key),
        ("batch", "Job") => job::sync(context, key),
        ("", "Namespace") => namespaces::sync(context, key),
        ("", "Node") => nodes::sync(context, key),
        ("", "PersistentVolume") => claims::sync_volume(context, key),
        ("", "PersistentVolumeClaim") => claims::sync(context, key),
        ("", "ResourceQuota") => quota::sync(context, key),
        ("autoscaling", "HorizontalPodAutoscaler") => autoscaler::sync(context, key),
        ("apps", "Deployment") => deployment::sync(context, key),
        ("apiextensions.k8s.io", "CustomResourceDefinition") => definition::sync(context, key),
        ("", "Secret") => account_tokens::sync(context, key),
        ("rbac.authorization.k8s.io", "ClusterRole") => aggregation::sync(context, key),
        _ => {}
    }
}

fn look_at_pod(context: &mut Context, key: &Key) {
    let Some(pod) = context.get(key) else { return };
    debug_assert_eq!(key_of(&kinds::PODS, &pod), *key, "{}", name(&pod));
    nodes::look_at_pod(context, key, &pod);
    if text(&pod, "/spec/nodeName").is_empty() {
        context.manager = SCHEDULER;
        scheduler::schedule(context, key, &pod);
    } else {
        context.manager = KUBELET;
        kubelet::sync(context, key, &pod);
    }
    context.manager = CONTROLLERS;
}
