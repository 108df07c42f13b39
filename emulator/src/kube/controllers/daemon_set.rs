//! The DaemonSet controller: a pod on each node that takes one, replaced node by node when the template changes.
//! Rule: `pkg/controller/daemon` of kube-controller-manager 1.34.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::context::{Context, key_of};
use super::object::*;
use super::pods::{self, Owner, is_active, is_over};
use super::revisions::{self, HASH_LABEL, Revisions};
use super::rolling::scaled;
use crate::kube::kinds;
use crate::kube::scheduler;
use crate::kube::store::Key;

const COMPONENT: &str = "daemonset-controller";
const GENERATION_LABEL: &str = "pod-template-generation";
/// What every pod of a DaemonSet tolerates: key and effect.
const TOLERATED: [(&str, &str); 6] = [
    ("node.kubernetes.io/not-ready", "NoExecute"),
    ("node.kubernetes.io/unreachable", "NoExecute"),
    ("node.kubernetes.io/disk-pressure", "NoSchedule"),
    ("node.kubernetes.io/memory-pressure", "NoSchedule"),
    ("node.kubernetes.io/pid-pressure", "NoSchedule"),
    ("node.kubernetes.io/unschedulable", "NoSchedule"),
];

/// A node as a DaemonSet sees it.
struct Place {
    node: Arc<Value>,
    should_run: bool,
    may_stay: bool,
    pods: Vec<Arc<Value>>,
}

/// Brings one DaemonSet to what it wants.
pub fn sync(context: &mut Context, key: &Key) {
    let Some(object) = context.get(key) else { return };
    let owner = Owner { kind: key.kind(), object: &object, component: COMPONENT };
    let Some(revisions) = Revisions::ensure(context, &owner) else { return };
    if !is_terminating(&object) {
        let places = places(context, &owner);
        manage(context, &owner, &places, &revisions);
        if text(&object, "/spec/updateStrategy/type") != "OnDelete" {
            roll(context, key, &owner, &revisions);
        }
        revisions.prune(context, &owner, |revision| {
            let hash = revisions::hash(revision);
            places.iter().flat_map(|place| &place.pods).any(|pod| label(pod, HASH_LABEL) == Some(hash))
        });
    }
    write_status(context, key, &owner, &revisions);
}

/// The node that a pod is on, or is meant for.
fn node_of(pod: &Value) -> &str {
    let bound = text(pod, "/spec/nodeName");
    if !bound.is_empty() {
        return bound;
    }
    text(
        pod,
        "/spec/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms/0/matchFields/0/values/0",
    )
}

fn places(context: &mut Context, owner: &Owner) -> Vec<Place> {
    let mut by_node: BTreeMap<String, Vec<Arc<Value>>> = BTreeMap::new();
    for pod in owner.pods(context) {
        by_node.entry(node_of(&pod).to_owned()).or_default().push(pod);
    }
    let example = pod(owner, "", "");
    let (nodes, _) = context.cluster.list(&kinds::NODES, None);
    let place = |node: Arc<Value>| {
        let (should_run, may_stay) = scheduler::daemon_fits(&example, &node);
        let mut pods = by_node.remove(name(&node)).unwrap_or_default();
        pods.sort_by_key(|pod| (text(pod, "/metadata/creationTimestamp").to_owned(), name(pod).to_owned()));
        Place { node, should_run, may_stay, pods }
    };
    nodes.into_iter().map(place).collect()
}

/// A pod for a node; without a node, the template with all that the controller adds.
fn pod(owner: &Owner, node: &str, hash: &str) -> Value {
    let object = owner.object;
    let mut pod = pods::from_template(owner, &object["spec"]["template"], &format!("{}-", name(object)), None);
    let labels = map_at(&mut pod, &["metadata", "labels"]);
    labels.insert(HASH_LABEL.into(), hash.into());
    let generation = annotation(object, "deprecated.daemonset.template.generation").unwrap_or("1");
    labels.insert(GENERATION_LABEL.into(), generation.into());
    let mut tolerations = items(&pod, "/spec/tolerations").to_vec();
    let of_the_host = (pod["spec"]["hostNetwork"] == true).then_some(("node.kubernetes.io/network-unavailable", "NoSchedule"));
    for (key, effect) in TOLERATED.into_iter().chain(of_the_host) {
        let toleration = json!({"key": key, "operator": "Exists", "effect": effect});
        if !tolerations.contains(&toleration) {
            tolerations.push(toleration);
        }
    }
    map_at(&mut pod, &["spec"]).insert("tolerations".into(), tolerations.into());
    if !node.is_empty() {
        aim(&mut pod, node);
    }
    pod
}

/// Makes a pod one for this node alone: the term replaces those that the template has.
fn aim(pod: &mut Value, node: &str) {
    let path = ["spec", "affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution"];
    let field = json!([{"key": "metadata.name", "operator": "In", "values": [node]}]);
    let mut terms =
        items(pod, "/spec/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms").to_vec();
    if terms.is_empty() {
        terms.push(json!({}));
    }
    for term in &mut terms {
        term["matchFields"] = field.clone();
    }
    map_at(pod, &path).insert("nodeSelectorTerms".into(), terms.into());
}

/// A pod on each node that takes one, none elsewhere; pods that failed go, so that others take their place.
fn manage(context: &mut Context, owner: &Owner, places: &[Place], revisions: &Revisions) {
    let hash = revisions::hash(&revisions.update).to_owned();
    let surge = scaled_in(owner, "maxSurge", places) > 0;
    let mut refused = false;
    for place in places {
        for failed in place.pods.iter().filter(|pod| text(pod, "/status/phase") == "Failed" && !is_terminating(pod)) {
            let message = format!(
                "Found failed daemon pod {}/{} on node {}, will try to kill it",
                namespace(failed),
                name(failed),
                name(&place.node)
            );
            owner.event(context, "Warning", "FailedDaemonPod", &message);
            owner.delete_pod(context, failed);
        }
        let live: Vec<_> = place.pods.iter().filter(|pod| is_active(pod)).collect();
        // A pod that still ends holds the place of the next one, unless a surge is allowed.
        let ending = place.pods.iter().any(|pod| is_terminating(pod));
        if place.should_run && live.is_empty() && (!ending || surge) && !refused {
            refused = owner.create_pod(context, pod(owner, name(&place.node), &hash)).is_err();
        } else if !place.may_stay {
            live.into_iter().for_each(|pod| owner.delete_pod(context, pod));
        } else if live.len() > 1 && !surge {
            live.into_iter().skip(1).for_each(|pod| owner.delete_pod(context, pod));
        }
    }
    if !refused {
        context.memory.refused.remove(&key_of(owner.kind, owner.object));
    }
}

fn scaled_in(owner: &Owner, field: &str, places: &[Place]) -> i64 {
    let wanted = i64::try_from(places.iter().filter(|place| place.should_run).count()).unwrap_or(0);
    let value = owner.object.pointer(&format!("/spec/updateStrategy/rollingUpdate/{field}")).filter(|value| !value.is_null());
    value.map_or(i64::from(field == "maxUnavailable"), |value| scaled(Some(value), wanted, true))
}

/// Replaces pods of an old template: at once where they are not available anyway, the others as many at a time as may be missing.
fn roll(context: &mut Context, key: &Key, owner: &Owner, revisions: &Revisions) {
    let places = places(context, owner);
    let hash = revisions::hash(&revisions.update).to_owned();
    let seconds = number(owner.object, "/spec/minReadySeconds").unwrap_or(0);
    let surge = scaled_in(owner, "maxSurge", &places);
    let now = context.now();
    let available = |pod: &Value| pods::available_at(pod, seconds).is_some_and(|at| at <= now) && is_active(pod);
    let is_new = |pod: &Value| label(pod, HASH_LABEL) == Some(hash.as_str());
    let running: Vec<_> = places.iter().filter(|place| place.should_run).collect();
    pods::count_available(context, key, seconds, running.iter().flat_map(|place| &place.pods));
    if surge > 0 {
        return roll_with_surge(context, owner, &running, (surge, &hash), &available);
    }
    let most_missing = scaled_in(owner, "maxUnavailable", &places).max(1);
    let mut missing =
        i64::try_from(running.iter().filter(|place| !place.pods.iter().any(|pod| available(pod))).count()).unwrap_or(0);
    for place in &running {
        for old in place.pods.iter().filter(|pod| !is_new(pod) && is_active(pod)) {
            if !available(old) {
                owner.delete_pod(context, old);
            } else if missing < most_missing {
                missing += 1;
                owner.delete_pod(context, old);
            }
        }
    }
}

/// With a surge the new pod comes first; the old one goes when it is available.
fn roll_with_surge(
    context: &mut Context,
    owner: &Owner,
    running: &[&Place],
    (surge, hash): (i64, &str),
    available: &impl Fn(&Value) -> bool,
) {
    let is_new = |pod: &&Arc<Value>| label(pod, HASH_LABEL) == Some(hash) && is_active(pod);
    let mut rising = i64::try_from(running.iter().filter(|place| place.pods.len() > 1).count()).unwrap_or(0);
    for place in running {
        let old: Vec<_> = place.pods.iter().filter(|pod| !is_new(pod) && is_active(pod)).collect();
        if old.is_empty() {
            continue;
        }
        match place.pods.iter().find(is_new) {
            Some(new) if available(new) => old.into_iter().for_each(|pod| owner.delete_pod(context, pod)),
            Some(_) => {}
            None if rising < surge => {
                rising += 1;
                let _ = owner.create_pod(context, pod(owner, name(&place.node), hash));
            }
            None => {}
        }
    }
}

fn write_status(context: &mut Context, key: &Key, owner: &Owner, revisions: &Revisions) {
    let places = places(context, owner);
    let hash = revisions::hash(&revisions.update);
    let seconds = number(owner.object, "/spec/minReadySeconds").unwrap_or(0);
    let now = context.now();
    let (mut desired, mut current, mut ready, mut updated, mut available, mut misplaced) = (0, 0, 0, 0, 0, 0);
    for place in &places {
        let pods: Vec<_> = place.pods.iter().filter(|pod| !is_over(pod)).collect();
        misplaced += usize::from(!place.should_run && !pods.is_empty());
        if !place.should_run {
            continue;
        }
        desired += 1;
        current += usize::from(!pods.is_empty());
        let is_available = |pod: &Value| pods::available_at(pod, seconds).is_some_and(|at| at <= now) && !is_terminating(pod);
        ready += usize::from(pods.iter().any(|pod| is_ready(pod)));
        available += usize::from(pods.iter().any(|pod| is_available(pod)));
        updated += usize::from(pods.iter().any(|pod| label(pod, HASH_LABEL) == Some(hash) && !is_terminating(pod)));
    }
    let mut status = json!({
        "currentNumberScheduled": current, "numberMisscheduled": misplaced, "desiredNumberScheduled": desired, "numberReady": ready,
        "observedGeneration": number(owner.object, "/metadata/generation").unwrap_or(1),
    });
    let more = [("updatedNumberScheduled", updated), ("numberAvailable", available), ("numberUnavailable", desired - available)];
    for (field, count) in more.into_iter().filter(|(_, count)| *count > 0) {
        status[field] = count.into();
    }
    context.modify(key, |object| {
        map_at(object, &[]).insert("status".into(), status);
    });
}
