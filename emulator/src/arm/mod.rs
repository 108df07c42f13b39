//! To be built.

pub mod store;

/// Every route of the plane.
pub fn router() -> axum::Router {
    axum::Router::new()
}
