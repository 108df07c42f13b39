//! The disruption controller: how many healthy pods a PodDisruptionBudget needs, has, and can spare.
//! Rule: `pkg/controller/disruption` of kube-controller-manager 1.34.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::conditions;
use super::context::Context;
use super::object::*;
use super::pods::is_over;
use super::rolling::scaled;
use crate::kube::kinds;
use crate::kube::store::{Cluster, Key};

/// Brings the status of a budget up to date.
pub fn sync(context: &mut Context, key: &Key) {
    let Some(budget) = context.get(key) else { return };
    let selector = &budget["spec"]["selector"];
    let (mut pods, _) = context.cluster.list(&kinds::PODS, Some(&key.namespace));
    pods.retain(|pod| selector.is_object() && selects(selector, &pod["metadata"]["labels"]) && !is_over(pod));
    let (expected, desired) = wanted(context, &budget, &pods);
    let disrupted = still_there(&budget, &pods);
    let healthy = pods.iter().filter(|pod| is_ready(pod) && !is_terminating(pod) && disrupted.get(name(pod)).is_none());
    let healthy = i64::try_from(healthy.count()).unwrap_or(i64::MAX);
    let allowed = if expected == 0 { 0 } else { (healthy - desired).max(0) };
    let generation = number(&budget, "/metadata/generation").unwrap_or(1);
    let mut all = items(&budget, "/status/conditions").to_vec();
    let (status, reason) = if allowed > 0 { ("True", "SufficientPods") } else { ("False", "InsufficientPods") };
    conditions::set_observed(&mut all, ("DisruptionAllowed", status), (reason, ""), context.now(), generation);
    let mut status = json!({
        "observedGeneration": generation, "disruptionsAllowed": allowed, "currentHealthy": healthy,
        "desiredHealthy": desired, "expectedPods": expected, "conditions": all,
    });
    if !disrupted.is_empty() {
        status["disruptedPods"] = disrupted.into();
    }
    context.modify(key, |budget| {
        map_at(budget, &[]).insert("status".into(), status);
    });
}

/// Pods whose eviction was allowed and that are still there, not yet terminating.
fn still_there(budget: &Value, pods: &[Arc<Value>]) -> serde_json::Map<String, Value> {
    let disrupted = budget.pointer("/status/disruptedPods").and_then(Value::as_object).cloned().unwrap_or_default();
    let waits = |pod_name: &str| pods.iter().any(|pod| name(pod) == pod_name && !is_terminating(pod));
    disrupted.into_iter().filter(|(pod_name, _)| waits(pod_name)).collect()
}

/// How many pods there should be, and how many of them healthy. A share counts of what the controllers of the pods want.
fn wanted(context: &Context, budget: &Value, pods: &[Arc<Value>]) -> (i64, i64) {
    let (least, most_missing) = (&budget["spec"]["minAvailable"], &budget["spec"]["maxUnavailable"]);
    if !most_missing.is_null() {
        let expected = expected(context, pods);
        return (expected, (expected - scaled(Some(most_missing), expected, true)).max(0));
    }
    match least {
        Value::String(_) => {
            let expected = expected(context, pods);
            (expected, scaled(Some(least), expected, true))
        }
        Value::Number(number) => (i64::try_from(pods.len()).unwrap_or(0), number.as_i64().unwrap_or(0)),
        _ => (i64::try_from(pods.len()).unwrap_or(0), 1),
    }
}

/// The replicas of all that control these pods.
fn expected(context: &Context, pods: &[Arc<Value>]) -> i64 {
    let mut scales: BTreeMap<String, i64> = BTreeMap::new();
    for pod in pods {
        let Some(top) = top_controller(context, pod) else { continue };
        scales.insert(uid(&top).to_owned(), number(&top, "/spec/replicas").unwrap_or(1));
    }
    scales.values().sum()
}

/// What controls a pod: of a ReplicaSet that has one, its Deployment.
fn top_controller(context: &Context, object: &Value) -> Option<Arc<Value>> {
    let owner = controller_of(object)?;
    let kind = kinds::by_api_version(text(owner, "/apiVersion"), text(owner, "/kind"))?;
    let found = context.get(&Key::new(kind, namespace(object), text(owner, "/name")))?;
    Some(top_controller(context, &found).unwrap_or(found))
}

/// The budgets of a namespace that select these labels.
pub fn selecting(cluster: &Cluster, namespace: &str, labels: &Value) -> Vec<Arc<Value>> {
    let (mut budgets, _) = cluster.list(&kinds::POD_DISRUPTION_BUDGETS, Some(namespace));
    budgets.retain(|budget| {
        let selector = &budget["spec"]["selector"];
        selector.is_object() && selects(selector, labels)
    });
    budgets
}
