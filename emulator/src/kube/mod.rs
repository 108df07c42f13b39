//! The Kubernetes API server of every cluster, with its controllers, its scheduler and its kubelets.

pub mod admission;
pub mod apply;
mod audit;
pub mod auth;
pub mod backend;
pub mod body;
pub mod bootstrap;
pub mod cells;
pub mod controllers;
pub mod convert;
pub mod custom;
pub mod defaults;
pub mod deletion;
pub mod direct;
pub mod discovery;
mod ephemeral;
pub mod error;
mod eviction;
mod furnish;
mod health;
mod http;
pub mod kinds;
pub mod kubectl;
pub mod kubelet;
pub mod metrics;
pub mod nodes;
pub mod objects;
pub mod openapi;
pub mod patch;
pub mod protobuf;
pub mod quantity;
pub mod rbac;
pub mod request;
pub mod reviews;
pub mod scale;
mod scheduler;
pub mod selector;
pub mod sizes;
pub mod spec;
pub mod store;
pub mod streams;
pub mod table;
mod token_request;
pub mod types;
pub mod validate;
mod verbs;
mod versions;
mod watch;

pub use bootstrap::{deprovision, provision, reconfigure, set_running};

/// Every route of the plane.
pub fn router() -> axum::Router {
    axum::Router::new().fallback(http::handle)
}

/// Does what is due.
pub fn due(world: &std::sync::Arc<crate::world::World>, event: store::Due) {
    controllers::due(world, event);
}
