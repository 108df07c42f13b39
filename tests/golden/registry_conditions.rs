//! Repository permissions: roles with conditions on the name of a repository. Sources: Container Registry's documentation
//! ("Microsoft Entra attribute-based access control for repository permissions", its directory of roles).

use azlet::acr::store::Settings;
use azlet_tests::registry::{HOST, push_image};
use azlet_tests::{Actor, Azlet, arm, resource_id};
use reqwest::Method;
use serde_json::{Value, json};

const NAME: &str = "@Request[Microsoft.ContainerRegistry/registries/repositories:name]";
const READER: &str = "b93aa761-3e63-49ed-ac28-beffa264f7ac";
const WRITER: &str = "2a1e307c-b015-4ebd-883e-5b7698a07328";
const CONTRIBUTOR: &str = "2efddaa5-3f1f-4df3-97df-af3f13818f4c";
const LISTER: &str = "bfdb9389-c9a5-478a-bb2f-ba9ca092c3c7";
const ACTIONS: [&str; 6] =
    ["content/read", "content/write", "content/delete", "metadata/read", "metadata/write", "metadata/delete"];

fn registry() -> String {
    resource_id("rg", "Microsoft.ContainerRegistry/registries/Reg")
}

async fn prepared() -> (Azlet, Actor) {
    let azlet = Azlet::start().await;
    azlet.registry("Reg", Settings { abac: true, ..Settings::default() });
    let owner = azlet.owner().await;
    let group =
        arm(&azlet::kernel::resource_id::ResourceId::new(&registry()).group_id().expect("a group").to_string(), "2024-11-01");
    assert!(owner.put(&group, &json!({ "location": "westus2" })).await.status() < 300);
    (azlet, owner)
}

/// Gives a role to a principal of the seed at the registry's group, by the wire.
async fn give(azlet: &Azlet, owner: &Actor, principal: &str, role: &str, condition: Option<String>) -> String {
    let name = azlet.world().ids.uuid();
    let group = azlet::kernel::resource_id::ResourceId::new(&registry()).group_id().expect("a group").to_string();
    let url = arm(&format!("{group}/providers/Microsoft.Authorization/roleAssignments/{name}"), "2022-04-01");
    let mut body = json!({ "properties": {
        "roleDefinitionId": format!("/providers/Microsoft.Authorization/roleDefinitions/{role}"),
        "principalId": azlet.object_id(principal), "principalType": "ServicePrincipal",
    } });
    if let Some(condition) = condition {
        body["properties"]["condition"] = json!(condition);
    }
    let made = owner.put(&url, &body).await;
    assert_eq!(made.status(), 201, "{}", made.golden());
    url
}

/// The published form: what is not targeted passes, what is targeted needs the name.
fn only(targets: &[&str], name: &str) -> String {
    let targets: Vec<String> = targets
        .iter()
        .map(|action| format!("!(ActionMatches{{'Microsoft.ContainerRegistry/registries/repositories/{action}'}})"))
        .collect();
    format!("(({}) OR ({NAME} {name}))", targets.join(" AND "))
}

/// What an access token for a scope grants, in one line.
async fn granted(azlet: &Azlet, refresh_token: &str, scope: &str) -> String {
    let answer = azlet.access_token(HOST, refresh_token, scope).await;
    let token = answer.json()["access_token"].as_str().unwrap_or_else(|| panic!("{}", answer.golden())).to_owned();
    let claims = claims(&token);
    let access: Vec<String> = claims["access"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|entry| {
            let actions: Vec<&str> =
                entry["Actions"].as_array().expect("a list").iter().map(|it| it.as_str().expect("an action")).collect();
            format!(
                "{}:{}:{}",
                entry["Type"].as_str().expect("a type"),
                entry["Name"].as_str().expect("a name"),
                actions.join(",")
            )
        })
        .collect();
    access.join(" ")
}

fn claims(token: &str) -> Value {
    use base64::Engine as _;
    let part = token.split('.').nth(1).expect("claims");
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(part).expect("base64");
    serde_json::from_slice(&bytes).expect("JSON")
}

#[tokio::test]
async fn a_condition_decides_repository_by_repository() {
    let (azlet, owner) = prepared().await;
    give(&azlet, &owner, "contributor", CONTRIBUTOR, None).await;
    give(&azlet, &owner, "nobody", WRITER, Some(only(&ACTIONS, "StringStartsWithIgnoreCase 'team/'"))).await;
    give(&azlet, &owner, "nobody", READER, Some(only(&ACTIONS, "StringEquals 'shared'"))).await;
    let refresh = azlet.refresh_token(HOST, "nobody").await;
    let mut rows = Vec::new();
    for scope in [
        "repository:team/app:pull,push,delete,metadata_read,metadata_write",
        "repository:Team/app:pull",
        "repository:teams:pull",
        "repository:shared:pull,push,metadata_read",
        "repository:other:pull",
        "repository:team/a:pull repository:other:pull repository:shared:pull,push",
        "repository:team/app:*",
        "registry:catalog:*",
    ] {
        rows.push(format!("{scope}\n    {}", granted(&azlet, &refresh, scope).await));
    }
    insta::assert_snapshot!("condition_scopes", rows.join("\n"));
    let all = azlet.registry_actor(HOST, "contributor", "repository:team/app:* repository:other:*").await;
    push_image(&all, HOST, "team/app", "v1", "one").await;
    push_image(&all, HOST, "other", "v1", "two").await;
    let scopes = "repository:team/app:pull,push repository:other:pull,push";
    let nobody = azlet.registry_actor(HOST, "nobody", scopes).await;
    let manifest = |repository: &str| format!("https://{HOST}/v2/{repository}/manifests/v1");
    assert_eq!(nobody.get(&manifest("team/app")).await.status(), 200);
    assert_eq!(nobody.get(&manifest("other")).await.status(), 401, "the token does not open it");
    push_image(&nobody, HOST, "team/app", "v2", "three").await;
    // Basic credentials are judged repository by repository too.
    let world = azlet.world();
    let seed = world.seed.principal("nobody").expect("the seed has it");
    let (user, secret) = (seed.app_id.expect("an application").to_string(), seed.client_secret.clone().expect("a secret"));
    let basic = async |repository: &str| {
        let request = azlet.client().request(Method::GET, manifest(repository)).basic_auth(&user, Some(&secret));
        azlet.anonymous().send(request).await.status()
    };
    assert_eq!((basic("team/app").await, basic("other").await), (200, 401));
}

#[tokio::test]
async fn a_condition_gives_nothing_on_every_repository_at_once() {
    let (azlet, owner) = prepared().await;
    give(&azlet, &owner, "nobody", READER, Some(only(&ACTIONS, "StringNotEquals 'secret'"))).await;
    give(&azlet, &owner, "contributor", READER, None).await;
    let refresh = azlet.refresh_token(HOST, "nobody").await;
    assert_eq!(granted(&azlet, &refresh, "repository:*:pull repository:a:pull").await, "repository:a:pull");
    let refresh = azlet.refresh_token(HOST, "contributor").await;
    // Nor does a role without one: a registry with repository permissions gives no token for all of them (Azure's `acr` program).
    assert_eq!(granted(&azlet, &refresh, "repository:*:pull").await, "");
}

#[tokio::test]
async fn what_was_exchanged_keeps_its_conditions() {
    let (azlet, owner) = prepared().await;
    let assignment = give(&azlet, &owner, "nobody", WRITER, Some(format!("{NAME} StringLike 'team/*'"))).await;
    let refresh = azlet.refresh_token(HOST, "nobody").await;
    assert_eq!(claims(&refresh)["permissions"]["Actions"], json!(["read", "write", "metadata/read", "metadata/write"]));
    assert_eq!(owner.delete(&assignment).await.status(), 200);
    assert_eq!(granted(&azlet, &refresh, "repository:team/app:pull").await, "repository:team/app:pull");
    assert_eq!(granted(&azlet, &refresh, "repository:other:pull").await, "");
    assert_eq!(azlet.exchange(HOST, "nobody").await.status(), 401, "a new exchange finds nothing");
}

#[tokio::test]
async fn registry_roles_and_names_count_for_nothing_without_their_own() {
    let (azlet, owner) = prepared().await;
    for role in ["AcrPull", "AcrPush", "AcrDelete", "Owner"] {
        azlet.assign("nobody", role, &registry());
    }
    assert_eq!(azlet.exchange(HOST, "nobody").await.status(), 401, "registry roles open nothing here");
    give(&azlet, &owner, "nobody", LISTER, None).await;
    let refresh = azlet.refresh_token(HOST, "nobody").await;
    assert_eq!(granted(&azlet, &refresh, "registry:catalog:* repository:a:pull").await, "registry:catalog:*");
    give(&azlet, &owner, "reader", READER, None).await;
    let refresh = azlet.refresh_token(HOST, "reader").await;
    let shown = granted(&azlet, &refresh, "registry:catalog:* repository:any:pull,push").await;
    assert_eq!(shown, "repository:any:pull", "a role without a condition is for the whole registry, names aside");
}

#[tokio::test]
async fn a_condition_that_targets_one_action_leaves_the_others_open() {
    let (azlet, owner) = prepared().await;
    give(&azlet, &owner, "nobody", WRITER, Some(only(&["content/write", "metadata/write"], "StringEquals 'mine'"))).await;
    let refresh = azlet.refresh_token(HOST, "nobody").await;
    let asked = "repository:mine:pull,push repository:yours:pull,push";
    assert_eq!(granted(&azlet, &refresh, asked).await, "repository:mine:pull,push repository:yours:pull");
}

#[tokio::test]
async fn an_import_needs_the_right_on_the_sources_repository() {
    let (azlet, owner) = prepared().await;
    give(&azlet, &owner, "contributor", CONTRIBUTOR, None).await;
    let all = azlet.registry_actor(HOST, "contributor", "repository:team/app:* repository:other:*").await;
    push_image(&all, HOST, "team/app", "v1", "one").await;
    push_image(&all, HOST, "other", "v1", "two").await;
    let target = resource_id("rg", "Microsoft.ContainerRegistry/registries/target");
    let body = json!({ "location": "westus2", "sku": { "name": "Basic" } });
    assert!(owner.put(&arm(&target, "2023-07-01"), &body).await.status() < 300);
    give(&azlet, &owner, "owner", READER, Some(format!("{NAME} StringStartsWith 'team/'"))).await;
    let import = async |image: &str| {
        let body = json!({ "source": { "resourceId": registry(), "sourceImage": image }, "targetTags": [image] });
        let begun = owner.post(&arm(&format!("{target}/importImage"), "2023-07-01"), &body).await;
        let end = owner.follow(&begun).await;
        format!("{image}: {} {}", end.status(), end.text())
    };
    let (good, bad) = (import("team/app:v1").await, import("other:v1").await);
    assert!(!good.contains("denied") && bad.contains("denied"), "{good}\n{bad}");
}
