//! Entra ID: discovery, keys, token grants, the pages where people sign in, and the directory, on `login.microsoftonline.com`.

mod assertion;
mod authorize;
mod client;
pub mod consent;
mod device;
mod discovery;
pub mod error;
mod federation;
mod grants;
mod issuers;
mod pages;
mod redirect;
pub mod resources;
mod scope;
pub mod store;
pub mod token;
mod user_grants;
mod user_tokens;

use axum::Router;
use axum::routing::{get, post};

pub use client::try_secret;

/// Every route of the plane.
pub fn router() -> Router {
    Router::new()
        .route("/common/discovery/instance", get(discovery::instance))
        .route("/common/userrealm/{user}", get(discovery::user_realm))
        .route("/common/UserRealm/{user}", get(discovery::user_realm))
        .route("/{tenant}/v2.0/.well-known/openid-configuration", get(discovery::configuration_v2))
        .route("/{tenant}/.well-known/openid-configuration", get(discovery::configuration_v1))
        .route("/{tenant}/discovery/v2.0/keys", get(discovery::keys))
        .route("/{tenant}/discovery/keys", get(discovery::keys))
        .route("/{tenant}/oauth2/v2.0/token", post(grants::token_v2))
        .route("/{tenant}/oauth2/token", post(grants::token_v1))
        .route("/{tenant}/oauth2/v2.0/devicecode", post(device::begin_v2))
        .route("/{tenant}/oauth2/devicecode", post(device::begin_v1))
        .route("/{tenant}/oauth2/v2.0/authorize", get(authorize::show_v2).post(authorize::post_v2))
        .route("/{tenant}/oauth2/authorize", get(authorize::show_v1).post(authorize::post_v1))
        .route("/{tenant}/oauth2/v2.0/logout", get(authorize::log_out))
        .route("/{tenant}/oauth2/logout", get(authorize::log_out))
        .route("/common/oauth2/deviceauth", get(device::show).post(device::answer))
        .route("/{tenant}/{issuer}/.well-known/openid-configuration", get(issuers::configuration))
        .route("/{tenant}/{issuer}/openid/v1/jwks", get(issuers::keys))
        .route("/devicelogin", get(device::show).post(device::answer))
        .fallback(error::not_served)
}
