//! `/_azlet/operations`: how long ARM's long-running operations take, and which are to fail. Kinds of operations are told by the
//! action that RBAC is asked for, or a pattern of it: `Microsoft.ContainerService/managedClusters/stop/action`, `*/delete`, `*`.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::rejection::JsonRejection;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::Deserialize;
use serde_json::{Value, json};

use super::problem;
use crate::arm::store::Fault;
use crate::world::{SeedDuration, World};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    /// Durations by pattern.
    #[serde(default)]
    times: BTreeMap<String, SeedDuration>,
    /// What is to fail.
    #[serde(default)]
    fail: Vec<Failing>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Failing {
    action: String,
    code: String,
    message: String,
    /// How many operations fail; one unless said.
    #[serde(default = "once")]
    times: u32,
}

fn once() -> u32 {
    1
}

/// What is set.
pub(super) async fn get(Extension(world): Extension<Arc<World>>) -> Json<Value> {
    Json(shown(&world))
}

/// Sets durations and failures beside those that are set.
pub(super) async fn set(Extension(world): Extension<Arc<World>>, body: Result<Json<Wanted>, JsonRejection>) -> Response {
    let Json(wanted) = match body {
        Ok(body) => body,
        Err(rejection) => {
            let example =
                "send {\"times\": {\"*/delete\": \"30s\"}, \"fail\": [{\"action\": \"*\", \"code\": \"C\", \"message\": \"m\"}]}";
            return problem(StatusCode::BAD_REQUEST, format!("{rejection}; {example}"));
        }
    };
    let mut timing = world.arm.timing.write();
    for (pattern, time) in wanted.times {
        timing.set(&pattern, time.0);
    }
    for Failing { action, code, message, times } in wanted.fail {
        if times > 0 {
            timing.fail(Fault { action, code, message, times });
        }
    }
    drop(timing);
    Json(shown(&world)).into_response()
}

fn shown(world: &World) -> Value {
    let timing = world.arm.timing.read();
    let times: BTreeMap<String, String> =
        timing.times().map(|(pattern, time)| (pattern.to_owned(), SeedDuration(time).into())).collect();
    let fail: Vec<Value> = timing
        .faults()
        .iter()
        .map(|fault| json!({ "action": fault.action, "code": fault.code, "message": fault.message, "times": fault.times }))
        .collect();
    json!({ "times": times, "fail": fail })
}
