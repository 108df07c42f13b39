//! A cluster of the user's own in the place of the simulated ones, and the plugin by which its nodes pull. Sources: Kubernetes' API of
//! credential providers (v1) and of kubeconfigs; the behaviour of AKS' own provider. No kubelet calls the plugin here.

use std::sync::Arc;

use azlet::cli::credential_provider::{Settings, answer};
use azlet::kube::backend::Backend;
use azlet_tests::{Azlet, arm, authority_pem, kubeconfig, my_registry, resource_id};
use serde_json::{Value, json};

const VERSION: &str = "2026-06-01";

#[tokio::test]
async fn a_cluster_of_ones_own_takes_the_place_of_the_simulated_ones() {
    let (azlet, owner) = Azlet::with_group().await;
    let cluster = azlet.cluster(&owner, 1).await;
    let config = json!({
        "current-context": "kind-x",
        "contexts": [{ "name": "kind-x", "context": { "cluster": "kind-x", "user": "me", "namespace": "n" } }],
        "clusters": [{ "name": "kind-x", "cluster": { "server": "https://127.0.0.1:6443", "certificate-authority": "pki/ca.crt" } }],
        "users": [{ "name": "me", "user": { "client-certificate-data": "Y2VydA==", "client-key-data": "a2V5" } }],
    });
    let backend = Backend::read(config.to_string().as_bytes(), |path| Ok(path.as_bytes().to_vec())).expect("a kubeconfig");
    azlet.world().kube.set_backend(Some(Arc::new(backend)));
    let id = resource_id("rg", "Microsoft.ContainerService/managedClusters/c");
    for role in ["User", "Admin"] {
        let listed = owner.post(&arm(&format!("{id}/listCluster{role}Credential"), VERSION), &json!({})).await;
        insta::assert_snapshot!(format!("kube_backend_{}", role.to_lowercase()), kubeconfig(&listed));
    }
    insta::assert_snapshot!("kube_backend_off", cluster.user.get(&format!("{}/api/v1/pods", cluster.server)).await.golden());
    let command = owner.post(&arm(&format!("{id}/runCommand"), VERSION), &json!({ "command": "kubectl get pods" })).await;
    insta::assert_snapshot!("kube_backend_run_command", command.golden());
    let reader = azlet.bearer(azlet.token("reader", "https://management.azure.com").await);
    let refused = reader.post(&arm(&format!("{id}/listClusterAdminCredential"), VERSION), &json!({})).await;
    assert_eq!(refused.status(), 403, "roles in Azure still decide: {}", refused.golden());
}

#[tokio::test]
async fn the_plugin_takes_a_nodes_identity_to_the_registry() {
    let (azlet, owner) = Azlet::with_registry().await;
    let cluster = azlet.cluster(&owner, 1).await;
    let identity = &cluster.resource["properties"]["identityProfile"]["kubeletidentity"];
    let client_id = identity["clientId"].as_str().expect("a client id").to_owned();
    let folder = std::env::temp_dir().join(format!("azlet-credential-provider-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let (ca, file) = (folder.join("ca.pem"), folder.join("azure.json"));
    std::fs::write(&ca, authority_pem()).expect("written");
    let node = json!({ "useManagedIdentityExtension": true, "userAssignedIdentityID": client_id });
    std::fs::write(&file, node.to_string()).expect("written");
    let settings = Settings { configuration: Some(file.clone()), endpoint: azlet.endpoint(), ca, identity: None };
    let request = |image: &str| {
        json!({ "apiVersion": "credentialprovider.kubelet.k8s.io/v1", "kind": "CredentialProviderRequest", "image": image })
            .to_string()
    };
    let mine = request("myregistry.azurecr.io/app:v1");
    insta::assert_snapshot!("credential_provider_without_a_role", masked(&answer(&mine, &settings).await.expect_err("no role")));
    let object_id = identity["objectId"].as_str().expect("an object id").parse().expect("a GUID");
    azlet.assign_to(object_id, "AcrPull", &my_registry());
    let given = answer(&mine, &settings).await.expect("a role");
    let credential = &given["auth"]["myregistry.azurecr.io"];
    // What is given opens the registry: a token for pulling follows from it.
    let form = [
        ("grant_type", "refresh_token"),
        ("service", "myregistry.azurecr.io"),
        ("scope", "repository:app:pull"),
        ("refresh_token", credential["password"].as_str().expect("a password")),
    ];
    let token = azlet.anonymous().post_form("https://myregistry.azurecr.io/oauth2/token", &form).await;
    assert_eq!(token.status(), 200, "{}", token.golden());
    let mut shown = given.clone();
    shown["auth"]["myregistry.azurecr.io"]["password"] = json!("<a refresh token>");
    insta::assert_json_snapshot!("credential_provider_response", shown);
    insta::assert_json_snapshot!("credential_provider_elsewhere", answer(&request("docker.io/library/nginx"), &settings).await);
    // A service principal is a name and a password at once.
    std::fs::write(&file, json!({ "aadClientId": "me", "aadClientSecret": "secret" }).to_string()).expect("written");
    insta::assert_json_snapshot!("credential_provider_principal", answer(&mine, &settings).await);
    let mut faults: Vec<(&str, Result<Value, String>)> = Vec::new();
    for wrong in ["", "[]", r#"{"apiVersion":"credentialprovider.kubelet.k8s.io/v2","kind":"CredentialProviderRequest"}"#] {
        faults.push((wrong, answer(wrong, &settings).await));
    }
    faults.push(("no image", answer(&request(""), &settings).await));
    insta::assert_json_snapshot!("credential_provider_faults", faults);
    std::fs::remove_dir_all(&folder).expect("removed");
}

/// Times and identifiers of one run.
fn masked(text: &str) -> String {
    let words = text.split_inclusive(['"', ' ']);
    words.map(|word| if word.len() > 30 && word.contains('-') { "<id> " } else { word }).collect()
}
