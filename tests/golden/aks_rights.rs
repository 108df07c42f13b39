//! Which action each request for AKS and for managed identities is checked with, and which actions on other resources it needs beside
//! its own (linked access). Sources: the providers' published operations; their documentation of linked actions; the text of the refusal as
//! users have reported it. Rows whose name ends in `(inferred)` have an inferred action.

use azlet_tests::aks::{VERSION, below, body, id, url};
use azlet_tests::{Actor, Answer, Azlet, SUBSCRIPTION, arm, my_registry, resource_id};
use serde_json::{Value, json};

/// The action and, behind it, the scope that a refusal names; all of it if it is none.
fn action(answer: &Answer) -> String {
    let body = answer.json();
    let message = body["error"]["message"].as_str().unwrap_or_default();
    let between = |start: &str| message.split_once(start)?.1.split_once('\'').map(|(inside, _)| inside.to_owned());
    match (answer.status(), between("perform action '"), between("over scope '")) {
        (403, Some(action), Some(scope)) => {
            format!("{action} at …{}", scope.replacen(&format!("/subscriptions/{SUBSCRIPTION}"), "", 1))
        }
        _ => answer.golden(),
    }
}

async fn ask(actor: &Actor, method: &str, url: &str) -> Answer {
    let empty = json!({});
    match method {
        "GET" => actor.get(url).await,
        "PUT" => actor.put(url, &empty).await,
        "PATCH" => actor.patch(url, &empty).await,
        "POST" => actor.post(url, &empty).await,
        _ => actor.delete(url).await,
    }
}

#[tokio::test]
async fn each_request_for_aks_is_checked_with_its_own_action() {
    let azlet = Azlet::start().await;
    let nobody = azlet.actor("nobody").await;
    let region =
        |rest: &str| format!("/subscriptions/{SUBSCRIPTION}/providers/Microsoft.ContainerService/locations/westus2/{rest}");
    let cluster = id("c");
    let mut rows: Vec<(String, String)> = vec![
        ("GET".into(), format!("/subscriptions/{SUBSCRIPTION}/providers/Microsoft.ContainerService/managedClusters")),
        ("GET".into(), resource_id("rg", "Microsoft.ContainerService/managedClusters")),
    ];
    for method in ["GET", "PUT", "PATCH", "DELETE"] {
        rows.push((method.into(), cluster.clone()));
    }
    for (method, rest) in [
        ("POST", "listClusterUserCredential"),
        ("POST", "listClusterAdminCredential"),
        ("POST", "listClusterMonitoringUserCredential"),
        ("GET", "accessProfiles/clusterUser"),
        ("POST", "accessProfiles/clusterUser/listCredential"),
        ("POST", "runCommand"),
        ("GET", "commandResults/x"),
        ("POST", "start"),
        ("POST", "stop"),
        ("POST", "abort"),
        ("POST", "rotateClusterCertificates"),
        ("POST", "rotateServiceAccountSigningKeys"),
        ("POST", "resetAADProfile"),
        ("POST", "resetServicePrincipalProfile"),
        ("POST", "resolvePrivateLinkServiceId"),
        ("GET", "agentPools"),
        ("GET", "agentPools/np"),
        ("PUT", "agentPools/np"),
        ("DELETE", "agentPools/np"),
        ("POST", "agentPools/np/upgradeNodeImageVersion"),
        ("POST", "agentPools/np/abort"),
        ("POST", "agentPools/np/deleteMachines"),
        ("GET", "agentPools/np/upgradeProfiles/default"),
        ("GET", "agentPools/np/machines"),
        ("GET", "upgradeProfiles/default"),
        ("GET", "availableAgentPoolVersions"),
        ("GET", "maintenanceConfigurations"),
        ("GET", "maintenanceConfigurations/default"),
        ("PUT", "maintenanceConfigurations/default"),
        ("DELETE", "maintenanceConfigurations/default"),
        ("GET", "privateLinkResources"),
        ("GET", "privateEndpointConnections"),
        ("PUT", "privateEndpointConnections/x"),
        ("DELETE", "privateEndpointConnections/x"),
        ("GET", "trustedAccessRoleBindings"),
        ("PUT", "trustedAccessRoleBindings/x"),
        ("DELETE", "trustedAccessRoleBindings/x"),
        ("GET", "detectors"),
    ] {
        rows.push((method.into(), format!("{cluster}/{rest}")));
    }
    for rest in ["operations/x", "operationresults/x", "kubernetesVersions", "osOptions/default", "usages"] {
        rows.push(("GET".into(), region(rest)));
    }
    for kind in ["snapshots", "managedclustersnapshots"] {
        for method in ["GET", "PUT", "DELETE"] {
            rows.push((method.into(), resource_id("rg", &format!("Microsoft.ContainerService/{kind}/s"))));
        }
    }
    let mut lines = String::new();
    for (method, path) in rows {
        let preview = ["snapshots/s", "osOptions", "usages"].iter().any(|word| path.contains(word));
        let version = if preview { "2026-01-02-preview" } else { VERSION };
        lines.push_str(&format!("{method} {}\n", action(&ask(&nobody, &method, &arm(&path, version)).await)));
    }
    insta::assert_snapshot!(lines);
}

#[tokio::test]
async fn each_request_for_identities_and_groups_is_checked_with_its_own_action() {
    let azlet = Azlet::start().await;
    let nobody = azlet.actor("nobody").await;
    let identity = resource_id("rg", "Microsoft.ManagedIdentity/userAssignedIdentities/one");
    let group = format!("/subscriptions/{SUBSCRIPTION}/resourceGroups/rg");
    let mut lines = String::new();
    for (method, path, version) in [
        ("GET", identity.clone(), "2023-01-31"),
        ("PUT", identity.clone(), "2023-01-31"),
        ("PATCH", identity.clone(), "2023-01-31"),
        ("DELETE", identity.clone(), "2023-01-31"),
        ("POST", format!("{identity}/listAssociatedResources"), "2022-01-31-preview"),
        ("GET", format!("{identity}/federatedIdentityCredentials/one"), "2023-01-31"),
        ("PUT", format!("{identity}/federatedIdentityCredentials/one"), "2023-01-31"),
        ("DELETE", format!("{identity}/federatedIdentityCredentials/one"), "2023-01-31"),
        ("GET", format!("{}/providers/Microsoft.ManagedIdentity/identities/default", id("c")), "2023-01-31"),
        ("GET", group.clone(), "2024-11-01"),
        ("PUT", group.clone(), "2024-11-01"),
        ("DELETE", group.clone(), "2024-11-01"),
        ("GET", format!("{group}/resources"), "2024-11-01"),
        ("POST", format!("{group}/moveResources"), "2024-11-01"),
        ("POST", format!("{group}/validateMoveResources"), "2024-11-01"),
    ] {
        lines.push_str(&format!("{method} {}\n", action(&ask(&nobody, method, &arm(&path, version)).await)));
    }
    insta::assert_snapshot!(lines);
}

#[tokio::test]
async fn an_aks_contributor_writes_clusters_but_neither_deletes_them_nor_reads_credentials() {
    let (azlet, owner) = Azlet::with_group().await;
    azlet.assign("nobody", "Azure Kubernetes Service Contributor Role", &format!("/subscriptions/{SUBSCRIPTION}"));
    let contributor = azlet.actor("nobody").await;
    assert_eq!(contributor.put(&url("c"), &body(&json!({}))).await.status(), 201);
    assert_eq!(contributor.get(&url("c")).await.status(), 200);
    let mut lines = String::new();
    for (method, url) in [
        ("DELETE", url("c")),
        ("POST", below("c", "listClusterUserCredential")),
        ("POST", below("c", "listClusterAdminCredential")),
        ("POST", below("c", "stop")),
        ("PUT", below("c", "agentPools/np")),
    ] {
        lines.push_str(&format!("{method} {}\n", action(&ask(&contributor, method, &url).await)));
    }
    insta::assert_snapshot!("aks_contributor", lines);
    // Who administers a cluster reads its credentials and runs commands in it, but cannot change it.
    azlet.assign("nobody", "Azure Kubernetes Service Cluster Admin Role", &id("c"));
    let administrator = azlet.actor("nobody").await;
    for rest in ["listClusterAdminCredential", "accessProfiles/clusterAdmin/listCredential"] {
        assert_eq!(administrator.post(&below("c", rest), &json!({})).await.status(), 200, "{rest}");
    }
    assert_eq!(administrator.post(&below("c", "runCommand"), &json!({ "command": "kubectl get nodes" })).await.status(), 202);
    assert_eq!(administrator.post(&below("c", "listClusterUserCredential"), &json!({})).await.status(), 403, "another role's");
    assert_eq!(administrator.delete(&url("c")).await.status(), 403);
    assert_eq!(owner.delete(&url("c")).await.status(), 202);
}

fn identity(name: &str) -> String {
    resource_id("rg", &format!("Microsoft.ManagedIdentity/userAssignedIdentities/{name}"))
}

/// The refusal without what names the caller.
fn refusal(answer: &Answer) -> String {
    let body = answer.json();
    let message = body["error"]["message"].as_str().unwrap_or_default();
    let message = message.split_once("has permission").map_or(message, |(_, behind)| behind);
    format!("{} {}: … has permission{message}", answer.status(), answer.error_code())
}

#[tokio::test]
async fn naming_another_resource_needs_a_right_there_too() {
    let (azlet, owner) = Azlet::with_group().await;
    for name in ["control", "kubelet"] {
        let made = owner.put(&arm(&identity(name), "2023-01-31"), &json!({ "location": "westus2" })).await;
        assert_eq!(made.status(), 201, "{}", made.golden());
    }
    let network = resource_id("rg", "Microsoft.Network/virtualNetworks/net");
    let subnets = json!([
        { "name": "a", "properties": { "addressPrefix": "10.1.0.0/24" } },
        { "name": "b", "properties": { "addressPrefix": "10.1.1.0/24" } },
    ]);
    let made = json!({ "location": "westus2", "properties": { "addressSpace": { "addressPrefixes": ["10.1.0.0/16"] }, "subnets": subnets } });
    assert!(owner.put(&arm(&network, "2024-05-01"), &made).await.status() < 300);

    let group = format!("/subscriptions/{SUBSCRIPTION}/resourceGroups/rg");
    let (read, write) = (
        "Azure Kubernetes Service Contributor Role",
        "Container Registry Contributor and Data Access Configuration Administrator",
    );
    azlet.assign("nobody", read, &group);
    azlet.assign("nobody", write, &group);
    let caller = azlet.actor("nobody").await;
    let carrying = |mut body: Value, names: &[&str]| {
        let identities: serde_json::Map<String, Value> = names.iter().map(|name| (identity(name), json!({}))).collect();
        body["identity"] = json!({ "type": "UserAssigned", "userAssignedIdentities": identities });
        body
    };
    let pools = json!([
        { "name": "np", "mode": "System", "count": 1, "vnetSubnetID": format!("{network}/subnets/a") },
        { "name": "np2", "mode": "User", "count": 1, "vnetSubnetID": format!("{network}/subnets/b") },
    ]);
    let in_network = json!({ "networkProfile": { "networkPlugin": "azure", "serviceCidr": "172.16.0.0/16", "dnsServiceIP": "172.16.0.10" }, "agentPoolProfiles": pools });
    let registry = json!({ "location": "westus2", "sku": { "name": "Premium" }, "properties": {} });
    let registry_url = arm(&resource_id("rg", "Microsoft.ContainerRegistry/registries/carrier"), "2023-07-01");
    let own_kubelet = json!({ "identityProfile": { "kubeletidentity": { "resourceId": identity("kubelet") } } });
    let mut lines = String::new();
    let mut say = |rule: &str, answer: &Answer| lines.push_str(&format!("{rule}\n    {}\n", refusal(answer)));
    say("a cluster with an identity", &caller.put(&url("c"), &carrying(body(&json!({})), &["control"])).await);
    say("a cluster with two identities", &caller.put(&url("c"), &carrying(body(&json!({})), &["control", "kubelet"])).await);
    say("a cluster with an identity that is not there", &caller.put(&url("c"), &carrying(body(&json!({})), &["absent"])).await);
    say("a registry with an identity", &caller.put(&registry_url, &carrying(registry, &["control"])).await);
    say("a cluster in two subnets", &caller.put(&url("c"), &body(&in_network)).await);
    azlet.assign("nobody", "Managed Identity Operator", &identity("control"));
    say(
        "of two identities only the refused one is named (inferred)",
        &caller.put(&url("c"), &carrying(body(&json!({})), &["control", "kubelet"])).await,
    );
    say("an own kubelet identity", &caller.put(&url("c"), &carrying(body(&own_kubelet), &["control"])).await);
    assert_eq!(caller.put(&url("c"), &carrying(body(&json!({})), &["control"])).await.status(), 201);

    // Pools are not in that role: with them the subnet is asked about.
    azlet.assign("nobody", "Contributor", &id("c"));
    let caller = azlet.actor("nobody").await;
    let pool = json!({ "properties": { "count": 1, "mode": "User", "vnetSubnetID": format!("{network}/subnets/b") } });
    say("a pool in a subnet", &caller.put(&below("c", "agentPools/np2"), &pool).await);
    insta::assert_snapshot!("linked_access", lines);
    // What a cluster has already is not asked about again.
    let same =
        carrying(body(&json!({ "agentPoolProfiles": [{ "name": "nodepool1", "mode": "System", "count": 3 }] })), &["control"]);
    assert_eq!(caller.put(&url("c"), &same).await.status(), 200);
}

#[tokio::test]
async fn attaching_a_registry_needs_no_more_than_the_right_to_assign_there() {
    let (azlet, _owner) = Azlet::with_registry().await;
    azlet.assign("nobody", "User Access Administrator", &my_registry());
    let nobody = azlet.actor("nobody").await;
    let pull = "7f951dda-4ed3-4680-a7ca-43fe172d538d";
    let assignment = format!("{}/providers/Microsoft.Authorization/roleAssignments/{}", my_registry(), uuid::Uuid::max());
    let body = json!({ "properties": {
        "roleDefinitionId": format!("/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/{pull}"),
        "principalId": azlet.object_id("reader"),
        "principalType": "ServicePrincipal",
    }});
    let made = nobody.put(&arm(&assignment, "2022-04-01"), &body).await;
    assert_eq!(made.status(), 201, "{}", made.golden());
}

#[tokio::test]
async fn moving_resources_needs_the_right_to_write_the_group_they_move_to() {
    let (azlet, owner) = Azlet::with_group().await;
    let target = format!("/subscriptions/{SUBSCRIPTION}/resourceGroups/other");
    assert_eq!(owner.put(&arm(&target, "2024-11-01"), &json!({ "location": "westus2" })).await.status(), 201);
    owner.put(&arm(&identity("one"), "2023-01-31"), &json!({ "location": "westus2" })).await;
    azlet.assign("nobody", "Contributor", &format!("/subscriptions/{SUBSCRIPTION}/resourceGroups/rg"));
    let nobody = azlet.actor("nobody").await;
    let url = arm(&format!("/subscriptions/{SUBSCRIPTION}/resourceGroups/rg/moveResources"), "2024-11-01");
    let moved = nobody.post(&url, &json!({ "targetResourceGroup": target, "resources": [identity("one")] })).await;
    insta::assert_snapshot!("linked_move", refusal(&moved));
}
