//! The one home of what the API server answers when it refuses: `Status` objects (apimachinery's `api/errors`).

use std::fmt;

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde_json::{Map, Value, json};

use super::kinds::{self, Kind};

/// A refusal.
#[derive(Clone, Debug)]
pub struct Error {
    /// The HTTP status.
    pub code: u16,
    /// The machine-readable reason, `NotFound`.
    pub reason: &'static str,
    /// What people read.
    pub message: String,
    details: Option<Box<Value>>,
    /// A token with which a list goes on although its state is gone.
    go_on: Option<String>,
}

/// One field that is not as it must be (apimachinery's `field.Error`).
#[derive(Clone, Debug, PartialEq)]
pub struct Cause {
    /// Where: `spec.containers[0].image`.
    pub field: String,
    /// `FieldValueRequired`, `FieldValueInvalid` and so on.
    pub reason: &'static str,
    /// What is wrong, without the field.
    pub message: String,
}

impl Cause {
    /// A field that must be there.
    pub fn required(field: impl Into<String>, detail: &str) -> Self {
        let message = if detail.is_empty() { "Required value".into() } else { format!("Required value: {detail}") };
        Self { field: field.into(), reason: "FieldValueRequired", message }
    }

    /// A field whose value cannot be.
    pub fn invalid(field: impl Into<String>, value: &Value, detail: &str) -> Self {
        Self { field: field.into(), reason: "FieldValueInvalid", message: format!("Invalid value: {value}: {detail}") }
    }

    /// A field that may not be set.
    pub fn forbidden(field: impl Into<String>, detail: &str) -> Self {
        Self { field: field.into(), reason: "FieldValueForbidden", message: format!("Forbidden: {detail}") }
    }

    /// A text of too many bytes.
    pub fn too_long(field: impl Into<String>, max: usize) -> Self {
        Self { field: field.into(), reason: "FieldValueTooLong", message: format!("Too long: may not be more than {max} bytes") }
    }

    /// A list of too many items.
    pub fn too_many(field: impl Into<String>, count: usize, max: usize) -> Self {
        let message = format!("Too many: {count}: must have at most {max} items");
        Self { field: field.into(), reason: "FieldValueTooMany", message }
    }

    /// A value that may stand only once.
    pub fn duplicate(field: impl Into<String>, value: &Value) -> Self {
        Self { field: field.into(), reason: "FieldValueDuplicate", message: format!("Duplicate value: {value}") }
    }

    /// A value that names something absent.
    pub fn not_found(field: impl Into<String>, value: &Value) -> Self {
        Self { field: field.into(), reason: "FieldValueNotFound", message: format!("Not found: {value}") }
    }

    /// A value outside of an enumeration; `supported` in alphabetic order.
    pub fn not_supported(field: impl Into<String>, value: &Value, supported: &[&str]) -> Self {
        let list = supported.iter().map(|value| format!("\"{value}\"")).collect::<Vec<_>>().join(", ");
        let message = format!("Unsupported value: {value}: supported values: {list}");
        Self { field: field.into(), reason: "FieldValueNotSupported", message }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.field, self.message)
    }
}

fn details_of(kind: &Kind, name: &str) -> Value {
    let mut details = Map::new();
    if !name.is_empty() {
        details.insert("name".into(), name.into());
    }
    if !kind.group.is_empty() {
        details.insert("group".into(), kind.group.clone().into());
    }
    details.insert("kind".into(), kind.plural.clone().into());
    Value::Object(details)
}

fn cause_list(causes: &[Cause]) -> Value {
    causes.iter().map(|cause| json!({"reason": cause.reason, "message": cause.message, "field": cause.field})).collect()
}

impl Error {
    fn new(code: u16, reason: &'static str, message: impl Into<String>, details: Option<Value>) -> Self {
        Self { code, reason, message: message.into(), details: details.map(Box::new), go_on: None }
    }

    /// 404: no such object.
    pub fn not_found(kind: &Kind, name: &str) -> Self {
        let message = format!("{} \"{name}\" not found", kind.qualified_plural());
        Self::new(404, "NotFound", message, Some(details_of(kind, name)))
    }

    /// 404: no such object of something that is no kind of the table.
    pub fn not_found_named(group: &str, plural: &str, name: &str) -> Self {
        let message = format!("{} \"{name}\" not found", kinds::qualified(plural, group));
        Self::new(404, "NotFound", message, Some(json!({ "name": name, "group": group, "kind": plural })))
    }

    /// 404: no such resource.
    pub fn no_such_resource() -> Self {
        Self::new(404, "NotFound", "the server could not find the requested resource", Some(json!({})))
    }

    /// 409: the name is taken.
    pub fn already_exists(kind: &Kind, name: &str) -> Self {
        let message = format!("{} \"{name}\" already exists", kind.qualified_plural());
        Self::new(409, "AlreadyExists", message, Some(details_of(kind, name)))
    }

    /// 409: the object is not what the client took it for.
    pub fn conflict(kind: &Kind, name: &str) -> Self {
        Self::conflict_because(
            kind,
            name,
            "the object has been modified; please apply your changes to the latest version and try again",
        )
    }

    /// 409: a precondition does not hold.
    pub fn conflict_because(kind: &Kind, name: &str, why: &str) -> Self {
        let message = format!("Operation cannot be fulfilled on {} \"{name}\": {why}", kind.qualified_plural());
        Self::new(409, "Conflict", message, Some(details_of(kind, name)))
    }

    /// 409: others own what a configuration sets.
    pub fn apply_conflict(message: String, causes: &[Cause]) -> Self {
        Self::new(409, "Conflict", message, Some(json!({"causes": cause_list(causes)})))
    }

    /// 422: the object breaks rules.
    pub fn invalid(kind: &Kind, name: &str, causes: &[Cause]) -> Self {
        Self::invalid_named(&kind.group, &kind.kind, name, causes)
    }

    /// 422 for something that is no kind of the table.
    pub fn invalid_named(group: &str, kind: &str, name: &str, causes: &[Cause]) -> Self {
        let qualified = kinds::qualified(kind, group);
        let mut texts: Vec<String> = Vec::new();
        for cause in causes {
            let text = cause.to_string();
            if !texts.contains(&text) {
                texts.push(text);
            }
        }
        let text = if texts.len() == 1 { texts.remove(0) } else { format!("[{}]", texts.join(", ")) };
        let mut details = Map::new();
        if !name.is_empty() {
            details.insert("name".into(), name.into());
        }
        if !group.is_empty() {
            details.insert("group".into(), group.into());
        }
        details.insert("kind".into(), kind.into());
        details.insert("causes".into(), cause_list(causes));
        Self::new(422, "Invalid", format!("{qualified} \"{name}\" is invalid: {text}"), Some(Value::Object(details)))
    }

    /// 400.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequest", message, None)
    }

    /// 400: azlet does not do this.
    pub fn not_implemented(what: &str) -> Self {
        Self::bad_request(format!("azlet does not implement {what}"))
    }

    /// 400: the user's own cluster is in the place of this one.
    pub fn switched_off(server: &str) -> Self {
        Self::bad_request(format!(
            "azlet's own API server is off: it was started with --kubernetes-backend, and the cluster is at {server}; \
             get its credentials with `az aks get-credentials`"
        ))
    }

    /// 401: the token is nobody's.
    pub fn unauthorized() -> Self {
        Self::new(401, "Unauthorized", "Unauthorized", None)
    }

    /// 403 for a user without the permission.
    pub fn forbidden(group: &str, resource: &str, name: &str, message: String) -> Self {
        let mut details = Map::new();
        if !name.is_empty() {
            details.insert("name".into(), name.into());
        }
        if !group.is_empty() {
            details.insert("group".into(), group.into());
        }
        if !resource.is_empty() {
            details.insert("kind".into(), resource.into());
        }
        Self::new(403, "Forbidden", message, Some(Value::Object(details)))
    }

    /// 403 for a change that rules on its content forbid.
    pub fn forbidden_change(kind: &Kind, name: &str, why: &str) -> Self {
        let qualified = kind.qualified_plural();
        let what = if name.is_empty() { qualified } else { format!("{qualified} \"{name}\"") };
        Self::forbidden(&kind.group, &kind.plural, name, format!("{what} is forbidden: {why}"))
    }

    /// The same with a cause in its details.
    pub fn because(mut self, reason: &str, message: &str, field: &str) -> Self {
        if let Some(Value::Object(details)) = self.details.as_deref_mut() {
            details.insert("causes".into(), json!([{"reason": reason, "message": message, "field": field}]));
        }
        self
    }

    /// 405.
    pub fn method_not_allowed() -> Self {
        let message = "the server does not allow this method on the requested resource";
        Self::new(405, "MethodNotAllowed", message, Some(json!({})))
    }

    /// 405 for what the resource would do at another time.
    pub fn method_not_allowed_because(why: &str) -> Self {
        Self::new(405, "MethodNotAllowed", why, Some(json!({})))
    }

    /// 406.
    pub fn not_acceptable() -> Self {
        let message = "406: Not Acceptable\n\nAvailable representations: application/json, application/yaml, application/vnd.kubernetes.protobuf";
        Self::new(406, "NotAcceptable", message, Some(json!({})))
    }

    /// 410: what is asked for is no longer kept.
    pub fn expired(message: impl Into<String>) -> Self {
        Self::new(410, "Expired", message, None)
    }

    /// 410 for a page of a list whose state is gone, with a token for the rest as it is now.
    pub fn expired_page(go_on: String) -> Self {
        let message = "The provided continue parameter is too old to display a consistent list result. You can start a new list \
                       without the continue parameter, or use the continue token in this response to retrieve the remainder of \
                       the results. Continuing with the provided token results in an inconsistent list - objects that were \
                       created, modified, or deleted between the time the first chunk was returned and now may show up in the \
                       list.";
        Self { go_on: Some(go_on), ..Self::expired(message) }
    }

    /// 504: the version lies in the future. (The one refusal of the 500s: clients know it by its cause.)
    pub fn too_large_version(asked: u64, current: u64) -> Self {
        let message = format!("Too large resource version: {asked}, current: {current}");
        let causes = json!([{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}]);
        Self::new(504, "Timeout", message, Some(json!({"causes": causes, "retryAfterSeconds": 1})))
    }

    /// 413.
    pub fn too_large(limit: usize) -> Self {
        let message = format!("Request entity too large: limit is {limit}");
        Self::new(413, "RequestEntityTooLarge", message, Some(json!({})))
    }

    /// 413: a JSON patch of too many operations.
    pub fn too_many_operations(limit: usize, got: usize) -> Self {
        let message = format!("The allowed maximum operations in a JSON patch is {limit}, got {got}");
        Self::new(413, "RequestEntityTooLarge", message, Some(json!({})))
    }

    /// 503: what a request is passed on to does not answer.
    pub fn service_unavailable(message: &str) -> Self {
        Self::new(503, "ServiceUnavailable", message, None)
    }

    /// 415 with the types that would do.
    pub fn unsupported_media_type(message: impl Into<String>) -> Self {
        Self::new(415, "UnsupportedMediaType", message, Some(json!({})))
    }

    /// 429: a pod's disruption budget does not allow its eviction.
    pub fn disruption(cause: &str, retry_after: Option<i64>) -> Self {
        let mut details = json!({"causes": [{"reason": "DisruptionBudget", "message": cause}]});
        if let Some(seconds) = retry_after {
            details["retryAfterSeconds"] = seconds.into();
        }
        let message = "Cannot evict pod as it would violate the pod's disruption budget.";
        Self::new(429, "TooManyRequests", message, Some(details))
    }

    /// A pod that several budgets select cannot be evicted. Kubernetes answers 500, and so does azlet: clients stop at it.
    pub fn several_budgets() -> Self {
        let message = "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.";
        Self::new(500, "InternalError", message, Some(json!({"causes": [{"message": message}]})))
    }

    /// The `Status` object.
    pub fn status(&self) -> Value {
        let mut status = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": self.message, "reason": self.reason,
        });
        if let Some(go_on) = &self.go_on {
            status["metadata"]["continue"] = go_on.clone().into();
        }
        if let Some(details) = &self.details {
            status["details"] = Value::clone(details);
        }
        status["code"] = self.code.into();
        status
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.code).unwrap_or(StatusCode::BAD_REQUEST);
        let json = HeaderValue::from_static("application/json");
        (status, [(header::CONTENT_TYPE, json)], format!("{}\n", self.status())).into_response()
    }
}
