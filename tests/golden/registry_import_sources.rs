//! Imports from another registry of Azure: as whom it is read, and what stands in the way at either end. Sources: Container Registry's
//! documentation ("Import container images": the same tenant by resource id, another one by credentials or by a token of Entra's alone;
//! trusted services) and texts of failed imports as users report them; that a locked tag moves by force and stays locked is reported too.

use azlet_tests::registry::push_image;
use azlet_tests::{Actor, Answer, Azlet, arm, resource_id};
use serde_json::{Value, json};

const SOURCE: &str = "source1.azurecr.io";
const TARGET: &str = "target1.azurecr.io";

fn url(rest: &str) -> String {
    arm(&resource_id("rg", &format!("Microsoft.ContainerRegistry/registries/{rest}")), "2025-11-01")
}

/// Two Premium registries; the first has `a:v1`, `a:v2` and `b:v1`.
async fn start() -> (Azlet, Actor) {
    let (azlet, owner) = Azlet::with_group().await;
    for name in ["source1", "target1"] {
        owner.put(&url(name), &json!({ "location": "westus", "sku": { "name": "Premium" } })).await;
    }
    let pusher = azlet.registry_actor(SOURCE, "owner", "repository:a:pull,push repository:b:pull,push").await;
    for (repository, tag) in [("a", "v1"), ("a", "v2"), ("b", "v1")] {
        push_image(&pusher, SOURCE, repository, tag, tag).await;
    }
    (azlet, owner)
}

async fn import(owner: &Actor, source: &Value, tag: &str, mode: &str) -> Answer {
    let body = json!({ "source": source, "targetTags": [tag], "mode": mode });
    let started = owner.post(&url("target1/importImage"), &body).await;
    if started.status() == 202 { owner.follow(&started).await } else { started }
}

/// How an import ends, in a line; correlations are not what it is about.
fn outcome(case: &str, answer: &Answer) -> String {
    if answer.status() == 200 {
        return format!("{case}: imported");
    }
    let text = answer.refusal();
    let reason = text.split_once("registries/target1 ").map_or(text.as_str(), |(_, reason)| reason);
    let reason = reason.split_once(" CorrelationId:").map_or(reason, |(before, _)| before);
    format!("{case}: {} {} {reason}", answer.status(), answer.error_code())
}

#[tokio::test]
async fn a_source_is_read_as_whoever_signs_in() {
    let (azlet, owner) = start().await;
    owner.patch(&url("source1"), &json!({ "properties": { "adminUserEnabled": true } })).await;
    let admin = owner.post(&url("source1/listCredentials"), &json!({})).await.json();
    let admin = admin["passwords"][0]["value"].as_str().expect("a password").to_owned();
    let map = json!({ "properties": { "actions": ["repositories/a/content/read"] } });
    assert!(owner.put(&url("source1/scopeMaps/only-a"), &map).await.status() < 300);
    let source = resource_id("rg", "Microsoft.ContainerRegistry/registries/source1");
    let token = json!({ "properties": { "scopeMapId": format!("{source}/scopeMaps/only-a") } });
    assert!(owner.put(&url("source1/tokens/reader1"), &token).await.status() < 300);
    let passwords =
        owner.post(&url("source1/generateCredentials"), &json!({ "tokenId": format!("{source}/tokens/reader1") })).await;
    let passwords = owner.follow(&passwords).await.json();
    let password = passwords["passwords"][0]["value"].as_str().unwrap_or_else(|| panic!("{passwords}")).to_owned();
    let (mine, nobodys) =
        (azlet.token("owner", "https://management.azure.com").await, azlet.token("nobody", "https://management.azure.com").await);
    let (owner_id, nobody_id) = ("0a210000-0000-4000-8000-0000000000a1", "0a210000-0000-4000-8000-0000000000a4");
    let mut lines = Vec::new();
    for (case, image, user, secret) in [
        ("the admin user", "a:v1", "source1", admin.as_str()),
        ("the admin user with a wrong password", "a:v1", "source1", "wrong"),
        ("a service principal with a role", "a:v1", owner_id, "azlet~owner~secret"),
        ("a service principal with a wrong secret", "a:v1", owner_id, "wrong"),
        ("a service principal without a role", "a:v1", nobody_id, "azlet~nobody~secret"),
        ("a token of the registry's own, its repository", "a:v1", "reader1", password.as_str()),
        ("a token of the registry's own, another repository", "b:v1", "reader1", password.as_str()),
        ("a token of Entra's alone", "a:v1", "", mine.as_str()),
        ("a token of Entra's alone, of nobody", "a:v1", "", nobodys.as_str()),
        ("garbage alone", "a:v1", "", "garbage"),
    ] {
        let credentials = json!({ "username": user, "password": secret });
        let source = json!({ "registryUri": SOURCE, "sourceImage": image, "credentials": credentials });
        lines.push(outcome(case, &import(&owner, &source, image, "Force").await));
    }
    let bare = json!({ "registryUri": SOURCE, "sourceImage": "a:v1" });
    lines.push(outcome("without credentials", &import(&owner, &bare, "a:v1", "Force").await));
    owner.patch(&url("source1"), &json!({ "properties": { "anonymousPullEnabled": true } })).await;
    lines.push(outcome("without credentials, where anyone may pull", &import(&owner, &bare, "a:v1", "Force").await));
    owner.patch(&url("source1"), &json!({ "properties": { "publicNetworkAccess": "Disabled" } })).await;
    lines.push(outcome("by its host, closed to the public", &import(&owner, &bare, "a:v1", "Force").await));
    let by_id = json!({ "resourceId": source, "sourceImage": "a:v1" });
    lines.push(outcome("by its id, closed to the public", &import(&owner, &by_id, "a:v1", "Force").await));
    owner
        .patch(
            &url("target1"),
            &json!({ "properties": { "publicNetworkAccess": "Disabled", "networkRuleBypassOptions": "None" } }),
        )
        .await;
    lines.push(outcome("a target that lets no service past its rules", &import(&owner, &by_id, "a:v1", "Force").await));
    insta::assert_snapshot!("sources", lines.join("\n"));
}

#[tokio::test]
async fn a_locked_tag_moves_by_force_and_stays_locked() {
    let (azlet, owner) = start().await;
    let source = |image: &str| json!({ "resourceId": resource_id("rg", "Microsoft.ContainerRegistry/registries/source1"), "sourceImage": image });
    assert_eq!(import(&owner, &source("a:v1"), "a:v1", "NoForce").await.status(), 200);
    let actor = azlet.registry_actor(TARGET, "owner", "repository:a:pull,push,metadata_read,metadata_write").await;
    let tag = format!("https://{TARGET}/acr/v1/a/_tags/v1");
    let before = actor.patch(&tag, &json!({ "writeEnabled": false })).await.json();
    let conflict = import(&owner, &source("a:v2"), "a:v1", "NoForce").await;
    assert_eq!((conflict.status(), conflict.error_code().as_str()), (409, "Conflict"));
    assert_eq!(actor.get(&tag).await.json()["tag"]["digest"], before["tag"]["digest"], "a refused import moves nothing");
    assert_eq!(import(&owner, &source("a:v2"), "a:v1", "Force").await.status(), 200);
    let after = actor.get(&tag).await.json();
    assert_ne!(after["tag"]["digest"], before["tag"]["digest"]);
    assert_eq!(after["tag"]["changeableAttributes"]["writeEnabled"], false);
}

#[tokio::test]
async fn a_cache_rule_for_docker_hub_wants_credentials_where_that_is_asked_for() {
    let (azlet, owner) = start().await;
    let rule = |from: &str, to: &str| json!({ "properties": { "sourceRepository": from, "targetRepository": to } });
    let put = async |name: &str, body: &Value| owner.put(&url(&format!("target1/cacheRules/{name}")), body).await;
    assert!(put("before", &rule("docker.io/library/nginx", "before")).await.status() < 300, "not asked for");
    let settings = format!("{}/_azlet/settings", azlet.endpoint());
    azlet.anonymous().post(&settings, &json!({ "dockerHubCredentialsRequired": true })).await;
    insta::assert_snapshot!("docker_hub_credentials", put("without", &rule("docker.io/library/nginx", "nginx")).await.golden());
    assert!(put("other", &rule("mcr.microsoft.com/mcr/hello-world", "hello")).await.status() < 300, "another registry");
    let secret = |name: &str| format!("https://vault.vault.azure.net/secrets/{name}");
    let credential = json!({
        "name": "Credential1", "usernameSecretIdentifier": secret("user"), "passwordSecretIdentifier": secret("password"),
    });
    let set = json!({
        "identity": { "type": "SystemAssigned" },
        "properties": { "loginServer": "docker.io", "authCredentials": [credential] },
    });
    assert!(owner.put(&url("target1/credentialSets/hubset"), &set).await.status() < 300);
    let mut with = rule("docker.io/library/nginx", "nginx");
    with["properties"]["credentialSetResourceId"] =
        json!(resource_id("rg", "Microsoft.ContainerRegistry/registries/target1/credentialSets/hubset"));
    assert!(put("withset", &with).await.status() < 300);
    let puller = azlet.registry_actor(TARGET, "owner", "repository:nginx:pull").await;
    assert_eq!(puller.get(&format!("https://{TARGET}/v2/nginx/manifests/1.29")).await.status(), 200);
}
