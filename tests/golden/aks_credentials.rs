//! Kubeconfigs: whose, in which form, and when they are refused. Sources: AKS' REST reference; its documentation of Entra integration,
//! kubelogin, local accounts and access profiles.

use azlet_tests::{Actor, Azlet, arm, kubeconfig, resource_id};
use serde_json::{Value, json};

const VERSION: &str = "2026-06-01";

fn below(rest: &str) -> String {
    arm(&format!("{}{rest}", resource_id("rg", "Microsoft.ContainerService/managedClusters/c")), VERSION)
}

async fn create(owner: &Actor, more: &Value) {
    let mut properties = json!({ "dnsPrefix": "c", "agentPoolProfiles": [{ "name": "np", "mode": "System", "count": 1 }] });
    for (member, value) in more.as_object().into_iter().flatten() {
        properties[member] = value.clone();
    }
    let body = json!({ "location": "westus2", "identity": { "type": "SystemAssigned" }, "properties": properties });
    let made = owner.put_and_wait(&below(""), &body).await;
    assert_eq!(made.status(), 200, "{}", made.golden());
}

/// A kubeconfig without the certificate.
async fn config(owner: &Actor, rest: &str) -> String {
    let answer = owner.post(&below(rest), &json!({})).await;
    assert_eq!(answer.status(), 200, "{}", answer.golden());
    kubeconfig(&answer).lines().filter(|line| !line.contains("certificate-authority-data")).collect::<Vec<_>>().join("\n")
}

fn entra() -> Value {
    json!({ "aadProfile": { "managed": true, "enableAzureRBAC": false } })
}

#[tokio::test]
async fn a_cluster_of_entra_makes_kubectl_ask_kubelogin() {
    let (_azlet, owner) = Azlet::with_group().await;
    create(&owner, &entra()).await;
    insta::assert_snapshot!("kubeconfig_exec", config(&owner, "/listClusterUserCredential").await);
    insta::assert_snapshot!("kubeconfig_azure", config(&owner, "/listClusterUserCredential?format=azure").await);
    assert!(config(&owner, "/listClusterAdminCredential").await.contains("token: "), "the administrator's stays static");
    let wrong = owner.post(&below("/listClusterUserCredential?format=yaml"), &json!({})).await;
    insta::assert_snapshot!("kubeconfig_bad_format_inferred", wrong.golden());
}

#[tokio::test]
async fn disabled_local_accounts_leave_only_entra() {
    let (_azlet, owner) = Azlet::with_group().await;
    let mut properties = entra();
    properties["disableLocalAccounts"] = json!(true);
    create(&owner, &properties).await;
    assert!(config(&owner, "/listClusterUserCredential").await.contains("kubelogin"));
    let refused = owner.post(&below("/listClusterAdminCredential"), &json!({})).await;
    insta::assert_snapshot!("admin_credential_without_local_accounts", refused.golden());
    let older = owner.get(&below("/accessProfiles/clusterAdmin")).await;
    assert_eq!((older.status(), older.error_code()), (400, "BadRequest".into()));
}

#[tokio::test]
async fn who_reads_metrics_gets_a_credential_without_rights() {
    let (azlet, owner) = Azlet::with_group().await;
    create(&owner, &json!({})).await;
    let text = config(&owner, "/listClusterMonitoringUserCredential").await;
    let member = |name: &str| text.lines().find_map(|line| line.trim().strip_prefix(name)).expect("a member").to_owned();
    let server = member("server: ");
    let nodes = azlet.bearer(member("token: ")).get(&format!("{}/api/v1/nodes", server.trim_end_matches(":443"))).await;
    insta::assert_snapshot!("monitoring_user_is_nobody", nodes.golden());
    assert!(text.contains("clusterMonitoringUser_rg_c"));
}

#[tokio::test]
async fn access_profiles_are_read_by_readers_and_their_credentials_by_who_may_list_them() {
    let (azlet, owner) = Azlet::with_group().await;
    create(&owner, &json!({})).await;
    let got = owner.get(&below("/accessProfiles/clusterUser")).await.json();
    let posted = owner.post(&below("/accessProfiles/clusterUser/listCredential"), &json!({})).await.json();
    assert_eq!(got, posted);
    assert_eq!(got["type"], "Microsoft.ContainerService/ManagedClusters/AccessProfiles");
    assert!(got["properties"]["kubeConfig"].is_string());
    let reader = azlet.actor("reader").await;
    insta::assert_snapshot!(
        "access_profile_of_a_reader_without_kubeconfig_inferred",
        reader.get(&below("/accessProfiles/clusterUser")).await.golden()
    );
    let denied = reader.post(&below("/accessProfiles/clusterUser/listCredential"), &json!({})).await;
    insta::assert_snapshot!("access_profile_denied", denied.golden());
    insta::assert_snapshot!("access_profile_unknown_inferred", owner.get(&below("/accessProfiles/nobody")).await.golden());
}
