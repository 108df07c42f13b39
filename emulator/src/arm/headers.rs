//! The headers that every ARM answer carries: caching, request ids, rate budgets, who failed.
//! Source: the ARM resource provider contract and Azure's documentation of request limits ("Understand how Azure Resource Manager
//! throttles requests": a token bucket per subscription, principal and kind, and one of fifteen times its size beside it).

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, DATE, EXPIRES, PRAGMA, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Response};
use serde_json::Value;
use uuid::Uuid;

use super::error::Voice;
use crate::kernel::principal::Caller;
use crate::world::World;

/// What the headers of an answer depend on besides the answer itself.
#[derive(Debug)]
pub struct Context {
    /// The verb.
    pub method: Method,
    /// The request's headers.
    pub headers: HeaderMap,
    /// The subscription, if the path names one.
    pub subscription: Option<String>,
    /// The caller, if it is known.
    pub caller: Option<Caller>,
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
pub fn stamp(world: &World, context: &Context, answer: Answer) -> Response<Body> {
    let text = answer.body.as_ref().map(|body| spell(body, answer.voice)).unwrap_or_default();
    let failed = answer.status.is_client_error() && answer.voice == Voice::Gateway;
    let mut response = Response::new(Body::from(text.clone()));
    *response.status_mut() = answer.status;
    let mut put = |name: HeaderName, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            response.headers_mut().insert(name, value);
        }
    };
    put(CACHE_CONTROL, "no-cache");
    put(PRAGMA, "no-cache");
    put(EXPIRES, "-1");
    put(CONTENT_LENGTH, &text.len().to_string());
    put(DATE, &world.clock.now().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string());
    if !text.is_empty() {
        let plain = answer.voice == Voice::Cluster;
        put(CONTENT_TYPE, if plain { "application/json" } else { "application/json; charset=utf-8" });
    }
    put(HeaderName::from_static("strict-transport-security"), "max-age=31536000; includeSubDomains");
    put(HeaderName::from_static("x-content-type-options"), "nosniff");
    put(HeaderName::from_static("x-cache"), "CONFIG_NOCACHE");
    identify(world, context, answer.voice, &mut put);
    budgets(world, context, &mut put);
    if failed {
        put(HeaderName::from_static("x-ms-failure-cause"), "gateway");
    }
    for (name, value) in &answer.headers {
        put(name.clone(), value);
    }
    response
}

/// The headers of an error of its own: the challenge of a 401.
pub fn challenge(challenge: Option<String>) -> Vec<(HeaderName, String)> {
    challenge.map(|challenge| (WWW_AUTHENTICATE, challenge)).into_iter().collect()
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

fn identify(world: &World, context: &Context, voice: Voice, put: &mut impl FnMut(HeaderName, &str)) {
    let now = world.clock.now();
    let own = world.ids.uuid();
    let header = |name: &str| context.headers.get(name).and_then(|value| value.to_str().ok());
    let of_provider = !matches!(voice, Voice::Gateway | Voice::Routing);
    let request_id = if of_provider { world.ids.uuid() } else { own };
    put(HeaderName::from_static("x-ms-request-id"), &request_id.to_string());
    let correlation = header("x-ms-correlation-request-id").map_or_else(|| own.to_string(), str::to_owned);
    put(HeaderName::from_static("x-ms-correlation-request-id"), &correlation);
    let routing = format!("EASTUS:{}:{own}", now.strftime("%Y%m%dT%H%M%SZ"));
    put(HeaderName::from_static("x-ms-routing-request-id"), &routing);
    let reference = Uuid::simple(world.ids.uuid()).to_string().to_uppercase();
    let edge = format!("Ref A: {reference} Ref B: BL2AA2011001011 Ref C: {}", now.strftime("%Y-%m-%dT%H:%M:%SZ"));
    put(HeaderName::from_static("x-msedge-ref"), &edge);
    if header("x-ms-return-client-request-id").is_some_and(|wanted| wanted.eq_ignore_ascii_case("true"))
        && let Some(id) = header("x-ms-client-request-id")
    {
        put(HeaderName::from_static("x-ms-client-request-id"), id);
    }
    if of_provider
        && voice != Voice::Cluster
        && let Some(caller) = &context.caller
    {
        let tenant = world.directory.tenant.id;
        let value = format!("tenantId={tenant},objectId={}/eastus/{}", caller.object_id, world.ids.uuid());
        put(HeaderName::from_static("x-ms-operation-identifier"), &value);
    }
}

fn budgets(world: &World, context: &Context, put: &mut impl FnMut(HeaderName, &str)) {
    let Some(caller) = &context.caller else { return };
    let (kind, full, per_second) = match context.method {
        Method::GET | Method::HEAD => ("reads", 250, 25),
        Method::DELETE => ("deletes", 200, 10),
        _ => ("writes", 200, 10),
    };
    let now = world.clock.now();
    let place = context.subscription.as_deref().unwrap_or("tenant");
    let left = world.arm.spend(&format!("{place} {}", caller.object_id), kind, full, per_second, now);
    if context.subscription.is_none() {
        let name = format!("x-ms-ratelimit-remaining-tenant-{kind}");
        return HeaderName::try_from(name).map_or((), |name| put(name, &left.to_string()));
    }
    let all = world.arm.spend(place, kind, full * 15, per_second * 15, now);
    for (name, left) in [("", left), ("global-", all)] {
        if let Ok(name) = HeaderName::try_from(format!("x-ms-ratelimit-remaining-subscription-{name}{kind}")) {
            put(name, &left.to_string());
        }
    }
}
