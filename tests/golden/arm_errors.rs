//! Which of several errors wins, and how ARM says what is wrong with a path, a verb, a version or a body. Sources: the ARM resource
//! provider contract and answers that users have reported. Inferred: the order of registration, body and lock among each other, and
//! what a resource that lies in no group is answered.

use azlet_tests::{ARM, Azlet, SUBSCRIPTION, arm, resource_id};
use reqwest::Method;
use serde_json::{Value, json};

const VERSION: &str = "2024-11-01";
const IDENTITIES: &str = "2024-11-30";
const IDENTITY: &str = "Microsoft.ManagedIdentity/userAssignedIdentities";

fn group(name: &str) -> String {
    format!("/subscriptions/{SUBSCRIPTION}/resourceGroups/{name}")
}

fn identity(group: &str) -> String {
    resource_id(group, &format!("{IDENTITY}/mine"))
}

#[tokio::test]
async fn of_two_errors_the_earlier_step_wins() {
    let azlet = Azlet::start().await;
    let (owner, nobody, anonymous) = (azlet.owner().await, azlet.actor("nobody").await, azlet.anonymous());
    let garbage = azlet.bearer("garbage");
    owner.put(&arm(&group("rg"), VERSION), &json!({ "location": "westus2" })).await;
    owner.put(&arm(&group("locked"), VERSION), &json!({ "location": "westus2" })).await;
    let lock = arm(&format!("{}/providers/Microsoft.Authorization/locks/frozen", group("locked")), "2016-09-01");
    owner.put(&lock, &json!({ "properties": { "level": "ReadOnly" } })).await;
    let unregister = arm(&format!("/subscriptions/{SUBSCRIPTION}/providers/Microsoft.OperationalInsights/unregister"), VERSION);
    assert_eq!(owner.post(&unregister, &json!({})).await.status(), 200);
    let workspace = |group: &str| arm(&resource_id(group, "Microsoft.OperationalInsights/workspaces/mine"), "2023-09-01");
    let here = json!({ "location": "westus2" });
    let nowhere = json!({ "location": "Nowhere" });
    let unknown = "/subscriptions/0a210000-0000-4000-8000-0000000000ff";
    for (what, actor, method, url, body, status, code) in [
        ("route before version", &anonymous, Method::GET, format!("{ARM}/nowhere"), Value::Null, 404, "MissingSubscription"),
        (
            "version before subscription",
            &anonymous,
            Method::GET,
            format!("{ARM}{unknown}"),
            Value::Null,
            400,
            "MissingApiVersionParameter",
        ),
        ("subscription before token", &anonymous, Method::GET, arm(unknown, VERSION), Value::Null, 404, "SubscriptionNotFound"),
        (
            "form of the subscription before token",
            &anonymous,
            Method::GET,
            arm("/subscriptions/x", VERSION),
            Value::Null,
            400,
            "InvalidSubscriptionId",
        ),
        (
            "token before type",
            &garbage,
            Method::GET,
            arm(&resource_id("rg", "No.Such/type/x"), VERSION),
            Value::Null,
            401,
            "InvalidAuthenticationToken",
        ),
        (
            "namespace before rights",
            &nobody,
            Method::GET,
            arm(&resource_id("rg", "No.Such/type/x"), VERSION),
            Value::Null,
            404,
            "InvalidResourceNamespace",
        ),
        (
            "type before rights",
            &nobody,
            Method::GET,
            arm(&resource_id("rg", "Microsoft.ManagedIdentity/x/y"), IDENTITIES),
            Value::Null,
            404,
            "InvalidResourceType",
        ),
        (
            "version of the type before rights",
            &nobody,
            Method::GET,
            arm(&identity("rg"), "2001-01-01"),
            Value::Null,
            400,
            "NoRegisteredProviderFound",
        ),
        (
            "rights before group",
            &nobody,
            Method::GET,
            arm(&identity("none"), IDENTITIES),
            Value::Null,
            403,
            "AuthorizationFailed",
        ),
        ("group before registration", &owner, Method::PUT, workspace("none"), here.clone(), 404, "ResourceGroupNotFound"),
        ("registration before body", &owner, Method::PUT, workspace("rg"), json!([]), 409, "MissingSubscriptionRegistration"),
        (
            "body before location",
            &owner,
            Method::PUT,
            arm(&identity("rg"), IDENTITIES),
            json!({ "location": "Nowhere", "x": 1 }),
            400,
            "InvalidRequestContent",
        ),
        (
            "location before lock",
            &owner,
            Method::PUT,
            arm(&identity("locked"), IDENTITIES),
            nowhere,
            400,
            "LocationNotAvailableForResourceType",
        ),
        (
            "lock before provider",
            &owner,
            Method::PUT,
            arm(&resource_id("locked", &format!("{IDENTITY}/x")), IDENTITIES),
            here,
            409,
            "ScopeLocked",
        ),
        (
            "group before absence",
            &owner,
            Method::DELETE,
            arm(&identity("none"), IDENTITIES),
            Value::Null,
            404,
            "ResourceGroupNotFound",
        ),
    ] {
        let request = actor.request(method, &url);
        let request = if body.is_null() { request } else { request.json(&body) };
        let answer = actor.send(request).await;
        assert_eq!((answer.status(), answer.error_code().as_str()), (status, code), "{what}: {}", answer.golden());
    }
}

#[tokio::test]
async fn paths_that_lead_nowhere_are_told_apart() {
    let azlet = Azlet::start().await;
    let owner = azlet.owner().await;
    owner.put(&arm(&group("rg"), VERSION), &json!({ "location": "westus2" })).await;
    let get = async |path: &str, version: &str| owner.get(&arm(path, version)).await.golden();
    let registries = "providers/Microsoft.ContainerRegistry/registries/myregistry";
    // A scope that is none is taken for one of ARM's own types, whose versions are told.
    insta::assert_snapshot!(
        "path_empty_group",
        get(&format!("/subscriptions/{SUBSCRIPTION}/resourceGroups//{registries}"), "2018-01-01-preview").await
    );
    let id_as_group = format!("/subscriptions/{SUBSCRIPTION}/resourceGroups/{}/{registries}", group("rg"));
    let answer = owner.get(&arm(&id_as_group, "2018-01-01-preview")).await;
    assert_eq!((answer.status(), answer.error_code().as_str()), (400, "InvalidApiVersionParameter"));
    insta::assert_snapshot!("path_unknown_route", get(&format!("/subscriptions/{SUBSCRIPTION}/nowhere"), VERSION).await);
    insta::assert_snapshot!("path_tenant_level", get("/providers/Microsoft.ContainerRegistry/registries", "2023-07-01").await);
    let retired = format!("/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Authorization/classicAdministrators");
    insta::assert_snapshot!("path_retired_type", get(&retired, "2015-07-01").await);
    let surplus = format!("{}/providers/Microsoft.Authorization/roleAssignments/a/b", group("rg"));
    insta::assert_snapshot!("path_surplus", get(&surplus, "2022-04-01").await);
    let tenant = azlet.actor("nobody").await.get(&arm("/providers/Microsoft.Authorization/operations", "2022-04-01")).await;
    assert_eq!(tenant.status(), 200, "{}", tenant.golden());
}

#[tokio::test]
async fn verbs_that_a_path_does_not_have_are_refused_by_the_route() {
    let azlet = Azlet::start().await;
    let owner = azlet.owner().await;
    owner.put(&arm(&group("rg"), VERSION), &json!({ "location": "westus2" })).await;
    let send = async |method: Method, path: &str, version: &str| {
        owner.send(owner.request(method, &arm(path, version)).json(&json!({ "location": "westus2" }))).await
    };
    let collection = format!("{}/providers/{IDENTITY}/", group("rg"));
    insta::assert_snapshot!("verb_put_on_collection", send(Method::PUT, &collection, IDENTITIES).await.golden());
    for (what, method, path, version) in [
        ("PATCH on a collection", Method::PATCH, collection.clone(), IDENTITIES),
        ("POST on a resource", Method::POST, identity("rg"), IDENTITIES),
        ("DELETE on a list", Method::DELETE, format!("/subscriptions/{SUBSCRIPTION}/resources"), VERSION),
        ("PUT on a subscription", Method::PUT, format!("/subscriptions/{SUBSCRIPTION}"), VERSION),
        ("a resource in no group", Method::PUT, format!("/subscriptions/{SUBSCRIPTION}/providers/{IDENTITY}/mine"), IDENTITIES),
        ("a verb that nobody knows", Method::from_bytes(b"BREW").expect("a verb"), group("rg"), VERSION),
    ] {
        let answer = send(method, &path, version).await;
        assert_eq!(answer.status(), 405, "{what}: {}", answer.golden());
        assert!(answer.json()["Message"].is_string() && answer.json().get("error").is_none(), "{what}");
    }
    let head = owner.head(&arm(&identity("rg"), IDENTITIES)).await;
    assert_eq!((head.status(), head.bytes().len(), head.header("content-type")), (405, 0, None));
    let in_no_group = owner.get(&arm(&format!("/subscriptions/{SUBSCRIPTION}/providers/{IDENTITY}/mine"), IDENTITIES)).await;
    assert_eq!(in_no_group.error_code(), "ResourceNotFound");
}

#[tokio::test]
async fn versions_are_judged_by_type() {
    let azlet = Azlet::start().await;
    let owner = azlet.owner().await;
    owner.put(&arm(&group("rg"), VERSION), &json!({ "location": "westus2" })).await;
    for (path, version, code) in [
        (group("rg"), "latest", "InvalidApiVersionParameter"),
        (group("rg"), "2024-11-01-preview", "InvalidApiVersionParameter"),
        (group("rg"), "", "MissingApiVersionParameter"),
        (group("rg"), "2023-07-01-PREVIEW", ""),
        (identity("rg"), "2025-01-31-preview", "ResourceNotFound"),
        (identity("rg"), "2025-01-31", "NoRegisteredProviderFound"),
        (identity("rg"), "2025-01-31-alpha", "NoRegisteredProviderFound"),
        (format!("{}/providers/Microsoft.Authorization/roleAssignments", group("rg")), "2024-11-01", "InvalidResourceType"),
        (format!("{}/providers/Microsoft.Resources/tags/default", group("rg")), "2016-01-01", "InvalidApiVersionParameter"),
    ] {
        let answer = owner.get(&arm(&path, version)).await;
        assert_eq!(answer.error_code(), code, "{path} {version}: {}", answer.golden());
    }
    insta::assert_snapshot!("version_of_provider", owner.get(&arm(&identity("rg"), "2025-01-31")).await.golden());
    insta::assert_snapshot!("version_of_arm", owner.get(&arm(&group("rg"), "latest")).await.golden());
}

#[tokio::test]
async fn a_body_that_does_not_fit_its_url_is_refused() {
    let azlet = Azlet::start().await;
    let owner = azlet.owner().await;
    owner.put(&arm(&group("rg"), VERSION), &json!({ "location": "westus2" })).await;
    let url = arm(&identity("rg"), IDENTITIES);
    let with = |member: &str, value: &str| json!({ "location": "westus2", member: value });
    insta::assert_snapshot!("body_other_id", owner.put(&url, &with("id", &identity("other"))).await.golden());
    insta::assert_snapshot!("body_other_type", owner.put(&url, &with("type", "Microsoft.X/y")).await.golden());
    let same = json!({
        "LOCATION": "West US 2", "Name": "MINE", "id": identity("RG"), "type": "microsoft.managedidentity/USERASSIGNEDIDENTITIES",
        "Tags": { "a": "b" },
    });
    let made = owner.put(&url, &same).await;
    assert_eq!((made.status(), &made.json()["location"], &made.json()["tags"]), (201, &json!("westus2"), &json!({ "a": "b" })));
    let text = "{\n  \"location\": \"westus2\",\n  \"AccountType\" : 1\n}";
    let unknown = owner.send_bytes(Method::PUT, &url, "application/json", text).await;
    insta::assert_snapshot!("body_unknown_member_in_line_three", unknown.golden());
    let group = json!({ "location": "westus2", "type": "Microsoft.Resources/resourceGroups", "name": "rg", "properties": {} });
    assert_eq!(owner.put(&arm(&self::group("rg"), VERSION), &group).await.status(), 200);
    let none = owner.send(owner.request(Method::PUT, &url)).await;
    assert_eq!(none.error_code(), "LocationRequired", "an empty body is an empty definition");
    let plain = owner.send(owner.request(Method::PATCH, &url).body("{}")).await;
    insta::assert_snapshot!("body_without_media_type", plain.golden());
}

#[tokio::test]
async fn what_manages_a_group_is_kept() {
    let azlet = Azlet::start().await;
    let owner = azlet.owner().await;
    let url = arm(&group("rg"), VERSION);
    let managed = |by: &str| json!({ "location": "westus2", "managedBy": by });
    assert_eq!(owner.put(&url, &managed("me")).await.json()["managedBy"], "me");
    assert_eq!(owner.put(&url, &json!({ "location": "westus2" })).await.json()["managedBy"], "me");
    insta::assert_snapshot!("group_other_manager", owner.put(&url, &managed("you")).await.golden());
    assert_eq!(owner.patch(&url, &json!({ "managedBy": "you" })).await.status(), 409);
}

#[tokio::test]
async fn what_is_not_built_says_so() {
    let azlet = Azlet::start().await;
    let owner = azlet.owner().await;
    owner.put(&arm(&group("rg"), VERSION), &json!({ "location": "westus2" })).await;
    let export = owner.post(&arm(&format!("{}/exportTemplate", group("rg")), VERSION), &json!({ "resources": ["*"] })).await;
    insta::assert_snapshot!("export_template", export.golden());
    let deployment = arm(&format!("{}/providers/Microsoft.Resources/deployments/mine", group("rg")), VERSION);
    assert_eq!(owner.put(&deployment, &json!({})).await.error_code(), "NotImplementedByAzlet");
    let forced = format!("{}?forceDeletionTypes=Microsoft.Compute/virtualMachines", group("rg"));
    assert_eq!(owner.delete(&arm(&forced, VERSION)).await.status(), 202, "what to force is ignored");
}

#[tokio::test]
async fn a_list_over_all_regions_names_their_requests() {
    let azlet = Azlet::start().await;
    let owner = azlet.owner().await;
    owner.put(&arm(&group("rg"), VERSION), &json!({ "location": "westus2" })).await;
    let asked = async |path: &str| {
        let answer = owner.get(&arm(path, IDENTITIES)).await;
        answer.headers().get_all("x-ms-original-request-ids").iter().count()
    };
    assert_eq!(asked(&format!("/subscriptions/{SUBSCRIPTION}/providers/{IDENTITY}")).await, 8);
    assert_eq!(asked(&format!("{}/providers/{IDENTITY}", group("rg"))).await, 0);
}
