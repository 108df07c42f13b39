//! Role assignments at every scope, and each rule that they keep. Sources: Azure RBAC's documentation, the Authorization API's
//! specification, messages that users have reported; what is inferred says so.

use azlet_tests::{Actor, Answer, Azlet, SUBSCRIPTION, TENANT, arm, my_registry, resource_id};
use serde_json::{Value, json};

const VERSION: &str = "2022-04-01";
const READER: &str = "acdd72a7-3385-48ef-bd42-f606fba81ae7";
const OWNER: &str = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635";
const ACR_PULL: &str = "7f951dda-4ed3-4680-a7ca-43fe172d538d";
const REPOSITORY_READER: &str = "b93aa761-3e63-49ed-ac28-beffa264f7ac";
const NOBODY: &str = "0a210000-0000-4000-8000-0000000000b4";
const CONTRIBUTOR: &str = "0a210000-0000-4000-8000-0000000000b2";

fn name(number: u32) -> String {
    format!("11111111-0000-4000-8000-{number:012}")
}

fn at(scope: &str, name: &str) -> String {
    arm(&format!("{}/providers/Microsoft.Authorization/roleAssignments/{name}", scope.trim_end_matches('/')), VERSION)
}

fn subscription() -> String {
    format!("/subscriptions/{SUBSCRIPTION}")
}

fn group() -> String {
    format!("{}/resourceGroups/rg", subscription())
}

fn grant(role: &str, principal: &str) -> Value {
    json!({ "properties": {
        "roleDefinitionId": format!("/providers/Microsoft.Authorization/roleDefinitions/{role}"),
        "principalId": principal,
        "principalType": "ServicePrincipal",
    } })
}

fn with(member: &str, value: Value) -> Value {
    let mut body = grant(ACR_PULL, NOBODY);
    body["properties"][member] = value;
    body
}

/// A principal that is Owner at the root: whom elevated access made, and who then gave itself more.
async fn at_the_root(azlet: &Azlet) -> Actor {
    azlet.assign("owner", "Owner", "/");
    azlet.owner().await
}

#[tokio::test]
async fn a_role_can_be_given_at_every_scope() {
    let (azlet, _) = Azlet::with_registry().await;
    let owner = at_the_root(&azlet).await;
    let nobody = azlet.actor("nobody").await;
    let child = format!("{}/scopeMaps/map", my_registry());
    let management_group = format!("/providers/Microsoft.Management/managementGroups/{TENANT}");
    let lock = format!("{}/providers/Microsoft.Authorization/locks/mine", group());
    let scopes = ["/".to_owned(), management_group, subscription(), group(), my_registry(), child, lock];
    let mut seen = Vec::new();
    for (number, scope) in (1..).zip(&scopes) {
        let url = at(scope, &name(number));
        let made = owner.put(&url, &grant(READER, NOBODY)).await;
        assert_eq!(made.status(), 201, "{}", made.golden());
        assert_eq!(owner.get(&url).await.status(), 200, "{scope}");
        let reads = nobody.get(&arm(&my_registry(), "2023-07-01")).await.status();
        seen.push(format!(
            "{} {} reads the registry: {reads}",
            made.json()["id"].as_str().unwrap(),
            made.json()["properties"]["scope"]
        ));
        assert_eq!(owner.delete(&url).await.status(), 200, "{scope}");
    }
    insta::assert_snapshot!("assignments_at_every_scope", seen.join("\n"));
}

#[tokio::test]
async fn what_breaks_a_rule_is_refused_in_the_services_words() {
    let (azlet, owner) = Azlet::with_registry().await;
    let url = |number: u32| at(&my_registry(), &name(number));
    let mut rows = Vec::new();
    let mut row = |rule: &str, answer: Answer| rows.push(format!("{rule}\n    {}", answer.refusal()));

    row("name is no GUID, PUT", owner.put(&at(&my_registry(), "first"), &grant(ACR_PULL, NOBODY)).await);
    row("name is no GUID, DELETE", owner.delete(&at(&my_registry(), "first")).await);
    row("principal is no GUID", owner.put(&url(1), &with("principalId", json!("User"))).await);
    row("principal is no text", owner.put(&url(1), &with("principalId", json!(7))).await);
    row("principal type does not exist", owner.put(&url(1), &with("principalType", json!("Robot"))).await);
    row("principal is of another type", owner.put(&url(1), &with("principalType", json!("Group"))).await);
    row("role by a bare GUID", owner.put(&url(1), &with("roleDefinitionId", json!(ACR_PULL))).await);
    row("role unknown", owner.put(&url(1), &grant(&name(99), NOBODY)).await);
    row("no properties", owner.put(&url(1), &json!({})).await);
    row("body is no JSON", owner.send_bytes(reqwest::Method::PUT, &url(1), "application/json", "{").await);
    let nowhere = resource_id("rg", "Microsoft.ContainerRegistry/registries/otherregistry");
    row("scope: no such resource (inferred)", owner.put(&at(&nowhere, &name(1)), &grant(ACR_PULL, NOBODY)).await);
    let no_group = resource_id("none", "Microsoft.ContainerRegistry/registries/otherregistry");
    row("scope: no such group", owner.put(&at(&no_group, &name(1)), &grant(ACR_PULL, NOBODY)).await);
    row("description too long (inferred)", owner.put(&url(1), &with("description", json!("x".repeat(2049)))).await);
    assert_eq!(owner.put(&url(1), &grant(ACR_PULL, NOBODY)).await.status(), 201);
    row("same principal, role and scope under another name", owner.put(&url(2), &grant(ACR_PULL, NOBODY)).await);
    row("same name, another principal", owner.put(&url(1), &grant(ACR_PULL, CONTRIBUTOR)).await);
    row("same name, another role", owner.put(&url(1), &grant(READER, NOBODY)).await);
    row("same name, another scope", owner.put(&at(&group(), &name(1)), &grant(ACR_PULL, NOBODY)).await);
    row("GET of an absent one (inferred)", owner.get(&url(7)).await);
    let old = url(3).replace(VERSION, "2015-07-01");
    row("role with data actions, old version", owner.put(&old, &grant(REPOSITORY_READER, NOBODY)).await);
    let contributor = azlet.actor("contributor").await;
    row("no right to give roles", contributor.put(&url(4), &grant(ACR_PULL, NOBODY)).await);
    insta::assert_snapshot!("assignment_rules", rows.join("\n"));
    assert_eq!(owner.delete(&url(7)).await.status(), 204, "absent");
}

#[tokio::test]
async fn an_update_changes_description_and_condition_alone() {
    let (azlet, owner) = Azlet::with_registry().await;
    let url = at(&my_registry(), &name(1));
    let mut body = grant(REPOSITORY_READER, NOBODY);
    assert_eq!(owner.put(&url, &body).await.status(), 201);
    azlet.advance("30m").await;
    body["properties"]["description"] = json!("only the team's");
    body["properties"]["condition"] =
        json!("@Request[Microsoft.ContainerRegistry/registries/repositories:name] StringStartsWith 'team/'");
    body["properties"]["delegatedManagedIdentityResourceId"] = json!("/subscriptions/other/identity");
    let changed = owner.put(&url, &body).await;
    insta::assert_snapshot!("assignment_updated", changed.golden());
    insta::assert_snapshot!("assignment_after_update", owner.get(&url).await.golden());
    let old = owner.get(&url.replace(VERSION, "2018-09-01-preview")).await.json();
    assert_eq!(old["properties"].get("condition"), None, "an older version does not know conditions");
}

#[tokio::test]
async fn a_principal_may_not_have_reached_the_replica_yet() {
    let (azlet, owner) = Azlet::with_registry().await;
    let set = |delay: &str| json!({ "directoryReplicationDelay": delay });
    let settings = format!("{}/_azlet/settings", azlet.endpoint());
    let answer = azlet.anonymous().post(&settings, &set("30s")).await;
    let told = answer.json();
    assert_eq!((&told["directoryReplicationDelay"], &told["roleAssignmentPropagationDelay"]), (&json!("30s"), &json!("0s")));
    let fresh = "0a210000-0000-4000-8000-0000000000f1";
    azlet.put_principal(&json!({ "objectId": fresh, "type": "ServicePrincipal" })).await;
    let mut body = grant(ACR_PULL, fresh);
    body["properties"].as_object_mut().unwrap().remove("principalType");
    let url = at(&my_registry(), &name(1));
    let refused = owner.put(&url, &body).await;
    assert_eq!((refused.status(), refused.error_code().as_str()), (400, "PrincipalNotFound"));
    assert_eq!(owner.put(&at(&group(), &name(2)), &grant(ACR_PULL, fresh)).await.status(), 201, "a type says so");
    azlet.advance("30s").await;
    assert_eq!(owner.put(&url, &body).await.status(), 201);
    for wrong in [json!({ "directoryReplicationDelay": "soon" }), json!({ "delay": "1s" }), json!([])] {
        assert_eq!(azlet.anonymous().post(&settings, &wrong).await.status(), 400, "{wrong}");
    }
}

#[tokio::test]
async fn an_assignment_counts_once_it_has_spread() {
    let (azlet, owner) = Azlet::with_registry().await;
    let settings = format!("{}/_azlet/settings", azlet.endpoint());
    azlet.anonymous().post(&settings, &json!({ "roleAssignmentPropagationDelay": "5m" })).await;
    azlet.advance("10m").await;
    let nobody = azlet.actor("nobody").await;
    assert_eq!(owner.put(&at(&my_registry(), &name(1)), &grant(READER, NOBODY)).await.status(), 201);
    assert_eq!(nobody.get(&arm(&my_registry(), "2023-07-01")).await.status(), 403);
    azlet.advance("4m").await;
    assert_eq!(nobody.get(&arm(&my_registry(), "2023-07-01")).await.status(), 403);
    azlet.advance("1m").await;
    assert_eq!(nobody.get(&arm(&my_registry(), "2023-07-01")).await.status(), 200);
    assert_eq!(azlet.anonymous().get(&settings).await.json()["roleAssignmentPropagationDelay"], "5m");
}

#[tokio::test]
async fn a_group_gives_its_members_what_it_is_given() {
    let (azlet, owner) = Azlet::with_registry().await;
    let (outer, inner) = ("0a210000-0000-4000-8000-0000000000d1", "0a210000-0000-4000-8000-0000000000d2");
    azlet.put_principal(&json!({ "objectId": inner, "type": "Group", "members": [NOBODY] })).await;
    azlet.put_principal(&json!({ "objectId": outer, "type": "Group", "members": [inner] })).await;
    let mut body = grant(READER, outer);
    body["properties"]["principalType"] = json!("Group");
    assert_eq!(owner.put(&at(&my_registry(), &name(1)), &body).await.status(), 201);
    let nobody = azlet.actor("nobody").await;
    assert_eq!(nobody.get(&arm(&my_registry(), "2023-07-01")).await.status(), 200, "a member of a member");
    for (kind, expected) in [("ForeignGroup", 201), ("Device", 201), ("Unknown", 400)] {
        let mut body = grant(READER, &name(50));
        body["properties"]["principalType"] = json!(kind);
        let url = at(&my_registry(), &name(60));
        let answer = owner.put(&url, &body).await;
        assert_eq!(answer.status(), expected, "{kind}: {}", answer.golden());
        owner.delete(&url).await;
    }
}

#[tokio::test]
async fn the_last_administrator_of_a_subscription_stays() {
    let (azlet, owner) = Azlet::with_registry().await;
    let list = arm(&format!("{}/providers/Microsoft.Authorization/roleAssignments?$filter=atScope()", subscription()), VERSION);
    let rows = owner.get(&list).await.json()["value"].as_array().unwrap().clone();
    let owners: Vec<&str> = rows
        .iter()
        .filter(|row| row["properties"]["roleDefinitionId"].as_str().unwrap().ends_with(OWNER))
        .map(|row| row["name"].as_str().unwrap())
        .collect();
    assert_eq!(owners.len(), 2, "a service principal and a user");
    let mine = azlet.assign("contributor", "Owner", &subscription()).to_string();
    let contributor = azlet.actor("contributor").await;
    for other in owners {
        assert_eq!(contributor.delete(&at(&subscription(), other)).await.status(), 200, "another one is left");
    }
    insta::assert_snapshot!("last_administrator", contributor.delete(&at(&subscription(), &mine)).await.refusal());
}

#[tokio::test]
async fn a_subscription_holds_four_thousand_and_a_management_group_five_hundred() {
    let (azlet, _) = Azlet::with_registry().await;
    let owner = at_the_root(&azlet).await;
    let world = azlet.world();
    let fill = |scope: &str, until: usize| {
        use azlet::kernel::access::RoleAssignment;
        use azlet::kernel::principal::PrincipalKind;
        use azlet::kernel::resource_id::ResourceId;
        for number in 0..until {
            let who = (world.ids.named(&format!("{scope} {number}")), PrincipalKind::ServicePrincipal);
            let by = (who.0, world.clock.now());
            let role = READER.parse().expect("a GUID");
            let assignment = RoleAssignment::new(world.ids.uuid(), ResourceId::new(scope), role, who, by);
            if world.access.put_assignment(assignment).is_err() {
                return;
            }
        }
    };
    fill(&group(), 5000);
    let full = owner.put(&at(&my_registry(), &name(1)), &grant(READER, NOBODY)).await;
    insta::assert_snapshot!("assignment_limit", full.refusal());
    let list = arm(&format!("{}/providers/Microsoft.Authorization/roleAssignments", subscription()), VERSION);
    let (mut count, mut next) = (0, Some(list));
    while let Some(url) = next {
        let page = owner.get(&url).await.json();
        count += page["value"].as_array().unwrap().len();
        next = page["nextLink"].as_str().map(str::to_owned);
    }
    assert_eq!(count, 4000 + 1, "those of the subscription and the one at the root, in pages");
    let management_group = format!("/providers/Microsoft.Management/managementGroups/{TENANT}");
    fill(&management_group, 500);
    let full = owner.put(&at(&management_group, &name(2)), &grant(READER, NOBODY)).await;
    assert_eq!(full.error_code(), "RoleAssignmentLimitExceeded");
    assert_eq!(owner.put(&at("/", &name(3)), &grant(READER, NOBODY)).await.status(), 201, "the root has no such limit");
}

#[tokio::test]
async fn lists_have_the_documented_filters_and_no_others() {
    let (_azlet, owner) = Azlet::with_registry().await;
    owner.put(&at(&my_registry(), &name(1)), &grant(ACR_PULL, NOBODY)).await;
    owner.put(&at(&group(), &name(2)), &grant(READER, NOBODY)).await;
    let mut rows = Vec::new();
    for filter in [
        "",
        "atScope()",
        "atscope()",
        &format!("principalId eq '{NOBODY}'"),
        &format!("assignedTo('{NOBODY}')"),
        &format!("atScope() and assignedTo('{NOBODY}')"),
        &format!("assignedTo('{NOBODY}') and atScope()"),
        &format!("atScope() and principalId eq '{NOBODY}'"),
        &format!("principalId eq {NOBODY}"),
        "principalId eq 'me'",
        "roleDefinitionId eq 'x'",
        "asTarget()",
    ] {
        let path =
            format!("{}/providers/Microsoft.Authorization/roleAssignments?$filter={}", group(), filter.replace(' ', "%20"));
        let answer = owner.get(&arm(&path, VERSION)).await;
        let shown = match answer.json()["value"].as_array() {
            Some(values) => {
                let mine = values.iter().filter(|row| row["properties"]["principalId"] == NOBODY);
                let mine: Vec<&str> = mine.map(|row| &row["name"].as_str().unwrap()[24..]).collect();
                format!("{} rows, of which nobody's: {}", values.len(), mine.join(" "))
            }
            None => answer.refusal(),
        };
        rows.push(format!("{filter:?}\n    {shown}"));
    }
    insta::assert_snapshot!("assignment_filters", rows.join("\n"));
}

#[tokio::test]
async fn elevated_access_is_for_global_administrators() {
    let (azlet, _) = Azlet::with_registry().await;
    let url = arm("/providers/Microsoft.Authorization/elevateAccess", "2016-07-01");
    insta::assert_snapshot!("elevate_refused", azlet.actor("contributor").await.post(&url, &json!({})).await.refusal());
    let (administrator, secret) = ("0a210000-0000-4000-8000-0000000000e9", "a~secret");
    let app = "0a210000-0000-4000-8000-0000000000ea";
    azlet
        .put_principal(&json!({
            "objectId": administrator, "type": "ServicePrincipal", "appId": app, "clientSecret": secret,
            "directoryRoles": ["Global Administrator"],
        }))
        .await;
    let actor = azlet.bearer(azlet.token_for(app, secret, "https://management.azure.com").await);
    assert_eq!(actor.get(&arm(&my_registry(), "2023-07-01")).await.status(), 403, "a directory role gives nothing here");
    let elevated = actor.post(&url, &json!({})).await;
    assert_eq!((elevated.status(), elevated.text().as_str()), (200, ""));
    assert_eq!(actor.post(&url, &json!({})).await.status(), 200, "twice is no harm");
    let list = arm("/providers/Microsoft.Authorization/roleAssignments?$filter=atScope()", VERSION);
    let row = actor.get(&list).await.json()["value"][0].clone();
    assert_eq!((&row["properties"]["scope"], &row["properties"]["principalId"]), (&json!("/"), &json!(administrator)));
    assert!(row["id"].as_str().unwrap().starts_with("/providers/Microsoft.Authorization/roleAssignments/"));
    assert_eq!(actor.get(&arm(&my_registry(), "2023-07-01")).await.status(), 200, "it reads everything");
}
