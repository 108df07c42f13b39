//! Soft delete and the retention of untagged manifests, as far as a registry's data plane shows them. Sources: Azure Container
//! Registry's pages on both policies; Azure's command line for the endpoints and bodies under `/acr/v1/_deleted/`. What the tests
//! call inferred is marked so in the emulator.

use azlet::acr::store::Settings;
use azlet_tests::registry::{HOST, OCI_INDEX, OCI_MANIFEST, image, push_image, put_manifest, url};
use azlet_tests::{Actor, Azlet};
use reqwest::Method;
use serde_json::{Value, json};

async fn start(settings: Settings) -> (Azlet, Actor) {
    let azlet = Azlet::start().await;
    azlet.registry("reg", settings);
    let scope = "repository:a:* repository:b:* registry:catalog:* registry:deleted_catalog:*";
    let actor = azlet.registry_actor(HOST, "owner", scope).await;
    (azlet, actor)
}

fn soft() -> Settings {
    Settings { soft_delete: true, ..Settings::default() }
}

/// What an index, or a referrer, says of a manifest.
async fn descriptor(actor: &Actor, digest: &str) -> Value {
    let size = actor.get(&url(&format!("/v2/a/manifests/{digest}"))).await.bytes().len();
    json!({ "mediaType": OCI_MANIFEST, "digest": digest, "size": size })
}

/// Someone as at the start, after so much time that a token is over.
async fn again(azlet: &Azlet) -> Actor {
    azlet.registry_actor(HOST, "owner", "repository:a:* registry:deleted_catalog:* registry:catalog:*").await
}

async fn restore(actor: &Actor, repository: &str, digest: &str, force: &str, tag: &str) -> azlet_tests::Answer {
    let body = if tag.is_empty() { json!({ "tag": null }) } else { json!({ "tag": tag }) };
    actor.post(&url(&format!("/acr/v1/_deleted/{repository}/_manifests/{digest}?force={force}")), &body).await
}

#[tokio::test]
async fn what_is_deleted_is_listed_and_restored() {
    let (azlet, actor) = start(soft()).await;
    let digest = push_image(&actor, HOST, "a", "v1", "one").await;
    azlet.advance("10s").await;
    assert_eq!(actor.delete(&url(&format!("/v2/a/manifests/{digest}"))).await.status(), 202);
    azlet.advance("1s").await;
    for (name, path) in [
        ("deleted_catalog", "/acr/v1/_deleted/_catalog"),
        ("deleted_manifests", "/acr/v1/_deleted/a/_manifests"),
        ("deleted_tags", "/acr/v1/_deleted/a/_tags"),
        ("deleted_unknown_repository", "/acr/v1/_deleted/none/_tags"),
    ] {
        let wide = azlet.registry_actor(HOST, "owner", "repository:a:* repository:none:* registry:deleted_catalog:*").await;
        insta::assert_snapshot!(name, wide.get(&url(path)).await.golden());
    }
    assert_eq!(actor.get(&url("/acr/v1/_catalog")).await.json(), json!({ "repositories": [] }));
    assert_eq!(actor.get(&url("/v2/a/manifests/v1")).await.status(), 404);
    let pushed = put_manifest(&actor, HOST, "a", "v1", OCI_MANIFEST, &image(&actor, HOST, "a", "one").await).await;
    insta::assert_snapshot!("push_of_what_is_deleted", pushed.golden());
    insta::assert_snapshot!("restored", restore(&actor, "a", &digest, "False", "v1").await.golden());
    assert_eq!(actor.get(&url("/v2/a/manifests/v1")).await.header("docker-content-digest"), Some(digest.as_str()));
    let described = actor.get(&url("/acr/v1/a")).await.json();
    assert_eq!((&described["createdTime"], &described["tagCount"]), (&json!("2026-11-02T08:00:00Z"), &json!(1)));
    assert_eq!(actor.get(&url("/acr/v1/_deleted/_catalog")).await.json(), json!({ "repositories": [] }));
    assert_eq!(actor.get(&url("/acr/v1/_deleted/a/_tags")).await.json(), json!({ "tags": [] }));
}

#[tokio::test]
async fn every_rule_of_a_restore_holds() {
    let (azlet, actor) = start(soft()).await;
    let one = push_image(&actor, HOST, "a", "v1", "one").await;
    let two = push_image(&actor, HOST, "a", "v2", "two").await;
    let mut lines = Vec::new();
    let mut note = |rule: &str, answer: &azlet_tests::Answer| {
        let text = answer.text().replace(&one, "<one>").replace(&two, "<two>");
        lines.push(format!("{rule}\n    {} {}", answer.status(), text.trim_end()));
    };
    note("a manifest that was never deleted", &restore(&actor, "a", &one, "false", "v1").await);
    assert_eq!(actor.delete(&url("/acr/v1/a/_tags/v1")).await.status(), 202);
    note("a tag that was deleted by itself (inferred)", &restore(&actor, "a", &one, "false", "v1").await);
    actor.delete(&url(&format!("/v2/a/manifests/{one}"))).await;
    note("a tag that the manifest never had (inferred)", &restore(&actor, "a", &one, "false", "other").await);
    push_image(&actor, HOST, "a", "v1", "three").await;
    note("a tag that names another manifest, without force (inferred)", &restore(&actor, "a", &one, "false", "v1").await);
    actor.patch(&url("/acr/v1/a/_tags/v1"), &json!({ "writeEnabled": false })).await;
    note("a locked tag, with force (inferred)", &restore(&actor, "a", &one, "true", "v1").await);
    actor.patch(&url("/acr/v1/a/_tags/v1"), &json!({ "writeEnabled": true })).await;
    note("the tag, with force as Python writes it", &restore(&actor, "a", &one, "True", "v1").await);
    let tags = actor.get(&url("/acr/v1/_deleted/a/_tags")).await.json();
    assert_eq!(tags["tags"].as_array().map(Vec::len), Some(1), "the overwritten tag is deleted softly: {tags}");
    actor.delete(&url(&format!("/v2/a/manifests/{two}"))).await;
    note("without a tag (inferred)", &restore(&actor, "a", &two, "false", "").await);
    let place = url(&format!("/acr/v1/_deleted/a/_manifests/{two}"));
    let list = actor.send_bytes(Method::POST, &place, "application/json", "[]").await;
    note("a body that is no object (inferred)", &list);
    // An index comes back without what it lists; a referrer after its subject, and not with it.
    let child = descriptor(&actor, &two).await;
    let index = json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [child] });
    let index = put_manifest(&actor, HOST, "a", "index", OCI_INDEX, &index).await;
    let index = index.header("docker-content-digest").expect("a digest").to_owned();
    let mut referrer = image(&actor, HOST, "a", "signature").await;
    referrer["subject"] = child;
    let referrer = put_manifest(&actor, HOST, "a", "signature", OCI_MANIFEST, &referrer).await;
    let referrer = referrer.header("docker-content-digest").expect("a digest").to_owned();
    for digest in [&index, &referrer, &two] {
        assert_eq!(actor.delete(&url(&format!("/v2/a/manifests/{digest}"))).await.status(), 202);
    }
    note("a referrer before its subject", &restore(&actor, "a", &referrer, "false", "signature").await);
    assert_eq!(restore(&actor, "a", &index, "false", "index").await.status(), 200);
    assert_eq!(actor.get(&url(&format!("/v2/a/manifests/{two}"))).await.status(), 404, "an index is restored alone");
    assert_eq!(restore(&actor, "a", &two, "false", "").await.status(), 200);
    assert_eq!(actor.get(&url(&format!("/v2/a/manifests/{referrer}"))).await.status(), 404, "a subject is restored alone");
    assert_eq!(restore(&actor, "a", &referrer, "false", "signature").await.status(), 200);
    insta::assert_snapshot!("restore_rules", lines.join("\n"));
    drop(azlet);
}

#[tokio::test]
async fn a_push_revives_a_repository_and_its_deletion_keeps_everything() {
    let (azlet, actor) = start(soft()).await;
    push_image(&actor, HOST, "a", "v1", "one").await;
    push_image(&actor, HOST, "a", "v2", "two").await;
    let full = azlet.registry_size("reg");
    assert_eq!(actor.delete(&url("/acr/v1/a")).await.status(), 202);
    let listed = actor.get(&url("/acr/v1/_deleted/a/_manifests")).await.json();
    assert_eq!(listed["manifests"].as_array().map(Vec::len), Some(2));
    assert_eq!(azlet.registry_size("reg"), full, "what can be restored is paid for");
    push_image(&actor, HOST, "a", "v3", "three").await;
    assert_eq!(actor.get(&url("/acr/v1/_deleted/_catalog")).await.json(), json!({ "repositories": [] }), "it lives again");
    assert_eq!(actor.get(&url("/acr/v1/_deleted/a/_manifests")).await.json(), listed);
}

#[tokio::test]
async fn what_was_deleted_is_purged_after_the_days_that_the_policy_says() {
    let (azlet, actor) = start(Settings { soft_delete_days: 2, ..soft() }).await;
    push_image(&actor, HOST, "a", "v1", "one").await;
    azlet.advance("1m").await;
    assert_eq!(actor.delete(&url("/acr/v1/a")).await.status(), 202);
    azlet.advance("47h").await;
    let count = |listed: Value| listed["manifests"].as_array().map(Vec::len);
    assert_eq!(count(again(&azlet).await.get(&url("/acr/v1/_deleted/a/_manifests")).await.json()), Some(1));
    azlet.advance("2h").await;
    assert_eq!(again(&azlet).await.get(&url("/acr/v1/_deleted/a/_manifests")).await.status(), 404, "nothing of it is left");
    assert_eq!(azlet.registry_size("reg"), 0);
}

#[tokio::test]
async fn without_the_policy_nothing_is_kept() {
    let (_azlet, actor) = start(Settings::default()).await;
    let digest = push_image(&actor, HOST, "a", "v1", "one").await;
    actor.delete(&url(&format!("/v2/a/manifests/{digest}"))).await;
    assert_eq!(actor.get(&url("/acr/v1/_deleted/_catalog")).await.json(), json!({ "repositories": [] }));
    assert_eq!(restore(&actor, "a", &digest, "true", "v1").await.error_code(), "MANIFEST_UNKNOWN");
    assert_eq!(push_image(&actor, HOST, "a", "v1", "one").await, digest, "it may be pushed again");
}

#[tokio::test]
async fn deleted_artifacts_are_for_who_holds_the_rights() {
    let azlet = Azlet::start().await;
    azlet.registry("reg", soft());
    let registry = azlet_tests::resource_id("rg", "Microsoft.ContainerRegistry/registries/reg");
    azlet.assign("nobody", "AcrPush", &registry);
    let digest = format!("sha256:{}", "a".repeat(64));
    let actor = azlet.registry_actor(HOST, "nobody", "repository:a:* registry:deleted_catalog:*").await;
    let mut lines = Vec::new();
    for (method, path) in [
        (Method::GET, "/acr/v1/_deleted/_catalog".to_owned()),
        (Method::GET, "/acr/v1/_deleted/a/_manifests".into()),
        (Method::GET, "/acr/v1/_deleted/a/_tags".into()),
        (Method::POST, format!("/acr/v1/_deleted/a/_manifests/{digest}")),
    ] {
        let answer = actor.send(actor.request(method.clone(), &url(&path))).await;
        let challenge = answer.header("www-authenticate").unwrap_or_default().to_owned();
        lines.push(format!("{method} {path}\n    {} {challenge}", answer.status()));
    }
    insta::assert_snapshot!("deleted_rights", lines.join("\n"));
}

#[tokio::test]
async fn manifests_that_lose_their_tags_are_deleted_by_the_retention_policy() {
    let (azlet, actor) = start(Settings { premium: true, untagged_days: Some(1), ..Settings::default() }).await;
    let moved = push_image(&actor, HOST, "a", "v1", "one").await;
    push_image(&actor, HOST, "a", "v1", "two").await;
    let untagged = push_image(&actor, HOST, "a", "v2", "three").await;
    let locked = push_image(&actor, HOST, "a", "v3", "four").await;
    let listed = push_image(&actor, HOST, "a", "v4", "five").await;
    let child = descriptor(&actor, &listed).await;
    let index = json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [child] });
    put_manifest(&actor, HOST, "a", "index", OCI_INDEX, &index).await;
    actor.patch(&url(&format!("/acr/v1/a/_manifests/{locked}")), &json!({ "deleteEnabled": false })).await;
    for tag in ["v2", "v3", "v4"] {
        assert_eq!(actor.delete(&url(&format!("/acr/v1/a/_tags/{tag}"))).await.status(), 202);
    }
    azlet.advance("23h").await;
    let there = async |digest: &str| again(&azlet).await.get(&url(&format!("/v2/a/manifests/{digest}"))).await.status() == 200;
    assert!(there(&moved).await && there(&untagged).await, "a day has not passed");
    azlet.advance("2h").await;
    assert!(!there(&moved).await && !there(&untagged).await, "a manifest whose tag moved or went is gone");
    assert!(there(&locked).await, "a locked one stays");
    assert!(there(&listed).await, "what an index lists stays (inferred)");
    assert!(there("v1").await && there("index").await, "what has a tag stays");
}
