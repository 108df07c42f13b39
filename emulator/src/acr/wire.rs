//! From HTTP and back: a request with what has been learnt about it, an answer before it is bytes, bodies with limits, the headers
//! that every answer carries.
//! Source: headers of recorded answers of the real registry.

use std::sync::Arc;

use axum::body::Body;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderName};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::Response;
use bytes::Bytes;
use serde_json::Value;

use super::blobs::{Part, Readable};
use super::error::Error;
use super::store::Registry;
use crate::world::World;

const JSON: &str = "application/json; charset=utf-8";
const EXPOSED: [&str; 4] = ["Docker-Content-Digest", "WWW-Authenticate", "Link", "X-Ms-Correlation-Request-Id"];
/// How many calls are left in this second.
pub const CALLS_LEFT: &str = "x-ms-ratelimit-remaining-calls-per-second";
const TRANSPORT_SECURITY: &str = "max-age=31536000; includeSubDomains";

/// A request to a registry.
pub struct Call {
    /// The world.
    pub world: Arc<World>,
    /// The registry.
    pub registry: Arc<Registry>,
    /// What answers and messages call this request.
    pub correlation: String,
    /// The verb.
    pub method: Method,
    /// The path as the client wrote it.
    pub raw_path: String,
    /// The query, decoded, in order.
    pub query: Vec<(String, String)>,
    /// The headers.
    pub headers: HeaderMap,
}

impl Call {
    /// The first value of a query parameter.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        first(&self.query, name)
    }

    /// Every value of a query parameter.
    pub fn parameters(&self, name: &str) -> impl Iterator<Item = &str> {
        self.query.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Whether the client knows this content already: `If-None-Match`, of which each line may hold several entity tags. They are
    /// compared weakly (RFC 9110 §13.1.2).
    pub fn knows(&self, etag: &str) -> bool {
        let lines = self.headers.get_all("if-none-match").iter().filter_map(|line| line.to_str().ok());
        let mut known = lines.flat_map(|line| line.split(',')).map(str::trim);
        known.any(|it| it == "*" || it.strip_prefix("W/").unwrap_or(it) == etag)
    }

    /// The range that is asked for; none if `If-Range` names other content than this, or a time (RFC 9110 §13.1.5).
    pub fn range(&self, etag: &str) -> Option<&str> {
        let same = self.header("if-range").is_none_or(|it| it.trim() == etag);
        self.header("range").filter(|_| same)
    }

    /// The `Authorization` header. One that is no text, or several, are an empty one, which is nobody's.
    pub fn authorization(&self) -> Option<&str> {
        let mut lines = self.headers.get_all("authorization").iter();
        let first = lines.next()?.to_str().unwrap_or_default();
        Some(if lines.next().is_some() { "" } else { first })
    }

    /// The media types of every `Accept` line.
    pub fn accept(&self) -> Vec<&str> {
        let lines = self.headers.get_all("accept").iter().filter_map(|line| line.to_str().ok());
        lines.flat_map(|line| line.split(',')).map(essence).collect()
    }
}

/// A media type without its parameters.
pub fn essence(text: &str) -> &str {
    text.split(';').next().unwrap_or(text).trim()
}

/// The first value of a parameter.
pub fn first<'a>(pairs: &'a [(String, String)], name: &str) -> Option<&'a str> {
    pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}

/// Reads `application/x-www-form-urlencoded`, of a query or a body.
pub fn pairs(text: &[u8]) -> Vec<(String, String)> {
    form_urlencoded::parse(text).into_owned().collect()
}

/// An answer that is not bytes yet.
pub struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    content: Content,
}

enum Content {
    Whole(Bytes),
    Streamed(Body, u64),
}

impl Answer {
    /// An answer without a body.
    pub fn empty(status: StatusCode) -> Self {
        Self { status, headers: HeaderMap::new(), content: Content::Whole(Bytes::new()) }
    }

    /// JSON, with the line feed that the real registry writes.
    pub fn json(status: StatusCode, value: &Value) -> Self {
        Self::text(status, JSON, format!("{value}\n"))
    }

    /// JSON, as it stands.
    pub fn bare_json(status: StatusCode, text: impl Into<String>) -> Self {
        Self::text(status, JSON, text.into())
    }

    /// Text of some type.
    pub fn text(status: StatusCode, media_type: &str, text: String) -> Self {
        Self::bytes(status, media_type, Bytes::from(text))
    }

    /// What a path that no route matches gets: Go's router says it so.
    pub fn not_routed() -> Self {
        Self::text(StatusCode::NOT_FOUND, "text/plain; charset=utf-8", "404 page not found\n".into())
    }

    /// Bytes of some type.
    pub fn bytes(status: StatusCode, media_type: &str, bytes: Bytes) -> Self {
        Self { content: Content::Whole(bytes), ..Self::empty(status).with("content-type", media_type) }
    }

    /// Content of a size that is made while it is sent.
    pub fn streamed(status: StatusCode, media_type: &str, body: Body, size: u64) -> Self {
        Self { content: Content::Streamed(body, size), ..Self::empty(status).with("content-type", media_type) }
    }

    /// With one more header.
    pub fn with(mut self, name: &'static str, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(HeaderName::from_static(name), value);
        }
        self
    }

    /// With one more header, if there is a value.
    pub fn with_some(self, name: &'static str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// The response. A response to HEAD keeps its length and loses its body.
    pub fn into_response(self, method: &Method) -> Response {
        let Self { status, mut headers, content } = self;
        let (size, body) = match content {
            Content::Whole(bytes) => (bytes.len() as u64, Body::from(bytes)),
            Content::Streamed(body, size) => (size, body),
        };
        // The length in a 304 would be that of what the client has.
        if !matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) {
            headers.insert(CONTENT_LENGTH, HeaderValue::from(size));
        }
        let mut response = Response::new(if *method == Method::HEAD { Body::empty() } else { body });
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        response
    }
}

/// A blob, or what part of it is asked for, with the `Content-Range` of a part; `None` if that lies behind its end.
pub fn part(blob: &Readable, part: Part) -> Option<(Answer, Option<String>)> {
    let size = blob.size();
    let (status, first, last) = match part {
        Part::Whole => (StatusCode::OK, 0, size.saturating_sub(1)),
        Part::Range(first, last) => (StatusCode::PARTIAL_CONTENT, first, last),
        Part::Unsatisfiable => return None,
    };
    let content_range = (status == StatusCode::PARTIAL_CONTENT).then(|| format!("bytes {first}-{last}/{size}"));
    let length = size.min(last - first + 1);
    let answer = Answer::streamed(status, "application/octet-stream", blob.body(first, last), length);
    Some((answer, content_range))
}

impl From<Error> for Answer {
    fn from(error: Error) -> Self {
        let body = error.body();
        let mut headers = *error.headers;
        if !body.is_empty() {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(JSON));
        }
        Self { status: error.status, headers, content: Content::Whole(Bytes::from(body)) }
    }
}

/// Puts on the headers that the registry's handler gives every answer.
pub fn stamp(headers: &mut HeaderMap, correlation: &str, exposed: bool) {
    headers.reserve(12);
    let mut add = |name: &'static str, value: &'static str| {
        headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
    };
    add("server", "openresty");
    for name in EXPOSED.into_iter().filter(|_| exposed) {
        add("access-control-expose-headers", name);
    }
    add("docker-distribution-api-version", "registry/2.0");
    // Sent twice by the real service too: by the registry and by the gateway before it.
    add("strict-transport-security", TRANSPORT_SECURITY);
    add("strict-transport-security", TRANSPORT_SECURITY);
    add("x-content-type-options", "nosniff");
    if let Ok(value) = HeaderValue::from_str(correlation) {
        headers.append("x-ms-correlation-request-id", value);
    }
}

/// Puts on the headers that the token endpoints give every answer; only a good one counts the calls that are left.
pub fn stamp_sign_in(headers: &mut HeaderMap, correlation: &str, calls_left: Option<&'static str>) {
    headers.insert("server", HeaderValue::from_static("openresty"));
    headers.insert("strict-transport-security", HeaderValue::from_static(TRANSPORT_SECURITY));
    if let Ok(value) = HeaderValue::from_str(correlation) {
        headers.insert("x-ms-correlation-request-id", value);
    }
    if let Some(calls) = calls_left {
        headers.insert(CALLS_LEFT, HeaderValue::from_static(calls));
    }
}

/// Puts on what an operation on a repository adds: an id of ours, and the client's, empty if it sent none.
pub fn stamp_operation(headers: &mut HeaderMap, call: &Call) {
    let client = call.headers.get("x-ms-client-request-id").cloned().unwrap_or(HeaderValue::from_static(""));
    headers.insert("x-ms-client-request-id", client);
    if let Ok(value) = HeaderValue::from_str(&call.world.ids.uuid().to_string()) {
        headers.insert("x-ms-request-id", value);
    }
}

/// Reads a small body; `None` if it is larger than `limit` or breaks off.
pub async fn small_body(body: Body, limit: usize) -> Option<Bytes> {
    axum::body::to_bytes(body, limit).await.ok()
}
