//! The cells of what makes pods: Deployments, ReplicaSets, StatefulSets, DaemonSets, Jobs and so on, and of what scales and guards them.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{labels, list, number, or_none, selected, selector, text};
use crate::kube::table::{age, human_duration};

fn containers(template: &Value) -> [Value; 2] {
    let all = |field: &str| list(&template["spec"]["containers"]).map(|c| text(&c[field])).collect::<Vec<_>>().join(",");
    [all("name").into(), all("image").into()]
}

pub(super) fn pod_template(object: &Value, name: Value) -> Vec<Value> {
    let [containers, images] = containers(&object["template"]);
    vec![name, containers, images, labels(&object["template"]["metadata"]["labels"])]
}

pub(super) fn deployment(object: &Value, name: Value, old: Value) -> Vec<Value> {
    let (spec, status) = (&object["spec"], &object["status"]);
    let ready = format!("{}/{}", number(&status["readyReplicas"]), number(&spec["replicas"]));
    let [containers, images] = containers(&spec["template"]);
    let chosen = selector(&spec["selector"]);
    let (updated, available) = (number(&status["updatedReplicas"]), number(&status["availableReplicas"]));
    vec![name, ready.into(), updated.into(), available.into(), old, containers, images, or_none(&chosen)]
}

pub(super) fn replica_set(object: &Value, name: Value, old: Value) -> Vec<Value> {
    let (spec, status) = (&object["spec"], &object["status"]);
    let [containers, images] = containers(&spec["template"]);
    let counts = [&spec["replicas"], &status["replicas"], &status["readyReplicas"]].map(|value| json!(number(value)));
    let [desired, current, ready] = counts;
    vec![name, desired, current, ready, old, containers, images, or_none(&selector(&spec["selector"]))]
}

pub(super) fn replication_controller(object: &Value, name: Value, old: Value) -> Vec<Value> {
    let (spec, status) = (&object["spec"], &object["status"]);
    let [containers, images] = containers(&spec["template"]);
    let counts = [&spec["replicas"], &status["replicas"], &status["readyReplicas"]].map(|value| json!(number(value)));
    let [desired, current, ready] = counts;
    vec![name, desired, current, ready, old, containers, images, labels(&spec["selector"])]
}

pub(super) fn stateful_set(object: &Value, name: Value, old: Value) -> Vec<Value> {
    let ready = format!("{}/{}", number(&object["status"]["readyReplicas"]), number(&object["spec"]["replicas"]));
    let [containers, images] = containers(&object["spec"]["template"]);
    vec![name, ready.into(), old, containers, images]
}

pub(super) fn daemon_set(object: &Value, name: Value, old: Value) -> Vec<Value> {
    let (spec, status) = (&object["spec"], &object["status"]);
    let mut cells = vec![name];
    let counts = ["desiredNumberScheduled", "currentNumberScheduled", "numberReady", "updatedNumberScheduled", "numberAvailable"];
    cells.extend(counts.map(|field| json!(number(&status[field]))));
    let [containers, images] = containers(&spec["template"]);
    cells.extend([labels(&spec["template"]["spec"]["nodeSelector"]), old, containers, images, selected(&spec["selector"])]);
    cells
}

pub(super) fn job(object: &Value, name: Value, old: Value, now: Timestamp) -> Vec<Value> {
    let (spec, status) = (&object["spec"], &object["status"]);
    let succeeded = number(&status["succeeded"]);
    let completions = match (spec["completions"].as_i64(), number(&spec["parallelism"])) {
        (Some(wanted), _) => format!("{succeeded}/{wanted}"),
        (None, parallelism @ 2..) => format!("{succeeded}/1 of {parallelism}"),
        (None, _) => format!("{succeeded}/1"),
    };
    let [containers, images] = containers(&spec["template"]);
    let took = json!(duration(status, now));
    vec![name, job_status(object).into(), completions.into(), took, old, containers, images, selected(&spec["selector"])]
}

fn duration(status: &Value, now: Timestamp) -> String {
    let time = |field: &str| status[field].as_str().and_then(|text| text.parse::<Timestamp>().ok());
    time("startTime").map_or_else(String::new, |start| {
        human_duration(time("completionTime").unwrap_or(now).as_second().saturating_sub(start.as_second()))
    })
}

fn job_status(object: &Value) -> &'static str {
    let has = |wanted: &str| {
        list(&object["status"]["conditions"]).any(|condition| condition["type"] == wanted && condition["status"] == "True")
    };
    let ending = !object["metadata"]["deletionTimestamp"].is_null();
    match () {
        () if has("Complete") => "Complete",
        () if has("Failed") => "Failed",
        () if ending => "Terminating",
        () if has("Suspended") => "Suspended",
        () if has("FailureTarget") => "FailureTarget",
        () if has("SuccessCriteriaMet") => "SuccessCriteriaMet",
        () => "Running",
    }
}

pub(super) fn cron_job(object: &Value, name: Value, old: Value, now: Timestamp) -> Vec<Value> {
    let (spec, status) = (&object["spec"], &object["status"]);
    let suspended = match spec["suspend"].as_bool() {
        Some(true) => "True",
        Some(false) => "False",
        None => "<unset>",
    };
    let last = &status["lastScheduleTime"];
    let last = if last.is_null() { "<none>".to_owned() } else { age(last, now) };
    let [containers, images] = containers(&spec["jobTemplate"]["spec"]["template"]);
    vec![
        name,
        text(&spec["schedule"]).into(),
        or_none(text(&spec["timeZone"])),
        suspended.into(),
        list(&status["active"]).count().into(),
        last.into(),
        old,
        containers,
        images,
        selected(&spec["jobTemplate"]["spec"]["selector"]),
    ]
}

pub(super) fn controller_revision(object: &Value, name: Value, old: Value) -> Vec<Value> {
    let owner = list(&object["metadata"]["ownerReferences"]).find(|owner| owner["controller"] == true);
    let controller = owner.map_or_else(
        || "<none>".to_owned(),
        |owner| {
            let group = text(&owner["apiVersion"]).rsplit_once('/').map_or("", |(group, _)| group);
            let kind = crate::kube::kinds::qualified(&text(&owner["kind"]).to_lowercase(), group);
            format!("{kind}/{}", text(&owner["name"]))
        },
    );
    vec![name, controller.into(), number(&object["revision"]).into(), old]
}

pub(super) fn autoscaler(object: &Value, name: Value, old: Value) -> Vec<Value> {
    let (spec, status) = (&object["spec"], &object["status"]);
    let target = &spec["scaleTargetRef"];
    let least = spec["minReplicas"].as_i64().map_or_else(|| "<unset>".to_owned(), |number| number.to_string());
    vec![
        name,
        format!("{}/{}", text(&target["kind"]), text(&target["name"])).into(),
        metrics(&spec["metrics"], &status["currentMetrics"]).into(),
        least.into(),
        number(&spec["maxReplicas"]).into(),
        number(&status["currentReplicas"]).into(),
        old,
    ]
}

fn metrics(wanted: &Value, found: &Value) -> String {
    const SHOWN: usize = 2;
    let all: Vec<String> = list(wanted).enumerate().map(|(index, metric)| metric_text(metric, &found[index])).collect();
    match all.len() {
        0 => "<none>".into(),
        count if count > SHOWN => format!("{} + {} more...", all[..SHOWN].join(", "), count - SHOWN),
        _ => all.join(", "),
    }
}

fn metric_text(wanted: &Value, found: &Value) -> String {
    let section = match text(&wanted["type"]) {
        "External" => "external",
        "Pods" => "pods",
        "Object" => "object",
        "Resource" => "resource",
        "ContainerResource" => "containerResource",
        _ => return "<unknown type>".into(),
    };
    let (target, current) = (&wanted[section]["target"], &found[section]["current"]);
    let amount = |value: &Value| value.as_str().map_or_else(|| "<unknown>".to_owned(), str::to_owned);
    let percent = |value: &Value, none: &str| value.as_i64().map_or_else(|| none.to_owned(), |number| format!("{number}%"));
    let average = !target["averageValue"].is_null();
    if matches!(section, "resource" | "containerResource") {
        let resource = text(&wanted[section]["name"]);
        return if average {
            format!("{resource}: {}/{}", amount(&current["averageValue"]), text(&target["averageValue"]))
        } else {
            let target = percent(&target["averageUtilization"], "<auto>");
            format!("{resource}: {}/{target}", percent(&current["averageUtilization"], "<unknown>"))
        };
    }
    match (section, average) {
        ("pods", _) => format!("{}/{}", amount(&current["averageValue"]), text(&target["averageValue"])),
        (_, true) => format!("{}/{} (avg)", amount(&current["averageValue"]), text(&target["averageValue"])),
        (_, false) => format!("{}/{}", amount(&current["value"]), text(&target["value"])),
    }
}

pub(super) fn disruption_budget(object: &Value, name: Value, old: Value) -> Vec<Value> {
    let bound = |value: &Value| match value {
        Value::Null => "N/A".to_owned(),
        Value::String(text) => text.clone(),
        number => number.to_string(),
    };
    let spec = &object["spec"];
    let bounds = [bound(&spec["minAvailable"]).into(), bound(&spec["maxUnavailable"]).into()];
    let [least, most] = bounds;
    vec![name, least, most, number(&object["status"]["disruptionsAllowed"]).into(), old]
}
