//! Long-running operations: how they begin, and what a poll finds. Nothing runs for an operation: what it changes is changed when
//! it begins, and its state is computed from the clock when it is read. With no duration set the first poll finds it ended.
//! Source: the ARM resource provider contract ("Asynchronous operations").

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::Request;
use super::error::{self, Error, Voice};
use super::headers::Answer;
use super::store::Operation;
use crate::kernel::clock::rfc3339_ticks;
use crate::kernel::ids::ALPHANUMERIC;
use crate::kernel::resource_id::ResourceId;

impl Request<'_> {
    /// When an operation that begins now ends.
    pub(super) fn settles_at(&self) -> jiff::Timestamp {
        self.now.saturating_add(*self.world.arm.operation_time.read()).unwrap_or(self.now)
    }

    /// Begins an operation on a resource.
    pub(super) fn begin(
        &self,
        name: String,
        resource: &ResourceId,
        running: &'static str,
        result: Result<Option<Value>, (String, String)>,
    ) -> std::sync::Arc<Operation> {
        self.world.arm.put_operation(Operation {
            name,
            resource: resource.clone(),
            started: self.now,
            ends: self.settles_at(),
            running,
            result,
        })
    }

    /// An absolute URL for polling, signed as ARM signs them: clients carry the four parameters along unread. The signature is
    /// that of the folder, so that the same request gives the same one whatever was made before.
    pub(super) fn poll_url(&self, path: &str, version: &str) -> String {
        let ticks = self.now.as_nanosecond() / 100 + 621_355_968_000_000_000;
        let folder = path.rsplit_once('/').map_or(path, |(folder, _)| folder);
        let text = |name: &str, length| self.world.ids.named_text(&format!("{name} {folder}"), length, ALPHANUMERIC);
        format!(
            "{}{path}?api-version={version}&t={ticks}&c={}&s={}&h={}",
            self.conn.base_url(),
            text("c", 64),
            text("s", 86),
            text("h", 43)
        )
    }

    /// The operation that the last name of the target names.
    pub(super) fn operation(&self) -> Result<std::sync::Arc<Operation>, Error> {
        self.world.arm.operation(self.target.name()).ok_or_else(|| {
            let name = self.target.name();
            let message = format!("The entity was not found: there is no operation '{name}'.");
            Error::gateway(StatusCode::NOT_FOUND, "NotFound", message)
        })
    }
}

impl Operation {
    /// Whether it still runs.
    pub(super) fn is_running(&self, now: jiff::Timestamp) -> bool {
        now < self.ends
    }
}

/// `locations/{location}/operations/{name}` of Container Service.
pub(super) fn cluster_status(request: &Request<'_>) -> Result<Answer, Error> {
    let operation = request.operation()?;
    let mut body = json!({ "name": operation.name });
    if operation.is_running(request.now) {
        body["status"] = json!("InProgress");
        body["startTime"] = json!(rfc3339_ticks(operation.started));
    } else {
        body["status"] = json!(if operation.result.is_ok() { "Succeeded" } else { "Failed" });
        body["startTime"] = json!(rfc3339_ticks(operation.started));
        body["endTime"] = json!(rfc3339_ticks(operation.ends));
        if let Err((code, message)) = &operation.result {
            body["error"] = json!({ "code": code, "message": message });
        }
    }
    Ok(Answer::json(Voice::Cluster, StatusCode::OK, body))
}

/// `locations/{location}/operationresults/{name}` of Container Service: 202 and then 204.
pub(super) fn cluster_result(request: &Request<'_>) -> Result<Answer, Error> {
    let operation = request.operation()?;
    let status = if operation.is_running(request.now) { StatusCode::ACCEPTED } else { StatusCode::NO_CONTENT };
    Ok(Answer::empty(Voice::Cluster, status))
}

/// `registries/{name}/operationStatuses/{name}` of Container Registry.
pub(super) fn registry_status(request: &Request<'_>) -> Result<Answer, Error> {
    let operation = request.operation()?;
    let status = if operation.is_running(request.now) { operation.running } else { "Succeeded" };
    Ok(Answer::json(Voice::Registry, StatusCode::OK, json!({ "status": status })))
}

/// `locations/{location}/operationResults/{name}` of Container Registry. A failed import ends in the error itself; that this is a
/// 400, or a 409 for a conflict, is inferred.
pub(super) fn registry_result(request: &Request<'_>) -> Result<Answer, Error> {
    let operation = request.operation()?;
    if operation.is_running(request.now) {
        let url = request.poll_url(request.target.id.as_str(), &request.version);
        let body = json!({ "status": operation.running });
        return Ok(Answer::json(Voice::Registry, StatusCode::ACCEPTED, body).header("location", url));
    }
    match &operation.result {
        Ok(Some(body)) => Ok(Answer::json(Voice::Registry, StatusCode::OK, body.clone())),
        Ok(None) => Ok(Answer::empty(Voice::Registry, StatusCode::NO_CONTENT)),
        Err((code, message)) => {
            let status = if code == "Conflict" { StatusCode::CONFLICT } else { StatusCode::BAD_REQUEST };
            let body = json!({ "status": "Failed", "error": { "code": code, "message": message } });
            Ok(Answer::json(Voice::Registry, status, body))
        }
    }
}

/// `/subscriptions/{id}/operationresults/{token}` of ARM: 202 and then 200, both without a body.
pub(super) fn gateway_result(request: &Request<'_>) -> Result<Answer, Error> {
    let operation =
        request.world.arm.operation(request.target.name()).ok_or_else(|| error::not_routed(request.target.id.as_str()))?;
    if !operation.is_running(request.now) {
        return Ok(Answer::empty(Voice::Gateway, StatusCode::OK));
    }
    let url = request.poll_url(request.target.id.as_str(), &request.version);
    Ok(Answer::empty(Voice::Gateway, StatusCode::ACCEPTED).header("location", url).header("retry-after", "15".into()))
}
