//! Management groups: the tree above the subscriptions. Sources: the Management Groups API's specification, Azure's documentation
//! of management groups; codes and texts of refusals are inferred.

use azlet_tests::{Actor, Answer, Azlet, OTHER_SUBSCRIPTION, SUBSCRIPTION, TENANT, arm};
use serde_json::{Value, json};

const VERSION: &str = "2023-04-01";
const NOBODY: &str = "0a210000-0000-4000-8000-0000000000b4";

fn url(rest: &str) -> String {
    arm(&format!("/providers/Microsoft.Management/{rest}"), VERSION)
}

fn id(name: &str) -> String {
    format!("/providers/Microsoft.Management/managementGroups/{name}")
}

fn below(parent: &str, display_name: &str) -> Value {
    json!({ "properties": { "displayName": display_name, "details": { "parent": { "id": id(parent) } } } })
}

/// An owner of everything: Owner at the root.
async fn prepared() -> (Azlet, Actor) {
    let azlet = Azlet::start().await;
    azlet.assign("owner", "Owner", "/");
    let owner = azlet.owner().await;
    (azlet, owner)
}

#[tokio::test]
async fn a_management_group_lives_from_put_to_delete() {
    let (_azlet, owner) = prepared().await;
    let made = owner.put(&url("managementGroups/platform"), &json!({ "properties": { "displayName": "Platform" } })).await;
    insta::assert_snapshot!("management_group", made.golden());
    assert_eq!(owner.put(&url("managementGroups/team"), &below("platform", "Team")).await.status(), 200);
    let place = url(&format!("managementGroups/team/subscriptions/{SUBSCRIPTION}"));
    insta::assert_snapshot!("management_group_subscription", owner.put(&place, &Value::Null).await.golden());
    assert_eq!(owner.get(&place).await.status(), 200);
    let expanded = owner.get(&url("managementGroups/platform?$expand=children,path,ancestors&$recurse=true")).await;
    insta::assert_snapshot!("management_group_expanded", expanded.golden());
    insta::assert_snapshot!(
        "management_group_descendants",
        owner.get(&url("managementGroups/platform/descendants")).await.golden()
    );
    let changed =
        owner.patch(&url("managementGroups/team"), &json!({ "displayName": "The team", "parentGroupId": id(TENANT) })).await;
    let details = &changed.json()["properties"]["details"];
    assert_eq!((&details["version"], &details["parent"]["name"]), (&json!(2), &json!(TENANT)), "{}", changed.golden());
    let list = owner.get(&url("managementGroups")).await.json();
    let names: Vec<&str> = list["value"].as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap()).collect();
    assert_eq!(names, [TENANT, "platform", "team"]);
    insta::assert_snapshot!("management_group_not_empty", owner.delete(&url("managementGroups/team")).await.refusal());
    assert_eq!(owner.delete(&place).await.status(), 200);
    assert_eq!(owner.delete(&place).await.status(), 204);
    let deleted = owner.delete(&url("managementGroups/team")).await;
    assert_eq!(deleted.status(), 202);
    assert_eq!(owner.follow(&deleted).await.json()["status"], "Succeeded");
    assert_eq!(owner.get(&url("managementGroups/team")).await.error_code(), "NotFound");
    assert_eq!(owner.delete(&url("managementGroups/team")).await.status(), 204);
}

#[tokio::test]
async fn roles_at_a_management_group_count_for_what_lies_in_it() {
    let (azlet, owner) = prepared().await;
    owner.put(&url("managementGroups/platform"), &Value::Null).await;
    owner.put(&url("managementGroups/team"), &below("platform", "Team")).await;
    owner.put(&url(&format!("managementGroups/team/subscriptions/{SUBSCRIPTION}")), &Value::Null).await;
    let nobody = azlet.actor("nobody").await;
    let groups = |subscription: &str| arm(&format!("/subscriptions/{subscription}/resourceGroups"), "2024-03-01");
    azlet.assign("nobody", "Reader", &id("platform"));
    assert_eq!(nobody.get(&groups(SUBSCRIPTION)).await.status(), 200);
    assert_eq!(nobody.get(&groups(OTHER_SUBSCRIPTION)).await.status(), 403, "it hangs on the root");
    let shown = nobody.get(&arm("/subscriptions", "2022-12-01")).await.json();
    assert_eq!(shown["value"].as_array().unwrap().len(), 1, "it sees the one subscription");
    let assignments = "providers/Microsoft.Authorization/roleAssignments";
    let count = async |scope: &str, filter: &str| {
        let path = format!("{scope}/{assignments}?$filter={}", filter.replace(' ', "%20"));
        owner.get(&arm(&path, "2022-04-01")).await.json()["value"].as_array().unwrap().len()
    };
    let mine = format!("principalId eq '{NOBODY}'");
    assert_eq!(count(&format!("/subscriptions/{SUBSCRIPTION}"), &mine).await, 1, "from above");
    assert_eq!(count(&id("team"), &mine).await, 1, "from above");
    assert_eq!(count(&id(TENANT), &mine).await, 1, "from below");
    assert_eq!(count(&format!("/subscriptions/{OTHER_SUBSCRIPTION}"), &mine).await, 0);
    owner.put(&url(&format!("managementGroups/{TENANT}/subscriptions/{SUBSCRIPTION}")), &Value::Null).await;
    assert_eq!(nobody.get(&groups(SUBSCRIPTION)).await.status(), 403, "moved away");
}

#[tokio::test]
async fn a_custom_role_of_a_management_group_can_be_given_below_it() {
    let (azlet, owner) = prepared().await;
    owner.put(&url("managementGroups/platform"), &Value::Null).await;
    owner.put(&url(&format!("managementGroups/platform/subscriptions/{SUBSCRIPTION}")), &Value::Null).await;
    let name = "11111111-0000-4000-8000-0000000000d1";
    let definition = arm(&format!("{}/providers/Microsoft.Authorization/roleDefinitions/{name}", id("platform")), "2022-04-01");
    let body = |data: Value| {
        json!({ "properties": {
            "roleName": "Of the platform",
            "permissions": [{ "actions": ["Microsoft.Resources/subscriptions/resourceGroups/read"], "dataActions": data }],
            "assignableScopes": [id("platform")],
        } })
    };
    let made = owner.put(&definition, &body(json!([]))).await;
    assert_eq!(made.json()["id"], format!("/providers/Microsoft.Authorization/roleDefinitions/{name}"), "{}", made.golden());
    let give = async |scope: &str| {
        let path = arm(&format!("{scope}/providers/Microsoft.Authorization/roleAssignments/{name}"), "2022-04-01");
        let body = json!({ "properties": {
            "roleDefinitionId": made.json()["id"], "principalId": NOBODY, "principalType": "ServicePrincipal",
        } });
        let answer = owner.put(&path, &body).await;
        owner.delete(&path).await;
        answer
    };
    assert_eq!(give(&format!("/subscriptions/{SUBSCRIPTION}")).await.status(), 201);
    assert_eq!(give(&id("platform")).await.status(), 201);
    assert_eq!(give(&format!("/subscriptions/{OTHER_SUBSCRIPTION}")).await.error_code(), "RoleDefinitionDoesNotExist");
    let data = json!(["Microsoft.ContainerRegistry/registries/repositories/content/read"]);
    assert_eq!(owner.put(&definition, &body(data)).await.status(), 201);
    insta::assert_snapshot!("data_actions_at_management_group", give(&id("platform")).await.refusal());
    drop(azlet);
}

#[tokio::test]
async fn what_breaks_a_rule_of_management_groups_is_refused() {
    let (azlet, owner) = prepared().await;
    owner.put(&url("managementGroups/a"), &Value::Null).await;
    owner.put(&url("managementGroups/b"), &below("a", "b")).await;
    let nobody = azlet.actor("nobody").await;
    let mut rows = Vec::new();
    let mut row = |rule: &str, answer: Answer| rows.push(format!("{rule}\n    {}", answer.refusal()));
    row("a name with a space", owner.put(&url("managementGroups/a%20b"), &Value::Null).await);
    row("a name too long", owner.put(&url(&format!("managementGroups/{}", "x".repeat(91))), &Value::Null).await);
    row("a parent that is not there", owner.put(&url("managementGroups/c"), &below("none", "c")).await);
    row("below itself", owner.patch(&url("managementGroups/a"), &json!({ "parentGroupId": id("b") })).await);
    row("the root moved", owner.patch(&url(&format!("managementGroups/{TENANT}")), &json!({ "parentGroupId": id("b") })).await);
    row("the root deleted", owner.delete(&url(&format!("managementGroups/{TENANT}"))).await);
    row("a subscription's id that is none", owner.put(&url("managementGroups/a/subscriptions/x"), &Value::Null).await);
    row(
        "a subscription that is not there",
        owner.put(&url(&format!("managementGroups/a/subscriptions/{NOBODY}")), &Value::Null).await,
    );
    row("absent, with the right", owner.get(&url("managementGroups/none")).await);
    row("absent, without the right", nobody.get(&url("managementGroups/none")).await);
    row("no right to read", nobody.get(&url("managementGroups/a")).await);
    row("no right below", nobody.put(&url("managementGroups/c"), &below("a", "c")).await);
    row("no right on the subscription", {
        let path = format!("managementGroups/mine/subscriptions/{SUBSCRIPTION}");
        assert_eq!(nobody.put(&url("managementGroups/mine"), &Value::Null).await.status(), 200, "everyone may make one");
        nobody.put(&url(&path), &Value::Null).await
    });
    insta::assert_snapshot!("management_group_rules", rows.join("\n"));
    assert_eq!(nobody.get(&url("managementGroups/mine")).await.status(), 200, "who makes one owns it");
    let mut parent = "b".to_owned();
    for level in ["c", "d", "e", "f"] {
        assert_eq!(owner.put(&url(&format!("managementGroups/{level}")), &below(&parent, level)).await.status(), 200, "{level}");
        parent = level.to_owned();
    }
    let deep = owner.put(&url("managementGroups/g"), &below(&parent, "g")).await;
    assert_eq!(deep.status(), 400, "six levels: {}", deep.golden());
    let check = async |name: &str| owner.post(&url("checkNameAvailability"), &json!({ "name": name })).await.json();
    assert_eq!(check("new").await, json!({ "nameAvailable": true }));
    assert_eq!(check("a").await["reason"], "AlreadyExists");
    assert_eq!(check("a b").await["reason"], "Invalid");
    let entities = nobody.post(&url("getEntities"), &json!({})).await.json();
    assert_eq!((&entities["count"], &entities["value"][0]["name"]), (&json!(1), &json!("mine")));
}
