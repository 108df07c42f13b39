//! What a pod's `log`, `attach` and `exec` deliver.

use std::sync::Arc;

use axum::extract::Request;
use axum::response::{IntoResponse, Response};

use super::error::Error;
use super::store::Cluster;
use crate::world::World;

/// Serves a streaming subresource (`log`, `attach`, `exec`) of a pod. The caller is known and may do it; whether the pod exists
/// is judged here.
pub async fn serve(
    _world: Arc<World>,
    _cluster: Arc<Cluster>,
    _namespace: String,
    _pod: String,
    subresource: String,
    _request: Request,
) -> Response {
    Error::not_implemented(&format!("the subresource {subresource} of pods")).into_response()
}
