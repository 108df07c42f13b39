//! Quarantine: images that nobody may pull until they were found good. Source: Azure Container Registry's page on the quarantine
//! pattern (preview) for the roles, the change of attributes and the order of webhooks; the refusal of a pull by digest as users have
//! reported it.

use azlet::acr::store::Settings;
use azlet_tests::registry::{HOST, push_image, url};
use azlet_tests::{Actor, Azlet, resource_id};
use serde_json::{Value, json};

async fn start(quarantine: bool) -> (Azlet, Actor, String) {
    let azlet = Azlet::start().await;
    azlet.registry("reg", Settings { premium: true, quarantine, ..Settings::default() });
    let actor = azlet.registry_actor(HOST, "owner", "repository:a:*").await;
    let digest = push_image(&actor, HOST, "a", "v1", "one").await;
    (azlet, actor, digest)
}

/// A principal with one role on the registry and a token for what a client asks.
async fn holder(azlet: &Azlet, principal: &str, role: &str) -> Actor {
    azlet.assign(principal, role, &resource_id("rg", "Microsoft.ContainerRegistry/registries/reg"));
    azlet.registry_actor(HOST, principal, "repository:a:pull,push,metadata_read,metadata_write").await
}

#[tokio::test]
async fn nobody_but_its_readers_pulls_what_is_in_quarantine() {
    let (azlet, owner, digest) = start(true).await;
    insta::assert_snapshot!("quarantined_by_tag", owner.get(&url("/v2/a/manifests/v1")).await.golden());
    insta::assert_snapshot!("quarantined_by_digest", owner.get(&url(&format!("/v2/a/manifests/{digest}"))).await.golden());
    let reader = holder(&azlet, "reader", "AcrQuarantineReader").await;
    assert_eq!(reader.get(&url(&format!("/v2/a/manifests/{digest}"))).await.status(), 200);
    assert_eq!(reader.get(&url("/v2/a/manifests/v1")).await.status(), 200);
    let attributes = url(&format!("/acr/v1/a/_manifests/{digest}"));
    let passed = json!({ "quarantineState": "Passed" });
    assert_eq!(reader.patch(&attributes, &passed).await.status(), 401, "a reader does not write");
    let refused = owner.patch(&attributes, &passed).await;
    assert!(refused.header("www-authenticate").is_some_and(|it| it.contains("insufficient_scope")), "{}", refused.golden());
    let writer = holder(&azlet, "contributor", "AcrQuarantineWriter").await;
    let mut lines = Vec::new();
    for (rule, body) in [
        ("a state that there is not (inferred)", json!({ "quarantineState": "Good" })),
        ("details that are no text (inferred)", json!({ "quarantineDetails": {} })),
    ] {
        lines.push(format!("{rule}\n    {}", writer.patch(&attributes, &body).await.text().trim_end()));
    }
    insta::assert_snapshot!("quarantine_wrong", lines.join("\n"));
    assert_eq!(writer.patch(&attributes, &json!({ "quarantineState": "Failed" })).await.status(), 200);
    assert_eq!(owner.get(&url("/v2/a/manifests/v1")).await.status(), 404, "found bad, it stays in quarantine");
    let details = json!({ "quarantineState": "Passed", "quarantineDetails": "{\"state\":\"scan passed\"}" });
    insta::assert_snapshot!("quarantine_passed", writer.patch(&attributes, &details).await.golden());
    assert_eq!(owner.get(&url("/v2/a/manifests/v1")).await.status(), 200);
    assert_eq!(owner.get(&url(&format!("/v2/a/manifests/{digest}"))).await.status(), 200);
}

#[tokio::test]
async fn without_the_policy_everything_can_be_pulled() {
    let (azlet, owner, digest) = start(false).await;
    let writer = holder(&azlet, "contributor", "AcrQuarantineWriter").await;
    let failed = json!({ "quarantineState": "Failed" });
    assert_eq!(writer.patch(&url(&format!("/acr/v1/a/_manifests/{digest}")), &failed).await.status(), 200);
    assert_eq!(owner.get(&url("/v2/a/manifests/v1")).await.status(), 200);
}

/// What each webhook was told, the oldest first: the action and the target's tag.
async fn told(owner: &Actor, hook: &str) -> Vec<Value> {
    let id = resource_id("rg", &format!("Microsoft.ContainerRegistry/registries/reg01/webhooks/{hook}/listEvents"));
    let log = owner.post(&azlet_tests::arm(&id, "2025-11-01"), &json!({})).await.json();
    let mut events: Vec<Value> = log["value"].as_array().expect("events").clone();
    events.reverse();
    events.iter().map(|event| event["eventRequestMessage"]["content"].clone()).collect()
}

#[tokio::test]
async fn a_push_is_told_once_the_image_was_found_good() {
    let (azlet, owner) = Azlet::with_group().await;
    let at = |rest: &str| {
        let id = resource_id("rg", &format!("Microsoft.ContainerRegistry/registries/reg01{rest}"));
        azlet_tests::arm(&id, "2025-11-01")
    };
    let registry = json!({ "location": "westus", "sku": { "name": "Premium" } });
    owner.put(&at(""), &registry).await;
    let hook = json!({ "location": "westus", "properties": {
        "serviceUri": "http://127.0.0.1:9/", "actions": ["quarantine", "push"],
    } });
    owner.put(&at("/webhooks/hook1"), &hook).await;
    let host = "reg01.azurecr.io";
    let pusher = azlet.registry_actor(host, "owner", "repository:a:*").await;
    push_image(&pusher, host, "a", "v1", "one").await;
    let actions =
        |events: &[Value]| events.iter().map(|event| event["action"].as_str().unwrap_or_default().to_owned()).collect::<Vec<_>>();
    assert_eq!(actions(&told(&owner, "hook1").await), ["quarantine", "push"], "without the policy both are told");
    let policy = json!({ "properties": { "policies": { "quarantinePolicy": { "status": "enabled" } } } });
    assert_eq!(owner.patch(&at(""), &policy).await.status(), 200);
    let digest = push_image(&pusher, host, "a", "v2", "two").await;
    let events = told(&owner, "hook1").await;
    assert_eq!(actions(&events), ["quarantine", "push", "quarantine"], "with it a push is held back");
    let mut event = events[2].clone();
    for pointer in ["/id", "/request/id", "/target/digest"] {
        *event.pointer_mut(pointer).expect("there") = json!("<made>");
    }
    insta::assert_snapshot!("webhook_quarantine", serde_json::to_string_pretty(&event).expect("JSON"));
    azlet.assign("contributor", "AcrQuarantineWriter", &resource_id("rg", "Microsoft.ContainerRegistry/registries/reg01"));
    let writer = azlet.registry_actor(host, "contributor", "repository:a:metadata_write").await;
    let attributes = format!("https://{host}/acr/v1/a/_manifests/{digest}");
    assert_eq!(writer.patch(&attributes, &json!({ "quarantineState": "Passed" })).await.status(), 200);
    assert_eq!(writer.patch(&attributes, &json!({ "quarantineState": "Passed" })).await.status(), 200);
    let events = told(&owner, "hook1").await;
    assert_eq!(actions(&events), ["quarantine", "push", "quarantine", "push"], "it is told once");
    assert_eq!(events[3]["target"]["tag"], "v2");
}
