//! The controllers of ReplicaSets and ReplicationControllers: as many pods as wanted, which of them go first, and the status.
//! Rule: the ReplicaSet controller of kube-controller-manager 1.34 (`ActivePodsWithRanks` for the order of deletion); that of
//! ReplicationControllers is the same with another selector.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::conditions;
use super::context::Context;
use super::object::*;
use super::pods::{self, Owner, is_active};
use crate::kube::store::Key;

/// The most pods that one look deletes, as the controller's burst.
const BURST: usize = 500;
const DELETION_COST: &str = "controller.kubernetes.io/pod-deletion-cost";

/// The most pods that azlet runs for one ReplicaSet: what is wanted beyond is refused by an event, as a quota would, so that no number
/// in a request can stop the emulator.
const MOST_PODS: usize = 2_000;

/// Brings one ReplicaSet or ReplicationController to what it wants.
pub fn sync(context: &mut Context, key: &Key) {
    let Some(set) = context.get(key) else { return };
    let component = if key.kind().kind == "ReplicaSet" { "replicaset-controller" } else { "replication-controller" };
    let owner = Owner { kind: key.kind(), object: &set, component };
    let mut pods = owner.pods(context);
    pods.retain(|pod| is_active(pod));
    let wanted = usize::try_from(number(&set, "/spec/replicas").unwrap_or(1)).unwrap_or(0);
    let mut failure = None;
    if pods::must_wait(context, key) && pods.len() < wanted {
        // Each try has a pod of another name, so that the message would never be the same twice.
        failure = condition(&set, "ReplicaFailure").map(|known| ("FailedCreate", text(known, "/message").to_owned()));
    } else if !is_terminating(&set) {
        failure = manage(context, &owner, &pods, wanted);
        if failure.is_none() {
            context.memory.refused.remove(key);
        }
    }
    // The status counts the pods that were seen, as the controller's cache would have them: the next look counts the rest.
    write_status(context, key, &owner, failure);
}

/// Creates or deletes pods; what went wrong if something did: reason and message.
fn manage(context: &mut Context, owner: &Owner, pods: &[Arc<Value>], wanted: usize) -> Option<(&'static str, String)> {
    let allowed = wanted.min(MOST_PODS);
    if pods.len() > wanted {
        delete_pods(context, owner, pods, pods.len() - wanted);
        return None;
    }
    let template = &owner.object["spec"]["template"];
    let prefix = format!("{}-", name(owner.object));
    for _ in pods.len()..allowed {
        // One refusal is enough: the next pod would be refused for the same reason.
        if let Err(error) = owner.create_pod(context, pods::from_template(owner, template, &prefix, None)) {
            return Some(("FailedCreate", error.to_string()));
        }
    }
    if wanted > MOST_PODS && pods.len() < allowed {
        let message =
            format!("Error creating: azlet runs at most {MOST_PODS} pods of one {}; {wanted} are wanted", owner.kind.kind);
        owner.event(context, "Warning", "FailedCreate", &message);
    }
    None
}

fn delete_pods(context: &mut Context, owner: &Owner, pods: &[Arc<Value>], surplus: usize) {
    let mut on_node: BTreeMap<&str, i64> = BTreeMap::new();
    for pod in pods {
        *on_node.entry(text(pod, "/spec/nodeName")).or_default() += 1;
    }
    let mut ranked: Vec<_> = pods.iter().collect();
    ranked.sort_by_cached_key(|pod| rank(pod, on_node[text(pod, "/spec/nodeName")]));
    for pod in ranked.into_iter().take(surplus.min(BURST)) {
        owner.delete_pod(context, pod);
    }
}

/// The lower, the sooner a pod goes: without a node, pending, not ready, cheap, beside its siblings, often restarted, young.
fn rank(pod: &Value, siblings: i64) -> (bool, bool, bool, i64, i64, i64, i64, std::cmp::Reverse<String>, String) {
    let cost = annotation(pod, DELETION_COST).and_then(|cost| cost.parse().ok()).unwrap_or(0);
    let restarts = items(pod, "/status/containerStatuses").iter().filter_map(|status| status["restartCount"].as_i64()).max();
    let ready_since = condition(pod, "Ready").and_then(|condition| time(condition, "/lastTransitionTime"));
    (
        !text(pod, "/spec/nodeName").is_empty(),
        text(pod, "/status/phase") == "Running",
        is_ready(pod),
        cost,
        -siblings,
        -ready_since.map_or(0, |since| since.as_second()),
        -restarts.unwrap_or(0),
        std::cmp::Reverse(text(pod, "/metadata/creationTimestamp").to_owned()),
        name(pod).to_owned(),
    )
}

fn write_status(context: &mut Context, key: &Key, owner: &Owner, failure: Option<(&str, String)>) {
    let set = owner.object;
    let mut pods = owner.pods(context);
    pods.retain(|pod| is_active(pod));
    let template_labels = set["spec"]["template"]["metadata"]["labels"].as_object();
    let labelled = |pod: &&Arc<Value>| {
        template_labels.is_none_or(|labels| labels.iter().all(|(key, value)| label(pod, key) == value.as_str()))
    };
    let ready: Vec<_> = pods.iter().filter(|pod| is_ready(pod)).collect();
    let seconds = number(set, "/spec/minReadySeconds").unwrap_or(0);
    let available = pods::count_available(context, key, seconds, ready.iter().copied());
    let counts = [
        ("fullyLabeledReplicas", pods.iter().filter(labelled).count()),
        ("readyReplicas", ready.len()),
        ("availableReplicas", available),
    ];
    let mut status = json!({"replicas": pods.len()});
    for (field, count) in counts.into_iter().filter(|(_, count)| *count > 0) {
        status[field] = count.into();
    }
    status["observedGeneration"] = number(set, "/metadata/generation").unwrap_or(1).into();
    let mut all = items(set, "/status/conditions").to_vec();
    match failure {
        Some((reason, message)) => conditions::set(&mut all, "ReplicaFailure", "True", reason, &message, context.now()),
        None => all.retain(|condition| condition["type"] != "ReplicaFailure"),
    }
    if !all.is_empty() {
        status["conditions"] = all.into();
    }
    context.modify(key, |set| {
        map_at(set, &[]).insert("status".into(), status);
    });
}
