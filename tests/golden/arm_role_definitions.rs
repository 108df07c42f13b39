//! Role definitions: the built-in ones, and each rule that custom ones keep. Sources: Azure RBAC's documentation of custom roles and
//! its troubleshooting page, messages that users have reported; what is inferred says so.

use azlet_tests::{Actor, Answer, Azlet, OTHER_SUBSCRIPTION, SUBSCRIPTION, arm};
use serde_json::{Value, json};

const VERSION: &str = "2022-04-01";
const NAME: &str = "11111111-0000-4000-8000-0000000000c1";
const OTHER_NAME: &str = "11111111-0000-4000-8000-0000000000c2";
const CONTRIBUTOR: &str = "b24988ac-6180-42a0-ab88-20f7382dd24c";

fn subscription() -> String {
    format!("/subscriptions/{SUBSCRIPTION}")
}

fn url(scope: &str, rest: &str) -> String {
    let path = format!("{}/providers/Microsoft.Authorization/roleDefinitions{rest}", scope.trim_end_matches('/'));
    arm(&path.replace(' ', "%20"), VERSION)
}

fn role(name: &str) -> Value {
    json!({ "properties": {
        "roleName": name,
        "type": "CustomRole",
        "permissions": [{ "actions": ["Microsoft.ContainerRegistry/registries/read"] }],
        "assignableScopes": [subscription()],
    } })
}

fn with(member: &str, value: Value) -> Value {
    let mut body = role("Watcher of registries");
    body["properties"][member] = value;
    body
}

async fn owner() -> (Azlet, Actor) {
    let azlet = Azlet::start().await;
    let owner = azlet.owner().await;
    (azlet, owner)
}

#[tokio::test]
async fn every_built_in_role_is_there() {
    let (_azlet, owner) = owner().await;
    let all = owner.get(&url(&subscription(), "")).await.json();
    let roles = all["value"].as_array().unwrap();
    assert_eq!(roles.len(), 447, "434, and the newer ones for registries");
    for role in roles {
        let properties = &role["properties"];
        assert_eq!((&properties["type"], &properties["assignableScopes"]), (&json!("BuiltInRole"), &json!(["/"])), "{role}");
        let id =
            format!("{}/providers/Microsoft.Authorization/roleDefinitions/{}", subscription(), role["name"].as_str().unwrap());
        assert_eq!(role["id"], id);
        let permission = &properties["permissions"][0];
        let lists = ["actions", "notActions", "dataActions", "notDataActions"];
        assert!(lists.iter().all(|list| permission[list].is_array()), "{role}");
    }
    let named = async |name: &str| {
        let answer = owner.get(&url(&subscription(), &format!("?$filter=roleName eq '{name}'"))).await.json();
        answer["value"][0].clone()
    };
    let mut shown = Vec::new();
    for name in [
        "contributor",
        "ACRPULL",
        "Managed Identity Operator",
        "Azure Kubernetes Service RBAC Writer",
        "Container Registry Repository Writer",
        "Container Registry Data Importer and Data Reader",
        "Role Based Access Control Administrator",
    ] {
        let role = named(name).await;
        let permission = role["properties"]["permissions"][0].clone();
        shown.push(format!("{} {} {permission:#}", role["name"].as_str().unwrap(), role["properties"]["roleName"]));
    }
    insta::assert_snapshot!("built_in_roles", shown.join("\n"));
}

#[tokio::test]
async fn what_breaks_a_rule_of_custom_roles_is_refused() {
    let (azlet, owner) = owner().await;
    let put = async |body: Value| owner.put(&url(&subscription(), &format!("/{NAME}")), &body).await;
    let actions = |actions: Value| with("permissions", json!([{ "actions": actions }]));
    let data = |actions: Value| with("permissions", json!([{ "dataActions": actions }]));
    let mut rows = Vec::new();
    let mut row = |rule: &str, answer: Answer| rows.push(format!("{rule}\n    {}", answer.refusal()));
    row("name is no GUID (inferred)", owner.put(&url(&subscription(), "/watcher"), &role("x")).await);
    row("no role name", put(with("roleName", json!(""))).await);
    row("no permissions", put(with("permissions", Value::Null)).await);
    row("permissions are no list", put(with("permissions", json!({}))).await);
    row("another type", put(with("type", json!("BuiltInRole"))).await);
    row("no scope", put(with("assignableScopes", json!([]))).await);
    row("the root as scope", put(with("assignableScopes", json!(["/"]))).await);
    row("no scope's form", put(with("assignableScopes", json!(["here"]))).await);
    row("a wildcard in a scope", put(with("assignableScopes", json!(["/subscriptions/*"]))).await);
    let groups =
        json!(["/providers/Microsoft.Management/managementGroups/a", "/providers/Microsoft.Management/managementGroups/b"]);
    row("two management groups (inferred)", put(with("assignableScopes", groups)).await);
    let elsewhere = json!([subscription(), format!("/subscriptions/{}", NAME), format!("/subscriptions/{OTHER_SUBSCRIPTION}")]);
    row("a scope that does not exist", put(with("assignableScopes", elsewhere)).await);
    row("an unknown action", put(actions(json!(["Microsoft.ContainerRegistry/registries/juggle/action"]))).await);
    row("an unknown namespace", put(actions(json!(["Microsoft.Nowhere/things/read"]))).await);
    let content = "Microsoft.ContainerRegistry/registries/repositories/content/read";
    row("a data action among actions", put(actions(json!([content]))).await);
    row("an action among data actions", put(data(json!(["Microsoft.ContainerRegistry/registries/pull/read"]))).await);
    row("two wildcards", put(actions(json!(["Microsoft.ContainerRegistry/*/x/*"]))).await);
    let not = with("permissions", json!([{ "actions": ["*"], "notActions": ["Microsoft.ContainerRegistry/juggle"] }]));
    row("an unknown action among notActions", put(not).await);
    row("role name too long (inferred)", put(with("roleName", json!("x".repeat(513)))).await);
    row("description too long (inferred)", put(with("description", json!("x".repeat(2049)))).await);
    row("a built-in role changed (inferred)", owner.put(&url(&subscription(), &format!("/{CONTRIBUTOR}")), &role("x")).await);
    row("a built-in role deleted (inferred)", owner.delete(&url(&subscription(), &format!("/{CONTRIBUTOR}"))).await);
    row("a built-in role's name", put(with("roleName", json!("contributor"))).await);
    row("absent", owner.get(&url(&subscription(), &format!("/{OTHER_NAME}"))).await);
    let contributor = azlet.actor("contributor").await;
    row("no right", contributor.put(&url(&subscription(), &format!("/{NAME}")), &role("x")).await);
    insta::assert_snapshot!("definition_rules", rows.join("\n"));
    for good in [
        actions(json!(["*"])),
        actions(json!(["*/read"])),
        actions(json!(["Microsoft.Compute/*/read", "Microsoft.ContainerRegistry/registries/*"])),
        data(json!([content])),
        data(json!(["Microsoft.ContainerService/managedClusters/example.com/widgets/read"])),
        with("type", json!("customrole")),
    ] {
        let answer = put(good).await;
        assert_eq!((answer.status(), &answer.json()["properties"]["type"]), (201, &json!("CustomRole")), "{}", answer.golden());
    }
}

#[tokio::test]
async fn a_custom_role_is_shown_where_it_can_be_assigned() {
    let (azlet, owner) = owner().await;
    let group = format!("{}/resourceGroups/rg", subscription());
    let body = json!({ "location": "westus2" });
    assert!(owner.put(&arm(&group, "2024-11-01"), &body).await.status() < 300);
    let below = with("assignableScopes", json!([group]));
    assert_eq!(owner.put(&url(&group, &format!("/{NAME}")), &below).await.status(), 201);
    let elsewhere = format!("/subscriptions/{OTHER_SUBSCRIPTION}");
    let mut other = role("Watcher elsewhere");
    other["properties"]["assignableScopes"] = json!([elsewhere]);
    assert_eq!(owner.put(&url(&elsewhere, &format!("/{OTHER_NAME}")), &other).await.status(), 201);
    azlet.assign("owner", "Reader", "/");
    let mut rows = Vec::new();
    for (scope, filter) in [
        (group.as_str(), "type eq 'CustomRole'"),
        (&subscription(), "type eq 'CustomRole'"),
        (&subscription(), "atScopeAndBelow() and type eq 'CustomRole'"),
        (&subscription(), "type eq 'customrole' and atScopeAndBelow()"),
        ("/", "type eq 'CustomRole'"),
        (&group, "roleName eq 'watcher of registries'"),
        (&group, "roleName eq 'Watcher'"),
        (&group, "roleName ne 'x'"),
        (&group, "kind eq 'CustomRole'"),
    ] {
        let answer = owner.get(&url(scope, &format!("?$filter={filter}"))).await;
        let shown = match answer.json()["value"].as_array() {
            Some(values) => values.iter().map(|it| it["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>().join(" "),
            None => answer.refusal(),
        };
        rows.push(format!("{scope} {filter}\n    {shown}"));
    }
    insta::assert_snapshot!("definitions_by_scope", rows.join("\n"));
    assert_eq!(owner.get(&url(&elsewhere, &format!("/{NAME}"))).await.status(), 404);
    // Outside its scopes a role is as good as absent.
    let assignment = arm(&format!("{elsewhere}/providers/Microsoft.Authorization/roleAssignments/{NAME}"), VERSION);
    let grant = json!({ "properties": {
        "roleDefinitionId": format!("/providers/Microsoft.Authorization/roleDefinitions/{NAME}"),
        "principalId": azlet.object_id("nobody"), "principalType": "ServicePrincipal",
    } });
    insta::assert_snapshot!("definition_out_of_scope", owner.put(&assignment, &grant).await.refusal());
}

#[tokio::test]
async fn a_change_needs_the_right_on_every_scope() {
    let (azlet, owner) = owner().await;
    let both = with("assignableScopes", json!([subscription(), format!("/subscriptions/{OTHER_SUBSCRIPTION}")]));
    let here = url(&subscription(), &format!("/{NAME}"));
    assert_eq!(owner.put(&here, &both).await.status(), 201);
    azlet.assign("nobody", "Owner", &subscription());
    let nobody = azlet.actor("nobody").await;
    insta::assert_snapshot!("definition_linked_put", nobody.put(&here, &role("Watcher of registries")).await.refusal());
    insta::assert_snapshot!("definition_linked_delete", nobody.delete(&here).await.refusal());
    azlet.advance("30m").await;
    let changed = owner.put(&here, &role("Watcher of registries")).await;
    insta::assert_snapshot!("definition_updated", changed.golden());
    let deleted = nobody.delete(&here).await;
    assert_eq!((deleted.status(), &deleted.json()["name"]), (200, &json!(NAME)), "it is assignable at one subscription by now");
}

#[tokio::test]
async fn the_operations_of_providers_are_told() {
    let (azlet, _) = owner().await;
    let all = arm("/providers/Microsoft.Authorization/providerOperations", VERSION);
    assert_eq!(azlet.owner().await.get(&all).await.status(), 403, "it is asked at the root");
    azlet.assign("owner", "Reader", "/");
    let owner = azlet.owner().await;
    let list = owner.get(&all).await.json();
    let names: Vec<&str> = list["value"].as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap()).collect();
    assert!(names.contains(&"Microsoft.ContainerRegistry") && names.contains(&"Microsoft.Authorization"), "{names:?}");
    let one = |expand: &str| {
        arm(&format!("/providers/Microsoft.Authorization/providerOperations/microsoft.managedidentity{expand}"), VERSION)
    };
    insta::assert_snapshot!("provider_operations", owner.get(&one("?$expand=resourceTypes")).await.golden());
    assert_eq!(owner.get(&one("")).await.json()["resourceTypes"], json!([]));
    let unknown = arm("/providers/Microsoft.Authorization/providerOperations/Microsoft.Nowhere", VERSION);
    assert_eq!(owner.get(&unknown).await.status(), 404);
}

#[tokio::test]
async fn classic_administrators_are_gone() {
    let (_azlet, owner) = owner().await;
    let path = format!("{}/providers/Microsoft.Authorization/classicAdministrators", subscription());
    insta::assert_snapshot!("classic_administrators", owner.get(&arm(&path, "2015-07-01")).await.refusal());
}

#[tokio::test]
async fn a_caller_sees_one_entry_for_each_assignment_that_counts() {
    let (azlet, owner) = owner().await;
    let group = format!("{}/resourceGroups/rg", subscription());
    assert!(owner.put(&arm(&group, "2024-11-01"), &json!({ "location": "westus2" })).await.status() < 300);
    azlet.assign("nobody", "AcrPull", &group);
    azlet.assign("nobody", "AcrPush", &subscription());
    let path = arm(&format!("{group}/providers/Microsoft.Authorization/permissions"), VERSION);
    insta::assert_snapshot!("permissions", azlet.actor("nobody").await.get(&path).await.golden());
}
