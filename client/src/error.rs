//! What can go wrong, in words for the person who asked: what was wrong, with which value, what would be right.

use serde_json::Value;

/// Why a command did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A setting is missing or cannot be used.
    #[error("{0}")]
    Setting(String),
    /// No answer came: no route, no trust, no proxy.
    #[error("{method} {url} got no answer: {reason}")]
    Unreachable {
        /// The method.
        method: String,
        /// The address without its query.
        url: String,
        /// The innermost causes.
        reason: String,
    },
    /// A service refused.
    #[error("({code}) {message} [{status} from {method} {path}]")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The service's error code.
        code: String,
        /// The service's message.
        message: String,
        /// The method.
        method: String,
        /// The path.
        path: String,
    },
    /// An operation ended without success.
    #[error("({code}) {message}")]
    Failed {
        /// The error code of the operation.
        code: String,
        /// The message of the operation.
        message: String,
    },
    /// An answer lacks what it must have.
    #[error("the answer to {what} has no {lacks}")]
    Unexpected {
        /// The question.
        what: String,
        /// What was looked for.
        lacks: String,
    },
    /// What was named is not there.
    #[error("{0}")]
    NotFound(String),
    /// It did not come about in the time given.
    #[error("{0}")]
    TimedOut(String),
}

impl Error {
    /// An answer without something that it must have.
    pub fn lacks(what: impl Into<String>, lacks: impl Into<String>) -> Self {
        Self::Unexpected { what: what.into(), lacks: lacks.into() }
    }

    /// A call that got no answer, with the chain of causes (their own texts, without repeating the address).
    pub fn unreachable(method: &str, url: &str, error: &reqwest::Error) -> Self {
        let mut reasons = Vec::new();
        let mut source = std::error::Error::source(error);
        while let Some(cause) = source {
            reasons.push(cause.to_string());
            source = cause.source();
        }
        reasons.dedup();
        let reason = if reasons.is_empty() { error.to_string() } else { reasons.join(": ") };
        let url = url.split('?').next().unwrap_or(url).to_owned();
        Self::Unreachable { method: method.into(), url, reason }
    }

    /// A refusal, out of the status and body of an answer in any of the shapes in use: `{"error":{code,message}}`,
    /// `{code,message}` (AKS), Entra's `{"error","error_description"}`, Kubernetes' `Status`.
    pub fn refused(method: &str, path: &str, status: u16, body: &Value) -> Self {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let error = if body["error"].is_object() { &body["error"] } else { body };
        let code = text(&error["code"])
            .or_else(|| text(&body["error"]))
            .or_else(|| text(&body["reason"]))
            .unwrap_or_else(|| format!("HTTP {status}"));
        let message = text(&error["message"])
            .or_else(|| text(&body["error_description"]))
            .or_else(|| text(body))
            .unwrap_or_else(|| "the service gave no message".into());
        Self::Refused { status, code, message, method: method.into(), path: path.into() }
    }

    /// The HTTP status of a refusal.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Refused { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// The service's own error code.
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Refused { code, .. } | Self::Failed { code, .. } => Some(code),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn code_and_message(body: Value) -> (String, String) {
        match Error::refused("GET", "/x", 404, &body) {
            Error::Refused { code, message, .. } => (code, message),
            other => panic!("{other}"),
        }
    }

    #[test]
    fn a_refusal_is_read_in_every_shape() {
        let expected = ("NotFound".to_owned(), "gone".to_owned());
        assert_eq!(code_and_message(json!({"error": {"code": "NotFound", "message": "gone"}})), expected);
        assert_eq!(code_and_message(json!({"code": "NotFound", "message": "gone"})), expected);
        assert_eq!(code_and_message(json!({"error": "NotFound", "error_description": "gone"})), expected);
        let status = json!({"kind": "Status", "reason": "NotFound", "message": "gone", "code": 404});
        assert_eq!(code_and_message(status), expected);
        assert_eq!(code_and_message(json!("no JSON at all")), ("HTTP 404".into(), "no JSON at all".into()));
    }
}
