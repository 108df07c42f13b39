//! The headers that every ARM answer carries: caching, request ids, rate budgets, who failed.
//! Source: the ARM resource provider contract and Azure's documentation of request limits; which of them whose answers carry is
//! what recorded traffic shows.

use axum::body::Body;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, DATE, EXPIRES, PRAGMA, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::fmt::rfc2822::DateTimePrinter;
use jiff::tz::Offset;
use serde_json::Value;
use uuid::Uuid;

use super::error::Voice;
use super::store::{Left, Spending};
use crate::world::World;

/// How many headers an answer has, about.
const USUAL: usize = 24;

/// How many regions a list over all of them asks.
const REGIONS_ASKED: usize = 8;

/// What the headers of an answer depend on besides the answer itself.
#[derive(Debug)]
pub struct Context<'a> {
    /// The request's headers.
    pub headers: &'a HeaderMap,
    /// The caller's object id, if it is known.
    pub caller: Option<Uuid>,
    /// What is left of the budgets that the request was taken from.
    pub left: Option<Left>,
    /// Whether the answer is put together from all regions.
    pub fans_out: bool,
}

/// An answer before its headers.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: axum::http::StatusCode,
    /// The body, if there is one.
    pub body: Option<Value>,
    /// Headers of its own.
    pub headers: Vec<(HeaderName, String)>,
    /// Who speaks.
    pub voice: Voice,
}

/// The answer with all its headers.
pub fn stamp(world: &World, context: &Context<'_>, answer: Answer) -> Response<Body> {
    let text = answer.body.as_ref().map(|body| spell(body, answer.voice)).unwrap_or_default();
    let now = world.clock.now();
    let date = Offset::UTC.to_datetime(now);
    let mut headers = HeaderMap::with_capacity(USUAL);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(PRAGMA, HeaderValue::from_static("no-cache"));
    headers.insert(EXPIRES, HeaderValue::from_static("-1"));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(text.len()));
    put(&mut headers, DATE, &http_date(now));
    if !text.is_empty() {
        let plain = answer.voice == Voice::Cluster;
        let kind = if plain { "application/json" } else { "application/json; charset=utf-8" };
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    }
    headers.insert(STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000; includeSubDomains"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(HeaderName::from_static("x-cache"), HeaderValue::from_static("CONFIG_NOCACHE"));
    identify(world, context, answer.voice, date, &mut headers);
    if let Some(left) = context.left {
        budgets(left, &mut headers);
    }
    if context.fans_out && answer.status.is_success() {
        // One for each region that was asked; recorded answers have eight, all of them empty.
        for _ in 0..REGIONS_ASKED {
            headers.append(HeaderName::from_static("x-ms-original-request-ids"), HeaderValue::from_static(""));
        }
    }
    if answer.status.is_client_error() && answer.voice == Voice::Gateway {
        headers.insert(HeaderName::from_static("x-ms-failure-cause"), HeaderValue::from_static("gateway"));
    }
    for (name, value) in answer.headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.append(name, value);
        }
    }
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = answer.status;
    *response.headers_mut() = headers;
    response
}

fn put(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

/// RFC 9110's date.
fn http_date(now: Timestamp) -> String {
    DateTimePrinter::new().timestamp_to_rfc9110_string(&now).unwrap_or_default()
}

/// Compact JSON; Container Service's provider indents by one blank, with one more before every line.
fn spell(body: &Value, voice: Voice) -> String {
    if voice != Voice::Cluster {
        return body.to_string();
    }
    let mut text = Vec::new();
    let formatter = serde_json::ser::PrettyFormatter::with_indent(b" ");
    let mut serializer = serde_json::Serializer::with_formatter(&mut text, formatter);
    let written = serde::Serialize::serialize(body, &mut serializer);
    debug_assert!(written.is_ok(), "a JSON value has a spelling");
    String::from_utf8_lossy(&text).replace('\n', "\n ")
}

/// Who is who: a provider's answer has a request id of its own, ARM's own answers have that of the route.
fn identify(world: &World, context: &Context<'_>, voice: Voice, date: DateTime, headers: &mut HeaderMap) {
    let own = world.ids.trace();
    let of_provider = !matches!(voice, Voice::Gateway | Voice::Routing);
    let request_id = if of_provider { world.ids.trace() } else { own };
    put(headers, HeaderName::from_static("x-ms-request-id"), request_id.hyphenated().encode_lower(&mut Uuid::encode_buffer()));
    let correlation = HeaderName::from_static("x-ms-correlation-request-id");
    match context.headers.get(&correlation) {
        Some(given) => drop(headers.insert(correlation, given.clone())),
        None => put(headers, correlation, own.hyphenated().encode_lower(&mut Uuid::encode_buffer())),
    }
    let (year, month, day) = (date.year(), date.month(), date.day());
    let (hour, minute, second) = (date.hour(), date.minute(), date.second());
    let routing = format!("EASTUS:{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}Z:{own}");
    put(headers, HeaderName::from_static("x-ms-routing-request-id"), &routing);
    let edge = format!(
        "Ref A: {:X} Ref B: BL2AA2011001011 Ref C: {year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z",
        world.ids.trace().simple()
    );
    put(headers, HeaderName::from_static("x-msedge-ref"), &edge);
    let wants = context.headers.get("x-ms-return-client-request-id");
    if wants.is_some_and(|wanted| wanted.as_bytes().eq_ignore_ascii_case(b"true"))
        && let Some(id) = context.headers.get("x-ms-client-request-id")
    {
        headers.insert(HeaderName::from_static("x-ms-client-request-id"), id.clone());
    }
    if of_provider
        && voice != Voice::Cluster
        && let Some(caller) = context.caller
    {
        let value = format!("tenantId={},objectId={caller}/eastus/{}", world.directory.tenant.id, world.ids.trace());
        put(headers, HeaderName::from_static("x-ms-operation-identifier"), &value);
    }
}

fn budgets(left: Left, headers: &mut HeaderMap) {
    let (own, shared) = match (left.spending, left.shared.is_some()) {
        (Spending::Reads, true) => {
            ("x-ms-ratelimit-remaining-subscription-reads", "x-ms-ratelimit-remaining-subscription-global-reads")
        }
        (Spending::Writes, true) => {
            ("x-ms-ratelimit-remaining-subscription-writes", "x-ms-ratelimit-remaining-subscription-global-writes")
        }
        (Spending::Deletes, true) => {
            ("x-ms-ratelimit-remaining-subscription-deletes", "x-ms-ratelimit-remaining-subscription-global-deletes")
        }
        (Spending::Reads, false) => ("x-ms-ratelimit-remaining-tenant-reads", ""),
        (Spending::Writes, false) => ("x-ms-ratelimit-remaining-tenant-writes", ""),
        (Spending::Deletes, false) => ("x-ms-ratelimit-remaining-tenant-deletes", ""),
    };
    headers.insert(HeaderName::from_static(own), HeaderValue::from(left.own));
    if let Some(left) = left.shared {
        headers.insert(HeaderName::from_static(shared), HeaderValue::from(left));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_http() {
        let at = |second| Timestamp::from_second(second).expect("in range");
        assert_eq!(http_date(at(784_111_777)), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(http_date(at(1_793_606_400)), "Mon, 02 Nov 2026 08:00:00 GMT");
    }
}
