//! What all controllers that run pods share: pods made of a template, the pods that are theirs, who adopts a pod without a controller,
//! and when a pod counts as available.
//! Rule: `pkg/controller/controller_utils.go` and `controller_ref_manager.go` of kube-controller-manager 1.34.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::context::{Context, key_of};
use super::object::*;
use crate::kube::error::Error;
use crate::kube::kinds::{self, Kind};
use crate::kube::store::Key;

/// The longest that a controller waits before it tries again what the API server refused.
const LONGEST_WAIT: i64 = 1_000;

/// How a controller of pods looks: its kind, and its name in events.
#[derive(Clone, Copy, Debug)]
pub struct Owner<'a> {
    /// Its kind.
    pub kind: &'static Kind,
    /// The object.
    pub object: &'a Value,
    /// `replicaset-controller`.
    pub component: &'a str,
}

impl Owner<'_> {
    /// The label selector.
    pub fn selector(&self) -> Value {
        selector_of(self.kind, self.object)
    }

    /// A reference that makes it the controller of something else.
    pub fn reference(&self) -> Value {
        controller_reference(self.object, &self.kind.api_version(), &self.kind.kind)
    }

    /// Tells an event about it.
    pub fn event(&self, context: &mut Context, severity: &str, reason: &str, message: &str) {
        context.event(self.kind, self.object, severity, reason, message, self.component);
    }

    /// Creates a pod; what the API server refuses is told in an event, and tried again later.
    pub fn create_pod(&self, context: &mut Context, pod: Value) -> Result<Arc<Value>, Error> {
        let created = context.cluster.create(context.world, &kinds::PODS, pod);
        match &created {
            Ok(pod) => {
                let message = format!("Created pod: {}", name(pod));
                self.event(context, "Normal", "SuccessfulCreate", &message);
            }
            Err(error) => {
                let message = format!("Error creating: {error}");
                self.event(context, "Warning", "FailedCreate", &message);
                try_again(context, &key_of(self.kind, self.object));
            }
        }
        created
    }

    /// Deletes a pod and says so.
    pub fn delete_pod(&self, context: &mut Context, pod: &Value) {
        context.remove(&key_of(&kinds::PODS, pod));
        let message = format!("Deleted pod: {}", name(pod));
        self.event(context, "Normal", "SuccessfulDelete", &message);
    }

    /// The pods that it controls and selects, terminating ones too. A pod whose labels were changed is let go; one that nobody
    /// controls is adopted.
    pub fn pods(&self, context: &mut Context) -> Vec<Arc<Value>> {
        let selector = self.selector();
        let mut pods = context.owned(uid(self.object), &kinds::PODS);
        pods.retain(|pod| controller_of(pod).is_some_and(|owner| text(owner, "/uid") == uid(self.object)));
        let (mut ours, strangers): (Vec<_>, Vec<_>) =
            pods.into_iter().partition(|pod| selects(&selector, &pod["metadata"]["labels"]));
        for stranger in strangers {
            context.modify(&key_of(&kinds::PODS, &stranger), |pod| {
                map_at(pod, &["metadata"]).shift_remove("ownerReferences");
            });
        }
        if !is_terminating(self.object) {
            ours.extend(self.adopted(context, &selector));
        }
        ours
    }

    fn adopted(&self, context: &mut Context, selector: &Value) -> Vec<Arc<Value>> {
        let orphans: Vec<Key> = context.memory.orphans(namespace(self.object)).cloned().collect();
        let mut adopted = Vec::new();
        for key in orphans {
            let Some(pod) = context.get(&key) else { continue };
            if controller_of(&pod).is_some()
                || is_over(&pod)
                || is_terminating(&pod)
                || !selects(selector, &pod["metadata"]["labels"])
            {
                continue;
            }
            let reference = self.reference();
            adopted.extend(context.modify(&key, |pod| {
                let mut owners = items(pod, "/metadata/ownerReferences").to_vec();
                owners.push(reference);
                map_at(pod, &["metadata"]).insert("ownerReferences".into(), owners.into());
            }));
        }
        adopted
    }
}

/// The label selector of an object; that of a ReplicationController is a plain map.
pub fn selector_of(kind: &Kind, object: &Value) -> Value {
    match kind.kind.as_str() {
        "ReplicationController" => json!({"matchLabels": object["spec"]["selector"]}),
        _ => object["spec"]["selector"].clone(),
    }
}

/// A pod out of a template, controlled by `owner`; without a name it gets one that begins with `prefix`.
pub fn from_template(owner: &Owner, template: &Value, prefix: &str, pod_name: Option<&str>) -> Value {
    let mut metadata = match pod_name {
        Some(pod_name) => json!({"name": pod_name, "namespace": namespace(owner.object)}),
        None => json!({"generateName": prefix, "namespace": namespace(owner.object)}),
    };
    for field in ["labels", "annotations", "finalizers"] {
        if let Some(value) = template["metadata"].get(field).filter(|value| !value.is_null()) {
            metadata[field] = value.clone();
        }
    }
    metadata["ownerReferences"] = json!([owner.reference()]);
    json!({"kind": "Pod", "apiVersion": "v1", "metadata": metadata, "spec": template["spec"]})
}

/// Whether a pod has ended.
pub fn is_over(pod: &Value) -> bool {
    matches!(text(pod, "/status/phase"), "Succeeded" | "Failed")
}

/// Whether a pod runs or is to run.
pub fn is_active(pod: &Value) -> bool {
    !is_over(pod) && !is_terminating(pod)
}

/// When a pod that is ready will have been so for `seconds`.
pub fn available_at(pod: &Value, seconds: i64) -> Option<Timestamp> {
    let ready = condition(pod, "Ready").filter(|condition| condition["status"] == "True")?;
    if seconds == 0 {
        return Some(Timestamp::MIN);
    }
    time(ready, "/lastTransitionTime")?.checked_add(SignedDuration::from_secs(seconds)).ok()
}

/// How many of these pods are available; looks at `key` again when the next one will be.
pub fn count_available<'a>(context: &Context, key: &Key, seconds: i64, pods: impl IntoIterator<Item = &'a Arc<Value>>) -> usize {
    let now = context.now();
    let (there, coming): (Vec<_>, Vec<_>) =
        pods.into_iter().filter_map(|pod| available_at(pod, seconds)).partition(|at| *at <= now);
    if let Some(next) = coming.into_iter().min() {
        context.reconsider_at(next, key);
    }
    there.len()
}

/// How long a controller waits after so many refusals: one second, then two, four and so on.
fn wait_after(failures: u32) -> SignedDuration {
    let doubled = 1_i64.checked_shl(failures.saturating_sub(1)).unwrap_or(LONGEST_WAIT);
    SignedDuration::from_secs(doubled.clamp(1, LONGEST_WAIT))
}

/// Whether a controller still waits after what it wanted was refused.
pub fn must_wait(context: &Context, key: &Key) -> bool {
    let Some((failures, last)) = context.memory.refused.get(key) else { return false };
    last.checked_add(wait_after(*failures)).is_ok_and(|until| until > context.now())
}

/// Looks at an object again after something about it was refused.
pub fn try_again(context: &mut Context, key: &Key) {
    let now = context.now();
    let failures = context.memory.refused.get(key).map_or(0, |(failures, _)| *failures);
    // What is refused while the controller waits anyway does not make it wait longer.
    if must_wait(context, key) {
        return;
    }
    let failures = failures.saturating_add(1).min(20);
    context.memory.refused.insert(key.clone(), (failures, now));
    if let Ok(at) = now.checked_add(wait_after(failures)) {
        context.reconsider_at(at, key);
    }
}
