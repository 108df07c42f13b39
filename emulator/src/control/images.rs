//! `/_azlet/images`: the images of registries outside of Azure. `POST` takes an archive (an OCI layout or what `docker save` writes,
//! as a tar, plain or gzipped) as it arrives, `?as=NAME` says what its image is called, `?partial=true` lets an index name platforms
//! that the archive leaves out; `GET` lists, `DELETE ?name=NAME` removes.

use std::io;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::Query;
use axum::extract::rejection::QueryRejection;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use futures_util::StreamExt as _;
use serde::Deserialize;
use serde_json::{Value, json};

use super::problem;
use crate::acr::images::{self, LoadOptions};
use crate::acr::pull::Reference;
use crate::world::World;

pub(super) async fn list(Extension(world): Extension<Arc<World>>) -> Json<Value> {
    Json(json!({ "images": images::list(&world.acr) }))
}

/// Takes an archive. One that is refused is still read to its end, so that the client hears why.
pub(super) async fn load(
    Extension(world): Extension<Arc<World>>,
    options: Result<Query<LoadOptions>, QueryRejection>,
    body: Body,
) -> Response {
    let Query(options) = match options {
        Ok(options) => options,
        Err(rejection) => {
            return problem(StatusCode::BAD_REQUEST, format!("{rejection}; the query may have as=NAME and partial=true"));
        }
    };
    let mut pieces = body.into_data_stream().map(|piece| piece.map_err(io::Error::other));
    let loaded = images::load_arriving(world, &mut pieces, options).await;
    while let Some(Ok(_)) = pieces.next().await {}
    match loaded {
        Ok(loaded) => (StatusCode::CREATED, Json(loaded)).into_response(),
        Err(fault) => problem(StatusCode::BAD_REQUEST, fault.to_string()),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Named {
    name: String,
}

pub(super) async fn remove(Extension(world): Extension<Arc<World>>, name: Result<Query<Named>, QueryRejection>) -> Response {
    let Query(Named { name }) = match name {
        Ok(name) => name,
        Err(rejection) => {
            return problem(StatusCode::BAD_REQUEST, format!("{rejection}; say which: ?name=docker.io/library/nginx:1.29"));
        }
    };
    if Reference::parse(&name).is_err() {
        return problem(StatusCode::BAD_REQUEST, format!("{name:?} is no name of an image or repository"));
    }
    match images::remove(&world.acr, &name, world.clock.now()) {
        Ok(removed) => Json(json!({ "removed": removed })).into_response(),
        Err(fault) => problem(StatusCode::NOT_FOUND, fault.to_string()),
    }
}
