//! Rules of RBAC and of locks that go beyond one request: what becomes of assignments when what they name goes, who sees which part of
//! a list, names that are the tenant's. Sources: Azure RBAC's documentation and its troubleshooting page, the Authorization API's
//! specification, answers that users have reported; what is inferred says so.

use azlet_tests::{Actor, Answer, Azlet, OTHER_SUBSCRIPTION, SUBSCRIPTION, TENANT, arm, my_registry, resource_id};
use serde_json::{Value, json};

const VERSION: &str = "2022-04-01";
const READER: &str = "acdd72a7-3385-48ef-bd42-f606fba81ae7";
const OWNER: &str = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635";
const ADMINISTRATOR: &str = "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9";
const REPOSITORY_READER: &str = "b93aa761-3e63-49ed-ac28-beffa264f7ac";
const IDENTITY: &str = "Microsoft.ManagedIdentity/userAssignedIdentities";

fn name(number: u32) -> String {
    format!("33333333-0000-4000-8000-{number:012}")
}

fn group(name: &str) -> String {
    format!("/subscriptions/{SUBSCRIPTION}/resourceGroups/{name}")
}

fn at(scope: &str, name: &str) -> String {
    arm(&format!("{scope}/providers/Microsoft.Authorization/roleAssignments/{name}"), VERSION)
}

fn grant(role: &str, principal: &str) -> Value {
    json!({ "properties": {
        "roleDefinitionId": format!("/providers/Microsoft.Authorization/roleDefinitions/{role}"),
        "principalId": principal,
        "principalType": "ServicePrincipal",
    } })
}

fn names(answer: &Answer) -> Vec<String> {
    let body = answer.json();
    let rows = body["value"].as_array().unwrap_or_else(|| panic!("no list: {}", answer.golden()));
    rows.iter().filter_map(|row| Some(row["name"].as_str()?.to_owned())).collect()
}

#[tokio::test]
async fn a_name_is_one_assignments_in_the_whole_tenant() {
    let (azlet, owner) = Azlet::with_registry().await;
    let nobody = azlet.object_id("nobody").to_string();
    assert_eq!(owner.put(&at(&my_registry(), &name(1)), &grant(REPOSITORY_READER, &nobody)).await.status(), 201);
    let elsewhere = format!("/subscriptions/{OTHER_SUBSCRIPTION}");
    let taken = owner.put(&at(&elsewhere, &name(1)), &grant(REPOSITORY_READER, &nobody)).await;
    assert_eq!((taken.status(), taken.error_code().as_str()), (400, "RoleAssignmentUpdateNotPermitted"));
    // A condition does not make it another one.
    let mut narrowed = grant(REPOSITORY_READER, &nobody);
    narrowed["properties"]["condition"] =
        json!("@Request[Microsoft.ContainerRegistry/registries/repositories:name] StringEquals 'a'");
    let twice = owner.put(&at(&my_registry(), &name(2)), &narrowed).await;
    assert_eq!((twice.status(), twice.error_code().as_str()), (409, "RoleAssignmentExists"));
    assert_eq!(owner.put(&at(&my_registry(), &name(1)), &narrowed).await.status(), 201, "under its own name it is changed");
}

#[tokio::test]
async fn an_assignment_is_found_from_every_scope_that_it_covers() {
    let (azlet, owner) = Azlet::with_registry().await;
    let nobody = azlet.object_id("nobody").to_string();
    owner.put(&arm(&group("other"), "2024-11-01"), &json!({ "location": "westus2" })).await;
    assert_eq!(owner.put(&at(&group("rg"), &name(1)), &grant(READER, &nobody)).await.status(), 201);
    let found = owner.get(&at(&my_registry(), &name(1))).await;
    assert_eq!((found.status(), &found.json()["properties"]["scope"]), (200, &json!(group("rg"))));
    let elsewhere = owner.get(&at(&group("other"), &name(1))).await;
    assert_eq!((elsewhere.status(), elsewhere.error_code().as_str()), (404, "RoleAssignmentNotFound"));
}

#[tokio::test]
async fn an_identity_made_anew_is_another_principal() {
    let (_azlet, owner) = Azlet::with_registry().await;
    let identity = arm(&resource_id("rg", &format!("{IDENTITY}/mine")), "2024-11-30");
    let make = async || {
        let made = owner.put(&identity, &json!({ "location": "westus2" })).await.json();
        made["properties"]["principalId"].as_str().expect("a principal").to_owned()
    };
    let first = make().await;
    assert_eq!(owner.put(&at(&my_registry(), &name(1)), &grant(READER, &first)).await.status(), 201);
    assert_eq!(owner.delete(&identity).await.status(), 200);
    let left = owner.get(&at(&my_registry(), &name(1))).await.json();
    let left = &left["properties"];
    assert_eq!((&left["principalId"], &left["principalType"]), (&json!(first), &json!("ServicePrincipal")), "it stays as it was");
    let second = make().await;
    assert_ne!(first, second);
    let stale = owner.put(&at(&my_registry(), &name(1)), &grant(READER, &second)).await;
    assert_eq!((stale.status(), stale.error_code().as_str()), (400, "RoleAssignmentUpdateNotPermitted"));
    assert_eq!(owner.delete(&at(&my_registry(), &name(1))).await.status(), 200);
    assert_eq!(owner.put(&at(&my_registry(), &name(1)), &grant(READER, &second)).await.status(), 201);
}

#[tokio::test]
async fn a_list_is_not_asked_who_a_group_is_assigned_to() {
    let (azlet, owner) = Azlet::with_group().await;
    let team = name(70);
    azlet.put_principal(&json!({ "objectId": team, "type": "Group", "members": [azlet.object_id("nobody").to_string()] })).await;
    let mut body = grant(READER, &team);
    body["properties"]["principalType"] = json!("Group");
    assert_eq!(owner.put(&at(&group("rg"), &name(1)), &body).await.status(), 201);
    let list = async |filter: String| {
        let path = format!("{}/providers/Microsoft.Authorization/roleAssignments?$filter={filter}", group("rg"));
        owner.get(&arm(&path.replace(' ', "%20"), VERSION)).await
    };
    assert_eq!(names(&list(format!("principalId eq '{team}'")).await), [name(1)], "the group itself");
    let member = azlet.object_id("nobody");
    assert_eq!(names(&list(format!("assignedTo('{member}')")).await), [name(1)], "what its member has through it");
    assert_eq!(names(&list(format!("principalId eq '{member}'")).await), Vec::<String>::new());
    insta::assert_snapshot!("assigned_to_a_group_inferred", list(format!("assignedTo('{team}')")).await.refusal());
}

#[tokio::test]
async fn a_global_administrator_may_take_the_last_administrator() {
    let azlet = Azlet::start().await;
    let (app, secret) = (name(81), "a~secret");
    azlet
        .put_principal(&json!({
            "objectId": name(80), "type": "ServicePrincipal", "appId": app, "clientSecret": secret,
            "directoryRoles": ["Global Administrator"],
        }))
        .await;
    let administrator = azlet.bearer(azlet.token_for(&app, secret, "https://management.azure.com").await);
    let elevate = arm("/providers/Microsoft.Authorization/elevateAccess", "2016-07-01");
    assert_eq!(administrator.post(&elevate, &json!({})).await.status(), 200);
    let subscription = format!("/subscriptions/{SUBSCRIPTION}");
    let list = arm(&format!("{subscription}/providers/Microsoft.Authorization/roleAssignments?$filter=atScope()"), VERSION);
    let rows = administrator.get(&list).await.json();
    let rows = rows["value"].as_array().expect("a list");
    let administers = |row: &&Value| {
        let role = row["properties"]["roleDefinitionId"].as_str().unwrap_or_default();
        row["properties"]["scope"] == subscription && (role.ends_with(OWNER) || role.ends_with(ADMINISTRATOR))
    };
    let mine: Vec<&str> = rows.iter().filter(administers).filter_map(|row| row["name"].as_str()).collect();
    assert!(!mine.is_empty());
    for name in mine {
        assert_eq!(administrator.delete(&at(&subscription, name)).await.status(), 200, "{name}");
    }
}

#[tokio::test]
async fn a_role_with_data_actions_can_be_made_at_a_management_group_but_not_given_there() {
    let azlet = Azlet::start().await;
    azlet.assign("owner", "Owner", "/");
    let owner = azlet.owner().await;
    let above = format!("/providers/Microsoft.Management/managementGroups/{TENANT}");
    let role = |permissions: Value, scopes: Value| json!({ "properties": { "roleName": "Reader of repositories", "type": "CustomRole", "permissions": permissions, "assignableScopes": scopes } });
    let data = json!([{ "dataActions": ["Microsoft.ContainerRegistry/registries/repositories/content/read"] }]);
    let url = arm(&format!("{above}/providers/Microsoft.Authorization/roleDefinitions/{}", name(1)), VERSION);
    let made = owner.put(&url, &role(data.clone(), json!([above]))).await;
    assert_eq!(made.status(), 201, "{}", made.golden());
    let nobody = azlet.object_id("nobody").to_string();
    insta::assert_snapshot!(
        "data_actions_at_a_management_group_inferred",
        owner.put(&at(&above, &name(2)), &grant(&name(1), &nobody)).await.refusal()
    );
    let below = format!("/subscriptions/{SUBSCRIPTION}");
    assert_eq!(owner.put(&at(&below, &name(2)), &grant(&name(1), &nobody)).await.status(), 201);
    let many: Vec<String> = (0..2001).map(|number| group(&format!("rg{number}"))).collect();
    insta::assert_snapshot!(
        "too_many_assignable_scopes_inferred",
        owner.put(&url, &role(data.clone(), json!(many))).await.refusal()
    );
    let unknown = json!([below, "/providers/Microsoft.Management/managementGroups/nowhere"]);
    assert_eq!(owner.put(&url, &role(data, unknown)).await.status(), 201, "a management group's existence is not checked");
}

/// Two groups, each with a registry and an identity; nobody reads `open`, and in `shut` one registry.
async fn parts(azlet: &Azlet) -> (Actor, Actor) {
    let owner = azlet.owner().await;
    for part in ["open", "shut"] {
        let here = json!({ "location": "westus2", "sku": { "name": "Basic" } });
        owner.put(&arm(&group(part), "2024-11-01"), &json!({ "location": "westus2" })).await;
        for kind in ["one", "two"] {
            let registry = format!("Microsoft.ContainerRegistry/registries/{part}{kind}");
            assert_eq!(owner.put_and_wait(&arm(&resource_id(part, &registry), "2023-07-01"), &here).await.status(), 200);
        }
        let table = arm(&resource_id(part, &format!("Microsoft.Network/routeTables/{part}")), "2024-07-01");
        assert_eq!(owner.put(&table, &json!({ "location": "westus2" })).await.status(), 201);
    }
    (owner, azlet.actor("nobody").await)
}

#[tokio::test]
async fn lists_of_one_type_show_what_their_caller_may_read() {
    let azlet = Azlet::start().await;
    let (owner, nobody) = parts(&azlet).await;
    let subscription = format!("/subscriptions/{SUBSCRIPTION}");
    let registries = |scope: &str| arm(&format!("{scope}/providers/Microsoft.ContainerRegistry/registries"), "2023-07-01");
    let tables = arm(&format!("{subscription}/providers/Microsoft.Network/routeTables"), "2024-07-01");
    let identities = arm(&format!("{subscription}/providers/{IDENTITY}"), "2024-11-30");
    let clusters = arm(&format!("{subscription}/providers/Microsoft.ContainerService/managedClusters"), "2024-05-01");
    for url in [&registries(&subscription), &tables, &identities, &clusters] {
        assert_eq!(nobody.get(url).await.error_code(), "AuthorizationFailed", "who has no role in the subscription: {url}");
    }
    // A role somewhere in it is enough to ask (inferred).
    azlet.assign("nobody", "AcrPull", &group("shut"));
    for url in [&registries(&subscription), &tables, &identities, &clusters] {
        let answer = nobody.get(url).await;
        assert_eq!((answer.status(), names(&answer)), (200, vec![]), "a role that reads none: {url}");
    }
    azlet.assign("nobody", "Reader", &group("open"));
    azlet.assign("nobody", "Reader", &resource_id("shut", "Microsoft.ContainerRegistry/registries/shuttwo"));
    assert_eq!(names(&nobody.get(&registries(&subscription)).await), ["openone", "opentwo", "shuttwo"]);
    assert_eq!(names(&nobody.get(&registries(&group("shut"))).await), ["shuttwo"], "a group's list too");
    assert_eq!(names(&nobody.get(&tables).await), ["open"]);
    assert_eq!(names(&owner.get(&registries(&subscription)).await), ["openone", "opentwo", "shutone", "shuttwo"]);
    let elsewhere = format!("/subscriptions/{OTHER_SUBSCRIPTION}");
    assert_eq!(nobody.get(&registries(&elsewhere)).await.error_code(), "AuthorizationFailed");
    // What lies in a resource is no part of the subscription: its list needs the right on the resource.
    let webhooks =
        arm(&format!("{}/webhooks", resource_id("shut", "Microsoft.ContainerRegistry/registries/shutone")), "2023-07-01");
    assert_eq!(nobody.get(&webhooks).await.error_code(), "AuthorizationFailed");
}

#[tokio::test]
async fn locks_let_through_what_they_do_not_name() {
    let (_azlet, owner) = Azlet::with_registry().await;
    let lock = |scope: &str| arm(&format!("{scope}/providers/Microsoft.Authorization/locks/kept"), "2016-09-01");
    let owners = json!([{ "applicationId": name(90) }]);
    let body = |level: &str| json!({ "properties": { "level": level, "owners": owners } });
    let made = owner.put(&lock(&my_registry()), &body("CanNotDelete")).await;
    assert_eq!((made.status(), &made.json()["properties"]["owners"]), (201, &owners));
    let admin = json!({ "properties": { "adminUserEnabled": true } });
    assert!(owner.patch(&arm(&my_registry(), "2023-07-01"), &admin).await.status() < 300);
    let keys = arm(&format!("{}/listCredentials", my_registry()), "2023-07-01");
    assert_eq!(owner.post(&keys, &json!({})).await.status(), 200, "a lock against deletion stops no POST");
    assert_eq!(owner.put(&lock(&group("rg")), &body("ReadOnly")).await.status(), 201);
    assert_eq!(owner.post(&keys, &json!({})).await.error_code(), "ScopeLocked");
    let cluster = resource_id("rg", "Microsoft.ContainerService/managedClusters/aks");
    for action in
        ["listClusterUserCredential", "listClusterAdminCredential", "start", "stop", "runCommand", "rotateClusterCertificates"]
    {
        let refused = owner.post(&arm(&format!("{cluster}/{action}"), "2024-05-01"), &json!({ "command": "true" })).await;
        assert_eq!((refused.status(), refused.error_code().as_str()), (409, "ScopeLocked"), "{action}");
    }
    for action in ["importImage", "generateCredentials", "regenerateCredential", "webhooks/hook/ping"] {
        let refused = owner.post(&arm(&format!("{}/{action}", my_registry()), "2023-07-01"), &json!({})).await;
        assert_eq!((refused.status(), refused.error_code().as_str()), (409, "ScopeLocked"), "{action}");
    }
    owner.put(&arm(&group("other"), "2024-11-01"), &json!({ "location": "westus2" })).await;
    let out = json!({ "resources": [my_registry()], "targetResourceGroup": group("other") });
    let out = owner.post(&arm(&format!("{}/moveResources", group("rg")), "2024-11-01"), &out).await;
    assert_eq!((out.status(), out.error_code().as_str()), (409, "ScopeLocked"), "nothing moves out");
}
