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

use super::auth::{self, Granted};
use super::blobs;
use super::cache::Origin;
use super::document::OCI_INDEX;
use super::error::Error;
use super::page::Page;
use super::received::{self, Fault, Received};
use super::referrers::Wanted;
use super::route::{NoRoute, Route};
use super::scope::Scope;
use super::throttle::{self, Kind};
use super::uploads::{Named, Progress};
use super::wire::{self, Answer, Call};
use super::{
    audit, cache, catalog, deleted, lent, manifests, metadata, notify, referrers, route, sign_in, storage, tags, uploads,
    upstream,
};
use crate::front::conn::Conn;
use crate::world::World;

/// A change of attributes is never larger than this.
const LARGEST_PATCH: usize = 64 * 1024;

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
        let form = wire::small_body(body, LARGEST_PATCH).await.unwrap_or_default();
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
    let route = match route {
        Err(fault) => {
            return match (auth::firewall(&call.registry, &conn.peer.ip().to_string()), fault) {
                (Err(error), _) => stamped(&call, Answer::from(error), true),
                (Ok(()), NoRoute::Outside) => outside(&call),
                (Ok(()), NoRoute::Unmatched) => unmatched(&call),
            };
        }
        Ok(route) => route,
    };
    let response = match auth::firewall(&call.registry, &conn.peer.ip().to_string()) {
        Ok(()) => routed(&call, &route, body).await,
        Err(error) => stamped(&call, Answer::from(error), true),
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
    let answer = Answer::text(StatusCode::NOT_FOUND, "text/plain; charset=utf-8", "404 page not found\n".into());
    stamped(call, answer, false)
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
            let answer = handle(call, route, &granted, body).await.unwrap_or_else(Answer::from);
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

/// Every resource and verb.
async fn handle(call: &Call, route: &Route, granted: &Granted, body: Body) -> Result<Answer, Error> {
    let world = &*call.world;
    let method = call.method.as_str();
    match (method, route) {
        ("GET" | "HEAD", Route::Base) => Ok(Answer::bare_json(StatusCode::OK, "{}")),
        ("GET" | "HEAD", Route::Catalog | Route::MetadataCatalog) => {
            Ok(listed(catalog::list(granted, &page(call)?, &call.raw_path)))
        }
        ("GET" | "HEAD", Route::Tags(name)) => Ok(listed(tags::list(granted, name, &page(call)?, &call.raw_path)?)),
        ("GET" | "HEAD", Route::Manifest(name, reference)) => get_manifest(call, granted, name, reference),
        ("PUT", Route::Manifest(name, reference)) => put_manifest(call, granted, name, reference, body).await,
        ("PUT", Route::NoManifest(_)) => Err(Error::digest_invalid("digest parsing failed")),
        ("DELETE", Route::Manifest(name, reference)) => {
            let document = manifests::delete(world, granted, name, reference)?;
            notify::deleted(call, name, &document.media_type, document.digest.as_str());
            Ok(Answer::empty(StatusCode::ACCEPTED))
        }
        ("GET" | "HEAD", Route::Referrers(name, digest)) => get_referrers(call, granted, name, digest),
        ("GET" | "HEAD", Route::Blob(name, digest)) => get_blob(call, granted, name, digest),
        ("DELETE", Route::Blob(name, digest)) => {
            blobs::delete(granted, name, digest).map(|()| Answer::empty(StatusCode::ACCEPTED))
        }
        ("POST", Route::Uploads(name)) => start_upload(call, granted, name, body).await,
        ("GET" | "HEAD", Route::Upload(name, id)) => {
            let progress = uploads::status(world, granted, named(call, name, id))?;
            Ok(uploading(StatusCode::NO_CONTENT, &progress))
        }
        ("PATCH", Route::Upload(name, id)) => continue_upload(call, granted, named(call, name, id), body).await,
        ("PUT", Route::Upload(name, id)) => finish_upload(call, granted, named(call, name, id), body).await,
        ("DELETE", Route::Upload(name, id)) => {
            let id = uploads::cancel(world, granted, named(call, name, id))?.to_string();
            Ok(Answer::empty(StatusCode::NO_CONTENT).with("docker-upload-uuid", &id))
        }
        _ => handle_metadata(call, route, granted, body).await,
    }
}

/// Every resource and verb of `/acr/v1`.
async fn handle_metadata(call: &Call, route: &Route, granted: &Granted, body: Body) -> Result<Answer, Error> {
    let world = &*call.world;
    let path = &call.raw_path;
    let ok = |value| Answer::json(StatusCode::OK, &value);
    let patch = match (call.method.as_str(), route) {
        ("PATCH", Route::MetadataRepository(_) | Route::MetadataTag(..) | Route::MetadataManifest(..))
        | ("POST", Route::DeletedManifest(..)) => Some(
            wire::small_body(body, LARGEST_PATCH)
                .await
                .ok_or_else(|| Error::bad_request("the body is too large, or broke off"))?,
        ),
        _ => None,
    };
    match (call.method.as_str(), route) {
        ("GET" | "HEAD" | "PATCH", Route::MetadataRepository(name)) => {
            metadata::repository(granted, name, patch.as_deref()).map(ok)
        }
        ("DELETE", Route::MetadataRepository(name)) => {
            let (value, documents) = metadata::delete_repository(world, granted, name)?;
            for document in documents {
                notify::deleted(call, name, &document.media_type, document.digest.as_str());
            }
            Ok(Answer::json(StatusCode::ACCEPTED, &value))
        }
        ("GET" | "HEAD", Route::MetadataTags(name)) => {
            metadata::tags(granted, name, &page(call)?, call.parameter("digest"), path).map(listed)
        }
        ("GET" | "HEAD" | "PATCH", Route::MetadataTag(name, tag)) => metadata::tag(granted, name, tag, patch.as_deref()).map(ok),
        ("DELETE", Route::MetadataTag(name, tag)) => metadata::delete_tag(world, granted, name, tag)
            .map(|digest| Answer::empty(StatusCode::ACCEPTED).with("x-ms-int-docker-content-digest", digest.as_str())),
        ("GET" | "HEAD", Route::MetadataManifests(name)) => metadata::manifests(granted, name, &page(call)?, path).map(listed),
        ("GET" | "HEAD" | "PATCH", Route::MetadataManifest(name, digest)) => {
            let (value, freed) = metadata::manifest(granted, name, digest, patch.as_deref())?;
            if let Some((document, tags)) = freed {
                notify::freed(call, name, &tags, &document);
            }
            Ok(ok(value))
        }
        ("GET" | "HEAD", Route::DeletedCatalog) => Ok(ok(deleted::catalog(granted))),
        ("GET" | "HEAD", Route::DeletedManifests(name)) => deleted::manifests(granted, name).map(ok),
        ("GET" | "HEAD", Route::DeletedTags(name)) => deleted::tags(granted, name).map(ok),
        ("POST", Route::DeletedManifest(name, digest)) => restore(call, granted, name, digest, patch.as_deref()).map(ok),
        (
            _,
            Route::MetadataCatalog
            | Route::MetadataRepository(_)
            | Route::MetadataTags(_)
            | Route::MetadataTag(..)
            | Route::MetadataManifests(_)
            | Route::MetadataManifest(..)
            | Route::DeletedCatalog
            | Route::DeletedManifests(_)
            | Route::DeletedTags(_)
            | Route::DeletedManifest(..),
        ) => Err(Error::operation_unknown()),
        _ => Ok(not_allowed(methods_of(route))),
    }
}

/// Restores what the path names under the tag that the body names, if it names one.
fn restore(call: &Call, granted: &Granted, name: &str, digest: &str, body: Option<&[u8]>) -> Result<serde_json::Value, Error> {
    let invalid = || Error::bad_request("invalid format: the body must be a JSON object with the tag to restore");
    let body: serde_json::Value = serde_json::from_slice(body.unwrap_or_default()).map_err(|_| invalid())?;
    let tag = match body.as_object().ok_or_else(invalid)?.get("tag") {
        None | Some(serde_json::Value::Null) => None,
        Some(tag) => Some(tag.as_str().ok_or_else(invalid)?),
    };
    // Azure's command line writes it as Python does.
    let force = call.parameter("force").is_some_and(|it| it.eq_ignore_ascii_case("true"));
    deleted::restore(&call.world, granted, name, digest, tag, force)
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

pub(super) fn page(call: &Call) -> Result<Page, Error> {
    Page::read(|name| call.parameter(name).map(str::to_owned))
}

fn listed((value, link): (serde_json::Value, Option<String>)) -> Answer {
    Answer::json(StatusCode::OK, &value).with_some("link", link.as_deref())
}

fn named<'a>(call: &'a Call, repository: &'a str, id: &'a str) -> Named<'a> {
    Named { repository, id, state: call.parameter("_state") }
}

pub(super) fn get_manifest(call: &Call, granted: &Granted, name: &str, reference: &str) -> Result<Answer, Error> {
    let origin = cache::fill(&call.world, &call.registry, name, reference)?;
    let document = manifests::read(granted, name, reference, &call.accept())?;
    let digest = document.digest.as_str();
    let etag = format!("\"{digest}\"");
    if call.knows(&etag) {
        return Ok(Answer::empty(StatusCode::NOT_MODIFIED).with("docker-content-digest", digest).with("etag", &etag));
    }
    let answer = Answer::bytes(StatusCode::OK, &document.media_type, document.bytes.clone());
    let upstream = (origin == Origin::Upstream).then_some("upstream");
    Ok(answer.with("docker-content-digest", digest).with("etag", &etag).with_some("x-azure-origin", upstream))
}

async fn put_manifest(call: &Call, granted: &Granted, name: &str, reference: &str, body: Body) -> Result<Answer, Error> {
    let bytes = wire::small_body(body, manifests::LARGEST).await;
    let bytes = bytes.ok_or_else(|| Error::manifest_invalid("http: request body too large"))?;
    let media_type = call.header("content-type").map(|it| it.split(';').next().unwrap_or(it).trim()).filter(|it| !it.is_empty());
    let tags: Vec<&str> = call.parameters("tag").collect();
    let document = manifests::put(&call.world, granted, name, (reference, &tags), media_type, bytes)?;
    let digest = document.digest.as_str();
    let by_digest = digest == reference;
    let pushed: Vec<Option<&str>> = match (by_digest, tags.as_slice()) {
        (true, []) => vec![None],
        (true, tags) => tags.iter().copied().map(Some).collect(),
        (false, _) => vec![Some(reference)],
    };
    pushed.into_iter().for_each(|tag| notify::pushed(call, name, tag, &document));
    Ok(Answer::empty(StatusCode::CREATED)
        .with("docker-content-digest", digest)
        .with("location", &format!("/v2/{name}/manifests/{digest}"))
        .with_some("oci-tag", (by_digest && !tags.is_empty()).then(|| tags.join(", ")).as_deref())
        .with_some("oci-subject", document.subject.as_ref().map(|subject| subject.as_str())))
}

pub(super) fn get_referrers(call: &Call, granted: &Granted, name: &str, digest: &str) -> Result<Answer, Error> {
    let given = |name| call.parameter(name).filter(|it| !it.is_empty());
    let most = given("n").map(|text| text.parse().map_err(|_| Error::page_size_invalid(text))).transpose()?;
    let wanted = Wanted { artifact_type: given("artifactType"), most, last: given("last") };
    let (index, link) = referrers::list(granted, name, digest, wanted, &call.raw_path)?;
    let answer = Answer::text(StatusCode::OK, OCI_INDEX, format!("{index}\n")).with_some("link", link.as_deref());
    Ok(answer.with_some("oci-filters-applied", wanted.artifact_type.map(|_| "artifactType")))
}

/// HEAD ignores a range, and shows neither the entity tag nor that there are parts, as recorded; nor is it ever redirected.
pub(super) fn get_blob(call: &Call, granted: &Granted, name: &str, digest: &str) -> Result<Answer, Error> {
    let (digest, blob) = blobs::read(granted, name, digest)?;
    let etag = format!("\"{digest}\"");
    let gets = call.method == Method::GET;
    if gets && call.world.settings.values().blob_redirects && !call.registry.public {
        return Ok(storage::redirect(&call.world, &call.registry, &digest));
    }
    if gets && call.knows(&etag) {
        return Ok(Answer::empty(StatusCode::NOT_MODIFIED).with("docker-content-digest", digest.as_str()).with("etag", &etag));
    }
    let part = blobs::part(call.range(&etag).filter(|_| gets), blob.size());
    let (answer, content_range) = wire::part(&blob, part).ok_or_else(|| Error::range_not_satisfiable(blob.size()))?;
    Ok(answer
        .with("docker-content-digest", digest.as_str())
        .with_some("etag", gets.then_some(etag.as_str()))
        .with_some("accept-ranges", gets.then_some("bytes"))
        .with_some("content-range", content_range.as_deref()))
}

fn uploading(status: StatusCode, progress: &Progress) -> Answer {
    Answer::empty(status)
        .with("docker-upload-uuid", &progress.id.to_string())
        .with("location", &progress.location)
        .with("range", &progress.range())
}

fn created(name: &str, digest: &str) -> Answer {
    Answer::empty(StatusCode::CREATED)
        .with("docker-content-digest", digest)
        .with("location", &format!("/v2/{name}/blobs/{digest}"))
}

async fn start_upload(call: &Call, granted: &Granted, name: &str, body: Body) -> Result<Answer, Error> {
    if let Some(digest) = call.parameter("mount") {
        if let Some(digest) = uploads::mount(&call.world, granted, name, digest, call.parameter("from")) {
            return Ok(created(name, digest.as_str()));
        }
    } else if let Some(digest) = call.parameter("digest") {
        let digest = uploads::stated_digest(Some(digest))?;
        let mut content = Received::new(&granted.registry().pool.spool);
        content.expect(&digest);
        let (content, good) = receive(call, body, content).await?.checked(&digest).await?;
        return uploads::keep(&call.world, granted, name, content, digest, good).map(|digest| created(name, digest.as_str()));
    }
    Ok(uploading(StatusCode::ACCEPTED, &uploads::start(&call.world, granted, name)))
}

async fn receive(call: &Call, body: Body, mut content: Received) -> Result<Received, Fault> {
    content.reserve(content_length(call).unwrap_or(0));
    received::receive(body, content).await
}

/// Takes a chunk, which must be as long as its `Content-Range` says. An upload whose bytes cannot be kept is over.
async fn receive_chunk(
    call: &Call,
    granted: &Granted,
    named: Named<'_>,
    body: Body,
    before: Received,
) -> Result<Received, Error> {
    let content = receive(call, body, before).await.map_err(|fault| given_up(granted, named, fault))?;
    let stated = call.header("content-range").and_then(uploads::parse_range);
    if stated.is_none_or(|(_, last)| content.size() == last + 1) { Ok(content) } else { Err(Error::size_invalid()) }
}

fn given_up(granted: &Granted, named: Named<'_>, fault: Fault) -> Error {
    if matches!(fault, Fault::Storage(_)) {
        uploads::abandon(granted, named);
    }
    fault.into()
}

fn content_length(call: &Call) -> Option<u64> {
    call.header("content-length")?.parse().ok()
}

async fn continue_upload(call: &Call, granted: &Granted, named: Named<'_>, body: Body) -> Result<Answer, Error> {
    let content = uploads::begin_chunk(&call.world, granted, named, call.header("content-range"), content_length(call))?;
    let content = receive_chunk(call, granted, named, body, content).await?;
    let progress = uploads::end_chunk(&call.world, granted, named, content)?;
    Ok(uploading(StatusCode::ACCEPTED, &progress))
}

async fn finish_upload(call: &Call, granted: &Granted, named: Named<'_>, body: Body) -> Result<Answer, Error> {
    let mut content = uploads::begin_chunk(&call.world, granted, named, call.header("content-range"), content_length(call))?;
    let digest = uploads::stated_digest(call.parameter("digest"))?;
    content.expect(&digest);
    let content = receive_chunk(call, granted, named, body, content).await?;
    let (content, good) = content.checked(&digest).await.map_err(|fault| given_up(granted, named, fault))?;
    let digest = uploads::finish(&call.world, granted, named, content, digest, good)?;
    Ok(created(named.repository, digest.as_str()))
}
