//! To be built.

pub mod store;
