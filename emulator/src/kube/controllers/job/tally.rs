//! Counting the pods of a Job: each that has ended is counted once, in the status, and loses its finalizer.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

use super::super::context::{Context, key_of};
use super::super::object::*;
use super::super::pods::{is_active, is_over};
use super::{FINALIZER, failure, indexes};
use crate::kube::kinds;

/// What is known of the pods of a Job.
#[derive(Debug, Default)]
pub struct Tally {
    /// Pods that succeeded; with indexes, indexes that did.
    pub succeeded: i64,
    /// Pods that failed.
    pub failed: i64,
    /// Pods that run or are to run.
    pub active: i64,
    /// The indexes that are done.
    pub completed: BTreeSet<i64>,
    /// Failures since the last success.
    pub failures_in_a_row: i64,
    /// When the last pod failed.
    pub last_failure: Option<Timestamp>,
    /// What a rule of `podFailurePolicy` says that ends the Job.
    pub matched: Option<String>,
}

/// Counts what has ended since the last look.
pub fn count(context: &mut Context, job: &Value, pods: &[Arc<Value>], status: &mut Value) -> Tally {
    let indexed = text(job, "/spec/completionMode") == "Indexed";
    let count = |field: &str| status[field].as_i64().unwrap_or(0);
    let mut tally = Tally {
        succeeded: count("succeeded"),
        failed: count("failed"),
        completed: indexes::read(text(status, "/completedIndexes")),
        active: i64::try_from(pods.iter().filter(|pod| is_active(pod)).count()).unwrap_or(0),
        ..Tally::default()
    };
    for pod in pods.iter().filter(|pod| is_over(pod) || is_terminating(pod)) {
        if items(pod, "/metadata/finalizers").iter().any(|finalizer| finalizer == FINALIZER) {
            tally.add(job, pod, indexed);
            release(context, pod);
        }
    }
    if indexed {
        tally.succeeded = i64::try_from(tally.completed.len()).unwrap_or(0);
        if !tally.completed.is_empty() {
            status["completedIndexes"] = indexes::write(&tally.completed).into();
        }
    }
    for (field, count) in [("succeeded", tally.succeeded), ("failed", tally.failed)].into_iter().filter(|(_, count)| *count > 0) {
        status[field] = count.into();
    }
    tally.streak(pods);
    tally
}

impl Tally {
    fn add(&mut self, job: &Value, pod: &Value, indexed: bool) {
        if text(pod, "/status/phase") == "Succeeded" {
            self.succeeded += 1;
            self.completed.extend(indexes::of(pod).filter(|_| indexed));
            return;
        }
        match failure::policy(job, pod) {
            failure::Action::Ignore => {}
            failure::Action::Count => self.failed += 1,
            failure::Action::FailJob(why) => {
                self.failed += 1;
                self.matched = self.matched.take().or(Some(why));
            }
        }
    }

    /// Failures since the last success, by when pods ended.
    fn streak(&mut self, pods: &[Arc<Value>]) {
        let ends = |phase: &'static str| {
            pods.iter().filter(move |pod| text(pod, "/status/phase") == phase && !is_terminating(pod)).map(|pod| ended_at(pod))
        };
        let last_success = ends("Succeeded").flatten().max();
        let failures: Vec<_> = ends("Failed").flatten().filter(|at| last_success.is_none_or(|success| *at > success)).collect();
        self.failures_in_a_row = i64::try_from(failures.len()).unwrap_or(0);
        self.last_failure = failures.into_iter().max();
    }
}

/// When a pod ended: when its last container did.
fn ended_at(pod: &Value) -> Option<Timestamp> {
    let statuses = items(pod, "/status/containerStatuses");
    let ends = statuses.iter().filter_map(|status| time(status, "/state/terminated/finishedAt"));
    ends.max().or_else(|| time(pod, "/metadata/creationTimestamp"))
}

/// Takes off the finalizer that kept a pod until it was counted.
pub fn release(context: &Context, pod: &Value) {
    context.modify(&key_of(&kinds::PODS, pod), |pod| {
        let mut finalizers = items(pod, "/metadata/finalizers").to_vec();
        finalizers.retain(|finalizer| finalizer != FINALIZER);
        if finalizers.is_empty() {
            map_at(pod, &["metadata"]).shift_remove("finalizers");
        } else {
            map_at(pod, &["metadata"]).insert("finalizers".into(), finalizers.into());
        }
    });
}
