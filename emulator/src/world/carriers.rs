//! Which resources carry which managed identities: what the metadata service, and a list of an identity's resources, are asked.

use std::sync::Arc;

use serde_json::Value;

use super::World;
use crate::arm::store::Resource;
use crate::kernel::resource_id::ResourceId;

/// The user-assigned identities that a resource carries: its own, and those that its parts run as.
fn carried(resource: &Resource) -> Vec<ResourceId> {
    let own = resource.identity.as_ref().and_then(|identity| identity["userAssignedIdentities"].as_object());
    let own = own.into_iter().flatten().map(|(id, _)| ResourceId::new(id));
    let parts = resource.properties.get("identityProfile").and_then(Value::as_object);
    let parts = parts.into_iter().flatten().filter_map(|(_, part)| part["resourceId"].as_str().map(ResourceId::new));
    own.chain(parts).collect()
}

impl World {
    /// Every resource of every subscription that carries some identity.
    fn with_identities(&self) -> impl Iterator<Item = (Arc<Resource>, Vec<ResourceId>)> {
        let subscriptions = self.arm.subscriptions();
        let all: Vec<_> =
            subscriptions.iter().flat_map(|it| self.arm.resources_below(&ResourceId::of_subscription(it.id))).collect();
        all.into_iter().map(|resource| {
            let carried = carried(&resource);
            (resource, carried)
        })
    }

    /// The resources that carry a user-assigned identity.
    pub fn carriers(&self, identity: &ResourceId) -> Vec<Arc<Resource>> {
        let carries = |all: &[ResourceId]| all.iter().any(|id| id.key() == identity.key());
        self.with_identities().filter(|(_, all)| carries(all)).map(|(resource, _)| resource).collect()
    }

    /// Every user-assigned identity that some resource carries.
    pub fn carried_identities(&self) -> Vec<ResourceId> {
        let mut all: Vec<ResourceId> = self.with_identities().flat_map(|(_, all)| all).collect();
        all.sort_by(|one, other| one.key().cmp(other.key()));
        all.dedup_by(|one, other| one.key() == other.key());
        all
    }

    /// The user-assigned identities that one resource carries, and the object id of its system-assigned one.
    pub fn identities_of(&self, resource: &ResourceId) -> Option<(Vec<ResourceId>, Option<uuid::Uuid>)> {
        let resource = self.arm.resource(resource)?;
        let system = resource.identity.as_ref().and_then(|identity| identity["principalId"].as_str());
        let system = system.and_then(|id| uuid::Uuid::try_parse(id).ok());
        Some((carried(&resource), system))
    }

    /// The object id of a user-assigned identity's service principal.
    pub fn principal_of_identity(&self, identity: &ResourceId) -> Option<uuid::Uuid> {
        let resource = self.arm.resource(identity)?;
        uuid::Uuid::try_parse(resource.properties.get("principalId")?.as_str()?).ok()
    }
}
