//! How writes of described types go on: the headers that name where to poll, and what a poll answers.

use axum::http::StatusCode;
use serde_json::{Map, Value, json};

use super::super::super::Request;
use super::super::super::error::Error;
use super::super::super::headers::Answer;
use super::super::super::store::Ending;
use super::Part;
use super::shape::{Operation, Poll, Style};
use super::template::Scope;
use crate::kernel::clock::rfc3339_ticks;

/// A status of a description.
pub(super) fn status(given: Option<u16>, usual: u16) -> StatusCode {
    StatusCode::from_u16(given.unwrap_or(usual)).unwrap_or(StatusCode::OK)
}

/// Begins the operation of a write, and tells in the answer where to poll.
pub(super) fn begin(
    request: &Request<'_>,
    rule: &'static Operation,
    scope: Scope<'_>,
    mut answer: Answer,
    ending: Ending,
) -> Answer {
    if matches!(rule.style, Style::Done | Style::State) {
        return answer;
    }
    let name = request.world.ids.uuid().to_string();
    request.begin_ending(name.clone(), scope.id, "InProgress", ending);
    let scope = Scope { operation: &name, ..scope };
    let url = |template: &str| request.poll_url(&scope.path(template), &request.version);
    if matches!(rule.style, Style::Async | Style::Both) {
        answer = answer.header("azure-asyncoperation", url(&rule.status_path));
    }
    if matches!(rule.style, Style::Location | Style::Both) {
        answer = answer.header("location", url(&rule.result_path));
    }
    match rule.retry_after {
        Some(seconds) => answer.header("retry-after", seconds.to_string()),
        None => answer,
    }
}

/// What a poll finds.
pub(super) fn poll(request: &Request<'_>, part: &Part, poll: Poll) -> Result<Answer, Error> {
    let operation = request.operation()?;
    let voice = part.shape.voice.voice();
    let running = operation.is_running(request.now);
    if poll == Poll::Result {
        if running {
            let url = request.poll_url(request.target.id.as_str(), &request.version);
            return Ok(Answer::empty(voice, StatusCode::ACCEPTED).header("location", url));
        }
        return Ok(match &operation.result {
            Ok(Some(body)) => Answer::json(voice, StatusCode::OK, body.clone()),
            // That a failure is told with a conflict is inferred.
            Err((code, message)) => {
                let body = json!({ "error": { "code": code, "message": message } });
                Answer::json(voice, StatusCode::CONFLICT, body)
            }
            Ok(None) => Answer::empty(voice, StatusCode::NO_CONTENT),
        });
    }
    let mut body = Map::new();
    for member in &part.shape.poll_members {
        let value = match member.as_str() {
            "id" => json!(request.target.id.as_str()),
            "name" => json!(operation.name),
            "startTime" => json!(rfc3339_ticks(operation.started)),
            "endTime" if !running => json!(rfc3339_ticks(operation.ends)),
            _ => Value::Null,
        };
        if !value.is_null() {
            body.insert(member.clone(), value);
        }
    }
    let state = if running { operation.running } else { operation.ends_as };
    body.insert("status".into(), json!(state));
    if let (false, Err((code, message))) = (running, &operation.result) {
        body.insert("error".into(), json!({ "code": code, "message": message }));
    }
    Ok(Answer::json(voice, StatusCode::OK, Value::Object(body)))
}
