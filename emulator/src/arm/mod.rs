//! Azure Resource Manager on `management.azure.com`: the pipeline that every request passes, from its path to its answer.
//!
//! Each step has its own type and takes the one before, so that none can be skipped: a provider is only reached with a
//! [`Request`], which only [`permit`] makes. The order of the steps is the order in which Azure's errors win over each other:
//! route, api-version, subscription, token, type and its version, rights, group, body, and then what the provider says.
//! Source: the ARM resource provider contract and answers that users have reported; where only inference tells, it says so.

pub mod catalog;
pub mod error;
mod filter;
mod headers;
mod metadata;
mod operation;
mod page;
mod precondition;
mod providers;
pub mod request;
pub mod store;
mod validate;

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderName, Method, Response, StatusCode};
use axum::{Extension, Router};
use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use crate::entra::token::{self, TokenFault};
use crate::front::conn::Conn;
use crate::kernel::access::{Access, Plane};
use crate::kernel::principal::Caller;
use crate::kernel::resource_id::ResourceId;
use crate::world::World;

use catalog::Known;
use error::{Error, Voice};
use headers::{Answer, Context};
use request::{Query, Target};
use store::{Left, Spending};

/// A body may be this large.
const BODY_AT_MOST: usize = 4 * 1024 * 1024;

/// The audiences that ARM takes tokens for.
const AUDIENCES: [&str; 4] = [
    "https://management.core.windows.net/",
    "https://management.core.windows.net",
    "https://management.azure.com/",
    "https://management.azure.com",
];

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
    let mut context = Context { headers: &raw.headers, caller: None, left: None };
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
    let target = Target::parse(&raw.method, &raw.path)?;
    let versioned = version(target, &raw.query)?;
    let subscribed = subscribed(world, &versioned)?;
    let caller = authenticate(world, raw, &subscribed.tenant)?;
    context.caller = Some(caller.object_id);
    context.left = Some(throttle(world, &raw.method, &subscribed, &caller)?);
    let typed = settle(world, raw, versioned)?;
    let mut request = permit(world, conn, raw, typed, caller)?;
    request.group_exists()?;
    request.body = validate::body(&request, raw)?;
    // One write at a time, from its checks to its last change; reads do not wait for it.
    let _alone = (raw.method != Method::GET && raw.method != Method::HEAD).then(|| world.arm.writing.lock());
    request.group_stays()?;
    validate::envelope(&request)?;
    providers::answer(&request)
}

/// A target whose api-version is named, though not yet known to exist.
struct Versioned {
    target: Target,
    version: String,
}

fn version(target: Target, query: &Query) -> Result<Versioned, Error> {
    let version = query.get("api-version").filter(|version| !version.is_empty()).ok_or_else(error::missing_api_version)?;
    Ok(Versioned { target, version: version.to_owned() })
}

/// A subscription that exists, or none because none is named.
struct Subscribed {
    id: Option<Uuid>,
    /// Which tenant to name in a challenge: the subscription's, or none.
    tenant: String,
}

fn subscribed(world: &World, versioned: &Versioned) -> Result<Subscribed, Error> {
    let Some(id) = versioned.target.id.subscription() else { return Ok(Subscribed { id: None, tenant: String::new() }) };
    let parsed = Uuid::try_parse(id).ok().filter(|_| id.len() == 36).ok_or_else(|| error::invalid_subscription_id(id))?;
    world.arm.subscription(parsed).ok_or_else(|| error::subscription_not_found(id))?;
    Ok(Subscribed { id: Some(parsed), tenant: world.directory.tenant.id.to_string() })
}

fn authenticate(world: &World, raw: &Raw, tenant: &str) -> Result<Caller, Error> {
    let header = raw.headers.get(AUTHORIZATION).ok_or_else(|| error::authentication_missing(tenant))?;
    let bearer = header.to_str().ok().and_then(|text| text.split_once(' '));
    let shown = bearer.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")).map(|(_, shown)| shown.trim());
    let claims = token::verify(world, shown.ok_or_else(|| error::token_invalid(tenant))?).map_err(|fault| match fault {
        TokenFault::Expired { expires, now } => error::token_expired(expires, now, tenant),
        TokenFault::WrongIssuer(issuer) if issuer.starts_with("https://sts.windows.net/") => {
            error::token_of_other_tenant(&issuer, &world.directory.tenant.id.to_string())
        }
        _ => error::token_invalid(tenant),
    })?;
    if !AUDIENCES.iter().any(|known| known.eq_ignore_ascii_case(&claims.audience)) {
        return Err(error::token_of_other_audience(&claims.audience, &AUDIENCES, tenant));
    }
    token::caller(world, &claims).ok_or_else(|| error::token_invalid(tenant))
}

/// Counts the request; refuses it if the budget is empty and the world was told to.
fn throttle(world: &World, method: &Method, subscribed: &Subscribed, caller: &Caller) -> Result<Left, Error> {
    let spending = match *method {
        Method::GET | Method::HEAD => Spending::Reads,
        Method::DELETE => Spending::Deletes,
        _ => Spending::Writes,
    };
    let spent = world.arm.budgets.spend(subscribed.id, caller.object_id, spending, world.clock.now());
    spent.map_err(|seconds| {
        let subscription = subscribed.id.map(|id| id.to_string());
        error::throttled(subscription.as_deref(), caller.object_id, spending.singular(), seconds)
    })
}

/// A target whose type and version exist, and whose verb the type has.
struct Typed {
    target: Target,
    version: String,
    known: Known,
}

fn settle(world: &World, raw: &Raw, versioned: Versioned) -> Result<Typed, Error> {
    let Versioned { target, version } = versioned;
    let group = world.arm.group(&target.id);
    let location = group.as_ref().map_or("global", |group| &group.location);
    let known = Known::settle(&target, &version, location)?;
    if !known.allows(&raw.method, target.is_item()) {
        return Err(error::method_not_supported(raw.method.as_str()));
    }
    Ok(Typed { target, version, known })
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
    /// The body as JSON; null if there is none.
    body: Value,
    now: Timestamp,
}

fn permit<'a>(world: &'a Arc<World>, conn: &'a Conn, raw: &'a Raw, typed: Typed, caller: Caller) -> Result<Request<'a>, Error> {
    let Typed { target, version, known } = typed;
    let item = target.is_item();
    let action = match known.action(&raw.method, item) {
        // Registering is an action of the provider that is registered.
        Some(_) if raw.method == Method::POST && known.kind.name.starts_with("subscriptions/providers/") => {
            Some(format!("{}/{}/action", target.name(), target.types.last().map_or("", String::as_str)))
        }
        action => action,
    };
    // Providers are asked about and registered with the right on their subscription.
    let of_provider = known.kind.name.starts_with("subscriptions/providers");
    let scope = match target.id.subscription() {
        Some(subscription) if of_provider => ResourceId::of_subscription(subscription),
        _ => target.owner(),
    };
    if let Some(action) = &action
        && !world.access.decide(&caller, Plane::Management, action, &scope).is_allowed()
    {
        return Err(error::authorization_failed(&caller.label, caller.object_id, action, scope.as_str()));
    }
    Ok(Request {
        world,
        conn,
        method: &raw.method,
        path: &raw.path,
        query: &raw.query,
        headers: &raw.headers,
        target,
        known,
        version: version.to_ascii_lowercase(),
        caller,
        action: action.unwrap_or_default(),
        body: Value::Null,
        now: world.clock.now(),
    })
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

    /// A group that is named must exist, unless it is being made or asked for.
    fn group_exists(&self) -> Result<(), Error> {
        let Some(group) = self.target.id.group() else { return Ok(()) };
        let about_the_group = self.known.kind.name == "subscriptions/resourceGroups" && *self.method == Method::PUT;
        if about_the_group || self.world.arm.group(&self.target.id).is_some() {
            return Ok(());
        }
        Err(error::group_not_found(group))
    }

    /// A group that is being deleted takes no writes. What is deleted in it, or with it, may be deleted again.
    fn group_stays(&self) -> Result<(), Error> {
        let reads = *self.method == Method::GET || *self.method == Method::HEAD || *self.method == Method::DELETE;
        match self.world.arm.group(&self.target.id) {
            Some(group) if !reads && self.world.arm.is_being_deleted(&group.id, self.now) => {
                Err(error::group_being_deleted(group.id.name()))
            }
            _ => Ok(()),
        }
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
        let challenge = error.challenge.map(|challenge| (WWW_AUTHENTICATE, challenge));
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
