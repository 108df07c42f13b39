//! Which action each request asks for, and at which scope: what a caller without any right is told. Sources: the lists of resource
//! provider operations that Azure publishes; `rotateServiceAccountSigningKeys` is inferred.

use azlet_tests::{Azlet, SUBSCRIPTION, TENANT, arm};
use reqwest::Method;
use serde_json::json;

const GUID: &str = "11111111-0000-4000-8000-000000000001";

/// Method, path below `/subscriptions/{id}`, api-version, action, and the scope below the subscription where it is not the path.
const REQUESTS: &[(&str, &str, &str, &str, Option<&str>)] = &[
    // Container Registry
    (
        "POST",
        "/providers/Microsoft.ContainerRegistry/checkNameAvailability",
        ACR,
        "Microsoft.ContainerRegistry/checkNameAvailability/read",
        Some(""),
    ),
    ("POST", "/providers/Microsoft.ContainerRegistry/register", ARM, "Microsoft.ContainerRegistry/register/action", Some("")),
    ("POST", "/providers/Microsoft.ContainerRegistry/unregister", ARM, "Microsoft.ContainerRegistry/unregister/action", Some("")),
    ("GET", "/providers/Microsoft.ContainerRegistry/registries", ACR, "Microsoft.ContainerRegistry/registries/read", Some("")),
    (
        "GET",
        "{rg}/providers/Microsoft.ContainerRegistry/registries",
        ACR,
        "Microsoft.ContainerRegistry/registries/read",
        Some("{rg}"),
    ),
    ("GET", "{reg}", ACR, "Microsoft.ContainerRegistry/registries/read", None),
    ("PUT", "{reg}", ACR, "Microsoft.ContainerRegistry/registries/write", None),
    ("PATCH", "{reg}", ACR, "Microsoft.ContainerRegistry/registries/write", None),
    ("DELETE", "{reg}", ACR, "Microsoft.ContainerRegistry/registries/delete", None),
    ("POST", "{reg}/listCredentials", ACR, "Microsoft.ContainerRegistry/registries/listCredentials/action", Some("{reg}")),
    (
        "POST",
        "{reg}/regenerateCredential",
        ACR,
        "Microsoft.ContainerRegistry/registries/regenerateCredential/action",
        Some("{reg}"),
    ),
    ("POST", "{reg}/importImage", ACR, "Microsoft.ContainerRegistry/registries/importImage/action", Some("{reg}")),
    ("GET", "{reg}/listUsages", ACR, "Microsoft.ContainerRegistry/registries/listUsages/read", Some("{reg}")),
    ("GET", "{reg}/operationStatuses/x", ACR, "Microsoft.ContainerRegistry/registries/operationStatuses/read", None),
    ("GET", "{reg}/replications", ACR, "Microsoft.ContainerRegistry/registries/replications/read", Some("{reg}")),
    ("PUT", "{reg}/replications/eastus", ACR, "Microsoft.ContainerRegistry/registries/replications/write", None),
    ("DELETE", "{reg}/replications/eastus", ACR, "Microsoft.ContainerRegistry/registries/replications/delete", None),
    ("GET", "{reg}/scopeMaps/x", ACR, "Microsoft.ContainerRegistry/registries/scopeMaps/read", None),
    ("PUT", "{reg}/scopeMaps/x", ACR, "Microsoft.ContainerRegistry/registries/scopeMaps/write", None),
    ("DELETE", "{reg}/tokens/x", ACR, "Microsoft.ContainerRegistry/registries/tokens/delete", None),
    ("PATCH", "{reg}/tokens/x", ACR, "Microsoft.ContainerRegistry/registries/tokens/write", None),
    ("PUT", "{reg}/cacheRules/x", ACR, "Microsoft.ContainerRegistry/registries/cacheRules/write", None),
    ("PUT", "{reg}/webhooks/x", ACR, "Microsoft.ContainerRegistry/registries/webhooks/write", None),
    (
        "POST",
        "{reg}/webhooks/x/ping",
        ACR,
        "Microsoft.ContainerRegistry/registries/webhooks/ping/action",
        Some("{reg}/webhooks/x"),
    ),
    (
        "POST",
        "{reg}/webhooks/x/listEvents",
        ACR,
        "Microsoft.ContainerRegistry/registries/webhooks/listEvents/action",
        Some("{reg}/webhooks/x"),
    ),
    (
        "POST",
        "{reg}/webhooks/x/getCallbackConfig",
        ACR,
        "Microsoft.ContainerRegistry/registries/webhooks/getCallbackConfig/action",
        Some("{reg}/webhooks/x"),
    ),
    // Container Service
    ("GET", "{aks}", AKS, "Microsoft.ContainerService/managedClusters/read", None),
    ("PUT", "{aks}", AKS, "Microsoft.ContainerService/managedClusters/write", None),
    ("PATCH", "{aks}", AKS, "Microsoft.ContainerService/managedClusters/write", None),
    ("DELETE", "{aks}", AKS, "Microsoft.ContainerService/managedClusters/delete", None),
    (
        "POST",
        "{aks}/listClusterUserCredential",
        AKS,
        "Microsoft.ContainerService/managedClusters/listClusterUserCredential/action",
        Some("{aks}"),
    ),
    (
        "POST",
        "{aks}/listClusterAdminCredential",
        AKS,
        "Microsoft.ContainerService/managedClusters/listClusterAdminCredential/action",
        Some("{aks}"),
    ),
    (
        "POST",
        "{aks}/listClusterMonitoringUserCredential",
        AKS,
        "Microsoft.ContainerService/managedClusters/listClusterMonitoringUserCredential/action",
        Some("{aks}"),
    ),
    (
        "POST",
        "{aks}/accessProfiles/clusterUser/listCredential",
        AKS,
        "Microsoft.ContainerService/managedClusters/accessProfiles/listCredential/action",
        Some("{aks}/accessProfiles/clusterUser"),
    ),
    ("POST", "{aks}/runCommand", AKS, "Microsoft.ContainerService/managedClusters/runCommand/action", Some("{aks}")),
    ("GET", "{aks}/commandResults/x", AKS, "Microsoft.ContainerService/managedClusters/commandResults/read", None),
    ("POST", "{aks}/start", AKS, "Microsoft.ContainerService/managedClusters/start/action", Some("{aks}")),
    ("POST", "{aks}/stop", AKS, "Microsoft.ContainerService/managedClusters/stop/action", Some("{aks}")),
    ("POST", "{aks}/abort", AKS, "Microsoft.ContainerService/managedClusters/abort/action", Some("{aks}")),
    (
        "POST",
        "{aks}/rotateClusterCertificates",
        AKS,
        "Microsoft.ContainerService/managedClusters/rotateClusterCertificates/action",
        Some("{aks}"),
    ),
    (
        "POST",
        "{aks}/rotateServiceAccountSigningKeys",
        AKS,
        "Microsoft.ContainerService/managedClusters/rotateServiceAccountSigningKeys/action",
        Some("{aks}"),
    ),
    ("POST", "{aks}/resetAADProfile", AKS, "Microsoft.ContainerService/managedClusters/resetAADProfile/action", Some("{aks}")),
    (
        "POST",
        "{aks}/resetServicePrincipalProfile",
        AKS,
        "Microsoft.ContainerService/managedClusters/resetServicePrincipalProfile/action",
        Some("{aks}"),
    ),
    ("GET", "{aks}/agentPools", AKS, "Microsoft.ContainerService/managedClusters/agentPools/read", Some("{aks}")),
    ("PUT", "{aks}/agentPools/np", AKS, "Microsoft.ContainerService/managedClusters/agentPools/write", None),
    ("DELETE", "{aks}/agentPools/np", AKS, "Microsoft.ContainerService/managedClusters/agentPools/delete", None),
    (
        "POST",
        "{aks}/agentPools/np/upgradeNodeImageVersion",
        AKS,
        "Microsoft.ContainerService/managedClusters/agentPools/upgradeNodeImageVersion/action",
        Some("{aks}/agentPools/np"),
    ),
    (
        "POST",
        "{aks}/agentPools/np/abort",
        AKS,
        "Microsoft.ContainerService/managedClusters/agentPools/abort/action",
        Some("{aks}/agentPools/np"),
    ),
    (
        "GET",
        "{aks}/agentPools/np/upgradeProfiles/default",
        AKS,
        "Microsoft.ContainerService/managedClusters/agentPools/upgradeProfiles/read",
        None,
    ),
    ("GET", "{aks}/upgradeProfiles/default", AKS, "Microsoft.ContainerService/managedClusters/upgradeProfiles/read", None),
    (
        "GET",
        "{aks}/availableAgentPoolVersions",
        AKS,
        "Microsoft.ContainerService/managedClusters/availableAgentPoolVersions/read",
        Some("{aks}"),
    ),
    (
        "PUT",
        "{aks}/maintenanceConfigurations/x",
        AKS,
        "Microsoft.ContainerService/managedClusters/maintenanceConfigurations/write",
        None,
    ),
    // Identities, groups, subscriptions
    ("GET", "{id}", ID, "Microsoft.ManagedIdentity/userAssignedIdentities/read", None),
    ("PUT", "{id}", ID, "Microsoft.ManagedIdentity/userAssignedIdentities/write", None),
    ("DELETE", "{id}", ID, "Microsoft.ManagedIdentity/userAssignedIdentities/delete", None),
    (
        "PUT",
        "{id}/federatedIdentityCredentials/x",
        ID,
        "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials/write",
        None,
    ),
    ("GET", "/resourceGroups", ARM, "Microsoft.Resources/subscriptions/resourceGroups/read", Some("")),
    ("PUT", "{rg}", ARM, "Microsoft.Resources/subscriptions/resourceGroups/write", None),
    ("DELETE", "{rg}", ARM, "Microsoft.Resources/subscriptions/resourceGroups/delete", None),
    ("GET", "{rg}/resources", ARM, "Microsoft.Resources/subscriptions/resourceGroups/resources/read", Some("{rg}")),
    ("GET", "/locations", ARM, "Microsoft.Resources/subscriptions/locations/read", Some("")),
    ("GET", "/resources", ARM, "Microsoft.Resources/subscriptions/resources/read", Some("")),
    ("GET", "/providers", ARM, "Microsoft.Resources/subscriptions/providers/read", Some("")),
    ("GET", "/tagNames", ARM, "Microsoft.Resources/subscriptions/tagNames/read", Some("")),
    ("PUT", "{rg}/providers/Microsoft.Resources/tags/default", ARM, "Microsoft.Resources/tags/write", None),
    // Authorization
    (
        "GET",
        "{rg}/providers/Microsoft.Authorization/roleAssignments",
        RBAC,
        "Microsoft.Authorization/roleAssignments/read",
        Some("{rg}"),
    ),
    (
        "PUT",
        "{rg}/providers/Microsoft.Authorization/roleAssignments/{guid}",
        RBAC,
        "Microsoft.Authorization/roleAssignments/write",
        None,
    ),
    (
        "DELETE",
        "{reg}/providers/Microsoft.Authorization/roleAssignments/{guid}",
        RBAC,
        "Microsoft.Authorization/roleAssignments/delete",
        None,
    ),
    ("GET", "/providers/Microsoft.Authorization/roleDefinitions", RBAC, "Microsoft.Authorization/roleDefinitions/read", Some("")),
    (
        "PUT",
        "/providers/Microsoft.Authorization/roleDefinitions/{guid}",
        RBAC,
        "Microsoft.Authorization/roleDefinitions/write",
        None,
    ),
    (
        "DELETE",
        "/providers/Microsoft.Authorization/roleDefinitions/{guid}",
        RBAC,
        "Microsoft.Authorization/roleDefinitions/delete",
        None,
    ),
    (
        "GET",
        "{rg}/providers/Microsoft.Authorization/denyAssignments",
        RBAC,
        "Microsoft.Authorization/denyAssignments/read",
        Some("{rg}"),
    ),
    (
        "PUT",
        "{rg}/providers/Microsoft.Authorization/denyAssignments/{guid}",
        "2024-07-01-preview",
        "Microsoft.Authorization/denyAssignments/write",
        None,
    ),
];
const ACR: &str = "2023-07-01";
const AKS: &str = "2024-05-01";
const ID: &str = "2023-01-31";
const ARM: &str = "2024-03-01";
const RBAC: &str = "2022-04-01";

fn written_out(text: &str) -> String {
    let rg = "/resourceGroups/rg";
    text.replace("{reg}", &format!("{rg}/providers/Microsoft.ContainerRegistry/registries/reg01"))
        .replace("{aks}", &format!("{rg}/providers/Microsoft.ContainerService/managedClusters/aks"))
        .replace("{id}", &format!("{rg}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/mine"))
        .replace("{rg}", rg)
        .replace("{guid}", GUID)
}

#[tokio::test]
async fn each_request_asks_for_its_action_at_its_scope() {
    let azlet = Azlet::start().await;
    let nobody = azlet.actor("nobody").await;
    let mut wrong = Vec::new();
    for (method, path, version, action, scope) in REQUESTS {
        let path = format!("/subscriptions/{SUBSCRIPTION}{}", written_out(path));
        let scope = scope.map_or(path.clone(), |scope| format!("/subscriptions/{SUBSCRIPTION}{}", written_out(scope)));
        let method: Method = method.parse().expect("a method");
        let mut request = nobody.request(method.clone(), &arm(&path, version));
        if method == Method::PUT || method == Method::PATCH || method == Method::POST {
            request = request.json(&json!({}));
        }
        let answer = nobody.send(request).await;
        let asked = format!("perform action '{action}' over scope '{scope}'");
        if answer.status() != 403 || !answer.text().contains(&asked) {
            wrong.push(format!("{method} {path}: expected {asked}, got {} {}", answer.status(), answer.text()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn a_right_above_is_a_right_below() {
    let azlet = Azlet::start().await;
    azlet.assign("nobody", "Reader", &format!("/providers/Microsoft.Management/managementGroups/{TENANT}"));
    let nobody = azlet.actor("nobody").await;
    let url = arm(&format!("/subscriptions/{SUBSCRIPTION}/resourceGroups"), ARM);
    assert_eq!(nobody.get(&url).await.status(), 200);
    let absent = arm(&format!("/subscriptions/{SUBSCRIPTION}/resourceGroups/none"), ARM);
    assert_eq!(nobody.get(&absent).await.error_code(), "ResourceGroupNotFound", "with the right it is 404");
    assert_eq!(azlet.actor("reader").await.delete(&absent).await.error_code(), "AuthorizationFailed", "without it 403");
}
