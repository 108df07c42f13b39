//! Rules for what makes pods (`pkg/apis/apps/validation`, `pkg/apis/batch/validation`).

use serde_json::{Value, json};

use super::names::{self, is_empty_selector, is_label, labels, selected};
use super::pods::pod_spec;
use super::{NOT_NEGATIVE, enumerated, list, negative, not_negative, text};
use crate::kube::error::Cause;

/// A workload whose pods run on: `name` is what messages call it.
pub(super) fn workload(name: &str, spec: &Value, causes: &mut Vec<Cause>) {
    for field in ["replicas", "minReadySeconds", "revisionHistoryLimit", "progressDeadlineSeconds"] {
        if negative(&spec[field]) {
            causes.push(Cause::invalid(format!("spec.{field}"), &spec[field], NOT_NEGATIVE));
        }
    }
    let (selector, template) = (&spec["selector"], &spec["template"]);
    if selector.is_null() {
        causes.push(Cause::required("spec.selector", ""));
    } else if is_empty_selector(selector) {
        causes.push(Cause::invalid("spec.selector", selector, &format!("empty selector is invalid for {name}")));
    }
    names::selector("spec.selector", selector, causes);
    labels("spec.template.labels", &template["metadata"]["labels"], causes);
    let found = &template["metadata"]["labels"];
    if !selector.is_null() && !selected(selector, found) {
        let shown = if found.is_object() { found.clone() } else { Value::Null };
        let why = "`selector` does not match template `labels`";
        causes.push(Cause::invalid("spec.template.metadata.labels", &shown, why));
    }
    pod_spec("spec.template.spec", &template["spec"], causes);
    let policy = &template["spec"]["restartPolicy"];
    if !policy.is_null() && policy != "Always" {
        causes.push(Cause::not_supported("spec.template.spec.restartPolicy", policy, &["Always"]));
    }
    if !template["spec"]["activeDeadlineSeconds"].is_null() {
        let kind = match name {
            "statefulset" => "StatefulSet",
            "daemonset" => "DaemonSet",
            _ => "ReplicaSet",
        };
        let why = format!("activeDeadlineSeconds in {kind} is not Supported");
        causes.push(Cause::forbidden("spec.template.spec.activeDeadlineSeconds", &why));
    }
}

pub(super) fn strategy(spec: &Value, causes: &mut Vec<Cause>) {
    let strategy = &spec["strategy"];
    let name = &strategy["type"];
    if !name.is_null() && name != "RollingUpdate" && name != "Recreate" {
        causes.push(Cause::not_supported("spec.strategy.type", name, &["Recreate", "RollingUpdate"]));
    }
    if name == "Recreate" && strategy["rollingUpdate"].is_object() {
        let why = "may not be specified when strategy `type` is 'Recreate'";
        causes.push(Cause::forbidden("spec.strategy.rollingUpdate", why));
    }
    let zero = |value: &Value| *value == json!(0) || *value == json!("0%");
    if zero(&strategy["rollingUpdate"]["maxUnavailable"]) && zero(&strategy["rollingUpdate"]["maxSurge"]) {
        let why = "may not be 0 when `maxSurge` is 0";
        causes.push(Cause::invalid(
            "spec.strategy.rollingUpdate.maxUnavailable",
            &strategy["rollingUpdate"]["maxUnavailable"],
            why,
        ));
    }
}

pub(super) fn replication_controller(spec: &Value, causes: &mut Vec<Cause>) {
    not_negative("spec", spec, &["replicas", "minReadySeconds"], causes);
    let (selector, template) = (&spec["selector"], &spec["template"]);
    if selector.as_object().is_none_or(serde_json::Map::is_empty) {
        causes.push(Cause::required("spec.selector", ""));
    } else if template.is_object() && !selected(&json!({"matchLabels": selector}), &template["metadata"]["labels"]) {
        let why = "`selector` does not match template `labels`";
        causes.push(Cause::invalid("spec.template.metadata.labels", &template["metadata"]["labels"], why));
    }
    if !template.is_object() {
        causes.push(Cause::required("spec.template", ""));
        return;
    }
    labels("spec.template.labels", &template["metadata"]["labels"], causes);
    pod_spec("spec.template.spec", &template["spec"], causes);
    let policy = &template["spec"]["restartPolicy"];
    if !policy.is_null() && policy != "Always" {
        causes.push(Cause::not_supported("spec.template.spec.restartPolicy", policy, &["Always"]));
    }
}

pub(super) fn stateful_set(spec: &Value, causes: &mut Vec<Cause>) {
    let policy = &spec["podManagementPolicy"];
    if !policy.is_null() && policy != "OrderedReady" && policy != "Parallel" {
        causes.push(Cause::invalid("spec.podManagementPolicy", policy, "must be 'OrderedReady' or 'Parallel'"));
    }
    let update = &spec["updateStrategy"];
    match text(&update["type"]) {
        "OnDelete" if update["rollingUpdate"].is_object() => {
            let why = "only allowed for updateStrategy 'RollingUpdate'";
            causes.push(Cause::invalid("spec.updateStrategy.rollingUpdate", &update["rollingUpdate"], why));
        }
        "RollingUpdate" => not_negative("spec.updateStrategy.rollingUpdate", &update["rollingUpdate"], &["partition"], causes),
        "OnDelete" => {}
        _ => {
            let shown = json!({"Type": update["type"], "RollingUpdate": update["rollingUpdate"]});
            causes.push(Cause::invalid("spec.updateStrategy", &shown, "must be 'RollingUpdate' or 'OnDelete'"));
        }
    }
    for field in ["whenDeleted", "whenScaled"] {
        let at = "spec.persistentVolumeClaimRetentionPolicy";
        enumerated(at, &spec["persistentVolumeClaimRetentionPolicy"], field, &["Retain", "Delete"], causes);
    }
    not_negative("spec.ordinals", &spec["ordinals"], &["start"], causes);
    let mut with_claims = spec.clone();
    let claims: Vec<Value> =
        list(&spec["volumeClaimTemplates"]).map(|(_, claim)| json!({"name": claim["metadata"]["name"]})).collect();
    if !claims.is_empty() && with_claims["template"]["spec"].is_object() {
        let volumes = &mut with_claims["template"]["spec"]["volumes"];
        let own =
            volumes.as_array().into_iter().flatten().filter(|volume| !claims.iter().any(|claim| claim["name"] == volume["name"]));
        *volumes = own.chain(&claims).cloned().collect::<Vec<_>>().into();
    }
    workload("statefulset", &with_claims, causes);
}

pub(super) fn daemon_set(spec: &Value, causes: &mut Vec<Cause>) {
    workload("daemonset", spec, causes);
    let update = &spec["updateStrategy"];
    match text(&update["type"]) {
        "OnDelete" => {}
        "RollingUpdate" => {
            let zero = |value: &Value| value.is_null() || *value == json!(0) || *value == json!("0%");
            let (unavailable, surge) = (&update["rollingUpdate"]["maxUnavailable"], &update["rollingUpdate"]["maxSurge"]);
            if !zero(unavailable) && !zero(surge) {
                let why = "may not be set when maxUnavailable is non-zero";
                causes.push(Cause::invalid("spec.updateStrategy.rollingUpdate.maxSurge", surge, why));
            }
            if zero(unavailable) && zero(surge) {
                let why = "cannot be 0 when maxSurge is 0";
                causes.push(Cause::required("spec.updateStrategy.rollingUpdate.maxUnavailable", why));
            }
        }
        _ => {
            let shown = json!({"Type": update["type"], "RollingUpdate": update["rollingUpdate"]});
            causes.push(Cause::not_supported("spec.updateStrategy", &shown, &["RollingUpdate", "OnDelete"]));
        }
    }
}

pub(super) fn job(object: &Value, causes: &mut Vec<Cause>) {
    let (metadata, spec) = (&object["metadata"], &object["spec"]);
    if spec["manualSelector"] != true && !spec["selector"].is_null() {
        generated_labels(metadata, spec, causes);
    }
    if spec["completionMode"] == "Indexed" && !spec["completions"].is_null() {
        let last = spec["completions"].as_i64().unwrap_or(1) - 1;
        let host = format!("{}-{last}", text(&metadata["name"]));
        if !is_label(&host) {
            let why = format!("will not able to create pod with invalid DNS label: {host}");
            causes.push(Cause::invalid("metadata.name", &metadata["name"], &why));
        }
    }
    job_spec("spec", spec, causes);
    if spec["selector"].is_null() {
        causes.push(Cause::required("spec.selector", ""));
    } else if !selected(&spec["selector"], &spec["template"]["metadata"]["labels"]) {
        let found = &spec["template"]["metadata"]["labels"];
        causes.push(Cause::invalid("spec.template.metadata.labels", found, "`selector` does not match template `labels`"));
    }
}

/// The labels that the server gives a Job's pods must be what the server gives.
fn generated_labels(metadata: &Value, spec: &Value, causes: &mut Vec<Cause>) {
    let labels = &spec["template"]["metadata"]["labels"];
    for (label, wanted) in [
        ("controller-uid", &metadata["uid"]),
        ("batch.kubernetes.io/controller-uid", &metadata["uid"]),
        ("job-name", &metadata["name"]),
        ("batch.kubernetes.io/job-name", &metadata["name"]),
    ] {
        if labels[label] != *wanted {
            let why = format!("must be '{}'", text(wanted));
            causes.push(if labels[label].is_null() {
                Cause::required(format!("spec.template.metadata.labels[{label}]"), &why)
            } else {
                Cause::invalid("spec.template.metadata.labels", labels, &why)
            });
        }
    }
    let selector = json!({"batch.kubernetes.io/controller-uid": metadata["uid"]});
    let old = json!({"controller-uid": metadata["uid"]});
    let labels = &spec["selector"]["matchLabels"];
    if *labels != selector && *labels != old {
        causes.push(Cause::invalid("spec.selector", &spec["selector"], "`selector` not auto-generated"));
    }
}

fn job_spec(at: &str, spec: &Value, causes: &mut Vec<Cause>) {
    let counts = [
        "parallelism",
        "completions",
        "activeDeadlineSeconds",
        "backoffLimit",
        "ttlSecondsAfterFinished",
        "backoffLimitPerIndex",
        "maxFailedIndexes",
    ];
    not_negative(at, spec, &counts, causes);
    if !spec["maxFailedIndexes"].is_null() && spec["backoffLimitPerIndex"].is_null() {
        causes.push(Cause::required(format!("{at}.backoffLimitPerIndex"), "when maxFailedIndexes is specified"));
    }
    enumerated(at, spec, "completionMode", &["NonIndexed", "Indexed"], causes);
    let indexed = spec["completionMode"] == "Indexed";
    if indexed && spec["completions"].is_null() {
        causes.push(Cause::required(format!("{at}.completions"), "when completion mode is Indexed"));
    }
    for field in ["backoffLimitPerIndex", "maxFailedIndexes", "successPolicy"] {
        if !indexed && !spec[field].is_null() {
            causes.push(Cause::invalid(format!("{at}.{field}"), &spec[field], "requires indexed completion mode"));
        }
    }
    enumerated(at, spec, "podReplacementPolicy", &["Failed", "TerminatingOrFailed"], causes);
    let template = &spec["template"];
    labels(&format!("{at}.template.labels"), &template["metadata"]["labels"], causes);
    pod_spec(&format!("{at}.template.spec"), &template["spec"], causes);
    let (policy, place) = (&template["spec"]["restartPolicy"], format!("{at}.template.spec.restartPolicy"));
    match text(policy) {
        "" | "Always" => causes.push(Cause::required(place, "valid values: \"OnFailure\", \"Never\"")),
        "OnFailure" if spec["podFailurePolicy"].is_object() => {
            causes.push(Cause::invalid(place, policy, "only \"Never\" is supported when podFailurePolicy is specified"));
        }
        "OnFailure" | "Never" => {}
        _ => causes.push(Cause::not_supported(place, policy, &["OnFailure", "Never"])),
    }
}

pub(super) fn cron_job(object: &Value, causes: &mut Vec<Cause>) {
    let (name, spec) = (&object["metadata"]["name"], &object["spec"]);
    if text(name).len() > 52 {
        causes.push(Cause::invalid("metadata.name", name, "must be no more than 52 characters"));
    }
    let schedule = text(&spec["schedule"]);
    if schedule.is_empty() {
        causes.push(Cause::required("spec.schedule", ""));
    } else if let Some(fault) = schedule_fault(schedule) {
        causes.push(Cause::invalid("spec.schedule", &spec["schedule"], &fault));
    }
    not_negative("spec", spec, &["startingDeadlineSeconds", "successfulJobsHistoryLimit", "failedJobsHistoryLimit"], causes);
    enumerated("spec", spec, "concurrencyPolicy", &["Allow", "Forbid", "Replace"], causes);
    let template = &spec["jobTemplate"]["spec"];
    if !template["selector"].is_null() {
        let why = "`selector` will be auto-generated";
        causes.push(Cause::invalid("spec.jobTemplate.spec.selector", &template["selector"], why));
    }
    if template["manualSelector"] == true {
        let at = "spec.jobTemplate.spec.manualSelector";
        causes.push(Cause::not_supported(at, &template["manualSelector"], &["nil", "false"]));
    }
    job_spec("spec.jobTemplate.spec", template, causes);
}

/// Why a schedule is none, in the words of the library that Kubernetes reads it with (`robfig/cron`).
fn schedule_fault(schedule: &str) -> Option<String> {
    if schedule.contains("TZ") {
        return Some("cannot use TZ or CRON_TZ in schedule, use timeZone field instead".into());
    }
    if let Some(word) = schedule.strip_prefix('@') {
        let known = ["yearly", "annually", "monthly", "weekly", "daily", "midnight", "hourly"];
        return (!known.contains(&word) && !word.starts_with("every ")).then(|| format!("unrecognized descriptor: {schedule}"));
    }
    let fields: Vec<&str> = schedule.split_whitespace().collect();
    if fields.len() != 5 {
        return Some(format!("expected exactly 5 fields, found {}: [{}]", fields.len(), fields.join(" ")));
    }
    const MONTHS: &[&str] = &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    const DAYS: &[&str] = &["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
    let bounds: [(i64, i64, &[&str]); 5] = [(0, 59, &[]), (0, 23, &[]), (1, 31, &[]), (1, 12, MONTHS), (0, 6, DAYS)];
    fields.iter().zip(bounds).find_map(|(field, bounds)| field.split(',').find_map(|part| range_fault(part, bounds)))
}

fn range_fault(part: &str, (least, most, names): (i64, i64, &[&str])) -> Option<String> {
    let number = |text: &str| -> Result<i64, String> {
        if let Some(place) = names.iter().position(|name| name.eq_ignore_ascii_case(text)) {
            return Ok(least + i64::try_from(place).unwrap_or(0));
        }
        let broken = || format!("failed to parse int from {text}: strconv.Atoi: parsing {text:?}: invalid syntax");
        let number: i64 = text.parse().map_err(|_| broken())?;
        if number < 0 { Err(format!("negative number ({number}) not allowed: {text}")) } else { Ok(number) }
    };
    let mut halves = part.split('/');
    let range = halves.next().unwrap_or("");
    let step = halves.next();
    if halves.next().is_some() {
        return Some(format!("too many slashes: {part}"));
    }
    let mut ends = range.split('-');
    let first = ends.next().unwrap_or("");
    let any = first == "*" || first == "?";
    let read = || -> Result<(i64, i64), String> {
        let start = if any { least } else { number(first)? };
        let end = match ends.next() {
            Some(text) if !any => number(text)?,
            _ if any || step.is_some() => most,
            _ => start,
        };
        if ends.next().is_some() { Err(format!("too many hyphens: {part}")) } else { Ok((start, end)) }
    };
    let mut read = read;
    match (read(), step.map_or(Ok(1), number)) {
        (Err(fault), _) | (_, Err(fault)) => Some(fault),
        (Ok((start, _)), _) if start < least => Some(format!("beginning of range ({start}) below minimum ({least}): {part}")),
        (Ok((_, end)), _) if end > most => Some(format!("end of range ({end}) above maximum ({most}): {part}")),
        (Ok((start, end)), _) if start > end => Some(format!("beginning of range ({start}) beyond end of range ({end}): {part}")),
        (_, Ok(0)) => Some(format!("step of range should be a positive number: {part}")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedules_are_read_as_the_library_reads_them() {
        for sound in ["*/5 * * * *", "@daily", "0 22 * * 1-5", "0 0 1 jan,jul *", "@every 1h"] {
            assert_eq!(schedule_fault(sound), None, "{sound}");
        }
        assert_eq!(schedule_fault("x").unwrap(), "expected exactly 5 fields, found 1: [x]");
        assert_eq!(schedule_fault("61 * * * *").unwrap(), "end of range (61) above maximum (59): 61");
        assert_eq!(
            schedule_fault("a * * * *").unwrap(),
            "failed to parse int from a: strconv.Atoi: parsing \"a\": invalid syntax"
        );
        assert_eq!(schedule_fault("@x").unwrap(), "unrecognized descriptor: @x");
    }
}
