//! What a registry may be: SKUs, properties, policies, network rules, encryption, identities, names. Each row of a table is a rule of
//! Container Registry's specification or documentation; the codes are inferred unless a recorded or reported answer is named beside.

use azlet_tests::{Actor, Answer, Azlet, arm, resource_id};
use serde_json::{Value, json};

const VERSION: &str = "2026-09-01-preview";

fn id(name: &str) -> String {
    resource_id("rg", &format!("Microsoft.ContainerRegistry/registries/{name}"))
}

fn url(name: &str) -> String {
    arm(&id(name), VERSION)
}

fn below(name: &str, rest: &str) -> String {
    arm(&format!("{}/{rest}", id(name)), VERSION)
}

fn body(sku: &str, properties: Value) -> Value {
    json!({ "location": "westus", "sku": { "name": sku }, "properties": properties })
}

/// A row of a table: what was asked, and how it was answered.
fn row(case: &str, answer: &Answer) -> String {
    let body = answer.json();
    match body["error"]["message"].as_str() {
        Some(message) => format!("{case}\n    {} {}: {message}", answer.status(), answer.error_code()),
        None => format!("{case}\n    {}", answer.status()),
    }
}

async fn table(owner: &Actor, name: &str, patch: bool, rows: &[(&str, Value)]) -> String {
    let mut lines = Vec::new();
    for (case, body) in rows {
        let answer = if patch { owner.patch(&url(name), body).await } else { owner.put(&url(name), body).await };
        if !patch {
            owner.delete(&url(name)).await;
        }
        lines.push(row(case, &answer));
    }
    lines.join("\n")
}

#[tokio::test]
async fn each_sku_refuses_what_it_does_not_offer() {
    let (_azlet, owner) = Azlet::with_group().await;
    let mut rows = vec![("Classic is retired", body("Classic", json!({}))), ("no SKU at all", json!({ "location": "westus" }))];
    for sku in ["Basic", "Standard", "Premium"] {
        for (case, properties) in [
            ("anonymous pull", json!({ "anonymousPullEnabled": true })),
            ("default action Deny (reported)", json!({ "networkRuleSet": { "defaultAction": "Deny" } })),
            ("an address rule (reported)", json!({ "networkRuleSet": { "ipRules": [{ "value": "10.0.0.1" }] } })),
            ("public access disabled (reported)", json!({ "publicNetworkAccess": "Disabled" })),
            ("data endpoints (reported)", json!({ "dataEndpointEnabled": true })),
            ("regional endpoints", json!({ "regionalEndpoints": "Enabled" })),
            ("zone redundancy", json!({ "zoneRedundancy": "Enabled" })),
            ("retention", json!({ "policies": { "retentionPolicy": { "status": "enabled" } } })),
            ("content trust", json!({ "policies": { "trustPolicy": { "status": "enabled" } } })),
            ("quarantine", json!({ "policies": { "quarantinePolicy": { "status": "enabled" } } })),
            ("soft delete", json!({ "policies": { "softDeletePolicy": { "status": "enabled" } } })),
            (
                "a key of one's own",
                json!({ "encryption": { "status": "enabled", "keyVaultProperties": { "keyIdentifier": "https://v.vault.azure.net/keys/k" } } }),
            ),
            ("metadata search", json!({ "metadataSearch": "Enabled" })),
            ("repository permissions", json!({ "roleAssignmentMode": "AbacRepositoryPermissions" })),
        ] {
            rows.push((case, body(sku, properties)));
        }
    }
    insta::assert_snapshot!(table(&owner, "myregistry", false, &rows).await);
}

#[tokio::test]
async fn values_that_cannot_be_are_named_with_their_property() {
    let (_azlet, owner) = Azlet::with_group().await;
    let premium = |properties: Value| body("Premium", properties);
    let rules = |rules: Value| premium(json!({ "networkRuleSet": rules }));
    let key = |id: &str| json!({ "encryption": { "status": "enabled", "keyVaultProperties": { "keyIdentifier": id } } });
    let rows = [
        ("a flag that is none", premium(json!({ "adminUserEnabled": "yes" }))),
        ("an unknown word", premium(json!({ "publicNetworkAccess": "Sometimes" }))),
        ("a word in another case", premium(json!({ "publicNetworkAccess": "enabled" }))),
        ("an unknown property is left alone", premium(json!({ "colour": "red" }))),
        ("an unknown default action", rules(json!({ "defaultAction": "Maybe" }))),
        ("an address that is none", rules(json!({ "ipRules": [{ "value": "10.0.0.256" }] }))),
        ("a range that is none", rules(json!({ "ipRules": [{ "value": "10.0.0.0/33" }] }))),
        ("a rule that denies", rules(json!({ "ipRules": [{ "value": "10.0.0.1", "action": "Deny" }] }))),
        ("a rule for something else than a subnet", rules(json!({ "virtualNetworkRules": [{ "id": "/subscriptions/x" }] }))),
        (
            "more rules than there may be",
            rules(json!({ "ipRules": (0..101).map(|it| json!({ "value": format!("10.0.0.{it}") })).collect::<Vec<_>>() })),
        ),
        ("retention for more than a year", premium(json!({ "policies": { "retentionPolicy": { "days": 366 } } }))),
        ("soft delete for no day", premium(json!({ "policies": { "softDeletePolicy": { "retentionDays": 0 } } }))),
        ("soft delete for 91 days", premium(json!({ "policies": { "softDeletePolicy": { "retentionDays": 91 } } }))),
        ("a policy with an unknown status", premium(json!({ "policies": { "trustPolicy": { "status": "on" } } }))),
        ("a key that is none", premium(key("https://vault/secrets/x"))),
        ("a key without an identity to reach it", premium(key("https://v.vault.azure.net/keys/k"))),
        ("exports forbidden on a public registry", premium(json!({ "policies": { "exportPolicy": { "status": "disabled" } } }))),
        (
            "exports forbidden on a private registry (recorded)",
            premium(json!({ "publicNetworkAccess": "Disabled", "policies": { "exportPolicy": { "status": "disabled" } } })),
        ),
        (
            "retention and soft delete together (recorded)",
            premium(
                json!({ "policies": { "retentionPolicy": { "status": "enabled" }, "softDeletePolicy": { "status": "enabled" } } }),
            ),
        ),
        (
            "regional endpoints with content trust",
            premium(json!({ "regionalEndpoints": "Enabled", "policies": { "trustPolicy": { "status": "enabled" } } })),
        ),
        ("an unknown scope of the name label", premium(json!({ "autoGeneratedDomainNameLabelScope": "Everywhere" }))),
    ];
    insta::assert_snapshot!(table(&owner, "myregistry", false, &rows).await);
}

#[tokio::test]
async fn a_put_replaces_and_a_patch_changes() {
    let (_azlet, owner) = Azlet::with_group().await;
    let first = json!({
        "location": "westus", "sku": { "name": "Premium" }, "tags": { "a": "1" },
        "properties": { "adminUserEnabled": true, "dataEndpointEnabled": true, "networkRuleSet": { "defaultAction": "Deny", "ipRules": [{ "value": "10.0.0.1" }] } },
    });
    let made = owner.put(&url("myregistry"), &first).await;
    assert_eq!(made.status(), 200, "recorded: without anonymous pull or encryption a registry is there at once");
    let patched = owner.patch(&url("myregistry"), &json!({ "properties": { "networkRuleSet": { "ipRules": [] } } })).await.json();
    assert_eq!(patched["properties"]["networkRuleSet"]["defaultAction"], "Deny");
    assert_eq!((&patched["properties"]["adminUserEnabled"], &patched["tags"]["a"]), (&json!(true), &json!("1")));
    let put = owner.put(&url("myregistry"), &body("Premium", json!({ "anonymousPullEnabled": false }))).await;
    assert_eq!((put.status(), &put.json()["properties"]["provisioningState"]), (201, &json!("Updating")), "recorded");
    let now = owner.get(&url("myregistry")).await.json();
    assert_eq!(now["properties"]["creationDate"], made.json()["properties"]["creationDate"]);
    assert_eq!(now["properties"]["adminUserEnabled"], false);
    assert_eq!(now["properties"]["networkRuleSet"]["defaultAction"], "Allow");
    assert_eq!(now["tags"], json!({}));
}

#[tokio::test]
async fn what_a_registry_keeps_for_life_cannot_change() {
    let (_azlet, owner) = Azlet::with_group().await;
    owner.put(&url("myregistry"), &body("Premium", json!({ "zoneRedundancy": "Enabled" }))).await;
    let dnl = json!({ "autoGeneratedDomainNameLabelScope": "TenantReuse" });
    let rows = [
        ("zone redundancy", json!({ "properties": { "zoneRedundancy": "Disabled" } })),
        (
            "encryption",
            json!({ "properties": { "encryption": { "status": "enabled", "keyVaultProperties": { "keyIdentifier": "https://v.vault.azure.net/keys/k" } } } }),
        ),
        ("to a SKU without what is in use", json!({ "sku": { "name": "Basic" } })),
        ("to Classic", json!({ "sku": { "name": "Classic" } })),
    ];
    let mut lines = table(&owner, "myregistry", true, &rows).await;
    lines.push('\n');
    lines.push_str(&row("the scope of its name label", &owner.put(&url("myregistry"), &body("Premium", dnl)).await));
    owner.put(&url("other1"), &body("Premium", json!({}))).await;
    assert_eq!(owner.put(&below("other1", "replications/eastus"), &json!({ "location": "eastus" })).await.status(), 201);
    lines.push('\n');
    lines.push_str(&row(
        "a SKU below Premium with a replication",
        &owner.patch(&url("other1"), &json!({ "sku": { "name": "Standard" } })).await,
    ));
    owner.put(&url("third1"), &body("Standard", json!({}))).await;
    let hook = json!({ "location": "westus", "properties": { "serviceUri": "http://localhost", "actions": ["push"] } });
    for number in 0..3 {
        assert_eq!(owner.put(&below("third1", &format!("webhooks/hook{number}x")), &hook).await.status(), 200);
    }
    lines.push('\n');
    lines.push_str(&row("a SKU with fewer webhooks", &owner.patch(&url("third1"), &json!({ "sku": { "name": "Basic" } })).await));
    assert_eq!(
        owner.patch(&url("third1"), &json!({ "sku": { "name": "Premium" } })).await.json()["properties"]["networkRuleSet"]["defaultAction"],
        "Allow"
    );
    insta::assert_snapshot!(lines);
}

#[tokio::test]
async fn a_generated_label_follows_its_scope() {
    let (_azlet, owner) = Azlet::with_group().await;
    let made = async |name: &str, scope: &str| {
        let answer = owner.put(&url(name), &body("Basic", json!({ "autoGeneratedDomainNameLabelScope": scope }))).await;
        let host = answer.json()["properties"]["loginServer"].as_str().expect("a host").to_owned();
        owner.delete(&url(name)).await;
        host
    };
    assert_eq!(made("labelled", "Unsecure").await, "labelled.azurecr.io");
    for scope in ["TenantReuse", "SubscriptionReuse", "ResourceGroupReuse"] {
        let (one, other) = (made("labelled", scope).await, made("labelled", scope).await);
        assert!(one.starts_with("labelled-") && one.len() == "labelled-.azurecr.io".len() + 16, "{one}");
        assert_eq!(one, other, "{scope}: the same name gets the same label");
    }
    assert_ne!(made("labelled", "NoReuse").await, made("labelled", "NoReuse").await);
    // Recorded: a name is in use in all of Azure, whatever its label would be.
    owner.put(&url("labelled"), &body("Basic", json!({ "autoGeneratedDomainNameLabelScope": "ResourceGroupReuse" }))).await;
    owner
        .put(
            &arm(&format!("/subscriptions/{}/resourceGroups/rg2", azlet_tests::SUBSCRIPTION), "2024-11-01"),
            &json!({ "location": "westus" }),
        )
        .await;
    let elsewhere = arm(&id("labelled").replace("/rg/", "/rg2/"), VERSION);
    let taken = owner.put(&elsewhere, &body("Basic", json!({ "autoGeneratedDomainNameLabelScope": "ResourceGroupReuse" }))).await;
    assert_eq!((taken.status(), taken.error_code().as_str()), (409, "RegistryNameAlreadyInUse"));
}

#[tokio::test]
async fn an_own_key_needs_an_identity_and_can_be_rotated() {
    let (_azlet, owner) = Azlet::with_group().await;
    let identity = resource_id("rg", "Microsoft.ManagedIdentity/userAssignedIdentities/id1");
    let made = owner.put(&arm(&identity, "2024-11-30"), &json!({ "location": "westus" })).await.json();
    let client = &made["properties"]["clientId"];
    let keyed = |key: &str| json!({ "status": "enabled", "keyVaultProperties": { "keyIdentifier": key, "identity": client } });
    let mut body =
        body("Premium", json!({ "encryption": keyed("https://v.vault.azure.net/keys/k/0123456789abcdef0123456789abcdef") }));
    body["identity"] = json!({ "type": "UserAssigned", "userAssignedIdentities": { identity.clone(): {} } });
    let started = owner.put(&url("myregistry"), &body).await;
    insta::assert_snapshot!("registry_own_key", started.golden());
    owner.follow(&started).await;
    let rotated = json!({ "properties": { "encryption": keyed("https://v.vault.azure.net/keys/k2") } });
    let rotated = owner.patch(&url("myregistry"), &rotated).await.json();
    let key = &rotated["properties"]["encryption"]["keyVaultProperties"];
    assert_eq!(key["keyRotationEnabled"], true, "a key without a version follows the newest");
    assert!(
        key["versionedKeyIdentifier"].as_str().is_some_and(|id| id.len() == "https://v.vault.azure.net/keys/k2/".len() + 32),
        "{key}"
    );
    assert!(key["lastKeyRotationTimestamp"].is_string());
    let gone = owner.patch(&url("myregistry"), &json!({ "identity": { "type": "None" } })).await;
    assert_eq!((gone.status(), gone.error_code().as_str()), (400, "EncryptionIdentityMissing"));
}

#[tokio::test]
async fn identities_are_added_and_taken_away_one_by_one() {
    let (_azlet, owner) = Azlet::with_group().await;
    let ids = ["id1", "id2"].map(|name| resource_id("rg", &format!("Microsoft.ManagedIdentity/userAssignedIdentities/{name}")));
    for id in &ids {
        owner.put(&arm(id, "2024-11-30"), &json!({ "location": "westus" })).await;
    }
    owner.put(&url("myregistry"), &body("Premium", json!({}))).await;
    let assign = async |kind: &str, users: Value| {
        let answer =
            owner.patch(&url("myregistry"), &json!({ "identity": { "type": kind, "userAssignedIdentities": users } })).await;
        assert_eq!(answer.status(), 200, "{}", answer.golden());
        let identity = answer.json()["identity"].clone();
        let users = identity["userAssignedIdentities"].as_object().map_or(0, |users| users.len());
        format!("{} with {users}, principal: {}", identity["type"], identity["principalId"].is_string())
    };
    let lines = [
        assign("UserAssigned", json!({ &ids[0]: {} })).await,
        assign("SystemAssigned, UserAssigned", json!({ &ids[1]: {} })).await,
        assign("SystemAssigned, UserAssigned", json!({ &ids[0]: null })).await,
        assign("SystemAssigned", json!(null)).await,
        assign("None", json!(null)).await,
    ];
    insta::assert_snapshot!(lines.join("\n"));
}

#[tokio::test]
async fn old_versions_list_and_change_policies_in_their_own_way() {
    let (_azlet, owner) = Azlet::with_group().await;
    owner.put(&url("myregistry"), &body("Premium", json!({}))).await;
    let old = |verb: &str| arm(&format!("{}/{verb}", id("myregistry")), "2019-05-01");
    insta::assert_snapshot!("policies_listed", owner.get(&old("listPolicies")).await.golden());
    let changed = owner.post(&old("updatePolicies"), &json!({ "retentionPolicy": { "days": 30, "status": "enabled" } })).await;
    assert_eq!((changed.status(), &changed.json()["retentionPolicy"]["days"]), (200, &json!(30)));
    assert_eq!(owner.get(&url("myregistry")).await.json()["properties"]["policies"]["retentionPolicy"]["status"], "enabled");
}

/// Source: recorded answers: 2021-08-01-preview, which clients use for these rules, shows them; 2023-11-01-preview does not.
#[tokio::test]
async fn rules_for_virtual_networks_are_seen_in_the_versions_that_have_them() {
    let (_azlet, owner) = Azlet::with_group().await;
    let subnet = resource_id("rg", "Microsoft.Network/virtualNetworks/net/subnets/nodes");
    let rules =
        json!({ "networkRuleSet": { "defaultAction": "Deny", "virtualNetworkRules": [{ "action": "Allow", "id": subnet }] } });
    let old = arm(&id("netrules"), "2021-08-01-preview");
    owner.put_and_wait(&arm(&id("netrules"), "2023-11-01-preview"), &body("Premium", json!({}))).await;
    let shown = owner.get(&old).await.json();
    assert_eq!(shown["properties"]["networkRuleSet"]["virtualNetworkRules"], json!([]), "{shown}");
    let patched = owner.patch(&old, &json!({ "properties": rules })).await;
    assert_eq!(patched.status(), 200, "{}", patched.golden());
    assert_eq!(patched.json()["properties"]["networkRuleSet"]["virtualNetworkRules"][0]["id"], json!(subnet));
    let new = owner.get(&arm(&id("netrules"), "2023-11-01-preview")).await.json();
    assert_eq!(new["properties"]["networkRuleSet"], json!({ "defaultAction": "Deny", "ipRules": [] }));
}
