//! Imports by the wire: what they are asked for, what they bring, and whose rights count. Sources: Container Registry's documentation
//! ("Import container images", "Service limits") and the provider's specification; texts that are not recorded are inferred.

use azlet_tests::registry::{OCI_INDEX, OCI_MANIFEST, image, put_manifest};
use azlet_tests::{Actor, Answer, Azlet, arm, resource_id};
use serde_json::{Value, json};

const VERSION: &str = "2025-11-01";
const SOURCE: &str = "source1.azurecr.io";
const TARGET: &str = "target1.azurecr.io";

fn id(name: &str) -> String {
    resource_id("rg", &format!("Microsoft.ContainerRegistry/registries/{name}"))
}

/// Two registries, `a:v1` and `a:v2` with the same index of two images in the first.
async fn two_registries() -> (Azlet, Actor, String) {
    let (azlet, owner) = Azlet::with_group().await;
    for name in ["source1", "target1"] {
        let body = json!({ "location": "westus", "sku": { "name": "Basic" } });
        assert_eq!(owner.put(&arm(&id(name), VERSION), &body).await.status(), 200);
    }
    let pusher = azlet.registry_actor(SOURCE, "owner", "repository:a:pull,push").await;
    push_index(&pusher, "a", "v1", 2).await;
    let digest = push_index(&pusher, "a", "v2", 2).await;
    (azlet, owner, digest)
}

/// Pushes an index of this many images, which share their blobs, and returns its digest.
async fn push_index(actor: &Actor, repository: &str, tag: &str, images: usize) -> String {
    let base = image(actor, SOURCE, repository, "hello").await;
    let mut manifests = Vec::new();
    for number in 0..images {
        let mut manifest = base.clone();
        manifest["annotations"] = json!({ "number": number.to_string() });
        let size = manifest.to_string().len();
        let put = put_manifest(actor, SOURCE, repository, &format!("part{number}"), OCI_MANIFEST, &manifest).await;
        assert_eq!(put.status(), 201, "{}", put.golden());
        let digest = put.header("docker-content-digest").expect("a digest").to_owned();
        manifests.push(json!({ "mediaType": OCI_MANIFEST, "digest": digest, "size": size }));
    }
    let index = json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": manifests });
    let put = put_manifest(actor, SOURCE, repository, tag, OCI_INDEX, &index).await;
    assert_eq!(put.status(), 201, "{}", put.golden());
    put.header("docker-content-digest").expect("a digest").to_owned()
}

/// Starts an import; how it ends is asked by `watcher`, since a poll needs a right of its own.
async fn import_watched(actor: &Actor, watcher: &Actor, body: &Value) -> (Answer, Option<Answer>) {
    let started = actor.post(&arm(&format!("{}/importImage", id("target1")), VERSION), body).await;
    let end = if started.status() == 202 { Some(watcher.follow(&started).await) } else { None };
    (started, end)
}

async fn import(actor: &Actor, body: &Value) -> (Answer, Option<Answer>) {
    import_watched(actor, actor, body).await
}

/// How an import ends, in a line.
fn outcome((started, end): &(Answer, Option<Answer>)) -> String {
    let last = end.as_ref().unwrap_or(started);
    let body = last.json();
    let message = body["error"]["message"].as_str().map(|text| {
        let text = text.split_once("registries/target1 ").map_or(text, |(_, reason)| reason);
        format!(" {}: {text}", last.error_code())
    });
    format!("{}{}", last.status(), message.unwrap_or_default())
}

#[tokio::test]
async fn an_import_is_by_tag_or_digest_with_or_without_tags() {
    let (azlet, owner, digest) = two_registries().await;
    let from = |image: &str| json!({ "resourceId": id("source1"), "sourceImage": image });
    let by_digest = from(&format!("a@{digest}"));
    let mut lines = Vec::new();
    for (case, body) in [
        ("by tag", json!({ "source": from("a:v1"), "targetTags": ["b:v1", "c:v1"] })),
        ("the same again", json!({ "source": from("a:v1"), "targetTags": ["b:v1"] })),
        ("the same again by force", json!({ "source": from("a:v1"), "targetTags": ["b:v1"], "mode": "force" })),
        ("one of two is there", json!({ "source": from("a:v1"), "targetTags": ["new:v1", "b:v1"], "mode": "NoForce" })),
        ("by digest", json!({ "source": by_digest, "targetTags": ["d:v2"] })),
        ("by digest, untagged", json!({ "source": by_digest, "untaggedTargetRepositories": ["e"] })),
        ("untagged twice", json!({ "source": by_digest, "untaggedTargetRepositories": ["e"] })),
        ("an unknown mode", json!({ "source": from("a:v1"), "targetTags": ["f:v1"], "mode": "Gently" })),
        ("no image", json!({ "source": { "resourceId": id("source1") } })),
        ("no source", json!({ "source": { "sourceImage": "a:v1" } })),
        ("tags that are no list", json!({ "source": from("a:v1"), "targetTags": "f:v1" })),
        ("an absent registry", json!({ "source": { "resourceId": id("absent1"), "sourceImage": "a:v1" } })),
    ] {
        lines.push(format!("{case}: {}", outcome(&import(&owner, &body).await)));
    }
    insta::assert_snapshot!("imports", lines.join("\n"));
    let reader = azlet.registry_actor(TARGET, "owner", "repository:e:pull,metadata_read registry:catalog:*").await;
    let catalog = reader.get(&format!("https://{TARGET}/v2/_catalog")).await.json();
    assert_eq!(catalog["repositories"], json!(["b", "c", "d", "e"]), "where one of two is there, nothing is written");
    let untagged = reader.get(&format!("https://{TARGET}/acr/v1/e")).await.json();
    assert_eq!((&untagged["tagCount"], &untagged["manifestCount"]), (&json!(0), &json!(3)), "the index with both of its images");
}

#[tokio::test]
async fn an_import_has_at_most_fifty_manifests() {
    let (azlet, owner, _) = two_registries().await;
    let pusher = azlet.registry_actor(SOURCE, "owner", "repository:many:pull,push").await;
    push_index(&pusher, "many", "fifty", 49).await;
    push_index(&pusher, "many", "more", 50).await;
    let body = |tag: &str| json!({ "source": { "resourceId": id("source1"), "sourceImage": format!("many:{tag}") }, "targetTags": [format!("many:{tag}")] });
    let lines = [
        format!("an index and 49 images: {}", outcome(&import(&owner, &body("fifty")).await)),
        format!("an index and 50 images: {}", outcome(&import(&owner, &body("more")).await)),
    ];
    insta::assert_snapshot!("import_manifests", lines.join("\n"));
}

#[tokio::test]
async fn an_importer_needs_rights_at_both_ends() {
    let (azlet, owner, _) = two_registries().await;
    let body = json!({ "source": { "resourceId": id("source1"), "sourceImage": "a:v1" }, "targetTags": ["a:v1"] });
    let nobody = azlet.actor("nobody").await;
    let mut lines = vec![format!("without any right: {}", outcome(&import_watched(&nobody, &owner, &body).await))];
    azlet.assign("nobody", "Contributor", &id("target1"));
    lines.push(format!("Contributor at the target alone: {}", outcome(&import_watched(&nobody, &owner, &body).await)));
    azlet.assign("nobody", "Reader", &format!("/subscriptions/{}", azlet_tests::SUBSCRIPTION));
    lines.push(format!(
        "Contributor at the target, Reader of the rest: {}",
        outcome(&import_watched(&nobody, &owner, &body).await)
    ));
    // The right to see a registry is not the right to pull: with repository permissions, Reader opens none.
    let abac = json!({ "properties": { "roleAssignmentMode": "AbacRepositoryPermissions" } });
    assert_eq!(owner.patch(&arm(&id("source1"), VERSION), &abac).await.status(), 200);
    let mut forced = body.clone();
    forced["mode"] = json!("Force");
    lines.push(format!("the source has repository permissions: {}", outcome(&import_watched(&nobody, &owner, &forced).await)));
    azlet.assign("nobody", "Container Registry Repository Reader", &id("source1"));
    lines.push(format!("with the right to read them: {}", outcome(&import_watched(&nobody, &owner, &forced).await)));
    insta::assert_snapshot!("import_rights", lines.join("\n").replace("0a210000-0000-4000-8000-0000000000", ""));
}
