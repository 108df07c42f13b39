//! When a Job fails: its deadline, its back-off limit, the rules of its `podFailurePolicy`.

use std::sync::Arc;

use jiff::SignedDuration;
use serde_json::Value;

use super::super::context::Context;
use super::super::object::*;
use super::super::pods::is_active;
use super::Verdict;
use super::tally::Tally;
use crate::kube::store::Key;

/// What a failed pod means to its Job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Nothing.
    Ignore,
    /// One failure more.
    Count,
    /// The end, with the reason in words.
    FailJob(String),
}

/// Why the Job fails now, if it does.
pub fn verdict(context: &Context, key: &Key, job: &Value, pods: &[Arc<Value>], tally: &Tally) -> Option<Verdict> {
    if let Some(message) = &tally.matched {
        return Some(Verdict { failed: true, reason: "PodFailurePolicy", message: message.clone() });
    }
    if is_late(context, key, job) {
        let message = "Job was active longer than specified deadline".to_owned();
        return Some(Verdict { failed: true, reason: "DeadlineExceeded", message });
    }
    let limit = number(job, "/spec/backoffLimit").unwrap_or(6);
    if tally.failed > limit || restarts_exceed(job, pods, limit) {
        let message = "Job has reached the specified backoff limit".to_owned();
        return Some(Verdict { failed: true, reason: "BackoffLimitExceeded", message });
    }
    None
}

/// Whether `activeDeadlineSeconds` have passed since the start.
fn is_late(context: &Context, key: &Key, job: &Value) -> bool {
    let Some(seconds) = number(job, "/spec/activeDeadlineSeconds") else { return false };
    let Some(start) = time(job, "/status/startTime") else { return false };
    let Ok(at) = start.checked_add(SignedDuration::from_secs(seconds)) else { return false };
    if at > context.now() {
        context.reconsider_at(at, key);
    }
    at <= context.now()
}

/// Pods that restart in their place count by their restarts.
fn restarts_exceed(job: &Value, pods: &[Arc<Value>], limit: i64) -> bool {
    if text(job, "/spec/template/spec/restartPolicy") != "OnFailure" {
        return false;
    }
    let counts = ["initContainerStatuses", "containerStatuses"];
    let restarts = |pod: &Arc<Value>| -> i64 {
        counts
            .iter()
            .flat_map(|list| items(pod, &format!("/status/{list}")))
            .filter_map(|status| status["restartCount"].as_i64())
            .sum()
    };
    let total: i64 = pods.iter().filter(|pod| is_active(pod)).map(restarts).sum();
    if limit == 0 { total > 0 } else { total >= limit }
}

/// What the first rule of `podFailurePolicy` that matches a failed pod says.
pub fn policy(job: &Value, pod: &Value) -> Action {
    for (index, rule) in items(job, "/spec/podFailurePolicy/rules").iter().enumerate() {
        let Some(why) = matches_exit_code(rule, pod).or_else(|| matches_condition(rule, pod)) else { continue };
        return match text(rule, "/action") {
            "Ignore" => Action::Ignore,
            "FailJob" => Action::FailJob(format!("{why} matching FailJob rule at index {index}")),
            _ => Action::Count,
        };
    }
    Action::Count
}

fn matches_exit_code(rule: &Value, pod: &Value) -> Option<String> {
    let asked = rule.get("onExitCodes").filter(|asked| asked.is_object())?;
    let container = text(asked, "/containerName");
    let statuses = items(pod, "/status/initContainerStatuses").iter().chain(items(pod, "/status/containerStatuses"));
    let mut ended = statuses.filter(|status| container.is_empty() || status["name"] == container).filter_map(|status| {
        let code = number(status, "/state/terminated/exitCode").filter(|code| *code != 0)?;
        Some((text(status, "/name"), code))
    });
    let (container, code) = ended.find(|(_, code)| {
        let listed = items(asked, "/values").iter().any(|value| value.as_i64() == Some(*code));
        listed == (text(asked, "/operator") != "NotIn")
    })?;
    Some(format!("Container {container} for pod {}/{} failed with exit code {code}", namespace(pod), name(pod)))
}

fn matches_condition(rule: &Value, pod: &Value) -> Option<String> {
    let found = items(rule, "/onPodConditions").iter().find(|asked| {
        let status = if asked["status"].is_null() { "True" } else { text(asked, "/status") };
        condition(pod, text(asked, "/type")).is_some_and(|condition| condition["status"] == status)
    })?;
    Some(format!("Pod {}/{} has condition {}", namespace(pod), name(pod), text(found, "/type")))
}
