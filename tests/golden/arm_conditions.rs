//! Conditions of role assignments: what is no condition, and delegated role assignment management. Sources: Azure RBAC's
//! documentation ("Azure role assignment condition format", "Delegate Azure role assignment management using conditions"), messages
//! that users have reported. The code of the refusal is inferred.

use azlet_tests::{Answer, Azlet, SUBSCRIPTION, arm, my_registry};
use serde_json::{Value, json};

const VERSION: &str = "2022-04-01";
const READER: &str = "acdd72a7-3385-48ef-bd42-f606fba81ae7";
const ACR_PULL: &str = "7f951dda-4ed3-4680-a7ca-43fe172d538d";
const ACR_PUSH: &str = "8311e382-0749-4cb8-b61a-304f252e45ec";
const RBAC_ADMINISTRATOR: &str = "f58310d9-a9f6-439a-9e8d-f62e7b41a168";
const CATALOG_LISTER: &str = "bfdb9389-c9a5-478a-bb2f-ba9ca092c3c7";
const REPOSITORY_WRITER: &str = "2a1e307c-b015-4ebd-883e-5b7698a07328";
const NOBODY: &str = "0a210000-0000-4000-8000-0000000000b4";
const READER_PRINCIPAL: &str = "0a210000-0000-4000-8000-0000000000b3";
const REPOSITORY: &str = "@Request[Microsoft.ContainerRegistry/registries/repositories:name]";

fn name(number: u32) -> String {
    format!("11111111-0000-4000-8000-{number:012}")
}

fn at(scope: &str, name: &str) -> String {
    arm(&format!("{scope}/providers/Microsoft.Authorization/roleAssignments/{name}"), VERSION)
}

fn grant(role: &str, principal: &str, condition: Option<&str>) -> Value {
    let mut body = json!({ "properties": {
        "roleDefinitionId": format!("/providers/Microsoft.Authorization/roleDefinitions/{role}"),
        "principalId": principal,
        "principalType": "ServicePrincipal",
    } });
    if let Some(condition) = condition {
        body["properties"]["condition"] = json!(condition);
        body["properties"]["conditionVersion"] = json!("2.0");
    }
    body
}

const CONTAINER: &str = "@Resource[Microsoft.Storage/storageAccounts/blobServices/containers:Name] stringEquals 'foo'";

#[tokio::test]
async fn what_is_no_condition_for_the_role_is_refused() {
    let (_azlet, owner) = Azlet::with_registry().await;
    let good = format!("{REPOSITORY} StringEqualsIgnoreCase 'team/app'");
    let url = at(&my_registry(), &name(1));
    let put = async |role: &str, condition: &str| owner.put(&url, &grant(role, NOBODY, Some(condition))).await;
    let mut rows = Vec::new();
    let mut row = |rule: &str, answer: Answer| rows.push(format!("{rule}\n    {}", answer.refusal()));
    row("malformed", put(REPOSITORY_WRITER, "this is it").await);
    row("AND and OR without parentheses", put(REPOSITORY_WRITER, &format!("{good} AND {good} OR {good}")).await);
    row("unknown operator", put(REPOSITORY_WRITER, &format!("{REPOSITORY} StringSounds 'x'")).await);
    row(
        "unknown attribute",
        put(REPOSITORY_WRITER, "@Request[Microsoft.ContainerRegistry/registries:name] StringEquals 'x'").await,
    );
    let resource = "@Resource[Microsoft.ContainerRegistry/registries/repositories:name] StringEquals 'x'";
    row("attribute of the wrong source", put(REPOSITORY_WRITER, resource).await);
    row("role without an action that supports conditions", put(ACR_PULL, &good).await);
    row("catalog lister", put(CATALOG_LISTER, &good).await);
    row("longer than 8 KB", put(REPOSITORY_WRITER, &format!("{REPOSITORY} StringEquals '{}'", "x".repeat(8192))).await);
    let mut first = grant(REPOSITORY_WRITER, NOBODY, Some(&good));
    first["properties"]["conditionVersion"] = json!("1.0");
    row("version 1.0", owner.put(&url, &first).await);
    insta::assert_snapshot!("condition_rules", rows.join("\n"));
    // What the command line's own help gives as its example (recorded).
    let reader = owner.put(&at(&my_registry(), &name(2)), &grant(READER, NOBODY, Some(CONTAINER))).await;
    assert_eq!(reader.status(), 201, "a role whose actions reach what supports conditions: {}", reader.golden());
    let mut unversioned = grant(REPOSITORY_WRITER, NOBODY, Some(&good));
    unversioned["properties"].as_object_mut().unwrap().remove("conditionVersion");
    let made = owner.put(&url, &unversioned).await;
    assert_eq!((made.status(), &made.json()["properties"]["conditionVersion"]), (201, &json!("2.0")), "2.0 is the default");
}

/// A condition that lets its holder give and take AcrPull alone, to service principals alone.
fn delegation() -> String {
    let attribute = |source: &str, name: &str| format!("@{source}[Microsoft.Authorization/roleAssignments:{name}]");
    let part = |verb: &str, source: &str| {
        format!(
            "((!(ActionMatches{{'Microsoft.Authorization/roleAssignments/{verb}'}})) OR ({} ForAnyOfAnyValues:GuidEquals {{{ACR_PULL}}} \
             AND {} ForAnyOfAnyValues:StringEqualsIgnoreCase {{'ServicePrincipal'}}))",
            attribute(source, "RoleDefinitionId"),
            attribute(source, "PrincipalType")
        )
    };
    format!("{} AND {}", part("write", "Request"), part("delete", "Resource"))
}

#[tokio::test]
async fn who_may_give_some_roles_may_give_no_others() {
    let (azlet, owner) = Azlet::with_registry().await;
    let subscription = format!("/subscriptions/{SUBSCRIPTION}");
    let delegated = grant(RBAC_ADMINISTRATOR, NOBODY, Some(&delegation()));
    let made = owner.put(&at(&subscription, &name(1)), &delegated).await;
    assert_eq!(made.status(), 201, "{}", made.golden());
    let nobody = azlet.actor("nobody").await;
    assert_eq!(nobody.put(&at(&my_registry(), &name(2)), &grant(ACR_PULL, READER_PRINCIPAL, None)).await.status(), 201);
    let mut rows = Vec::new();
    let mut row = |rule: &str, answer: Answer| rows.push(format!("{rule}\n    {}", answer.refusal()));
    row("another role", nobody.put(&at(&my_registry(), &name(3)), &grant(ACR_PUSH, READER_PRINCIPAL, None)).await);
    let mut untyped = grant(ACR_PULL, READER_PRINCIPAL, None);
    untyped["properties"].as_object_mut().unwrap().remove("principalType");
    row("the principal's type left out", nobody.put(&at(&my_registry(), &name(2)), &untyped).await);
    let mut group = grant(ACR_PULL, READER_PRINCIPAL, None);
    group["properties"]["principalType"] = json!("Group");
    row("another type", nobody.put(&at(&my_registry(), &name(3)), &group).await);
    let other = owner.put(&at(&my_registry(), &name(4)), &grant(READER, READER_PRINCIPAL, None)).await;
    assert_eq!(other.status(), 201);
    row("taking away another role", nobody.delete(&at(&my_registry(), &name(4))).await);
    row("no right at all", nobody.delete(&arm(&my_registry(), "2023-07-01")).await);
    insta::assert_snapshot!("condition_delegation", rows.join("\n"));
    assert_eq!(nobody.get(&arm(&my_registry(), "2023-07-01")).await.status(), 200, "an action that is not targeted");
    assert_eq!(nobody.delete(&at(&my_registry(), &name(2))).await.status(), 200, "what it may give, it may take");
    let permissions = arm(&format!("{subscription}/providers/Microsoft.Authorization/permissions"), VERSION);
    let shown = nobody.get(&permissions).await.json();
    assert_eq!(shown["value"][0]["condition"], json!(delegation()));
}

#[tokio::test]
async fn a_condition_narrows_its_own_assignment_alone_and_heeds_the_time() {
    let (azlet, owner) = Azlet::with_registry().await;
    let until = "@Environment[UtcNow] DateTimeLessThan '2026-11-02T08:10:00.0Z'";
    let url = at(&my_registry(), &name(1));
    assert_eq!(owner.put(&url, &grant(RBAC_ADMINISTRATOR, NOBODY, Some(until))).await.status(), 201);
    let nobody = azlet.actor("nobody").await;
    let registry_url = arm(&my_registry(), "2023-07-01");
    assert_eq!(nobody.get(&registry_url).await.status(), 200);
    azlet.advance("10m").await;
    insta::assert_snapshot!("condition_of_time", nobody.get(&registry_url).await.refusal());
    assert_eq!(owner.put(&at(&my_registry(), &name(2)), &grant(READER, NOBODY, None)).await.status(), 201);
    assert_eq!(nobody.get(&registry_url).await.status(), 200, "another assignment has no condition");
}
