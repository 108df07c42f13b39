//! `/_azlet/upstreams`: the registries outside of Azure that imports may ask over the network: none, unless the user names them.
//! `GET` lists them, `POST {"allow": [HOST, …], "disallow": [HOST, …]}` changes them.

use std::sync::Arc;

use axum::extract::rejection::JsonRejection;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::Deserialize;
use serde_json::{Value, json};

use super::problem;
use crate::world::World;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    #[serde(default)]
    allow: Vec<String>,
    #[serde(default)]
    disallow: Vec<String>,
}

pub(super) async fn get(Extension(world): Extension<Arc<World>>) -> Json<Value> {
    Json(shown(&world))
}

pub(super) async fn set(Extension(world): Extension<Arc<World>>, body: Result<Json<Wanted>, JsonRejection>) -> Response {
    let Json(wanted) = match body {
        Ok(body) => body,
        Err(rejection) => {
            return problem(
                StatusCode::BAD_REQUEST,
                format!("{rejection}; send {{\"allow\": [\"docker.io\"], \"disallow\": []}}"),
            );
        }
    };
    if let Some(wrong) = wanted.allow.iter().chain(&wanted.disallow).find(|host| !is_host(host)) {
        return problem(StatusCode::BAD_REQUEST, format!("{wrong:?} is no host; write it as docker.io or registry.example:5000"));
    }
    for host in &wanted.disallow {
        world.acr.disallow_upstream(host);
    }
    for host in &wanted.allow {
        world.acr.allow_upstream(host);
    }
    Json(shown(&world)).into_response()
}

fn shown(world: &World) -> Value {
    json!({ "allow": world.acr.allowed_upstreams() })
}

/// Whether text is a host, perhaps with a port.
pub fn is_host(text: &str) -> bool {
    !text.is_empty() && text.parse::<axum::http::uri::Authority>().is_ok_and(|it| !it.host().is_empty() && !text.contains('@'))
}
