//! Long-running operations: how they begin, what a poll finds, and what is done at their ends.
//!
//! Nothing runs for an operation. What is seen at once is changed when it begins; its state is computed from the clock when it is
//! read; what its end changes ([`Ending`]) is done by the first who comes after it, a request or the timeline. How long which
//! kind of operation takes is the control API's to say ([`super::store::Timing`]); unless it does, the first poll finds it ended.
//! Source: the ARM resource provider contract ("Asynchronous operations").

use std::sync::Arc;

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::Request;
use super::error::{self, Error, Voice};
use super::headers::Answer;
use super::providers;
use super::store::{Ending, Operation, Resource};
use crate::kernel::clock::rfc3339_ticks;
use crate::kernel::ids::ALPHANUMERIC;
use crate::kernel::resource_id::ResourceId;
use crate::world::{Due, World};

impl Request<'_> {
    /// When an operation that begins now ends: its kind is the action that was permitted.
    pub(super) fn settles_at(&self) -> jiff::Timestamp {
        self.now.saturating_add(self.world.arm.timing.read().of(&self.action)).unwrap_or(self.now)
    }

    /// Begins an operation on a resource whose end changes nothing more.
    pub(super) fn begin(
        &self,
        name: String,
        resource: &ResourceId,
        running: &'static str,
        result: Result<Option<Value>, (String, String)>,
    ) -> Arc<Operation> {
        self.start(name, resource, running, result, Ending::Nothing)
    }

    /// Begins an operation on a resource that does something when it ends.
    pub(super) fn begin_ending(
        &self,
        name: String,
        resource: &ResourceId,
        running: &'static str,
        ending: Ending,
    ) -> Arc<Operation> {
        self.start(name, resource, running, Ok(None), ending)
    }

    /// Begins an operation beside a resource, which is not changed by it and stays as it is even if it fails.
    pub(super) fn begin_beside(
        &self,
        name: String,
        place: &ResourceId,
        running: &'static str,
        result: Result<Option<Value>, (String, String)>,
    ) -> Arc<Operation> {
        self.enter(name, place, running, result, Ending::Nothing)
    }

    /// Begins an operation beside a resource whose end nobody knows yet: it runs until the store is told to stop it, and ends with this
    /// body if it succeeds.
    pub(super) fn begin_open(&self, name: String, place: &ResourceId, running: &'static str, body: Option<Value>) {
        self.world.arm.put_operation(Operation {
            name,
            resource: place.clone(),
            namespace: self.known.provider.namespace.clone(),
            started: self.now,
            ends: jiff::Timestamp::MAX,
            running,
            ends_as: "Succeeded",
            result: Ok(body),
            ending: Ending::Nothing,
        });
    }

    fn start(
        &self,
        name: String,
        resource: &ResourceId,
        running: &'static str,
        result: Result<Option<Value>, (String, String)>,
        ending: Ending,
    ) -> Arc<Operation> {
        let operation = self.enter(name, resource, running, result, ending);
        if operation.ends_as != "Succeeded" {
            self.world.arm.settle(resource, operation.ends, operation.ends_as);
        }
        operation
    }

    fn enter(
        &self,
        name: String,
        resource: &ResourceId,
        running: &'static str,
        result: Result<Option<Value>, (String, String)>,
        ending: Ending,
    ) -> Arc<Operation> {
        let fault = self.world.arm.take_fault(&self.action);
        let ending = if fault.is_some() { Ending::Nothing } else { ending };
        let result = fault.map_or(result, Err);
        let operation = self.world.arm.put_operation(Operation {
            name,
            resource: resource.clone(),
            namespace: self.known.provider.namespace.clone(),
            started: self.now,
            ends: self.settles_at(),
            running,
            ends_as: if result.is_ok() { "Succeeded" } else { "Failed" },
            result,
            ending,
        });
        if operation.is_running(self.now) {
            self.world.timeline.schedule(operation.ends, Due::Arm);
        } else {
            // The request holds the writers' lock already.
            finish_locked(self.world);
        }
        operation
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
    pub(super) fn operation(&self) -> Result<Arc<Operation>, Error> {
        let name = self.target.name();
        self.world.arm.operation(name).filter(|operation| self.is_about(operation)).ok_or_else(|| {
            let message = format!("The entity was not found: there is no operation '{name}'.");
            Error::gateway(StatusCode::NOT_FOUND, "NotFound", message)
        })
    }

    /// Whether an operation is one of the subscription and the provider that are asked.
    fn is_about(&self, operation: &Operation) -> bool {
        let (asked, own) = (self.target.id.subscription(), operation.resource.subscription());
        let same = asked.zip(own).is_some_and(|(asked, own)| asked.eq_ignore_ascii_case(own));
        same && operation.namespace == self.known.provider.namespace
    }
}

/// Does what the ends of operations do, of those that are over by now.
pub(super) fn finish(world: &World) {
    if world.arm.has_ended(world.clock.now()) {
        let _alone = world.arm.writing.lock();
        finish_locked(world);
    }
}

fn finish_locked(world: &World) {
    while let Some(operation) = world.arm.take_ended(world.clock.now()) {
        match &operation.ending {
            Ending::Nothing => {}
            Ending::RemoveGroup => match providers::locks::blocked(world, &operation.resource) {
                None => providers::remove_group(world, &operation.resource),
                Some(refusal) => world.arm.conclude(&operation.name, "Failed", Ok(Some(refusal))),
            },
            Ending::Remove => {
                if let Some(resource) = world.arm.resource(&operation.resource) {
                    providers::remove(world, &resource);
                }
            }
            Ending::Step(step) => {
                if let Some(resource) = world.arm.resource(&operation.resource) {
                    providers::ended(world, &resource, step);
                }
            }
            Ending::Become(properties) => {
                if let Some(resource) = world.arm.resource_with(&operation.resource) {
                    let resource = Resource { properties: properties.clone(), ..(*resource).clone() };
                    providers::changed(world, &world.arm.put_resource(resource));
                }
            }
        }
    }
}

/// `locations/{location}/operations/{name}` of Container Service.
pub(super) fn cluster_status(request: &Request<'_>) -> Result<Answer, Error> {
    let operation = request.operation()?;
    let mut body = json!({
        "name": operation.name,
        "status": operation.status(request.now),
        "startTime": rfc3339_ticks(operation.started),
    });
    if !operation.is_running(request.now) {
        body["endTime"] = json!(rfc3339_ticks(operation.ends));
        if let Err((code, message)) = &operation.result {
            body["error"] = json!({ "code": code, "message": message });
        }
    }
    Ok(Answer::json(Voice::Cluster, StatusCode::OK, body))
}

/// `locations/{location}/operationresults/{name}` of Container Service: 202 and then 204, both with the URL again; of what failed
/// the error, whose status is inferred.
pub(super) fn cluster_result(request: &Request<'_>) -> Result<Answer, Error> {
    let operation = request.operation()?;
    let url = request.poll_url(request.target.id.as_str(), &request.version);
    let status = match &operation.result {
        _ if operation.is_running(request.now) => StatusCode::ACCEPTED,
        Ok(_) => StatusCode::NO_CONTENT,
        Err((code, message)) => {
            let body = json!({ "code": code, "details": null, "message": message, "subcode": "" });
            return Ok(Answer::json(Voice::Cluster, StatusCode::CONFLICT, body));
        }
    };
    Ok(Answer::empty(Voice::Cluster, status).header("location", url))
}

/// `registries/{name}/operationStatuses/{name}` of Container Registry.
pub(super) fn registry_status(request: &Request<'_>) -> Result<Answer, Error> {
    let operation = request.operation()?;
    let status = if operation.is_running(request.now) { operation.running } else { operation.ends_as };
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
        Ok(None) => Ok(Answer::empty(Voice::Registry, StatusCode::OK)),
        Err((code, message)) => {
            let status = if code == "Conflict" { StatusCode::CONFLICT } else { StatusCode::BAD_REQUEST };
            let body = json!({ "status": "Failed", "error": { "code": code, "message": message } });
            Ok(Answer::json(Voice::Registry, status, body))
        }
    }
}

/// `/subscriptions/{id}/operationresults/{token}` of ARM: 202 and then 200, both without a body; 204 for what ends with null. What
/// failed ends in the error, as a 409.
pub(super) fn gateway_result(request: &Request<'_>) -> Result<Answer, Error> {
    let operation = request.operation().map_err(|_| error::not_routed(request.target.id.as_str()))?;
    if !operation.is_running(request.now) {
        return Ok(match &operation.result {
            Err((code, message)) => {
                let body = json!({ "error": { "code": code, "message": message } });
                Answer::json(Voice::Gateway, StatusCode::CONFLICT, body)
            }
            Ok(Some(body)) if operation.ends_as != "Succeeded" => {
                Answer::json(Voice::Gateway, StatusCode::CONFLICT, body.clone())
            }
            Ok(Some(Value::Null)) => Answer::empty(Voice::Gateway, StatusCode::NO_CONTENT),
            Ok(_) => Answer::empty(Voice::Gateway, StatusCode::OK),
        });
    }
    let url = request.poll_url(request.target.id.as_str(), &request.version);
    Ok(Answer::empty(Voice::Gateway, StatusCode::ACCEPTED).header("location", url).header("retry-after", "15".into()))
}
