//! Deny assignments: what they take away and from whom. Sources: Azure RBAC's documentation of deny assignments, the Authorization
//! API's specification, azure-cli's notes on 2024-07-01-preview; texts and codes of refusals are inferred but for
//! `DenyAssignmentExists`.

use azlet_tests::{Answer, Azlet, SUBSCRIPTION, arm, my_registry, resource_id};
use serde_json::{Value, json};

const WRITES: &str = "2024-07-01-preview";
const READS: &str = "2022-04-01";
const EVERYONE: &str = "00000000-0000-0000-0000-000000000000";
const OWNER: &str = "0a210000-0000-4000-8000-0000000000b1";
const NOBODY: &str = "0a210000-0000-4000-8000-0000000000b4";

fn name(number: u32) -> String {
    format!("11111111-0000-4000-8000-{number:012}")
}

fn group() -> String {
    format!("/subscriptions/{SUBSCRIPTION}/resourceGroups/rg")
}

fn at(scope: &str, rest: &str, version: &str) -> String {
    arm(&format!("{scope}/providers/Microsoft.Authorization/denyAssignments{rest}").replace(' ', "%20"), version)
}

fn denial(display_name: &str, actions: Value) -> Value {
    json!({ "properties": {
        "denyAssignmentName": display_name,
        "description": "not now",
        "permissions": [{ "actions": actions, "notActions": ["*/tags/write"] }],
        "principals": [{ "id": EVERYONE, "type": "SystemDefined" }],
        "excludePrincipals": [{ "id": NOBODY, "type": "ServicePrincipal" }],
    } })
}

#[tokio::test]
async fn a_denial_wins_over_every_role() {
    let (azlet, owner) = Azlet::with_registry().await;
    azlet.assign("nobody", "Owner", &group());
    let url = at(&group(), &format!("/{}", name(1)), WRITES);
    let body = denial("freeze", json!(["Microsoft.ContainerRegistry/registries/*"]));
    insta::assert_snapshot!("denial_created", owner.put(&url, &body).await.golden());
    let registry_url = arm(&my_registry(), "2023-07-01");
    insta::assert_snapshot!("denial_refuses", owner.delete(&registry_url).await.refusal());
    assert_eq!(owner.get(&registry_url).await.status(), 403, "reading is among the actions");
    assert_eq!(azlet.actor("contributor").await.get(&registry_url).await.error_code(), "DenyAssignmentAuthorizationFailed");
    let (stranger, app) = ("0a210000-0000-4000-8000-0000000000f7", "0a210000-0000-4000-8000-0000000000f8");
    let body = json!({ "objectId": stranger, "type": "ServicePrincipal", "appId": app, "clientSecret": "a~secret" });
    azlet.put_principal(&body).await;
    let stranger = azlet.bearer(azlet.token_for(app, "a~secret", "https://management.azure.com").await);
    assert_eq!(stranger.get(&registry_url).await.error_code(), "AuthorizationFailed", "without a right there is nothing to deny");
    assert_eq!(azlet.actor("nobody").await.get(&registry_url).await.status(), 200, "who is excluded is not denied");
    assert_eq!(owner.get(&arm(&group(), "2024-11-01")).await.status(), 200, "another action");
    assert_eq!(owner.delete(&url).await.status(), 200);
    assert_eq!(owner.delete(&url).await.status(), 204);
    assert_eq!(owner.get(&registry_url).await.status(), 200);
}

#[tokio::test]
async fn a_denial_may_stop_at_its_scope_and_name_one_principal() {
    let (azlet, owner) = Azlet::with_registry().await;
    let mut body = denial("only here", json!(["*/read"]));
    body["properties"]["doNotApplyToChildScopes"] = json!(true);
    assert_eq!(owner.put(&at(&group(), &format!("/{}", name(1)), WRITES), &body).await.status(), 201);
    assert_eq!(owner.get(&arm(&group(), "2024-11-01")).await.error_code(), "DenyAssignmentAuthorizationFailed");
    assert_eq!(owner.get(&arm(&my_registry(), "2023-07-01")).await.status(), 200, "not below");
    let mut body = denial("only one", json!(["Microsoft.ContainerRegistry/registries/write"]));
    body["properties"]["principals"] = json!([{ "id": azlet.object_id("contributor"), "type": "ServicePrincipal" }]);
    body["properties"]["excludePrincipals"] = json!([]);
    assert_eq!(owner.put(&at(&my_registry(), &format!("/{}", name(2)), WRITES), &body).await.status(), 201);
    let patch = json!({ "tags": { "a": "b" } });
    let registry_url = arm(&my_registry(), "2023-07-01");
    assert_eq!(azlet.actor("contributor").await.patch(&registry_url, &patch).await.status(), 403);
    assert!(owner.patch(&registry_url, &patch).await.status() < 300);
}

#[tokio::test]
async fn what_breaks_a_rule_of_denials_is_refused() {
    let (_azlet, owner) = Azlet::with_registry().await;
    let put = async |number: u32, body: &Value| owner.put(&at(&group(), &format!("/{}", name(number)), WRITES), body).await;
    let with = |member: &str, value: Value| {
        let mut body = denial("a rule", json!(["*/read"]));
        body["properties"][member] = value;
        body
    };
    let mut rows = Vec::new();
    let mut row = |rule: &str, answer: Answer| rows.push(format!("{rule}\n    {}", answer.refusal()));
    let good = denial("first", json!(["*/delete"]));
    assert_eq!(put(1, &good).await.status(), 201);
    row("the same name twice", put(2, &denial("FIRST", json!(["*/delete"]))).await);
    row("no name", put(2, &with("denyAssignmentName", Value::Null)).await);
    row("no actions", put(2, &with("permissions", json!([{}]))).await);
    row("nobody denied", put(2, &with("principals", json!([]))).await);
    row("a group denied", put(2, &with("principals", json!([{ "id": name(9), "type": "Group" }]))).await);
    row("everyone denied, none excluded", put(2, &with("excludePrincipals", json!([]))).await);
    row("everyone excluded", put(2, &with("excludePrincipals", json!([{ "id": EVERYONE, "type": "SystemDefined" }]))).await);
    row("name in the URL is no GUID", owner.put(&at(&group(), "/first", WRITES), &good).await);
    row("absent", owner.get(&at(&group(), &format!("/{}", name(7)), READS)).await);
    let older = owner.put(&at(&group(), &format!("/{}", name(1)), READS), &good).await;
    row("an older version has no PUT", older.clone());
    assert_eq!(older.status(), 405);
    insta::assert_snapshot!("denial_rules", rows.join("\n"));
}

#[tokio::test]
async fn denials_are_listed_by_scope_name_and_principal() {
    let (azlet, owner) = Azlet::with_registry().await;
    let subscription = format!("/subscriptions/{SUBSCRIPTION}");
    for (number, (scope, label)) in (1..).zip([(subscription.clone(), "above"), (group(), "here"), (my_registry(), "below")]) {
        let body = denial(label, json!(["Microsoft.Nothing/at/all"]));
        assert_eq!(owner.put(&at(&scope, &format!("/{}", name(number)), WRITES), &body).await.status(), 201);
    }
    let mut rows = Vec::new();
    for (scope, filter) in [
        (group(), ""),
        (group(), "atScope()"),
        (group(), "denyAssignmentName eq 'BELOW'"),
        (group(), "atScope() and denyAssignmentName eq 'below'"),
        (group(), &format!("principalId eq '{OWNER}'")),
        (group(), &format!("assignedTo('{OWNER}')")),
        (group(), "name eq 'x'"),
        (String::new(), ""),
    ] {
        azlet_root(&azlet);
        let answer = owner.get(&at(&scope, &format!("?$filter={filter}"), READS)).await;
        let shown = match answer.json()["value"].as_array() {
            Some(values) => values
                .iter()
                .map(|it| it["properties"]["denyAssignmentName"].as_str().unwrap().to_owned())
                .collect::<Vec<_>>()
                .join(" "),
            None => answer.refusal(),
        };
        rows.push(format!("{scope} {filter:?}\n    {shown}"));
    }
    insta::assert_snapshot!("denial_filters", rows.join("\n"));
}

/// Lets the owner read at the root, once.
fn azlet_root(azlet: &Azlet) {
    let world = azlet.world();
    let root = azlet::kernel::resource_id::ResourceId::root();
    if world.access.assignments_at_or_above(&root).is_empty() {
        azlet.assign("owner", "Reader", "/");
    }
}

#[tokio::test]
async fn a_locked_node_group_is_changed_by_its_cluster_alone() {
    let (_azlet, owner) = Azlet::with_group().await;
    let cluster = resource_id("rg", "Microsoft.ContainerService/managedClusters/aks");
    let mut body = json!({
        "location": "westus2",
        "identity": { "type": "SystemAssigned" },
        "properties": {
            "dnsPrefix": "aks",
            "agentPoolProfiles": [{ "name": "np", "count": 1, "vmSize": "Standard_D2s_v3", "mode": "System" }],
            "nodeResourceGroupProfile": { "restrictionLevel": "ReadOnly" },
        },
    });
    let url = arm(&cluster, "2024-09-01");
    assert_eq!(owner.put(&url, &body).await.status(), 201);
    let node_group = format!("/subscriptions/{SUBSCRIPTION}/resourceGroups/MC_rg_aks_westus2");
    let denials = owner.get(&at(&node_group, "?$filter=atScope()", READS)).await;
    insta::assert_snapshot!("lockdown", denials.golden());
    let group_url = arm(&node_group, "2024-11-01");
    assert_eq!(owner.get(&group_url).await.status(), 200, "it can be read");
    insta::assert_snapshot!("lockdown_refuses", owner.delete(&group_url).await.refusal());
    let id = denials.json()["value"][0]["name"].as_str().unwrap().to_owned();
    let protected = owner.delete(&at(&node_group, &format!("/{id}"), WRITES)).await;
    assert_eq!(protected.status(), 403, "{}", protected.golden());
    body["properties"]["nodeResourceGroupProfile"]["restrictionLevel"] = json!("Unrestricted");
    assert_eq!(owner.put(&url, &body).await.status(), 200);
    assert_eq!(owner.get(&at(&node_group, "?$filter=atScope()", READS)).await.json()["value"], json!([]));
}
