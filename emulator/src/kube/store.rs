//! The state of this plane.

/// Everything that this plane keeps.
#[derive(Debug, Default)]
pub struct Store {}

/// What happens later in a cluster.
#[derive(Debug)]
pub enum Due {}
