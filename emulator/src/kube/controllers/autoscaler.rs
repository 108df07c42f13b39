//! HorizontalPodAutoscalers: the bounds are kept and the conditions told. No metrics are measured, and the status says so as
//! Kubernetes does where there are none.
//! Rule: `pkg/controller/podautoscaler` of kube-controller-manager 1.34.

use jiff::SignedDuration;
use serde_json::Value;

use super::conditions;
use super::context::Context;
use super::object::*;
use crate::kube::kinds;
use crate::kube::store::Key;

const COMPONENT: &str = "horizontal-pod-autoscaler";

/// Brings one autoscaler up to date.
pub fn sync(context: &mut Context, key: &Key) {
    let Some(object) = context.get(key) else { return };
    let now = context.now();
    let mut all = items(&object, "/status/conditions").to_vec();
    let reference = &object["spec"]["scaleTargetRef"];
    let kind = kinds::by_api_version(text(reference, "/apiVersion"), text(reference, "/kind"));
    let kind = kind.filter(|kind| kind.subresource("scale").is_some());
    let target = kind.and_then(|kind| Some((kind, context.get(&Key::new(kind, &key.namespace, text(reference, "/name")))?)));
    let Some((kind, target)) = target else {
        let why = missing(reference, kind.map(|kind| kind.qualified_plural()));
        let message = format!("the HPA controller was unable to get the target's current scale: {why}");
        conditions::set(&mut all, "AbleToScale", "False", "FailedGetScale", &message, now);
        context.event(key.kind(), &object, "Warning", "FailedGetScale", &why, COMPONENT);
        return write(context, key, &object, all, (0, 0));
    };
    let current = number(&target, "/spec/replicas").unwrap_or(1);
    conditions::set(
        &mut all,
        "AbleToScale",
        "True",
        "SucceededGetScale",
        "the HPA controller was able to get the target's current scale",
        now,
    );
    let least = number(&object, "/spec/minReplicas").unwrap_or(1);
    let most = number(&object, "/spec/maxReplicas").unwrap_or(least);
    if current == 0 && least != 0 {
        let message = "scaling is disabled since the replica count of the target is zero";
        conditions::set(&mut all, "ScalingActive", "False", "ScalingDisabled", message, now);
        return write(context, key, &object, all, (current, 0));
    }
    let (desired, reason) = match current {
        current if current > most => (most, "Current number of replicas above Spec.MaxReplicas"),
        current if current < least => (least, "Current number of replicas below Spec.MinReplicas"),
        current => {
            no_metrics(context, key, &object, &mut all);
            return write(context, key, &object, all, (current, current));
        }
    };
    context.modify(&Key::new(kind, &key.namespace, name(&target)), |target| {
        map_at(target, &["spec"]).insert("replicas".into(), desired.into());
    });
    let message = format!("New size: {desired}; reason: {reason}");
    context.event(key.kind(), &object, "Normal", "SuccessfulRescale", &message, COMPONENT);
    let message = format!("the HPA controller was able to update the target scale to {desired}");
    conditions::set(&mut all, "AbleToScale", "True", "SucceededRescale", &message, now);
    context.modify(key, |object| {
        map_at(object, &["status"]).insert("lastScaleTime".into(), stamp(now));
    });
    // The controller looks every fifteen seconds; the next look is the one that finds the new size.
    context.reconsider_at(now.saturating_add(SignedDuration::from_secs(15)).unwrap_or(now), key);
    write(context, key, &object, all, (current, desired));
}

fn missing(reference: &Value, plural: Option<String>) -> String {
    match plural {
        Some(plural) => format!("{plural} \"{}\" not found", text(reference, "/name")),
        None => {
            format!("no matches for kind \"{}\" in group \"{}\"", text(reference, "/kind"), group(text(reference, "/apiVersion")))
        }
    }
}

fn group(api_version: &str) -> &str {
    api_version.split_once('/').map_or("", |(group, _)| group)
}

/// What the first metric needs is not measured.
fn no_metrics(context: &mut Context, key: &Key, object: &Value, all: &mut Vec<Value>) {
    let resource = items(object, "/spec/metrics").first().map_or("cpu", |metric| match text(metric, "/resource/name") {
        "" => "cpu",
        resource => resource,
    });
    let why = format!("unable to get metrics for resource {resource}: no metrics returned from resource metrics API");
    let why = format!("failed to get {resource} utilization: {why}");
    let message = format!("the HPA was unable to compute the replica count: {why}");
    conditions::set(all, "ScalingActive", "False", "FailedGetResourceMetric", &message, context.now());
    context.event(key.kind(), object, "Warning", "FailedGetResourceMetric", &why, COMPONENT);
}

fn write(context: &mut Context, key: &Key, object: &Value, all: Vec<Value>, (current, desired): (i64, i64)) {
    // Version 1 has neither conditions nor more than a count.
    let generation = number(object, "/metadata/generation");
    context.modify(key, |object| {
        let status = map_at(object, &["status"]);
        generation.into_iter().for_each(|generation| drop(status.insert("observedGeneration".into(), generation.into())));
        if current > 0 {
            status.insert("currentReplicas".into(), current.into());
        } else {
            status.shift_remove("currentReplicas");
        }
        status.insert("desiredReplicas".into(), desired.into());
        status.insert("conditions".into(), all.into());
    });
}

/// The autoscalers that watch an object.
pub fn watching(context: &Context, key: &Key) -> Vec<Key> {
    if key.kind().subresource("scale").is_none() {
        return Vec::new();
    }
    let Some(kind) = kinds::by_api_version("autoscaling/v2", "HorizontalPodAutoscaler") else { return Vec::new() };
    let (all, _) = context.cluster.list(kind, Some(&key.namespace));
    let watching = all.iter().filter(|object| {
        let reference = &object["spec"]["scaleTargetRef"];
        reference["kind"] == key.kind().kind.as_str() && reference["name"] == key.name.as_str()
    });
    watching.map(|object| Key::new(kind, &key.namespace, name(object))).collect()
}
