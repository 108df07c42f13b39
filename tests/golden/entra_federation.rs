//! Client credentials with a token of another issuer. Sources: Microsoft's page on workload identity federation; AADSTS texts as quoted
//! in public. The order in which the parts are judged is inferred.

use azlet::kernel::jwt::SigningKey;
use azlet_tests::{Answer, Azlet, TENANT};
use serde_json::{Value, json};

const GRAPH: &str = "https://graph.microsoft.com/v1.0";
const ISSUER: &str = "https://issuer.example/tenant/";
const SUBJECT: &str = "system:serviceaccount:default:puller";
const AUDIENCE: &str = "api://AzureADTokenExchange";
const NOW: i64 = 1_793_606_400;

/// An application that trusts [`ISSUER`], and the issuer's key.
struct Trust {
    azlet: Azlet,
    key: SigningKey,
    app_id: String,
}

impl Trust {
    async fn new() -> Self {
        let azlet = Azlet::start().await;
        let graph = azlet.bearer(azlet.token("owner", "https://graph.microsoft.com").await);
        let made = graph.post(&format!("{GRAPH}/applications"), &json!({ "displayName": "workload" })).await.json();
        let (id, app_id) = (made["id"].as_str().expect("an id"), made["appId"].as_str().expect("an app id").to_owned());
        graph.post(&format!("{GRAPH}/servicePrincipals"), &json!({ "appId": app_id })).await;
        let trust = json!({ "name": "pods", "issuer": ISSUER, "subject": SUBJECT, "audiences": [AUDIENCE] });
        let url = format!("{GRAPH}/applications/{id}/federatedIdentityCredentials");
        let made = graph.post(&url, &trust).await;
        assert_eq!(made.status(), 201, "{}", made.golden());
        let trust = Self { azlet, key: SigningKey::default(), app_id };
        trust.publish(ISSUER).await;
        trust
    }

    /// Makes the issuer's keys known.
    async fn publish(&self, issuer: &str) {
        let key = json!({ "kty": "RSA", "kid": "one", "n": self.key.modulus(), "e": "AQAB" });
        let body = json!({ "issuer": issuer, "jwks": { "keys": [key] } });
        let answer = self.azlet.anonymous().post(&format!("{}/_azlet/issuers", self.azlet.endpoint()), &body).await;
        assert_eq!(answer.status(), 201, "{}", answer.golden());
    }

    fn sign(&self, claims: &Value) -> String {
        self.key.sign(&json!({ "alg": "RS256", "kid": "one" }), claims)
    }

    async fn ask(&self, assertion: &str) -> Answer {
        let url = format!("https://login.microsoftonline.com/{TENANT}/oauth2/v2.0/token");
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", self.app_id.as_str()),
            ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
            ("client_assertion", assertion),
            ("scope", "https://management.azure.com/.default"),
        ];
        self.azlet.anonymous().post_form(&url, &form).await
    }
}

fn claims() -> Value {
    json!({ "iss": ISSUER, "sub": SUBJECT, "aud": [AUDIENCE], "iat": NOW, "nbf": NOW, "exp": NOW + 3600 })
}

fn but(name: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[name] = value;
    claims
}

#[tokio::test]
async fn a_token_of_a_trusted_issuer_gets_a_token() {
    let trust = Trust::new().await;
    insta::assert_snapshot!(trust.ask(&trust.sign(&claims())).await.golden());
}

#[tokio::test]
async fn issuer_subject_and_audience_must_be_the_same_to_the_letter() {
    let trust = Trust::new().await;
    for (name, claims) in [
        ("another_issuer", but("iss", json!("https://issuer.example/other/"))),
        ("issuer_without_its_slash", but("iss", json!("https://issuer.example/tenant"))),
        ("another_subject", but("sub", json!("system:serviceaccount:default:other"))),
        ("subject_in_another_case", but("sub", json!("system:serviceaccount:default:Puller"))),
        ("another_audience", but("aud", json!("api://AKSIdentityBinding"))),
        ("audience_in_another_case", but("aud", json!("api://azureadtokenexchange"))),
        ("over", but("exp", json!(NOW - 1))),
        ("not_yet", but("nbf", json!(NOW + 3600))),
    ] {
        insta::assert_snapshot!(format!("federation_{name}"), trust.ask(&trust.sign(&claims)).await.golden());
    }
    for (name, claims) in [
        ("no issuer", but("iss", Value::Null)),
        ("no subject", but("sub", json!(""))),
        ("no audience", but("aud", Value::Null)),
        ("no end", but("exp", Value::Null)),
    ] {
        let answer = trust.ask(&trust.sign(&claims)).await;
        assert_eq!((answer.status(), &answer.json()["error_codes"][0]), (401, &json!(50027)), "{name}: {}", answer.golden());
    }
}

#[tokio::test]
async fn the_issuers_keys_decide() {
    let trust = Trust::new().await;
    let stranger = SigningKey::default();
    let forged = stranger.sign(&json!({ "alg": "RS256", "kid": "one" }), &claims());
    insta::assert_snapshot!("federation_forged", trust.ask(&forged).await.golden());
    let unnamed_key = trust.key.sign(&json!({ "alg": "RS256", "kid": "two" }), &claims());
    assert_eq!(trust.ask(&unnamed_key).await.json()["error_codes"], json!([50013]));
    let unsigned = trust.key.sign(&json!({ "alg": "none" }), &claims());
    assert_eq!(trust.ask(&unsigned).await.json()["error_codes"], json!([50013]));
    let issuers = format!("{}/_azlet/issuers", trust.azlet.endpoint());
    let keyless = trust.azlet.anonymous().post(&issuers, &json!({ "issuer": ISSUER })).await;
    assert_eq!(keyless.status(), 201);
    insta::assert_snapshot!("federation_no_keys", trust.ask(&trust.sign(&claims())).await.golden());
    let request = trust.azlet.anonymous().request(reqwest::Method::DELETE, &issuers).json(&json!({ "issuer": ISSUER }));
    assert_eq!(trust.azlet.anonymous().send(request).await.status(), 204);
    insta::assert_snapshot!("federation_unreachable", trust.ask(&trust.sign(&claims())).await.golden());
    assert_eq!(trust.azlet.anonymous().post(&issuers, &json!({ "issuer": 1 })).await.status(), 400);
}

#[tokio::test]
async fn a_managed_identitys_own_token_can_be_trusted() {
    let trust = Trust::new().await;
    let world = trust.azlet.world();
    let graph = trust.azlet.bearer(trust.azlet.token("owner", "https://graph.microsoft.com").await);
    // Any principal's token for the exchange is one of version 2.
    let token = trust.azlet.token("reader", AUDIENCE).await;
    let reader = world.seed.principal("reader").expect("in the seed").object_id;
    let application = world.directory.application_by_app_id(trust.app_id.parse().expect("a GUID")).expect("made").object_id;
    let body = json!({
        "name": "reader", "issuer": format!("https://login.microsoftonline.com/{TENANT}/v2.0"), "subject": reader,
        "audiences": [AUDIENCE],
    });
    let url = format!("{GRAPH}/applications/{application}/federatedIdentityCredentials");
    assert_eq!(graph.post(&url, &body).await.status(), 201);
    assert_eq!(trust.ask(&token).await.status(), 200);
    // A token of version 1 is none.
    let answer = trust.ask(&trust.azlet.token("reader", "https://management.azure.com").await).await;
    assert_eq!(answer.json()["error_codes"], json!([700_222]), "{}", answer.golden());
}
