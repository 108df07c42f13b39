//! What each single right opens at a registry, with registry permissions and with repository permissions. Sources: Container
//! Registry's documentation of roles and permissions, and its published list of operations. Inferred: that pulling shows metadata
//! and names too, that a push needs to pull as well (it is what a challenge asks for), and that `metadata/delete` opens nothing of its
//! own. azlet has no signing: what is for that alone signs nobody in.

use azlet::acr::store::Settings;
use azlet_tests::registry::{HOST, push_image};
use azlet_tests::{Actor, Azlet, SUBSCRIPTION, arm, resource_id};
use reqwest::Method;
use serde_json::{Value, json};

const ROLES: &str = "2022-04-01";
const ROLE: &str = "33333333-0000-4000-8000-000000000001";
const EVERYTHING: &str = "repository:a:pull,push,delete,metadata_read,metadata_write,deleted_read,deleted_restore \
                          repository:none:delete registry:catalog:* registry:deleted_catalog:*";
const ABSENT: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// A registry with the image `a:v1`.
async fn prepared(abac: bool) -> (Azlet, Actor) {
    let azlet = Azlet::start().await;
    let registry = azlet.registry("Reg", Settings::default());
    push_image(&azlet.registry_actor(HOST, "owner", "repository:a:pull,push").await, HOST, "a", "v1", "hello").await;
    registry.settings.write().abac = abac;
    let owner = azlet.owner().await;
    (azlet, owner)
}

/// What there is to do, each at something whose absence is told only to who may do it.
fn operations() -> Vec<(&'static str, Method, String)> {
    vec![
        ("pull", Method::GET, "/v2/a/manifests/v1".into()),
        ("look", Method::HEAD, "/v2/a/manifests/v1".into()),
        ("referrers", Method::GET, format!("/v2/a/referrers/{ABSENT}")),
        ("push", Method::POST, "/v2/a/blobs/uploads/".into()),
        ("delete a manifest", Method::DELETE, format!("/v2/a/manifests/{ABSENT}")),
        ("delete a tag", Method::DELETE, "/acr/v1/a/_tags/none".into()),
        ("delete a repository", Method::DELETE, "/acr/v1/none".into()),
        ("list tags", Method::GET, "/v2/a/tags/list".into()),
        ("describe", Method::GET, "/acr/v1/a/_tags/v1".into()),
        ("list manifests", Method::GET, "/acr/v1/a/_manifests".into()),
        ("lock", Method::PATCH, "/acr/v1/a".into()),
        ("catalog", Method::GET, "/v2/_catalog".into()),
    ]
}

/// What a principal's token says, and what it opens.
async fn outcome(azlet: &Azlet, principal: &str) -> String {
    let exchanged = azlet.exchange(HOST, principal).await;
    let Some(refresh) = exchanged.json()["refresh_token"].as_str().map(str::to_owned) else {
        return format!("{} at the exchange", exchanged.status());
    };
    let token = azlet.access_token(HOST, &refresh, EVERYTHING).await;
    let token = token.json()["access_token"].as_str().expect("an access token").to_owned();
    let claims = azlet.world().signing_key.verify(&token).expect("ours");
    let access: Vec<String> = claims["access"].as_array().expect("a list").iter().map(entry).collect();
    let actor = azlet.bearer(token);
    let mut open: Vec<String> = Vec::new();
    for (what, method, path) in operations() {
        let mut request = actor.request(method.clone(), &format!("https://{HOST}{path}"));
        if method == Method::PATCH {
            request = request.json(&json!({ "listEnabled": true }));
        }
        let answer = actor.send(request).await;
        match answer.status() {
            401 => {}
            200 | 202 | 404 => open.push(what.to_owned()),
            other => open.push(format!("{what} ({other})")),
        }
    }
    format!("{}\n        opens: {}", access.join(" "), open.join(", "))
}

fn entry(claim: &Value) -> String {
    let actions: Vec<&str> = claim["Actions"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    format!("{}:{}:{}", claim["Type"].as_str().expect("a type"), claim["Name"].as_str().expect("a name"), actions.join(","))
}

/// Makes the principal without rights one that holds these alone.
async fn hold(azlet: &Azlet, owner: &Actor, actions: &[&str], data_actions: &[&str]) {
    let scope = format!("/subscriptions/{SUBSCRIPTION}");
    let full =
        |list: &[&str]| -> Vec<String> { list.iter().map(|it| format!("Microsoft.ContainerRegistry/registries/{it}")).collect() };
    let role = json!({ "properties": {
        "roleName": "Only this", "type": "CustomRole", "assignableScopes": [scope],
        "permissions": [{ "actions": full(actions), "dataActions": full(data_actions) }],
    } });
    let id = format!("{scope}/providers/Microsoft.Authorization/roleDefinitions/{ROLE}");
    let made = owner.put(&arm(&id, ROLES), &role).await;
    assert!(made.status() < 300, "{}", made.golden());
    let at = format!("{scope}/providers/Microsoft.Authorization/roleAssignments/{ROLE}");
    let given = json!({ "properties": {
        "roleDefinitionId": id, "principalId": azlet.object_id("nobody"), "principalType": "ServicePrincipal",
    } });
    let given = owner.put(&arm(&at, ROLES), &given).await;
    assert!(given.status() < 300, "{}", given.golden());
}

#[tokio::test]
async fn each_action_alone_opens_its_own_operations() {
    let (azlet, owner) = prepared(false).await;
    let mut lines = Vec::new();
    for action in [
        "pull/read",
        "push/write",
        "artifacts/delete",
        "metadata/read",
        "metadata/write",
        "deleted/read",
        "deleted/restore/action",
        "quarantine/read",
        "quarantine/write",
        "sign/write",
        "read",
    ] {
        hold(&azlet, &owner, &[action], &[]).await;
        lines.push(format!("{action}\n    {}", outcome(&azlet, "nobody").await));
    }
    hold(&azlet, &owner, &["pull/read", "push/write"], &[]).await;
    lines.push(format!("pull/read and push/write\n    {}", outcome(&azlet, "nobody").await));
    for action in ["repositories/content/read", "catalog/read", "quarantinedArtifacts/read", "trustedCollections/write"] {
        hold(&azlet, &owner, &[], &[action]).await;
        lines.push(format!("data action {action}\n    {}", outcome(&azlet, "nobody").await));
    }
    insta::assert_snapshot!("actions_alone", lines.join("\n"));
}

#[tokio::test]
async fn each_data_action_alone_opens_its_own_operations_in_repositories() {
    let (azlet, owner) = prepared(true).await;
    let mut lines = Vec::new();
    for action in [
        "repositories/content/read",
        "repositories/content/write",
        "repositories/content/delete",
        "repositories/metadata/read",
        "repositories/metadata/write",
        "repositories/metadata/delete",
        "catalog/read",
        "quarantinedArtifacts/read",
        "trustedCollections/write",
    ] {
        hold(&azlet, &owner, &[], &[action]).await;
        lines.push(format!("data action {action}\n    {}", outcome(&azlet, "nobody").await));
    }
    hold(&azlet, &owner, &[], &["repositories/content/read", "repositories/content/write"]).await;
    lines.push(format!("content/read and content/write\n    {}", outcome(&azlet, "nobody").await));
    for action in ["pull/read", "push/write", "artifacts/delete", "metadata/read", "deleted/read"] {
        hold(&azlet, &owner, &[action], &[]).await;
        lines.push(format!("action {action}\n    {}", outcome(&azlet, "nobody").await));
    }
    insta::assert_snapshot!("data_actions_alone", lines.join("\n"));
}

#[tokio::test]
async fn with_repository_permissions_only_the_roles_for_repositories_open_them() {
    let (azlet, _) = prepared(true).await;
    let registry = resource_id("rg", "Microsoft.ContainerRegistry/registries/Reg");
    let mut lines = Vec::new();
    for role in [
        "Owner",
        "Contributor",
        "Reader",
        "AcrPull",
        "AcrPush",
        "AcrDelete",
        "AcrImageSigner",
        "Container Registry Repository Reader",
        "Container Registry Repository Writer",
        "Container Registry Repository Contributor",
        "Container Registry Repository Catalog Lister",
    ] {
        let name = azlet.assign("nobody", role, &registry);
        lines.push(format!("{role}\n    {}", outcome(&azlet, "nobody").await));
        azlet.world().access.remove_assignment(name);
    }
    insta::assert_snapshot!("roles_in_repositories", lines.join("\n"));
}
