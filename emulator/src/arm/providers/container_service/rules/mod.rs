//! What AKS refuses in the bodies of clusters and pools, beyond their names and versions.
//!
//! Codes are those of AKS' own list of error codes, of its troubleshooting pages and of errors that users have reported; a text that
//! no source has is inferred, and the constructor says so.

pub(super) mod cluster;
pub(super) mod immutable;
mod network;
mod nodes;
pub(super) mod pools;
pub(super) mod subnets;
mod windows;

use axum::http::StatusCode;
use serde_json::{Map, Value};

use crate::arm::error::Error;

/// A refusal with a code, a text and the member that is wrong.
fn refuse(code: &'static str, target: &str, message: impl Into<String>) -> Error {
    Error::cluster(StatusCode::BAD_REQUEST, code, message).target(target)
}

/// A member of an object as text; empty if there is none.
fn text<'a>(members: &'a Map<String, Value>, member: &str) -> &'a str {
    members.get(member).and_then(Value::as_str).unwrap_or_default()
}

/// Whether a member is a text, in any case.
fn is(members: &Map<String, Value>, member: &str, said: &str) -> bool {
    text(members, member).eq_ignore_ascii_case(said)
}

/// Whether a member is true.
fn on(members: &Map<String, Value>, member: &str) -> bool {
    members.get(member) == Some(&Value::Bool(true))
}

/// A member of an object as a whole number.
fn number(members: &Map<String, Value>, member: &str) -> Option<i64> {
    members.get(member).and_then(Value::as_i64)
}

/// A member that is an object; none if it is not there.
fn object<'a>(members: &'a Map<String, Value>, member: &str) -> Option<&'a Map<String, Value>> {
    members.get(member).and_then(Value::as_object)
}
