//! Every route of the registry: what it asks for, who handles it, and how the result is written.

use std::borrow::Cow;
use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{CONNECTION, EXPECT};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, StatusCode};
use axum::response::Response;
use percent_encoding::percent_decode_str;

use super::route::{NoRoute, Route};
use super::scope::Scope;
use super::throttle::{self, Kind};
use super::wire::{self, Answer, Call};
use super::{audit, auth, lent, route, sign_in, storage, upstream};
use crate::front::conn::Conn;
use crate::world::World;

mod acr_v1;
mod content;

pub(super) use content::{get_blob, get_manifest, get_referrers, listed, page};

/// A change of attributes, or a form, is never larger than this.
const LARGEST_FORM: usize = 64 * 1024;

/// Answers a request to any host of a registry.
pub async fn serve(Extension(world): Extension<Arc<World>>, Extension(conn): Extension<Conn>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let waits = parts.headers.contains_key(EXPECT);
    let (body, rest) = lent::lend(body);
    let mut response = answer(world, conn, parts, body).await;
    if !rest.read(waits, lent::PATIENCE).await {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

async fn answer(world: Arc<World>, conn: Conn, parts: Parts, body: Body) -> Response {
    let host = conn.host();
    let stored = host.ends_with(".data.azurecr.io") && storage::is_for(parts.uri.path());
    if stored || storage::serves(&world, host) {
        return from_storage(&world, &parts);
    }
    if let Some(profile) = upstream::sign_in::of(host, parts.uri.path()) {
        let form = wire::small_body(body, LARGEST_FORM).await.unwrap_or_default();
        let query = parts.uri.query().unwrap_or_default().as_bytes();
        return upstream::sign_in::answer(&world, profile, &parts.method, query, &form).into_response(&parts.method);
    }
    // Images may be named by a host with a port.
    let registry = world.acr.by_login_server(host).or_else(|| world.acr.public_registry(&conn.authority));
    let Some(registry) = registry else {
        let text = format!("azlet has no registry {host}\n");
        return Answer::text(StatusCode::NOT_FOUND, "text/plain; charset=utf-8", text).into_response(&parts.method);
    };
    let call = Call {
        correlation: world.ids.uuid().to_string(),
        raw_path: parts.uri.path().to_owned(),
        query: wire::pairs(parts.uri.query().unwrap_or_default().as_bytes()),
        method: parts.method,
        headers: parts.headers,
        world,
        registry,
    };
    // A path that is no UTF-8 names nothing.
    let path = percent_decode_str(&call.raw_path).decode_utf8().unwrap_or_default().into_owned();
    let route = Route::parse(&path);
    if call.registry.public && !upstream::profile(&call.registry.login_server).acr {
        return upstream::serve::answer(&call, route.as_ref().ok());
    }
    let route = match route {
        // Only a push is told what is wrong with such a digest (the specification's conformance suite asks for 400); to any other
        // verb the path names nothing, as recorded.
        Ok(Route::NoManifest(_)) if call.method != Method::PUT => Err(NoRoute::Unmatched),
        route => route,
    };
    let refused = auth::firewall(&call.registry, conn.peer.ip()).err();
    let refused = refused.map(|error| stamped(&call, Answer::from(error), true));
    let route = match route {
        Ok(route) => route,
        Err(fault) => {
            return refused.unwrap_or_else(|| match fault {
                NoRoute::Outside => outside(&call),
                NoRoute::Unmatched => unmatched(&call),
            });
        }
    };
    let response = match refused {
        Some(refused) => refused,
        None => routed(&call, &route, body).await,
    };
    audit::wire(&call, &conn, &route, &response);
    response
}

fn from_storage(world: &World, parts: &axum::http::request::Parts) -> Response {
    let header = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok());
    let asked = storage::Asked {
        method: &parts.method,
        raw_path: parts.uri.path(),
        query: &wire::pairs(parts.uri.query().unwrap_or_default().as_bytes()),
        authorization: header("authorization"),
        range: header("x-ms-range").or_else(|| header("range")),
    };
    storage::serve(world, &asked)
}

async fn routed(call: &Call, route: &Route, body: Body) -> Response {
    if let Route::Exchange | Route::Token = route
        && let Err(error) = throttle::spend(&call.world, &call.registry, Kind::SignIn, "")
    {
        return stamped(call, Answer::from(error), true);
    }
    match route {
        Route::Exchange | Route::Token if call.registry.public => unmatched(call),
        Route::Exchange if call.method == Method::POST => sign_in::exchange(call, body).await,
        Route::Exchange => unmatched(call),
        Route::Token if call.method == Method::GET || call.method == Method::POST => sign_in::token(call, body).await,
        Route::Token => stamped(call, not_allowed(&[Method::GET, Method::POST]), true),
        route => resource(call, route, body).await,
    }
}

fn stamped(call: &Call, answer: Answer, exposed: bool) -> Response {
    let mut response = answer.into_response(&call.method);
    wire::stamp(response.headers_mut(), &call.correlation, exposed);
    response
}

fn unmatched(call: &Call) -> Response {
    stamped(call, Answer::not_routed(), false)
}

fn outside(call: &Call) -> Response {
    let answer = Answer::text(StatusCode::NOT_FOUND, "application/octet-stream", "Not found".into())
        .with("server", "openresty")
        .with("strict-transport-security", "max-age=31536000; includeSubDomains");
    answer.into_response(&call.method)
}

/// The answer to a verb that a resource does not have, in the form of Go's `handlers` package.
fn not_allowed(methods: &[Method]) -> Answer {
    let allow: Vec<&str> = methods.iter().map(Method::as_str).collect();
    let text = "Method not allowed\n".to_owned();
    Answer::text(StatusCode::METHOD_NOT_ALLOWED, "text/plain; charset=utf-8", text).with("allow", &allow.join(", "))
}

async fn resource(call: &Call, route: &Route, body: Body) -> Response {
    let needs = needs(route, &call.method);
    let mut asks = Cow::Borrowed(needs.as_slice());
    if let (Route::Uploads(_), Some(_)) = (route, call.parameter("mount")) {
        // A mount from wherever the blob may be takes the right to pull everywhere (inferred); from what is no repository, it is an
        // ordinary upload.
        let from = call.parameter("from").unwrap_or("*");
        if from == "*" || route::is_repository(from) {
            asks.to_mut().push(Scope::repository(from, &["pull"]));
        }
    }
    let granted = match auth::authorize(&call.world, &call.registry, call.authorization(), &needs, &asks) {
        Ok(granted) => granted,
        Err(error) => return stamped(call, Answer::from(error), true),
    };
    let kind = Kind::of(route, &call.method);
    let answer = match throttle::spend(&call.world, &call.registry, kind, granted.caller()) {
        Ok(left) => {
            let answer = content::handle(call, route, &granted, body).await.unwrap_or_else(Answer::from);
            let left = (kind == Kind::Delete).then(|| format!("{left}.000000"));
            answer.with_some(wire::CALLS_LEFT, left.as_deref())
        }
        Err(error) => Answer::from(error),
    };
    let mut response = stamped(call, answer, true);
    if names_operation(route, &call.method) {
        wire::stamp_operation(response.headers_mut(), call);
    }
    response
}

/// What a request must be allowed to do. Adding to a repository takes both pull and push.
fn needs(route: &Route, method: &Method) -> Vec<Scope> {
    let deletes = *method == Method::DELETE;
    let changes = matches!(*method, Method::POST | Method::PUT | Method::PATCH);
    let of = |repository: &str, actions: &[&str]| vec![Scope::repository(repository, actions)];
    match route {
        Route::Base | Route::Exchange | Route::Token => Vec::new(),
        Route::Catalog | Route::MetadataCatalog => vec![Scope::catalog()],
        Route::DeletedCatalog => vec![Scope::deleted_catalog()],
        Route::DeletedManifest(name, _) if changes => of(name, &["deleted_read", "deleted_restore"]),
        Route::DeletedManifests(name) | Route::DeletedTags(name) | Route::DeletedManifest(name, _) => of(name, &["deleted_read"]),
        Route::Manifest(name, _) | Route::Referrers(name, _) | Route::Blob(name, _) if deletes => of(name, &["delete"]),
        Route::Manifest(name, _) | Route::Referrers(name, _) | Route::Blob(name, _) if changes => of(name, &["pull", "push"]),
        Route::Manifest(name, _) | Route::Referrers(name, _) | Route::Blob(name, _) => of(name, &["pull"]),
        Route::NoManifest(name) => of(name, &["pull", "push"]),
        Route::Uploads(name) | Route::Upload(name, _) if deletes => of(name, &["delete"]),
        Route::Uploads(name) | Route::Upload(name, _) => of(name, &["pull", "push"]),
        Route::Tags(name)
        | Route::MetadataRepository(name)
        | Route::MetadataTags(name)
        | Route::MetadataTag(name, _)
        | Route::MetadataManifests(name)
        | Route::MetadataManifest(name, _) => match *method {
            Method::DELETE => of(name, &["delete"]),
            Method::PATCH => of(name, &["metadata_write"]),
            _ => of(name, &["metadata_read"]),
        },
    }
}

/// Whether the real registry numbers this operation in its headers: those on `/v2/{name}`, and deletions on `/acr/v1`.
fn names_operation(route: &Route, method: &Method) -> bool {
    match route {
        Route::Tags(_)
        | Route::Manifest(..)
        | Route::NoManifest(_)
        | Route::Referrers(..)
        | Route::Blob(..)
        | Route::Uploads(_)
        | Route::Upload(..) => true,
        Route::MetadataRepository(_) | Route::MetadataTag(..) | Route::MetadataManifest(..) => *method == Method::DELETE,
        _ => false,
    }
}

/// The verbs of a resource of `/v2`, for the `Allow` header.
fn methods_of(route: &Route) -> &'static [Method] {
    match route {
        Route::Manifest(..) | Route::NoManifest(_) => &[Method::DELETE, Method::GET, Method::HEAD, Method::PUT],
        Route::Blob(..) => &[Method::DELETE, Method::GET, Method::HEAD],
        Route::Uploads(_) => &[Method::POST],
        Route::Upload(..) => &[Method::DELETE, Method::GET, Method::HEAD, Method::PATCH, Method::PUT],
        _ => &[Method::GET],
    }
}
