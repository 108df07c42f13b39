//! Several queries in one request: `POST /v1/$batch`. Each is answered as if it came alone, with a status and a body of its own.
//! Source: the Log Analytics API's reference of batches (at most 100 queries; methods, paths and ids). The texts of refusals are
//! inferred.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::{Error, Question, ask};
use crate::kernel::principal::Caller;
use crate::world::World;

/// A batch has no more queries.
const QUERIES_AT_MOST: usize = 100;

/// The answers to a batch, in the order of its queries; the error is that of the batch as a whole.
pub(super) fn answer(world: &World, caller: &Caller, body: &Value) -> Result<Value, Error> {
    let wrong = |message: String| Error::bad_argument("BatchValidationError", message);
    let requests = body["requests"].as_array().ok_or_else(|| wrong("'requests' must be an array of queries.".into()))?;
    if requests.len() > QUERIES_AT_MOST {
        return Err(wrong(format!("A batch has at most {QUERIES_AT_MOST} queries, and this one has {}.", requests.len())));
    }
    let mut ids = HashSet::new();
    let mut responses = Vec::new();
    for request in requests {
        let id = request["id"].as_str().ok_or_else(|| wrong("Every query of a batch needs an 'id'.".into()))?;
        if !ids.insert(id) {
            return Err(wrong(format!("The id '{id}' stands twice in the batch.")));
        }
        let (status, body) = match one(world, caller, request) {
            Ok(body) => (200, body),
            Err(error) => (error.status().as_u16(), error.body(world)),
        };
        let headers = json!({ "Content-Type": "application/json; charset=utf-8" });
        responses.push(json!({ "id": id, "status": status, "headers": headers, "body": body }));
    }
    Ok(json!({ "responses": responses }))
}

fn one(world: &World, caller: &Caller, request: &Value) -> Result<Value, Error> {
    let text = |name: &str| request[name].as_str().unwrap_or_default();
    for (name, only) in [("method", "POST"), ("path", "/query")] {
        let given = &request[name];
        if !given.is_null() && text(name) != only {
            let message = format!("The '{name}' of a query in a batch must be '{only}', and is {given}.");
            return Err(Error::bad_argument("BatchValidationError", message));
        }
    }
    let headers = request["headers"].as_object().into_iter().flatten();
    let prefer = headers.filter(|(name, _)| name.eq_ignore_ascii_case("prefer")).find_map(|(_, value)| value.as_str());
    let question = Question::from_body(&request["body"])?.preferring(prefer);
    ask(world, caller, text("workspace"), &question)
}
