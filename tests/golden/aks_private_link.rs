//! Private endpoints of private clusters: what they need, and how the cluster's side judges their connections. Sources: AKS' REST reference;
//! Azure's documentation of private endpoints. The first state's description and names of connections are inferred.

use azlet_tests::aks::{below, body, id, refusal, url};
use azlet_tests::{Actor, Azlet, SUBSCRIPTION, arm, resource_id};
use serde_json::{Value, json};

const NETWORK: &str = "2024-05-01";

fn subnet() -> String {
    resource_id("rg", "Microsoft.Network/virtualNetworks/net/subnets/ends")
}

async fn private_cluster(owner: &Actor) {
    let private = json!({ "apiServerAccessProfile": { "enablePrivateCluster": true } });
    assert_eq!(owner.put_and_wait(&url("c"), &body(&private)).await.status(), 200);
    let network = json!({ "location": "westus2", "properties": {
        "addressSpace": { "addressPrefixes": ["10.1.0.0/16"] },
        "subnets": [{ "name": "ends", "properties": { "addressPrefix": "10.1.0.0/24" } }],
    }});
    assert!(owner.put(&arm(&resource_id("rg", "Microsoft.Network/virtualNetworks/net"), NETWORK), &network).await.status() < 300);
}

fn endpoint(name: &str) -> String {
    arm(&resource_id("rg", &format!("Microsoft.Network/privateEndpoints/{name}")), NETWORK)
}

fn naming(member: &str, target: &str) -> Value {
    json!({ "location": "westus2", "properties": {
        "subnet": { "id": subnet() },
        member: [{ "name": "api", "properties": { "privateLinkServiceId": target, "groupIds": ["management"], "requestMessage": "please" } }],
    }})
}

#[tokio::test]
async fn connections_are_listed_judged_and_deleted() {
    let (_azlet, owner) = Azlet::with_group().await;
    private_cluster(&owner).await;
    let connections = below("c", "privateEndpointConnections");
    assert_eq!(owner.get(&connections).await.json(), json!({ "value": [] }));
    for (name, member) in [("asked", "manualPrivateLinkServiceConnections"), ("own", "privateLinkServiceConnections")] {
        let made = owner.put(&endpoint(name), &naming(member, &id("c"))).await;
        assert_eq!(made.status(), 201, "{}", made.golden());
    }
    insta::assert_snapshot!("connections", owner.get(&connections).await.golden());
    let name = owner.get(&connections).await.json()["value"][0]["name"].as_str().expect("a name").to_owned();
    let one = below("c", &format!("privateEndpointConnections/{name}"));
    let state = |status: &str| json!({ "properties": { "privateLinkServiceConnectionState": { "status": status, "description": "why" } } });
    insta::assert_snapshot!("connection_approved", owner.put(&one, &state("approved")).await.golden());
    assert_eq!(owner.put(&one, &state("Rejected")).await.status(), 200);
    let kept = owner.get(&one).await.json()["properties"]["privateLinkServiceConnectionState"].clone();
    assert_eq!(kept, json!({ "status": "Rejected", "description": "why" }));
    let mut lines = String::new();
    for (rule, answer) in [
        ("a state that there is not", owner.put(&one, &state("Maybe")).await),
        ("no state", owner.put(&one, &json!({ "properties": {} })).await),
        ("a connection that there is not (inferred)", owner.get(&below("c", "privateEndpointConnections/none")).await),
        (
            "approving what there is not (inferred)",
            owner.put(&below("c", "privateEndpointConnections/none"), &state("Approved")).await,
        ),
    ] {
        lines.push_str(&format!("{rule}\n    {}\n", refusal(&answer)));
    }
    insta::assert_snapshot!("connections_refused", lines);
    assert_eq!((owner.delete(&one).await.status(), owner.delete(&one).await.status()), (200, 204));
    assert_eq!(owner.get(&one).await.status(), 404);
    // An endpoint that is gone takes its connection along, and one that is made anew makes a new one.
    assert_eq!(owner.delete(&endpoint("own")).await.status(), 202);
    assert_eq!(owner.get(&connections).await.json(), json!({ "value": [] }));
    owner.delete(&endpoint("asked")).await;
    owner.put(&endpoint("asked"), &naming("manualPrivateLinkServiceConnections", &id("c"))).await;
    let anew = owner.get(&connections).await.json();
    assert_eq!(anew["value"][0]["properties"]["privateLinkServiceConnectionState"]["status"], "Pending", "{anew}");
}

#[tokio::test]
async fn an_endpoint_needs_rights_at_both_its_ends() {
    let (azlet, owner) = Azlet::with_group().await;
    private_cluster(&owner).await;
    let mut lines = String::new();
    for (rule, body) in [
        ("a target that is not there", naming("manualPrivateLinkServiceConnections", &id("none"))),
        ("no subnet (inferred)", {
            let mut body = naming("privateLinkServiceConnections", &id("c"));
            body["properties"].as_object_mut().expect("an object").remove("subnet");
            body
        }),
    ] {
        lines.push_str(&format!("{rule}\n    {}\n", refusal(&owner.put(&endpoint("one"), &body).await)));
    }
    let group = format!("/subscriptions/{SUBSCRIPTION}/resourceGroups/ends");
    assert_eq!(owner.put(&arm(&group, "2024-11-01"), &json!({ "location": "westus2" })).await.status(), 201);
    azlet.assign("nobody", "Network Contributor", &group);
    let nobody = azlet.actor("nobody").await;
    let elsewhere = arm(&resource_id("ends", "Microsoft.Network/privateEndpoints/one"), NETWORK);
    let approved = naming("privateLinkServiceConnections", &id("c"));
    let mut say = |rule: &str, answer: &azlet_tests::Answer| {
        let line = refusal(answer);
        let line = line
            .split_once("has permission")
            .map_or(line.clone(), |(_, behind)| format!("{} … has permission{behind}", answer.status()));
        lines.push_str(&format!("{rule}\n    {line}\n"));
    };
    say("who may not join the subnet", &nobody.put(&elsewhere, &approved).await);
    azlet.assign("nobody", "Network Contributor", &resource_id("rg", "Microsoft.Network/virtualNetworks/net"));
    let nobody = azlet.actor("nobody").await;
    say("who may not approve connections of the cluster", &nobody.put(&elsewhere, &approved).await);
    insta::assert_snapshot!(lines);
    let asked = nobody.put(&elsewhere, &naming("manualPrivateLinkServiceConnections", &id("c"))).await;
    assert_eq!(asked.status(), 201, "to ask needs no right there: {}", asked.golden());
}
