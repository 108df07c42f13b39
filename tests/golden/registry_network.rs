//! A registry's network rules on its data plane. Source: Azure Container Registry documentation ("Configure public IP network
//! rules") and the reported text of a refusal. The address that counts is that of the connection: 127.0.0.1 in these tests.

use azlet_tests::{Azlet, arm, resource_id};
use serde_json::{Value, json};

const HOST: &str = "reg01.azurecr.io";

fn url(rest: &str) -> String {
    arm(&resource_id("rg", &format!("Microsoft.ContainerRegistry/registries/reg01{rest}")), "2025-11-01")
}

#[tokio::test]
async fn only_the_addresses_of_the_rules_reach_a_registry_that_denies() {
    let (azlet, owner) = Azlet::with_group().await;
    owner.put(&url(""), &json!({ "location": "westus", "sku": { "name": "Premium" } })).await;
    let reach = async |rules: Value| {
        let changed = owner.patch(&url(""), &json!({ "properties": rules })).await;
        assert_eq!(changed.status(), 200, "{}", changed.golden());
        azlet.anonymous().get(&format!("https://{HOST}/v2/")).await.status()
    };
    let rules = |action: &str, values: &[&str]| {
        let rules: Vec<Value> = values.iter().map(|value| json!({ "value": value })).collect();
        json!({ "networkRuleSet": { "defaultAction": action, "ipRules": rules } })
    };
    let lines = [
        format!("allow: {}", reach(rules("Allow", &[])).await),
        format!("deny, no rule: {}", reach(rules("Deny", &[])).await),
        format!("deny, another address: {}", reach(rules("Deny", &["203.0.113.7"])).await),
        format!("deny, this address: {}", reach(rules("Deny", &["203.0.113.7", "127.0.0.1"])).await),
        format!("deny, its range: {}", reach(rules("Deny", &["127.0.0.0/8"])).await),
        format!("public access disabled beside the rule: {}", reach(json!({ "publicNetworkAccess": "Disabled" })).await),
    ];
    insta::assert_snapshot!("network_rules", lines.join("\n"));
    insta::assert_snapshot!("network_denied", azlet.anonymous().get(&format!("https://{HOST}/v2/")).await.golden());
    // The management plane is not behind the registry's rules.
    assert_eq!(owner.get(&url("")).await.status(), 200);
    let source =
        json!({ "source": { "registryUri": "docker.io", "sourceImage": "library/nginx:latest" }, "targetTags": ["nginx:v1"] });
    let imported = owner.post(&url("/importImage"), &source).await;
    assert_eq!(owner.follow(&imported).await.status(), 200);
}

#[tokio::test]
async fn a_lock_on_the_resource_does_not_stop_the_data_plane() {
    let (azlet, owner) = Azlet::with_group().await;
    owner.put(&url(""), &json!({ "location": "westus", "sku": { "name": "Basic" } })).await;
    let lock = arm(
        &format!(
            "{}/providers/Microsoft.Authorization/locks/keep",
            resource_id("rg", "Microsoft.ContainerRegistry/registries/reg01")
        ),
        "2016-09-01",
    );
    let locked = owner.put(&lock, &json!({ "properties": { "level": "ReadOnly" } })).await;
    let pusher = azlet.registry_actor(HOST, "owner", "repository:a:pull,push,delete").await;
    let digest = azlet_tests::registry::push_image(&pusher, HOST, "a", "v1", "hello").await;
    assert_eq!(pusher.delete(&format!("https://{HOST}/v2/a/manifests/{digest}")).await.status(), 202);
    if locked.status() < 300 {
        assert_eq!(owner.patch(&url(""), &json!({ "tags": { "a": "b" } })).await.error_code(), "ScopeLocked");
    }
}
