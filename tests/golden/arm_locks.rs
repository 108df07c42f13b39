//! Management locks. Source: Azure's documentation of locks, the Authorization API's specification (2016-09-01), recorded answers,
//! and refusals that users have quoted. What a malformed lock is answered is inferred.

use azlet_tests::{Actor, Azlet, SUBSCRIPTION, arm, resource_id};
use reqwest::Method;
use serde_json::{Value, json};

const VERSION: &str = "2016-09-01";
const GROUPS: &str = "2024-11-01";
const REGISTRIES: &str = "2023-07-01";

fn group_path(name: &str) -> String {
    format!("/subscriptions/{SUBSCRIPTION}/resourceGroups/{name}")
}

fn group(name: &str) -> String {
    arm(&group_path(name), GROUPS)
}

fn registry_path() -> String {
    resource_id("rg", "Microsoft.ContainerRegistry/registries/myregistry")
}

fn lock_at(scope: &str, name: &str) -> String {
    arm(&format!("{scope}/providers/Microsoft.Authorization/locks/{name}"), VERSION)
}

fn level(level: &str) -> Value {
    json!({ "properties": { "level": level } })
}

/// A group with a registry in it.
async fn setting(azlet: &Azlet) -> Actor {
    let owner = azlet.owner().await;
    owner.put(&group("rg"), &json!({ "location": "westus2" })).await;
    let url = arm(&registry_path(), REGISTRIES);
    let made = owner.put_and_wait(&url, &json!({ "location": "westus2", "sku": { "name": "Basic" } })).await;
    assert_eq!(made.status(), 200, "{}", made.golden());
    owner
}

#[tokio::test]
async fn a_lock_lives_from_put_to_delete() {
    let azlet = Azlet::start().await;
    let owner = setting(&azlet).await;
    let url = lock_at(&group_path("rg"), "Keep");
    let body = json!({ "properties": { "level": "cannotdelete", "notes": "kept" } });
    insta::assert_snapshot!("lock_put", owner.put(&url, &body).await.golden());
    let changed = owner.put(&url, &level("ReadOnly")).await;
    assert_eq!((changed.status(), &changed.json()["properties"]), (200, &json!({ "level": "ReadOnly" })));
    assert_eq!(owner.get(&lock_at(&group_path("RG"), "keep")).await.json()["name"], "Keep", "neither name nor scope have case");
    owner.put(&lock_at(&registry_path(), "inner"), &level("CanNotDelete")).await;
    let names = async |scope: &str, filter: &str| {
        let url = arm(&format!("{scope}/providers/Microsoft.Authorization/locks{filter}"), VERSION);
        let answer = owner.get(&url).await.json();
        let rows = answer["value"].as_array().cloned().unwrap_or_default();
        rows.iter().filter_map(|row| Some(row["name"].as_str()?.to_owned())).collect::<Vec<_>>()
    };
    let subscription = format!("/subscriptions/{SUBSCRIPTION}");
    assert_eq!(names(&subscription, "").await, ["Keep", "inner"], "the subscription lists what is locked in it");
    assert_eq!(names(&group_path("rg"), "").await, ["Keep", "inner"]);
    assert_eq!(names(&group_path("rg"), "?$filter=atScope()").await, ["Keep"]);
    assert_eq!(names(&registry_path(), "").await, ["inner"]);
    let absent = owner.get(&lock_at(&group_path("rg"), "none")).await;
    insta::assert_snapshot!("lock_absent", absent.golden());
    let gone = owner.delete(&url).await;
    assert_eq!((gone.status(), gone.bytes().len()), (200, 0));
    assert_eq!(owner.delete(&url).await.status(), 204);
}

#[tokio::test]
async fn a_locked_resource_is_not_deleted_and_neither_is_its_group() {
    let azlet = Azlet::start().await;
    let owner = setting(&azlet).await;
    owner.put(&lock_at(&registry_path(), "keep"), &level("CanNotDelete")).await;
    let url = arm(&registry_path(), REGISTRIES);
    insta::assert_snapshot!("lock_refuses_delete", owner.delete(&url).await.golden());
    insta::assert_snapshot!("lock_refuses_the_groups_delete", owner.delete(&group("rg")).await.golden());
    assert_eq!(owner.get(&url).await.status(), 200, "nothing has been deleted");
    let credentials = arm(&format!("{}/listUsages", registry_path()), REGISTRIES);
    assert_eq!(owner.get(&credentials).await.status(), 200);
    assert_eq!(owner.patch(&url, &json!({ "tags": { "a": "b" } })).await.status(), 200, "it can be changed");
    // Two locked scopes are told in one pair of quotes, the nearest first (inferred).
    owner.put(&lock_at(&group_path("rg"), "all"), &level("ReadOnly")).await;
    let both = owner.delete(&url).await.json()["error"]["message"].as_str().unwrap_or_default().to_owned();
    assert!(both.contains(&format!("'{},{}'", registry_path(), group_path("rg"))), "{both}");
}

#[tokio::test]
async fn a_read_only_scope_takes_no_writes_and_no_actions() {
    let azlet = Azlet::start().await;
    let owner = setting(&azlet).await;
    owner.put(&lock_at(&group_path("rg"), "frozen"), &level("ReadOnly")).await;
    let registry = registry_path();
    let assignment = format!("{registry}/providers/Microsoft.Authorization/roleAssignments/0a210000-0000-4000-8000-0000000000d1");
    let tags = format!("{registry}/providers/Microsoft.Resources/tags/default");
    let put = json!({ "location": "westus2", "sku": { "name": "Basic" } });
    for (method, path, version) in [
        (Method::PUT, registry.clone(), REGISTRIES),
        (Method::PATCH, registry.clone(), REGISTRIES),
        (Method::DELETE, registry.clone(), REGISTRIES),
        (Method::POST, format!("{registry}/listCredentials"), REGISTRIES),
        (Method::POST, format!("{registry}/importImage"), REGISTRIES),
        (Method::PUT, format!("{registry}/webhooks/hook"), REGISTRIES),
        (Method::PUT, resource_id("rg", "Microsoft.ManagedIdentity/userAssignedIdentities/new"), "2024-11-30"),
        (Method::PUT, assignment, "2022-04-01"),
        (Method::PATCH, tags, GROUPS),
        (Method::PATCH, group_path("rg"), GROUPS),
        (Method::DELETE, group_path("rg"), GROUPS),
    ] {
        let answer = owner.send(owner.request(method.clone(), &arm(&path, version)).json(&put)).await;
        assert_eq!((answer.status(), answer.error_code().as_str()), (409, "ScopeLocked"), "{method} {path}: {}", answer.golden());
    }
    insta::assert_snapshot!(
        "lock_refuses_an_action",
        owner.post(&arm(&format!("{registry}/listCredentials"), REGISTRIES), &json!({})).await.golden()
    );
    assert_eq!(owner.get(&arm(&registry, REGISTRIES)).await.status(), 200, "it can be read");
    assert_eq!(owner.delete(&lock_at(&group_path("rg"), "frozen")).await.status(), 200, "the lock itself can be taken away");
}

#[tokio::test]
async fn a_lock_against_deletion_also_keeps_role_assignments() {
    let azlet = Azlet::start().await;
    let owner = setting(&azlet).await;
    let name = "0a210000-0000-4000-8000-0000000000d2";
    let url = arm(&format!("{}/providers/Microsoft.Authorization/roleAssignments/{name}", registry_path()), "2022-04-01");
    let body = json!({ "properties": {
        "roleDefinitionId": "/providers/Microsoft.Authorization/roleDefinitions/7f951dda-4ed3-4680-a7ca-43fe172d538d",
        "principalId": "0a210000-0000-4000-8000-0000000000b4",
    } });
    owner.put(&lock_at(&group_path("rg"), "keep"), &level("CanNotDelete")).await;
    assert_eq!(owner.put(&url, &body).await.status(), 201);
    assert_eq!(owner.delete(&url).await.error_code(), "ScopeLocked");
}

#[tokio::test]
async fn rights_come_before_locks_and_locks_need_rights_of_their_own() {
    let azlet = Azlet::start().await;
    let owner = setting(&azlet).await;
    let (reader, contributor) = (azlet.actor("reader").await, azlet.actor("contributor").await);
    owner.put(&lock_at(&group_path("rg"), "keep"), &level("CanNotDelete")).await;
    assert_eq!(reader.delete(&group("rg")).await.error_code(), "AuthorizationFailed");
    assert_eq!(contributor.delete(&group("rg")).await.error_code(), "ScopeLocked");
    let refused = contributor.put(&lock_at(&group_path("rg"), "mine"), &level("CanNotDelete")).await;
    insta::assert_snapshot!("lock_by_contributor", refused.golden());
    assert_eq!(contributor.delete(&lock_at(&group_path("rg"), "keep")).await.error_code(), "AuthorizationFailed");
}

#[tokio::test]
async fn a_lock_has_its_own_versions_and_a_level() {
    let azlet = Azlet::start().await;
    let owner = setting(&azlet).await;
    let at = |version: &str| arm(&format!("{}/providers/Microsoft.Authorization/locks/keep", group_path("rg")), version);
    insta::assert_snapshot!("lock_version_refused", owner.put(&at("2020-05-01"), &level("ReadOnly")).await.golden());
    for version in ["2015-01-01", "2015-05-01-preview", "2015-06-01", "2016-09-01", "2017-04-01"] {
        assert!(owner.put(&at(version), &level("NotSpecified")).await.status() < 300, "{version}");
    }
    assert_eq!(owner.patch(&group("rg"), &json!({ "tags": {} })).await.status(), 200, "NotSpecified forbids nothing (inferred)");
    let put = async |name: &str, body: Value| owner.put(&lock_at(&group_path("rg"), name), &body).await;
    insta::assert_snapshot!("lock_without_level", put("x", json!({ "properties": {} })).await.golden());
    insta::assert_snapshot!("lock_unknown_level", put("x", level("Forever")).await.golden());
    let notes = json!({ "properties": { "level": "ReadOnly", "notes": "n".repeat(513) } });
    assert_eq!(put("x", notes).await.error_code(), "InvalidLockNotes");
    assert_eq!(put("a%3Ab", level("ReadOnly")).await.error_code(), "InvalidLockName");
    assert_eq!(put(&"x".repeat(261), level("ReadOnly")).await.error_code(), "InvalidLockName");
    let deeper = arm(&format!("{}/providers/Microsoft.Authorization/locks/keep/more", group_path("rg")), VERSION);
    insta::assert_snapshot!("lock_with_more_behind", owner.get(&deeper).await.golden());
    let nowhere = lock_at(&resource_id("rg", "Microsoft.ContainerRegistry/registries/absent"), "keep");
    assert_eq!(owner.put(&nowhere, &level("ReadOnly")).await.error_code(), "ResourceNotFound");
}

#[tokio::test]
async fn a_lock_goes_with_what_it_locks() {
    let azlet = Azlet::start().await;
    let owner = setting(&azlet).await;
    owner.put(&lock_at(&registry_path(), "open"), &level("NotSpecified")).await;
    owner.delete(&group("rg")).await;
    let all = arm(&format!("/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Authorization/locks"), VERSION);
    assert_eq!(owner.get(&all).await.json(), json!({ "value": [] }));
}

#[tokio::test]
async fn a_lock_that_comes_while_a_group_is_deleted_keeps_it() {
    let azlet = Azlet::start().await;
    let owner = setting(&azlet).await;
    azlet.operations(&json!({ "times": { "Microsoft.Resources/subscriptions/resourceGroups/delete": "60s" } })).await;
    let started = owner.delete(&group("rg")).await;
    assert_eq!(owner.get(&group("rg")).await.json()["properties"]["provisioningState"], "Deleting");
    owner.put(&lock_at(&format!("/subscriptions/{SUBSCRIPTION}"), "late"), &level("CanNotDelete")).await;
    azlet.advance("61s").await;
    let poll = started.header("location").expect("a poll URL").to_owned();
    insta::assert_snapshot!("group_deletion_blocked", owner.get(&poll).await.golden());
    assert_eq!(owner.get(&group("rg")).await.json()["properties"]["provisioningState"], "Succeeded", "it is rolled back");
    assert_eq!(owner.get(&arm(&registry_path(), REGISTRIES)).await.status(), 200);
}
