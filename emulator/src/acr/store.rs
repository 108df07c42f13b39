//! The state of this plane.

/// Everything that this plane keeps.
#[derive(Debug, Default)]
pub struct Store {}

impl Store {
    /// Puts what the seed says.
    pub fn plant(&self, _seed: &crate::world::Seed, _now: jiff::Timestamp) {}
}

impl Store {
    /// A registry by its login server.
    pub fn by_login_server(&self, _host: &str) -> Option<()> {
        None
    }
}
