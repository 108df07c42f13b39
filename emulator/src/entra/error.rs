//! Entra's errors: `AADSTS` codes with the service's texts, and their wire shape.
//!
//! Status is 401 for `invalid_client` and 400 for everything else. Source: Entra's error code reference, recorded replies and
//! replies quoted in public.

mod texts;
mod user_texts;

use axum::Json;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde_json::json;
use uuid::Uuid;

use crate::world::World;

/// An error of the token endpoint, of a sign-in page or of discovery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    code: u32,
    error: &'static str,
    message: String,
    suberror: Option<&'static str>,
    /// What a new request must ask for, as JSON in a text.
    claims: Option<String>,
}

/// The ids that tie an answer to its request.
pub struct Trace {
    id: Uuid,
    correlation: String,
    /// Whether the client wants its id back in a header.
    returned: bool,
    at: Timestamp,
}

impl Trace {
    /// The ids of an answer to a request with these headers.
    pub fn new(world: &World, headers: &HeaderMap) -> Self {
        let id = world.ids.uuid();
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let correlation = text("client-request-id").map_or_else(|| world.ids.uuid().to_string(), str::to_owned);
        let returned = text("client-request-id").is_some()
            && text("return-client-request-id").is_some_and(|value| value.eq_ignore_ascii_case("true"));
        Self { id, correlation, returned, at: world.clock.now() }
    }

    /// Puts the headers that every answer of the token endpoint has; `code` is the error's, or 0.
    pub fn stamp(&self, response: &mut Response, code: u32) {
        let headers = response.headers_mut();
        let mut put = |name: &'static str, value: &str| {
            if let Ok(value) = value.parse() {
                headers.insert(name, value);
            }
        };
        put("cache-control", "no-store, no-cache");
        put("pragma", "no-cache");
        put("expires", "-1");
        put("strict-transport-security", "max-age=31536000; includeSubDomains");
        put("x-content-type-options", "nosniff");
        put("p3p", "CP=\"DSP CUR OTPi IND OTRi ONL FIN\"");
        put("x-ms-request-id", &self.id.to_string());
        put("x-ms-ests-server", "2.1.19683.9 - azlet ProdSlices");
        put("x-ms-clitelem", &format!("1,{code},0,,"));
        put("x-ms-srs", "1.P");
        put("content-type", "application/json; charset=utf-8");
        if self.returned {
            put("client-request-id", &self.correlation);
        }
    }
}

impl Error {
    fn new(code: u32, error: &'static str, message: impl Into<String>) -> Self {
        Self { code, error, message: message.into(), suberror: None, claims: None }
    }

    fn with_suberror(self, suberror: &'static str) -> Self {
        Self { suberror: Some(suberror), ..self }
    }

    /// The number behind `AADSTS`.
    pub fn code(&self) -> u32 {
        self.code
    }

    /// The OAuth error that it is.
    pub fn name(&self) -> &'static str {
        self.error
    }

    /// `AADSTS…: …` with the ids of the request that `trace` belongs to.
    pub fn description(&self, trace: &Trace) -> String {
        format!(
            "AADSTS{}: {} Trace ID: {} Correlation ID: {} Timestamp: {}",
            self.code,
            self.message,
            trace.id,
            trace.correlation,
            timestamp(trace)
        )
    }

    /// Where people read about it; not every error says it.
    pub fn uri(&self) -> Option<String> {
        let told = !matches!(self.code, 90061 | 700_024);
        told.then(|| format!("https://login.microsoftonline.com/error?code={}", self.code))
    }

    /// The body of the answer to the request that `trace` belongs to.
    pub fn body(&self, trace: &Trace) -> serde_json::Value {
        let mut body = json!({
            "error": self.error,
            "error_description": self.description(trace),
            "error_codes": [self.code],
            "timestamp": timestamp(trace),
            "trace_id": trace.id,
            "correlation_id": trace.correlation,
        });
        let optional =
            [("error_uri", self.uri()), ("suberror", self.suberror.map(str::to_owned)), ("claims", self.claims.clone())];
        for (name, value) in optional {
            if let Some(value) = value {
                body[name] = json!(value);
            }
        }
        body
    }

    /// The answer to the request that `trace` belongs to.
    pub fn answer(&self, trace: &Trace) -> Response {
        let status = if self.error == "invalid_client" { StatusCode::UNAUTHORIZED } else { StatusCode::BAD_REQUEST };
        let mut response = (status, Json(self.body(trace))).into_response();
        trace.stamp(&mut response, self.code);
        response
    }
}

fn timestamp(trace: &Trace) -> String {
    trace.at.strftime("%Y-%m-%d %H:%M:%SZ").to_string()
}

/// The answer to a path that is not an endpoint of Entra, or not one that azlet plays.
pub async fn not_served(uri: Uri) -> Response {
    let message = format!("azlet does not serve {} of login.microsoftonline.com", uri.path());
    (StatusCode::NOT_FOUND, [(header::CONTENT_TYPE, "text/plain; charset=utf-8")], message).into_response()
}
