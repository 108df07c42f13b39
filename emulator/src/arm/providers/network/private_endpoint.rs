//! Private endpoints: a subnet's way to a registry or a cluster. Who makes one needs the right to join the subnet and, unless the other
//! side is only asked, the right to approve connections there: linked rights, checked beside the write itself. Source: Azure's documentation
//! of private endpoints and of the two actions. That the subnet may be left out where nothing is connected is azlet's own leniency.

use std::sync::Arc;

use serde_json::Value;

use super::{must_exist, refused};
use crate::arm::Request;
use crate::arm::error::{self, Error};
use crate::arm::store::Resource;
use crate::kernel::principal::Caller;
use crate::kernel::resource_id::ResourceId;
use crate::world::World;

pub(super) const TYPE: &str = "Microsoft.Network/privateEndpoints";
const JOIN: &str = "Microsoft.Network/virtualNetworks/subnets/join/action";

/// What an endpoint connects to something: whether the other side need not be asked, and what it is told.
pub(in crate::arm) struct Link {
    /// The endpoint.
    pub(in crate::arm) endpoint: Arc<Resource>,
    /// Whether it counts as approved at once.
    pub(in crate::arm) approved: bool,
    /// What who has to approve it is told.
    pub(in crate::arm) message: String,
}

/// The connections of an endpoint: approved at once or not, and the connection itself.
fn connections(endpoint: &Resource) -> impl Iterator<Item = (bool, &Value)> {
    [("privateLinkServiceConnections", true), ("manualPrivateLinkServiceConnections", false)].into_iter().flat_map(
        |(member, approved)| {
            let list = endpoint.properties.get(member).and_then(Value::as_array);
            list.into_iter().flatten().map(move |link| (approved, &link["properties"]))
        },
    )
}

fn target(link: &Value) -> &str {
    link["privateLinkServiceId"].as_str().unwrap_or_default()
}

/// What every endpoint of the world connects to a resource, in the order of the endpoints' ids.
pub(in crate::arm) fn links_to(world: &World, resource: &ResourceId) -> Vec<Link> {
    let mut found = Vec::new();
    for subscription in world.arm.subscriptions() {
        for endpoint in world.arm.resources_of_type(TYPE, &ResourceId::of_subscription(subscription.id)) {
            let links = connections(&endpoint).filter(|(_, link)| ResourceId::new(target(link)) == *resource);
            found.extend(links.map(|(approved, link)| Link {
                endpoint: Arc::clone(&endpoint),
                approved,
                message: link["requestMessage"].as_str().unwrap_or_default().to_owned(),
            }));
        }
    }
    found
}

/// Checks an endpoint that is written: rights first, then whether what it names is there.
pub(super) fn check(request: &Request<'_>, endpoint: &Resource) -> Result<(), Error> {
    let subnet = endpoint.properties.get("subnet").and_then(|subnet| subnet["id"].as_str());
    let Some(subnet) = subnet else {
        return match connections(endpoint).next() {
            None => Ok(()),
            Some(_) => {
                let message = format!("The private endpoint {} has no subnet: properties.subnet.id is required.", endpoint.id);
                Err(refused("MissingRequiredProperty", message))
            }
        };
    };
    let before = request.world.arm.resource(&endpoint.id);
    let had = |id: &str| before.as_ref().is_some_and(|before| connections(before).any(|(_, link)| target(link) == id));
    may(request, JOIN, subnet)?;
    for (_, link) in connections(endpoint).filter(|(approved, link)| *approved && !had(target(link))) {
        let id = ResourceId::new(target(link));
        if let Some(resource) = request.world.arm.resource(&id) {
            may(request, &format!("{}/privateEndpointConnectionsApproval/action", resource.resource_type), id.as_str())?;
        }
    }
    must_exist(request, subnet, endpoint)?;
    connections(endpoint).try_for_each(|(_, link)| must_exist(request, target(link), endpoint))
}

fn may(request: &Request<'_>, action: &str, id: &str) -> Result<(), Error> {
    if request.may(action, &ResourceId::new(id)) {
        return Ok(());
    }
    let Caller { label, object_id, .. } = &request.caller;
    let done = (request.action.as_str(), request.target.id.as_str());
    Err(error::linked_authorization_failed(label, object_id, done, (action, &[id.to_owned()])))
}
