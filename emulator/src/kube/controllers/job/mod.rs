//! The Job controller: pods until enough have succeeded, or too many failed.
//! Rule: `pkg/controller/job` of kube-controller-manager 1.34. A pod is counted when it has ended, once, and loses its finalizer then.

mod failure;
mod indexes;
mod tally;

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::conditions;
use super::context::{Context, key_of};
use super::object::*;
use super::pods::{self, Owner, is_active};
use crate::kube::deletion::{DeleteOptions, Propagation};
use crate::kube::kinds;
use crate::kube::store::Key;

use tally::Tally;

const COMPONENT: &str = "job-controller";
const FINALIZER: &str = "batch.kubernetes.io/job-tracking";
/// The most pods that azlet runs at a time for one Job.
const MOST_PODS: i64 = 2_000;
/// How long a Job waits after its first failure, and the longest that it waits.
const BACK_OFF: (i64, i64) = (10, 600);

/// How a Job ends.
#[derive(Clone, Debug)]
struct Verdict {
    failed: bool,
    reason: &'static str,
    message: String,
}

/// Brings one Job a step further.
pub fn sync(context: &mut Context, key: &Key) {
    let Some(job) = context.get(key) else { return };
    if is_terminating(&job) {
        return let_go(context, &job);
    }
    if is_finished(&job) {
        release(context, &job);
        return expire(context, key, &job);
    }
    let owner = Owner { kind: key.kind(), object: &job, component: COMPONENT };
    let pods = owner.pods(context);
    let suspended = job["spec"]["suspend"] == true;
    let mut status = begun(context, &job, suspended);
    let tally = tally::count(context, &job, &pods, &mut status);
    let verdict =
        if suspended { None } else { failure::verdict(context, key, &job, &pods, &tally).or_else(|| success(&job, &tally)) };
    let mut active: Vec<_> = pods.iter().filter(|pod| is_active(pod)).cloned().collect();
    if let Some(verdict) = &verdict {
        active.drain(..).for_each(|pod| owner.delete_pod(context, &pod));
        conclude(context, &mut status, verdict);
    } else if suspended {
        active.drain(..).for_each(|pod| owner.delete_pod(context, &pod));
    } else {
        manage(context, &owner, &mut active, &tally);
    }
    suspension(context, &owner, &mut status, suspended);
    write(context, &owner, status, &active, &pods);
    if let Some(verdict) = verdict {
        tell_end(context, &owner, &verdict);
    }
}

/// How many pods have to succeed: one, unless the Job says how many, or says that it works off a queue by naming its parallelism alone.
fn completions(job: &Value) -> Option<i64> {
    let named = number(job, "/spec/completions");
    named.or_else(|| number(job, "/spec/parallelism").is_none().then_some(1))
}

fn is_finished(job: &Value) -> bool {
    ["Complete", "Failed"].iter().any(|kind| condition(job, kind).is_some_and(|condition| condition["status"] == "True"))
}

/// The pods of a Job that is going need not be counted any more.
fn let_go(context: &Context, job: &Value) {
    for pod in context.owned(uid(job), &kinds::PODS) {
        tally::release(context, &pod);
    }
}

fn release(context: &Context, job: &Value) {
    for pod in context.owned(uid(job), &kinds::PODS).iter().filter(|pod| !is_active(pod)) {
        tally::release(context, pod);
    }
}

/// Deletes a finished Job after `ttlSecondsAfterFinished`.
fn expire(context: &mut Context, key: &Key, job: &Value) {
    let Some(seconds) = number(job, "/spec/ttlSecondsAfterFinished") else { return };
    let ends =
        items(job, "/status/conditions").iter().filter(|condition| matches!(text(condition, "/type"), "Complete" | "Failed"));
    let ended = ends.filter_map(|condition| time(condition, "/lastTransitionTime")).max();
    let Some(at) = ended.and_then(|ended| ended.checked_add(SignedDuration::from_secs(seconds)).ok()) else { return };
    if at > context.now() {
        return context.reconsider_at(at, key);
    }
    let options = DeleteOptions { propagation: Propagation::Foreground, ..DeleteOptions::default() };
    let _ = context.cluster.delete(context.world, key.kind(), &key.namespace, &key.name, &options);
}

/// The status with its start; a Job that is suspended has none.
fn begun(context: &Context, job: &Value, suspended: bool) -> Value {
    let mut status = job.get("status").filter(|status| status.is_object()).cloned().unwrap_or_else(|| json!({}));
    if suspended {
        map_at(&mut status, &[]).shift_remove("startTime");
    } else if status["startTime"].is_null() {
        status["startTime"] = stamp(context.now());
        if let Some(seconds) = number(job, "/spec/activeDeadlineSeconds") {
            let at = context.now().checked_add(SignedDuration::from_secs(seconds));
            at.into_iter().for_each(|at| context.reconsider_at(at, &key_of_job(job)));
        }
    }
    status
}

fn key_of_job(job: &Value) -> Key {
    key_of(&kinds::JOBS, job)
}

fn success(job: &Value, tally: &Tally) -> Option<Verdict> {
    let done = match completions(job) {
        Some(completions) => tally.succeeded >= completions,
        // A queue of work is done when one pod says so and no other works on.
        None => tally.succeeded > 0 && tally.active == 0,
    };
    let told = |reason, message: &str| Verdict { failed: false, reason, message: message.to_owned() };
    if done {
        return Some(told("CompletionsReached", "Reached expected number of succeeded pods"));
    }
    let rule = indexes::success_rule(job, tally)?;
    Some(told("SuccessPolicy", &format!("Matched rules at index {rule}")))
}

/// Writes how the Job ends: the condition that announces it, and the end itself.
fn conclude(context: &Context, status: &mut Value, verdict: &Verdict) {
    let now = context.now();
    let mut all = items(status, "/conditions").to_vec();
    let kinds = if verdict.failed { ["FailureTarget", "Failed"] } else { ["SuccessCriteriaMet", "Complete"] };
    for kind in kinds {
        conditions::set(&mut all, kind, "True", verdict.reason, &verdict.message, now);
        if let Some(condition) = all.iter_mut().find(|condition| condition["type"] == kind) {
            condition["lastProbeTime"] = stamp(now);
        }
    }
    status["conditions"] = all.into();
    if !verdict.failed {
        status["completionTime"] = stamp(now);
    }
}

fn tell_end(context: &mut Context, owner: &Owner, verdict: &Verdict) {
    match verdict.failed {
        true => owner.event(context, "Warning", verdict.reason, &verdict.message),
        false => owner.event(context, "Normal", "Completed", "Job completed"),
    }
}

/// The condition `Suspended`.
fn suspension(context: &mut Context, owner: &Owner, status: &mut Value, suspended: bool) {
    let mut all = items(status, "/conditions").to_vec();
    let was = all.iter().find(|condition| condition["type"] == "Suspended").map(|condition| condition["status"] == "True");
    let (state, reason, message) = match (suspended, was) {
        (true, None | Some(false)) => ("True", "JobSuspended", "Job suspended"),
        (false, Some(true)) => ("False", "JobResumed", "Job resumed"),
        _ => return,
    };
    conditions::set(&mut all, "Suspended", state, reason, message, context.now());
    if let Some(condition) = all.iter_mut().find(|condition| condition["type"] == "Suspended") {
        condition["lastProbeTime"] = stamp(context.now());
    }
    status["conditions"] = all.into();
    let reason = if suspended { "Suspended" } else { "Resumed" };
    owner.event(context, "Normal", reason, message);
}

fn write(context: &mut Context, owner: &Owner, mut status: Value, active: &[Arc<Value>], pods: &[Arc<Value>]) {
    let ready = active.iter().filter(|pod| is_ready(pod)).count();
    let ending = pods.iter().filter(|pod| is_terminating(pod) && !pods::is_over(pod)).count();
    let fields = map_at(&mut status, &[]);
    fields.insert("ready".into(), ready.into());
    fields.insert("terminating".into(), ending.into());
    fields.insert("uncountedTerminatedPods".into(), json!({}));
    match active.len() {
        0 => drop(fields.shift_remove("active")),
        count => drop(fields.insert("active".into(), count.into())),
    }
    context.modify(&key_of(owner.kind, owner.object), |job| {
        map_at(job, &[]).insert("status".into(), status);
    });
}

/// Starts or stops pods, so that as many run as may and are needed.
fn manage(context: &mut Context, owner: &Owner, active: &mut Vec<Arc<Value>>, tally: &Tally) {
    let job = owner.object;
    let parallelism = number(job, "/spec/parallelism").unwrap_or(1).clamp(0, MOST_PODS);
    let running = i64::try_from(active.len()).unwrap_or(MOST_PODS);
    let wanted = match completions(job) {
        Some(completions) => parallelism.min((completions - tally.succeeded).max(0)),
        None if tally.succeeded > 0 => running.min(parallelism),
        None => parallelism,
    };
    if running > wanted {
        let surplus = usize::try_from(running - wanted).unwrap_or(0);
        active.sort_by_key(|pod| (is_ready(pod), !text(pod, "/spec/nodeName").is_empty()));
        active.drain(..surplus).for_each(|pod| owner.delete_pod(context, &pod));
        return;
    }
    if running < wanted && !must_wait(context, job, tally) {
        let indexes = indexes::missing(job, tally, active, usize::try_from(wanted - running).unwrap_or(0));
        for index in indexes {
            match owner.create_pod(context, pod(owner, index)) {
                Ok(pod) => active.push(pod),
                Err(_) => return,
            }
        }
        context.memory.refused.remove(&key_of(owner.kind, job));
    }
}

/// After failures a Job waits before its next pods: ten seconds, doubled with each failure.
fn must_wait(context: &Context, job: &Value, tally: &Tally) -> bool {
    let Some(last) = tally.last_failure.filter(|_| tally.failures_in_a_row > 0) else { return false };
    let doubled = BACK_OFF.0.checked_shl(u32::try_from(tally.failures_in_a_row - 1).unwrap_or(32)).unwrap_or(BACK_OFF.1);
    let wait = if tally.failures_in_a_row > 20 { BACK_OFF.1 } else { doubled.clamp(BACK_OFF.0, BACK_OFF.1) };
    let until = last.checked_add(SignedDuration::from_secs(wait)).unwrap_or(Timestamp::MAX);
    if until > context.now() {
        context.reconsider_at(until, &key_of_job(job));
        return true;
    }
    false
}

/// A pod of a Job; one with an index knows it.
fn pod(owner: &Owner, index: Option<i64>) -> Value {
    let job = owner.object;
    let prefix = index.map_or_else(|| format!("{}-", name(job)), |index| format!("{}-{index}-", name(job)));
    let mut pod = pods::from_template(owner, &job["spec"]["template"], &prefix, None);
    let labels = map_at(&mut pod, &["metadata", "labels"]);
    for (key, value) in [("controller-uid", uid(job)), ("job-name", name(job))] {
        labels.insert(format!("batch.kubernetes.io/{key}"), value.into());
        labels.insert(key.into(), value.into());
    }
    let mut finalizers = items(&pod, "/metadata/finalizers").to_vec();
    finalizers.push(FINALIZER.into());
    map_at(&mut pod, &["metadata"]).insert("finalizers".into(), finalizers.into());
    if let Some(index) = index {
        indexes::tell(&mut pod, job, index);
    }
    pod
}
