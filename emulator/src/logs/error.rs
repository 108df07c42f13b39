//! The errors of the query service, and their one wire shape: `{"error":{message,code,correlationId[,innererror]}}`.
//! Source: Azure Monitor's Log Analytics API reference ("Errors") and answers that users have reported; where only inference
//! tells, it says so.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::query::Fault;
use crate::world::World;

/// An answer that says no.
#[derive(Clone, Debug)]
pub struct Error {
    /// The status.
    pub status: StatusCode,
    code: &'static str,
    message: String,
    inner: Option<Value>,
}

impl Error {
    fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), inner: None }
    }

    /// No token, or none that can be taken.
    pub fn unauthorized() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "AuthorizationRequiredError", "Valid authentication was not provided")
    }

    /// A token for another service.
    pub fn wrong_audience() -> Self {
        Self::new(StatusCode::FORBIDDEN, "InvalidTokenError", "The provided authentication is not valid for this resource")
    }

    /// No right.
    pub fn no_access() -> Self {
        let message = "The provided credentials have insufficient access to perform the requested operation";
        Self::new(StatusCode::FORBIDDEN, "InsufficientAccessError", message)
    }

    /// No such path.
    pub fn no_path() -> Self {
        Self::new(StatusCode::NOT_FOUND, "PathNotFoundError", "The requested path does not exist")
    }

    /// No such workspace (the text is inferred).
    pub fn no_workspace(id: &str) -> Self {
        let mut error = Self::new(StatusCode::NOT_FOUND, "WorkspaceNotFoundError", "The workspace could not be found");
        error.inner = Some(json!({ "code": "WorkspaceNotFoundError", "message": format!("There is no workspace '{id}'.") }));
        error
    }

    /// A verb that the path does not have (inferred).
    pub fn no_verb() -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowedError", "The requested method is not supported on this path")
    }

    /// A request that cannot be taken, and what of it.
    pub fn bad_argument(code: &'static str, message: impl Into<String>) -> Self {
        let mut error = Self::new(StatusCode::BAD_REQUEST, "BadArgumentError", "The request had some invalid properties");
        error.inner = Some(json!({ "code": code, "message": message.into() }));
        error
    }

    /// A query that has no answer.
    pub fn query(fault: &Fault, text: &str) -> Self {
        let mut error = Self::bad_argument("", "");
        error.inner = Some(match fault {
            Fault::Syntax { at, token } => {
                let before = text.get(..*at).unwrap_or(text);
                let line = before.matches('\n').count() + 1;
                let position = before.rsplit('\n').next().unwrap_or_default().chars().count();
                let message = if token.is_empty() {
                    "Query could not be parsed: it ends too early".to_owned()
                } else {
                    format!("Query could not be parsed at '{token}' on line [{line},{}]", position + 1)
                };
                let code = if token.is_empty() { "SYN0001" } else { "SYN0002" };
                json!({
                    "code": "SyntaxError",
                    "message": "A recognition error occurred in the query.",
                    "innererror": { "code": code, "message": message, "line": line, "pos": position, "token": token },
                })
            }
            Fault::Semantic(code, message) => json!({
                "code": "SemanticError",
                "message": "A semantic error occurred.",
                "innererror": { "code": code, "message": message },
            }),
            Fault::Unknown(what) => json!({
                "code": "NotImplementedByAzlet",
                "message": format!("azlet does not implement {what}."),
            }),
        });
        error
    }

    /// The status of the answer.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The answer's body.
    pub fn body(&self, world: &World) -> Value {
        let mut error = json!({ "message": self.message, "code": self.code, "correlationId": world.ids.uuid() });
        if let Some(inner) = &self.inner {
            error["innererror"] = inner.clone();
        }
        json!({ "error": error })
    }

    /// The answer.
    pub fn answer(&self, world: &World) -> Response {
        let mut response = (self.status, Json(self.body(world))).into_response();
        if self.status == StatusCode::UNAUTHORIZED {
            let challenge = format!(
                "Bearer authorization_uri=\"https://login.microsoftonline.com/{}\", resource_id=\"https://api.loganalytics.io\"",
                world.directory.tenant.id
            );
            if let Ok(challenge) = axum::http::HeaderValue::from_str(&challenge) {
                response.headers_mut().insert(axum::http::header::WWW_AUTHENTICATE, challenge);
            }
        }
        response
    }
}
