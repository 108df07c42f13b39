//! The network profile and the way to the API server: plugin, policy and dataplane, ranges, ways out, private clusters.
//!
//! Sources: AKS' list of error codes; texts of `DnsServiceIpOutOfServiceCidr` (troubleshooting page), `CidrStringParseError`,
//! `NetworkPolicyNotSupported` and the Cilium dataplane's (reported by users). The other texts are inferred.

use std::net::IpAddr;

use serde_json::{Map, Value};

use super::super::errors;
use super::super::ranges::Range;
use super::{is, number, object, on, refuse, text};
use crate::arm::error::Error;

/// What was sent, and what the profile will be.
pub(super) fn check(sent: &Map<String, Value>, done: &Map<String, Value>) -> Result<(), Error> {
    plugin(done)?;
    policy(done)?;
    ranges(done)?;
    dns(done)?;
    families(done)?;
    outbound(sent, done)?;
    if let Some(balancer) = object(sent, "loadBalancerProfile") {
        balancer_profile(balancer)?;
    }
    match object(sent, "natGatewayProfile") {
        Some(gateway) => nat_gateway(gateway),
        None => Ok(()),
    }
}

fn plugin(done: &Map<String, Value>) -> Result<(), Error> {
    if is(done, "networkPluginMode", "overlay") && !is(done, "networkPlugin", "azure") {
        let details = "Network plugin mode overlay requires network plugin azure.";
        return Err(errors::invalid_value("networkProfile.networkPluginMode", details));
    }
    if is(done, "networkDataplane", "cilium") && !is(done, "networkPlugin", "azure") {
        let details = "Network dataplane cilium requires network plugin azure.";
        return Err(errors::invalid_value("networkProfile.networkDataplane", details));
    }
    Ok(())
}

fn policy(done: &Map<String, Value>) -> Result<(), Error> {
    const TARGET: &str = "networkProfile.networkPolicy";
    let policy = text(done, "networkPolicy").to_lowercase();
    let cilium = is(done, "networkDataplane", "cilium");
    if policy == "cilium" && !cilium {
        let message = "Network Policy cilium requires NetworkDataplane cilium";
        return Err(refuse("NetworkPolicyNotSupported", TARGET, message).subcode("NetworkPolicyCiliumRequiresCiliumDataplane"));
    }
    if cilium && !matches!(policy.as_str(), "cilium" | "none" | "") {
        let message = "Cilium dataplane requires network policy cilium.";
        return Err(refuse("BadRequest", TARGET, message).subcode("CiliumDataplaneRequiresNetworkPolicyCilium"));
    }
    if policy == "azure" && is(done, "networkPlugin", "kubenet") {
        let message = "Network policy azure is not supported for network plugin kubenet.";
        return Err(refuse("NetworkPolicyAzureNotSupportedForKubenet", TARGET, message));
    }
    if !matches!(policy.as_str(), "none" | "") && is(done, "networkPlugin", "none") {
        let message = format!("Network policy {policy} is not supported for network plugin none.");
        return Err(refuse("NetworkPolicyNotSupportedForNone", TARGET, message));
    }
    Ok(())
}

/// The ranges of a member and of its list, each with how the error names it.
fn all_ranges<'a>(done: &'a Map<String, Value>, one: &str, many: &str) -> Vec<&'a str> {
    let listed = done.get(many).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    let mut all: Vec<&str> = Some(text(done, one)).filter(|range| !range.is_empty()).into_iter().chain(listed).collect();
    all.dedup();
    all
}

fn ranges(done: &Map<String, Value>) -> Result<(), Error> {
    let read = |one: &str, many: &str, target: &str| -> Result<Vec<(String, Range)>, Error> {
        let each = all_ranges(done, one, many).into_iter().map(|text| {
            let range = Range::read(text).ok_or_else(|| refuse("CidrStringParseError", target, "Cidr is invalid"))?;
            Ok((text.to_owned(), range))
        });
        each.collect()
    };
    let services = read("serviceCidr", "serviceCidrs", "networkProfile.serviceCIDR")?;
    let pods = read("podCidr", "podCidrs", "networkProfile.podCIDR")?;
    for (service, range) in &services {
        if let Some((pod, _)) = pods.iter().find(|(_, pod)| pod.overlaps(range)) {
            let message = format!("The specified pod CIDR {pod} overlaps with the service CIDR {service}.");
            return Err(refuse("PodCidrOverlapServiceCidr", "networkProfile.podCIDR", message));
        }
        if range.is_v6() && !(108..=128).contains(&range.prefix()) {
            let message = format!("The specified IPv6 service CIDR {service} is too large. It must be /108 or smaller.");
            return Err(refuse("InvalidServiceCidrIPv6MaskSize", "networkProfile.serviceCIDR", message));
        }
        // A service has to have an address beside the API server's and the DNS'.
        if !range.is_v6() && range.prefix() < 12 {
            let details = format!("The service CIDR {service} is too large. It must be smaller than /12.");
            return Err(errors::invalid_value("networkProfile.serviceCidr", &details));
        }
    }
    Ok(())
}

/// The cluster's DNS: in the range of the services, and neither the API server's address nor one of the range's ends.
fn dns(done: &Map<String, Value>) -> Result<(), Error> {
    const TARGET: &str = "networkProfile.dnsServiceIP";
    let (said, service) = (text(done, "dnsServiceIP"), text(done, "serviceCidr"));
    if said.is_empty() {
        return Ok(());
    }
    let address: IpAddr = said
        .parse()
        .map_err(|_| refuse("DnsServiceIpParseError", TARGET, format!("The DNS service IP {said} is not a valid IP address.")))?;
    let Some(range) = Range::read(service) else { return Ok(()) };
    let Some(position) = range.position(address) else {
        let message = format!("The DNS service IP {said} is out of the range defined by service CIDR {service}.");
        return Err(refuse("DnsServiceIpOutOfServiceCidr", TARGET, message));
    };
    if position <= 1 {
        let message = format!(
            "The DNS service IP {said} is conflicted with the API server's IP. It must not be one of the first two addresses of service CIDR {service}."
        );
        return Err(refuse("DnsServiceIpConflicting", TARGET, message));
    }
    if range.is_last(position) && !range.is_v6() {
        let message = format!("The DNS service IP {said} is the broadcast address of service CIDR {service}.");
        return Err(refuse("DnsBroadcastAddressConflicting", TARGET, message));
    }
    Ok(())
}

fn families(done: &Map<String, Value>) -> Result<(), Error> {
    let families = done.get("ipFamilies").and_then(Value::as_array).map_or(0, Vec::len);
    if families > 2 {
        return Err(errors::invalid_value("networkProfile.ipFamilies", "At most one family of each kind can be named."));
    }
    if families == 2 && is(done, "networkPlugin", "azure") && !is(done, "networkPluginMode", "overlay") {
        let message = "Dual-stack networking with network plugin azure requires network plugin mode overlay.";
        return Err(refuse("UnsupportedDualStackNetworkPlugin", "networkProfile.networkPlugin", message));
    }
    let count = |member: &str| done.get(member).and_then(Value::as_array).map_or(0, Vec::len);
    if ["podCidrs", "serviceCidrs"].into_iter().any(|member| count(member) > families.max(1)) {
        let message = "There can be one CIDR for each IP family.";
        return Err(refuse("InvalidNetworkingConfig", "networkProfile.ipFamilies", message));
    }
    Ok(())
}

fn outbound(sent: &Map<String, Value>, done: &Map<String, Value>) -> Result<(), Error> {
    let kind = text(done, "outboundType");
    let other = !kind.is_empty() && !kind.eq_ignore_ascii_case("loadBalancer");
    if is(done, "loadBalancerSku", "basic") && (other || object(sent, "loadBalancerProfile").is_some_and(chooses_addresses)) {
        let message = "Load balancer SKU must be Standard when a load balancer profile is provided or the outbound type is not loadBalancer.";
        return Err(refuse(
            "UnexpectedLoadBalancerSkuForCurrentOutboundConfiguration",
            "networkProfile.loadBalancerSku",
            message,
        ));
    }
    if kind.eq_ignore_ascii_case("userDefinedRouting") && object(sent, "loadBalancerProfile").is_some_and(chooses_addresses) {
        let message = "A load balancer profile cannot be set when the outbound type is userDefinedRouting.";
        return Err(refuse("InvalidUserDefinedRoutingWithLoadBalancerProfile", "networkProfile.loadBalancerProfile", message));
    }
    Ok(())
}

const ADDRESSES: [&str; 3] = ["managedOutboundIPs", "outboundIPPrefixes", "outboundIPs"];

fn chosen(balancer: &Map<String, Value>) -> usize {
    ADDRESSES.into_iter().filter(|kind| object(balancer, kind).is_some_and(|kind| !kind.is_empty())).count()
}

fn chooses_addresses(balancer: &Map<String, Value>) -> bool {
    chosen(balancer) > 0
}

fn balancer_profile(balancer: &Map<String, Value>) -> Result<(), Error> {
    const TARGET: &str = "networkProfile.loadBalancerProfile";
    if chosen(balancer) > 1 {
        let message =
            "Only one of managedOutboundIPs, outboundIPPrefixes and outboundIPs can be set in the load balancer profile.";
        return Err(refuse("InvalidLoadBalancerProfile", TARGET, message));
    }
    let within = |value: Option<i64>, least: i64, most: i64| value.is_none_or(|value| (least..=most).contains(&value));
    let managed = object(balancer, "managedOutboundIPs");
    let of_managed = |member: &str| managed.and_then(|managed| number(managed, member));
    if !within(of_managed("count"), 1, 100) || !within(of_managed("countIPv6"), 0, 100) {
        let message = "The count of managed outbound IPs must be between 1 and 100.";
        return Err(refuse("InvalidLoadBalancerProfileManagedOutboundIPCount", &format!("{TARGET}.managedOutboundIPs"), message));
    }
    if !within(number(balancer, "idleTimeoutInMinutes").filter(|minutes| *minutes != 0), 4, 120) {
        let message = "Idle timeout in minutes must be between 4 and 120.";
        return Err(refuse("InvalidLoadBalancerProfileIdleTimeoutInMinutes", &format!("{TARGET}.idleTimeoutInMinutes"), message));
    }
    let ports = number(balancer, "allocatedOutboundPorts").unwrap_or(0);
    let target = format!("{TARGET}.allocatedOutboundPorts");
    if ports < 0 {
        let message = "Allocated outbound ports cannot be negative.";
        return Err(refuse("LoadBalancerProfileAllocatedOutboundPortsCannotBeNegative", &target, message));
    }
    if ports > 64_000 {
        let message = "Allocated outbound ports must be between 0 and 64000.";
        return Err(refuse("InvalidLoadBalancerProfileAllocatedOutboundPorts", &target, message));
    }
    if ports % 8 != 0 {
        let message = "Allocated outbound ports must be a multiple of 8.";
        return Err(refuse("LoadBalancerProfileAllocatedOutboundPortsMustBeMultipleOfEight", &target, message));
    }
    for (kind, member, code) in [
        ("outboundIPs", "publicIPs", "InvalidLoadBalancerProfileOutboundIPs"),
        ("outboundIPPrefixes", "publicIPPrefixes", "InvalidLoadBalancerProfileOutboundIPPrefixes"),
    ] {
        let ids = object(balancer, kind).and_then(|kind| kind.get(member)).and_then(Value::as_array);
        let wrong = |each: &Value| {
            !each["id"].as_str().is_some_and(|id| {
                id.to_lowercase().contains(&format!(
                    "/microsoft.network/{}",
                    if kind == "outboundIPs" { "publicipaddresses/" } else { "publicipprefixes/" }
                ))
            })
        };
        if ids.is_some_and(|ids| ids.iter().any(wrong)) {
            return Err(refuse(
                code,
                &format!("{TARGET}.{kind}"),
                format!("{kind} of the load balancer profile must be resource IDs."),
            ));
        }
    }
    Ok(())
}

fn nat_gateway(gateway: &Map<String, Value>) -> Result<(), Error> {
    let count = object(gateway, "managedOutboundIPProfile").and_then(|profile| number(profile, "count"));
    if count.is_some_and(|count| !(1..=16).contains(&count)) {
        let message = "The count of managed outbound IPs of the NAT gateway must be between 1 and 16.";
        let target = "networkProfile.natGatewayProfile.managedOutboundIPProfile.count";
        return Err(refuse("InvalidNATGatewayProfileManagedOutboundIPCount", target, message));
    }
    if number(gateway, "idleTimeoutInMinutes").is_some_and(|minutes| minutes != 0 && !(4..=120).contains(&minutes)) {
        let message = "Idle timeout in minutes of the NAT gateway must be between 4 and 120.";
        return Err(refuse(
            "InvalidNATGatewayProfileIdleTimeoutInMinutes",
            "networkProfile.natGatewayProfile.idleTimeoutInMinutes",
            message,
        ));
    }
    Ok(())
}

/// The way to the API server. `system` says whether the control plane has an identity that lives with the cluster.
pub(super) fn api_server(done: &Map<String, Value>, system: bool) -> Result<(), Error> {
    let none = Map::new();
    let access = object(done, "apiServerAccessProfile").unwrap_or(&none);
    let network = object(done, "networkProfile").unwrap_or(&none);
    let private = on(access, "enablePrivateCluster");
    let ranges: Vec<&str> =
        access.get("authorizedIPRanges").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    for range in &ranges {
        // What does not begin with a digit is the tag of a service.
        if Range::read(range).is_none() && range.starts_with(|first: char| first.is_ascii_digit()) {
            let details = format!("{range} is not an IP address or a CIDR.");
            return Err(errors::invalid_value("apiServerAccessProfile.authorizedIPRanges", &details));
        }
    }
    if private && !ranges.is_empty() {
        let details = "Authorized IP ranges are not supported for private clusters.";
        return Err(errors::invalid_value("apiServerAccessProfile.authorizedIPRanges", details));
    }
    if private && is(network, "loadBalancerSku", "basic") {
        let message = "Private clusters are not supported with the Basic load balancer.";
        return Err(refuse(
            "PrivateClusterNotSupportedWithBasicLoadBalancer",
            "apiServerAccessProfile.enablePrivateCluster",
            message,
        ));
    }
    let zone = text(access, "privateDNSZone");
    let custom = zone.to_lowercase().contains("/providers/microsoft.network/privatednszones/");
    if private && !custom && !matches!(zone.to_lowercase().as_str(), "" | "system" | "none") {
        let message =
            format!("Invalid private DNS zone mode {zone}. It must be system, none or a resource ID of a private DNS zone.");
        return Err(refuse("InvalidPrivateDNSZoneMode", "apiServerAccessProfile.privateDNSZone", message));
    }
    if zone.eq_ignore_ascii_case("none") && access.get("enablePrivateClusterPublicFQDN") == Some(&Value::Bool(false)) {
        let message = "The public FQDN cannot be disabled when the private DNS zone mode is none.";
        return Err(refuse(
            "NonePrivateDNSZonePublicFQDNDisabledError",
            "apiServerAccessProfile.enablePrivateClusterPublicFQDN",
            message,
        ));
    }
    if custom && system {
        let message = "System assigned identity is not supported for a custom private DNS zone. Use a user assigned identity or a service principal.";
        return Err(refuse(
            "SystemAssignedIdentityNotSupportedForCustomPrivateDNSZone",
            "apiServerAccessProfile.privateDNSZone",
            message,
        ));
    }
    if !text(done, "fqdnSubdomain").is_empty() && !custom {
        let details = "fqdnSubdomain requires a private cluster with a custom private DNS zone.";
        return Err(errors::invalid_value("fqdnSubdomain", details));
    }
    Ok(())
}
