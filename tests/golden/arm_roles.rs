//! Role assignments and definitions, and what they decide. Sources: Azure RBAC's documentation, the Authorization API's
//! specification, and messages that users have reported.

use azlet_tests::{Azlet, SUBSCRIPTION, arm, my_registry, resource_id};
use serde_json::{Value, json};

const VERSION: &str = "2022-04-01";
const ACR_PULL: &str = "7f951dda-4ed3-4680-a7ca-43fe172d538d";
const NAME: &str = "11111111-0000-4000-8000-0000000000e1";
const OTHER_NAME: &str = "11111111-0000-4000-8000-0000000000e2";
const NOBODY: &str = "0a210000-0000-4000-8000-0000000000b4";

fn at(scope: &str, name: &str) -> String {
    arm(&format!("{scope}/providers/Microsoft.Authorization/roleAssignments/{name}"), VERSION)
}

fn grant(principal: &str) -> Value {
    json!({ "properties": {
        "roleDefinitionId": format!("/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/{ACR_PULL}"),
        "principalId": principal,
        "principalType": "ServicePrincipal",
    } })
}

#[tokio::test]
async fn an_assignment_lives_from_put_to_delete() {
    let (_azlet, owner) = Azlet::with_registry().await;
    let url = at(&my_registry(), NAME);
    insta::assert_snapshot!("assignment_created", owner.put(&url, &grant(NOBODY)).await.golden());
    assert_eq!(owner.put(&url, &grant(NOBODY)).await.status(), 201, "an update is 201 too");
    let twice = owner.put(&at(&my_registry(), OTHER_NAME), &grant(NOBODY)).await;
    assert!(twice.text().contains(&NAME.replace('-', "")), "the existing one is named, without dashes");
    insta::assert_snapshot!("assignment_twice", twice.golden());
    let other = owner.put(&url, &grant("0a210000-0000-4000-8000-0000000000b3")).await;
    insta::assert_snapshot!("assignment_name_taken", other.golden());
    let deleted = owner.delete(&url).await;
    assert_eq!((deleted.status(), &deleted.json()["name"]), (200, &json!(NAME)));
    assert_eq!(owner.delete(&url).await.status(), 204);
    assert_eq!(owner.get(&url).await.error_code(), "RoleAssignmentNotFound");
}

#[tokio::test]
async fn what_breaks_a_rule_is_refused() {
    let (_azlet, owner) = Azlet::with_registry().await;
    let put = async |name: &str, body: &Value| owner.put(&at(&my_registry(), name), body).await;
    let with = |member: &str, value: Value| {
        let mut body = grant(NOBODY);
        body["properties"][member] = value;
        body
    };
    insta::assert_snapshot!("assignment_bad_name", put("first", &grant(NOBODY)).await.golden());
    let unknown = "22222222-0000-4000-8000-000000000001";
    assert_eq!(put(OTHER_NAME, &grant(unknown)).await.status(), 201, "a principal type says that it may not be there yet");
    let mut untyped = grant("22222222-0000-4000-8000-000000000002");
    untyped["properties"].as_object_mut().expect("an object").remove("principalType");
    insta::assert_snapshot!("assignment_unknown_principal", put(NAME, &untyped).await.golden());
    insta::assert_snapshot!("assignment_other_type", put(NAME, &with("principalType", json!("User"))).await.golden());
    insta::assert_snapshot!("assignment_no_guid", put(NAME, &with("principalId", json!("me"))).await.golden());
    insta::assert_snapshot!("assignment_bare_role", put(NAME, &with("roleDefinitionId", json!(ACR_PULL))).await.golden());
    let no_role = with(
        "roleDefinitionId",
        json!("/providers/Microsoft.Authorization/roleDefinitions/22222222-0000-4000-8000-000000000003"),
    );
    assert_eq!(put(NAME, &no_role).await.error_code(), "RoleDefinitionDoesNotExist");
    assert_eq!(put(NAME, &json!({})).await.error_code(), "BadRequestFormat");
    let nowhere = resource_id("rg", "Microsoft.ContainerRegistry/registries/otherregistry");
    assert_eq!(owner.put(&at(&nowhere, NAME), &grant(NOBODY)).await.error_code(), "ResourceNotFound");
}

#[tokio::test]
async fn a_contributor_may_not_assign_roles() {
    let (azlet, _owner) = Azlet::with_registry().await;
    let refused = azlet.actor("contributor").await.put(&at(&my_registry(), NAME), &grant(NOBODY)).await;
    insta::assert_snapshot!("assignment_by_contributor", refused.golden());
    let reader = azlet.actor("reader").await;
    assert_eq!(reader.get(&arm(&my_registry(), "2023-07-01")).await.status(), 200);
    assert_eq!(reader.delete(&arm(&my_registry(), "2023-07-01")).await.status(), 403);
    let nobody = azlet.actor("nobody").await;
    assert_eq!(nobody.get(&arm(&my_registry(), "2023-07-01")).await.status(), 403);
}

#[tokio::test]
async fn a_role_counts_at_its_scope_and_below() {
    let (azlet, owner) = Azlet::with_registry().await;
    let nobody = azlet.actor("nobody").await;
    let reader_role = "/providers/Microsoft.Authorization/roleDefinitions/acdd72a7-3385-48ef-bd42-f606fba81ae7";
    let group = format!("/subscriptions/{SUBSCRIPTION}/resourceGroups/rg");
    let mut body = grant(NOBODY);
    body["properties"]["roleDefinitionId"] = json!(reader_role);
    let made = owner.put(&at(&group, NAME), &body).await;
    let canonical = format!("/subscriptions/{SUBSCRIPTION}{reader_role}");
    assert_eq!(made.json()["properties"]["roleDefinitionId"], canonical, "the short form is answered in full");
    assert_eq!(nobody.get(&arm(&my_registry(), "2023-07-01")).await.status(), 200);
    let above = arm(&format!("/subscriptions/{SUBSCRIPTION}/locations"), "2024-11-01");
    assert_eq!(nobody.get(&above).await.status(), 403);
    owner.delete(&at(&group, NAME)).await;
    assert_eq!(nobody.get(&arm(&my_registry(), "2023-07-01")).await.status(), 403);
}

#[tokio::test]
async fn lists_select_by_scope_and_principal() {
    let (_azlet, owner) = Azlet::with_registry().await;
    owner.put(&at(&my_registry(), NAME), &grant(NOBODY)).await;
    let group = format!("/subscriptions/{SUBSCRIPTION}/resourceGroups/rg");
    let names = async |scope: &str, filter: &str| {
        let path = format!("{scope}/providers/Microsoft.Authorization/roleAssignments?$filter={}", filter.replace(' ', "%20"));
        let answer = owner.get(&arm(&path, VERSION)).await.json();
        answer["value"].as_array().unwrap_or_else(|| panic!("{answer}")).iter().map(|row| row["name"].clone()).collect::<Vec<_>>()
    };
    let all = names(&group, "").await;
    assert!(all.contains(&json!(NAME)) && all.len() > 1, "at, above and below");
    let at_scope = names(&group, "atScope()").await;
    assert!(!at_scope.contains(&json!(NAME)) && !at_scope.is_empty(), "at and above");
    assert_eq!(names(&group, &format!("principalId eq '{NOBODY}'")).await, [NAME]);
    assert_eq!(names(&my_registry(), &format!("atScope() and assignedTo('{NOBODY}')")).await, [NAME]);
    assert!(names(&group, &format!("atScope() and assignedTo('{NOBODY}')")).await.is_empty());
    let path = format!("{group}/providers/Microsoft.Authorization/roleAssignments?$filter=principalId%20eq%20{NOBODY}");
    insta::assert_snapshot!("assignments_bad_filter", owner.get(&arm(&path, VERSION)).await.golden());
}

#[tokio::test]
async fn an_assignment_shows_what_its_version_knows() {
    let (_azlet, owner) = Azlet::with_registry().await;
    owner.put(&at(&my_registry(), NAME), &grant(NOBODY)).await;
    let path = format!("{}/providers/Microsoft.Authorization/roleAssignments/{NAME}", my_registry());
    insta::assert_snapshot!("assignment_2015", owner.get(&arm(&path, "2015-07-01")).await.golden());
    insta::assert_snapshot!("assignment_2018", owner.get(&arm(&path, "2018-01-01-preview")).await.golden());
}

#[tokio::test]
async fn roles_are_found_by_name_in_any_case() {
    let (_azlet, owner) = Azlet::with_registry().await;
    let path =
        format!("{}/providers/Microsoft.Authorization/roleDefinitions?$filter=roleName%20eq%20%27acrpull%27", my_registry());
    insta::assert_snapshot!("role_acrpull", owner.get(&arm(&path, "2022-05-01-preview")).await.golden());
}

#[tokio::test]
async fn a_custom_role_lives_from_put_to_delete() {
    let (azlet, owner) = Azlet::with_registry().await;
    let subscription = format!("/subscriptions/{SUBSCRIPTION}");
    let url = arm(&format!("{subscription}/providers/Microsoft.Authorization/roleDefinitions/{NAME}"), "2022-04-01");
    let body = json!({ "properties": {
        "roleName": "Deleter of registries",
        "type": "customRole",
        "permissions": [{ "actions": ["Microsoft.ContainerRegistry/registries/delete"] }],
        "assignableScopes": [subscription],
    } });
    insta::assert_snapshot!("role_created", owner.put(&url, &body).await.golden());
    let again = url.replace(NAME, OTHER_NAME);
    insta::assert_snapshot!("role_same_name", owner.put(&again, &body).await.golden());
    let mut grant = grant(NOBODY);
    grant["properties"]["roleDefinitionId"] = json!(format!("/providers/Microsoft.Authorization/roleDefinitions/{NAME}"));
    assert_eq!(owner.put(&at(&my_registry(), NAME), &grant).await.status(), 201);
    insta::assert_snapshot!("role_in_use", owner.delete(&url).await.golden());
    assert_eq!(azlet.actor("nobody").await.delete(&arm(&my_registry(), "2023-07-01")).await.status(), 200, "the role decides");
    assert_eq!(owner.delete(&url).await.status(), 200, "its assignment went with the registry");
    assert_eq!(owner.delete(&url).await.status(), 204);
    assert_eq!(azlet.actor("contributor").await.put(&url, &body).await.status(), 403);
}
