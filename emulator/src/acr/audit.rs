//! What a registry tells of sign-ins and of what is done to repositories, to whom a diagnostic setting sends it.
//!
//! Source: Azure Monitor's reference of the tables ContainerRegistryLoginEvents and ContainerRegistryRepositoryEvents, and
//! Azure Container Registry's documentation of audit logs. That a result is told as `HttpStatusCode` and the status, that an
//! exchange or a password is a `Login` and a token for a token `Authenticate`, and that only manifests are told of, is inferred.

use std::net::IpAddr;

use axum::http::{Method, Response};
use serde_json::{Map, Value, json};

use super::auth;
use super::pull::BasicCredential;
use super::route::Route;
use super::store::Registry;
use super::tokens;
use super::wire::Call;
use crate::front::conn::Conn;
use crate::logs::store::Event;
use crate::world::World;

const LOGINS: &str = "ContainerRegistryLoginEvents";
const REPOSITORIES: &str = "ContainerRegistryRepositoryEvents";

/// Who signed in: left on an answer for who writes it down.
#[derive(Clone, Debug)]
pub(super) struct Subject(pub String);

/// Where a request came from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Origin<'a> {
    pub address: IpAddr,
    pub user_agent: &'a str,
    pub correlation: &'a str,
}

/// What was done to a repository.
#[derive(Clone, Debug, Default)]
pub(super) struct Done<'a> {
    pub operation: &'static str,
    pub repository: &'a str,
    pub tag: &'a str,
    pub digest: &'a str,
    pub media_type: &'a str,
    pub size: Option<u64>,
}

/// Whether anybody wants to know.
fn wanted(world: &World, registry: &Registry, category: &str) -> bool {
    !registry.public && world.logs.wants(&registry.id, category)
}

/// A sign-in, or an attempt at one.
pub(super) fn login(world: &World, registry: &Registry, operation: &'static str, who: &str, status: u16, origin: Origin<'_>) {
    if wanted(world, registry, LOGINS) {
        let cells = common(world, registry, LOGINS, operation, who, status, origin);
        deliver(world, registry, LOGINS, cells);
    }
}

/// Something done to a repository, or an attempt at it.
pub(super) fn repository(world: &World, registry: &Registry, done: &Done<'_>, who: &str, status: u16, origin: Origin<'_>) {
    if !wanted(world, registry, REPOSITORIES) {
        return;
    }
    let mut cells = common(world, registry, REPOSITORIES, done.operation, who, status, origin);
    for (name, value) in
        [("Repository", done.repository), ("Tag", done.tag), ("Digest", done.digest), ("MediaType", done.media_type)]
    {
        cells.insert(name.into(), json!(value));
    }
    cells.insert("Size".into(), json!(done.size));
    deliver(world, registry, REPOSITORIES, cells);
}

fn common(
    world: &World,
    registry: &Registry,
    category: &str,
    operation: &str,
    who: &str,
    status: u16,
    origin: Origin<'_>,
) -> Map<String, Value> {
    let cells = json!({
        "Region": registry.location,
        "OperationName": operation,
        "Category": category,
        "ResultType": "HttpStatusCode",
        "ResultDescription": status.to_string(),
        // The emulated time stands still while a request is answered.
        "DurationMs": "0",
        "CorrelationId": origin.correlation,
        "CallerIpAddress": origin.address.to_string(),
        "Identity": who,
        "LoginServer": registry.login_server,
        "UserTenantId": world.directory.tenant.id,
        "UserAgent": origin.user_agent,
        "_ResourceId": registry.id.key(),
    });
    match cells {
        Value::Object(cells) => cells,
        _ => Map::new(),
    }
}

fn deliver(world: &World, registry: &Registry, table: &'static str, own: Map<String, Value>) {
    let event = Event { at: world.clock.now(), own, table, common: None };
    world.logs.record(&registry.id, table, &event);
}

/// Whom a token of the registry's own was issued to, if anybody wants to know.
pub(super) fn subject(call: &Call, token: &str) -> Option<Subject> {
    let (world, registry) = (&*call.world, &*call.registry);
    wanted(world, registry, LOGINS).then(|| owner(world, registry, token)).flatten().map(Subject)
}

fn owner(world: &World, registry: &Registry, token: &str) -> Option<String> {
    let refresh = tokens::read_refresh(world, registry, token).map(|claims| claims.subject);
    refresh.or_else(|_| tokens::read_access(world, registry, token).map(|claims| claims.subject.clone())).ok()
}

/// A node's exchange of its identity's token.
pub(super) fn node_exchange(world: &World, registry: &Registry, identity: &str, status: u16, correlation: &str) {
    login(world, registry, "Login", identity, status, node(correlation));
}

/// A node's way to an access token, with a credential or without.
pub(super) fn node_sign_in(
    world: &World,
    registry: &Registry,
    credential: Option<&BasicCredential>,
    status: u16,
    correlation: &str,
) {
    if wanted(world, registry, LOGINS) {
        let refresh = credential.and_then(|credential| owner(world, registry, &credential.password));
        let operation = if refresh.is_some() { "Authenticate" } else { "Login" };
        let who = refresh.or_else(|| credential.map(|credential| credential.username.clone())).unwrap_or_default();
        login(world, registry, operation, &who, status, node(correlation));
    }
}

/// A node's pull of a manifest.
pub(super) fn node_pull(world: &World, registry: &Registry, token: Option<&str>, done: &Done<'_>, status: u16) {
    if wanted(world, registry, REPOSITORIES) {
        let who = token.and_then(|token| owner(world, registry, token)).unwrap_or_default();
        let correlation = world.ids.uuid().to_string();
        repository(world, registry, done, &who, status, node(&correlation));
    }
}

/// Nodes pull by the function, and from an address of their own.
fn node(correlation: &str) -> Origin<'_> {
    Origin { address: super::pull::NODE_ADDRESS, user_agent: "containerd/2.1.5", correlation }
}

/// What a request on the wire was, after it was answered.
pub(super) fn wire<T>(call: &Call, conn: &Conn, route: &Route, answer: &Response<T>) {
    let address = conn.peer.ip();
    let origin = Origin { address, user_agent: call.header("user-agent").unwrap_or_default(), correlation: &call.correlation };
    let status = answer.status().as_u16();
    let (world, registry) = (&*call.world, &*call.registry);
    match route {
        Route::Exchange | Route::Token if wanted(world, registry, LOGINS) => {
            let proven = *route == Route::Exchange || call.method == Method::GET;
            let operation = if proven { "Login" } else { "Authenticate" };
            let who = answer.extensions().get::<Subject>().map(|subject| subject.0.clone());
            login(world, registry, operation, &who.or_else(|| user_name(call)).unwrap_or_default(), status, origin);
        }
        _ if wanted(world, registry, REPOSITORIES) => {
            let header = |name: &str| answer.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
            if let Some(done) = done(call, route, answer.status().is_success(), &header) {
                repository(world, registry, &done, &bearer(call).unwrap_or_default(), status, origin);
            }
        }
        _ => {}
    }
}

/// What a request did to a repository, if it is something that is told of.
fn done<'a>(call: &'a Call, route: &'a Route, good: bool, header: &impl Fn(&str) -> &'a str) -> Option<Done<'a>> {
    let (operation, repository, reference) = match (call.method.as_str(), route) {
        ("GET", Route::Manifest(name, reference)) => ("Pull", name, reference.as_str()),
        ("PUT", Route::Manifest(name, reference)) => ("Push", name, reference.as_str()),
        ("DELETE", Route::Manifest(name, reference)) => ("Delete", name, reference.as_str()),
        ("DELETE", Route::MetadataTag(name, tag)) => ("Untag", name, tag.as_str()),
        ("DELETE", Route::MetadataManifest(name, digest)) => ("Delete", name, digest.as_str()),
        ("DELETE", Route::MetadataRepository(name)) => ("Delete", name, ""),
        _ => return None,
    };
    let (tag, digest) = if reference.contains(':') { ("", reference) } else { (reference, "") };
    let told = [header("docker-content-digest"), header("x-ms-int-docker-content-digest")];
    let digest = told.into_iter().find(|told| !told.is_empty()).unwrap_or(digest);
    let (media_type, size) = match operation {
        // A refusal says nothing of a manifest.
        _ if !good => ("", None),
        "Pull" => (header("content-type"), header("content-length").parse().ok()),
        "Push" => (call.header("content-type").unwrap_or_default(), call.header("content-length").and_then(|it| it.parse().ok())),
        _ => ("", None),
    };
    Some(Done { operation, repository, tag, digest, media_type, size })
}

/// Whom a request's access token was issued to.
fn bearer(call: &Call) -> Option<String> {
    let (scheme, shown) = call.header("authorization")?.split_once(' ')?;
    if scheme.eq_ignore_ascii_case("basic") {
        return user_name(call);
    }
    tokens::read_access(&call.world, &call.registry, shown.trim()).ok().map(|claims| claims.subject.clone())
}

/// The user name of Basic credentials.
fn user_name(call: &Call) -> Option<String> {
    let (scheme, encoded) = call.header("authorization")?.split_once(' ')?;
    let basic = scheme.eq_ignore_ascii_case("basic");
    basic.then(|| auth::read_basic(encoded)).flatten().map(|credential| credential.username)
}
