//! What AKS refuses in a cluster's body. Codes: AKS' own list of error codes, its troubleshooting pages, errors that users have reported.
//! Rows whose name ends in `(inferred)` have an inferred code or text.

use azlet_tests::aks::{below, body, body_with_pool, refusal, url};
use azlet_tests::{Actor, Azlet, arm, resource_id};
use serde_json::{Value, json};

/// Puts each body in turn, in a world where no cluster is made, and lists the refusals.
pub async fn refusals(owner: &Actor, cluster: &str, rows: &[(&str, Value)]) -> String {
    let mut lines = String::new();
    for (rule, body) in rows {
        let answer = owner.put(&url(cluster), body).await;
        lines.push_str(&format!("{rule}\n    {}\n", refusal(&answer)));
    }
    lines
}

#[tokio::test]
async fn bodies_are_read_as_go_reads_them() {
    let (_azlet, owner) = Azlet::with_group().await;
    let rows = [
        ("a boolean where an object is known", body(&json!({ "autoScalerProfile": true }))),
        ("a text where a boolean is known", body(&json!({ "enableRBAC": "true" }))),
        ("a number where a text is known", body(&json!({ "dnsPrefix": 1 }))),
        ("a fraction where a whole number is known", body_with_pool(&json!({ "count": 1.5 }))),
        ("a number beyond 32 bits", body_with_pool(&json!({ "count": 4_294_967_296_i64 }))),
        ("a text where a list is known", body(&json!({ "agentPoolProfiles": "np" }))),
        ("an unknown member", body(&json!({ "sshAccess": "disabled" }))),
        ("an unknown member of a pool", body_with_pool(&json!({ "colour": "red" }))),
        ("a word that is not in the list (inferred)", body_with_pool(&json!({ "osType": "BeOS" }))),
        ("no properties", json!({ "location": "westus2" })),
        ("properties that are a list", json!({ "location": "westus2", "properties": [] })),
    ];
    insta::assert_snapshot!(refusals(&owner, "c", &rows).await);
    // Names are read without regard to case, and a null is as if it were not there.
    let odd = body(&json!({ "ENABLERBAC": true, "fqdn": null, "linuxProfile": null }));
    assert_eq!(owner.put(&url("c"), &odd).await.status(), 201);
}

#[tokio::test]
async fn a_clusters_profiles_must_fit_together() {
    let (_azlet, owner) = Azlet::with_group().await;
    let windows = |profile: Value| body(&json!({ "windowsProfile": profile }));
    let premium = |mut body: Value, name: &str, tier: &str| {
        body["sku"] = json!({ "name": name, "tier": tier });
        body
    };
    let rows = [
        ("the node resource group is the cluster's own", body(&json!({ "nodeResourceGroup": "RG" }))),
        ("the node resource group's name is too long (inferred)", body(&json!({ "nodeResourceGroup": "x".repeat(81) }))),
        ("long-term support without the Premium tier (inferred)", body(&json!({ "supportPlan": "AKSLongTermSupport" }))),
        ("the Automatic SKU for nothing (inferred)", premium(body(&json!({})), "Automatic", "Free")),
        ("an unknown tier (inferred)", premium(body(&json!({})), "Base", "Golden")),
        ("an unknown addon", body(&json!({ "addonProfiles": { "coffee": { "enabled": true } } }))),
        ("monitoring without a workspace", body(&json!({ "addonProfiles": { "omsagent": { "enabled": true } } }))),
        (
            "monitoring that signs in perhaps",
            body(&json!({ "addonProfiles": { "omsagent": { "enabled": false, "config": { "useAADAuth": "maybe" } } } })),
        ),
        ("a proxy that is no URL", body(&json!({ "httpProxyConfig": { "httpProxy": "proxy:3128" } }))),
        ("a proxy's authority that is not base64", body(&json!({ "httpProxyConfig": { "trustedCa": "---" } }))),
        (
            "a key management service without a key (inferred)",
            body(&json!({ "securityProfile": { "azureKeyVaultKms": { "enabled": true } } })),
        ),
        (
            "an image cleaner that comes too often (inferred)",
            body(&json!({ "securityProfile": { "imageCleaner": { "enabled": true, "intervalHours": 1 } } })),
        ),
        ("Azure RBAC without managed Entra integration (inferred)", body(&json!({ "aadProfile": { "enableAzureRBAC": true } }))),
        ("Entra integration without RBAC", body(&json!({ "enableRBAC": false, "aadProfile": { "managed": true } }))),
        (
            "an administrators' group that is no id",
            body(&json!({ "aadProfile": { "managed": true, "adminGroupObjectIDs": ["admins"] } })),
        ),
        (
            "pod identity on kubenet without consent",
            body(&json!({ "networkProfile": { "networkPlugin": "kubenet" }, "podIdentityProfile": { "enabled": true } })),
        ),
        ("a Windows administrator named administrator", windows(json!({ "adminUsername": "Administrator" }))),
        ("a Windows password that is too simple", windows(json!({ "adminUsername": "azureuser", "adminPassword": "password" }))),
        (
            "a Windows password that everybody knows",
            windows(json!({ "adminUsername": "azureuser", "adminPassword": "P@ssw0rd" })),
        ),
    ];
    insta::assert_snapshot!(refusals(&owner, "c", &rows).await);
    assert_eq!(owner.get(&url("c")).await.status(), 404, "nothing was made");
}

#[tokio::test]
async fn a_group_that_exists_cannot_be_the_node_resource_group() {
    let (_azlet, owner) = Azlet::with_group().await;
    let group = arm(&format!("/subscriptions/{}/resourcegroups/taken", azlet_tests::SUBSCRIPTION), "2024-11-01");
    assert_eq!(owner.put(&group, &json!({ "location": "westus2" })).await.status(), 201);
    insta::assert_snapshot!(owner.put(&url("c"), &body(&json!({ "nodeResourceGroup": "Taken" }))).await.golden());
}

#[tokio::test]
async fn what_a_cluster_keeps_for_life_is_named() {
    let (_azlet, owner) = Azlet::with_group().await;
    let network = json!({ "networkPlugin": "azure", "networkPluginMode": "overlay" });
    let made = body(&json!({
        "networkProfile": network,
        "linuxProfile": { "adminUsername": "azureuser", "ssh": { "publicKeys": [{ "keyData": "ssh-rsa AAAA" }] } },
        "oidcIssuerProfile": { "enabled": true },
    }));
    owner.put_and_wait(&url("c"), &made).await;
    let service_principal = json!({ "clientId": "0a210000-0000-4000-8000-0000000000a3", "secret": "azlet~reader~secret" });
    let mut without_identity = body(&json!({ "servicePrincipalProfile": service_principal }));
    without_identity["identity"] = json!({ "type": "None" });
    let rows = [
        ("the host's prefix", body(&json!({ "dnsPrefix": "other" }))),
        ("RBAC", body(&json!({ "enableRBAC": false }))),
        ("the administrator", body(&json!({ "linuxProfile": { "adminUsername": "root2" } }))),
        ("the disks' encryption", body(&json!({ "diskEncryptionSetID": "/a" }))),
        ("the plugin", body(&json!({ "networkProfile": { "networkPlugin": "kubenet" } }))),
        ("the pods' range", body(&json!({ "networkProfile": { "podCidr": "192.168.0.0/16" } }))),
        ("the services' range", body(&json!({ "networkProfile": { "serviceCidr": "172.16.0.0/16" } }))),
        ("the DNS' address", body(&json!({ "networkProfile": { "dnsServiceIP": "10.0.0.11" } }))),
        ("a private API server (inferred)", body(&json!({ "apiServerAccessProfile": { "enablePrivateCluster": true } }))),
        ("the issuer, once it is on", body(&json!({ "oidcIssuerProfile": { "enabled": false } }))),
        ("from identities to a service principal", without_identity),
        ("the size of a pool", body_with_pool(&json!({ "vmSize": "Standard_D4s_v3" }))),
        ("the zones of a pool", body_with_pool(&json!({ "availabilityZones": ["1"] }))),
        (
            "the pool's subnet",
            body_with_pool(
                &json!({ "vnetSubnetID": "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/n/subnets/s" }),
            ),
        ),
    ];
    insta::assert_snapshot!(refusals(&owner, "c", &rows).await);
}

#[tokio::test]
async fn conditions_on_etags_hold() {
    let (_azlet, owner) = Azlet::with_group().await;
    let put = |header: &'static str, value: String| {
        let owner = &owner;
        async move { owner.put_with(&url("c"), &body(&json!({})), &[(header, &value)]).await }
    };
    let mut lines = String::new();
    let mut say = |rule: &str, answer: &azlet_tests::Answer| lines.push_str(&format!("{rule}\n    {}\n", refusal(answer)));
    say("If-Match on what is not there", &put("if-match", "x".into()).await);
    say("If-None-Match other than *", &put("if-none-match", "x".into()).await);
    assert_eq!(put("if-none-match", "*".into()).await.status(), 201);
    say("If-None-Match: * on what is there", &put("if-none-match", "*".into()).await);
    say("If-Match of another", &put("if-match", "x".into()).await);
    let etag = owner.get(&url("c")).await.json()["eTag"].as_str().expect("an etag").to_owned();
    let updated = put("if-match", etag.clone()).await;
    assert_eq!(updated.status(), 200, "{}", updated.golden());
    say("If-Match of a version before", &put("if-match", etag).await);
    let pool = below("c", "agentPools/nodepool1");
    let before = owner.get(&pool).await.json()["properties"]["eTag"].clone();
    let scaled = json!({ "properties": { "count": 3, "mode": "System" } });
    assert_eq!(owner.put_with(&pool, &scaled, &[("if-match", before.as_str().expect("an etag"))]).await.status(), 200);
    assert_ne!(owner.get(&pool).await.json()["properties"]["eTag"], before, "another version");
    say(
        "If-Match of a pool's version before",
        &owner.put_with(&pool, &scaled, &[("if-match", before.as_str().expect("an etag"))]).await,
    );
    insta::assert_snapshot!(lines);
}

#[tokio::test]
async fn a_subnet_needs_the_right_to_join_it_and_must_be_there() {
    let (azlet, owner) = Azlet::with_group().await;
    let network = resource_id("rg", "Microsoft.Network/virtualNetworks/net");
    let prefixes = json!({ "location": "westus2", "properties": { "addressSpace": { "addressPrefixes": ["10.0.0.0/8"] } } });
    let made = owner.put(&arm(&network, "2024-05-01"), &prefixes).await;
    assert!(made.status() < 300, "{}", made.golden());
    let subnet = format!("{network}/subnets/nodes");
    let made = owner.put(&arm(&subnet, "2024-05-01"), &json!({ "properties": { "addressPrefix": "10.0.1.0/24" } })).await;
    assert!(made.status() < 300, "{}", made.golden());
    let at = |subnet: &str, service: &str, dns: &str| {
        let mut body = body_with_pool(&json!({ "vnetSubnetID": subnet }));
        body["properties"]["networkProfile"] = json!({ "networkPlugin": "azure", "serviceCidr": service, "dnsServiceIP": dns });
        body
    };
    let rows = [
        ("what is no subnet", at("/subscriptions/x", "172.16.0.0/16", "172.16.0.10")),
        ("a subnet that is not there", at(&format!("{network}/subnets/absent"), "172.16.0.0/16", "172.16.0.10")),
        ("the services' range overlaps the subnet's", at(&subnet, "10.0.0.0/16", "10.0.0.10")),
    ];
    insta::assert_snapshot!("subnets_refused", refusals(&owner, "c", &rows).await);
    let object_id = "33333333-0000-4000-8000-000000000001";
    let app_id = "33333333-0000-4000-8000-000000000002";
    azlet
        .put_principal(&json!({ "objectId": object_id, "type": "ServicePrincipal", "appId": app_id, "clientSecret": "s" }))
        .await;
    let subscription = azlet_tests::SUBSCRIPTION;
    let role = "ed7f3fbd-7b88-4dd4-9017-9adb7ce333f8";
    let role = format!("/subscriptions/{subscription}/providers/Microsoft.Authorization/roleDefinitions/{role}");
    let assignment =
        format!("/subscriptions/{subscription}/providers/Microsoft.Authorization/roleAssignments/{}", uuid::Uuid::max());
    owner
        .put(&arm(&assignment, "2022-04-01"), &json!({ "properties": { "roleDefinitionId": role, "principalId": object_id } }))
        .await;
    let aks_contributor = azlet.bearer(azlet.token_for(app_id, "s", azlet_tests::ARM).await);
    let good = at(&subnet, "172.16.0.0/16", "172.16.0.10");
    insta::assert_snapshot!("subnet_not_to_be_joined", aks_contributor.put(&url("c"), &good).await.golden());
    assert_eq!(owner.put(&url("c"), &good).await.status(), 201);
}

#[tokio::test]
async fn names_follow_aks_rules() {
    let (_azlet, owner) = Azlet::with_group().await;
    let long = "x".repeat(64);
    let mut lines = String::new();
    for (rule, name) in [
        ("a hyphen at the end", "c-"),
        ("an underscore at the start", "_c"),
        ("too long", &long),
        ("microsoft anywhere", "my-microsoft-c"),
        ("windows anywhere", "MyWindows"),
        ("login at the start", "Login1"),
        ("xbox at the start", "xbox-c"),
        ("a reserved word as the whole name", "Azure"),
    ] {
        lines.push_str(&format!("{rule}\n    {}\n", refusal(&owner.put(&url(name), &body(&json!({}))).await)));
    }
    for (rule, name, os) in [
        ("a pool's name in capitals", "Pool", "Linux"),
        ("a pool's name with a digit first", "1pool", "Linux"),
        ("a pool's name that is too long", "averylongname", "Linux"),
        ("a Windows pool's name that is too long", "npwindo", "Windows"),
    ] {
        let pool = json!({ "name": name, "osType": os });
        lines.push_str(&format!("{rule}\n    {}\n", refusal(&owner.put(&url("c"), &body_with_pool(&pool)).await)));
    }
    let long = "d".repeat(55);
    for (rule, prefix) in
        [("a full stop in the prefix", "a.b"), ("a hyphen at its end", "a-"), ("a prefix that is too long", &long)]
    {
        let body = body(&json!({ "dnsPrefix": prefix }));
        lines.push_str(&format!("{rule}\n    {}\n", refusal(&owner.put(&url("c"), &body).await)));
    }
    insta::assert_snapshot!(lines);
    for good in ["a", "my-login", "azure1", &"y".repeat(63)] {
        assert_eq!(owner.put(&url(good), &body(&json!({}))).await.status(), 201, "{good}");
    }
}

#[tokio::test]
async fn pools_fit_together() {
    let (_azlet, owner) = Azlet::with_group().await;
    let pool = |name: &str, mode: &str, os: &str, count: u32| json!({ "name": name, "mode": mode, "osType": os, "count": count });
    let many: Vec<Value> = (0..101).map(|number| pool(&format!("np{number}"), "System", "Linux", 1)).collect();
    let of = |pools: Value| body(&json!({ "agentPoolProfiles": pools }));
    let rows = [
        ("the first pool is of Windows (inferred)", of(json!([pool("npwin", "System", "Windows", 1)]))),
        ("no system pool", of(json!([pool("np", "User", "Linux", 1)]))),
        ("a system pool without nodes", of(json!([pool("np", "System", "Linux", 0)]))),
        ("a user pool of too many nodes", of(json!([pool("np", "System", "Linux", 1), pool("np2", "User", "Linux", 1001)]))),
        ("a name twice (inferred)", of(json!([pool("np", "System", "Linux", 1), pool("np", "User", "Linux", 1)]))),
        ("a hundred and one pools (inferred)", of(json!(many))),
    ];
    insta::assert_snapshot!(refusals(&owner, "c", &rows).await);
    let good = of(json!([pool("np", "System", "Linux", 1), pool("np2", "User", "Linux", 0)]));
    assert_eq!(owner.put(&url("c"), &good).await.status(), 201);
}

#[tokio::test]
async fn a_service_principals_secret_is_tried() {
    let (azlet, owner) = Azlet::with_group().await;
    let acting_as = |profile: Value| {
        let mut body = body(&json!({ "servicePrincipalProfile": profile }));
        body.as_object_mut().expect("an object").remove("identity");
        body
    };
    let (object_id, app_id) = ("33333333-0000-4000-8000-000000000001", "33333333-0000-4000-8000-000000000002");
    let principal = json!({ "objectId": object_id, "type": "ServicePrincipal", "appId": app_id, "clientSecret": "right" });
    azlet.put_principal(&principal).await;
    let rows = [
        (
            "an application that is not there",
            acting_as(json!({ "clientId": "99999999-0000-4000-8000-000000000000", "secret": "s" })),
        ),
        ("a client id that is none (inferred)", acting_as(json!({ "clientId": "me", "secret": "s" }))),
        ("a wrong secret", acting_as(json!({ "clientId": app_id, "secret": "wrong" }))),
        ("no secret (inferred)", acting_as(json!({ "clientId": app_id }))),
    ];
    insta::assert_snapshot!("service_principal_refused", refusals(&owner, "c", &rows).await);
    assert_eq!(owner.put(&url("c"), &acting_as(json!({ "clientId": app_id, "secret": "right" }))).await.status(), 201);
    // Who reads a cluster and writes it back has no secret to send.
    assert_eq!(owner.put(&url("c"), &acting_as(json!({ "clientId": app_id }))).await.status(), 200);
    let graph = azlet.bearer(azlet.token("owner", "https://graph.microsoft.com").await);
    let application =
        graph.post("https://graph.microsoft.com/v1.0/applications", &json!({ "displayName": "short" })).await.json();
    let app_id = &application["appId"];
    graph.post("https://graph.microsoft.com/v1.0/servicePrincipals", &json!({ "appId": app_id })).await;
    let object = application["id"].as_str().expect("an id");
    let added = graph
        .post(
            &format!("https://graph.microsoft.com/v1.0/applications/{object}/addPassword"),
            &json!({ "passwordCredential": { "displayName": "an hour", "endDateTime": "2026-11-02T09:00:00Z" } }),
        )
        .await
        .json();
    azlet.advance("1h").await;
    let expired = acting_as(json!({ "clientId": app_id, "secret": added["secretText"] }));
    insta::assert_snapshot!("service_principal_secret_expired", refusal(&azlet.owner().await.put(&url("d"), &expired).await));
}
