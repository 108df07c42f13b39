//! Microsoft Graph, as Azure's command line uses it to name principals. Source: the Graph v1.0 reference.

use azlet_tests::Azlet;
use serde_json::json;

const GRAPH: &str = "https://graph.microsoft.com";
const OWNER_OBJECT: &str = "0a210000-0000-4000-8000-0000000000b1";

#[tokio::test]
async fn principals_are_found_as_the_command_line_asks() {
    let azlet = Azlet::start().await;
    let caller = azlet.bearer(azlet.token("owner", GRAPH).await);
    let app = "0a210000-0000-4000-8000-0000000000a1";
    for (name, path) in [
        ("by_app_id", format!("servicePrincipals?$filter=servicePrincipalNames/any(c:c eq '{app}')")),
        ("by_app_id_encoded", format!("servicePrincipals?%24filter=servicePrincipalNames%2Fany%28c%3Ac+eq+%27{app}%27%29")),
        ("user_by_name", "users?$filter=userPrincipalName eq 'ada@azlet.onmicrosoft.com'".to_owned()),
        ("nobody_found", "users?$filter=userPrincipalName eq 'eve@azlet.onmicrosoft.com'".to_owned()),
        ("service_principal", format!("servicePrincipals/{OWNER_OBJECT}")),
        ("unknown_object", "servicePrincipals/99999999-0000-4000-8000-000000000000".to_owned()),
        ("wrong_filter", "users?$filter=userPrincipalName".to_owned()),
        ("me_of_an_application", "me".to_owned()),
    ] {
        insta::assert_snapshot!(format!("graph_{name}"), caller.get(&format!("{GRAPH}/v1.0/{path}")).await.golden());
    }
}

#[tokio::test]
async fn ids_are_resolved_and_unknown_ones_left_out() {
    let azlet = Azlet::start().await;
    let caller = azlet.bearer(azlet.token("owner", GRAPH).await);
    let ids =
        json!({ "ids": [OWNER_OBJECT, "99999999-0000-4000-8000-000000000000", "not a guid"], "types": ["servicePrincipal"] });
    insta::assert_snapshot!(caller.post(&format!("{GRAPH}/v1.0/directoryObjects/getByIds"), &ids).await.golden());
}

#[tokio::test]
async fn graph_wants_a_token_of_its_own() {
    let azlet = Azlet::start().await;
    let url = format!("{GRAPH}/v1.0/users");
    insta::assert_snapshot!("graph_without_token", azlet.anonymous().get(&url).await.golden());
    let for_arm = azlet.owner().await.get(&url).await;
    insta::assert_snapshot!("graph_with_a_token_for_arm", for_arm.golden());
    let token = azlet.token("owner", GRAPH).await;
    azlet.advance("2h").await;
    insta::assert_snapshot!("graph_with_an_expired_token", azlet.bearer(token).get(&url).await.golden());
    assert_eq!(azlet.bearer("garbage").get(&url).await.status(), 401);
}
