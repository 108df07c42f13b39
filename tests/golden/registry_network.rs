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
    assert_eq!(locked.status(), 201, "{}", locked.golden());
    let changed = owner.patch(&url(""), &json!({ "tags": { "a": "b" } })).await;
    assert_eq!((changed.status(), changed.error_code().as_str()), (409, "ScopeLocked"), "the resource itself is locked");
}

#[tokio::test]
async fn endpoints_of_a_region_are_names_of_the_registry_while_it_has_them() {
    let (azlet, owner) = Azlet::with_group().await;
    let registry = arm(&resource_id("rg", "Microsoft.ContainerRegistry/registries/reg01"), "2026-09-01-preview");
    owner
        .put(
            &registry,
            &json!({ "location": "westus", "sku": { "name": "Premium" }, "properties": { "regionalEndpoints": "Enabled" } }),
        )
        .await;
    let reach = async |host: &str| match azlet.client().get(format!("https://{host}/v2/")).send().await {
        Ok(answer) => answer.status().as_u16().to_string(),
        Err(_) => "no such host".into(),
    };
    let mut lines = vec![
        format!("regional, in its region: {}", reach("reg01.westus.geo.azurecr.io").await),
        format!("regional, elsewhere: {}", reach("reg01.eastus.geo.azurecr.io").await),
        format!("data, off: {}", reach("reg01.westus.data.azurecr.io").await),
    ];
    owner.put(&url("/replications/eastus"), &json!({ "location": "eastus" })).await;
    owner.patch(&registry, &json!({ "properties": { "dataEndpointEnabled": true, "regionalEndpoints": "Disabled" } })).await;
    lines.push(format!("data, in the other region: {}", reach("reg01.eastus.data.azurecr.io").await));
    lines.push(format!("regional, off: {}", reach("reg01.westus.geo.azurecr.io").await));
    insta::assert_snapshot!("regional_hosts", lines.join("\n"));
}

#[tokio::test]
async fn a_cache_rule_fills_a_repository_when_it_is_pulled() {
    let (azlet, owner) = Azlet::with_group().await;
    owner.put(&url(""), &json!({ "location": "westus", "sku": { "name": "Basic" } })).await;
    let rule = |from: &str, to: &str| json!({ "properties": { "sourceRepository": from, "targetRepository": to } });
    owner.put(&url("/cacheRules/hub-all"), &rule("docker.io/library/*", "hub/*")).await;
    let puller = azlet.registry_actor(HOST, "owner", "repository:hub/nginx:pull,metadata_read").await;
    assert_eq!(puller.get(&format!("https://{HOST}/acr/v1/hub/nginx")).await.status(), 404, "nothing is there yet");
    let pulled = puller.get(&format!("https://{HOST}/v2/hub/nginx/manifests/latest")).await;
    assert_eq!(pulled.status(), 200, "{}", pulled.golden());
    assert_eq!(puller.get(&format!("https://{HOST}/acr/v1/hub/nginx")).await.json()["tagCount"], 1);
    assert_eq!(puller.get(&format!("https://{HOST}/v2/hub/nginx/manifests/none")).await.error_code(), "MANIFEST_UNKNOWN");
    owner.delete(&url("/cacheRules/hub-all")).await;
    let other = azlet.registry_actor(HOST, "owner", "repository:hub/hello-world:pull").await;
    assert_eq!(other.get(&format!("https://{HOST}/v2/hub/hello-world/manifests/latest")).await.status(), 404, "without a rule");
}

#[tokio::test]
async fn an_import_from_a_closed_registry_depends_on_its_bypass() {
    let (_azlet, owner) = Azlet::with_group().await;
    owner.put(&url(""), &json!({ "location": "westus", "sku": { "name": "Premium" } })).await;
    let into = arm(&resource_id("rg", "Microsoft.ContainerRegistry/registries/reg02"), "2025-11-01");
    owner.put(&into, &json!({ "location": "westus", "sku": { "name": "Basic" } })).await;
    let source =
        json!({ "source": { "registryUri": "docker.io", "sourceImage": "library/nginx:latest" }, "targetTags": ["a:v1"] });
    owner.post(&url("/importImage"), &source).await;
    let from = resource_id("rg", "Microsoft.ContainerRegistry/registries/reg01");
    let copy = json!({ "source": { "resourceId": from, "sourceImage": "a:v1" }, "targetTags": ["a:v1"], "mode": "Force" });
    let target = into.replace("reg02?", "reg02/importImage?");
    let import = async |properties: Value| {
        owner.patch(&url(""), &json!({ "properties": properties })).await;
        let started = owner.post(&target, &copy).await;
        owner.follow(&started).await
    };
    assert_eq!(import(json!({ "publicNetworkAccess": "Disabled" })).await.status(), 200, "importing is a trusted service");
    insta::assert_snapshot!("import_closed", import(json!({ "networkRuleBypassOptions": "None" })).await.golden());
}
