//! What is done to clusters as a whole: stop and start, abort, new certificates and credentials, new node images, and that only one
//! of them runs at a time. Sources: AKS' REST reference and documentation; messages that users have reported. Refusals whose text or
//! status is inferred say so beside their snapshot's name.

use azlet_tests::{Actor, Answer, Azlet, arm, kubeconfig, resource_id};
use serde_json::{Value, json};

const VERSION: &str = "2026-06-01";

fn below(rest: &str) -> String {
    arm(&format!("{}{rest}", resource_id("rg", "Microsoft.ContainerService/managedClusters/c")), VERSION)
}

fn update() -> Value {
    json!({
        "location": "westus2",
        "properties": { "dnsPrefix": "c", "agentPoolProfiles": [{ "name": "np", "mode": "System", "count": 2 }] },
    })
}

async fn act(actor: &Actor, rest: &str) -> Answer {
    actor.post(&below(rest), &json!({})).await
}

/// State, power, and the same of the first pool.
async fn state(actor: &Actor) -> [String; 4] {
    let body = actor.get(&below("")).await.json();
    let properties = &body["properties"];
    let pool = &properties["agentPoolProfiles"][0];
    [&properties["provisioningState"], &properties["powerState"]["code"], &pool["provisioningState"], &pool["powerState"]["code"]]
        .map(|text| text.as_str().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn a_stopped_cluster_has_no_api_server_and_no_nodes_until_it_is_started() {
    let (azlet, owner) = Azlet::with_group().await;
    let cluster = azlet.cluster(&owner, 2).await;
    azlet.operations(&json!({ "times": { "Microsoft.ContainerService/managedClusters/stop/action": "1m" } })).await;
    let nodes = format!("{}/api/v1/nodes", cluster.server.trim_end_matches(":443"));
    let stopping = act(&owner, "/stop").await;
    insta::assert_snapshot!("stop", stopping.golden());
    assert_eq!(state(&owner).await, ["Stopping", "Running", "Stopping", "Running"]);
    azlet.advance("1m").await;
    assert_eq!(owner.follow(&stopping).await.json()["status"], "Succeeded");
    assert_eq!(state(&owner).await, ["Succeeded", "Stopped", "Succeeded", "Stopped"]);
    let unreachable = azlet.client().get(&nodes).send().await;
    assert!(unreachable.is_err(), "the name of a stopped cluster's API server leads nowhere");

    insta::assert_snapshot!("stop_twice_status_inferred", act(&owner, "/stop").await.golden());
    insta::assert_snapshot!("update_while_stopped", owner.put(&below(""), &update()).await.golden());
    let started = act(&owner, "/start").await;
    assert_eq!(owner.follow(&started).await.json()["status"], "Succeeded");
    assert_eq!(state(&owner).await, ["Succeeded", "Running", "Succeeded", "Running"]);
    assert_eq!(cluster.user.get(&nodes).await.json()["items"].as_array().map(Vec::len), Some(2), "its nodes are back");
    insta::assert_snapshot!("start_while_running_inferred", act(&owner, "/start").await.golden());
}

#[tokio::test]
async fn one_operation_runs_at_a_time() {
    let (azlet, owner) = Azlet::with_group().await;
    azlet.cluster(&owner, 1).await;
    azlet.operations(&json!({ "times": { "Microsoft.ContainerService/*": "1m" } })).await;
    let pool = json!({ "properties": { "count": 1, "mode": "User" } });
    assert_eq!(owner.put(&below("/agentPools/np2"), &pool).await.status(), 201);
    assert_eq!(state(&owner).await, ["Updating", "Running", "Succeeded", "Running"], "the other pool is left alone");
    insta::assert_snapshot!("busy_with_a_pool", owner.put(&below(""), &update()).await.golden());
    azlet.advance("1m").await;
    assert_eq!(owner.put(&below(""), &update()).await.status(), 200);
    insta::assert_snapshot!("busy_with_the_cluster", owner.put(&below("/agentPools/np2"), &pool).await.golden());
    assert_eq!(act(&owner, "/stop").await.error_code(), "OperationNotAllowed");
    assert_eq!(owner.patch(&below(""), &json!({ "tags": { "a": "b" } })).await.status(), 200, "tags are no operation");
    assert_eq!(owner.delete(&below("")).await.status(), 202, "a deletion goes before everything else");
}

#[tokio::test]
async fn an_operation_can_be_aborted_while_it_runs() {
    let (azlet, owner) = Azlet::with_group().await;
    azlet.cluster(&owner, 1).await;
    insta::assert_snapshot!("nothing_to_abort_inferred", act(&owner, "/abort").await.golden());
    azlet
        .operations(&json!({ "times": {
        "Microsoft.ContainerService/managedClusters/write": "5m",
        "Microsoft.ContainerService/managedClusters/agentPools/write": "5m",
        "Microsoft.ContainerService/managedClusters/abort/action": "10s",
    } }))
        .await;
    let updating = owner.put(&below(""), &update()).await;
    let aborting = act(&owner, "/abort").await;
    assert_eq!((aborting.status(), state(&owner).await[0].as_str()), (202, "Canceling"));
    let aborted = owner.get(updating.header("azure-asyncoperation").expect("a URL")).await;
    insta::assert_snapshot!("operation_aborted", aborted.golden());
    azlet.advance("10s").await;
    assert_eq!(owner.follow(&aborting).await.json()["status"], "Succeeded");
    assert_eq!(state(&owner).await[0], "Canceled");

    let pool = json!({ "properties": { "count": 1, "mode": "User" } });
    owner.put(&below("/agentPools/np2"), &pool).await;
    let aborting = act(&owner, "/agentPools/np2/abort").await;
    assert_eq!(owner.follow(&aborting).await.json()["status"], "Succeeded");
    assert_eq!(act(&owner, "/agentPools/none/abort").await.status(), 404);
}

#[tokio::test]
async fn new_certificates_make_every_old_kubeconfig_useless() {
    let (azlet, owner) = Azlet::with_group().await;
    let cluster = azlet.cluster(&owner, 1).await;
    let nodes = format!("{}/api/v1/nodes", cluster.server.trim_end_matches(":443"));
    assert_eq!(cluster.user.get(&nodes).await.status(), 200);
    let rotating = act(&owner, "/rotateClusterCertificates").await;
    assert_eq!((rotating.status(), owner.follow(&rotating).await.json()["status"].clone()), (202, json!("Succeeded")));
    assert_eq!(cluster.user.get(&nodes).await.status(), 401);
    let fresh = kubeconfig(&act(&owner, "/listClusterUserCredential").await);
    let token = fresh.lines().find_map(|line| line.trim().strip_prefix("token: ")).expect("a token");
    assert_eq!(azlet.bearer(token).get(&nodes).await.status(), 200);
    assert_eq!(act(&owner, "/rotateServiceAccountSigningKeys").await.status(), 202);
}

#[tokio::test]
async fn credentials_are_reset_only_where_a_cluster_has_them() {
    let (azlet, owner) = Azlet::with_group().await;
    azlet.cluster(&owner, 1).await;
    let reset = |kind: &str, body: Value| {
        let (owner, url) = (owner.clone(), below(kind));
        async move { owner.post(&url, &body).await }
    };
    let refused = reset("/resetServicePrincipalProfile", json!({ "clientId": "x" })).await;
    insta::assert_snapshot!("reset_service_principal_of_managed_identity_inferred", refused.golden());
    insta::assert_snapshot!("reset_aad_without_aad_inferred", reset("/resetAADProfile", json!({})).await.golden());

    let world = azlet.world();
    let app = |name: &str| world.seed.principal(name).and_then(|principal| principal.app_id).expect("an application").to_string();
    let own = arm(&resource_id("rg", "Microsoft.ContainerService/managedClusters/sp"), VERSION);
    let mut body = update();
    body["properties"]["servicePrincipalProfile"] =
        json!({ "clientId": app("contributor"), "secret": "azlet~contributor~secret" });
    assert_eq!(owner.put_and_wait(&own, &body).await.status(), 200);
    let url = own.replace("/sp?", "/sp/resetServicePrincipalProfile?");
    let unknown = owner.post(&url, &json!({ "clientId": "11111111-0000-4000-8000-000000000001" })).await;
    insta::assert_snapshot!("reset_service_principal_unknown", unknown.golden());
    let wrong = owner.post(&url, &json!({ "clientId": app("reader"), "secret": "azlet~contributor~secret" })).await;
    insta::assert_snapshot!("reset_service_principal_wrong_secret", wrong.golden());
    let resetting = owner.post(&url, &json!({ "clientId": app("reader"), "secret": "azlet~reader~secret" })).await;
    assert_eq!(owner.follow(&resetting).await.json()["status"], "Succeeded");
    let profile = owner.get(&own).await.json()["properties"]["servicePrincipalProfile"].clone();
    assert_eq!(profile, json!({ "clientId": app("reader") }));
}

#[tokio::test]
async fn a_pools_node_image_is_upgraded_and_what_was_done_is_told() {
    let (azlet, owner) = Azlet::with_group().await;
    azlet.cluster(&owner, 1).await;
    let upgrading = act(&owner, "/agentPools/np/upgradeNodeImageVersion").await;
    assert_eq!(upgrading.json()["properties"]["provisioningState"], "UpgradingNodeImageVersion");
    assert_eq!((upgrading.status(), owner.follow(&upgrading).await.json()["status"].clone()), (202, json!("Succeeded")));
    assert_eq!(act(&owner, "/agentPools/none/upgradeNodeImageVersion").await.status(), 404);
    insta::assert_snapshot!("operation_of_a_pool", owner.get(&below("/agentPools/np/operations/latest")).await.golden());
    let latest = owner.get(&below("/operations/latest")).await;
    insta::assert_snapshot!("operation_latest", latest.golden());
    let name = latest.json()["name"].as_str().expect("a name").to_owned();
    assert_eq!(owner.get(&below(&format!("/operations/{name}"))).await.json(), latest.json());
    insta::assert_snapshot!("operation_unknown_inferred", owner.get(&below("/operations/none")).await.golden());
}

#[tokio::test]
async fn a_lock_on_the_node_resource_group_makes_operations_fail() {
    let (azlet, owner) = Azlet::with_group().await;
    azlet.cluster(&owner, 1).await;
    let group = format!("/subscriptions/{}/resourceGroups/MC_rg_c_westus2", azlet_tests::SUBSCRIPTION);
    let lock = arm(&format!("{group}/providers/Microsoft.Authorization/locks/keep"), "2016-09-01");
    let locked = owner.put(&lock, &json!({ "properties": { "level": "CanNotDelete" } })).await;
    assert_eq!(locked.status(), 201, "{}", locked.golden());
    let deleting = owner.delete(&below("")).await;
    insta::assert_snapshot!(
        "delete_with_locked_node_group_code_inferred",
        owner.get(deleting.header("azure-asyncoperation").expect("a URL")).await.golden()
    );
    assert_eq!(state(&owner).await[0], "Failed");
    assert_eq!(owner.delete(&lock).await.status(), 200);
    let deleting = owner.delete(&below("")).await;
    assert_eq!(owner.follow(&deleting).await.json()["status"], "Succeeded");
    assert_eq!(owner.get(&below("")).await.status(), 404);
}

#[tokio::test]
async fn the_provider_tells_its_operations() {
    let azlet = Azlet::start().await;
    let url = arm("/providers/Microsoft.ContainerService/operations", VERSION);
    let listed = azlet.actor("nobody").await.get(&url).await.json();
    let names: Vec<&str> = listed["value"].as_array().into_iter().flatten().filter_map(|each| each["name"].as_str()).collect();
    for name in [
        "managedClusters/write",
        "managedClusters/start/action",
        "managedClusters/accessProfiles/listCredential/action",
        "snapshots/delete",
    ] {
        assert!(names.contains(&format!("Microsoft.ContainerService/{name}").as_str()), "{name}");
    }
}
