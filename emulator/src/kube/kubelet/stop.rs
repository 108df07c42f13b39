//! How containers and pods end: hooks, grace, the order of sidecars, deadlines.
//! Rule: kuberuntime's `killContainer` and `killContainersWithSyncResult`, the pod's `activeDeadlineSeconds` (1.34).
//!
//! How long a container takes to end once it is asked is not a node's real time: 100 ms, whatever the grace period, unless
//! `stop` of its script says otherwise. Inferred: it ends with 0, but for commands of the small shell: those would be killed (137),
//! since the first process of a container does not heed the signal by itself.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::containers::{Container, Sort, Stopping, spec_of};
use super::lifecycle::{end_if_due, hook};
use super::{Pod, tell};
use crate::kernel::container_script::Stop;
use crate::kube::controllers::context::Context;
use crate::kube::controllers::object::*;
use crate::kube::kinds;
use crate::kube::store::Key;

/// How long containers take to stop.
const STOP: SignedDuration = SignedDuration::from_millis(100);
/// What is left after a hook, however long that took.
const LEAST_GRACE: SignedDuration = SignedDuration::from_secs(2);
const KILLED: i32 = 137;

/// `terminationGracePeriodSeconds`.
pub(super) fn own_grace(object: &Value) -> i64 {
    number(object, "/spec/terminationGracePeriodSeconds").unwrap_or(30).max(0)
}

/// Asks a container that runs to end within its grace.
pub(super) fn ask_to_end(context: &mut Context, key: &Key, object: &Value, pod: &mut Pod, index: usize, grace: SignedDuration) {
    let now = context.now();
    let container = &pod.containers[index];
    let (Some(current), Some(spec)) = (container.current.clone(), spec_of(object, container)) else { return };
    let place = format!("Container \"{}\" in Pod \"{}_{}({})\"", container.name, name(object), namespace(object), uid(object));
    let hook = hook(&current.program, spec, "preStop", now.duration_since(current.started), &place).unwrap_or_default();
    let takes = hook.takes.min(grace);
    if hook.error.is_some() {
        tell(context, object, pod, index, "Warning", "FailedPreStopHook", "PreStopHook failed");
    }
    let left = if takes > SignedDuration::ZERO { (grace - takes).max(LEAST_GRACE) } else { grace };
    let (after, code) = match &current.program.run.stop {
        Some(Stop::Ends { after, code }) if *after <= left => (*after, *code),
        Some(_) => (left, KILLED),
        None => (STOP.min(left), if current.program.known { KILLED } else { 0 }),
    };
    let at = now.saturating_add(takes).and_then(|at| at.saturating_add(after)).unwrap_or(now);
    pod.containers[index].stopping = Some(Stopping { at, code });
    pod.wake(context, key, at);
}

/// Ends all containers of a pod: its own at once, its sidecars after them. True once all have ended.
pub(super) fn end_all(context: &mut Context, key: &Key, object: &Value, pod: &mut Pod, grace: i64) -> bool {
    let now = context.now();
    let limit = *pod.grace_ends.get_or_insert(after(now, grace));
    let limit = limit.min(after(now, grace));
    pod.grace_ends = Some(limit);
    let left = limit.duration_since(now).max(SignedDuration::ZERO);
    let own = |container: &Container| container.runs() && container.sort != Sort::Sidecar;
    for index in pod.indices(|container| own(container) && container.stopping.is_none()) {
        tell_killing(context, object, pod, index);
        ask_to_end(context, key, object, pod, index, left);
    }
    shorten(context, key, pod, limit);
    for index in pod.indices(Container::runs) {
        end_if_due(object, pod, index, now);
    }
    if pod.containers.iter().any(own) {
        return false;
    }
    end_sidecars(context, key, object, pod, left.as_secs())
}

fn after(now: Timestamp, seconds: i64) -> Timestamp {
    now.saturating_add(SignedDuration::from_secs(seconds)).unwrap_or(now)
}

/// A grace that became shorter kills what would take longer.
fn shorten(context: &mut Context, key: &Key, pod: &mut Pod, limit: Timestamp) {
    let mut cut = false;
    for stopping in pod.containers.iter_mut().filter_map(|container| container.stopping.as_mut()) {
        // The two seconds that a hook leaves may reach beyond.
        let latest = limit.saturating_add(LEAST_GRACE).unwrap_or(limit);
        if stopping.at > latest {
            *stopping = Stopping { at: limit, code: KILLED };
            cut = true;
        }
    }
    if cut {
        pod.wake(context, key, limit);
    }
}

/// Ends the sidecars of a pod, the last one first, one after another. True once all have ended.
pub(super) fn end_sidecars(context: &mut Context, key: &Key, object: &Value, pod: &mut Pod, grace: i64) -> bool {
    loop {
        let sidecars = pod.indices(|container| container.sort == Sort::Sidecar && container.runs());
        let Some(index) = sidecars.last().copied() else { return true };
        if pod.containers[index].stopping.is_none() {
            tell_killing(context, object, pod, index);
            ask_to_end(context, key, object, pod, index, SignedDuration::from_secs(grace));
        }
        if !end_if_due(object, pod, index, context.now()) {
            return false;
        }
    }
}

/// Tells that a container is stopped.
pub(super) fn tell_killing(context: &mut Context, object: &Value, pod: &Pod, index: usize) {
    let message = format!("Stopping container {}", pod.containers[index].name);
    tell(context, object, pod, index, "Normal", "Killing", &message);
}

/// Whether a pod is beyond its `activeDeadlineSeconds`; else it is looked at again then.
pub(super) fn is_beyond_deadline(context: &mut Context, key: &Key, object: &Value, pod: &mut Pod) -> bool {
    let Some(seconds) = number(object, "/spec/activeDeadlineSeconds") else { return false };
    let deadline = after(pod.started, seconds);
    if context.now() < deadline {
        pod.wake(context, key, deadline);
        return false;
    }
    if pod.failed.is_none() {
        let message = "Pod was active on the node longer than the specified deadline";
        context.event_from(&kinds::PODS, object, "Normal", "DeadlineExceeded", message, &pod.source(""));
        pod.failed = Some(("DeadlineExceeded", message));
    }
    true
}
