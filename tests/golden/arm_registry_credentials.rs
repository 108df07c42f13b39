//! Credentials of a registry and of its tokens, and what a registry of each SKU begins with and may use. Sources: recorded answers
//! (bodies, forms of passwords), messages that users have reported (the disabled admin user), Container Registry's documentation
//! (service tiers). The status of the reported message and the rules for certificates are inferred.

use azlet_tests::{Actor, Azlet, arm, resource_id};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

const NOW: &str = "2025-11-01";

fn id(rest: &str) -> String {
    resource_id("rg", &format!("Microsoft.ContainerRegistry/registries/{rest}"))
}

fn url(rest: &str) -> String {
    arm(&id(rest), NOW)
}

async fn registry(owner: &Actor, name: &str, sku: &str) {
    let made = owner.put(&url(name), &json!({ "location": "westus", "sku": { "name": sku } })).await;
    assert_eq!(made.status(), 200, "{}", made.golden());
}

/// Whether a password is one of those that have been made since 2022.
fn is_new(password: &Value) -> bool {
    password.as_str().is_some_and(|text| text.len() == 52 && text.contains("+ACR") && text.is_ascii())
}

#[tokio::test]
async fn without_an_admin_user_there_is_nothing_to_list_or_renew() {
    let (_azlet, owner) = Azlet::with_group().await;
    registry(&owner, "myregistry", "Basic").await;
    let listed = owner.post(&url("myregistry/listCredentials"), &json!({})).await;
    let renewed = owner.post(&url("myregistry/regenerateCredential"), &json!({ "name": "password" })).await;
    assert_eq!(listed.refusal(), renewed.refusal(), "reported: the same for both");
    insta::assert_snapshot!("admin_disabled", renewed.golden());
    let on = json!({ "properties": { "adminUserEnabled": true } });
    assert_eq!(owner.patch(&url("myregistry"), &on).await.status(), 200);
    let held = owner.post(&url("myregistry/listCredentials"), &json!({})).await.json();
    let names: Vec<&Value> = held["passwords"].as_array().expect("a list").iter().map(|it| &it["name"]).collect();
    assert_eq!(names, ["password", "password2"]);
    assert!(is_new(&held["passwords"][0]["value"]) && is_new(&held["passwords"][1]["value"]), "{held}");
    let wrong = owner.post(&url("myregistry/regenerateCredential"), &json!({ "name": "third" })).await;
    insta::assert_snapshot!("admin_third_password", wrong.golden());
    let off = json!({ "properties": { "adminUserEnabled": false } });
    assert_eq!(owner.patch(&url("myregistry"), &off).await.status(), 200);
    let again = owner.post(&url("myregistry/listCredentials"), &json!({})).await;
    assert_eq!((again.status(), again.error_code().as_str()), (400, "UnAuthorizedForCredentialOperations"));
    assert_eq!(owner.patch(&url("myregistry"), &on).await.status(), 200);
    let after = owner.post(&url("myregistry/listCredentials"), &json!({})).await.json();
    assert_eq!(held, after, "inferred: the passwords outlast it");
}

#[tokio::test]
async fn the_passwords_of_a_token_are_shown_once() {
    let (_azlet, owner) = Azlet::with_group().await;
    registry(&owner, "myregistry", "Basic").await;
    let body = json!({ "properties": { "scopeMapId": id("myregistry/scopeMaps/_repositories_pull") } });
    assert_eq!(owner.put(&url("myregistry/tokens/my-token"), &body).await.status(), 201, "tokens are there in every SKU");
    let make = |name: Option<&str>| {
        let mut body = json!({ "tokenId": id("myregistry/tokens/my-token") });
        if let Some(name) = name {
            body["name"] = json!(name);
        }
        body
    };
    let both = owner.post(&url("myregistry/generateCredentials"), &make(None)).await;
    assert!(both.json()["passwords"].as_array().expect("a list").iter().all(|it| is_new(&it["value"])), "{}", both.text());
    let mut shown = both.json();
    for password in shown["passwords"].as_array_mut().expect("a list") {
        password["value"] = json!("<52 characters>");
    }
    insta::assert_snapshot!("token_passwords", serde_json::to_string_pretty(&shown).expect("JSON"));
    let held = owner.get(&url("myregistry/tokens/my-token")).await;
    insta::assert_snapshot!("token_with_passwords", held.golden());
    assert!(!held.text().contains("+ACR"), "what was shown once is not shown again");
    let first = owner.post(&url("myregistry/generateCredentials"), &make(Some("password1"))).await.json();
    assert_eq!(first["passwords"].as_array().map(Vec::len), Some(1), "only the one that was asked for");
    assert_ne!(first["passwords"][0]["value"], both.json()["passwords"][0]["value"]);
}

#[tokio::test]
async fn a_token_keeps_certificates_that_are_some() {
    let (_azlet, owner) = Azlet::with_group().await;
    registry(&owner, "myregistry", "Standard").await;
    let pem = certificate(2031);
    let text = STANDARD.encode(&pem);
    let with = |certificates: Value| {
        json!({ "properties": {
            "scopeMapId": id("myregistry/scopeMaps/_repositories_pull"), "credentials": { "certificates": certificates },
        } })
    };
    let put = async |certificates: Value| owner.put(&url("myregistry/tokens/my-token"), &with(certificates)).await;
    let one = |name: &str, text: &str| json!({ "name": name, "encodedPemCertificate": text });
    let bare = text.len();
    let short = |text: String| text.replace(&STANDARD.encode(certificate(2020)), "<old certificate>");
    let mut lines = Vec::new();
    for (case, certificates) in [
        ("a third name", json!([one("certificate3", &text)])),
        ("a name twice", json!([one("certificate1", &text), one("certificate1", &text)])),
        ("no certificate", json!([{ "name": "certificate1" }])),
        ("a certificate that is none", json!([one("certificate1", "bm90aGluZw==")])),
        ("PEM that is not in base64", json!([one("certificate1", "-----BEGIN CERTIFICATE-----")])),
        ("one that has ended", json!([one("certificate1", &STANDARD.encode(certificate(2020)))])),
        ("no list", json!("certificate1")),
    ] {
        lines.push(format!("{case}\n    {}", short(put(certificates).await.refusal())));
    }
    insta::assert_snapshot!("certificate_rules", lines.join("\n"));
    let made = put(json!([one("certificate1", &text)])).await;
    assert_eq!(made.status(), 201, "{}", made.golden());
    let held = made.json()["properties"]["credentials"]["certificates"][0].clone();
    assert_eq!((&held["name"], held["encodedPemCertificate"].as_str().map(str::len)), (&json!("certificate1"), Some(bare)));
    assert_eq!(held["expiry"], "2031-01-01T00:00:00+00:00", "the end is the certificate's own");
    assert_eq!(held["thumbprint"].as_str().map(str::len), Some(40));
    let make = json!({ "tokenId": id("myregistry/tokens/my-token"), "name": "password1" });
    assert_eq!(owner.post(&url("myregistry/generateCredentials"), &make).await.status(), 200);
    let both = owner.get(&url("myregistry/tokens/my-token")).await.json()["properties"]["credentials"].clone();
    assert_eq!(
        (&both["certificates"][0], both["passwords"].as_array().map(Vec::len)),
        (&held, Some(1)),
        "neither ousts the other"
    );
    let gone = json!({ "properties": { "credentials": { "certificates": [] } } });
    let gone = owner.patch(&url("myregistry/tokens/my-token"), &gone).await.json()["properties"]["credentials"].clone();
    assert_eq!((&gone["certificates"], gone["passwords"].as_array().map(Vec::len)), (&json!([]), Some(1)));
}

/// A certificate that is good until a year begins, as PEM.
fn certificate(until: i32) -> String {
    let key = rcgen::KeyPair::generate().expect("a key");
    let mut parameters = rcgen::CertificateParams::new(Vec::new()).expect("parameters");
    parameters.not_before = rcgen::date_time_ymd(2019, 1, 1);
    parameters.not_after = rcgen::date_time_ymd(until, 1, 1);
    parameters.self_signed(&key).expect("a certificate").pem()
}

#[tokio::test]
async fn each_sku_has_its_own_beginnings_and_limits() {
    let (_azlet, owner) = Azlet::with_group().await;
    let mut lines = Vec::new();
    for (sku, name) in [("Basic", "basic1"), ("Standard", "standard1"), ("Premium", "premium1")] {
        registry(&owner, name, sku).await;
        let usage = owner.get(&url(&format!("{name}/listUsages"))).await.json();
        let rows: Vec<String> = usage["value"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|row| format!("{} {} of {} {}", row["name"], row["currentValue"], row["limit"], row["unit"]).replace('"', ""))
            .collect();
        let rules = &owner.get(&url(name)).await.json()["properties"]["networkRuleSet"].clone();
        lines.push(format!("{sku}\n    {}\n    network rules: {rules}", rows.join("\n    ")));
    }
    insta::assert_snapshot!("sku_beginnings", lines.join("\n"));
    insta::assert_snapshot!("basic_registry_2025", owner.get(&url("basic1")).await.golden());
}
