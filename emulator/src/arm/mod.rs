//! Azure Resource Manager on `management.azure.com`: the pipeline that every request passes, from its path to its answer.
//!
//! Each step has its own type and takes the one before ([`steps`]), so that none can be skipped: a provider is only reached with
//! a [`Request`] that no lock forbids. The order of the steps is the order in which Azure's errors win over each other: route,
//! api-version, subscription, token, rate, type and its version, rights, group, registration, body, location, locks, and then what
//! the provider says.
//! Source: the ARM resource provider contract and answers that users have reported; where only inference tells, it says so.

pub mod catalog;
pub mod error;
pub mod filter;
mod headers;
mod metadata;
mod operation;
mod page;
mod precondition;
mod providers;
pub mod request;
mod steps;
pub mod store;
pub mod texts;
mod validate;

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderName, Method, Response, StatusCode};
use axum::{Extension, Router};
use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use crate::front::conn::Conn;
use crate::kernel::access::{Access, Decision, Plane};
use crate::kernel::principal::Caller;
use crate::kernel::resource_id::ResourceId;
use crate::world::World;

use catalog::Known;
use error::{Error, Voice};
use headers::{Answer, Context};
use request::{Query, Target};

/// A body may be this large.
const BODY_AT_MOST: usize = 4 * 1024 * 1024;

/// Every route of the plane: ARM's paths are too regular for a table, so all go through the pipeline.
pub fn router() -> Router {
    Router::new().fallback(serve)
}

/// Does what is due: the ends of operations.
pub fn due(world: &World) {
    operation::finish(world);
}

/// A request as it came, with its body read.
#[derive(Debug)]
struct Raw {
    method: Method,
    path: String,
    query: Query,
    headers: HeaderMap,
    /// Nothing if it was too large.
    body: Option<Bytes>,
}

async fn serve(
    Extension(world): Extension<Arc<World>>,
    Extension(conn): Extension<Conn>,
    request: axum::extract::Request,
) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, BODY_AT_MOST).await.ok();
    let raw = Raw {
        path: parts.uri.path().to_owned(),
        query: Query::parse(parts.uri.query().unwrap_or_default()),
        method: parts.method,
        headers: parts.headers,
        body,
    };
    answer(&world, &conn, raw)
}

/// The pipeline.
fn answer(world: &Arc<World>, conn: &Conn, raw: Raw) -> Response<Body> {
    let mut context = Context { headers: &raw.headers, caller: None, left: None, fans_out: false };
    let outcome = run(world, conn, &raw, &mut context);
    let mut answer = outcome.unwrap_or_else(Answer::from);
    if raw.method == Method::HEAD {
        answer.body = None;
    }
    headers::stamp(world, &context, answer)
}

fn run(world: &Arc<World>, conn: &Conn, raw: &Raw, context: &mut Context<'_>) -> Result<Answer, Error> {
    if let Some(answer) = metadata::answer(world, conn, raw) {
        return Ok(answer);
    }
    operation::finish(world);
    let versioned = steps::version(Target::parse(&raw.method, &raw.path)?, &raw.query)?;
    let subscribed = steps::subscribed(world, &versioned)?;
    let caller = steps::authenticate(world, raw, &subscribed)?;
    context.caller = Some(caller.object_id);
    context.left = Some(steps::throttle(world, &raw.method, &subscribed, &caller)?);
    let typed = steps::settle(world, raw, versioned)?;
    context.fans_out = typed.fans_out();
    let placed = steps::permit(world, conn, raw, typed, caller)?.place()?.read(raw)?;
    // One write at a time, from its checks to its last change; reads do not wait for it.
    let _alone = (raw.method != Method::GET && raw.method != Method::HEAD).then(|| world.arm.writing.lock());
    let unlocked = placed.check()?.unlock()?;
    providers::answer(unlocked.request())
}

/// A request whose caller may do what it asks: the only thing that a provider takes.
struct Request<'a> {
    world: &'a Arc<World>,
    conn: &'a Conn,
    method: &'a Method,
    /// The path as it was written.
    path: &'a str,
    query: &'a Query,
    headers: &'a HeaderMap,
    target: Target,
    known: Known,
    /// The api-version, in lower case: versions are dates, so that texts compare by age.
    version: String,
    caller: Caller,
    /// The action that was permitted.
    action: String,
    /// Whether a list may show only what the caller may read of it one by one.
    only_readable: bool,
    /// The body as JSON; null if there is none.
    body: Value,
    /// The body's text.
    text: &'a str,
    now: Timestamp,
}

impl Request<'_> {
    /// The access rules.
    fn access(&self) -> &Access {
        &self.world.access
    }

    /// Whether the caller may also do this, there.
    fn may(&self, action: &str, scope: &ResourceId) -> bool {
        self.access().decide(&self.caller, Plane::Management, action, scope).is_allowed()
    }

    /// Whether a list shows this resource to the caller.
    fn shows(&self, resource_type: &str, id: &ResourceId) -> bool {
        !self.only_readable || self.may(&format!("{resource_type}/read"), id)
    }

    /// Whether a subscription is registered for a provider.
    fn registration(&self, subscription: Uuid, namespace: &str) -> &'static str {
        let required = self.world.settings.values().registration_required;
        self.world.arm.registrations.state(subscription, namespace, self.now, required)
    }

    /// Refuses a caller who may not also do this, there, as if it had been asked for alone.
    fn require(&self, action: &str, scope: &ResourceId) -> Result<(), Error> {
        let decision = self.access().decide(&self.caller, Plane::Management, action, scope);
        if decision.is_allowed() {
            return Ok(());
        }
        Err(error::not_permitted(&self.caller, &decision, action, scope.as_str()))
    }

    /// Refuses a caller who may do what it asks, but not also `action` on everything else that the request names.
    fn linked(&self, action: &str, scopes: &[ResourceId]) -> Result<(), Error> {
        let main = (self.action.as_str(), self.target.owner());
        let main = (main.0, main.1.as_str());
        let judged = scopes.iter().map(|scope| (scope, self.access().decide(&self.caller, Plane::Management, action, scope)));
        let (mut refused, mut denied) = (Vec::new(), Vec::new());
        for (scope, decision) in judged {
            match decision {
                Decision::Allowed { .. } => {}
                Decision::Denied { .. } => denied.push(scope.as_str().to_owned()),
                Decision::Refused { .. } => refused.push(scope.as_str().to_owned()),
            }
        }
        if !refused.is_empty() {
            let caller = &self.caller;
            return Err(error::linked_authorization_failed(&caller.label, caller.object_id, main, (action, &refused)));
        }
        if denied.is_empty() { Ok(()) } else { Err(error::linked_denied(&self.caller, main, action, &denied)) }
    }

    /// Whether this is anything else than a read.
    fn writes(&self) -> bool {
        *self.method != Method::GET && *self.method != Method::HEAD
    }

    /// The resource that the target names, or ARM's own 404.
    fn resource(&self) -> Result<Arc<store::Resource>, Error> {
        let id = self.target.owner();
        self.world.arm.resource(&id).ok_or_else(|| error::resource_not_found(&id))
    }

    /// The id of the target, spelt as its provider spells types and `separator` spells groups.
    fn canonical_id(&self, groups: &str) -> ResourceId {
        let id = &self.target.id;
        let types = self.known.kind.name.split('/');
        let mut path = match (id.subscription(), id.group()) {
            (Some(subscription), Some(group)) => format!("/subscriptions/{subscription}/{groups}/{group}"),
            (Some(subscription), None) => format!("/subscriptions/{subscription}"),
            _ => String::new(),
        };
        path.push_str(&format!("/providers/{}", self.known.provider.namespace));
        for (kind, name) in types.zip(&self.target.names) {
            path.push_str(&format!("/{kind}/{name}"));
        }
        ResourceId::new(&path)
    }
}

impl From<Error> for Answer {
    fn from(error: Error) -> Self {
        let body = Some(error.body());
        let retry = error.retry_after.map(|seconds| (RETRY_AFTER, seconds.to_string()));
        let challenge = error.challenge.map(|challenge| (WWW_AUTHENTICATE, challenge.into_string()));
        Self { status: error.status, body, headers: challenge.into_iter().chain(retry).collect(), voice: error.voice }
    }
}

impl Answer {
    fn json(voice: Voice, status: StatusCode, body: Value) -> Self {
        Self { status, body: Some(body), headers: Vec::new(), voice }
    }

    fn empty(voice: Voice, status: StatusCode) -> Self {
        Self { status, body: None, headers: Vec::new(), voice }
    }

    fn with_body(mut self, body: Value) -> Self {
        self.body = Some(body);
        self
    }

    fn header(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((HeaderName::from_static(name), value));
        self
    }
}

/// The media type of a request's body, without its parameters.
fn media_type(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    Some(value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
}
