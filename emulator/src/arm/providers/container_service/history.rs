//! `managedClusters/{name}/operations/{name or latest}` and the same of a pool: what was done to it last, as a recorded answer
//! shows it: the id with the group's segment in lower case, times in seconds.

use axum::http::StatusCode;
use serde_json::json;

use super::super::super::Request;
use super::super::super::error::{Error, Voice};
use super::super::super::headers::Answer;
use super::errors;
use super::guard;
use crate::kernel::clock::rfc3339_seconds;

/// One operation, or the latest.
pub(super) fn get(request: &Request<'_>) -> Result<Answer, Error> {
    let cluster = guard::cluster(request).ok_or_else(|| super::super::super::error::resource_not_found(&request.target.id))?;
    let owner = match request.target.names.as_slice() {
        [_, pool, _] => cluster.id.join(&format!("agentPools/{pool}")),
        _ => cluster.id.clone(),
    };
    let name = request.target.name();
    let found = if name.eq_ignore_ascii_case("latest") {
        request.world.arm.latest_operation(&owner)
    } else {
        request.world.arm.operation(name).filter(|operation| operation.resource == owner)
    };
    let operation = found.ok_or_else(|| errors::operation_not_found(name))?;
    let mut body = json!({
        "id": format!("{owner}/operations/{}", operation.name),
        "name": operation.name,
        "status": operation.status(request.now),
        "startTime": rfc3339_seconds(operation.started),
    });
    if !operation.is_running(request.now) {
        body["endTime"] = json!(rfc3339_seconds(operation.ends));
        if let Err((code, message)) = &operation.result {
            body["error"] = json!({ "code": code, "message": message });
        }
    }
    Ok(Answer::json(Voice::Cluster, StatusCode::OK, body))
}
