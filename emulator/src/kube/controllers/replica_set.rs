//! The ReplicaSet controller: as many pods as wanted, which of them go first, and the counts in the status.
//! Rule: the ReplicaSet controller of kube-controller-manager 1.33 (`ActivePodsWithRanks` for the order of deletion).

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::context::{Context, key_of};
use super::object::*;
use crate::kube::kinds;
use crate::kube::store::Key;

const COMPONENT: &str = "replicaset-controller";
/// The most pods that one look deletes, as the controller's burst; [`MOST_PODS`] keeps creation below it.
const BURST: usize = 500;
const DELETION_COST: &str = "controller.kubernetes.io/pod-deletion-cost";

/// The most pods that azlet runs for one ReplicaSet: what is wanted beyond is refused by an event, as a quota would, so that no number
/// in a request can stop the emulator.
const MOST_PODS: usize = 500;

/// Brings one ReplicaSet to what it wants.
pub fn sync(context: &mut Context, key: &Key) {
    let Some(set) = context.get(key) else { return };
    let pods = active_pods(context, &set);
    let wanted = usize::try_from(number(&set, "/spec/replicas").unwrap_or(1)).unwrap_or(0);
    if !is_terminating(&set) {
        let allowed = wanted.min(MOST_PODS);
        if pods.len() < allowed {
            for _ in pods.len()..allowed {
                create_pod(context, &set);
            }
            if wanted > MOST_PODS {
                let message =
                    format!("Error creating: azlet runs at most {MOST_PODS} pods of one ReplicaSet; {wanted} are wanted");
                context.event(&kinds::REPLICA_SETS, &set, "Warning", "FailedCreate", &message, COMPONENT);
            }
        } else if pods.len() > wanted {
            delete_pods(context, &set, &pods, pods.len() - wanted);
        }
    }
    // The status counts the pods that were seen, as the controller's cache would have them: the next look counts the rest.
    write_status(context, key, &set);
}

fn active_pods(context: &Context, set: &Value) -> Vec<Arc<Value>> {
    let mut pods = context.owned(uid(set), &kinds::PODS);
    pods.retain(|pod| !is_terminating(pod) && !matches!(text(pod, "/status/phase"), "Succeeded" | "Failed"));
    pods.retain(|pod| controller_of(pod).is_some_and(|owner| text(owner, "/uid") == uid(set)));
    // A pod whose labels were changed is no longer one of ours: it lives on, alone.
    let (ours, strangers): (Vec<_>, Vec<_>) =
        pods.into_iter().partition(|pod| selects(&set["spec"]["selector"], &pod["metadata"]["labels"]));
    for stranger in strangers {
        context.modify(&key_of(&kinds::PODS, &stranger), |pod| {
            map_at(pod, &["metadata"]).shift_remove("ownerReferences");
        });
    }
    ours
}

fn create_pod(context: &mut Context, set: &Value) {
    let template = &set["spec"]["template"];
    let mut metadata = json!({"generateName": format!("{}-", name(set)), "namespace": namespace(set)});
    for field in ["labels", "annotations", "finalizers"] {
        if let Some(value) = template["metadata"].get(field).filter(|value| !value.is_null()) {
            metadata[field] = value.clone();
        }
    }
    metadata["ownerReferences"] = json!([controller_reference(set, "apps/v1", "ReplicaSet")]);
    let pod = json!({"kind": "Pod", "apiVersion": "v1", "metadata": metadata, "spec": template["spec"]});
    match context.cluster.create(context.world, &kinds::PODS, pod) {
        Ok(pod) => {
            let message = format!("Created pod: {}", name(&pod));
            context.event(&kinds::REPLICA_SETS, set, "Normal", "SuccessfulCreate", &message, COMPONENT);
        }
        Err(error) => {
            let message = format!("Error creating: {error}");
            context.event(&kinds::REPLICA_SETS, set, "Warning", "FailedCreate", &message, COMPONENT);
        }
    }
}

fn delete_pods(context: &mut Context, set: &Value, pods: &[Arc<Value>], surplus: usize) {
    let mut on_node: BTreeMap<&str, i64> = BTreeMap::new();
    for pod in pods {
        *on_node.entry(text(pod, "/spec/nodeName")).or_default() += 1;
    }
    let mut ranked: Vec<_> = pods.iter().collect();
    ranked.sort_by_cached_key(|pod| rank(pod, on_node[text(pod, "/spec/nodeName")]));
    for pod in ranked.into_iter().take(surplus.min(BURST)) {
        context.remove(&key_of(&kinds::PODS, pod));
        let message = format!("Deleted pod: {}", name(pod));
        context.event(&kinds::REPLICA_SETS, set, "Normal", "SuccessfulDelete", &message, COMPONENT);
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

fn write_status(context: &mut Context, key: &Key, set: &Value) {
    let pods = active_pods(context, set);
    let template_labels = set["spec"]["template"]["metadata"]["labels"].as_object();
    let labelled = |pod: &&Arc<Value>| {
        template_labels.is_none_or(|labels| labels.iter().all(|(key, value)| label(pod, key) == value.as_str()))
    };
    let ready: Vec<_> = pods.iter().filter(|pod| is_ready(pod)).collect();
    let available = available(context, key, set, &ready);
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
    context.modify(key, |set| {
        map_at(set, &[]).insert("status".into(), status);
    });
}

/// How many pods have been ready for `minReadySeconds`; looks again when the next one will have been.
fn available(context: &Context, key: &Key, set: &Value, ready: &[&Arc<Value>]) -> usize {
    let seconds = number(set, "/spec/minReadySeconds").unwrap_or(0);
    if seconds == 0 {
        return ready.len();
    }
    let now = context.now();
    let since = |pod: &Value| condition(pod, "Ready").and_then(|condition| time(condition, "/lastTransitionTime"));
    let at = ready.iter().filter_map(|pod| since(pod)?.checked_add(SignedDuration::from_secs(seconds)).ok());
    let (there, coming): (Vec<_>, Vec<_>) = at.partition(|at| *at <= now);
    if let Some(next) = coming.into_iter().min() {
        context.reconsider_at(next, key);
    }
    there.len()
}
