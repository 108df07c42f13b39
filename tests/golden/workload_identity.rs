//! Workload identity end to end: a cluster with an issuer, an identity that trusts it, a service account's token, Entra's token for it,
//! and a registry that takes that. Sources: AKS' pages on the OIDC issuer and on workload identity; Kubernetes' TokenRequest.

use azlet_tests::{Actor, Answer, Azlet, TENANT, arm, kubeconfig, resource_id};
use serde_json::{Value, json};

const VERSION: &str = "2026-06-01";

/// A cluster with an issuer; its API server, its administrator and the issuer.
async fn cluster(azlet: &Azlet, owner: &Actor) -> (String, Actor, String) {
    let id = resource_id("rg", "Microsoft.ContainerService/managedClusters/c");
    let body = json!({
        "location": "westus2",
        "identity": { "type": "SystemAssigned" },
        "properties": {
            "dnsPrefix": "c", "oidcIssuerProfile": { "enabled": true },
            "agentPoolProfiles": [{ "name": "np", "mode": "System", "count": 1 }],
        },
    });
    let made = owner.put_and_wait(&arm(&id, VERSION), &body).await;
    let issuer = made.json()["properties"]["oidcIssuerProfile"]["issuerURL"].as_str().expect("an issuer").to_owned();
    let credential = owner.post(&arm(&format!("{id}/listClusterAdminCredential"), VERSION), &json!({})).await;
    let file = kubeconfig(&credential);
    let member = |name| file.lines().find_map(|line| line.trim().strip_prefix(name)).expect("a member").to_owned();
    (member("server: "), azlet.bearer(member("token: ")), issuer)
}

async fn token(server: &str, admin: &Actor, account: &str, spec: &Value) -> Answer {
    let body = json!({ "kind": "TokenRequest", "apiVersion": "authentication.k8s.io/v1", "spec": spec });
    admin.post(&format!("{server}/api/v1/namespaces/default/serviceaccounts/{account}/token"), &body).await
}

async fn exchange(azlet: &Azlet, client_id: &str, assertion: &str, scope: &str) -> Answer {
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", client_id),
        ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
        ("client_assertion", assertion),
        ("scope", scope),
    ];
    azlet.anonymous().post_form(&format!("https://login.microsoftonline.com/{TENANT}/oauth2/v2.0/token"), &form).await
}

#[tokio::test]
async fn a_service_accounts_token_becomes_a_token_of_an_identity() {
    let (azlet, owner) = Azlet::with_group().await;
    let (server, admin, issuer) = cluster(&azlet, &owner).await;
    let id = resource_id("rg", "Microsoft.ManagedIdentity/userAssignedIdentities/workload");
    let identity = owner.put(&arm(&id, "2023-01-31"), &json!({ "location": "westus2" })).await.json();
    let client_id = identity["properties"]["clientId"].as_str().expect("an id").to_owned();
    let trust = json!({ "properties": {
        "issuer": issuer, "subject": "system:serviceaccount:default:default", "audiences": ["api://AzureADTokenExchange"],
    } });
    let put = owner.put(&arm(&format!("{id}/federatedIdentityCredentials/pods"), "2023-01-31"), &trust).await;
    assert_eq!(put.status(), 201, "{}", put.golden());
    let asked =
        token(&server, &admin, "default", &json!({ "audiences": ["api://AzureADTokenExchange"], "expirationSeconds": 3600 }))
            .await;
    assert_eq!(asked.status(), 201, "{}", asked.golden());
    let assertion = asked.json()["status"]["token"].as_str().expect("a token").to_owned();
    let answer = exchange(&azlet, &client_id, &assertion, "https://containerregistry.azure.net/.default").await;
    assert_eq!(answer.status(), 200, "{}", answer.golden());
    // The registry takes it once the identity has a role there.
    let registry = azlet.registry("workloadregistry", azlet::acr::store::Settings::default());
    let principal = identity["properties"]["principalId"].as_str().expect("an id").parse().expect("a GUID");
    azlet.assign_to(principal, "AcrPull", registry.id.as_str());
    let access_token = answer.json()["access_token"].as_str().expect("a token").to_owned();
    let form = [("grant_type", "access_token"), ("service", "workloadregistry.azurecr.io"), ("access_token", &access_token)];
    let exchanged = azlet.anonymous().post_form("https://workloadregistry.azurecr.io/oauth2/exchange", &form).await;
    assert_eq!(exchanged.status(), 200, "{}", exchanged.golden());
    // A token for the API server itself is none for Entra, and a deleted cluster vouches for nobody.
    let other = token(&server, &admin, "default", &json!({ "audiences": [] })).await.json();
    let other = other["status"]["token"].as_str().expect("a token").to_owned();
    assert!(exchange(&azlet, &client_id, &other, "https://management.azure.com/.default").await.text().contains("AADSTS700212"));
    owner.delete(&arm(&resource_id("rg", "Microsoft.ContainerService/managedClusters/c"), VERSION)).await;
    azlet.advance("10m").await;
    assert!(
        exchange(&azlet, &client_id, &assertion, "https://management.azure.com/.default").await.text().contains("AADSTS90061")
    );
}

#[tokio::test]
async fn an_issuer_shows_its_document_and_keys_to_anyone() {
    let (azlet, owner) = Azlet::with_group().await;
    let (server, admin, issuer) = cluster(&azlet, &owner).await;
    let anonymous = azlet.anonymous();
    let document = anonymous.get(&format!("{issuer}.well-known/openid-configuration")).await;
    insta::assert_snapshot!("issuer_document", document.golden());
    let keys = anonymous.get(document.json()["jwks_uri"].as_str().expect("an address")).await;
    let made = token(&server, &admin, "default", &json!({ "audiences": ["x"] })).await;
    insta::assert_snapshot!("service_account_token", made.golden());
    let key = &keys.json()["keys"][0];
    assert_eq!((&key["alg"], &key["kid"]), (&json!("RS256"), &json!(azlet.world().workload_key.thumbprint())));
    let other = issuer.replace("westus2", "eastus");
    assert_eq!(anonymous.get(&format!("{other}.well-known/openid-configuration")).await.status(), 404);
    let short = token(&server, &admin, "default", &json!({ "audiences": ["x"], "expirationSeconds": 60 })).await;
    insta::assert_snapshot!("service_account_token_too_short", short.golden());
    assert_eq!(token(&server, &admin, "nobody", &json!({ "audiences": ["x"] })).await.status(), 404);
}

#[tokio::test]
async fn the_webhook_changes_labelled_pods() {
    let (azlet, owner) = Azlet::with_group().await;
    let (server, admin, _) = cluster(&azlet, &owner).await;
    let pods = format!("{server}/api/v1/namespaces/default/pods");
    let account = json!({ "metadata": { "name": "app", "annotations": { "azure.workload.identity/client-id": "11111111-2222-4333-8444-555555555555" } } });
    assert_eq!(admin.post(&format!("{server}/api/v1/namespaces/default/serviceaccounts"), &account).await.status(), 201);
    let pod = |name: &str, labels: Value, annotations: Value| {
        let container = |name: &str| json!({ "name": name, "image": "docker.io/library/nginx:latest", "env": [{ "name": "AZURE_TENANT_ID", "value": "mine" }] });
        json!({
            "metadata": { "name": name, "labels": labels, "annotations": annotations },
            "spec": { "serviceAccountName": "app", "containers": [container("a"), container("b")] },
        })
    };
    let labelled = json!({ "azure.workload.identity/use": "true" });
    let without = admin.post(&pods, &pod("early", labelled.clone(), json!({}))).await;
    assert!(!without.text().contains("azure-identity-token"), "the webhook is off: {}", without.golden());
    let id = resource_id("rg", "Microsoft.ContainerService/managedClusters/c");
    let mut body = owner.get(&arm(&id, VERSION)).await.json();
    body["properties"]["securityProfile"] = json!({ "workloadIdentity": { "enabled": true } });
    assert_eq!(owner.put_and_wait(&arm(&id, VERSION), &body).await.status(), 200);
    let made =
        admin.post(&pods, &pod("p", labelled.clone(), json!({ "azure.workload.identity/skip-containers": "b" }))).await.json();
    let shown = |container: usize| json!({ "env": made["spec"]["containers"][container]["env"], "mounts": made["spec"]["containers"][container]["volumeMounts"] });
    let volumes = made["spec"]["volumes"].as_array().cloned().unwrap_or_default();
    let volume = volumes.into_iter().find(|volume| volume["name"] == "azure-identity-token");
    let environment = &shown(0)["env"];
    let mounted = shown(0)["mounts"].as_array().and_then(|mounts| mounts.last().cloned());
    insta::assert_json_snapshot!("webhook_changes", [environment.clone(), json!(mounted), json!(volume)]);
    assert!(!shown(1).to_string().contains("AZURE_CLIENT_ID"), "skipped: {made}");
    let plain = admin.post(&pods, &pod("plain", json!({}), json!({}))).await;
    assert!(!plain.text().contains("azure-identity-token"), "not labelled: {}", plain.golden());
    let short = json!({ "azure.workload.identity/service-account-token-expiration": "60" });
    insta::assert_snapshot!("webhook_refuses", admin.post(&pods, &pod("short", labelled, short)).await.golden());
}
