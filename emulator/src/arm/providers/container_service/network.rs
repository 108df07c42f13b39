//! The network profile of a cluster, completed with what AKS fills in: by plugin, mode and dataplane, and by the way out of the cluster.
//!
//! Sources: AKS' REST reference (defaults), its pages on networking, and bodies as AKS answers them. The plugin that a cluster gets
//! when nothing is said changed from kubenet to overlay: in recorded answers with the previews of 2024; that stable api-versions
//! follow with 2024-09-01 is inferred. What is left of the load balancer profile with another way out is inferred from one answer.

use serde_json::{Map, Value, json};

use super::body::Facts;
use super::completion::Completion;
use super::ranges::Range;

/// The first stable api-version, and the first preview, whose default is overlay.
const OVERLAY_SINCE: (&str, &str) = ("2024-09-01", "2024-05-02-preview");

fn overlay_is_default(facts: &Facts) -> bool {
    let (stable, preview) = OVERLAY_SINCE;
    let version = facts.api_version.as_str();
    facts.automatic || if version.ends_with("-preview") { version >= preview } else { version >= stable }
}

/// The network profile of a cluster.
pub(super) fn profile(cluster: &Completion<'_>, facts: &Facts) -> Value {
    cluster.inner("networkProfile", |profile| {
        plugin(profile, facts);
        profile.or("loadBalancerSku", json!("standard"));
        let outbound = profile.text("outboundType").map(str::to_lowercase);
        let outbound = outbound.unwrap_or_else(|| if facts.automatic { "managednatgateway" } else { "loadbalancer" }.to_owned());
        balancer(profile, facts, &outbound);
        nat_gateway(profile, facts, &outbound);
        ranges(profile);
        profile.or("outboundType", json!(if facts.automatic { "managedNATGateway" } else { "loadBalancer" }));
        for (many, one) in [("podCidrs", "podCidr"), ("serviceCidrs", "serviceCidr")] {
            let range = profile.done.get(one).filter(|range| !range.is_null()).cloned();
            if let Some(range) = range.filter(|_| !profile.done.contains_key(many)) {
                profile.or(many, json!([range]));
            }
        }
        profile.or("ipFamilies", json!(["IPv4"]));
        if profile.done.get("networkDataplane").is_some_and(|plane| plane == "cilium") {
            profile.or("kubeProxyConfig", json!({}));
        }
        profile.or("podLinkLocalAccess", json!("IMDS"));
        advanced(profile);
    })
}

fn plugin(profile: &mut Completion<'_>, facts: &Facts) {
    let overlay = profile.said("networkPlugin").is_none() && overlay_is_default(facts);
    profile.or("networkPlugin", json!(if overlay { "azure" } else { "kubenet" }));
    if overlay {
        profile.or("networkPluginMode", json!("overlay"));
    } else {
        profile.if_said("networkPluginMode");
    }
    let cilium = facts.automatic || profile.is("networkDataplane", "cilium") || profile.is("ebpfDataplane", "cilium");
    profile.or("networkPolicy", json!(if cilium { "cilium" } else { "none" }));
    if profile.done["networkPlugin"].as_str().is_some_and(|plugin| plugin.eq_ignore_ascii_case("azure")) {
        profile.or("networkDataplane", json!(if cilium { "cilium" } else { "azure" }));
    }
}

/// Container networking services: observability and security are on when the whole is, security only with Cilium. What is sent replaces
/// what was before.
fn advanced(profile: &mut Completion<'_>) {
    let Some(asked) = profile.asked("advancedNetworking").and_then(Value::as_object) else {
        return profile.if_said("advancedNetworking");
    };
    let none = Map::new();
    let cilium = profile.done.get("networkDataplane").is_some_and(|plane| plane == "cilium");
    let mut networking = Completion::new(asked, &none);
    let on = networking.said("enabled").and_then(Value::as_bool).unwrap_or(false);
    networking.or("enabled", json!(on));
    networking.object("observability", |part| part.or("enabled", json!(on)));
    networking.object("security", |part| part.or("enabled", json!(on && cilium)));
    profile.fixed("advancedNetworking", Value::Object(networking.finish()));
}

/// The load balancer, if it is the way out: how many addresses of its own, or which of the caller's.
fn balancer(profile: &mut Completion<'_>, facts: &Facts, outbound: &str) {
    if profile.is("loadBalancerSku", "basic") {
        profile.never("loadBalancerProfile");
        return;
    }
    if outbound != "loadbalancer" {
        profile.object("loadBalancerProfile", |balancer| {
            for addresses in ["managedOutboundIPs", "outboundIPPrefixes", "outboundIPs", "effectiveOutboundIPs"] {
                balancer.never(addresses);
            }
            backend_pools(balancer);
        });
        return;
    }
    let dual = profile.said("ipFamilies").and_then(Value::as_array).is_some_and(|families| families.len() > 1);
    profile.object("loadBalancerProfile", |balancer| {
        let kinds = ["managedOutboundIPs", "outboundIPPrefixes", "outboundIPs"];
        // Naming one kind of address takes the others away.
        let chosen = kinds.into_iter().find(|kind| balancer.asked(kind).is_some_and(|asked| asked != &json!({})));
        let chosen = chosen.or_else(|| kinds.into_iter().find(|kind| balancer.said(kind).is_some())).unwrap_or(kinds[0]);
        for kind in kinds {
            match kind {
                "managedOutboundIPs" if chosen == kind => managed_addresses(balancer, dual),
                _ if chosen == kind => balancer.if_said(kind),
                _ => balancer.never(kind),
            }
        }
        let effective = effective(balancer, facts, chosen);
        balancer.fixed("effectiveOutboundIPs", effective);
        balancer.if_said("allocatedOutboundPorts");
        balancer.if_said("idleTimeoutInMinutes");
        backend_pools(balancer);
    });
}

/// AKS writes the kinds of backend pools with a small letter.
fn backend_pools(balancer: &mut Completion<'_>) {
    let by_address = balancer.is("backendPoolType", "NodeIP");
    balancer.fixed("backendPoolType", json!(if by_address { "nodeIP" } else { "nodeIPConfiguration" }));
}

fn managed_addresses(balancer: &mut Completion<'_>, dual: bool) {
    balancer.object("managedOutboundIPs", |addresses| {
        addresses.or("count", json!(1));
        match addresses.said("countIPv6").and_then(Value::as_i64) {
            None if dual => addresses.or("countIPv6", json!(1)),
            Some(0) | None => addresses.never("countIPv6"),
            Some(_) => addresses.if_said("countIPv6"),
        }
    });
}

/// The addresses that traffic leaves by.
fn effective(balancer: &Completion<'_>, facts: &Facts, chosen: &str) -> Value {
    let named = |list: &str, member: &str| {
        let ids = balancer.done.get(list).and_then(|list| list[member].as_array());
        let ids = ids.into_iter().flatten().filter_map(|each| each["id"].as_str());
        Value::Array(ids.map(|id| json!({ "id": id })).collect())
    };
    match chosen {
        "outboundIPs" => named(chosen, "publicIPs"),
        "outboundIPPrefixes" => named(chosen, "publicIPPrefixes"),
        _ => {
            let count = |member: &str| balancer.done[chosen][member].as_u64().unwrap_or(0).min(100);
            let each = |number, family: &str| json!({ "id": facts.outbound_address(number, family) });
            let four = (0..count("count")).map(|number| each(number, ""));
            Value::Array(four.chain((0..count("countIPv6")).map(|number| each(number, "-ipv6"))).collect())
        }
    }
}

/// The NAT gateway that AKS makes, if it is the way out; how long idle flows live is said of the caller's own too.
fn nat_gateway(profile: &mut Completion<'_>, facts: &Facts, outbound: &str) {
    match outbound {
        "managednatgateway" => profile.object("natGatewayProfile", |gateway| {
            gateway.object("managedOutboundIPProfile", |addresses| addresses.or("count", json!(1)));
            let count = gateway.done["managedOutboundIPProfile"]["count"].as_u64().unwrap_or(1).min(16);
            let ids = (0..count).map(|number| json!({ "id": facts.outbound_address(number, "") }));
            gateway.fixed("effectiveOutboundIPs", Value::Array(ids.collect()));
            gateway.or("idleTimeoutInMinutes", json!(4));
        }),
        "userassignednatgateway" => profile.object("natGatewayProfile", |gateway| gateway.or("idleTimeoutInMinutes", json!(4))),
        _ => profile.never("natGatewayProfile"),
    }
}

/// The ranges of pods and services, and the address of the cluster's DNS: the tenth of the services'.
fn ranges(profile: &mut Completion<'_>) {
    let families = profile.said("ipFamilies").and_then(Value::as_array).cloned().unwrap_or_default();
    let dual = families.len() > 1;
    let only_six = families.len() == 1 && families[0].as_str().is_some_and(|family| family.eq_ignore_ascii_case("IPv6"));
    let first = |list: &str, profile: &Completion<'_>| profile.asked(list).and_then(|list| list.get(0)).cloned();
    let plugin = profile.done["networkPlugin"].as_str().unwrap_or_default().to_lowercase();
    // Pods have addresses of the subnet's unless they are on an overlay.
    let own_range =
        plugin == "kubenet" || profile.is("networkPluginMode", "overlay") || profile.done.contains_key("networkPluginMode");
    let of_pods = ("podCidr", "podCidrs", "10.244.0.0/16", "fd12:3456:789a::/64");
    let of_services = ("serviceCidr", "serviceCidrs", "10.0.0.0/16", "fd12:3456:789a:1::/108");
    for (one, many, four, six) in own_range.then_some(of_pods).into_iter().chain([of_services]) {
        let default = first(many, profile).unwrap_or_else(|| json!(if only_six { six } else { four }));
        profile.or(one, default);
        if dual && profile.said(many).is_none() {
            let range = profile.done[one].clone();
            profile.fixed(many, json!([range, six]));
        }
    }
    let tenth = profile.done["serviceCidr"].as_str().and_then(Range::read).map(|range| range.address(10).to_string());
    profile.or("dnsServiceIP", json!(tenth.unwrap_or_else(|| "10.0.0.10".to_owned())));
}
