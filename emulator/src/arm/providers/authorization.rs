//! Microsoft.Authorization: role assignments, role definitions and deny assignments at every scope, the caller's own permissions,
//! the operations of all providers, elevated access.
//! Source: the Authorization API's specification (2015-07-01 to 2024-07-01-preview), Azure RBAC's documentation, messages that
//! users have reported; inferred ones are marked.

mod assignment_body;
mod assignment_list;
mod assignment_rules;
mod assignments;
mod definition_rules;
mod definitions;
pub mod denials;
mod facts;
pub(in super::super) mod locks;
mod operations;
mod permissions;

use std::sync::Arc;

use axum::http::StatusCode;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::super::Request;
use super::super::error::{self, Error, Voice};
use super::super::headers::Answer;
use super::super::store::Page;
use super::unimplemented;
use crate::kernel::resource_id::ResourceId;

pub(in super::super) use facts::facts;

/// The first version that shows data actions and can assign roles with them.
const WITH_DATA_ACTIONS: &str = "2018-01-01-preview";

pub(super) fn answer(request: &Request<'_>) -> Result<Answer, Error> {
    match (request.known.kind.name.as_str(), request.target.is_item()) {
        ("roleAssignments", true) => assignments::one(request),
        ("roleAssignments", false) => assignment_list::list(request),
        ("roleDefinitions", true) => definitions::one(request),
        ("roleDefinitions", false) => definitions::list(request),
        ("locks", true) => locks::one(request),
        ("locks", false) => locks::list(request),
        ("denyAssignments", true) => denials::one(request),
        ("denyAssignments", false) => denials::list(request),
        ("permissions", _) => Ok(permissions::list(request)),
        ("elevateAccess", _) => permissions::elevate(request),
        ("providerOperations", true) => operations::one(request),
        ("providerOperations", false) => operations::list(request),
        _ => Err(unimplemented(request)),
    }
}

fn bad(code: &'static str, message: impl Into<String>) -> Error {
    Error::provider(StatusCode::BAD_REQUEST, code, message)
}

fn ok(body: Value) -> Answer {
    Answer::json(Voice::Provider, StatusCode::OK, body)
}

/// A list, in pages.
fn in_pages(request: &Request<'_>, rows: Vec<Value>) -> Result<Answer, Error> {
    let scope = &request.target.scope;
    let window = request.window(scope)?;
    let after = window.after.as_deref().and_then(|key| key.rsplit('/').next()?.parse().ok()).unwrap_or(0);
    let end = rows.len().min(usize::saturating_add(after, window.size));
    let next = (end < rows.len()).then(|| format!("{}/{end}", scope.key().trim_end_matches('/')));
    let items = rows.into_iter().take(end).skip(after).map(Arc::new).collect();
    Ok(ok(request.paged(Page { items, next }, Value::clone)))
}

/// The id of a role definition as seen from a scope: in a subscription it begins with the subscription, elsewhere with nothing.
fn definition_id(scope: &ResourceId, role: Uuid) -> String {
    let prefix = scope.subscription().map(|id| format!("/subscriptions/{id}")).unwrap_or_default();
    format!("{prefix}/providers/Microsoft.Authorization/roleDefinitions/{role}")
}

/// The id of an object of this provider at a scope.
fn object_id(scope: &ResourceId, kind: &str, name: Uuid) -> String {
    format!("{}/providers/Microsoft.Authorization/{kind}/{name}", scope.as_str().trim_end_matches('/'))
}

/// A GUID as the provider's messages write it: without dashes.
fn bare(id: Uuid) -> String {
    id.simple().to_string()
}

/// The properties of a body; a body without any is malformed.
fn properties<'a>(request: &'a Request<'_>) -> Result<&'a Map<String, Value>, Error> {
    request.body.get("properties").and_then(Value::as_object).ok_or_else(error::bad_request_format)
}

/// A member that is a text, if it is there at all.
fn text<'a>(object: &'a Map<String, Value>, key: &str) -> Result<Option<&'a str>, Error> {
    match object.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(error::bad_request_format()),
    }
}

/// A member that is a list of texts; nothing if it is absent.
fn texts(object: &Map<String, Value>, key: &str) -> Result<Vec<String>, Error> {
    match object.get(key) {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(values)) => {
            values.iter().map(|value| value.as_str().map(str::to_owned).ok_or_else(error::bad_request_format)).collect()
        }
        Some(_) => Err(error::bad_request_format()),
    }
}
