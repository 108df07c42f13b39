//! Tasks, agent pools and task runs: what is to be built or run, kept in full. azlet runs no containers: see [`super::runs`] for
//! what becomes of a run. Source: the provider's specification (2018-09-01, 2019-06-01-preview, 2025-03-01-preview) and recorded
//! answers; which errors wrong values get is inferred.

use axum::http::StatusCode;
use serde_json::{Map, Value, json};

use super::super::super::Request;
use super::super::super::error::Error;
use super::super::super::headers::Answer;
use super::super::super::store::Resource;
use super::child::{self, Change, Child, Reply, is_name, shown};
use super::scope_maps::keep_creation;
use super::{body, ok, runs};

pub(super) const TASKS: Child = Child {
    name: |name| is_name(name, "-_"),
    identity: true,
    show: |_, resource| without_secrets(&resource.properties),
    ..Child::plain("tasks", "tasks", [Reply::Done(200), Reply::Done(200), Reply::Done(200)], make_task)
};

pub(super) const TASK_RUNS: Child = Child {
    name: |name| is_name(name, "-_"),
    identity: true,
    show: show_task_run,
    ..Child::plain("taskRuns", "taskruns", [Reply::Done(200), Reply::Done(200), Reply::Done(200)], make_task_run)
};

pub(super) const AGENT_POOLS: Child = Child {
    name: |name| (3..=20).contains(&name.len()) && name.chars().all(|it| it.is_ascii_alphanumeric() || it == '-'),
    ..Child::plain("agentPools", "agentpools", [Reply::Begun, Reply::Begun, Reply::Begun], make_pool)
};

fn make_task(change: &Change<'_>) -> Result<Map<String, Value>, Error> {
    let mut task = Value::Object(change.base());
    let given = change.given();
    if !given.is_object() && !change.is_patch() {
        return Err(change.invalid("properties", given));
    }
    let fixed = ["provisioningState", "creationDate"];
    for (key, value) in given.as_object().into_iter().flatten().filter(|(key, _)| !fixed.contains(&key.as_str())) {
        match (key.as_str(), task.get_mut(key)) {
            ("credentials", _) => credentials(&mut task, value),
            ("trigger", Some(held)) => trigger(held, value),
            // Another type of step takes the place of the old one; the same type is changed.
            ("step", Some(held)) if !value["type"].is_null() && held["type"] != value["type"] => *held = value.clone(),
            (_, Some(held)) => body::merge(held, value),
            (_, None) => task[key] = value.clone(),
        }
    }
    let mut task = match task {
        Value::Object(task) => task,
        _ => Map::new(),
    };
    keep_creation(change, &mut task);
    for (key, value) in [
        ("status", json!("Enabled")),
        ("agentConfiguration", json!({ "cpu": 2 })),
        ("timeout", json!(3600)),
        ("isSystemTask", json!(false)),
    ] {
        task.entry(key).or_insert(value);
    }
    check(change, &Value::Object(task.clone()))?;
    Ok(task)
}

/// Credentials for other registries are kept by host; null takes one away.
fn credentials(task: &mut Value, given: &Value) {
    let Some(given) = given.as_object().filter(|given| !given.is_empty()) else { return };
    if !task["credentials"].is_object() {
        task["credentials"] = json!({});
    }
    for (key, value) in given {
        match (key.as_str(), value.as_object()) {
            ("customRegistries", Some(registries)) => {
                let mut all = task["credentials"][key].as_object().cloned().unwrap_or_default();
                for (host, credential) in registries {
                    if credential.is_null() {
                        all.shift_remove(host);
                    } else {
                        all.insert(host.clone(), credential.clone());
                    }
                }
                task["credentials"][key] = Value::Object(all);
            }
            _ => task["credentials"][key] = value.clone(),
        }
    }
}

/// Triggers are known by their names: those that are sent are changed, others stay.
fn trigger(held: &mut Value, given: &Value) {
    for (key, value) in given.as_object().into_iter().flatten() {
        let (Some(list), Some(before)) = (value.as_array(), held[key].as_array().cloned()) else {
            let member = &mut held[key];
            body::merge(member, value);
            continue;
        };
        let mut all = before;
        for item in list {
            match all.iter_mut().find(|known| known["name"] == item["name"]) {
                Some(known) => body::merge(known, item),
                None => all.push(item.clone()),
            }
        }
        held[key] = json!(all);
    }
}

fn check(change: &Change<'_>, task: &Value) -> Result<(), Error> {
    let word = |path: &str, pointer: &str, words: &[&str]| {
        let value = task.pointer(pointer).unwrap_or(&Value::Null);
        let known = value.as_str().is_some_and(|text| words.iter().any(|word| word.eq_ignore_ascii_case(text)));
        if known { Ok(()) } else { Err(change.invalid(path, value)) }
    };
    word("status", "/status", &["Enabled", "Disabled"])?;
    if task["isSystemTask"] != json!(true) || !task["step"].is_null() {
        word("step.type", "/step/type", &["Docker", "FileTask", "EncodedTask"])?;
    }
    if !task["platform"].is_null() {
        word("platform.os", "/platform/os", &["Linux", "Windows"])?;
    }
    if !task["platform"]["architecture"].is_null() {
        word("platform.architecture", "/platform/architecture", &["amd64", "x86", "386", "arm", "arm64"])?;
    }
    let timeout = &task["timeout"];
    if !timeout.as_i64().is_some_and(|seconds| (300..=28_800).contains(&seconds)) {
        return Err(change.invalid("timeout", timeout));
    }
    let needed = match task["step"]["type"].as_str().unwrap_or_default().to_ascii_lowercase().as_str() {
        "docker" => "dockerFilePath",
        "filetask" => "taskFilePath",
        "encodedtask" => "encodedTaskContent",
        _ => return Ok(()),
    };
    match &task["step"][needed] {
        Value::String(text) if !text.is_empty() => Ok(()),
        other => Err(change.invalid(&format!("step.{needed}"), other)),
    }
}

/// A task as everyone may see it: which registries it has credentials for, not the credentials.
fn without_secrets(task: &Map<String, Value>) -> Map<String, Value> {
    let mut task = task.clone();
    if let Some(registries) = task.get_mut("credentials").and_then(|it| it["customRegistries"].as_object_mut()) {
        registries.values_mut().for_each(|credential| *credential = Value::Null);
    }
    for path in ["/step/arguments", "/step/values"] {
        hide(&mut task, path);
    }
    task
}

/// Values that are marked as secret are not shown.
fn hide(task: &mut Map<String, Value>, path: &str) {
    let Some((first, last)) = path.trim_start_matches('/').split_once('/') else { return };
    let list = task.get_mut(first).and_then(|step| step.get_mut(last)).and_then(Value::as_array_mut);
    for item in list.into_iter().flatten().filter(|item| item["isSecret"] == json!(true)) {
        if let Some(item) = item.as_object_mut() {
            item.shift_remove("value");
        }
    }
}

/// `listDetails`: the task with its credentials.
pub(super) fn details(request: &Request<'_>) -> Result<Answer, Error> {
    let change = Change::of(request)?;
    let task = change.child()?.clone();
    let mut body = shown(&change, &TASKS, &task, task.state(request.now));
    if let Some(credentials) = task.properties.get("credentials") {
        body["properties"]["credentials"] = credentials.clone();
    }
    Ok(ok(body))
}

fn make_pool(change: &Change<'_>) -> Result<Map<String, Value>, Error> {
    change.premium("agent pool", "AgentPoolNotSupported")?;
    let mut pool = change.base();
    let count = &change.given()["count"];
    if !count.is_null() {
        if count.as_u64().is_none_or(|count| count > 100) {
            return Err(change.invalid("count", count));
        }
        pool.insert("count".into(), count.clone());
    }
    pool.entry("count").or_insert(json!(1));
    if !change.is_patch() {
        let tier = change.one_of("tier", &["S1", "S2", "S3", "I6"])?.unwrap_or("S1");
        pool.insert("tier".into(), json!(tier));
        pool.insert("os".into(), json!(change.one_of("os", &["Linux", "Windows"])?.unwrap_or("Linux")));
        if let Some(subnet) = change.text("virtualNetworkSubnetResourceId")? {
            pool.insert("virtualNetworkSubnetResourceId".into(), json!(subnet));
        }
    }
    Ok(pool)
}

/// `listQueueStatus`: nothing ever waits, since nothing runs.
pub(super) fn queue(request: &Request<'_>) -> Result<Answer, Error> {
    let change = Change::of(request)?;
    change.child()?;
    Ok(ok(json!({ "count": 0 })))
}

fn make_task_run(change: &Change<'_>) -> Result<Map<String, Value>, Error> {
    let mut properties = change.base();
    let given = &change.given()["runRequest"];
    if given.is_object() {
        let run = runs::schedule(change, given)?;
        properties.insert("runRequest".into(), given.clone());
        properties.insert("run".into(), json!(run.id.as_str()));
    } else if !change.is_patch() {
        return Err(child::invalid(change.request, "runRequest", given));
    }
    if let Some(tag) = change.text("forceUpdateTag")? {
        properties.insert("forceUpdateTag".into(), json!(tag));
    }
    Ok(properties)
}

fn show_task_run(change: &Change<'_>, resource: &Resource) -> Map<String, Value> {
    let mut shown = resource.properties.clone();
    let run = shown.shift_remove("run").and_then(|id| {
        let id = crate::kernel::resource_id::ResourceId::new(id.as_str()?);
        change.request.world.arm.resource(&id)
    });
    if let Some(run) = run {
        shown.insert("runResult".into(), runs::shown(change.request, &run, false));
    }
    shown
}

/// A verb that a task's run does not have.
pub(super) fn unavailable(what: &str) -> Error {
    let message = format!("azlet runs no containers: {what}");
    Error::registry(StatusCode::BAD_REQUEST, "NotImplementedByAzlet", message)
}
