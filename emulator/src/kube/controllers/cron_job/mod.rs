//! The CronJob controller: a Job at each time of the schedule.
//! Rule: `pkg/controller/cronjob` (v2) of kube-controller-manager 1.34.

pub mod schedule;

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::context::{Context, key_of};
use super::object::*;
use super::pods::Owner;
use crate::kernel::clock::rfc3339_seconds;
use crate::kube::deletion::{DeleteOptions, Propagation};
use crate::kube::kinds::{self, Kind};
use crate::kube::store::Key;

use schedule::Schedule;

const COMPONENT: &str = "cronjob-controller";
const SCHEDULED_AT: &str = "batch.kubernetes.io/cronjob-scheduled-timestamp";
/// So many missed times are counted one by one; beyond, the controller complains.
const MOST_MISSED: usize = 100;

/// Brings one CronJob a step further.
pub fn sync(context: &mut Context, key: &Key) {
    let (Some(object), jobs) = (context.get(key), *kinds::JOBS) else { return };
    if is_terminating(&object) {
        return;
    }
    let owner = Owner { kind: key.kind(), object: &object, component: COMPONENT };
    let mut children = context.owned(uid(&object), jobs);
    children.sort_by_key(|job| (text(job, "/metadata/creationTimestamp").to_owned(), name(job).to_owned()));
    let mut status = object.get("status").filter(|status| status.is_object()).cloned().unwrap_or_else(|| json!({}));
    note_ends(context, &owner, &children, &mut status);
    prune(context, &owner, jobs, &children);
    start(context, key, &owner, jobs, &mut status);
    context.modify(key, |object| {
        map_at(object, &[]).insert("status".into(), status);
    });
}

fn end_of(job: &Value) -> Option<&'static str> {
    ["Complete", "Failed"].into_iter().find(|kind| condition(job, kind).is_some_and(|condition| condition["status"] == "True"))
}

/// Takes Jobs that have ended, or are gone, off the active ones.
fn note_ends(context: &mut Context, owner: &Owner, children: &[Arc<Value>], status: &mut Value) {
    let mut left = Vec::new();
    for active in items(status, "/active").to_vec() {
        let Some(job) = children.iter().find(|job| uid(job) == text(&active, "/uid")) else {
            let message = format!("Active job went missing: {}", text(&active, "/name"));
            owner.event(context, "Normal", "MissingJob", &message);
            continue;
        };
        match end_of(job) {
            None => left.push(active),
            Some(end) => {
                let message = format!("Saw completed job: {}, condition: {end}", name(job));
                owner.event(context, "Normal", "SawCompletedJob", &message);
            }
        }
    }
    let finished =
        children.iter().filter(|job| end_of(job) == Some("Complete")).filter_map(|job| time(job, "/status/completionTime"));
    if let Some(last) = finished.max().filter(|last| time(status, "/lastSuccessfulTime").is_none_or(|known| *last > known)) {
        status["lastSuccessfulTime"] = stamp(last);
    }
    set_active(status, left);
}

fn set_active(status: &mut Value, active: Vec<Value>) {
    if active.is_empty() {
        map_at(status, &[]).shift_remove("active");
    } else {
        status["active"] = active.into();
    }
}

/// Deletes finished Jobs beyond the limits of history, the oldest first.
fn prune(context: &mut Context, owner: &Owner, jobs: &Kind, children: &[Arc<Value>]) {
    for (end, field, usual) in [("Complete", "successfulJobsHistoryLimit", 3), ("Failed", "failedJobsHistoryLimit", 1)] {
        let limit = number(owner.object, &format!("/spec/{field}")).unwrap_or(usual);
        let ended: Vec<_> = children.iter().filter(|job| end_of(job) == Some(end) && !is_terminating(job)).collect();
        let surplus = ended.len().saturating_sub(usize::try_from(limit).unwrap_or(0));
        for job in ended.into_iter().take(surplus) {
            delete_job(context, owner, jobs, job);
        }
    }
}

fn delete_job(context: &mut Context, owner: &Owner, jobs: &Kind, job: &Value) {
    let options = DeleteOptions { propagation: Propagation::Background, ..DeleteOptions::default() };
    let _ = context.cluster.delete(context.world, jobs, namespace(job), name(job), &options);
    owner.event(context, "Normal", "SuccessfulDelete", &format!("Deleted job {}", name(job)));
}

/// Starts the Job of the latest time that has come, and looks again at the next one.
fn start(context: &mut Context, key: &Key, owner: &Owner, jobs: &Kind, status: &mut Value) {
    let object = owner.object;
    let (expression, zone) = (text(object, "/spec/schedule"), text(object, "/spec/timeZone"));
    let Some(schedule) = Schedule::parse(expression, zone) else {
        let message = format!("unparseable schedule: {expression} : cannot be read");
        return owner.event(context, "Warning", "UnparseableSchedule", &message);
    };
    let now = context.now();
    if object["spec"]["suspend"] == true {
        return;
    }
    if let Some(next) = schedule.next(now) {
        context.reconsider_at(next, key);
    }
    let deadline = number(object, "/spec/startingDeadlineSeconds").map(SignedDuration::from_secs);
    let Some((latest, missed)) = latest(object, status, &schedule, now, deadline) else { return };
    if missed > MOST_MISSED {
        let message = "too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew";
        owner.event(context, "Warning", "TooManyMissedTimes", message);
    }
    if deadline.is_some_and(|deadline| latest.checked_add(deadline).is_ok_and(|end| end < now)) {
        let message = format!("Missed scheduled time to start a job: {}", rfc3339_seconds(latest));
        return owner.event(context, "Warning", "MissSchedule", &message);
    }
    start_at(context, owner, jobs, status, latest);
}

/// The latest time of the schedule that has come since the last one, and how many have.
fn latest(
    object: &Value,
    status: &Value,
    schedule: &Schedule,
    now: Timestamp,
    deadline: Option<SignedDuration>,
) -> Option<(Timestamp, usize)> {
    let mut earliest = time(status, "/lastScheduleTime").or_else(|| time(object, "/metadata/creationTimestamp"))?;
    if let Some(start) = deadline.and_then(|deadline| now.checked_sub(deadline).ok()) {
        earliest = earliest.max(start);
    }
    let (mut latest, mut count) = (None, 0);
    while let Some(next) = schedule.next(earliest).filter(|next| *next <= now) {
        (latest, earliest, count) = (Some(next), next, count + 1);
        // After a long sleep the times in between do not matter.
        if count > MOST_MISSED {
            let recent = now.checked_sub(SignedDuration::from_hours(1)).unwrap_or(now);
            earliest = earliest.max(recent);
        }
    }
    latest.map(|latest| (latest, count))
}

fn start_at(context: &mut Context, owner: &Owner, jobs: &Kind, status: &mut Value, at: Timestamp) {
    let object = owner.object;
    let active = items(status, "/active").to_vec();
    match text(object, "/spec/concurrencyPolicy") {
        "Forbid" if !active.is_empty() => {
            let message = "Not starting job because prior execution is running and concurrency policy is Forbid";
            return owner.event(context, "Normal", "JobAlreadyActive", message);
        }
        "Replace" => {
            for running in &active {
                let Some(job) = context.cluster.get(jobs, namespace(object), text(running, "/name")) else { continue };
                delete_job(context, owner, jobs, &job);
            }
            set_active(status, Vec::new());
        }
        _ => {}
    }
    let template = &object["spec"]["jobTemplate"];
    let mut metadata =
        json!({"name": format!("{}-{}", name(object), at.as_second().div_euclid(60)), "namespace": namespace(object)});
    for field in ["labels", "annotations"] {
        if template["metadata"][field].is_object() {
            metadata[field] = template["metadata"][field].clone();
        }
    }
    map_at(&mut metadata, &["annotations"]).insert(SCHEDULED_AT.into(), zoned(object, at).into());
    metadata["ownerReferences"] = json!([owner.reference()]);
    match context.cluster.create(context.world, jobs, json!({"metadata": metadata, "spec": template["spec"]})) {
        Ok(job) => {
            owner.event(context, "Normal", "SuccessfulCreate", &format!("Created job {}", name(&job)));
            let mut active = items(status, "/active").to_vec();
            active.push(json!({
                "kind": "Job", "namespace": namespace(&job), "name": name(&job), "uid": uid(&job), "apiVersion": "batch/v1",
                "resourceVersion": job["metadata"]["resourceVersion"],
            }));
            set_active(status, active);
            status["lastScheduleTime"] = stamp(at);
        }
        // The Job of this time is there already.
        Err(error) if error.code == 409 => status["lastScheduleTime"] = stamp(at),
        Err(error) => {
            owner.event(context, "Warning", "FailedCreate", &format!("Error creating job: {error}"));
            super::pods::try_again(context, &key_of(owner.kind, object));
        }
    }
}

/// A time as the annotation has it: in the zone of the schedule.
fn zoned(object: &Value, at: Timestamp) -> String {
    let zone = text(object, "/spec/timeZone");
    let zone = jiff::tz::TimeZone::get(zone).ok().filter(|_| !zone.is_empty());
    match zone {
        Some(zone) => at.to_zoned_datetime(zone).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string(),
        None => rfc3339_seconds(at),
    }
}
