//! The verbs of `/acr/v1`: metadata, locks, what is deleted and restored.

use axum::body::Body;
use axum::http::StatusCode;
use serde_json::Value;

use super::{LARGEST_FORM, listed, methods_of, not_allowed, page};
use crate::acr::auth::Granted;
use crate::acr::error::Error;
use crate::acr::route::Route;
use crate::acr::wire::{self, Answer, Call};
use crate::acr::{deleted, metadata, notify};

/// Every resource and verb of `/acr/v1`.
pub(super) async fn handle(call: &Call, route: &Route, granted: &Granted, body: Body) -> Result<Answer, Error> {
    let world = &*call.world;
    let path = &call.raw_path;
    let ok = |value| Answer::json(StatusCode::OK, &value);
    let patch = match (call.method.as_str(), route) {
        ("PATCH", Route::MetadataRepository(_) | Route::MetadataTag(..) | Route::MetadataManifest(..))
        | ("POST", Route::DeletedManifest(..)) => Some(
            wire::small_body(body, LARGEST_FORM)
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
fn restore(call: &Call, granted: &Granted, name: &str, digest: &str, body: Option<&[u8]>) -> Result<Value, Error> {
    let invalid = || Error::bad_request("invalid format: the body must be a JSON object with the tag to restore");
    let body: Value = serde_json::from_slice(body.unwrap_or_default()).map_err(|_| invalid())?;
    let tag = match body.as_object().ok_or_else(invalid)?.get("tag") {
        None | Some(Value::Null) => None,
        Some(tag) => Some(tag.as_str().ok_or_else(invalid)?),
    };
    // Azure's command line writes it as Python does.
    let force = call.parameter("force").is_some_and(|it| it.eq_ignore_ascii_case("true"));
    deleted::restore(&call.world, granted, name, digest, tag, force)
}
