//! The controllers.

use std::sync::Arc;

use super::store::Cluster;
use crate::world::World;

/// Lets the controllers act on everything that changed, until nothing is left to do.
pub fn settle(_world: &World, cluster: &Arc<Cluster>) {
    while cluster.next_dirty().is_some() {}
}
