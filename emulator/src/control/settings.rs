//! `GET` and `POST /_azlet/settings`: the delays that Azure has and that are zero here unless a test asks for them, and refusals that
//! are off unless it does. What a POST leaves out stays as it is; a reset brings back the seed's.

use std::sync::Arc;

use axum::extract::rejection::JsonRejection;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde_json::{Map, Value, json};

use super::problem;
use crate::kernel::settings::Values;
use crate::world::World;

pub(super) async fn get(Extension(world): Extension<Arc<World>>) -> Json<Values> {
    Json(world.settings.values())
}

pub(super) async fn set(
    Extension(world): Extension<Arc<World>>,
    body: Result<Json<Map<String, Value>>, JsonRejection>,
) -> Response {
    let form = r#"send {"directoryReplicationDelay": "30s", "roleAssignmentPropagationDelay": "5m", "throttling": true, "registryThrottling": true, "blobRedirects": true, "registrationRequired": true, "dockerHubCredentialsRequired": true}, or some of them"#;
    let given = match body {
        Ok(Json(given)) => given,
        Err(rejection) => return problem(StatusCode::BAD_REQUEST, format!("{rejection}; {form}")),
    };
    let mut merged = json!(world.settings.values());
    if let Some(merged) = merged.as_object_mut() {
        merged.extend(given);
    }
    match serde_json::from_value::<Values>(merged) {
        Ok(values) => {
            world.settings.set(values);
            Json(values).into_response()
        }
        Err(fault) => problem(StatusCode::BAD_REQUEST, format!("{fault}; {form}")),
    }
}
