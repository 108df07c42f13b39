//! Resource groups, lists of resources, regions and providers. Source: the Resources API's specification (2024-11-01), Azure's
//! documentation, and answers that users have reported.

use azlet_tests::{Actor, Azlet, SUBSCRIPTION, arm, resource_id};
use serde_json::{Value, json};

const VERSION: &str = "2024-11-01";

fn group(name: &str) -> String {
    arm(&format!("/subscriptions/{SUBSCRIPTION}/resourcegroups/{name}"), VERSION)
}

fn names(answer: &Value) -> Vec<&str> {
    answer["value"].as_array().expect("a list").iter().filter_map(|row| row["name"].as_str()).collect()
}

async fn registry(owner: &Actor, group: &str, name: &str, tags: Value) {
    let url = arm(&resource_id(group, &format!("Microsoft.ContainerRegistry/registries/{name}")), "2023-11-01-preview");
    let answer = owner.put_and_wait(&url, &json!({ "location": "westus2", "sku": { "name": "Basic" }, "tags": tags })).await;
    assert_eq!(answer.status(), 200, "{}", answer.golden());
}

#[tokio::test]
async fn a_group_lives_from_put_to_delete() {
    let azlet = Azlet::start().await;
    let owner = azlet.owner().await;
    let url = group("My.Group_1");
    assert_eq!(owner.head(&url).await.status(), 404);
    let body = json!({ "location": "West US 2", "tags": { "a": "b", "c": "" } });
    insta::assert_snapshot!("group_created", owner.put(&url, &body).await.golden());
    assert_eq!(owner.put(&url, &body).await.status(), 200);
    assert_eq!(owner.head(&url).await.status(), 204);
    let changed = owner.patch(&url, &json!({ "tags": { "d": "e" } })).await;
    assert_eq!(changed.json()["tags"], json!({ "d": "e" }), "a PATCH replaces the whole map");
    let moved = owner.put(&url, &json!({ "location": "eastus" })).await;
    insta::assert_snapshot!("group_moved", moved.golden());
    let deleted = owner.delete(&url).await;
    assert_eq!((deleted.status(), deleted.bytes().len()), (202, 0));
    assert_eq!(deleted.header("retry-after"), None, "a client would wait that long");
    let end = owner.follow(&deleted).await;
    assert_eq!((end.status(), end.bytes().len()), (200, 0));
    assert_eq!(owner.get(&url).await.error_code(), "ResourceGroupNotFound");
    assert_eq!(owner.delete(&url).await.status(), 404);
}

#[tokio::test]
async fn a_groups_name_and_region_must_be_allowed() {
    let azlet = Azlet::start().await;
    let owner = azlet.owner().await;
    let here = json!({ "location": "westus2" });
    insta::assert_snapshot!("group_bad_name", owner.put(&group("a%20b"), &here).await.golden());
    assert_eq!(owner.put(&group("ends."), &here).await.error_code(), "InvalidResourceGroup");
    assert_eq!(owner.put(&group(&"x".repeat(91)), &here).await.error_code(), "InvalidResourceGroup");
    assert_eq!(owner.put(&group("%C3%A4%C3%B6"), &here).await.status(), 201, "letters of any script are allowed");
    let nowhere = owner.put(&group("rg"), &json!({ "location": "Canada" })).await;
    assert_eq!((nowhere.status(), nowhere.error_code().as_str()), (400, "LocationNotAvailableForResourceGroup"));
    assert_eq!(owner.put(&group("rg"), &json!({})).await.error_code(), "LocationRequired");
}

#[tokio::test]
async fn a_deleted_group_takes_everything_along() {
    let azlet = Azlet::start().await;
    let owner = azlet.owner().await;
    owner.put(&group("rg"), &json!({ "location": "westus2" })).await;
    registry(&owner, "rg", "myregistry", json!({})).await;
    let identity = arm(&resource_id("rg", "Microsoft.ManagedIdentity/userAssignedIdentities/mine"), "2024-11-30");
    let made = owner.put(&identity, &json!({ "location": "westus2" })).await;
    insta::assert_snapshot!("identity_created", made.golden());
    let principal = made.json()["properties"]["principalId"].as_str().expect("a principal").parse().expect("a GUID");
    assert!(azlet.world().directory.principal(principal).is_some());
    let started = owner.delete(&group("rg")).await;
    owner.follow(&started).await;
    assert!(azlet.world().directory.principal(principal).is_none(), "the service principal goes with its identity");
    assert!(azlet.world().acr.by_login_server("myregistry.azurecr.io").is_none(), "the registry's data goes with it");
    owner.put(&group("rg"), &json!({ "location": "westus2" })).await;
    assert_eq!(owner.get(&identity).await.error_code(), "ResourceNotFound");
}

#[tokio::test]
async fn resources_are_found_by_filter() {
    let azlet = Azlet::start().await;
    let owner = azlet.owner().await;
    for name in ["rg", "rg2"] {
        owner.put(&group(name), &json!({ "location": "westus2", "tags": { "of": name } })).await;
    }
    registry(&owner, "rg", "firstregistry", json!({ "env": "prod" })).await;
    registry(&owner, "rg2", "secondregistry", json!({})).await;
    let list = async |filter: &str| {
        let path = format!("/subscriptions/{SUBSCRIPTION}/resources?$filter={}", filter.replace(' ', "%20"));
        owner.get(&arm(&path, VERSION)).await
    };
    let all = list("resourceType eq 'microsoft.containerregistry/REGISTRIES'").await;
    insta::assert_snapshot!("resources_by_type", all.golden());
    assert_eq!(
        names(&list("resourceGroup eq 'rg' and resourceType eq 'Microsoft.ContainerRegistry/registries'").await.json()),
        ["firstregistry"]
    );
    assert_eq!(names(&list("substringof('second', name)").await.json()), ["secondregistry"]);
    assert_eq!(names(&list("tagName eq 'env' and tagValue eq 'prod'").await.json()), ["firstregistry"]);
    assert_eq!(names(&list("").await.json()), ["firstregistry", "secondregistry"]);
    insta::assert_snapshot!("resources_bad_filter", list("colour eq 'red'").await.golden());
    let groups = |filter: &str| {
        arm(&format!("/subscriptions/{SUBSCRIPTION}/resourcegroups?$filter={}", filter.replace(' ', "%20")), VERSION)
    };
    assert_eq!(names(&owner.get(&groups("tagName eq 'of' and tagValue eq 'rg2'")).await.json()), ["rg2"]);
    assert_eq!(owner.get(&groups("name eq 'rg'")).await.error_code(), "InvalidFilterInQueryString");
    let missing = owner.get(&arm(&format!("/subscriptions/{SUBSCRIPTION}/resourceGroups/none/resources"), VERSION)).await;
    assert_eq!(missing.error_code(), "ResourceGroupNotFound");
}

#[tokio::test]
async fn regions_and_providers_are_told() {
    let azlet = Azlet::start().await;
    let owner = azlet.owner().await;
    let locations = owner.get(&arm(&format!("/subscriptions/{SUBSCRIPTION}/locations"), "2022-12-01")).await.json();
    let east = locations["value"].as_array().expect("a list").iter().find(|row| row["name"] == "eastus").expect("eastus");
    insta::assert_snapshot!("location", serde_json::to_string_pretty(east).expect("JSON"));
    let provider = format!("/subscriptions/{SUBSCRIPTION}/providers/microsoft.containerregistry");
    let shown = owner.get(&arm(&provider, VERSION)).await.json();
    assert_eq!(shown["registrationState"], "Registered");
    assert!(shown["resourceTypes"].as_array().is_some_and(|types| types.iter().any(|kind| kind["resourceType"] == "registries")));
    let registered = owner.post(&arm(&format!("{provider}/register"), VERSION), &json!({})).await;
    assert_eq!((registered.status(), &registered.json()["namespace"]), (200, &json!("Microsoft.ContainerRegistry")));
    let reader = azlet.actor("reader").await;
    assert_eq!(reader.post(&arm(&format!("{provider}/register"), VERSION), &json!({})).await.status(), 403);
}

#[tokio::test]
async fn tags_can_be_set_at_a_scope() {
    let azlet = Azlet::start().await;
    let owner = azlet.owner().await;
    owner.put(&group("rg"), &json!({ "location": "westus2", "tags": { "a": "1" } })).await;
    let url =
        arm(&format!("/subscriptions/{SUBSCRIPTION}/resourceGroups/rg/providers/Microsoft.Resources/tags/default"), VERSION);
    let merged = owner.patch(&url, &json!({ "operation": "Merge", "properties": { "tags": { "b": "2" } } })).await;
    insta::assert_snapshot!("tags_merged", merged.golden());
    assert_eq!(owner.put(&url, &json!({ "properties": { "tags": { "c": "3" } } })).await.status(), 200);
    assert_eq!(owner.get(&group("rg")).await.json()["tags"], json!({ "c": "3" }));
}
