//! Microsoft.Network: what its described types do beyond their descriptions. Address ranges must be well formed, lie in their
//! network and not overlap; what is referred to must exist; what is in use cannot be deleted.
//! Source: Azure's documentation of virtual networks, and error texts that users have reported. There are no packets: nothing is
//! routed or filtered.

mod private_endpoint;
pub(in crate::arm) mod range;

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::super::Request;
use super::super::error::Error;
use super::super::store::Resource;
use super::data::{Hooks, Write};
use crate::kernel::resource_id::ResourceId;
pub(super) use private_endpoint::{Link, links_to};
use range::Range;

/// The hooks of the provider.
pub(super) struct Network;

const SUBNET: &str = "Microsoft.Network/virtualNetworks/subnets";

/// An error of the provider.
fn refused(code: &'static str, message: String) -> Error {
    Error { details: Some(Box::new(json!([]))), ..Error::provider(StatusCode::BAD_REQUEST, code, message) }
}

impl Hooks for Network {
    fn before_write(&self, request: &Request<'_>, write: &mut Write) -> Result<(), Error> {
        match write.resource.resource_type.as_str() {
            "Microsoft.Network/virtualNetworks" => network(request, write),
            SUBNET => subnet(request, write),
            "Microsoft.Network/networkSecurityGroups" => {
                let rules: Vec<&Resource> = write.children.iter().map(|child| &child.resource).collect();
                unique_priorities(&rules)
            }
            "Microsoft.Network/networkSecurityGroups/securityRules" => rule(request, &write.resource),
            "Microsoft.Network/routeTables" => write.children.iter().try_for_each(|child| route(&child.resource)),
            "Microsoft.Network/routeTables/routes" => route(&write.resource),
            "Microsoft.Network/publicIPAddresses" => {
                public_address(request, &mut write.resource);
                Ok(())
            }
            private_endpoint::TYPE => private_endpoint::check(request, &write.resource),
            _ => Ok(()),
        }
    }

    fn before_delete(&self, request: &Request<'_>, resource: &Resource) -> Result<(), Error> {
        match resource.resource_type.as_str() {
            "Microsoft.Network/virtualNetworks" => {
                let subnets = request.world.arm.resources_of_type(SUBNET, &resource.id);
                subnets.iter().try_for_each(|subnet| unused_subnet(request, subnet))
            }
            SUBNET => unused_subnet(request, resource),
            "Microsoft.Network/networkSecurityGroups" => unused_by_subnets(
                request,
                resource,
                "networkSecurityGroup",
                ("InUseNetworkSecurityGroupCannotBeDeleted", "Network security group"),
            ),
            "Microsoft.Network/routeTables" => {
                unused_by_subnets(request, resource, "routeTable", ("InUseRouteTableCannotBeDeleted", "Route table"))
            }
            _ => Ok(()),
        }
    }

    /// What refers to a resource, and whether the other side of a peering exists.
    fn render(&self, request: &Request<'_>, resource: &Resource, body: &mut Value) {
        match resource.resource_type.as_str() {
            "Microsoft.Network/networkSecurityGroups" => list_subnets(request, resource, "networkSecurityGroup", body),
            "Microsoft.Network/routeTables" => list_subnets(request, resource, "routeTable", body),
            _ => {}
        }
    }
}

/// The texts at a member that is one text or a list of them.
fn prefixes(resource: &Resource) -> Vec<String> {
    let properties = &resource.properties;
    let one = properties.get("addressPrefix").and_then(Value::as_str).map(str::to_owned);
    let many = properties.get("addressPrefixes").and_then(Value::as_array);
    let many = many.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned);
    let mut all: Vec<String> = many.collect();
    // Both may be given; one of them is then the first of the others.
    all.extend(one.filter(|one| !all.contains(one)));
    all
}

fn parsed(prefix: &str, id: &ResourceId) -> Result<Range, Error> {
    let Some(range) = Range::parse(prefix) else {
        return Err(refused(
            "InvalidAddressPrefixFormat",
            format!(
                "Address prefix {prefix} of resource {id} is not formatted correctly. It should follow CIDR notation, for example \
                 10.0.0.0/24."
            ),
        ));
    };
    if range.is_normal() {
        return Ok(range);
    }
    Err(refused(
        "InvalidCIDRNotation",
        format!(
            "The address prefix {prefix} in resource {id} has an invalid CIDR notation. For the given prefix length, the address prefix \
             should be {}.",
            range.normal()
        ),
    ))
}

fn ranges(resource: &Resource) -> Result<Vec<Range>, Error> {
    prefixes(resource).iter().map(|prefix| parsed(prefix, &resource.id)).collect()
}

fn space(network: &Resource) -> Result<Vec<Range>, Error> {
    let given = network.properties.get("addressSpace").and_then(|space| space["addressPrefixes"].as_array());
    given.into_iter().flatten().filter_map(Value::as_str).map(|prefix| parsed(prefix, &network.id)).collect()
}

fn network(request: &Request<'_>, write: &Write) -> Result<(), Error> {
    let space = space(&write.resource)?;
    for (position, one) in space.iter().enumerate() {
        if let Some(other) = space[position + 1..].iter().find(|other| other.overlaps(one)) {
            return Err(refused(
                "NetcfgInvalidVirtualNetworkSite",
                format!("The address prefixes {one} and {other} of virtual network '{}' overlap.", write.resource.name()),
            ));
        }
    }
    for subnet in &write.removed {
        unused_subnet(request, subnet)?;
    }
    // A PATCH leaves the subnets that it does not name.
    let named = |id: &ResourceId| {
        write.children.iter().any(|child| child.resource.id == *id) || write.removed.iter().any(|removed| removed.id == *id)
    };
    let kept = request.world.arm.resources_of_type(SUBNET, &write.resource.id);
    let kept = kept.iter().filter(|subnet| !named(&subnet.id)).map(|subnet| &**subnet);
    let subnets: Vec<&Resource> = write.children.iter().map(|child| &child.resource).chain(kept).collect();
    let mut seen: Vec<(&str, Range)> = Vec::new();
    for subnet in subnets.iter().filter(|child| child.resource_type == SUBNET) {
        references(request, subnet)?;
        for range in fitting(subnet, &space, write.resource.name())? {
            apart(subnet.name(), range, &seen, write.resource.name())?;
            seen.push((subnet.name(), range));
        }
    }
    Ok(())
}

fn subnet(request: &Request<'_>, write: &Write) -> Result<(), Error> {
    let subnet = &write.resource;
    let Some(network) = subnet.id.parent().and_then(|id| request.world.arm.resource(&id)) else { return Ok(()) };
    references(request, subnet)?;
    let others = request.world.arm.resources_of_type(SUBNET, &network.id);
    let mut seen = Vec::new();
    for other in others.iter().filter(|other| other.id != subnet.id) {
        seen.extend(ranges(other)?.into_iter().map(|range| (other.name(), range)));
    }
    for range in fitting(subnet, &space(&network)?, network.name())? {
        apart(subnet.name(), range, &seen, network.name())?;
    }
    Ok(())
}

/// The ranges of a subnet, which must lie in its network's.
fn fitting(subnet: &Resource, space: &[Range], network: &str) -> Result<Vec<Range>, Error> {
    let ranges = ranges(subnet)?;
    if ranges.is_empty() {
        return Err(refused("AddressPrefixStringCannotBeNullOrEmpty", "IP Address Prefix cannot be null or empty.".into()));
    }
    for range in &ranges {
        if !space.iter().any(|space| space.contains(range)) {
            return Err(refused(
                "NetcfgSubnetRangeOutsideVnet",
                format!(
                    "Subnet '{}' is not valid because its IP address range is outside the IP address range of virtual network \
                     '{network}'.",
                    subnet.name()
                ),
            ));
        }
        // Azure keeps five addresses of each subnet for itself: the smallest that can be is /29.
        if range.is_v4() && range.length() > 29 {
            return Err(refused(
                "NetcfgInvalidSubnet",
                format!("Subnet '{}' is not valid in virtual network '{network}'.", subnet.name()),
            ));
        }
    }
    Ok(ranges)
}

fn apart(name: &str, range: Range, seen: &[(&str, Range)], network: &str) -> Result<(), Error> {
    if !seen.iter().any(|(_, other)| other.overlaps(&range)) {
        return Ok(());
    }
    Err(refused(
        "NetcfgSubnetRangesOverlap",
        format!(
            "Subnet '{name}' is not valid because its IP address range overlaps with that of an existing subnet in virtual network \
             '{network}'."
        ),
    ))
}

/// What a subnet refers to must exist, of the types that are kept here.
fn references(request: &Request<'_>, subnet: &Resource) -> Result<(), Error> {
    for member in ["networkSecurityGroup", "routeTable"] {
        let Some(id) = subnet.properties.get(member).and_then(|given| given["id"].as_str()) else { continue };
        must_exist(request, id, subnet)?;
    }
    Ok(())
}

fn must_exist(request: &Request<'_>, id: &str, by: &Resource) -> Result<(), Error> {
    if request.world.arm.resource(&ResourceId::new(id)).is_some() {
        return Ok(());
    }
    Err(refused(
        "InvalidResourceReference",
        format!(
            "Resource {id} referenced by resource {} was not found. Please make sure that the referenced resource exists, and that both \
             resources are in the same region.",
            by.id
        ),
    ))
}

fn subnets_with<'a>(
    all: &'a [std::sync::Arc<Resource>],
    member: &'a str,
    id: &'a ResourceId,
) -> impl Iterator<Item = &'a std::sync::Arc<Resource>> {
    all.iter().filter(move |subnet| {
        subnet.properties.get(member).and_then(|given| given["id"].as_str()).is_some_and(|given| ResourceId::new(given) == *id)
    })
}

fn all_subnets(request: &Request<'_>, of: &ResourceId) -> Vec<std::sync::Arc<Resource>> {
    let subscription = ResourceId::of_subscription(of.subscription().unwrap_or_default());
    request.world.arm.resources_of_type(SUBNET, &subscription)
}

fn list_subnets(request: &Request<'_>, resource: &Resource, member: &str, body: &mut Value) {
    let all = all_subnets(request, &resource.id);
    let using: Vec<Value> = subnets_with(&all, member, &resource.id).map(|subnet| json!({ "id": subnet.id.as_str() })).collect();
    if !using.is_empty() {
        body["properties"]["subnets"] = Value::Array(using);
    }
}

fn unused_by_subnets(
    request: &Request<'_>,
    resource: &Resource,
    member: &str,
    (code, what): (&'static str, &str),
) -> Result<(), Error> {
    let all = all_subnets(request, &resource.id);
    let using: Vec<&str> = subnets_with(&all, member, &resource.id).map(|subnet| subnet.id.as_str()).collect();
    if using.is_empty() {
        return Ok(());
    }
    let message = format!(
        "{what} {} cannot be deleted because it is in use by the following resources: {}.",
        resource.id,
        using.join(", ")
    );
    Err(refused(code, message))
}

/// A subnet in which a cluster's nodes are cannot be deleted.
fn unused_subnet(request: &Request<'_>, subnet: &Resource) -> Result<(), Error> {
    let subscription = ResourceId::of_subscription(subnet.id.subscription().unwrap_or_default());
    let clusters = request.world.arm.resources_of_type("Microsoft.ContainerService/managedClusters", &subscription);
    let key = subnet.id.key();
    let user = clusters.iter().find(|cluster| {
        let pools = cluster.properties.get("agentPoolProfiles").and_then(Value::as_array);
        let inside = |pool: &Value| pool["vnetSubnetID"].as_str().is_some_and(|id| ResourceId::new(id).key() == key);
        pools.is_some_and(|pools| pools.iter().any(inside))
    });
    let Some(cluster) = user else { return Ok(()) };
    let group = cluster.properties.get("nodeResourceGroup").and_then(Value::as_str).unwrap_or_default();
    let user = format!(
        "/subscriptions/{}/resourceGroups/{group}/providers/Microsoft.Compute/virtualMachineScaleSets",
        cluster.id.subscription().unwrap_or_default()
    );
    Err(refused(
        "InUseSubnetCannotBeDeleted",
        format!(
            "Subnet {} is in use by {user} and cannot be deleted. In order to delete the subnet, delete all the resources within the \
             subnet. See aka.ms/deletesubnet.",
            subnet.name()
        ),
    ))
}

fn rule(request: &Request<'_>, rule: &Resource) -> Result<(), Error> {
    let Some(group) = rule.id.parent() else { return Ok(()) };
    let others = request.world.arm.resources_of_type(&rule.resource_type, &group);
    let others = others.iter().map(|other| &**other).filter(|other| other.id != rule.id);
    let all: Vec<&Resource> = others.chain([rule]).collect();
    unique_priorities(&all)
}

fn unique_priorities(rules: &[&Resource]) -> Result<(), Error> {
    let place = |rule: &Resource| (rule.properties.get("direction").cloned(), rule.properties.get("priority").cloned());
    for (position, rule) in rules.iter().enumerate() {
        if let Some(other) = rules[..position].iter().find(|other| place(other) == place(rule)) {
            return Err(refused(
                "SecurityRuleConflict",
                format!(
                    "Security rule {} conflicts with rule {}. Rules cannot have the same Priority and Direction.",
                    rule.name(),
                    other.name()
                ),
            ));
        }
    }
    Ok(())
}

/// A prefix, and an address exactly where the next hop is an appliance (the code for its absence is inferred).
fn route(route: &Resource) -> Result<(), Error> {
    let text = |member: &str| route.properties.get(member).and_then(Value::as_str);
    let prefix = text("addressPrefix").unwrap_or_default();
    // A service tag may stand in the place of a range.
    if prefix.contains('/') {
        parsed(prefix, &route.id)?;
    }
    let appliance = text("nextHopType") == Some("VirtualAppliance");
    if appliance == text("nextHopIpAddress").is_some_and(|address| !address.is_empty()) {
        return Ok(());
    }
    Err(refused(
        "InvalidNextHopIpAddress",
        format!("Route {} must have a next hop IP address exactly if its next hop type is VirtualAppliance.", route.name()),
    ))
}

/// A static address is given when the resource is made, out of a block that is nobody's here.
fn public_address(request: &Request<'_>, resource: &mut Resource) {
    let label = resource.properties.get("dnsSettings").and_then(|settings| settings["domainNameLabel"].as_str());
    if let Some(fqdn) =
        label.map(|label| format!("{label}.{}.cloudapp.azure.com", resource.location.as_deref().unwrap_or_default()))
    {
        resource.properties["dnsSettings"]["fqdn"] = json!(fqdn);
    }
    let fixed = resource.properties.get("publicIPAllocationMethod").and_then(Value::as_str) == Some("Static");
    if !fixed {
        resource.properties.remove("ipAddress");
    }
    if fixed && !resource.properties.contains_key("ipAddress") {
        let bytes = request.world.ids.named(resource.id.key()).into_bytes();
        let address = if resource.properties.get("publicIPAddressVersion").and_then(Value::as_str) == Some("IPv6") {
            format!("2603:1030:{:x}{:02x}::{:x}", bytes[0], bytes[1], bytes[2])
        } else {
            format!("20.{}.{}.{}", bytes[0], bytes[1], bytes[2].max(1))
        };
        resource.properties.insert("ipAddress".into(), json!(address));
    }
}
