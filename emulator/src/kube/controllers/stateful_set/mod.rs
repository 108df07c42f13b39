//! The StatefulSet controller: pods with numbers, one after another or all at once, each with its claims, and rolled from the highest
//! number down.
//! Rule: `pkg/controller/statefulset` of kube-controller-manager 1.34.

mod claims;
mod status;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::context::{Context, key_of};
use super::object::*;
use super::pods::{self, Owner, is_over};
use super::revisions::{self, HASH_LABEL, Revisions};
use crate::kube::kinds;
use crate::kube::store::Key;

const COMPONENT: &str = "statefulset-controller";
const POD_NAME: &str = "statefulset.kubernetes.io/pod-name";
const POD_INDEX: &str = "apps.kubernetes.io/pod-index";
/// The most pods that azlet runs for one set.
const MOST_PODS: i64 = 2_000;

/// A set with what belongs to it.
struct Set<'a> {
    owner: Owner<'a>,
    revisions: Revisions,
    /// The revision that pods below the partition have.
    current: Arc<Value>,
    /// The pods by number.
    pods: BTreeMap<i64, Arc<Value>>,
    first: i64,
    wanted: i64,
    parallel: bool,
}

/// Brings one StatefulSet a step further; what the step changes brings it here again.
pub fn sync(context: &mut Context, key: &Key) {
    let Some(object) = context.get(key) else { return };
    let owner = Owner { kind: key.kind(), object: &object, component: COMPONENT };
    let Some(mut set) = Set::read(context, owner) else { return };
    if !is_terminating(&object) {
        claims::keep_owners(context, &set);
        set.step(context);
        set.pods = pods_of(context, &set.owner);
    }
    status::write(context, key, &set);
    let used: Vec<String> = set.pods.values().filter_map(|pod| label(pod, HASH_LABEL).map(str::to_owned)).collect();
    let current = name(&set.current).to_owned();
    set.revisions
        .prune(context, &set.owner, |revision| name(revision) == current || used.iter().any(|name_| name_ == name(revision)));
}

/// The number that a pod's name ends with.
fn number_of(set: &Value, pod: &Value) -> Option<i64> {
    name(pod).strip_prefix(name(set))?.strip_prefix('-')?.parse().ok()
}

fn pods_of(context: &mut Context, owner: &Owner) -> BTreeMap<i64, Arc<Value>> {
    owner.pods(context).into_iter().filter_map(|pod| Some((number_of(owner.object, &pod)?, pod))).collect()
}

impl<'a> Set<'a> {
    fn read(context: &mut Context, owner: Owner<'a>) -> Option<Self> {
        let revisions = Revisions::ensure(context, &owner)?;
        let object = owner.object;
        let current = revisions.by_name(text(object, "/status/currentRevision")).unwrap_or(&revisions.update).clone();
        Some(Self {
            first: number(object, "/spec/ordinals/start").unwrap_or(0),
            wanted: number(object, "/spec/replicas").unwrap_or(1).clamp(0, MOST_PODS),
            parallel: text(object, "/spec/podManagementPolicy") == "Parallel",
            pods: pods_of(context, &owner),
            owner,
            revisions,
            current,
        })
    }

    fn object(&self) -> &'a Value {
        self.owner.object
    }

    fn numbers(&self) -> std::ops::Range<i64> {
        self.first..self.first + self.wanted
    }

    /// The first number whose pods get the new revision.
    fn partition(&self) -> i64 {
        number(self.object(), "/spec/updateStrategy/rollingUpdate/partition").unwrap_or(0)
    }

    fn on_delete(&self) -> bool {
        text(self.object(), "/spec/updateStrategy/type") == "OnDelete"
    }

    fn is_available(&self, context: &Context, pod: &Value) -> bool {
        let seconds = number(self.object(), "/spec/minReadySeconds").unwrap_or(0);
        let at = pods::available_at(pod, seconds).filter(|_| !is_terminating(pod));
        if let Some(at) = at.filter(|at| *at > context.now()) {
            context.reconsider_at(at, &key_of(self.owner.kind, self.object()));
        }
        at.is_some_and(|at| at <= context.now())
    }

    /// Creates what is missing, then takes away what is too much, then what is old.
    fn step(&self, context: &mut Context) {
        for number in self.numbers() {
            match self.pods.get(&number) {
                Some(pod) if is_over(pod) && !is_terminating(pod) => {
                    self.delete(context, pod);
                    if !self.parallel {
                        return;
                    }
                }
                Some(pod) if self.parallel || self.is_available(context, pod) => claims::ensure(context, self, number),
                // One after another: the next waits for this one.
                Some(_) => return,
                None => {
                    if !self.create(context, number) || !self.parallel {
                        return;
                    }
                }
            }
        }
        if self.shrink(context) {
            self.roll(context);
        }
    }

    /// Takes away pods beyond the wanted numbers, the highest first; true if there are none.
    fn shrink(&self, context: &mut Context) -> bool {
        let surplus: Vec<_> =
            self.pods.iter().filter(|(number, _)| !self.numbers().contains(number)).map(|(_, pod)| pod).collect();
        for pod in surplus.iter().rev() {
            if is_terminating(pod) {
                if !self.parallel {
                    return false;
                }
                continue;
            }
            self.delete(context, pod);
            if !self.parallel {
                return false;
            }
        }
        surplus.is_empty()
    }

    /// Takes away pods of an old revision, from the highest number down to the partition, as many at a time as may be missing.
    fn roll(&self, context: &mut Context) {
        if self.on_delete() {
            return;
        }
        let most_missing =
            self.object().pointer("/spec/updateStrategy/rollingUpdate/maxUnavailable").filter(|value| !value.is_null());
        let most_missing = most_missing.map_or(1, |value| super::rolling::scaled(Some(value), self.wanted, true)).max(1);
        let mut missing = 0;
        for (number, pod) in self.pods.iter().rev().filter(|(number, _)| self.numbers().contains(number)) {
            if missing >= most_missing {
                return;
            }
            let is_old = label(pod, HASH_LABEL) != Some(name(&self.revisions.update));
            if *number >= self.partition() && is_old && !is_terminating(pod) {
                self.delete(context, pod);
                missing += 1;
            } else if !self.is_available(context, pod) {
                missing += 1;
            }
        }
    }

    /// The revision that a new pod of a number gets.
    fn revision_for(&self, number: i64) -> &Arc<Value> {
        let counted = number - self.first;
        let old = number < self.partition() && !self.on_delete();
        // While a roll-out is under way, pods that had the current revision get it back.
        let is_current = old && counted < self.wanted;
        if is_current { &self.current } else { &self.revisions.update }
    }

    fn create(&self, context: &mut Context, number: i64) -> bool {
        claims::ensure(context, self, number);
        let revision = self.revision_for(number);
        let mut pod = self.pod(number, revision);
        let pod_name = name(&pod).to_owned();
        claims::mount(self.object(), &mut pod, number);
        let set = name(self.object()).to_owned();
        match context.cluster.create(context.world, &kinds::PODS, pod) {
            Ok(_) => {
                context.memory.refused.remove(&key_of(self.owner.kind, self.object()));
                let message = format!("create Pod {pod_name} in StatefulSet {set} successful");
                self.owner.event(context, "Normal", "SuccessfulCreate", &message);
                true
            }
            Err(error) => {
                let message = format!("create Pod {pod_name} in StatefulSet {set} failed error: {error}");
                self.owner.event(context, "Warning", "FailedCreate", &message);
                pods::try_again(context, &key_of(self.owner.kind, self.object()));
                false
            }
        }
    }

    fn pod(&self, number: i64, revision: &Value) -> Value {
        let object = self.object();
        let pod_name = format!("{}-{number}", name(object));
        let mut pod = pods::from_template(&self.owner, &revisions::template(revision), "", Some(&pod_name));
        let labels = map_at(&mut pod, &["metadata", "labels"]);
        labels.insert(HASH_LABEL.into(), name(revision).into());
        labels.insert(POD_NAME.into(), pod_name.clone().into());
        labels.insert(POD_INDEX.into(), number.to_string().into());
        let spec = map_at(&mut pod, &["spec"]);
        spec.insert("hostname".into(), pod_name.into());
        let service = text(object, "/spec/serviceName");
        if !service.is_empty() {
            spec.insert("subdomain".into(), service.into());
        }
        pod
    }

    fn delete(&self, context: &mut Context, pod: &Value) {
        context.remove(&key_of(&kinds::PODS, pod));
        let message = format!("delete Pod {} in StatefulSet {} successful", name(pod), name(self.object()));
        self.owner.event(context, "Normal", "SuccessfulDelete", &message);
    }
}
