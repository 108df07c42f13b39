//! The lockdown of the node resource group: with `nodeResourceGroupProfile.restrictionLevel` `ReadOnly` nobody but the cluster changes what
//! lies in it. Source: AKS' documentation ("Fully managed resource group with node resource group lockdown"): it is a deny assignment.

use serde_json::Value;
use uuid::Uuid;

use super::super::authorization::denials;
use crate::arm::store::Resource;
use crate::kernel::resource_id::ResourceId;
use crate::world::World;

/// Locks a cluster's node group or takes the lock away, as the cluster's profile says.
pub(super) fn apply(world: &World, cluster: &Resource, node_group: &ResourceId) {
    let level = cluster.properties.get("nodeResourceGroupProfile").and_then(|profile| profile["restrictionLevel"].as_str());
    if !level.is_some_and(|level| level.eq_ignore_ascii_case("ReadOnly")) {
        return denials::unlock(world, &cluster.id);
    }
    let own = cluster.identity.as_ref().and_then(|identity| identity["principalId"].as_str());
    let assigned = cluster.identity.as_ref().and_then(|identity| identity["userAssignedIdentities"].as_object());
    let assigned = assigned.into_iter().flatten().filter_map(|(_, identity)| identity["principalId"].as_str());
    let of_profile = cluster.properties.get("identityProfile").and_then(Value::as_object).into_iter().flatten();
    let of_profile = of_profile.filter_map(|(_, identity)| identity["objectId"].as_str());
    let excluded: Vec<Uuid> =
        own.into_iter().chain(assigned).chain(of_profile).filter_map(|id| Uuid::try_parse(id).ok()).collect();
    denials::lock_down(world, node_group, &cluster.id, &excluded);
}
