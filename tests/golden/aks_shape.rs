//! The bodies of clusters: what each profile becomes, what an update keeps, what each api-version shows. Sources: AKS' REST reference by
//! api-version and bodies as AKS answers them.

use azlet_tests::aks::{body, id, url};
use azlet_tests::{Azlet, arm, resource_id};
use serde_json::{Value, json};

/// Members of a cluster's properties, one a line.
fn members(cluster: &Value, names: &[&str]) -> String {
    names.iter().map(|name| format!("{name}: {}\n", cluster["properties"][name])).collect()
}

#[tokio::test]
async fn an_automatic_cluster_is_completed_with_everything_that_it_turns_on() {
    let (_azlet, owner) = Azlet::with_group().await;
    let mut automatic = body(&json!({}));
    automatic["sku"] = json!({ "name": "Automatic", "tier": "Standard" });
    automatic["properties"]["agentPoolProfiles"][0] = json!({ "name": "nodepool1", "mode": "System", "count": 3 });
    insta::assert_snapshot!(owner.put_and_wait(&arm(&id("c"), "2024-09-02-preview"), &automatic).await.golden());
}

#[tokio::test]
async fn profiles_are_completed() {
    let (_azlet, owner) = Azlet::with_group().await;
    let sent = json!({
        "networkProfile": { "networkPlugin": "azure" },
        "aadProfile": { "managed": true, "adminGroupObjectIDs": ["00000000-0000-0000-0000-0000000000aa"] },
        "autoScalerProfile": { "expander": "least-waste" },
        "securityProfile": { "imageCleaner": { "enabled": true }, "workloadIdentity": { "enabled": true } },
        "oidcIssuerProfile": { "enabled": true },
        "workloadAutoScalerProfile": { "keda": { "enabled": true } },
        "serviceMeshProfile": { "mode": "Istio", "istio": { "revisions": ["asm-1-27"] } },
        "httpProxyConfig": { "httpProxy": "http://proxy:3128", "noProxy": ["example.org"] },
        "upgradeSettings": { "overrideSettings": { "forceUpgrade": true, "until": "2026-12-01T00:00:00.000Z" } },
        "windowsProfile": { "adminPassword": "replace-Password1234$", "gmsaProfile": { "enabled": true } },
    });
    let made = owner.put_and_wait(&url("c"), &body(&sent)).await;
    let names: Vec<&str> = sent.as_object().expect("an object").keys().map(String::as_str).skip(1).collect();
    insta::assert_snapshot!("profiles", members(&made.json(), &names));
    assert!(!made.golden().contains("replace-Password"), "no password is shown");
    // Off, empty and reset.
    let off = json!({
        "networkProfile": { "networkPlugin": "azure" },
        "autoScalerProfile": {},
        "serviceMeshProfile": { "mode": "Disabled", "istio": { "revisions": ["asm-1-27"] } },
        "workloadAutoScalerProfile": { "keda": { "enabled": false } },
        "podIdentityProfile": { "enabled": false },
    });
    let after = owner.put_and_wait(&url("c"), &body(&off)).await.json();
    insta::assert_snapshot!(
        "profiles_off",
        members(
            &after,
            &["autoScalerProfile", "serviceMeshProfile", "workloadAutoScalerProfile", "podIdentityProfile", "oidcIssuerProfile"]
        )
    );
}

#[tokio::test]
async fn an_addon_has_an_identity_while_it_is_on() {
    let (_azlet, owner) = Azlet::with_group().await;
    let addons = |secrets: bool| {
        body(&json!({
            "addonProfiles": { "azureKeyVaultSecretsProvider": { "enabled": secrets, "config": { "enableSecretRotation": "false" } }, "azurePolicy": { "enabled": true } },
            "ingressProfile": { "webAppRouting": { "enabled": true } },
        }))
    };
    let started = owner.put(&url("c"), &addons(true)).await;
    assert!(!started.golden().contains("azurekeyvaultsecretsprovider-c"), "identities come with the cluster");
    owner.follow(&started).await;
    let made = owner.get(&url("c")).await.json();
    let addon = &made["properties"]["addonProfiles"]["azureKeyvaultSecretsProvider"];
    let identity = addon["identity"]["resourceId"].as_str().expect("an identity").to_owned();
    assert!(identity.ends_with("/resourcegroups/MC_rg_c_westus2/providers/Microsoft.ManagedIdentity/userAssignedIdentities/azurekeyvaultsecretsprovider-c"), "{identity}");
    let known = owner.get(&arm(&identity, "2024-11-30")).await.json();
    assert_eq!(
        (&known["properties"]["clientId"], &known["properties"]["principalId"]),
        (&addon["identity"]["clientId"], &addon["identity"]["objectId"])
    );
    let routing = &made["properties"]["ingressProfile"]["webAppRouting"]["identity"]["resourceId"];
    assert!(routing.as_str().is_some_and(|id| id.ends_with("/webapprouting-c")), "{routing}");
    let off = owner.put_and_wait(&url("c"), &addons(false)).await.json();
    assert_eq!(
        off["properties"]["addonProfiles"]["azureKeyvaultSecretsProvider"],
        json!({ "enabled": false, "config": { "enableSecretRotation": "false" } })
    );
    assert_eq!(owner.get(&arm(&identity, "2024-11-30")).await.status(), 404);
    assert_eq!(
        off["properties"]["addonProfiles"]["azurepolicy"]["identity"],
        made["properties"]["addonProfiles"]["azurepolicy"]["identity"]
    );
}

#[tokio::test]
async fn an_api_version_shows_what_it_knows() {
    let (_azlet, owner) = Azlet::with_group().await;
    let mut standard = body(&json!({ "kubernetesVersion": "1.33" }));
    standard["sku"] = json!({ "name": "Base", "tier": "Standard" });
    owner.put_and_wait(&url("c"), &standard).await;
    let mut shown = String::new();
    for version in
        ["2020-03-01", "2021-05-01", "2022-11-01", "2023-10-01", "2024-07-01", "2024-09-02-preview", "2025-05-01", "2026-06-01"]
    {
        let cluster = owner.get(&arm(&id("c"), version)).await.json();
        let keys =
            |value: &Value| value.as_object().into_iter().flatten().map(|(key, _)| key.clone()).collect::<Vec<_>>().join(" ");
        shown.push_str(&format!(
            "{version}\n  {}\n  sku {}\n  properties {}\n  network {}\n  pool {}\n",
            keys(&cluster),
            cluster["sku"],
            keys(&cluster["properties"]),
            keys(&cluster["properties"]["networkProfile"]),
            keys(&cluster["properties"]["agentPoolProfiles"][0]),
        ));
    }
    insta::assert_snapshot!(shown);
}

#[tokio::test]
async fn a_service_principal_can_be_exchanged_for_identities() {
    let (_azlet, owner) = Azlet::with_group().await;
    let application = json!({ "clientId": "0a210000-0000-4000-8000-0000000000a3", "secret": "azlet~reader~secret" });
    let mut with_application = body(&json!({ "servicePrincipalProfile": application }));
    with_application.as_object_mut().expect("an object").remove("identity");
    let made = owner.put_and_wait(&url("c"), &with_application).await.json();
    assert_eq!(made["properties"]["servicePrincipalProfile"]["clientId"], application["clientId"]);
    let mut other = with_application.clone();
    other["properties"]["servicePrincipalProfile"]["clientId"] = json!("0a210000-0000-4000-8000-0000000000a2");
    insta::assert_snapshot!(owner.put(&url("c"), &other).await.golden());
    let after = owner.put_and_wait(&url("c"), &body(&json!({}))).await.json();
    assert_eq!(after["properties"]["servicePrincipalProfile"], json!({ "clientId": "msi" }));
    assert_eq!(after["identity"]["type"], "SystemAssigned");
    let kubelet = &after["properties"]["identityProfile"]["kubeletidentity"]["resourceId"];
    assert!(kubelet.as_str().is_some_and(|id| id.ends_with("/c-agentpool")), "{kubelet}");
}

#[tokio::test]
async fn a_cluster_at_the_edge_says_where() {
    let (_azlet, owner) = Azlet::with_group().await;
    let mut edge = body(&json!({}));
    edge["extendedLocation"] = json!({ "name": "microsoftlosangeles1", "type": "EdgeZone" });
    let made = owner.put_and_wait(&url("c"), &edge).await.json();
    assert_eq!(made["extendedLocation"], json!({ "name": "microsoftlosangeles1", "type": "edgezone" }));
    let list = arm(&resource_id("rg", "Microsoft.ContainerService/managedClusters"), "2026-06-01");
    assert_eq!(owner.get(&list).await.json()["value"][0]["extendedLocation"], made["extendedLocation"]);
}
