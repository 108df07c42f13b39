//! Server-side apply, and who owns which field: `metadata.managedFields` of every object. Sources: the Kubernetes documentation of
//! server-side apply, apimachinery's `util/managedfields` and structured-merge-diff, which both are built by; compared with what a
//! real API server wrote.
//!
//! Where the real API server answers 500 (a configuration that is not of the kind's schema), azlet answers 400 with the same text:
//! nothing that a client sends is the server's fault.

mod compare;
mod config;
mod conflict;
mod element;
mod managers;
mod merge;
#[cfg(test)]
mod model;
mod schema;
mod set;
mod track;
pub mod wire;

pub use config::{Applied, Config};
pub use managers::Writer;
pub use schema::Schema;
pub use track::{controlled, created, updated};
