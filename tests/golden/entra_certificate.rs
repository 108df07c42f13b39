//! Client credentials with a certificate. Sources: RFC 7523; Microsoft's "certificate credentials" page; both forms that the
//! Microsoft libraries send (RS256 with `x5t`, PS256 with `x5t#S256`).

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaEncoding, RsaKeyPair};
use azlet::kernel::jwt::SigningKey;
use azlet_tests::{Answer, Azlet, TENANT};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rcgen::{CertificateParams, KeyPair, PKCS_RSA_SHA256};
use rustls_pki_types::PrivatePkcs8KeyDer;
use serde_json::{Value, json};

const APP: &str = "22222222-0000-4000-8000-000000000001";
const NOW: i64 = 1_793_606_400;

/// An application that has a certificate, and its key.
struct Application {
    key: RsaKeyPair,
    certificate: Vec<u8>,
    pem: String,
}

impl Application {
    fn new() -> Self {
        let made = SigningKey::default();
        let pkcs8 = PrivatePkcs8KeyDer::from(made.pkcs8().to_vec());
        let pair = KeyPair::from_pkcs8_der_and_sign_algo(&pkcs8, &PKCS_RSA_SHA256).expect("an RSA key");
        let certificate = CertificateParams::default().self_signed(&pair).expect("a certificate");
        let key = RsaKeyPair::from_pkcs8(made.pkcs8()).expect("an RSA key");
        Self { key, certificate: certificate.der().to_vec(), pem: certificate.pem() }
    }

    async fn register(&self, azlet: &Azlet) {
        let object_id = "22222222-0000-4000-8000-000000000002";
        azlet
            .put_principal(&json!({
                "objectId": object_id, "type": "ServicePrincipal", "appId": APP, "certificate": self.pem
            }))
            .await;
    }

    fn old_header(&self) -> Value {
        let thumbprint = URL_SAFE_NO_PAD.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, &self.certificate));
        json!({ "alg": "RS256", "typ": "JWT", "x5t": thumbprint })
    }

    fn new_header(&self) -> Value {
        let thumbprint = URL_SAFE_NO_PAD.encode(digest(&SHA256, &self.certificate));
        json!({ "alg": "PS256", "typ": "JWT", "x5t#S256": thumbprint })
    }

    fn sign(&self, header: &Value, claims: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(header), part(claims));
        let encoding: &'static dyn RsaEncoding = if header["alg"] == "PS256" { &RSA_PSS_SHA256 } else { &RSA_PKCS1_SHA256 };
        let mut signature = vec![0; self.key.public_modulus_len()];
        self.key.sign(encoding, &SystemRandom::new(), signed.as_bytes(), &mut signature).expect("it signs");
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

fn claims() -> Value {
    let audience = format!("https://login.microsoftonline.com/{TENANT}/oauth2/v2.0/token");
    json!({ "aud": audience, "iss": APP, "sub": APP, "jti": "1", "nbf": NOW, "exp": NOW + 600 })
}

async fn ask(azlet: &Azlet, assertion: &str) -> Answer {
    let url = format!("https://login.microsoftonline.com/{TENANT}/oauth2/v2.0/token");
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", APP),
        ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
        ("client_assertion", assertion),
        ("scope", "https://management.azure.com/.default"),
    ];
    azlet.anonymous().post_form(&url, &form).await
}

#[tokio::test]
async fn both_forms_of_an_assertion_get_a_token() {
    let azlet = Azlet::start().await;
    let application = Application::new();
    application.register(&azlet).await;
    for header in [application.old_header(), application.new_header()] {
        let answer = ask(&azlet, &application.sign(&header, &claims())).await;
        assert_eq!(answer.status(), 200, "{header}: {}", answer.golden());
        assert!(answer.golden().contains("\"appidacr\": \"2\""), "{}", answer.golden());
    }
    // Times may have a fraction.
    let mut precise = claims();
    precise["exp"] = json!(1_793_607_000.25);
    let answer = ask(&azlet, &application.sign(&application.old_header(), &precise)).await;
    assert_eq!(answer.status(), 200, "{}", answer.golden());
}

#[tokio::test]
async fn an_assertion_that_proves_nothing_is_refused() {
    let azlet = Azlet::start().await;
    let (application, stranger) = (Application::new(), Application::new());
    application.register(&azlet).await;
    let header = application.old_header();
    let but = |name: &str, value: Value| {
        let mut claims = claims();
        claims[name] = value;
        application.sign(&header, &claims)
    };
    let unsigned = format!("{}.", application.sign(&json!({ "alg": "none" }), &claims()).rsplit_once('.').expect("parts").0);
    for (name, assertion, code) in [
        ("another's certificate", stranger.sign(&stranger.old_header(), &claims()), 700_027),
        ("another's signature", stranger.sign(&header, &claims()), 700_027),
        ("no signature", unsigned, 700_027),
        ("over", but("exp", json!(NOW - 1)), 700_024),
        ("without an end", but("exp", Value::Null), 50_027),
        ("not yet", but("nbf", json!(NOW + 3600)), 700_024),
        ("another's name", but("sub", json!("22222222-0000-4000-8000-00000000ffff")), 50_027),
        ("for another audience", but("aud", json!("https://evil.example/token")), 50_027),
        ("no token", "garbage".to_owned(), 50_027),
    ] {
        let answer = ask(&azlet, &assertion).await;
        assert_eq!((answer.status(), &answer.json()["error_codes"][0]), (401, &json!(code)), "{name}: {}", answer.golden());
    }
}
