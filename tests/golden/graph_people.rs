//! Microsoft Graph's users and groups, membership through groups, lists and their queries. Sources: the Graph v1.0 reference; errors
//! as quoted in public, inferred ones named as such.

use azlet_tests::{Actor, Answer, Azlet, TENANT};
use proptest::prelude::*;
use serde_json::{Value, json};

const GRAPH: &str = "https://graph.microsoft.com/v1.0";
const ADA: &str = "0a210000-0000-4000-8000-0000000000c1";

async fn graph(azlet: &Azlet, who: &str) -> Actor {
    azlet.bearer(azlet.token(who, "https://graph.microsoft.com").await)
}

fn url(path: &str) -> String {
    format!("{GRAPH}/{path}")
}

fn user(name: &str) -> Value {
    json!({
        "accountEnabled": true, "displayName": name, "mailNickname": name, "userPrincipalName": format!("{name}@azlet.onmicrosoft.com"),
        "passwordProfile": { "password": "Secret~123", "forceChangePasswordNextSignIn": false },
    })
}

fn group(name: &str) -> Value {
    json!({ "displayName": name, "mailNickname": name, "mailEnabled": false, "securityEnabled": true })
}

async fn id(made: Answer) -> String {
    assert_eq!(made.status(), 201, "{}", made.golden());
    made.json()["id"].as_str().expect("an id").to_owned()
}

async fn sign_in(azlet: &Azlet, name: &str, password: &str) -> Answer {
    let form = [
        ("grant_type", "password"),
        ("client_id", "04b07795-8ddb-461a-bbee-02f9e1bf7b46"),
        ("username", name),
        ("password", password),
        ("scope", "https://graph.microsoft.com//.default"),
    ];
    azlet.anonymous().post_form(&format!("https://login.microsoftonline.com/{TENANT}/oauth2/v2.0/token"), &form).await
}

#[tokio::test]
async fn a_user_lives_from_post_to_delete() {
    let azlet = Azlet::start().await;
    let owner = graph(&azlet, "owner").await;
    let made = owner.post(&url("users"), &user("eve")).await;
    insta::assert_snapshot!("user_made", made.golden());
    assert_eq!(sign_in(&azlet, "eve@azlet.onmicrosoft.com", "Secret~123").await.status(), 200);
    insta::assert_snapshot!("user_read", owner.get(&url("users/EVE@azlet.onmicrosoft.com")).await.golden());
    let selected =
        owner.get(&url("users('eve@azlet.onmicrosoft.com')?$select=accountEnabled,userType,mailNickname,passwordProfile")).await;
    insta::assert_snapshot!("user_selected", selected.golden());
    let renamed = json!({ "userPrincipalName": "eva@azlet.onmicrosoft.com", "displayName": "Eva", "givenName": "Eva" });
    assert_eq!(owner.patch(&url("users/eve@azlet.onmicrosoft.com"), &renamed).await.status(), 204);
    assert_eq!(owner.get(&url("users/eve@azlet.onmicrosoft.com")).await.status(), 404);
    let forced = json!({ "passwordProfile": { "password": "Another~1", "forceChangePasswordNextSignIn": true } });
    owner.patch(&url("users/eva@azlet.onmicrosoft.com"), &forced).await;
    assert!(sign_in(&azlet, "eva@azlet.onmicrosoft.com", "Another~1").await.text().contains("AADSTS50055"));
    let disabled = json!({ "accountEnabled": false, "passwordProfile": { "password": "Another~1", "forceChangePasswordNextSignIn": false } });
    owner.patch(&url("users/eva@azlet.onmicrosoft.com"), &disabled).await;
    assert!(sign_in(&azlet, "eva@azlet.onmicrosoft.com", "Another~1").await.text().contains("AADSTS50057"));
    assert_eq!(owner.delete(&url("users/eva@azlet.onmicrosoft.com")).await.status(), 204);
    assert!(sign_in(&azlet, "eva@azlet.onmicrosoft.com", "Another~1").await.text().contains("AADSTS50034"));
}

#[tokio::test]
async fn what_breaks_a_rule_of_users_and_groups_is_refused() {
    let azlet = Azlet::start().await;
    let owner = graph(&azlet, "owner").await;
    let but = |name: &str, value: Value| {
        let mut user = user("eve");
        user[name] = value;
        user
    };
    for (name, body) in [
        ("no_password", but("passwordProfile", Value::Null)),
        ("weak_password", but("passwordProfile", json!({ "password": "weak" }))),
        ("name_of_another_domain", but("userPrincipalName", json!("eve@elsewhere.example"))),
        ("name_taken", but("userPrincipalName", json!("ada@azlet.onmicrosoft.com"))),
        ("name_that_is_none", but("userPrincipalName", json!("eve"))),
    ] {
        insta::assert_snapshot!(format!("user_{name}"), owner.post(&url("users"), &body).await.golden());
    }
    for (name, body) in [
        ("no_nickname", json!({ "displayName": "g", "mailEnabled": false, "securityEnabled": true })),
        ("mail_enabled", json!({ "displayName": "g", "mailNickname": "g", "mailEnabled": true, "securityEnabled": true })),
        ("bad_nickname", json!({ "displayName": "g", "mailNickname": "a b", "mailEnabled": false, "securityEnabled": true })),
    ] {
        insta::assert_snapshot!(format!("group_{name}"), owner.post(&url("groups"), &body).await.golden());
    }
}

#[tokio::test]
async fn groups_hold_members_and_members_of_members() {
    let azlet = Azlet::start().await;
    let owner = graph(&azlet, "owner").await;
    let made = owner.post(&url("groups"), &group("inner")).await;
    insta::assert_snapshot!("group_made", made.golden());
    let inner = id(made).await;
    let outer = id(owner.post(&url("groups"), &group("outer")).await).await;
    let add = async |group: &str, member: &str| {
        let body = json!({ "@odata.id": format!("{GRAPH}/directoryObjects/{member}") });
        owner.post(&url(&format!("groups/{group}/members/$ref")), &body).await
    };
    assert_eq!(add(&inner, ADA).await.status(), 204);
    assert_eq!(add(&outer, &inner).await.status(), 204);
    insta::assert_snapshot!("member_twice", add(&inner, ADA).await.golden());
    insta::assert_snapshot!("member_absent", add(&inner, "99999999-0000-4000-8000-000000000000").await.golden());
    insta::assert_snapshot!("member_of_itself_inferred", add(&inner, &inner).await.golden());
    insta::assert_snapshot!("members", owner.get(&url(&format!("groups/{outer}/members"))).await.golden());
    let all = owner.get(&url(&format!("groups/{outer}/transitiveMembers/microsoft.graph.user?$select=id"))).await;
    assert_eq!(all.json()["value"], json!([{ "@odata.type": "#microsoft.graph.user", "id": ADA }]), "{}", all.golden());
    let check = json!({ "groupIds": [outer, "99999999-0000-4000-8000-000000000000"] });
    let checked = owner.post(&url(&format!("directoryObjects/{ADA}/checkMemberGroups")), &check).await;
    assert_eq!(checked.json()["value"], json!([outer]), "{}", checked.golden());
    let many: Vec<String> = (0..21).map(|number| number.to_string()).collect();
    assert_eq!(owner.post(&url(&format!("users/{ADA}/checkMemberGroups")), &json!({ "groupIds": many })).await.status(), 400);
    let groups = owner.post(&url(&format!("users/{ADA}/getMemberGroups")), &json!({ "securityEnabledOnly": true })).await;
    assert_eq!(groups.json()["value"].as_array().map(Vec::len), Some(2), "{}", groups.golden());
    let direct = owner.get(&url(&format!("users/{ADA}/memberOf?$select=displayName"))).await;
    insta::assert_snapshot!("member_of", direct.golden());
    // The token says it too, at once.
    let token = sign_in(&azlet, "ada@azlet.onmicrosoft.com", "azlet~user~password").await;
    assert!(token.golden().contains("\"groups\""), "{}", token.golden());
    assert_eq!(owner.delete(&url(&format!("groups/{inner}/members/{ADA}/$ref"))).await.status(), 204);
    insta::assert_snapshot!("member_gone", owner.delete(&url(&format!("groups/{inner}/members/{ADA}/$ref"))).await.golden());
    assert_eq!(owner.delete(&url(&format!("groups/{inner}"))).await.status(), 204);
    assert_eq!(owner.get(&url(&format!("groups/{outer}/members"))).await.json()["value"], json!([]));
}

#[tokio::test]
async fn a_person_owns_the_group_that_it_makes_and_stays_its_last_owner() {
    let azlet = Azlet::start().await;
    let answer = sign_in(&azlet, "ada@azlet.onmicrosoft.com", "azlet~user~password").await;
    let ada = azlet.bearer(answer.json()["access_token"].as_str().expect("a token"));
    let made = id(ada.post(&url("groups"), &group("mine")).await).await;
    let last = ada.delete(&url(&format!("groups/{made}/owners/{ADA}/$ref"))).await;
    insta::assert_snapshot!("last_owner", last.golden());
    insta::assert_snapshot!("me", ada.get(&url("me")).await.golden());
    insta::assert_snapshot!("me_member_of", ada.get(&url("me/memberOf")).await.golden());
}

#[tokio::test]
async fn lists_come_in_pages_and_answer_queries() {
    let azlet = Azlet::start().await;
    let owner = graph(&azlet, "owner").await;
    for number in 0..5 {
        owner.post(&url("groups"), &group(&format!("group{number}"))).await;
    }
    let first = owner.get(&url("groups?$top=2&$select=displayName&$orderby=displayName desc")).await;
    insta::assert_snapshot!("page_first", first.golden());
    let next = first.json()["@odata.nextLink"].as_str().expect("a link").to_owned();
    let second = owner.get(&next).await;
    let third = owner.get(second.json()["@odata.nextLink"].as_str().expect("a link")).await;
    assert_eq!((third.json()["value"].as_array().map(Vec::len), third.json().get("@odata.nextLink")), (Some(1), None));
    for (name, path) in [
        ("top_too_large", "groups?$top=1000"),
        ("skip", "groups?$skip=1"),
        ("filter_advanced", "groups?$filter=displayName ne 'x'"),
        ("filter_contains", "groups?$filter=contains(displayName,'x')"),
        ("count_without_consistency", "groups/$count"),
        ("search_without_consistency", "groups?$search=\"displayName:group\""),
        ("expand_not_built", "groups?$expand=members"),
        ("unknown_segment", "teams"),
    ] {
        insta::assert_snapshot!(format!("query_{name}"), owner.get(&url(path)).await.golden());
    }
    let eventual = async |path: &str| {
        owner.send(owner.request(reqwest::Method::GET, &url(path)).header("ConsistencyLevel", "eventual")).await
    };
    assert_eq!(eventual("groups/$count").await.text(), "5");
    let filtered = eventual("groups?$count=true&$filter=endswith(displayName,'3') or displayName in ('group1')&$select=id").await;
    assert_eq!((&filtered.json()["@odata.count"], filtered.json()["value"].as_array().map(Vec::len)), (&json!(2), Some(2)));
    let searched = eventual("groups?$search=\"displayName:roup4\"&$select=displayName").await;
    assert_eq!(searched.json()["value"], json!([{ "displayName": "group4" }]));
    let not = eventual("groups?$count=true&$filter=not(displayName eq 'group0')&$top=999").await;
    assert_eq!(not.json()["@odata.count"], 4);
}

#[tokio::test]
async fn the_tenant_describes_itself() {
    let azlet = Azlet::start().await;
    let owner = graph(&azlet, "owner").await;
    insta::assert_snapshot!("organization", owner.get(&url("organization")).await.golden());
    insta::assert_snapshot!("domains", owner.get(&url("domains/azlet.onmicrosoft.com")).await.golden());
    let roles = owner.get(&url("directoryRoles?$select=displayName,roleTemplateId")).await;
    insta::assert_snapshot!("directory_roles", roles.golden());
    let template = "directoryRoles(roleTemplateId='62e90394-69f5-4237-9190-012177145e10')/members?$select=displayName";
    insta::assert_snapshot!("global_administrators", owner.get(&url(template)).await.golden());
}

proptest! {
    /// Whatever a filter is, it is read without a panic, and what is read can be asked.
    #[test]
    fn any_filter_is_read_without_a_panic(text in "\\PC{0,80}") {
        if let Ok(filter) = azlet::graph::filter::Filter::parse(&text) {
            filter.accepts(&json!({ "displayName": "x", "tags": ["a"] }));
            let _ = (filter.properties(), filter.advanced(), filter.searched());
        }
    }

    /// A quoted text means itself, whatever it is.
    #[test]
    fn a_quoted_text_means_itself(value in "[^A-Z]{0,40}") {
        let filter = azlet::graph::filter::Filter::parse(&format!("displayName eq '{}'", value.replace('\'', "''")));
        let object = json!({ "displayName": value });
        let found = filter.is_ok_and(|filter| filter.accepts(&object));
        prop_assert!(found);
    }
}
