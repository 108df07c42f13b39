//! Microsoft.ManagedIdentity: user-assigned identities, their federated credentials, what carries them. Sources: the provider's
//! specifications and answers recorded from it; texts as quoted in public, inferred ones named as such.

use azlet_tests::{Actor, Azlet, SUBSCRIPTION, TENANT, arm, resource_id};
use serde_json::{Value, json};

const VERSION: &str = "2023-01-31";

fn identity(name: &str) -> String {
    arm(&resource_id("rg", &format!("Microsoft.ManagedIdentity/userAssignedIdentities/{name}")), VERSION)
}

fn credential(identity: &str, name: &str) -> String {
    let rest = format!("Microsoft.ManagedIdentity/userAssignedIdentities/{identity}/federatedIdentityCredentials/{name}");
    arm(&resource_id("rg", &rest), VERSION)
}

async fn make(owner: &Actor, name: &str) -> Value {
    let made = owner.put(&identity(name), &json!({ "location": "westus2" })).await;
    assert_eq!(made.status(), 201, "{}", made.golden());
    made.json()
}

#[tokio::test]
async fn an_identity_lives_from_put_to_delete() {
    let (azlet, owner) = Azlet::with_group().await;
    let made = owner.put(&identity("one"), &json!({ "location": "West US 2" })).await;
    insta::assert_snapshot!("identity_made", made.golden());
    let again = owner.put(&identity("one"), &json!({ "location": "westus2", "tags": { "a": "b" } })).await;
    insta::assert_snapshot!("identity_again", again.golden());
    assert_eq!(again.json()["properties"], made.json()["properties"]);
    let patched = owner.patch(&identity("one"), &json!({ "tags": { "c": "d" } })).await;
    assert_eq!((patched.status(), &patched.json()["tags"]), (200, &json!({ "c": "d" })), "{}", patched.golden());
    let in_group = arm(&resource_id("rg", "Microsoft.ManagedIdentity/userAssignedIdentities"), VERSION);
    insta::assert_snapshot!("identities", owner.get(&in_group).await.golden());
    let everywhere = format!("/subscriptions/{SUBSCRIPTION}/providers/Microsoft.ManagedIdentity/userAssignedIdentities");
    assert_eq!(owner.get(&arm(&everywhere, VERSION)).await.json()["value"].as_array().map(Vec::len), Some(1));
    // It has a service principal, and no application.
    let graph = azlet.bearer(azlet.token("owner", "https://graph.microsoft.com").await);
    let principal = made.json()["properties"]["principalId"].as_str().expect("an id").to_owned();
    let url = format!("https://graph.microsoft.com/v1.0/servicePrincipals/{principal}");
    let select = "?$select=alternativeNames,servicePrincipalType,appDisplayName,appOwnerOrganizationId,signInAudience,info";
    insta::assert_snapshot!("identity_in_the_directory", graph.get(&format!("{url}{select}")).await.golden());
    assert_eq!(graph.delete(&url).await.status(), 400);
    assert_eq!(owner.delete(&identity("one")).await.status(), 200);
    assert_eq!(owner.delete(&identity("one")).await.status(), 204);
    assert_eq!(graph.get(&url).await.status(), 404);
    insta::assert_snapshot!("identity_gone", owner.get(&identity("one")).await.golden());
    assert_eq!(owner.patch(&identity("one"), &json!({ "tags": {} })).await.status(), 404);
}

/// Source: recorded answers of 2015-08-31-preview; later versions have no such member.
#[tokio::test]
async fn only_the_first_version_tells_where_credentials_are() {
    let (_azlet, owner) = Azlet::with_group().await;
    let properties = make(&owner, "one").await["properties"].clone();
    assert!(properties.get("clientSecretUrl").is_none(), "{properties}");
    let id = resource_id("rg", "Microsoft.ManagedIdentity/userAssignedIdentities/one");
    let old = owner.get(&arm(&id, "2015-08-31-preview")).await.json();
    let url = old["properties"]["clientSecretUrl"].as_str().expect("an address");
    assert!(url.starts_with("https://control-westus2.identity.azure.net/subscriptions/"), "{url}");
    let (principal, client) = (properties["principalId"].as_str().unwrap(), properties["clientId"].as_str().unwrap());
    assert!(
        url.ends_with(&format!("/userAssignedIdentities/one/credentials?tid={TENANT}&oid={principal}&aid={client}")),
        "{url}"
    );
}

#[tokio::test]
async fn names_and_members_of_identities_are_checked() {
    let (_azlet, owner) = Azlet::with_group().await;
    let body = json!({ "location": "westus2" });
    insta::assert_snapshot!("identity_name_short_inferred", owner.put(&identity("ab"), &body).await.golden());
    for name in ["_abc", "a.b.c", &"a".repeat(129)] {
        assert_eq!(owner.put(&identity(name), &body).await.status(), 400, "{name}");
    }
    let id = resource_id("rg", "Microsoft.ManagedIdentity/userAssignedIdentities/scoped");
    let scoped = |scope: &str| json!({ "location": "westus2", "properties": { "isolationScope": scope } });
    let wrong = owner.put(&arm(&id, "2024-11-30"), &scoped("Continental")).await;
    insta::assert_snapshot!("identity_scope_inferred", wrong.golden());
    let made = owner.put(&arm(&id, "2024-11-30"), &scoped("Regional")).await;
    assert_eq!(made.json()["properties"]["isolationScope"], "Regional", "{}", made.golden());
    assert!(owner.get(&arm(&id, VERSION)).await.json()["properties"].get("isolationScope").is_none());
}

#[tokio::test]
async fn federated_credentials_are_unique_by_issuer_and_subject_and_twenty_at_most() {
    let (_azlet, owner) = Azlet::with_group().await;
    make(&owner, "one").await;
    let body = |subject: &str| json!({ "properties": { "issuer": "https://issuer.example/", "subject": subject, "audiences": ["api://AzureADTokenExchange"] } });
    insta::assert_snapshot!("credential_made", owner.put(&credential("one", "first"), &body("s1")).await.golden());
    let again = owner.put(&credential("one", "first"), &body("s2")).await;
    assert_eq!((again.status(), again.header("location")), (200, None));
    insta::assert_snapshot!("credential_pair_taken", owner.put(&credential("one", "second"), &body("s2")).await.golden());
    insta::assert_snapshot!(
        "credential_incomplete",
        owner.put(&credential("one", "second"), &json!({ "properties": { "issuer": "https://x" } })).await.golden()
    );
    insta::assert_snapshot!("credential_name_inferred", owner.put(&credential("one", "a"), &body("s3")).await.golden());
    let mut plain = body("s3");
    plain["properties"]["issuer"] = json!("http://issuer.example/");
    assert_eq!(owner.put(&credential("one", "second"), &plain).await.status(), 400);
    for number in 1..20 {
        assert_eq!(owner.put(&credential("one", &format!("more{number}")), &body(&format!("m{number}"))).await.status(), 201);
    }
    insta::assert_snapshot!("credential_too_many_inferred", owner.put(&credential("one", "last"), &body("l")).await.golden());
    let all = owner.get(&credential("one", "")).await;
    assert_eq!(all.json()["value"].as_array().map(Vec::len), Some(20), "{}", all.golden());
    assert_eq!(owner.delete(&credential("one", "first")).await.status(), 200);
    assert_eq!(owner.delete(&credential("one", "first")).await.status(), 204);
    insta::assert_snapshot!("credential_gone", owner.get(&credential("one", "first")).await.golden());
    insta::assert_snapshot!("credential_of_nobody", owner.put(&credential("two", "first"), &body("s")).await.golden());
}

#[tokio::test]
async fn a_workload_signs_in_as_an_identity_that_trusts_its_issuer() {
    let (azlet, owner) = Azlet::with_group().await;
    let made = make(&owner, "workload").await;
    let trust = json!({ "properties": { "issuer": "https://issuer.example/", "subject": "s", "audiences": ["api://AzureADTokenExchange"] } });
    assert_eq!(owner.put(&credential("workload", "pods"), &trust).await.status(), 201);
    let key = azlet::kernel::jwt::SigningKey::default();
    let jwks = json!({ "keys": [{ "kty": "RSA", "kid": "k", "n": key.modulus(), "e": "AQAB" }] });
    let issuers = format!("{}/_azlet/issuers", azlet.endpoint());
    azlet.anonymous().post(&issuers, &json!({ "issuer": "https://issuer.example/", "jwks": jwks })).await;
    let claims =
        json!({ "iss": "https://issuer.example/", "sub": "s", "aud": "api://AzureADTokenExchange", "exp": 1_793_606_400 + 600 });
    let assertion = key.sign(&json!({ "alg": "RS256", "kid": "k" }), &claims);
    let client_id = made["properties"]["clientId"].as_str().expect("an id").to_owned();
    let ask = async || {
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", client_id.as_str()),
            ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
            ("client_assertion", assertion.as_str()),
            ("scope", "https://management.azure.com/.default"),
        ];
        azlet.anonymous().post_form(&format!("https://login.microsoftonline.com/{TENANT}/oauth2/v2.0/token"), &form).await
    };
    insta::assert_snapshot!("workload_token", ask().await.golden());
    owner.delete(&credential("workload", "pods")).await;
    assert!(ask().await.text().contains("AADSTS700211"));
    owner.put(&credential("workload", "pods"), &trust).await;
    owner.delete(&identity("workload")).await;
    assert!(ask().await.text().contains("AADSTS700016"));
}

#[tokio::test]
async fn an_identity_tells_what_carries_it() {
    let (azlet, owner) = Azlet::with_group().await;
    let one = make(&owner, "one").await;
    let list = arm(
        &resource_id("rg", "Microsoft.ManagedIdentity/userAssignedIdentities/one/listAssociatedResources"),
        "2022-01-31-preview",
    );
    insta::assert_snapshot!("associated_nothing", owner.post(&list, &json!({})).await.golden());
    let id = one["id"].as_str().expect("an id").to_owned();
    let registry = arm(&resource_id("rg", "Microsoft.ContainerRegistry/registries/carrier"), "2023-07-01");
    let body = json!({
        "location": "westus2", "sku": { "name": "Premium" },
        "identity": { "type": "SystemAssigned, UserAssigned", "userAssignedIdentities": { id: {} } },
    });
    let made = owner.put_and_wait(&registry, &body).await;
    assert_eq!(made.status(), 200, "{}", made.golden());
    insta::assert_snapshot!("associated_registry", owner.post(&list, &json!({})).await.golden());
    let default = resource_id(
        "rg",
        "Microsoft.ContainerRegistry/registries/carrier/providers/Microsoft.ManagedIdentity/identities/default",
    );
    insta::assert_snapshot!("system_assigned", owner.get(&arm(&default, VERSION)).await.golden());
    let none = resource_id(
        "rg",
        "Microsoft.ManagedIdentity/userAssignedIdentities/one/providers/Microsoft.ManagedIdentity/identities/default",
    );
    assert_eq!(owner.get(&arm(&none, VERSION)).await.status(), 404);
    let reader = azlet.actor("reader").await;
    assert_eq!(reader.post(&list, &json!({})).await.status(), 403);
    let revoke = resource_id("rg", "Microsoft.ManagedIdentity/userAssignedIdentities/one/revokeTokens");
    assert_eq!(owner.post(&arm(&revoke, "2023-07-31-preview"), &json!({})).await.status(), 200);
    let operations = owner.get(&arm("/providers/Microsoft.ManagedIdentity/operations", VERSION)).await;
    assert!(operations.text().contains("userAssignedIdentities/assign/action"), "{}", operations.golden());
}
