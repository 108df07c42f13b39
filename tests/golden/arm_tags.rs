//! Tags: at a scope, by PATCH, and the names that a subscription knows. Source: the Resources API's specification (2024-11-01),
//! the ARM resource provider contract, recorded answers. Codes and texts for a breach of the limits are inferred.

use azlet_tests::{Actor, Azlet, SUBSCRIPTION, arm, resource_id};
use serde_json::{Map, Value, json};

const VERSION: &str = "2024-11-01";

fn subscription() -> String {
    format!("/subscriptions/{SUBSCRIPTION}")
}

fn group() -> String {
    format!("{}/resourceGroups/rg", subscription())
}

fn identity() -> String {
    resource_id("rg", "Microsoft.ManagedIdentity/userAssignedIdentities/mine")
}

fn tags_of(scope: &str) -> String {
    arm(&format!("{scope}/providers/Microsoft.Resources/tags/default"), VERSION)
}

async fn setting(azlet: &Azlet) -> Actor {
    let owner = azlet.owner().await;
    owner.put(&arm(&group(), VERSION), &json!({ "location": "westus2", "tags": { "a": "1" } })).await;
    owner.put(&arm(&identity(), "2024-11-30"), &json!({ "location": "westus2", "tags": { "a": "1" } })).await;
    owner
}

#[tokio::test]
async fn tags_are_replaced_merged_and_deleted_at_every_scope() {
    let azlet = Azlet::start().await;
    let owner = setting(&azlet).await;
    for scope in [subscription(), group(), identity()] {
        let url = tags_of(&scope);
        let patch = async |operation: &str, tags: Value| {
            let answer = owner.patch(&url, &json!({ "operation": operation, "properties": { "tags": tags } })).await;
            assert_eq!(answer.status(), 200, "{scope}: {}", answer.golden());
            answer.json()["properties"]["tags"].clone()
        };
        let put = owner.put(&url, &json!({ "properties": { "tags": { "Team": "blue", "b": "" } } })).await;
        assert_eq!((put.status(), &put.json()["properties"]["tags"]), (200, &json!({ "Team": "blue", "b": "" })));
        assert_eq!(put.json()["id"], format!("{scope}/providers/Microsoft.Resources/tags/default"));
        assert_eq!(patch("Merge", json!({ "team": "red", "c": "3" })).await, json!({ "Team": "red", "b": "", "c": "3" }));
        assert_eq!(patch("Delete", json!({ "c": "other" })).await, json!({ "Team": "red", "b": "", "c": "3" }));
        assert_eq!(patch("Delete", json!({ "C": "3" })).await, json!({ "Team": "red", "b": "" }));
        assert_eq!(patch("Replace", json!({ "d": "4" })).await, json!({ "d": "4" }));
        assert_eq!(owner.get(&url).await.json()["properties"]["tags"], json!({ "d": "4" }));
        let gone = owner.delete(&url).await;
        assert_eq!((gone.status(), gone.bytes().len()), (200, 0));
        assert_eq!(owner.get(&url).await.json()["properties"]["tags"], json!({}));
    }
    insta::assert_snapshot!("tags_absent_resource", owner.get(&tags_of(&format!("{}x", identity()))).await.golden());
    let wrong = json!({ "operation": "Mix", "properties": { "tags": {} } });
    insta::assert_snapshot!("tags_unknown_operation", owner.patch(&tags_of(&group()), &wrong).await.golden());
}

#[tokio::test]
async fn a_patch_replaces_the_whole_map_of_tags() {
    let azlet = Azlet::start().await;
    let owner = setting(&azlet).await;
    for (scope, version) in [(group(), VERSION), (identity(), "2024-11-30")] {
        let changed = owner.patch(&arm(&scope, version), &json!({ "tags": { "z": "26" } })).await;
        assert_eq!((changed.status(), &changed.json()["tags"]), (200, &json!({ "z": "26" })), "{}", changed.golden());
    }
}

#[tokio::test]
async fn tags_have_limits() {
    let azlet = Azlet::start().await;
    let owner = setting(&azlet).await;
    let many = |count: usize| (0..count).map(|number| (format!("t{number}"), json!("v"))).collect::<Map<String, Value>>();
    let odd = json!({ "a:b": "", "ä ö": "ü", "x": "v".repeat(256), "k".repeat(512): "v" });
    for (what, tags, expected) in [
        ("fifty", json!(many(50)), ""),
        ("odd but allowed", odd, ""),
        ("fifty-one", json!(many(51)), "TooManyTags"),
        ("a long name", json!({ "k".repeat(513): "v" }), "TagNameTooLong"),
        ("a long value", json!({ "k": "v".repeat(257) }), "TagValueTooLong"),
        ("a reserved sign", json!({ "a/b": "v" }), "InvalidTagNameCharacters"),
        ("one name twice", json!({ "a": "1", "A": "2" }), "DuplicateTagName"),
        ("no text", json!({ "a": { "b": "c" } }), "InvalidRequestContent"),
    ] {
        let put = owner.put(&arm(&group(), VERSION), &json!({ "location": "westus2", "tags": tags })).await;
        assert_eq!(put.error_code(), expected, "{what} in a group: {}", put.golden());
        let at_scope = owner.put(&tags_of(&group()), &json!({ "properties": { "tags": tags } })).await;
        assert_eq!(at_scope.error_code(), expected, "{what} at the scope: {}", at_scope.golden());
    }
}

#[tokio::test]
async fn a_subscription_knows_names_of_tags() {
    let azlet = Azlet::start().await;
    let owner = setting(&azlet).await;
    let url = |rest: &str| arm(&format!("{}/tagNames{rest}", subscription()), VERSION);
    let made = owner.put(&url("/environment"), &json!({})).await;
    insta::assert_snapshot!("tag_name_put", made.golden());
    assert_eq!(owner.put(&url("/Environment"), &json!({})).await.status(), 200);
    let value = owner.put(&url("/environment/tagValues/test"), &json!({})).await;
    insta::assert_snapshot!("tag_value_put", value.golden());
    assert_eq!(owner.put(&url("/environment/tagValues/test"), &json!({})).await.status(), 200);
    insta::assert_snapshot!("tag_names", owner.get(&url("")).await.golden());
    assert_eq!(owner.put(&url("/none/tagValues/x"), &json!({})).await.error_code(), "TagNameNotFound");
    insta::assert_snapshot!("tag_name_with_values", owner.delete(&url("/environment")).await.golden());
    assert_eq!(owner.delete(&url("/a/tagValues/1")).await.error_code(), "TagValueInUse");
    assert_eq!(owner.delete(&url("/environment/tagValues/test")).await.status(), 200);
    assert_eq!(owner.delete(&url("/environment/tagValues/test")).await.status(), 204);
    assert_eq!(owner.delete(&url("/environment")).await.status(), 200);
    assert_eq!(owner.delete(&url("/environment")).await.status(), 204);
}
