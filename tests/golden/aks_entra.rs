//! Clusters that are integrated with Entra: whose tokens their API servers take, and what Azure's roles are worth in them. Sources: AKS'
//! documentation of Entra integration and of Azure RBAC for Kubernetes; the actions of its built-in roles; a refusal as users reported it.

use azlet_tests::{Actor, Azlet, arm, resource_id};
use serde_json::{Value, json};

const VERSION: &str = "2026-06-01";
/// The application that AKS' API servers are.
const SERVER: &str = "6dae42f8-4368-4678-94ff-3960e28e3630";
const RBAC_READER: &str = "7f6c6a51-bcf8-42ba-9220-52d62157d7db";
const RBAC_CLUSTER_ADMIN: &str = "b1ff04bb-8a4e-4dc4-8eb5-8693973ce19b";

fn cluster() -> String {
    resource_id("rg", "Microsoft.ContainerService/managedClusters/c")
}

/// Makes a cluster with this profile; the URL of its API server.
async fn create(owner: &Actor, profile: Value) -> String {
    let body = json!({
        "location": "westus2",
        "identity": { "type": "SystemAssigned" },
        "properties": {
            "dnsPrefix": "c",
            "aadProfile": profile,
            "agentPoolProfiles": [{ "name": "np", "mode": "System", "count": 1 }],
        },
    });
    let made = owner.put_and_wait(&arm(&cluster(), VERSION), &body).await;
    assert_eq!(made.status(), 200, "{}", made.golden());
    format!("https://{}", made.json()["properties"]["fqdn"].as_str().expect("a name"))
}

async fn assign(owner: &Actor, scope: &str, role: &str, principal: &str, name: &str) {
    let url = arm(&format!("{scope}/providers/Microsoft.Authorization/roleAssignments/{name}"), "2022-04-01");
    let role = format!("/subscriptions/{}/providers/Microsoft.Authorization/roleDefinitions/{role}", azlet_tests::SUBSCRIPTION);
    let body =
        json!({ "properties": { "roleDefinitionId": role, "principalId": principal, "principalType": "ServicePrincipal" } });
    let made = owner.put(&url, &body).await;
    assert_eq!(made.status(), 201, "{}", made.golden());
}

fn object_id(azlet: &Azlet, name: &str) -> String {
    azlet.world().seed.principal(name).expect("in the seed").object_id.to_string()
}

#[tokio::test]
async fn azure_rbac_decides_at_the_cluster_and_at_its_namespaces() {
    let (azlet, owner) = Azlet::with_group().await;
    let server = create(&owner, json!({ "managed": true, "enableAzureRBAC": true })).await;
    let person = azlet.bearer(azlet.token("owner", SERVER).await);
    let pods = format!("{server}/api/v1/namespaces/default/pods");
    insta::assert_snapshot!("azure_rbac_owner_without_data_role", person.get(&pods).await.golden());
    assign(&owner, &cluster(), RBAC_CLUSTER_ADMIN, &object_id(&azlet, "owner"), "11111111-0000-4000-8000-000000000001").await;
    assert_eq!(person.get(&format!("{server}/api/v1/nodes")).await.status(), 200);

    let reader = azlet.bearer(azlet.token("nobody", SERVER).await);
    let namespace = format!("{}/namespaces/default", cluster());
    assign(&owner, &namespace, RBAC_READER, &object_id(&azlet, "nobody"), "11111111-0000-4000-8000-000000000002").await;
    let pod = json!({ "apiVersion": "v1", "kind": "Pod", "metadata": { "name": "p" }, "spec": { "containers": [{ "name": "c", "image": "nginx" }] } });
    let secrets = format!("{server}/api/v1/namespaces/default/secrets");
    assert_eq!(reader.get(&pods).await.status(), 200, "its namespace");
    assert_eq!(reader.get(&format!("{server}/api/v1/namespaces/kube-system/pods")).await.status(), 403, "another namespace");
    assert_eq!(reader.get(&format!("{server}/api/v1/pods")).await.status(), 403, "all namespaces");
    assert_eq!(reader.post(&pods, &pod).await.status(), 403, "readers do not write");
    assert_eq!(reader.get(&secrets).await.status(), 403, "readers do not read secrets");
    assert_eq!(reader.get(&format!("{server}/apis")).await.status(), 200, "who is somebody may discover");
    let review = json!({
        "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
        "spec": { "resourceAttributes": { "verb": "list", "resource": "pods", "namespace": "default" } },
    });
    let may = reader.post(&format!("{server}/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"), &review).await;
    assert_eq!((may.status(), &may.json()["status"]["allowed"]), (201, &json!(true)));
}

#[tokio::test]
async fn members_of_the_administrators_groups_may_do_everything_and_others_nothing() {
    let (azlet, owner) = Azlet::with_group().await;
    let group = "22222222-0000-4000-8000-000000000001";
    azlet
        .put_principal(
            &json!({ "objectId": group, "type": "Group", "displayName": "admins", "members": [object_id(&azlet, "nobody")] }),
        )
        .await;
    let server = create(&owner, json!({ "managed": true, "adminGroupObjectIDs": [group] })).await;
    let nodes = format!("{server}/api/v1/nodes");
    assert_eq!(azlet.bearer(azlet.token("nobody", SERVER).await).get(&nodes).await.status(), 200);
    let other = azlet.bearer(azlet.token("owner", SERVER).await).get(&nodes).await;
    insta::assert_snapshot!("entra_without_rights", other.golden());
    let of_arm = azlet.bearer(azlet.token("nobody", "https://management.azure.com").await).get(&nodes).await;
    assert_eq!(of_arm.status(), 401, "a token for something else");
}

#[tokio::test]
async fn a_cluster_without_entra_takes_none_of_its_tokens() {
    let (azlet, owner) = Azlet::with_group().await;
    let cluster = azlet.cluster(&owner, 1).await;
    let nodes = format!("{}/api/v1/nodes", cluster.server.trim_end_matches(":443"));
    assert_eq!(azlet.bearer(azlet.token("owner", SERVER).await).get(&nodes).await.status(), 401);
}

#[tokio::test]
async fn a_run_command_acts_in_the_callers_name() {
    let (azlet, owner) = Azlet::with_group().await;
    create(&owner, json!({ "managed": true, "enableAzureRBAC": true })).await;
    let url = arm(&format!("{}/runCommand", cluster()), VERSION);
    let nameless = owner.post(&url, &json!({ "command": "kubectl get pods" })).await;
    insta::assert_snapshot!("run_command_without_token_inferred", nameless.golden());
    let token = azlet.token("owner", SERVER).await;
    let started = owner.post(&url, &json!({ "command": "kubectl get pods", "clusterToken": token })).await;
    let result = owner.get(started.header("location").expect("a place")).await.json();
    assert_eq!(result["properties"]["exitCode"], 1);
    insta::assert_snapshot!("run_command_without_data_role", result["properties"]["logs"].as_str().unwrap_or_default());
}
