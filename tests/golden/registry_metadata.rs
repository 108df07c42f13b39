//! Repositories, tags and manifests under `/acr/v1`, with their locks. Sources: Azure Container Registry's REST reference and its page
//! on locking images; answers recorded from the real registry.

use azlet::acr::store::Settings;
use azlet_tests::registry::{HOST, OCI_INDEX, OCI_MANIFEST, push_image, put_manifest, url};
use azlet_tests::{Actor, Azlet};
use reqwest::Method;
use serde_json::json;

/// A registry with the image `a:v1`, and ten seconds later `a:v2`.
async fn start() -> (Azlet, Actor, String) {
    let azlet = Azlet::start().await;
    azlet.registry("reg", Settings::default());
    let actor = azlet.registry_actor(HOST, "owner", "repository:a:* repository:none:*").await;
    push_image(&actor, HOST, "a", "v1", "one").await;
    azlet.advance("10s").await;
    let digest = push_image(&actor, HOST, "a", "v2", "two").await;
    (azlet, actor, digest)
}

#[tokio::test]
async fn repositories_tags_and_manifests_are_described() {
    let (azlet, actor, digest) = start().await;
    let size = actor.get(&url("/v2/a/manifests/v2")).await.bytes().len();
    let platform = json!({ "architecture": "amd64", "os": "linux" });
    let child = json!({ "mediaType": OCI_MANIFEST, "digest": digest, "size": size, "platform": platform });
    let index = json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [child] });
    azlet.advance("1s").await;
    let put = put_manifest(&actor, HOST, "a", "index", OCI_INDEX, &index).await;
    let index_digest = put.header("docker-content-digest").expect("a digest").to_owned();
    for (name, path) in [
        ("repository", "/acr/v1/a".to_owned()),
        ("tags", "/acr/v1/a/_tags?n=100&orderby=".into()),
        ("tags_newest", "/acr/v1/a/_tags?n=1&orderby=timedesc".into()),
        ("tag", "/acr/v1/a/_tags/v2".into()),
        ("manifests", "/acr/v1/a/_manifests".into()),
        ("manifests_page", "/acr/v1/a/_manifests?n=1&orderby=timeasc&api-version=2021-07-01".into()),
        ("manifest", format!("/acr/v1/a/_manifests/{}", digest.replace(':', "%3A"))),
        ("manifest_index", format!("/acr/v1/a/_manifests/{index_digest}")),
        ("repository_unknown", "/acr/v1/none".into()),
        ("tags_unknown_repository", "/acr/v1/none/_tags".into()),
        ("tag_unknown", "/acr/v1/a/_tags/none".into()),
        ("manifest_unknown", format!("/acr/v1/a/_manifests/sha256:{}", "a".repeat(64))),
    ] {
        insta::assert_snapshot!(name, actor.get(&url(&path)).await.golden());
    }
    let post = actor.send(actor.request(Method::POST, &url("/acr/v1/a"))).await;
    insta::assert_snapshot!("operation_unknown", post.golden());
}

#[tokio::test]
async fn links_repeat_the_path_as_the_client_wrote_it() {
    let azlet = Azlet::start().await;
    azlet.registry("reg", Settings::default());
    let actor = azlet.registry_actor(HOST, "owner", "repository:team/a:*").await;
    push_image(&actor, HOST, "team/a", "v1", "text").await;
    push_image(&actor, HOST, "team/a", "v2", "text").await;
    let answer = actor.get(&url("/acr/v1/team%2Fa/_tags?n=1")).await;
    assert_eq!(answer.header("link"), Some("</acr/v1/team%2Fa/_tags?last=v1&n=1&orderby=>; rel=\"next\""));
    let started = actor.send(actor.request(Method::POST, &url("/v2/team%2Fa/blobs/uploads/"))).await;
    assert!(started.header("location").is_some_and(|it| it.starts_with("/v2/team/a/blobs/uploads/")), "{}", started.golden());
}

#[tokio::test]
async fn deleting_takes_a_tag_a_manifest_or_everything() {
    let (_azlet, actor, _) = start().await;
    insta::assert_snapshot!("tag_deleted", actor.delete(&url("/acr/v1/a/_tags/v1")).await.golden_with(&["content-length"]));
    insta::assert_snapshot!("tag_deleted_twice", actor.delete(&url("/acr/v1/a/_tags/v1")).await.golden());
    let described = actor.get(&url("/acr/v1/a")).await.json();
    assert_eq!((&described["manifestCount"], &described["tagCount"]), (&json!(2), &json!(1)), "the manifest stays");
    insta::assert_snapshot!("repository_deleted", actor.delete(&url("/acr/v1/a")).await.golden());
    insta::assert_snapshot!("repository_deleted_twice", actor.delete(&url("/acr/v1/a")).await.golden());
}

#[tokio::test]
async fn locks_hold_what_they_lock() {
    let (_azlet, actor, digest) = start().await;
    let tag = url("/acr/v1/a/_tags/v2");
    insta::assert_snapshot!("tag_locked", actor.patch(&tag, &json!({ "writeEnabled": false })).await.golden());
    insta::assert_snapshot!("disallowed", actor.delete(&tag).await.golden_with(&["content-length"]));
    let moved = put_manifest(&actor, HOST, "a", "v2", OCI_INDEX, &json!({ "schemaVersion": 2, "manifests": [] })).await;
    assert_eq!((moved.status(), moved.error_code().as_str()), (405, "REGISTRY_DISALLOWED_OPERATION"));
    assert_eq!(actor.delete(&url("/acr/v1/a/_tags/v1")).await.status(), 202, "another tag is free");
    assert_eq!(actor.patch(&tag, &json!({ "writeEnabled": true, "deleteEnabled": false })).await.status(), 200);
    assert_eq!(actor.delete(&tag).await.status(), 405);
    assert_eq!(actor.delete(&url(&format!("/v2/a/manifests/{digest}"))).await.status(), 405);
    assert_eq!(actor.patch(&tag, &json!({ "deleteEnabled": true })).await.status(), 200);
    let repository = url("/acr/v1/a");
    assert_eq!(actor.patch(&repository, &json!({ "writeEnabled": false })).await.status(), 200);
    assert_eq!(actor.delete(&repository).await.status(), 405);
    assert_eq!(actor.delete(&tag).await.status(), 405, "a repository's lock acts on what is in it");
    assert_eq!(actor.patch(&repository, &json!({ "writeEnabled": true, "listEnabled": false })).await.status(), 200);
    let manifest = url(&format!("/acr/v1/a/_manifests/{digest}"));
    assert_eq!(actor.patch(&manifest, &json!({ "readEnabled": false })).await.status(), 200);
    assert_eq!(actor.get(&url("/v2/a/manifests/v2")).await.error_code(), "REGISTRY_DISALLOWED_OPERATION");
    for (name, body) in [("patch_no_object", "[]"), ("patch_no_json", "{"), ("patch_no_boolean", "{\"readEnabled\":1}")] {
        insta::assert_snapshot!(name, actor.send_bytes(Method::PATCH, &manifest, "application/json", body).await.golden());
    }
}
