//! What a change means to the controllers: who is to look again.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use serde_json::Value;

use super::Queue;
use super::context::{Context, key_of};
use super::object::{controller_of, namespace, selects, text, uid};
use super::{account_tokens, autoscaler, claims, definition, disruption, namespaces, quota, services};
use crate::kube::kinds::{self, Kind};
use crate::kube::kubelet;
use crate::kube::scheduler::ledger;
use crate::kube::store::{Dirty, Key};

/// The kinds whose objects control pods, and so may adopt one that nobody controls.
static ADOPTERS: LazyLock<[&Kind; 5]> = LazyLock::new(|| {
    [*kinds::REPLICATION_CONTROLLERS, *kinds::DAEMON_SETS, *kinds::REPLICA_SETS, *kinds::STATEFUL_SETS, *kinds::JOBS]
});

/// What a change means to the controllers.
pub fn notice(context: &mut Context, queue: &mut Queue, dirty: &Dirty) {
    let kind = dirty.kind;
    let key = Key::new(kind, &dirty.namespace, &dirty.name);
    push_controller(queue, &dirty.object);
    match (kind.group.as_str(), kind.kind.as_str()) {
        ("", "Pod") => notice_pod(context, queue, key.clone(), dirty),
        ("", "Node") => notice_node(context, queue, key.clone(), dirty),
        _ => queue.push(key.clone()),
    }
    notice_configuration(context, queue, &key, dirty);
    if kind.index == kinds::CUSTOM_RESOURCE_DEFINITIONS.index || kind.custom.is_some() {
        definition::concerned(context, &key, dirty).into_iter().for_each(|key| queue.push(key));
    } else if kind.index == kinds::CLUSTER_ROLES.index {
        context.cluster.rbac().aggregates().for_each(|name| queue.push(Key::new(kind, "", name)));
    }
    let counting = quota::counting(context, kind, &key.namespace);
    let watching = autoscaler::watching(context, &key);
    let ending = namespaces::of(context, &key.namespace);
    counting.into_iter().chain(watching).chain(ending).for_each(|other| queue.push(other));
    if dirty.deleted {
        context.memory.events.forget(uid(&dirty.object));
    }
}

/// Pods look again at what they lacked; a service account takes the tokens in secrets along.
fn notice_configuration(context: &mut Context, queue: &mut Queue, key: &Key, dirty: &Dirty) {
    let kind = dirty.kind.index;
    if [kinds::CONFIG_MAPS.index, kinds::SECRETS.index].contains(&kind) && !dirty.deleted {
        context.memory.nodes.configuration_changed(&key.namespace).into_iter().for_each(|pod| queue.push(pod));
    } else if kind == kinds::SERVICE_ACCOUNTS.index {
        // Not only when it is gone: the default one is another at once.
        let (secrets, _) = context.cluster.list(&kinds::SECRETS, Some(&key.namespace));
        let of_tokens = secrets.iter().filter(|secret| account_tokens::is_for_token(secret));
        of_tokens.for_each(|secret| queue.push(key_of(&kinds::SECRETS, secret)));
    }
}

fn notice_node(context: &mut Context, queue: &mut Queue, key: Key, dirty: &Dirty) {
    if dirty.deleted {
        for pod in context.memory.on_node.remove(&dirty.name).unwrap_or_default() {
            context.remove_now(&pod);
        }
        context.memory.nodes.forget_node(&dirty.name);
    }
    queue.push(key);
    // A DaemonSet has a pod on every node that takes one.
    context.cluster.list(&kinds::DAEMON_SETS, None).0.iter().for_each(|set| queue.push(key_of(&kinds::DAEMON_SETS, set)));
    retry_unschedulable(context, queue);
}

fn notice_pod(context: &mut Context, queue: &mut Queue, key: Key, dirty: &Dirty) {
    let pod = &dirty.object;
    notice_followers(context, queue, &key, dirty);
    notice_orphan(context, queue, &key, dirty);
    claims::of_pod(pod).into_iter().for_each(|claim| queue.push(claim));
    let node = text(pod, "/spec/nodeName");
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
    context.memory.evictions.remove(&key);
    kubelet::removed(context, pod);
    retry_unschedulable(context, queue);
}

/// Services and the like look at the pods that they select now, and at those that they selected before.
fn notice_followers(context: &mut Context, queue: &mut Queue, key: &Key, dirty: &Dirty) {
    let before = context.memory.followers.remove(key).unwrap_or_default();
    let now: BTreeSet<Key> = match dirty.deleted {
        true => BTreeSet::new(),
        false => {
            let labels = &dirty.object["metadata"]["labels"];
            let services = services::selecting(context, &key.namespace, labels);
            let budgets = disruption::selecting(context.cluster, &key.namespace, labels);
            let budgets = budgets.iter().map(|budget| key_of(&kinds::POD_DISRUPTION_BUDGETS, budget));
            services.into_iter().chain(budgets).collect()
        }
    };
    before.union(&now).cloned().for_each(|follower| queue.push(follower));
    if !now.is_empty() {
        context.memory.followers.insert(key.clone(), now);
    }
}

/// A pod that nobody controls is shown to those who may adopt it.
fn notice_orphan(context: &mut Context, queue: &mut Queue, key: &Key, dirty: &Dirty) {
    let is_orphan = !dirty.deleted && controller_of(&dirty.object).is_none();
    let orphans = context.memory.orphans.entry(key.namespace.clone()).or_default();
    if is_orphan {
        orphans.insert(key.clone())
    } else {
        orphans.remove(key)
    };
    if orphans.is_empty() {
        context.memory.orphans.remove(&key.namespace);
    }
    if is_orphan {
        ADOPTERS.iter().for_each(|kind| push_adopters(context, queue, kind, dirty));
    }
}

fn push_adopters(context: &Context, queue: &mut Queue, kind: &'static Kind, dirty: &Dirty) {
    let (objects, _) = context.cluster.list(kind, Some(&dirty.namespace));
    let adopts = |object: &Value| {
        let selector = super::pods::selector_of(kind, object);
        selects(&selector, &dirty.object["metadata"]["labels"])
    };
    objects.iter().filter(|object| adopts(object)).for_each(|object| {
        queue.push(key_of(kind, object));
    });
}

/// Pods that found no node try again.
fn retry_unschedulable(context: &Context, queue: &mut Queue) {
    context.memory.unschedulable.iter().cloned().for_each(|key| queue.push(key));
}

/// Who controls an object looks at it.
fn push_controller(queue: &mut Queue, object: &Value) {
    let Some(owner) = controller_of(object) else { return };
    if let Some(kind) = kinds::by_api_version(text(owner, "/apiVersion"), text(owner, "/kind")) {
        queue.push(Key::new(kind, namespace(object), text(owner, "/name")));
    }
}
