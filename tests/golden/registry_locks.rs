//! Locks on repositories, manifests and tags: which refuses what. Sources: Azure Container Registry's page on locking images; refusals
//! that users have reported. `inferred` marks what neither says.

use azlet::acr::store::Settings;
use azlet_tests::registry::{HOST, OCI_MANIFEST, image, push_image, put_manifest, url};
use azlet_tests::{Actor, Azlet};
use serde_json::{Value, json};

/// What each operation comes to; the destructive ones last, each on a registry of its own.
async fn outcome(lock: Option<(&str, Value)>) -> String {
    let mut lines = Vec::new();
    for operation in [
        "pull by tag",
        "pull by digest",
        "pull blob",
        "list catalog",
        "list tags",
        "list manifests",
        "show tag",
        "move tag",
        "add tag",
        "delete tag",
        "delete manifest",
        "delete repository",
        "import over tag",
    ] {
        let (azlet, owner) = Azlet::with_group().await;
        let id = azlet_tests::resource_id("rg", "Microsoft.ContainerRegistry/registries/reg01");
        owner.put(&azlet_tests::arm(&id, "2025-11-01"), &json!({ "location": "westus", "sku": { "name": "Standard" } })).await;
        let host = "reg01.azurecr.io";
        let actor = azlet.registry_actor(host, "owner", "repository:a:* registry:catalog:*").await;
        let digest = push_image(&actor, host, "a", "v1", "one").await;
        let other = image(&actor, host, "a", "two").await;
        let same = image(&actor, host, "a", "one").await;
        if let Some((what, body)) = &lock {
            let path = what.replace("{digest}", &digest);
            let set = actor.patch(&format!("https://{host}{path}"), body).await;
            assert_eq!(set.status(), 200, "{}", set.golden());
        }
        let at = |path: &str| format!("https://{host}{path}");
        let shown = |answer: azlet_tests::Answer, pointer: &str| {
            let length = answer.json().pointer(pointer).and_then(Value::as_array).map(Vec::len);
            format!("{} with {}", answer.status(), length.unwrap_or_default())
        };
        let plain = |answer: azlet_tests::Answer| match answer.status() {
            400.. => format!("{} {}", answer.status(), answer.error_code()),
            status => status.to_string(),
        };
        let layer = same["layers"][0]["digest"].as_str().expect("a digest").to_owned();
        let result = match operation {
            "pull by tag" => plain(actor.get(&at("/v2/a/manifests/v1")).await),
            "pull by digest" => plain(actor.get(&at(&format!("/v2/a/manifests/{digest}"))).await),
            "pull blob" => plain(actor.get(&at(&format!("/v2/a/blobs/{layer}"))).await),
            "list catalog" => shown(actor.get(&at("/acr/v1/_catalog")).await, "/repositories"),
            "list tags" => shown(actor.get(&at("/acr/v1/a/_tags")).await, "/tags"),
            "list manifests" => shown(actor.get(&at("/acr/v1/a/_manifests")).await, "/manifests"),
            "show tag" => plain(actor.get(&at("/acr/v1/a/_tags/v1")).await),
            "move tag" => plain(put_manifest(&actor, host, "a", "v1", OCI_MANIFEST, &other).await),
            "add tag" => plain(put_manifest(&actor, host, "a", "v2", OCI_MANIFEST, &same).await),
            "delete tag" => plain(actor.delete(&at("/acr/v1/a/_tags/v1")).await),
            "delete manifest" => plain(actor.delete(&at(&format!("/v2/a/manifests/{digest}"))).await),
            "delete repository" => plain(actor.delete(&at("/acr/v1/a")).await),
            _ => {
                let body = json!({ "source": { "registryUri": "docker.io", "sourceImage": "library/nginx:latest" },
                    "targetTags": ["a:v1"], "mode": "Force" });
                let url = azlet_tests::arm(&format!("{id}/importImage"), "2025-11-01");
                let started = owner.post(&url, &body).await;
                let tag = actor.get(&at("/acr/v1/a/_tags/v1")).await.json();
                let moved = tag["tag"]["digest"] != digest.as_str();
                format!("{}, {}", started.status(), if moved { "the tag has moved" } else { "the tag has not moved" })
            }
        };
        lines.push(format!("    {operation}: {result}"));
    }
    lines.join("\n")
}

#[tokio::test]
async fn every_lock_refuses_what_it_locks_and_nothing_else() {
    let free = outcome(None).await;
    let mut text = format!("no lock\n{free}");
    for what in ["/acr/v1/a", "/acr/v1/a/_manifests/{digest}", "/acr/v1/a/_tags/v1"] {
        for attribute in ["deleteEnabled", "writeEnabled", "readEnabled", "listEnabled"] {
            let locked = outcome(Some((what, json!({ attribute: false })))).await;
            let changed: Vec<&str> = locked.lines().filter(|line| !free.contains(line)).collect();
            text.push_str(&format!("\n{what} {attribute}=false\n{}", changed.join("\n")));
        }
    }
    insta::assert_snapshot!("locks", text);
}

#[tokio::test]
async fn a_tag_keeps_its_locks_when_an_import_moves_it_and_a_lock_can_always_be_taken_off() {
    let azlet = Azlet::start().await;
    azlet.registry("reg", Settings::default());
    let actor: Actor = azlet.registry_actor(HOST, "owner", "repository:a:*").await;
    push_image(&actor, HOST, "a", "v1", "one").await;
    let tag = url("/acr/v1/a/_tags/v1");
    let all = json!({ "deleteEnabled": false, "writeEnabled": false, "readEnabled": false, "listEnabled": false });
    for path in [url("/acr/v1/a"), tag.clone()] {
        assert_eq!(actor.patch(&path, &all).await.status(), 200);
        let free = json!({ "deleteEnabled": true, "writeEnabled": true, "readEnabled": true, "listEnabled": true });
        assert_eq!(actor.patch(&path, &free).await.status(), 200);
    }
    assert_eq!(actor.delete(&tag).await.status(), 202);
}
