//! Entra's discovery and token endpoints. Sources: Microsoft's pages on the OAuth 2.0 client credentials flow and on access token
//! claims; AADSTS texts as quoted in public.

use azlet_tests::{Answer, Azlet, TENANT};

const OWNER: &str = "0a210000-0000-4000-8000-0000000000a1";
const SECRET: &str = "azlet~owner~secret";
const ARM_SCOPE: &str = "https://management.core.windows.net//.default";

fn url(tenant: &str, rest: &str) -> String {
    format!("https://login.microsoftonline.com/{tenant}/{rest}")
}

async fn ask(azlet: &Azlet, tenant: &str, form: &[(&str, &str)]) -> Answer {
    azlet.anonymous().post_form(&url(tenant, "oauth2/v2.0/token"), form).await
}

fn credentials<'a>(secret: &'a str, scope: &'a str) -> [(&'a str, &'a str); 4] {
    [("grant_type", "client_credentials"), ("client_id", OWNER), ("client_secret", secret), ("scope", scope)]
}

#[tokio::test]
async fn the_discovery_documents_name_the_endpoints() {
    let azlet = Azlet::start().await;
    let anonymous = azlet.anonymous();
    for (name, tenant, path) in [
        ("discovery_v2", TENANT, "v2.0/.well-known/openid-configuration"),
        ("discovery_organizations", "organizations", "v2.0/.well-known/openid-configuration"),
        ("discovery_v1", "azlet.onmicrosoft.com", ".well-known/openid-configuration"),
        ("discovery_unknown_tenant", "nowhere.example", "v2.0/.well-known/openid-configuration"),
        ("user_realm", "common", "userrealm/ada@azlet.onmicrosoft.com"),
        ("instance", "common", "discovery/instance?api-version=1.1&authorization_endpoint=https://login.microsoftonline.com/x"),
        ("instance_unknown", "common", "discovery/instance?api-version=1.1&authorization_endpoint=https://evil.example/x"),
    ] {
        insta::assert_snapshot!(name, anonymous.get(&url(tenant, path)).await.golden());
    }
}

#[tokio::test]
async fn a_secret_gets_a_token_with_the_claims_of_an_application() {
    let azlet = Azlet::start().await;
    insta::assert_snapshot!(ask(&azlet, TENANT, &credentials(SECRET, ARM_SCOPE)).await.golden());
}

#[tokio::test]
async fn the_version_one_endpoint_writes_numbers_as_text() {
    let azlet = Azlet::start().await;
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", OWNER),
        ("client_secret", SECRET),
        ("resource", "https://management.azure.com/"),
    ];
    insta::assert_snapshot!(azlet.anonymous().post_form(&url(TENANT, "oauth2/token"), &form).await.golden());
}

#[tokio::test]
async fn a_user_gets_all_tokens_by_password_and_by_refresh() {
    let azlet = Azlet::start().await;
    let scope = format!("{ARM_SCOPE} openid profile offline_access");
    let form = [
        ("grant_type", "password"),
        ("client_id", "04b07795-8ddb-461a-bbee-02f9e1bf7b46"),
        ("username", "ada@azlet.onmicrosoft.com"),
        ("password", "azlet~user~password"),
        ("scope", &scope),
    ];
    let first = ask(&azlet, "organizations", &form).await;
    insta::assert_snapshot!(first.golden());
    let refresh_token = first.json()["refresh_token"].as_str().unwrap_or_default().to_owned();
    let form = [
        ("grant_type", "refresh_token"),
        ("client_id", "04b07795-8ddb-461a-bbee-02f9e1bf7b46"),
        ("refresh_token", &refresh_token),
        ("scope", "https://graph.microsoft.com/.default"),
    ];
    let second = ask(&azlet, TENANT, &form).await;
    assert_eq!(second.status(), 200, "{}", second.golden());
    // An access token is no refresh token.
    let access_token = first.json()["access_token"].as_str().unwrap_or_default().to_owned();
    let form = [("grant_type", "refresh_token"), ("client_id", OWNER), ("refresh_token", &access_token), ("scope", ARM_SCOPE)];
    assert!(ask(&azlet, TENANT, &form).await.text().contains("AADSTS9002313"));
}

#[tokio::test]
async fn every_mistake_has_its_code() {
    let azlet = Azlet::start().await;
    let with = |change: (&'static str, &'static str)| {
        credentials(SECRET, ARM_SCOPE).map(|field| if field.0 == change.0 { change } else { field })
    };
    for (name, tenant, form) in [
        ("wrong_secret", TENANT, with(("client_secret", "wrong")).to_vec()),
        ("unknown_application", TENANT, with(("client_id", "99999999-0000-4000-8000-000000000000")).to_vec()),
        ("application_not_a_guid", TENANT, with(("client_id", "azlet")).to_vec()),
        ("unknown_tenant", "99999999-0000-4000-8000-000000000000", credentials(SECRET, ARM_SCOPE).to_vec()),
        ("common_tenant", "common", credentials(SECRET, ARM_SCOPE).to_vec()),
        ("no_grant_type", TENANT, vec![]),
        ("unsupported_grant", TENANT, with(("grant_type", "magic")).to_vec()),
        ("no_credential", TENANT, vec![("grant_type", "client_credentials"), ("client_id", OWNER), ("scope", ARM_SCOPE)]),
        ("no_scope", TENANT, credentials(SECRET, ARM_SCOPE)[..3].to_vec()),
        ("scope_not_default", TENANT, with(("scope", "https://management.azure.com/user_impersonation")).to_vec()),
        ("unknown_resource", TENANT, with(("scope", "https://vault.example/.default")).to_vec()),
    ] {
        let answer = ask(&azlet, tenant, &form).await;
        insta::assert_snapshot!(format!("mistake_{name}"), answer.golden());
    }
}
