//! To be built.

pub mod store;

/// Every route of the plane.
pub fn router() -> axum::Router {
    axum::Router::new()
}

/// Does what is due.
pub fn due(_world: &std::sync::Arc<crate::world::World>, event: store::Due) {
    match event {}
}
