//! Entra ID: discovery, keys, token grants and the directory, on `login.microsoftonline.com`.

mod assertion;
mod discovery;
pub mod error;
mod grants;
pub mod store;
pub mod token;

use axum::Router;
use axum::routing::{get, post};

/// Every route of the plane.
pub fn router() -> Router {
    Router::new()
        .route("/common/discovery/instance", get(discovery::instance))
        .route("/common/userrealm/{user}", get(discovery::user_realm))
        .route("/{tenant}/v2.0/.well-known/openid-configuration", get(discovery::configuration_v2))
        .route("/{tenant}/.well-known/openid-configuration", get(discovery::configuration_v1))
        .route("/{tenant}/discovery/v2.0/keys", get(discovery::keys))
        .route("/{tenant}/discovery/keys", get(discovery::keys))
        .route("/{tenant}/oauth2/v2.0/token", post(grants::token_v2))
        .route("/{tenant}/oauth2/token", post(grants::token_v1))
        .fallback(error::not_served)
}
