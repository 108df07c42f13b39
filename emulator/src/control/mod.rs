//! The control API, `/_azlet/` on the emulator's own address: what a test does to the emulated world from outside it.
//! `/metadata/…` on the same address is the instance metadata service, for clients that are told where to find it.

pub mod due;
mod images;
mod issuers;
mod machine;
mod operations;
mod principals;
mod settings;
pub mod upstreams;

use std::sync::Arc;
use std::time::Duration;

use axum::extract::DefaultBodyLimit;
use axum::extract::rejection::JsonRejection;
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use jiff::SignedDuration;
use serde::Deserialize;
use serde_json::json;

use crate::imds;
use crate::kernel::clock::{Pace, rfc3339_ticks};
use crate::world::{Universe, World};

/// Every route of the control API.
pub fn router(universe: Arc<Universe>) -> Router {
    let reset = move || async move {
        universe.reset();
        StatusCode::NO_CONTENT
    };
    Router::new()
        .route("/_azlet/health", get(health))
        .route("/_azlet/ca.pem", get(certificate))
        .route("/_azlet/reset", post(reset))
        .route("/_azlet/clock", get(clock).post(advance))
        .route("/_azlet/operations", get(operations::get).post(operations::set))
        .route("/_azlet/principals", post(principals::put))
        .route("/_azlet/issuers", post(issuers::put).delete(issuers::delete))
        .route("/_azlet/machine", get(machine::get).post(machine::set))
        .route("/_azlet/settings", get(settings::get).post(settings::set))
        .route("/_azlet/images", get(images::list).post(images::load).delete(images::remove).layer(DefaultBodyLimit::disable()))
        .route("/_azlet/upstreams", get(upstreams::get).post(upstreams::set))
        .fallback(not_served)
        .merge(imds::router())
}

/// An error of the control API.
fn problem(status: StatusCode, message: impl Into<String>) -> Response {
    (status, Json(json!({ "error": message.into() }))).into_response()
}

async fn health() -> Json<serde_json::Value> {
    Json(json!({ "status": "ok", "version": env!("CARGO_PKG_VERSION") }))
}

async fn certificate(Extension(world): Extension<Arc<World>>) -> Response {
    ([(header::CONTENT_TYPE, "application/x-pem-file")], world.ca_pem.to_string()).into_response()
}

async fn clock(Extension(world): Extension<Arc<World>>) -> Json<serde_json::Value> {
    Json(time(&world))
}

fn time(world: &World) -> serde_json::Value {
    let pace = match world.clock.pace() {
        Pace::Real => "real",
        Pace::Step => "step",
    };
    json!({ "now": rfc3339_ticks(world.clock.now()), "pace": pace, "nextEvent": world.timeline.next_at().map(rfc3339_ticks) })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    advance: String,
}

/// Moves the time forward; everything that is due on the way has happened when the answer comes.
async fn advance(Extension(world): Extension<Arc<World>>, body: Result<Json<Advance>, JsonRejection>) -> Response {
    let Json(Advance { advance }) = match body {
        Ok(body) => body,
        Err(rejection) => return problem(StatusCode::BAD_REQUEST, format!("{rejection}; send {{\"advance\": \"10s\"}}")),
    };
    let by = advance.parse::<SignedDuration>().ok().and_then(|by| Duration::try_from(by).ok());
    match by {
        Some(by) => {
            due::advance(&world, by);
            Json(time(&world)).into_response()
        }
        None => {
            let message = format!("{advance:?} is not a duration that goes forward; write it as 10s, 5m or 1h30m");
            problem(StatusCode::BAD_REQUEST, message)
        }
    }
}

async fn not_served(uri: Uri) -> Response {
    let message = format!(
        "the control API has no {}; it has /_azlet/health, /_azlet/ca.pem, /_azlet/reset, /_azlet/clock, /_azlet/images, \
         /_azlet/issuers, /_azlet/machine, /_azlet/operations, /_azlet/principals, /_azlet/settings and /_azlet/upstreams",
        uri.path()
    );
    problem(StatusCode::NOT_FOUND, message)
}
