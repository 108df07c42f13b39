//! Evictions: a pod goes if its PodDisruptionBudget can spare it. What `kubectl drain` asks for.
//! Rule: `registry/core/pod/storage/eviction.go` of Kubernetes 1.34.

use std::sync::Arc;

use serde_json::{Value, json};

use super::controllers::disruption;
use super::controllers::object::{is_ready, is_terminating, number, text};
use super::deletion::DeleteOptions;
use super::error::Error;
use super::kinds;
use super::objects::{Part, Write};
use super::store::Cluster;
use crate::kernel::clock::rfc3339_seconds;
use crate::world::World;

/// Evicts a pod.
pub fn evict(
    world: &World,
    cluster: &Cluster,
    (namespace, name): (&str, &str),
    eviction: &Value,
    dry_run: bool,
) -> Result<(), Error> {
    let asked = text(eviction, "/metadata/name");
    if !asked.is_empty() && asked != name {
        return Err(Error::bad_request("name in URL does not match name in Eviction object"));
    }
    let options = &eviction["deleteOptions"];
    let dry_run = dry_run || options["dryRun"].as_array().is_some_and(|stages| !stages.is_empty());
    let told = |field: &str| options["preconditions"][field].as_str().map(str::to_owned);
    let options = DeleteOptions {
        grace_period_seconds: options["gracePeriodSeconds"].as_i64(),
        uid: told("uid"),
        resource_version: told("resourceVersion"),
        dry_run,
        ..DeleteOptions::default()
    };
    let Some(pod) = cluster.get(&kinds::PODS, namespace, name) else { return Err(Error::not_found(&kinds::PODS, name)) };
    let is_free = matches!(text(&pod, "/status/phase"), "Succeeded" | "Failed" | "Pending") || is_terminating(&pod);
    let budget = if is_free { None } else { budget_of(cluster, namespace, &pod)? };
    if let Some(budget) = budget {
        spend(world, cluster, &budget, &pod, dry_run)?;
    }
    if !dry_run {
        note_disruption(world, cluster, namespace, name);
    }
    cluster.delete(world, &kinds::PODS, namespace, name, &options).map(drop)
}

/// The budget that a pod falls under; more than one is a mistake.
fn budget_of(cluster: &Cluster, namespace: &str, pod: &Value) -> Result<Option<Arc<Value>>, Error> {
    let mut budgets = disruption::selecting(cluster, namespace, &pod["metadata"]["labels"]);
    if budgets.len() > 1 {
        return Err(Error::several_budgets());
    }
    Ok(budgets.pop())
}

/// Takes one disruption from a budget, or refuses.
fn spend(world: &World, cluster: &Cluster, budget: &Value, pod: &Value, dry_run: bool) -> Result<(), Error> {
    let (budget_name, namespace) = (text(budget, "/metadata/name"), text(budget, "/metadata/namespace"));
    let count = |field: &str| number(budget, &format!("/status/{field}")).unwrap_or(0);
    if count("observedGeneration") < number(budget, "/metadata/generation").unwrap_or(0) {
        let cause = format!("The disruption budget {budget_name} is still being processed by the server.");
        return Err(Error::disruption(&cause, Some(10)));
    }
    // A pod that is not ready is spared nothing by staying.
    let policy = text(budget, "/spec/unhealthyPodEvictionPolicy");
    let enough = count("currentHealthy") >= count("desiredHealthy") && count("desiredHealthy") > 0;
    if !is_ready(pod) && (policy == "AlwaysAllow" || enough) {
        return Ok(());
    }
    if count("disruptionsAllowed") <= 0 {
        let (desired, current) = (count("desiredHealthy"), count("currentHealthy"));
        let cause = format!("The disruption budget {budget_name} needs {desired} healthy pods and has {current} currently");
        return Err(Error::disruption(&cause, None));
    }
    if dry_run {
        return Ok(());
    }
    let Some(kind) = kinds::of(budget) else { return Ok(()) };
    let at = rfc3339_seconds(world.clock.now());
    let pod_name = text(pod, "/metadata/name");
    // Under one lock: two evictions at the same time do not spend the same disruption.
    cluster
        .patch_with(world, kind, (namespace, budget_name), Part::Status, Write::by("kube-apiserver"), |budget| {
            let allowed = number(budget, "/status/disruptionsAllowed").unwrap_or(0);
            if allowed <= 0 {
                return Err(Error::disruption(
                    &format!("The disruption budget {budget_name} does not allow evicting pods currently"),
                    None,
                ));
            }
            let mut spent = budget.clone();
            spent["status"]["disruptionsAllowed"] = (allowed - 1).into();
            if !spent["status"]["disruptedPods"].is_object() {
                spent["status"]["disruptedPods"] = json!({});
            }
            spent["status"]["disruptedPods"][pod_name] = at.clone().into();
            Ok(spent)
        })
        .map(drop)
}

/// A pod that is evicted says so in a condition.
fn note_disruption(world: &World, cluster: &Cluster, namespace: &str, name: &str) {
    let now = rfc3339_seconds(world.clock.now());
    cluster.modify(world, &kinds::PODS, namespace, name, |pod| {
        let condition = json!({
            "type": "DisruptionTarget", "status": "True", "lastProbeTime": null, "lastTransitionTime": now,
            "reason": "EvictionByEvictionAPI", "message": "Eviction API: evicting",
        });
        let mut conditions = pod["status"]["conditions"].as_array().cloned().unwrap_or_default();
        conditions.retain(|condition| condition["type"] != "DisruptionTarget");
        conditions.push(condition);
        pod["status"]["conditions"] = conditions.into();
    });
}
