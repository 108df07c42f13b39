//! The controllers of a cluster, its scheduler and its kubelets, as one loop: whatever changed is looked at, in the order in which
//! it changed, until nothing is left to do. The cost follows from what changed, never from what there is.
//!
//! All of them are level-triggered, as Kubernetes' own: a look compares what is with what should be, and may come once too often.
//! What has to happen later (back-offs, graceful ends, deadlines) is a later look.

mod account_tokens;
pub mod context;
mod definition;
mod deployment;
mod deployment_status;
pub mod events;
mod hash;
pub mod object;
mod replica_set;
mod rolling;
#[cfg(test)]
mod scenarios;

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use serde_json::Value;

use context::{Context, key_of};
use object::{controller_of, name, namespace, text, uid};

use super::kinds::{self, Kind};
use super::kubelet;
use super::rbac::aggregation;
use super::scheduler::{self, ledger};
use super::store::{Cluster, Dirty, Due, Key};
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
            notice(&mut context, &mut queue, &dirty);
        }
        let Some(key) = queue.pop() else { return };
        look(&mut context, &key);
    }
    tracing::error!(
        kubernetes.cluster = cluster.id.as_str(),
        "the controllers found no end; the rest is done with the next change"
    );
}

/// What a change means to the controllers.
fn notice(context: &mut Context, queue: &mut Queue, dirty: &Dirty) {
    let kind = dirty.kind;
    let key = Key::new(kind, &dirty.namespace, &dirty.name);
    if kind.index == kinds::PODS.index {
        notice_pod(context, queue, key, dirty);
    } else if kind.index == kinds::REPLICA_SETS.index {
        push_controller(queue, &dirty.object, &kinds::DEPLOYMENTS);
        queue.push(key);
    } else if kind.index == kinds::DEPLOYMENTS.index {
        queue.push(key);
    } else if kind.index == kinds::CUSTOM_RESOURCE_DEFINITIONS.index || kind.custom.is_some() {
        definition::concerned(context, &key, dirty).into_iter().for_each(|key| queue.push(key));
    } else if kind.index == kinds::NODES.index {
        if dirty.deleted {
            for pod in context.memory.on_node.remove(&dirty.name).unwrap_or_default() {
                context.remove_now(&pod);
            }
            context.memory.nodes.forget_node(&dirty.name);
        }
        retry_unschedulable(context, queue);
    } else if [kinds::CONFIG_MAPS.index, kinds::SECRETS.index].contains(&kind.index) && !dirty.deleted {
        context.memory.nodes.configuration_changed(&dirty.namespace).into_iter().for_each(|pod| queue.push(pod));
    }
    if kind.index == kinds::CLUSTER_ROLES.index {
        context.cluster.rbac().aggregates().for_each(|name| queue.push(Key::new(kind, "", name)));
    }
    if kind.index == kinds::SECRETS.index && account_tokens::is_for_token(&dirty.object) {
        queue.push(Key::new(kind, &dirty.namespace, &dirty.name));
    } else if kind.index == kinds::SERVICE_ACCOUNTS.index && dirty.deleted {
        let (secrets, _) = context.cluster.list(&kinds::SECRETS, Some(&dirty.namespace));
        let of_tokens = secrets.iter().filter(|secret| account_tokens::is_for_token(secret));
        of_tokens.for_each(|secret| queue.push(key_of(&kinds::SECRETS, secret)));
    }
    if dirty.deleted {
        context.memory.events.forget(uid(&dirty.object));
    }
}

fn notice_pod(context: &mut Context, queue: &mut Queue, key: Key, dirty: &Dirty) {
    let pod = &dirty.object;
    let node = text(pod, "/spec/nodeName");
    push_controller(queue, pod, &kinds::REPLICA_SETS);
    if !node.is_empty() {
        let pods = context.memory.on_node.entry(node.to_owned()).or_default();
        if dirty.deleted {
            pods.remove(&key)
        } else {
            pods.insert(key.clone())
        };
    }
    context.memory.ledger.note(&key, (!dirty.deleted).then_some(pod));
    if !dirty.deleted {
        if ledger::has_ended(pod) {
            retry_unschedulable(context, queue);
        }
        return queue.push(key);
    }
    context.memory.unschedulable.remove(&key);
    kubelet::removed(context, pod);
    retry_unschedulable(context, queue);
}

fn retry_unschedulable(context: &Context, queue: &mut Queue) {
    context.memory.unschedulable.iter().cloned().for_each(|key| queue.push(key));
}

fn push_controller(queue: &mut Queue, object: &Value, kind: &Kind) {
    if let Some(owner) = controller_of(object).filter(|owner| owner["kind"] == kind.kind) {
        queue.push(Key::new(kind, namespace(object), text(owner, "/name")));
    }
}

fn look(context: &mut Context, key: &Key) {
    let kind = key.kind().index;
    if kind == kinds::DEPLOYMENTS.index {
        deployment::sync(context, key);
    } else if kind == kinds::REPLICA_SETS.index {
        replica_set::sync(context, key);
    } else if kind == kinds::CUSTOM_RESOURCE_DEFINITIONS.index {
        definition::sync(context, key);
    } else if kind == kinds::SECRETS.index {
        account_tokens::sync(context, key);
    } else if kind == kinds::CLUSTER_ROLES.index {
        aggregation::sync(context, key);
    } else if kind == kinds::PODS.index {
        look_at_pod(context, key);
    }
}

fn look_at_pod(context: &mut Context, key: &Key) {
    let Some(pod) = context.get(key) else { return };
    debug_assert_eq!(key_of(&kinds::PODS, &pod), *key, "{}", name(&pod));
    if text(&pod, "/spec/nodeName").is_empty() {
        context.manager = SCHEDULER;
        scheduler::schedule(context, key, &pod);
    } else {
        context.manager = KUBELET;
        kubelet::sync(context, key, &pod);
    }
    context.manager = CONTROLLERS;
}
