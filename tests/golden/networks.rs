//! Virtual networks and what belongs to them, beyond what their descriptions say. Sources: Azure's documentation of virtual
//! networks, and error texts that users have reported; inferred ones say so.

use azlet_tests::{Actor, Azlet, arm, resource_id};
use serde_json::{Value, json};

const VERSION: &str = "2024-07-01";

fn url(rest: &str) -> String {
    arm(&resource_id("rg", &format!("Microsoft.Network/{rest}")), VERSION)
}

fn network(space: &[&str], subnets: &[(&str, &str)]) -> Value {
    let subnets: Vec<Value> =
        subnets.iter().map(|(name, prefix)| json!({ "name": name, "properties": { "addressPrefix": prefix } })).collect();
    json!({ "location": "westus2", "properties": { "addressSpace": { "addressPrefixes": space }, "subnets": subnets } })
}

fn subnet(prefix: &str) -> Value {
    json!({ "properties": { "addressPrefix": prefix } })
}

async fn subnets(owner: &Actor) -> String {
    let body = owner.get(&url("virtualNetworks/v")).await.json();
    let subnets = body["properties"]["subnets"].as_array().cloned().unwrap_or_default();
    subnets.iter().map(|subnet| format!("{} ", subnet["name"].as_str().unwrap_or_default())).collect()
}

#[tokio::test]
async fn subnets_are_elements_of_their_network_and_resources_too() {
    let (_azlet, owner) = Azlet::with_group().await;
    let body = network(&["10.0.0.0/16"], &[("a", "10.0.0.0/24"), ("b", "10.0.1.0/24")]);
    assert_eq!(owner.put(&url("virtualNetworks/v"), &body).await.status(), 201);
    assert_eq!(owner.put(&url("virtualNetworks/v/subnets/c"), &subnet("10.0.2.0/24")).await.status(), 201);
    assert_eq!(subnets(&owner).await, "a b c ");
    let before = owner.get(&url("virtualNetworks/v")).await.json()["etag"].clone();
    assert_eq!(owner.put(&url("virtualNetworks/v/subnets/c"), &subnet("10.0.3.0/24")).await.status(), 200);
    assert_ne!(owner.get(&url("virtualNetworks/v")).await.json()["etag"], before);
    // A PUT of the network says which there are: what it leaves out is gone.
    let fewer = network(&["10.0.0.0/16"], &[("b", "10.0.1.0/24")]);
    assert_eq!(owner.put(&url("virtualNetworks/v"), &fewer).await.status(), 200);
    assert_eq!(subnets(&owner).await, "b ");
    // A PATCH of tags touches none.
    assert_eq!(owner.patch(&url("virtualNetworks/v"), &json!({ "tags": { "a": "b" } })).await.status(), 200);
    assert_eq!(subnets(&owner).await, "b ");
    assert_eq!(owner.delete(&url("virtualNetworks/v/subnets/b")).await.status(), 202);
    assert_eq!(subnets(&owner).await, "");
    assert_eq!(owner.get(&url("virtualNetworks/other/subnets/b")).await.error_code(), "ResourceNotFound");
    assert_eq!(owner.put(&url("virtualNetworks/other/subnets/b"), &subnet("10.0.0.0/24")).await.status(), 404);
}

#[tokio::test]
async fn ranges_lie_in_their_network_and_apart() {
    let (_azlet, owner) = Azlet::with_group().await;
    for (name, body) in [
        ("not_a_range", network(&["10.0.0.0/33"], &[])),
        ("host_bits", network(&["10.0.0.1/16"], &[])),
        ("spaces_overlap_inferred", network(&["10.0.0.0/16", "10.0.1.0/24"], &[])),
        ("outside", network(&["10.0.0.0/16"], &[("a", "10.1.0.0/24")])),
        ("overlap", network(&["10.0.0.0/16"], &[("a", "10.0.0.0/24"), ("b", "10.0.0.128/25")])),
        ("too_small", network(&["10.0.0.0/16"], &[("a", "10.0.0.0/30")])),
        (
            "no_prefix",
            json!({ "location": "westus2", "properties": { "addressSpace": { "addressPrefixes": ["10.0.0.0/16"] }, "subnets": [{ "name": "a", "properties": {} }] } }),
        ),
        ("bad_subnet_name", network(&["10.0.0.0/16"], &[("a b", "10.0.0.0/24")])),
    ] {
        let refused = owner.put(&url("virtualNetworks/v"), &body).await;
        assert_eq!(refused.status(), 400, "{name}: {}", refused.golden());
        insta::assert_snapshot!(format!("network_{name}"), refused.golden());
        assert_eq!(owner.get(&url("virtualNetworks/v")).await.status(), 404, "{name}");
    }
    owner.put(&url("virtualNetworks/v"), &network(&["10.0.0.0/16", "fd00::/48"], &[("a", "10.0.0.0/24")])).await;
    let put = async |prefix: &str| owner.put(&url("virtualNetworks/v/subnets/b"), &subnet(prefix)).await;
    assert_eq!(put("10.0.0.0/25").await.error_code(), "NetcfgSubnetRangesOverlap");
    assert_eq!(put("10.1.0.0/24").await.error_code(), "NetcfgSubnetRangeOutsideVnet");
    assert_eq!(put("10.0.1.0/24").await.status(), 201);
    let both = json!({ "properties": { "addressPrefixes": ["10.0.2.0/24", "fd00::/64"] } });
    assert_eq!(owner.put(&url("virtualNetworks/v/subnets/c"), &both).await.status(), 201);
}

#[tokio::test]
async fn what_is_used_cannot_be_deleted_and_what_is_named_must_exist() {
    let (azlet, owner) = Azlet::with_group().await;
    owner.put(&url("virtualNetworks/v"), &network(&["10.240.0.0/16"], &[("a", "10.240.0.0/24")])).await;
    let group = resource_id("rg", "Microsoft.Network/networkSecurityGroups/g");
    let protected = json!({ "properties": { "addressPrefix": "10.240.0.0/24", "networkSecurityGroup": { "id": group } } });
    let put = async || owner.put(&url("virtualNetworks/v/subnets/a"), &protected).await;
    insta::assert_snapshot!("network_absent_reference", put().await.golden());
    assert_eq!(owner.put(&arm(&group, VERSION), &json!({ "location": "westus2" })).await.status(), 201);
    assert_eq!(put().await.status(), 200);
    let shown = owner.get(&arm(&group, VERSION)).await.json();
    assert_eq!(
        shown["properties"]["subnets"][0]["id"],
        json!(resource_id("rg", "Microsoft.Network/virtualNetworks/v/subnets/a"))
    );
    insta::assert_snapshot!("network_group_in_use", owner.delete(&arm(&group, VERSION)).await.golden());
    // A cluster's nodes are in a subnet.
    let cluster = json!({
        "location": "westus2",
        "identity": { "type": "SystemAssigned" },
        "properties": {
            "dnsPrefix": "c",
            "agentPoolProfiles": [{
                "name": "pool1", "count": 1, "vmSize": "Standard_DS2_v2", "mode": "System",
                "vnetSubnetID": resource_id("rg", "Microsoft.Network/virtualNetworks/v/subnets/a"),
            }],
        },
    });
    let id = resource_id("rg", "Microsoft.ContainerService/managedClusters/c");
    let made = owner.put_and_wait(&arm(&id, "2024-05-01"), &cluster).await;
    assert_eq!(made.status(), 200, "{}", made.golden());
    insta::assert_snapshot!("network_subnet_in_use", owner.delete(&url("virtualNetworks/v/subnets/a")).await.golden());
    assert_eq!(owner.delete(&url("virtualNetworks/v")).await.error_code(), "InUseSubnetCannotBeDeleted");
    drop(azlet);
}

#[tokio::test]
async fn rules_and_routes_are_checked() {
    let (_azlet, owner) = Azlet::with_group().await;
    owner.put(&url("networkSecurityGroups/g"), &json!({ "location": "westus2" })).await;
    let rule = |priority: i64, direction: &str| {
        json!({ "properties": {
            "protocol": "Tcp", "sourcePortRange": "*", "destinationPortRange": "22", "sourceAddressPrefix": "*",
            "destinationAddressPrefix": "*", "access": "Allow", "priority": priority, "direction": direction,
        } })
    };
    let put =
        async |name: &str, body: Value| owner.put(&url(&format!("networkSecurityGroups/g/securityRules/{name}")), &body).await;
    insta::assert_snapshot!("network_rule_priority", put("a", rule(99, "Inbound")).await.golden());
    assert_eq!(put("a", rule(100, "Inbound")).await.status(), 201);
    insta::assert_snapshot!("network_rule_conflict", put("b", rule(100, "Inbound")).await.golden());
    assert_eq!(put("b", rule(100, "Outbound")).await.status(), 201);
    insta::assert_snapshot!("network_rule_direction_inferred", put("c", rule(101, "Sideways")).await.golden());
    owner.put(&url("routeTables/t"), &json!({ "location": "westus2" })).await;
    let route = json!({ "properties": { "addressPrefix": "10.0.0.0/8", "nextHopType": "VirtualAppliance" } });
    insta::assert_snapshot!("network_route_next_hop_inferred", owner.put(&url("routeTables/t/routes/r"), &route).await.golden());
}

#[tokio::test]
async fn a_write_waits_for_the_one_before() {
    let (azlet, owner) = Azlet::with_group().await;
    azlet.operations(&json!({ "times": { "Microsoft.Network/virtualNetworks/write": "10s" } })).await;
    let body = network(&["10.0.0.0/16"], &[("a", "10.0.0.0/24")]);
    assert_eq!(owner.put(&url("virtualNetworks/v"), &body).await.status(), 201);
    assert_eq!(owner.get(&url("virtualNetworks/v")).await.json()["properties"]["provisioningState"], "Updating");
    insta::assert_snapshot!("network_busy", owner.put(&url("virtualNetworks/v"), &body).await.golden());
    azlet.advance("10s").await;
    assert_eq!(owner.get(&url("virtualNetworks/v")).await.json()["properties"]["provisioningState"], "Succeeded");
    assert_eq!(owner.put(&url("virtualNetworks/v"), &body).await.status(), 200);
}
