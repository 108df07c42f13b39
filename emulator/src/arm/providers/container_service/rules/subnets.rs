//! The subnets of pools. Who puts a pool into a subnet needs the right to join it, a linked right beside the write itself; and a subnet
//! that is served must be there.
//!
//! Sources: AKS' documentation of the right; the list of error codes (texts inferred); `ServiceCidrOverlapExistingSubnetsCidr` as AKS'
//! troubleshooting page has it.

use serde_json::{Map, Value};

use super::super::super::super::{Request, catalog};
use super::super::ranges::Range;
use super::{is, object, refuse, text};
use crate::arm::error::{self, Error};
use crate::kernel::principal::Caller;
use crate::kernel::resource_id::ResourceId;

/// What joins a machine to a subnet.
const JOIN: &str = "Microsoft.Network/virtualNetworks/subnets/join/action";

fn pools(cluster: &Map<String, Value>) -> impl Iterator<Item = &Map<String, Value>> {
    cluster.get("agentPoolProfiles").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_object)
}

/// Every subnet that the pools of a cluster name, and its API server.
fn named(cluster: &Map<String, Value>) -> Vec<(&'static str, String)> {
    let of_pools =
        pools(cluster).flat_map(|pool| ["vnetSubnetID", "podSubnetID"].map(|member| (member, text(pool, member).to_owned())));
    let server = object(cluster, "apiServerAccessProfile").map(|access| ("subnetId", text(access, "subnetId").to_owned()));
    of_pools.chain(server).filter(|(_, id)| !id.is_empty()).collect()
}

/// The subnets of a cluster as it will be; those that it had are not asked about again.
pub(in super::super) fn check(
    request: &Request<'_>,
    done: &Map<String, Value>,
    earlier: &Map<String, Value>,
) -> Result<(), Error> {
    let had = named(earlier);
    let mut refused: Vec<String> = Vec::new();
    for (member, id) in named(done).into_iter().filter(|each| !had.contains(each)) {
        let subnet = ResourceId::new(&id);
        let segments: Vec<&str> = subnet.segments().collect();
        let is_subnet = segments.len() == 10
            && ["subscriptions", "resourceGroups", "providers", "virtualNetworks", "subnets"]
                .into_iter()
                .zip([0, 2, 4, 6, 8])
                .all(|(word, position)| segments[position].eq_ignore_ascii_case(word));
        if !is_subnet {
            let message = format!("The {member} {id} is not the resource ID of a subnet.");
            return Err(refuse("InvalidSubnetSourceID", &format!("agentPoolProfile.{member}"), message));
        }
        if !request.may(JOIN, &subnet) && !refused.contains(&id) {
            refused.push(id);
        }
    }
    if !refused.is_empty() {
        let Caller { label, object_id, .. } = &request.caller;
        let action = (request.action.as_str(), request.target.id.as_str());
        return Err(error::linked_authorization_failed(label, object_id, action, (JOIN, &refused)));
    }
    ways_out(done)?;
    for (member, id) in named(done).into_iter().filter(|each| !had.contains(each)) {
        exists(request, done, member, &id)?;
    }
    Ok(())
}

/// NAT gateways: AKS' own is for its own network, the caller's for the caller's.
fn ways_out(done: &Map<String, Value>) -> Result<(), Error> {
    let none = Map::new();
    let network = object(done, "networkProfile").unwrap_or(&none);
    let custom = pools(done).any(|pool| !text(pool, "vnetSubnetID").is_empty());
    if custom && is(network, "outboundType", "managedNATGateway") {
        let message = "Outbound type managedNATGateway is not allowed with a custom virtual network.";
        return Err(refuse("ManagedNATGatewayWithCustomVNetNotAllowed", "networkProfile.outboundType", message));
    }
    if !custom && is(network, "outboundType", "userAssignedNATGateway") {
        let message = "Outbound type userAssignedNATGateway is not allowed with a managed virtual network.";
        return Err(refuse("UserAssignedNATGatewayWithManagedVNetNotAllowed", "networkProfile.outboundType", message));
    }
    Ok(())
}

/// A subnet must be there, and its addresses must not be the services'.
fn exists(request: &Request<'_>, done: &Map<String, Value>, member: &str, id: &str) -> Result<(), Error> {
    let served = catalog::provider("Microsoft.Network")
        .is_some_and(|provider| provider.types.iter().any(|kind| kind.name.eq_ignore_ascii_case("virtualNetworks/subnets")));
    if !served {
        return Ok(());
    }
    let Some(subnet) = request.world.arm.resource(&ResourceId::new(id)) else {
        let message = format!("The subnet {id} was not found.");
        return Err(refuse("SubnetNotFound", &format!("agentPoolProfile.{member}"), message));
    };
    let network = object(done, "networkProfile");
    let service = network.map(|network| text(network, "serviceCidr")).unwrap_or_default();
    let prefix = text(&subnet.properties, "addressPrefix");
    if let (Some(own), Some(services)) = (Range::read(prefix), Range::read(service))
        && own.overlaps(&services)
    {
        let message = format!("The specified service CIDR {service} is conflicted with an existing subnet CIDR {prefix}");
        return Err(refuse("ServiceCidrOverlapExistingSubnetsCidr", "networkProfile.serviceCIDR", message));
    }
    Ok(())
}
