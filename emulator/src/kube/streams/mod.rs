//! What a pod's `log`, `attach` and `exec` deliver.

mod log;

use std::sync::Arc;

use axum::extract::Request;
use axum::response::{IntoResponse, Response};

use super::error::Error;
use super::kinds;
use super::store::Cluster;
use crate::world::World;

/// Serves a streaming subresource (`log`, `attach`, `exec`) of a pod. The caller is known and may do it; whether the pod exists
/// is judged here. Attaching to what runs and running commands in it are not built: kubectl falls back to the log for the first.
pub async fn serve(
    world: Arc<World>,
    cluster: Arc<Cluster>,
    namespace: String,
    pod: String,
    subresource: String,
    request: Request,
) -> Response {
    let Some(object) = cluster.get(&kinds::PODS, &namespace, &pod) else {
        return Error::not_found(&kinds::PODS, &pod).into_response();
    };
    match subresource.as_str() {
        "log" => log::serve(world, cluster, object, request.uri().query().unwrap_or_default()),
        other => Error::not_implemented(&format!("the subresource {other} of pods")).into_response(),
    }
}
