//! The data plane of Azure Container Registry, for `{name}.azurecr.io`, and the public registry `mcr.microsoft.com`, for everyone
//! to read.
//! Source: OCI Distribution Specification 1.1 for `/v2/`; Azure Container Registry's REST reference for `/acr/v1` and `/oauth2`.

pub mod auth;
pub mod blobs;
pub mod digest;
pub mod document;
pub mod error;
pub mod import;
pub mod pull;
pub mod route;
pub mod scope;
pub mod store;
pub mod tokens;
pub mod upstream;

/// The registry's routes.
pub fn router() -> axum::Router {
    axum::Router::new()
}
