//! Runs of tasks. azlet builds nothing and runs nothing: a run is taken, numbered and queued as the service does it, and has
//! failed by the time it is asked for, with the reason in `runErrorMessage`.
//! Source: the provider's specification (2018-09-01, 2019-06-01-preview, 2025-03-01-preview) and recorded answers.

use std::sync::Arc;

use axum::http::{Method, StatusCode};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::super::super::Request;
use super::super::super::error::{self, Error, Voice};
use super::super::super::headers::Answer;
use super::super::super::store::Resource;
use super::child::{Change, invalid};
use super::tasks::unavailable;
use super::{TYPE, ok};
use crate::kernel::clock::rfc3339_ticks_offset;
use crate::kernel::ids::LOWER_ALPHANUMERIC;
use crate::kernel::resource_id::ResourceId;

const WHY: &str = "azlet does not build images and runs no containers: the run was queued and ended without being carried out.";

fn seconds(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S+00:00").to_string()
}

/// Takes a request for a run and gives it the registry's next number.
pub(super) fn schedule(change: &Change<'_>, given: &Value) -> Result<Arc<Resource>, Error> {
    let request = change.request;
    let kinds = ["DockerBuildRequest", "FileTaskRunRequest", "EncodedTaskRunRequest", "TaskRunRequest"];
    let kind = given["type"].as_str().and_then(|text| kinds.into_iter().find(|kind| kind.eq_ignore_ascii_case(text)));
    let kind = kind.ok_or_else(|| invalid(request, "type", &given["type"]))?;
    let task = match kind {
        "TaskRunRequest" => Some(task_of(change, &given["taskId"])?),
        _ => None,
    };
    let number = change.siblings("runs").len() + 1;
    let name = format!("cf{number}");
    let mut properties = Map::new();
    properties.insert("runId".into(), json!(name));
    properties.insert("runType".into(), json!("QuickRun"));
    properties.insert("createTime".into(), json!(rfc3339_ticks_offset(request.now)));
    if let Some(task) = &task {
        properties.insert("task".into(), json!(task.name()));
    }
    let of_task = |key: &str| task.as_ref().and_then(|task| task.properties.get(key).cloned());
    let platform = Some(given["platform"].clone()).filter(Value::is_object).or_else(|| of_task("platform"));
    properties.insert("platform".into(), platform.unwrap_or_else(|| json!({ "os": "linux", "architecture": "amd64" })));
    let agent = Some(given["agentConfiguration"].clone()).filter(Value::is_object).or_else(|| of_task("agentConfiguration"));
    properties.insert("agentConfiguration".into(), agent.unwrap_or_else(|| json!({ "cpu": 2 })));
    properties.insert("isArchiveEnabled".into(), json!(given["isArchiveEnabled"] == json!(true)));
    Ok(request.world.arm.put_resource(Resource {
        properties,
        settled_at: request.settles_at(),
        settles_as: "Succeeded",
        ..Resource::new(change.parent.id.join(&format!("runs/{name}")), format!("{TYPE}/runs"), &request.caller, request.now)
    }))
}

fn task_of(change: &Change<'_>, id: &Value) -> Result<Arc<Resource>, Error> {
    let wanted = id.as_str().map(ResourceId::new);
    let found = change.siblings("tasks").into_iter().find(|task| wanted.as_ref() == Some(&task.id));
    let task = found.ok_or_else(|| invalid(change.request, "taskId", id))?;
    if task.properties["status"].as_str().is_some_and(|status| status.eq_ignore_ascii_case("Disabled")) {
        let message = format!("The task {} is disabled and cannot be run.", task.name());
        return Err(Error::registry(StatusCode::CONFLICT, "TaskDisabled", message));
    }
    Ok(task)
}

/// A run as it is shown; as it was queued, or as it has become since.
pub(super) fn shown(request: &Request<'_>, run: &Resource, queued: bool) -> Value {
    let ended = !queued && request.now >= run.settled_at;
    let mut properties = run.properties.clone();
    let cancelled = properties.shift_remove("cancelled").is_some();
    let status = match (cancelled, ended) {
        (true, _) => "Canceled",
        (false, true) => "Failed",
        (false, false) => "Queued",
    };
    let mut all = Map::new();
    all.insert("runId".into(), json!(run.name()));
    all.insert("status".into(), json!(status));
    all.insert("lastUpdatedTime".into(), json!(seconds(run.settled_at)));
    if queued {
        properties.retain(|key, _| key == "isArchiveEnabled");
    }
    if ended {
        all.insert("startTime".into(), json!(rfc3339_ticks_offset(run.settled_at)));
        all.insert("finishTime".into(), json!(rfc3339_ticks_offset(run.settled_at)));
        all.insert("runErrorMessage".into(), json!(WHY));
    }
    all.extend(properties);
    all.insert("provisioningState".into(), json!("Succeeded"));
    json!({
        "type": run.resource_type,
        "properties": all,
        "id": run.id.as_str(),
        "name": run.name(),
        "systemData": run.system_data.body(),
    })
}

pub(super) fn schedule_run(request: &Request<'_>) -> Result<Answer, Error> {
    let change = Change::of(request)?;
    let run = schedule(&change, &request.body)?;
    Ok(ok(shown(request, &run, true)))
}

/// Where a source could be uploaded to. azlet has no storage: the upload itself finds nobody.
pub(super) fn upload_url(request: &Request<'_>) -> Result<Answer, Error> {
    Change::of(request)?;
    let name = request.world.ids.text(32, LOWER_ALPHANUMERIC);
    let date = request.now.strftime("%Y%m%d");
    let path = format!("source/{date}0000/{name}.tar.gz");
    let signature = request.world.ids.text(43, LOWER_ALPHANUMERIC);
    let ends = request.now.saturating_add(jiff::SignedDuration::from_hours(1)).unwrap_or(request.now);
    let url = format!(
        "https://azletnostorage.blob.core.windows.net/{name}/{path}?sv=2023-01-03&se={}&sr=b&sp=rw&sig={signature}%3D",
        ends.strftime("%Y-%m-%dT%H%%3A%M%%3A%SZ")
    );
    Ok(ok(json!({ "relativePath": path, "uploadUrl": url })))
}

pub(super) fn list(request: &Request<'_>) -> Result<Answer, Error> {
    let change = Change::of(request)?;
    let mut runs = change.siblings("runs");
    runs.retain(|run| run_matches(request, run));
    runs.sort_by_key(|run| std::cmp::Reverse((run.system_data.created_at, number(run))));
    let most = request.query.get("$top").and_then(|top| top.parse().ok()).unwrap_or(usize::MAX);
    let values: Vec<Value> = runs.iter().take(most).map(|run| shown(request, run, false)).collect();
    Ok(ok(json!({ "value": values })))
}

fn number(run: &Resource) -> usize {
    run.name().trim_start_matches(|it: char| !it.is_ascii_digit()).parse().unwrap_or_default()
}

/// `$filter` with one or more `Name eq 'value'` joined by `and`: what the command line sends.
fn run_matches(request: &Request<'_>, run: &Resource) -> bool {
    let Some(filter) = request.query.filter() else { return true };
    filter.split(" and ").all(|term| {
        let mut words = term.trim().splitn(3, ' ');
        let (Some(name), Some("eq"), Some(value)) = (words.next(), words.next(), words.next()) else { return false };
        let value = value.trim().trim_matches('\'');
        let shown = shown(request, run, false);
        let held = match name.to_ascii_lowercase().as_str() {
            "taskname" => shown["properties"]["task"].clone(),
            "runid" => shown["properties"]["runId"].clone(),
            "status" => shown["properties"]["status"].clone(),
            "runtype" => shown["properties"]["runType"].clone(),
            _ => return false,
        };
        held.as_str().is_some_and(|held| held.eq_ignore_ascii_case(value))
    })
}

pub(super) fn item(request: &Request<'_>) -> Result<Answer, Error> {
    let change = Change::of(request)?;
    let run = change.old.clone().ok_or_else(|| error::resource_not_found(&request.target.id))?;
    if *request.method == Method::PATCH {
        let archive = &request.body["isArchiveEnabled"];
        let archive = if archive.is_null() { &request.body["properties"]["isArchiveEnabled"] } else { archive };
        let mut changed = Resource::clone(&run);
        if let Some(archive) = archive.as_bool() {
            changed.properties.insert("isArchiveEnabled".into(), json!(archive));
        }
        changed.system_data = run.system_data.changed(&request.caller, request.now);
        return Ok(ok(shown(request, &request.world.arm.put_resource(changed), false)));
    }
    Ok(ok(shown(request, &run, false)))
}

/// A run that has ended cannot be cancelled; the service takes the request all the same.
pub(super) fn cancel(request: &Request<'_>) -> Result<Answer, Error> {
    let change = Change::of(request)?;
    let run = change.child()?;
    if request.now < run.settled_at {
        let mut changed = Resource::clone(run);
        changed.properties.insert("cancelled".into(), json!(true));
        request.world.arm.put_resource(changed);
    }
    Ok(Answer::empty(Voice::Registry, StatusCode::OK))
}

/// A log would lie in a storage account.
pub(super) fn log_url(request: &Request<'_>) -> Result<Answer, Error> {
    let change = Change::of(request)?;
    let run = change.child()?;
    Err(unavailable(&format!("the run {} has no log. {WHY}", run.name())))
}
