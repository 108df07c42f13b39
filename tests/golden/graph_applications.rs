//! Microsoft Graph's applications and service principals: create, change, credentials, owners, deletion, and who may. Sources: the
//! Graph v1.0 reference; errors as quoted in public, inferred ones named as such.

use azlet_tests::{Actor, Answer, Azlet, TENANT};
use rcgen::{CertificateParams, KeyPair};
use serde_json::{Value, json};

const GRAPH: &str = "https://graph.microsoft.com/v1.0";
const ADA: &str = "0a210000-0000-4000-8000-0000000000c1";

async fn graph(azlet: &Azlet, who: &str) -> Actor {
    azlet.bearer(azlet.token(who, "https://graph.microsoft.com").await)
}

fn url(path: &str) -> String {
    format!("{GRAPH}/{path}")
}

async fn application(owner: &Actor, name: &str) -> (String, String) {
    let made = owner.post(&url("applications"), &json!({ "displayName": name, "keyCredentials": [] })).await;
    assert_eq!(made.status(), 201, "{}", made.golden());
    let text = |member: &str| made.json()[member].as_str().expect("text").to_owned();
    (text("id"), text("appId"))
}

/// A user of the seed with a token for Graph.
async fn person(azlet: &Azlet) -> Actor {
    let form = [
        ("grant_type", "password"),
        ("client_id", "04b07795-8ddb-461a-bbee-02f9e1bf7b46"),
        ("username", "ada@azlet.onmicrosoft.com"),
        ("password", "azlet~user~password"),
        ("scope", "https://graph.microsoft.com//.default"),
    ];
    let answer =
        azlet.anonymous().post_form(&format!("https://login.microsoftonline.com/{TENANT}/oauth2/v2.0/token"), &form).await;
    azlet.bearer(answer.json()["access_token"].as_str().expect("a token"))
}

#[tokio::test]
async fn an_application_lives_from_post_to_purge() {
    let azlet = Azlet::start().await;
    let owner = graph(&azlet, "owner").await;
    let made = owner.post(&url("applications"), &json!({ "displayName": "app", "keyCredentials": [] })).await;
    insta::assert_snapshot!("application_made", made.golden());
    let (id, app_id) =
        (made.json()["id"].as_str().expect("id").to_owned(), made.json()["appId"].as_str().expect("id").to_owned());
    let change = json!({
        "displayName": "renamed", "identifierUris": [format!("api://{app_id}")], "web": { "redirectUris": ["https://a.example/x"] },
        "appRoles": [{ "id": "55555555-0000-4000-8000-000000000001", "value": "r", "displayName": "r", "description": "r",
            "isEnabled": true, "allowedMemberTypes": ["User"] }],
    });
    let changed = owner.patch(&url(&format!("applications/{id}")), &change).await;
    insta::assert_snapshot!("application_changed", changed.golden());
    let one = owner.get(&url(&format!("applications(appId='{app_id}')?$select=displayName,identifierUris,web,appRoles"))).await;
    insta::assert_snapshot!("application_after_the_change", one.golden());
    let found = owner.get(&url(&format!("applications?$filter=identifierUris/any(s:s eq 'api://{app_id}')&$select=appId"))).await;
    assert_eq!(found.json()["value"].as_array().map(Vec::len), Some(1), "{}", found.golden());
    let principal = owner.post(&url("servicePrincipals"), &json!({ "appId": app_id, "accountEnabled": true })).await;
    insta::assert_snapshot!("service_principal_made", principal.golden());
    let principal_id = principal.json()["id"].as_str().expect("id").to_owned();
    // A deleted application takes its service principal along; both can be brought back, or purged.
    assert_eq!(owner.delete(&url(&format!("applications/{id}"))).await.status(), 204);
    insta::assert_snapshot!("application_gone", owner.get(&url(&format!("applications/{id}"))).await.golden());
    assert_eq!(owner.get(&url(&format!("servicePrincipals/{principal_id}"))).await.status(), 404);
    let deleted = owner.get(&url("directory/deletedItems/microsoft.graph.application?$select=displayName,deletedDateTime")).await;
    insta::assert_snapshot!("application_deleted", deleted.golden());
    let restored = owner.post(&url(&format!("directory/deletedItems/{id}/restore")), &json!({})).await;
    assert_eq!(restored.status(), 200, "{}", restored.golden());
    assert_eq!(owner.get(&url(&format!("servicePrincipals/{principal_id}"))).await.status(), 200);
    owner.delete(&url(&format!("applications/{id}"))).await;
    assert_eq!(owner.delete(&url(&format!("directory/deletedItems/{id}"))).await.status(), 204);
    assert_eq!(owner.post(&url(&format!("directory/deletedItems/{id}/restore")), &json!({})).await.status(), 404);
}

#[tokio::test]
async fn what_breaks_a_rule_of_applications_is_refused() {
    let azlet = Azlet::start().await;
    let owner = graph(&azlet, "owner").await;
    let (id, app_id) = application(&owner, "first").await;
    let taken = format!("api://{app_id}");
    owner.patch(&url(&format!("applications/{id}")), &json!({ "identifierUris": [taken] })).await;
    for (name, body) in [
        ("no_name", json!({ "keyCredentials": [] })),
        ("uri_taken", json!({ "displayName": "x", "identifierUris": [taken] })),
        ("uri_of_another_domain", json!({ "displayName": "x", "identifierUris": ["https://evil.example/x"] })),
        ("read_only_inferred", json!({ "displayName": "x", "appId": app_id })),
        ("unknown_member_inferred", json!({ "displayName": "x", "colour": "red" })),
        ("wrong_type_inferred", json!({ "displayName": "x", "tags": "red" })),
        ("password_in_the_body", json!({ "displayName": "x", "passwordCredentials": [{ "displayName": "p" }] })),
        ("key_that_is_none", json!({ "displayName": "x", "keyCredentials": [{ "key": "AAAA", "type": "AsymmetricX509Cert" }] })),
        ("audience_unknown", json!({ "displayName": "x", "signInAudience": "Everyone" })),
    ] {
        insta::assert_snapshot!(format!("application_{name}"), owner.post(&url("applications"), &body).await.golden());
    }
    let absent = owner.post(&url("servicePrincipals"), &json!({ "appId": "99999999-0000-4000-8000-000000000000" })).await;
    insta::assert_snapshot!("service_principal_without_application", absent.golden());
    owner.post(&url("servicePrincipals"), &json!({ "appId": app_id })).await;
    let twice = owner.post(&url("servicePrincipals"), &json!({ "appId": app_id })).await;
    assert_eq!(twice.status(), 409);
    assert!(twice.text().contains("Request_MultipleObjectsWithSameKeyValue"), "{}", twice.golden());
    let empty = owner.send_bytes(reqwest::Method::POST, &url("applications"), "application/json", "").await;
    insta::assert_snapshot!("body_empty", empty.golden());
    let malformed = owner.send_bytes(reqwest::Method::POST, &url("applications"), "application/json", "{").await;
    insta::assert_snapshot!("body_malformed", malformed.golden());
    insta::assert_snapshot!("collection_goes_on", owner.get(&url("applications/owners")).await.golden());
}

#[tokio::test]
async fn secrets_are_shown_once_and_open_the_token_endpoint() {
    let azlet = Azlet::start().await;
    let owner = graph(&azlet, "owner").await;
    let (id, app_id) = application(&owner, "app").await;
    // Without a service principal there is nobody to sign in.
    let body = json!({ "passwordCredential": { "displayName": "rbac", "startDateTime": "2026-11-02T08:00:00Z",
        "endDateTime": "2027-11-02T08:00:00Z" } });
    let made = owner.post(&url(&format!("applications/{id}/addPassword")), &body).await;
    let (secret, key) = (made.json()["secretText"].as_str().expect("a secret").to_owned(), made.json()["keyId"].clone());
    assert_eq!((made.status(), secret.len(), made.json()["hint"].as_str()), (200, 40, Some(&secret[..3])));
    assert_eq!(made.json()["endDateTime"], "2027-11-02T08:00:00Z");
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", app_id.as_str()),
        ("client_secret", secret.as_str()),
        ("scope", "https://management.azure.com/.default"),
    ];
    let token = format!("https://login.microsoftonline.com/{TENANT}/oauth2/v2.0/token");
    insta::assert_snapshot!("no_service_principal", azlet.anonymous().post_form(&token, &form).await.golden());
    let principal = owner.post(&url("servicePrincipals"), &json!({ "appId": app_id })).await.json()["id"].clone();
    assert_eq!(azlet.anonymous().post_form(&token, &form).await.status(), 200);
    let shown = owner.get(&url(&format!("applications/{id}?$select=passwordCredentials"))).await;
    assert!(
        !shown.text().contains(&secret) && shown.json()["passwordCredentials"][0]["secretText"].is_null(),
        "{}",
        shown.golden()
    );
    // Disabled, expired, removed.
    let principal = url(&format!("servicePrincipals/{}", principal.as_str().expect("an id")));
    owner.patch(&principal, &json!({ "accountEnabled": false })).await;
    insta::assert_snapshot!("application_disabled", azlet.anonymous().post_form(&token, &form).await.golden());
    owner.patch(&principal, &json!({ "accountEnabled": true })).await;
    azlet.advance("8760h").await;
    insta::assert_snapshot!("secret_expired", azlet.anonymous().post_form(&token, &form).await.golden());
    let owner = graph(&azlet, "owner").await;
    let removed = owner.post(&url(&format!("applications/{id}/removePassword")), &json!({ "keyId": key })).await;
    assert_eq!(removed.status(), 204, "{}", removed.golden());
    insta::assert_snapshot!(
        "secret_removed_twice_inferred",
        owner.post(&url(&format!("applications/{id}/removePassword")), &json!({ "keyId": key })).await.golden()
    );
    assert!(azlet.anonymous().post_form(&token, &form).await.text().contains("AADSTS7000215"));
}

#[tokio::test]
async fn certificates_replace_the_whole_list_and_known_ones_need_no_key() {
    use base64::Engine as _;
    let azlet = Azlet::start().await;
    let owner = graph(&azlet, "owner").await;
    let (id, _) = application(&owner, "app").await;
    let certificate = CertificateParams::default().self_signed(&KeyPair::generate().expect("a key")).expect("a certificate");
    let key = base64::engine::general_purpose::STANDARD.encode(certificate.der());
    let entry = json!({ "@odata.type": "#microsoft.graph.keyCredential", "key": key, "type": "AsymmetricX509Cert", "usage": "Verify",
        "startDateTime": "2026-11-02T08:00:00Z", "endDateTime": "2027-11-02T08:00:00Z", "displayName": "CN=app" });
    let application = url(&format!("applications/{id}"));
    let put = owner.patch(&application, &json!({ "keyCredentials": [entry] })).await;
    assert_eq!(put.status(), 204, "{}", put.golden());
    let mut known = owner.get(&application).await.json()["keyCredentials"].clone();
    assert_eq!(known[0]["customKeyIdentifier"].as_str().map(str::len), Some(40), "{known}");
    assert_eq!((&known[0]["key"], &known[0]["displayName"]), (&Value::Null, &json!("CN=app")));
    known.as_array_mut().expect("a list").push(entry);
    assert_eq!(owner.patch(&application, &json!({ "keyCredentials": known })).await.status(), 204);
    assert_eq!(owner.get(&application).await.json()["keyCredentials"].as_array().map(Vec::len), Some(2));
    let late = json!({ "key": key, "type": "AsymmetricX509Cert", "usage": "Verify", "endDateTime": "9999-01-01T00:00:00Z" });
    let refused = owner.patch(&application, &json!({ "keyCredentials": [late] })).await;
    insta::assert_snapshot!("key_ends_after_its_certificate", refused.golden());
}

#[tokio::test]
async fn trusts_have_unique_names_and_pairs_and_are_twenty_at_most() {
    let azlet = Azlet::start().await;
    let owner = graph(&azlet, "owner").await;
    let (id, _) = application(&owner, "app").await;
    let trusts = url(&format!("applications/{id}/federatedIdentityCredentials"));
    let body = |name: &str, subject: &str| {
        json!({ "name": name, "issuer": "https://token.example/", "subject": subject, "description": "d",
            "audiences": ["api://AzureADTokenExchange"] })
    };
    insta::assert_snapshot!("trust_made", owner.post(&trusts, &body("Testing", "one")).await.golden());
    insta::assert_snapshot!("trust_name_taken", owner.post(&trusts, &body("Testing", "two")).await.golden());
    insta::assert_snapshot!("trust_pair_taken", owner.post(&trusts, &body("Other", "one")).await.golden());
    insta::assert_snapshot!("trust_name_invalid_inferred", owner.post(&trusts, &body("a b", "two")).await.golden());
    let mut two = body("Other", "two");
    two["audiences"] = json!(["a", "b"]);
    assert_eq!(owner.post(&trusts, &two).await.status(), 400);
    insta::assert_snapshot!("trust_by_name", owner.get(&format!("{trusts}/testing")).await.golden());
    let changed = owner.patch(&format!("{trusts}/Testing"), &json!({ "subject": "three", "description": null })).await;
    assert_eq!(changed.status(), 204, "{}", changed.golden());
    for number in 0..19 {
        assert_eq!(owner.post(&trusts, &body(&format!("more{number}"), &format!("more{number}"))).await.status(), 201);
    }
    insta::assert_snapshot!("trust_too_many_inferred", owner.post(&trusts, &body("last", "last")).await.golden());
    assert_eq!(owner.delete(&format!("{trusts}/Testing")).await.status(), 204);
    assert_eq!(owner.get(&format!("{trusts}/Testing")).await.status(), 404);
}

#[tokio::test]
async fn owners_are_references() {
    let azlet = Azlet::start().await;
    let owner = graph(&azlet, "owner").await;
    let (id, _) = application(&owner, "app").await;
    let owners = url(&format!("applications/{id}/owners"));
    let reference = |id: &str| json!({ "@odata.id": format!("{GRAPH}/directoryObjects/{id}") });
    assert_eq!(owner.post(&format!("{owners}/$ref"), &reference(ADA)).await.status(), 204);
    insta::assert_snapshot!("owner_twice", owner.post(&format!("{owners}/$ref"), &reference(ADA)).await.golden());
    let absent = reference("99999999-0000-4000-8000-000000000000");
    assert_eq!(owner.post(&format!("{owners}/$ref"), &absent).await.status(), 404);
    insta::assert_snapshot!("owners", owner.get(&owners).await.golden());
    // An owner may change what it owns, whatever its role.
    let ada = person(&azlet).await;
    let owned = ada.get(&url("me/ownedObjects?$select=displayName")).await;
    assert!(owned.text().contains("\"app\""), "{}", owned.golden());
    assert_eq!(owner.delete(&format!("{owners}/{ADA}/$ref")).await.status(), 204);
    assert_eq!(owner.delete(&format!("{owners}/{ADA}/$ref")).await.status(), 404);
}

#[tokio::test]
async fn who_holds_no_directory_role_changes_nothing_but_what_it_owns() {
    let azlet = Azlet::start().await;
    let owner = graph(&azlet, "owner").await;
    let (id, app_id) = application(&owner, "app").await;
    let denied =
        |answer: Answer| assert_eq!((answer.status(), answer.error_code().as_str()), (403, "Authorization_RequestDenied"));
    for who in ["contributor", "reader", "nobody"] {
        let actor = graph(&azlet, who).await;
        denied(actor.post(&url("applications"), &json!({ "displayName": "x" })).await);
        denied(actor.post(&url("servicePrincipals"), &json!({ "appId": app_id })).await);
        denied(actor.post(&url("users"), &json!({ "displayName": "x" })).await);
        denied(actor.post(&url("groups"), &json!({ "displayName": "x" })).await);
        denied(actor.patch(&url(&format!("applications/{id}")), &json!({ "displayName": "x" })).await);
        denied(actor.post(&url(&format!("applications/{id}/addPassword")), &json!({})).await);
        denied(actor.delete(&url(&format!("applications/{id}"))).await);
        assert_eq!(actor.get(&url("applications")).await.status(), 200);
    }
    let reader = azlet.object_id("reader").to_string();
    let reference = json!({ "@odata.id": format!("{GRAPH}/directoryObjects/{reader}") });
    owner.post(&url(&format!("applications/{id}/owners/$ref")), &reference).await;
    let actor = graph(&azlet, "reader").await;
    assert_eq!(actor.patch(&url(&format!("applications/{id}")), &json!({ "displayName": "x" })).await.status(), 204);
    // A role can be given to anyone.
    azlet
        .put_principal(&json!({
            "objectId": "66666666-0000-4000-8000-000000000001", "type": "ServicePrincipal", "clientSecret": "s",
            "appId": "66666666-0000-4000-8000-000000000002", "directoryRoles": ["Groups Administrator"],
        }))
        .await;
    let token = azlet.token_for("66666666-0000-4000-8000-000000000002", "s", "https://graph.microsoft.com").await;
    let groups = azlet.bearer(token);
    let group = json!({ "displayName": "g", "mailEnabled": false, "mailNickname": "g", "securityEnabled": true });
    assert_eq!(groups.post(&url("groups"), &group).await.status(), 201);
    denied(groups.post(&url("applications"), &json!({ "displayName": "x" })).await);
}

#[tokio::test]
async fn delegated_permissions_are_granted_once() {
    let azlet = Azlet::start().await;
    let owner = graph(&azlet, "owner").await;
    let (_, app_id) = application(&owner, "app").await;
    let client = owner.post(&url("servicePrincipals"), &json!({ "appId": app_id })).await.json()["id"].clone();
    let filter = "servicePrincipals?$filter=appId eq '00000003-0000-0000-c000-000000000000'";
    let resource = owner.get(&url(filter)).await.json()["value"][0]["id"].clone();
    let body = json!({ "clientId": client, "consentType": "AllPrincipals", "resourceId": resource, "scope": "User.Read" });
    let made = owner.post(&url("oauth2PermissionGrants"), &body).await;
    assert_eq!((made.status(), made.json()["id"].as_str().map(str::len)), (201, Some(43)), "{}", made.golden());
    assert!(owner.post(&url("oauth2PermissionGrants"), &body).await.text().contains("Permission entry already exists."));
    let id = made.json()["id"].as_str().expect("an id").to_owned();
    let found = owner.get(&url(&format!("oauth2PermissionGrants?$filter=clientId eq {client}").replace('"', "'"))).await;
    assert_eq!(found.json()["value"].as_array().map(Vec::len), Some(1), "{}", found.golden());
    assert_eq!(owner.delete(&url(&format!("oAuth2PermissionGrants/{id}"))).await.status(), 204);
}
