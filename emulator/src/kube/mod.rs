//! The Kubernetes API server of every cluster, with its controllers, its scheduler and its kubelets.

pub mod admission;
pub mod bootstrap;
pub mod controllers;
pub mod defaults;
pub mod error;
pub mod kinds;
pub mod objects;
pub mod store;
pub mod types;
pub mod validate;

pub use bootstrap::{deprovision, provision, reconfigure};

/// Every route of the plane.
pub fn router() -> axum::Router {
    axum::Router::new()
}

/// Does what is due.
pub fn due(_world: &std::sync::Arc<crate::world::World>, event: store::Due) {
    match event {}
}
