//! The network of a cluster: what AKS fills in, and what it refuses. Sources: AKS' REST reference and pages on networking, its list of
//! error codes, the troubleshooting page of `DnsServiceIpOutOfServiceCidr`, errors that users have reported. Rows whose name ends in
//! `(inferred)` have an inferred code.

use azlet_tests::aks::{below, body, id, url};
use azlet_tests::{Azlet, arm};
use serde_json::{Value, json};

use crate::aks_validation::refusals;

fn network(profile: Value) -> Value {
    body(&json!({ "networkProfile": profile }))
}

fn balancer(profile: Value) -> Value {
    network(json!({ "loadBalancerProfile": profile }))
}

fn server(access: Value) -> Value {
    body(&json!({ "apiServerAccessProfile": access }))
}

#[tokio::test]
async fn a_network_that_does_not_fit_together_is_refused() {
    let (_azlet, owner) = Azlet::with_group().await;
    let azure = |more: Value| {
        let mut profile = json!({ "networkPlugin": "azure", "networkPluginMode": "overlay" });
        profile.as_object_mut().expect("an object").extend(more.as_object().cloned().unwrap_or_default());
        network(profile)
    };
    let kubenet = |more: Value| {
        let mut profile = json!({ "networkPlugin": "kubenet" });
        profile.as_object_mut().expect("an object").extend(more.as_object().cloned().unwrap_or_default());
        network(profile)
    };
    let rows = [
        ("Cilium's policy without its dataplane", azure(json!({ "networkPolicy": "cilium" }))),
        ("Cilium's dataplane with another policy", azure(json!({ "networkDataplane": "cilium", "networkPolicy": "azure" }))),
        ("Azure's policy on kubenet", kubenet(json!({ "networkPolicy": "azure" }))),
        ("a policy without a plugin", network(json!({ "networkPlugin": "none", "networkPolicy": "calico" }))),
        ("an overlay on kubenet (inferred)", kubenet(json!({ "networkPluginMode": "overlay" }))),
        ("Cilium on kubenet (inferred)", kubenet(json!({ "networkDataplane": "cilium", "networkPolicy": "cilium" }))),
        ("an unknown plugin (inferred)", network(json!({ "networkPlugin": "flannel" }))),
        ("a range that is none", azure(json!({ "serviceCidr": "10.0.0.0" }))),
        ("a pods' range that is none", azure(json!({ "podCidr": "10.244.0.0/33" }))),
        ("the pods' range in the services'", azure(json!({ "podCidr": "10.0.0.0/24" }))),
        (
            "the services' range is too large (inferred)",
            azure(json!({ "serviceCidr": "10.0.0.0/8", "podCidr": "192.168.0.0/16" })),
        ),
        ("the DNS is no address", azure(json!({ "dnsServiceIP": "ten" }))),
        ("the DNS is outside the services' range", azure(json!({ "serviceCidr": "10.200.0.0/16", "dnsServiceIP": "10.0.0.10" }))),
        ("the DNS is the API server", azure(json!({ "dnsServiceIP": "10.0.0.1" }))),
        ("the DNS is the network itself", azure(json!({ "dnsServiceIP": "10.0.0.0" }))),
        ("the DNS is the broadcast address", azure(json!({ "dnsServiceIP": "10.0.255.255" }))),
        ("two families without an overlay", network(json!({ "networkPlugin": "azure", "ipFamilies": ["IPv4", "IPv6"] }))),
        ("two ranges for one family", kubenet(json!({ "podCidrs": ["10.244.0.0/16", "fd00::/64"] }))),
        (
            "the services' second range is too large",
            kubenet(json!({ "ipFamilies": ["IPv4", "IPv6"], "serviceCidrs": ["10.0.0.0/16", "fd00::/64"] })),
        ),
    ];
    insta::assert_snapshot!(refusals(&owner, "c", &rows).await);
}

#[tokio::test]
async fn a_way_out_that_does_not_fit_is_refused() {
    let (_azlet, owner) = Azlet::with_group().await;
    let nat = |kind: &str, profile: Value| network(json!({ "outboundType": kind, "natGatewayProfile": profile }));
    let rows = [
        ("no managed address", balancer(json!({ "managedOutboundIPs": { "count": 0 } }))),
        ("too many managed addresses", balancer(json!({ "managedOutboundIPs": { "count": 101 } }))),
        (
            "two kinds of addresses",
            balancer(json!({ "managedOutboundIPs": { "count": 1 }, "outboundIPs": { "publicIPs": [{ "id": "/a" }] } })),
        ),
        ("an address that is none", balancer(json!({ "outboundIPs": { "publicIPs": [{ "id": "/a" }] } }))),
        ("a prefix that is none", balancer(json!({ "outboundIPPrefixes": { "publicIPPrefixes": [{ "id": "/a" }] } }))),
        ("flows that die too soon", balancer(json!({ "idleTimeoutInMinutes": 3 }))),
        ("flows that live too long", balancer(json!({ "idleTimeoutInMinutes": 121 }))),
        ("a negative number of ports", balancer(json!({ "allocatedOutboundPorts": -8 }))),
        ("ports in other than eights", balancer(json!({ "allocatedOutboundPorts": 1001 }))),
        ("too many ports", balancer(json!({ "allocatedOutboundPorts": 64_008 }))),
        (
            "addresses of a basic balancer",
            network(json!({ "loadBalancerSku": "basic", "loadBalancerProfile": { "managedOutboundIPs": { "count": 2 } } })),
        ),
        (
            "a basic balancer and another way out",
            network(json!({ "loadBalancerSku": "basic", "outboundType": "userDefinedRouting" })),
        ),
        (
            "addresses with the caller's routes",
            network(
                json!({ "outboundType": "userDefinedRouting", "loadBalancerProfile": { "managedOutboundIPs": { "count": 2 } } }),
            ),
        ),
        ("too many addresses of a NAT gateway", nat("managedNATGateway", json!({ "managedOutboundIPProfile": { "count": 17 } }))),
        ("flows of a NAT gateway", nat("managedNATGateway", json!({ "idleTimeoutInMinutes": 3 }))),
        ("the caller's NAT gateway without a subnet", nat("userAssignedNATGateway", json!({}))),
    ];
    insta::assert_snapshot!(refusals(&owner, "c", &rows).await);
}

#[tokio::test]
async fn a_way_to_the_api_server_that_does_not_fit_is_refused() {
    let (_azlet, owner) = Azlet::with_group().await;
    let zone =
        "/subscriptions/0a210000-0000-4000-8000-000000000001/resourceGroups/rg/providers/Microsoft.Network/privateDnsZones/z";
    let rows = [
        ("an authorized range that is none (inferred)", server(json!({ "authorizedIPRanges": ["300.1.1.1"] }))),
        (
            "authorized ranges of a private cluster (inferred)",
            server(json!({ "enablePrivateCluster": true, "authorizedIPRanges": ["1.2.3.4"] })),
        ),
        (
            "a private cluster behind a basic balancer",
            body(&json!({
                "apiServerAccessProfile": { "enablePrivateCluster": true }, "networkProfile": { "loadBalancerSku": "basic" }
            })),
        ),
        ("a private zone that is none", server(json!({ "enablePrivateCluster": true, "privateDNSZone": "mine" }))),
        (
            "no zone and no public name",
            server(json!({ "enablePrivateCluster": true, "privateDNSZone": "none", "enablePrivateClusterPublicFQDN": false })),
        ),
        (
            "the caller's zone and the cluster's own identity",
            server(json!({ "enablePrivateCluster": true, "privateDNSZone": zone })),
        ),
        ("a subdomain without a zone (inferred)", body(&json!({ "fqdnSubdomain": "sub" }))),
    ];
    insta::assert_snapshot!(refusals(&owner, "c", &rows).await);
}

#[tokio::test]
async fn a_network_is_completed_by_its_plugin_and_its_way_out() {
    let (_azlet, owner) = Azlet::with_group().await;
    let mut shown = String::new();
    for (name, version, profile) in [
        ("nothing is said", "2026-06-01", json!({})),
        ("nothing is said to an older version", "2024-07-01", json!({})),
        ("kubenet", "2026-06-01", json!({ "networkPlugin": "kubenet" })),
        ("azure, addresses of the subnet", "2026-06-01", json!({ "networkPlugin": "azure" })),
        (
            "cilium",
            "2026-06-01",
            json!({ "networkPlugin": "azure", "networkPluginMode": "overlay", "networkDataplane": "cilium", "advancedNetworking": { "enabled": true } }),
        ),
        ("two families", "2026-06-01", json!({ "networkPlugin": "kubenet", "ipFamilies": ["IPv4", "IPv6"] })),
        ("another range of services", "2026-06-01", json!({ "serviceCidr": "172.16.0.0/24" })),
        ("a managed NAT gateway", "2026-06-01", json!({ "outboundType": "managedNATGateway" })),
        ("the caller's routes", "2026-06-01", json!({ "outboundType": "userDefinedRouting" })),
        (
            "a balancer by address",
            "2026-06-01",
            json!({ "loadBalancerProfile": { "backendPoolType": "NodeIP", "allocatedOutboundPorts": 0 } }),
        ),
    ] {
        let cluster = format!("c{}", shown.lines().filter(|line| !line.starts_with(' ')).count());
        let url = arm(&id(&cluster), version);
        let made = owner.put_and_wait(&url, &network(profile)).await.json();
        let pods = &made["properties"]["agentPoolProfiles"][0]["maxPods"];
        let mut profile = made["properties"]["networkProfile"].clone();
        for each in ["loadBalancerProfile", "natGatewayProfile"] {
            let addresses = profile.pointer_mut(&format!("/{each}/effectiveOutboundIPs")).and_then(Value::as_array_mut);
            addresses.into_iter().flatten().for_each(|address| *address = json!("…"));
        }
        shown.push_str(&format!("{name}\n    {pods} pods a node, {profile}\n"));
    }
    insta::assert_snapshot!(shown);
}

#[tokio::test]
async fn a_way_out_can_be_exchanged() {
    let (_azlet, owner) = Azlet::with_group().await;
    let own =
        "/subscriptions/0a210000-0000-4000-8000-000000000001/resourceGroups/rg/providers/Microsoft.Network/publicIPAddresses/ip";
    owner.put_and_wait(&url("c"), &balancer(json!({ "managedOutboundIPs": { "count": 3 } }))).await;
    let update = balancer(json!({ "outboundIPs": { "publicIPs": [{ "id": own }] } }));
    let profile =
        owner.put_and_wait(&url("c"), &update).await.json()["properties"]["networkProfile"]["loadBalancerProfile"].clone();
    assert_eq!(profile["effectiveOutboundIPs"], json!([{ "id": own }]));
    assert!(profile.get("managedOutboundIPs").is_none(), "{profile}");
    let update = network(
        json!({ "outboundType": "managedNATGateway", "natGatewayProfile": { "managedOutboundIPProfile": { "count": 2 } } }),
    );
    let network = owner.put_and_wait(&url("c"), &update).await.json()["properties"]["networkProfile"].clone();
    assert_eq!(network["loadBalancerProfile"], json!({ "backendPoolType": "nodeIPConfiguration" }));
    assert_eq!(network["natGatewayProfile"]["effectiveOutboundIPs"].as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn a_private_cluster_has_a_private_name_and_may_have_a_public_one() {
    let (_azlet, owner) = Azlet::with_group().await;
    let private = server(json!({ "enablePrivateCluster": true }));
    let made = owner.put_and_wait(&url("c"), &private).await;
    let properties = made.json()["properties"].clone();
    let shown: Vec<Value> = ["fqdn", "azurePortalFQDN", "privateFQDN", "apiServerAccessProfile", "privateLinkResources"]
        .into_iter()
        .map(|member| json!({ member: properties[member] }))
        .collect();
    insta::assert_snapshot!(serde_json::to_string_pretty(&shown).expect("JSON"));
    let hidden = server(json!({ "enablePrivateCluster": true, "enablePrivateClusterPublicFQDN": false }));
    let after = owner.put_and_wait(&url("c"), &hidden).await.json();
    assert!(after["properties"].get("fqdn").is_none(), "{after}");
    assert_eq!(after["properties"]["privateFQDN"], properties["privateFQDN"]);
    let ranges = server(json!({ "authorizedIPRanges": ["1.2.3.4", "10.0.0.0/8", "AzureCloud"] }));
    let open = owner.put_and_wait(&url("d"), &ranges).await.json();
    assert_eq!(
        open["properties"]["apiServerAccessProfile"]["authorizedIPRanges"],
        json!(["1.2.3.4/32", "10.0.0.0/8", "AzureCloud"])
    );
    assert_eq!(owner.get(&below("c", "agentPools/nodepool1")).await.status(), 200);
}
