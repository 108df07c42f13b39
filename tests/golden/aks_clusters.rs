//! Managed clusters through ARM. Sources: AKS' REST reference, its documentation of identities and of agent pools, and messages
//! that users have reported.

use azlet::kernel::resource_id::ResourceId;
use azlet_tests::{Actor, Answer, Azlet, SUBSCRIPTION, TENANT, arm, kubeconfig, resource_id};
use serde_json::{Value, json};

const VERSION: &str = "2026-06-01";

fn id(name: &str) -> String {
    resource_id("rg", &format!("Microsoft.ContainerService/managedClusters/{name}"))
}

fn url(name: &str) -> String {
    arm(&id(name), VERSION)
}

fn below(name: &str, rest: &str) -> String {
    arm(&format!("{}/{rest}", id(name)), VERSION)
}

fn body() -> Value {
    json!({
        "location": "West US 2",
        "identity": { "type": "SystemAssigned" },
        "sku": { "name": "Base", "tier": "Free" },
        "properties": {
            "kubernetesVersion": "",
            "dnsPrefix": "aks",
            "agentPoolProfiles": [{ "name": "nodepool1", "mode": "System", "count": 2, "vmSize": "", "osType": "Linux" }],
        },
    })
}

/// The body with a member of its properties changed.
fn body_with(member: &str, value: Value) -> Value {
    let mut body = body();
    body["properties"][member] = value;
    body
}

async fn create(owner: &Actor, name: &str) -> Answer {
    let created = owner.put_and_wait(&url(name), &body()).await;
    assert_eq!(created.status(), 200, "{}", created.golden());
    created
}

#[tokio::test]
async fn a_cluster_is_created_with_everything_that_it_brings_along() {
    let (_azlet, owner) = Azlet::with_group().await;
    let started = owner.put(&url("c"), &body()).await;
    insta::assert_snapshot!("cluster_put", started.golden());
    insta::assert_snapshot!("cluster_operation", owner.follow(&started).await.golden());
    let cluster = owner.get(&url("c")).await;
    insta::assert_snapshot!("cluster_get", cluster.golden());
    let kubelet = cluster.json()["properties"]["identityProfile"]["kubeletidentity"]["resourceId"].clone();
    let identity = owner.get(&arm(kubelet.as_str().expect("an id"), "2024-11-30")).await;
    insta::assert_snapshot!("cluster_kubelet_identity", identity.golden());
    let groups = owner.get(&arm(&format!("/subscriptions/{SUBSCRIPTION}/resourcegroups"), "2024-11-01")).await;
    insta::assert_snapshot!("cluster_groups", groups.golden());
}

#[tokio::test]
async fn an_update_keeps_what_it_leaves_out() {
    let (_azlet, owner) = Azlet::with_group().await;
    let first = create(&owner, "c").await.json();
    let mut update = body();
    update["properties"]["agentPoolProfiles"][0]["count"] = json!(4);
    let answer = owner.put(&url("c"), &update).await;
    assert_eq!((answer.status(), &answer.json()["properties"]["provisioningState"]), (200, &json!("Updating")));
    let second = owner.get(&url("c")).await.json();
    for member in ["fqdn", "identityProfile", "nodeResourceGroup", "resourceUID"] {
        assert_eq!(first["properties"][member], second["properties"][member], "{member}");
    }
    assert_eq!(first["identity"], second["identity"]);
    assert_eq!(second["properties"]["agentPoolProfiles"][0]["count"], 4);
}

#[tokio::test]
async fn what_breaks_a_rule_is_refused_in_aks_own_words() {
    let (_azlet, owner) = Azlet::with_group().await;
    let pool = |change: Value| {
        let mut pool = body()["properties"]["agentPoolProfiles"][0].clone();
        pool.as_object_mut().expect("an object").extend(change.as_object().cloned().unwrap_or_default());
        json!([pool])
    };
    for (name, cluster, body) in [
        ("reserved_name", "my-microsoft", body()),
        ("bad_version", "c", body_with("kubernetesVersion", json!("latest"))),
        ("unknown_version", "c", body_with("kubernetesVersion", json!("1.99.0"))),
        ("no_pools", "c", body_with("agentPoolProfiles", json!([]))),
        ("pool_name", "c", body_with("agentPoolProfiles", pool(json!({ "name": "Node-Pool" })))),
        ("no_system_pool", "c", body_with("agentPoolProfiles", pool(json!({ "mode": "User" })))),
        ("pool_ahead_of_cluster", "c", {
            let mut body = body_with("agentPoolProfiles", pool(json!({ "orchestratorVersion": "1.34" })));
            body["properties"]["kubernetesVersion"] = json!("1.33");
            body
        }),
        ("pools_of_wrong_type", "c", body_with("agentPoolProfiles", json!("nodepool1"))),
        ("dns_prefix", "c", body_with("dnsPrefix", json!("a.b"))),
        ("unknown_service_principal", "c", {
            let mut body = body_with("servicePrincipalProfile", json!({ "clientId": "99999999-0000-4000-8000-000000000000" }));
            body.as_object_mut().expect("an object").remove("identity");
            body
        }),
    ] {
        insta::assert_snapshot!(format!("cluster_refused_{name}"), owner.put(&url(cluster), &body).await.golden());
    }
    assert_eq!(owner.get(&url("c")).await.status(), 404, "nothing was made");
}

#[tokio::test]
async fn what_a_cluster_keeps_for_life_cannot_change() {
    let (_azlet, owner) = Azlet::with_group().await;
    create(&owner, "c").await;
    insta::assert_snapshot!(
        "cluster_change_prefix",
        owner.put(&url("c"), &body_with("dnsPrefix", json!("other"))).await.golden()
    );
    let downgrade = owner.put(&url("c"), &body_with("kubernetesVersion", json!("1.32"))).await;
    insta::assert_snapshot!("cluster_downgrade", downgrade.golden());
}

#[tokio::test]
async fn a_kubeconfig_leads_to_the_cluster() {
    let (_azlet, owner) = Azlet::with_group().await;
    create(&owner, "c").await;
    let user = kubeconfig(&owner.post(&below("c", "listClusterUserCredential"), &json!({})).await);
    let admin = kubeconfig(&owner.post(&below("c", "listClusterAdminCredential"), &json!({})).await);
    assert!(user.contains("clusterUser_rg_c") && admin.contains("clusterAdmin_rg_c"), "{user}{admin}");
    owner.put_and_wait(&url("c"), &body_with("disableLocalAccounts", json!(true))).await;
    insta::assert_snapshot!(owner.post(&below("c", "listClusterAdminCredential"), &json!({})).await.golden());
}

#[tokio::test]
async fn a_service_principal_can_be_the_identity_of_a_cluster() {
    let (_azlet, owner) = Azlet::with_group().await;
    let mut body = body_with(
        "servicePrincipalProfile",
        json!({ "clientId": "0a210000-0000-4000-8000-0000000000a3", "secret": "azlet~reader~secret" }),
    );
    body.as_object_mut().expect("an object").remove("identity");
    let cluster = owner.put_and_wait(&url("c"), &body).await.json();
    assert_eq!(cluster["properties"]["servicePrincipalProfile"], json!({ "clientId": "0a210000-0000-4000-8000-0000000000a3" }));
    assert!(cluster.get("identity").is_none() && cluster["properties"].get("identityProfile").is_none(), "{cluster}");
}

#[tokio::test]
async fn an_own_kubelet_identity_needs_the_control_planes_right_to_assign_it() {
    let (azlet, owner) = Azlet::with_group().await;
    let identity = |name: &str| resource_id("rg", &format!("Microsoft.ManagedIdentity/userAssignedIdentities/{name}"));
    for name in ["control", "kubelet"] {
        let made = owner.put(&arm(&identity(name), "2024-11-30"), &json!({ "location": "westus2" })).await;
        assert_eq!(made.status(), 201, "{}", made.golden());
    }
    let control = owner.get(&arm(&identity("control"), "2024-11-30")).await.json();
    let profile = json!({ "kubeletidentity": { "resourceId": identity("kubelet") } });
    let mut body = body_with("identityProfile", profile.clone());
    insta::assert_snapshot!("kubelet_identity_of_a_system_assigned_cluster", owner.put(&url("c"), &body).await.golden());
    body["identity"] = json!({ "type": "UserAssigned", "userAssignedIdentities": { identity("control"): {} } });
    insta::assert_snapshot!("kubelet_identity_without_right", owner.put(&url("c"), &body).await.golden());
    assert!(azlet.world().arm.groups(&ResourceId::of_subscription(SUBSCRIPTION)).len() == 1, "a refusal makes nothing");
    let operator = "f1a07417-d97a-45cb-824c-7a7467783830";
    let assignment = format!("{}/providers/Microsoft.Authorization/roleAssignments/{}", identity("kubelet"), uuid::Uuid::nil());
    let granted = owner
        .put(
            &arm(&assignment, "2022-04-01"),
            &json!({ "properties": {
                "roleDefinitionId": format!("/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/{operator}"),
                "principalId": control["properties"]["principalId"],
            }}),
        )
        .await;
    assert_eq!(granted.status(), 201, "{}", granted.golden());
    let cluster = owner.put_and_wait(&url("c"), &body).await.json();
    let kubelet = owner.get(&arm(&identity("kubelet"), "2024-11-30")).await.json();
    let shown = &cluster["properties"]["identityProfile"]["kubeletidentity"];
    assert_eq!(shown["objectId"], kubelet["properties"]["principalId"]);
    assert_eq!(
        cluster["identity"]["userAssignedIdentities"][identity("control")]["principalId"],
        control["properties"]["principalId"]
    );
}

#[tokio::test]
async fn naming_an_identity_needs_the_right_to_assign_it() {
    let (azlet, owner) = Azlet::with_group().await;
    let identity = resource_id("rg", "Microsoft.ManagedIdentity/userAssignedIdentities/control");
    owner.put(&arm(&identity, "2024-11-30"), &json!({ "location": "westus2" })).await;
    let object_id = "33333333-0000-4000-8000-000000000001";
    let app_id = "33333333-0000-4000-8000-000000000002";
    azlet
        .put_principal(&json!({ "objectId": object_id, "type": "ServicePrincipal", "appId": app_id, "clientSecret": "s" }))
        .await;
    let role = "ed7f3fbd-7b88-4dd4-9017-9adb7ce333f8";
    let assignment =
        format!("/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Authorization/roleAssignments/{}", uuid::Uuid::max());
    let role = format!("/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/{role}");
    let granted = owner
        .put(&arm(&assignment, "2022-04-01"), &json!({ "properties": { "roleDefinitionId": role, "principalId": object_id } }))
        .await;
    assert_eq!(granted.status(), 201, "{}", granted.golden());
    let aks_contributor = azlet.bearer(azlet.token_for(app_id, "s", azlet_tests::ARM).await);
    let mut body = body();
    body["identity"] = json!({ "type": "UserAssigned", "userAssignedIdentities": { identity: {} } });
    insta::assert_snapshot!(aks_contributor.put(&url("c"), &body).await.golden());
}

#[tokio::test]
async fn pools_are_added_scaled_and_taken_away_but_never_the_last_system_pool() {
    let (_azlet, owner) = Azlet::with_group().await;
    create(&owner, "c").await;
    let pool = json!({ "properties": { "count": 1, "mode": "User", "vmSize": "Standard_D2s_v3", "osType": "Linux" } });
    insta::assert_snapshot!("pool_put", owner.put(&below("c", "agentPools/extra"), &pool).await.golden());
    let scaled = json!({ "properties": { "count": 3, "mode": "User" } });
    assert_eq!(owner.put(&below("c", "agentPools/extra"), &scaled).await.status(), 200);
    insta::assert_snapshot!("pool_get", owner.get(&below("c", "agentPools/extra")).await.golden());
    let cluster = owner.get(&url("c")).await.json();
    assert_eq!(cluster["properties"]["agentPoolProfiles"][1]["count"], 3);
    let resized = json!({ "properties": { "vmSize": "Standard_D4s_v3" } });
    insta::assert_snapshot!("pool_resized", owner.put(&below("c", "agentPools/extra"), &resized).await.golden());
    assert_eq!(owner.delete(&below("c", "agentPools/extra")).await.status(), 202);
    assert_eq!(owner.delete(&below("c", "agentPools/extra")).await.status(), 204);
    insta::assert_snapshot!("pool_last_system", owner.delete(&below("c", "agentPools/nodepool1")).await.golden());
    insta::assert_snapshot!("pool_absent", owner.get(&below("c", "agentPools/extra")).await.golden());
}

#[tokio::test]
async fn a_deleted_cluster_takes_along_what_it_brought() {
    let (azlet, owner) = Azlet::with_group().await;
    let cluster = create(&owner, "c").await.json();
    let kubelet = cluster["properties"]["identityProfile"]["kubeletidentity"]["objectId"].clone();
    let host = cluster["properties"]["fqdn"].as_str().expect("a host").to_owned();
    let deleted = owner.delete(&url("c")).await;
    insta::assert_snapshot!("cluster_delete", deleted.golden());
    insta::assert_snapshot!("cluster_gone", owner.get(&url("c")).await.golden());
    assert_eq!(owner.delete(&url("c")).await.status(), 204);
    let world = azlet.world();
    let kubelet = uuid::Uuid::try_parse(kubelet.as_str().expect("an id")).expect("a GUID");
    assert!(world.directory.principal(kubelet).is_none());
    assert!(world.kube.by_host(&host).is_none());
    let groups = owner.get(&arm(&format!("/subscriptions/{SUBSCRIPTION}/resourcegroups"), "2024-11-01")).await;
    assert_eq!(groups.json()["value"].as_array().map(Vec::len), Some(1), "{}", groups.golden());
}

#[tokio::test]
async fn versions_and_upgrades_are_told() {
    let (_azlet, owner) = Azlet::with_group().await;
    let mut old = body_with("kubernetesVersion", json!("1.33.5"));
    old["tags"] = json!({ "a": "b" });
    owner.put_and_wait(&url("c"), &old).await;
    let versions =
        format!("/subscriptions/{SUBSCRIPTION}/providers/Microsoft.ContainerService/locations/westus2/kubernetesVersions");
    insta::assert_snapshot!("kubernetes_versions", owner.get(&arm(&versions, VERSION)).await.golden());
    insta::assert_snapshot!("cluster_upgrades", owner.get(&below("c", "upgradeProfiles/default")).await.golden());
    let upgraded = owner.put_and_wait(&url("c"), &body_with("kubernetesVersion", json!("1.34"))).await.json();
    assert_eq!(upgraded["properties"]["currentKubernetesVersion"], "1.34.2");
    assert_eq!(upgraded["tags"], json!({ "a": "b" }));
    let patched = owner.patch(&url("c"), &json!({ "tags": { "c": "d" } })).await.json();
    assert_eq!(patched["tags"], json!({ "c": "d" }));
}

#[tokio::test]
async fn who_may_not_read_credentials_is_refused() {
    let (azlet, owner) = Azlet::with_group().await;
    create(&owner, "c").await;
    let reader = azlet.actor("reader").await;
    assert_eq!(reader.get(&url("c")).await.status(), 200);
    insta::assert_snapshot!(reader.post(&below("c", "listClusterUserCredential"), &json!({})).await.golden());
    assert!(owner.get(&url("c")).await.golden().contains(TENANT));
}
