//! The life of nodes as pods feel it: the taints that follow from a cordon and from conditions, and the eviction of pods that do not
//! tolerate what is marked `NoExecute`.
//! Rule: the node lifecycle and taint eviction controllers of kube-controller-manager 1.34.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::context::{Context, key_of};
use super::object::*;
use crate::kube::kinds;
use crate::kube::scheduler::tolerated;
use crate::kube::store::Key;

const UNSCHEDULABLE: &str = "node.kubernetes.io/unschedulable";
const NOT_READY: &str = "node.kubernetes.io/not-ready";
const UNREACHABLE: &str = "node.kubernetes.io/unreachable";
/// The conditions that taint a node while they are true.
const PRESSURES: [(&str, &str); 4] = [
    ("MemoryPressure", "node.kubernetes.io/memory-pressure"),
    ("DiskPressure", "node.kubernetes.io/disk-pressure"),
    ("PIDPressure", "node.kubernetes.io/pid-pressure"),
    ("NetworkUnavailable", "node.kubernetes.io/network-unavailable"),
];

/// Brings the taints of a node up to date, and looks at the pods that may have to go.
pub fn sync(context: &mut Context, key: &Key) {
    let Some(node) = context.get(key) else { return };
    let node = retaint(context, key, &node).unwrap_or(node);
    let pods: Vec<Key> = context.memory.on_node.get(&key.name).into_iter().flatten().cloned().collect();
    for pod in pods {
        evict(context, &pod, &node);
    }
}

/// The taints that follow from the state of a node.
fn own_taints(node: &Value) -> Vec<(&'static str, &'static str)> {
    let mut wanted = Vec::new();
    if node["spec"]["unschedulable"] == true {
        wanted.push((UNSCHEDULABLE, "NoSchedule"));
    }
    for (kind, key) in PRESSURES {
        if condition(node, kind).is_some_and(|condition| condition["status"] == "True") {
            wanted.push((key, "NoSchedule"));
        }
    }
    let ready = condition(node, "Ready").map(|condition| text(condition, "/status"));
    let key = match ready {
        Some("False") => NOT_READY,
        Some("Unknown") => UNREACHABLE,
        _ => return wanted,
    };
    wanted.extend([(key, "NoSchedule"), (key, "NoExecute")]);
    wanted
}

fn retaint(context: &mut Context, key: &Key, node: &Value) -> Option<std::sync::Arc<Value>> {
    let wanted = own_taints(node);
    let is_own = |taint: &Value| {
        let known = [UNSCHEDULABLE, NOT_READY, UNREACHABLE].into_iter().chain(PRESSURES.map(|(_, key)| key));
        known.into_iter().any(|key| text(taint, "/key") == key)
    };
    let is_wanted = |taint: &Value| wanted.iter().any(|(key, effect)| taint["key"] == *key && taint["effect"] == *effect);
    let mut taints: Vec<Value> =
        items(node, "/spec/taints").iter().filter(|taint| !is_own(taint) || is_wanted(taint)).cloned().collect();
    let now = stamp(context.now());
    for (key, effect) in &wanted {
        if !taints.iter().any(|taint| taint["key"] == *key && taint["effect"] == *effect) {
            taints.push(json!({"key": key, "effect": effect, "timeAdded": now}));
        }
    }
    if items(node, "/spec/taints") == taints {
        return None;
    }
    let cordon = |taints: &[Value]| taints.iter().any(|taint| taint["key"] == UNSCHEDULABLE);
    let (was, is) = (cordon(items(node, "/spec/taints")), cordon(&taints));
    if was != is {
        let reason = if is { "NodeNotSchedulable" } else { "NodeSchedulable" };
        let message = format!("Node {} status is now: {reason}", key.name);
        let source = super::events::Source { component: "kubelet", host: &key.name, field_path: "" };
        context.event_from(&kinds::NODES, node, "Normal", reason, &message, &source);
    }
    context.modify(key, |node| {
        if taints.is_empty() {
            map_at(node, &["spec"]).shift_remove("taints");
        } else {
            map_at(node, &["spec"]).insert("taints".into(), taints.into());
        }
    })
}

/// Looks whether a pod has to leave its node, now or later.
pub fn look_at_pod(context: &mut Context, key: &Key, pod: &Value) {
    if !context.memory.evictions.contains_key(key) {
        return;
    }
    if let Some(node) = context.cluster.get(&kinds::NODES, "", text(pod, "/spec/nodeName")) {
        evict(context, key, &node);
    }
}

/// How long a pod may stay: nothing if for ever.
fn may_stay(pod: &Value, node: &Value) -> Option<SignedDuration> {
    let tolerations = items(pod, "/spec/tolerations");
    let mut shortest = None;
    for taint in items(node, "/spec/taints").iter().filter(|taint| taint["effect"] == "NoExecute") {
        let matching: Vec<&Value> =
            tolerations.iter().filter(|toleration| tolerated(std::slice::from_ref(*toleration), taint)).collect();
        if matching.is_empty() {
            return Some(SignedDuration::ZERO);
        }
        let seconds = matching.iter().filter_map(|toleration| number(toleration, "/tolerationSeconds")).min();
        let stay = seconds.map(|seconds| SignedDuration::from_secs(seconds.max(0)));
        shortest = [shortest, stay].into_iter().flatten().min();
    }
    shortest
}

fn evict(context: &mut Context, key: &Key, node: &Value) {
    let Some(pod) = context.get(key).filter(|pod| !is_terminating(pod)) else {
        context.memory.evictions.remove(key);
        return;
    };
    let now = context.now();
    let Some(stay) = may_stay(&pod, node) else {
        if context.memory.evictions.remove(key).is_some() {
            let message = format!("Cancelling deletion of Pod {}/{}", key.namespace, key.name);
            context.event(&kinds::PODS, &pod, "Normal", "TaintManagerEviction", &message, "taint-eviction-controller");
        }
        return;
    };
    let since = context.memory.evictions.get(key).copied().unwrap_or(now);
    let at = since.checked_add(stay).unwrap_or(Timestamp::MAX);
    if at > now {
        if context.memory.evictions.insert(key.clone(), since).is_none() {
            context.reconsider_at(at, key);
        }
        return;
    }
    context.memory.evictions.remove(key);
    let message = format!("Marking for deletion Pod {}/{}", key.namespace, key.name);
    context.event(&kinds::PODS, &pod, "Normal", "TaintManagerEviction", &message, "taint-eviction-controller");
    let disrupted = json!({
        "type": "DisruptionTarget", "status": "True", "lastProbeTime": null, "lastTransitionTime": stamp(now),
        "reason": "DeletionByTaintManager", "message": "Taint manager: deleting due to NoExecute taint",
    });
    context.modify(key, |pod| {
        let mut conditions = items(pod, "/status/conditions").to_vec();
        conditions.retain(|condition| condition["type"] != "DisruptionTarget");
        conditions.push(disrupted);
        map_at(pod, &["status"]).insert("conditions".into(), conditions.into());
    });
    context.remove(&key_of(&kinds::PODS, &pod));
}
