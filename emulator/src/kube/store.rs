//! The state of this plane.

/// Everything that this plane keeps.
#[derive(Debug, Default)]
pub struct Store {}

/// What happens later in a cluster.
#[derive(Debug)]
pub enum Due {}

impl Store {
    /// A cluster by its API server's host.
    pub fn by_host(&self, _host: &str) -> Option<()> {
        None
    }
}
