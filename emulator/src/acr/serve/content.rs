//! The verbs of `/v2`: manifests, tags, referrers, blobs and their uploads.

use axum::body::Body;
use axum::http::{Method, StatusCode};
use serde_json::Value;

use super::acr_v1;
use crate::acr::auth::Granted;
use crate::acr::cache::Origin;
use crate::acr::document::OCI_INDEX;
use crate::acr::error::Error;
use crate::acr::page::Page;
use crate::acr::received::{self, Fault, Received};
use crate::acr::referrers::Wanted;
use crate::acr::route::Route;
use crate::acr::uploads::{Named, Progress};
use crate::acr::wire::{self, Answer, Call};
use crate::acr::{blobs, cache, catalog, manifests, notify, referrers, storage, tags, uploads};

/// Every resource and verb.
pub(super) async fn handle(call: &Call, route: &Route, granted: &Granted, body: Body) -> Result<Answer, Error> {
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
        _ => acr_v1::handle(call, route, granted, body).await,
    }
}

pub(in crate::acr) fn page(call: &Call) -> Result<Page, Error> {
    Page::read(|name| call.parameter(name).map(str::to_owned))
}

pub(in crate::acr) fn listed((value, link): (Value, Option<String>)) -> Answer {
    Answer::json(StatusCode::OK, &value).with_some("link", link.as_deref())
}

fn named<'a>(call: &'a Call, repository: &'a str, id: &'a str) -> Named<'a> {
    Named { repository, id, state: call.parameter("_state") }
}

pub(in crate::acr) fn get_manifest(call: &Call, granted: &Granted, name: &str, reference: &str) -> Result<Answer, Error> {
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
    let media_type = call.header("content-type").map(wire::essence).filter(|it| !it.is_empty());
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

pub(in crate::acr) fn get_referrers(call: &Call, granted: &Granted, name: &str, digest: &str) -> Result<Answer, Error> {
    let given = |name| call.parameter(name).filter(|it| !it.is_empty());
    let most = given("n").map(|text| text.parse().map_err(|_| Error::page_size_invalid(text))).transpose()?;
    let wanted = Wanted { artifact_type: given("artifactType"), most, last: given("last") };
    let (index, link) = referrers::list(granted, name, digest, wanted, &call.raw_path)?;
    let answer = Answer::text(StatusCode::OK, OCI_INDEX, format!("{index}\n")).with_some("link", link.as_deref());
    Ok(answer.with_some("oci-filters-applied", wanted.artifact_type.map(|_| "artifactType")))
}

/// HEAD ignores a range, and shows neither the entity tag nor that there are parts, as recorded; nor is it ever redirected.
pub(in crate::acr) fn get_blob(call: &Call, granted: &Granted, name: &str, digest: &str) -> Result<Answer, Error> {
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
        content.hash_by(&digest);
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
    content.hash_by(&digest);
    let content = receive_chunk(call, granted, named, body, content).await?;
    let (content, good) = content.checked(&digest).await.map_err(|fault| given_up(granted, named, fault))?;
    let digest = uploads::finish(&call.world, granted, named, content, digest, good)?;
    Ok(created(named.repository, digest.as_str()))
}
