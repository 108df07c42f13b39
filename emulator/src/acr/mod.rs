//! The data plane of Azure Container Registry, for `{name}.azurecr.io`, and of registries outside of Azure, for everyone to read.
//! Source: OCI Distribution Specification 1.1 for `/v2/`; Azure Container Registry's REST reference for `/acr/v1` and `/oauth2`.
//!
//! A request's way: host → registry, path → [`route::Route`] (404 before anyone is asked who they are), firewall, then
//! [`auth::authorize`], whose [`auth::Granted`] every handler takes.

pub mod archive;
mod audit;
pub mod auth;
pub mod blobs;
mod cache;
pub mod catalog;
mod deleted;
pub mod digest;
pub mod document;
pub mod error;
mod identity_token;
mod image;
pub mod images;
pub mod import;
mod lent;
pub mod manifests;
pub mod metadata;
pub mod notify;
pub mod page;
pub mod pull;
mod quarantine;
pub mod received;
pub mod referrers;
mod remote;
pub mod retention;
pub mod rights;
pub mod route;
pub mod scope;
mod serve;
mod sign_in;
pub mod spool;
pub mod storage;
pub mod store;
pub mod tags;
mod throttle;
pub mod token_users;
pub mod tokens;
pub mod uploads;
pub mod upstream;
mod wire;

/// The registry's one entry: paths are matched by [`route::Route`], since names hold slashes, encoded or not.
pub fn router() -> axum::Router {
    axum::Router::new().fallback(serve::serve)
}
