//! Rules of ARM that hold whatever the type: the order of errors where more than one step is wrong, the headers of every answer,
//! what counts against which budget, filters and bodies. Sources: the ARM resource provider contract, recorded answers, Azure's
//! documentation of request limits, and answers that users have reported; what is inferred says so.

use std::collections::BTreeSet;

use azlet_tests::{ARM, Actor, Answer, Azlet, OTHER_SUBSCRIPTION, SUBSCRIPTION, TENANT, arm, my_registry, resource_id};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::Method;
use serde_json::{Value, json};

const VERSION: &str = "2024-11-01";
const IDENTITIES: &str = "2024-11-30";
const REGISTRIES: &str = "2023-07-01";
const IDENTITY: &str = "Microsoft.ManagedIdentity/userAssignedIdentities";

fn group(name: &str) -> String {
    format!("/subscriptions/{SUBSCRIPTION}/resourceGroups/{name}")
}

fn identity(group: &str) -> String {
    arm(&resource_id(group, &format!("{IDENTITY}/mine")), IDENTITIES)
}

/// The groups `rg`, `going`, which is being deleted, and `locked`, which is read-only.
async fn setting(azlet: &Azlet) -> Actor {
    let owner = azlet.owner().await;
    for name in ["rg", "going", "locked"] {
        owner.put(&arm(&group(name), VERSION), &json!({ "location": "westus2" })).await;
    }
    let lock = arm(&format!("{}/providers/Microsoft.Authorization/locks/frozen", group("locked")), "2016-09-01");
    assert_eq!(owner.put(&lock, &json!({ "properties": { "level": "ReadOnly" } })).await.status(), 201);
    azlet.operations(&json!({ "times": { "Microsoft.Resources/subscriptions/resourceGroups/delete": "60s" } })).await;
    assert_eq!(owner.delete(&arm(&group("going"), VERSION)).await.status(), 202);
    owner
}

#[tokio::test]
async fn of_two_errors_the_one_of_the_earlier_step_is_told() {
    let azlet = Azlet::start().await;
    let owner = setting(&azlet).await;
    let here = || Some(json!({ "location": "westus2" }));
    let nowhere = || Some(json!({ "location": "Nowhere" }));
    let unknown_member = || Some(json!({ "location": "Nowhere", "x": 1 }));
    let old = |group: &str| arm(&resource_id(group, &format!("{IDENTITY}/mine")), "2001-01-01");
    for (what, method, url, body, status, code) in [
        ("version of the type before a missing group", Method::GET, old("none"), None, 400, "NoRegisteredProviderFound"),
        (
            "version before the missing group itself",
            Method::GET,
            arm(&group("none"), "2001-01-01"),
            None,
            400,
            "InvalidApiVersionParameter",
        ),
        (
            "body before a group that goes (inferred)",
            Method::PUT,
            identity("going"),
            Some(json!([])),
            400,
            "InvalidRequestContent",
        ),
        ("a group that goes before the location", Method::PUT, identity("going"), nowhere(), 409, "ResourceGroupBeingDeleted"),
        (
            "envelope before a group that goes (inferred)",
            Method::PUT,
            identity("going"),
            unknown_member(),
            400,
            "InvalidRequestContent",
        ),
        ("envelope before a lock (inferred)", Method::PUT, identity("locked"), unknown_member(), 400, "InvalidRequestContent"),
        ("lock before absence, DELETE", Method::DELETE, identity("locked"), None, 409, "ScopeLocked"),
        ("lock before absence, PATCH", Method::PATCH, identity("locked"), Some(json!({})), 409, "ScopeLocked"),
        ("group before the body", Method::PUT, identity("none"), Some(json!([])), 404, "ResourceGroupNotFound"),
        ("nothing wrong but absence, GET", Method::GET, identity("rg"), None, 404, "ResourceNotFound"),
        ("nothing wrong but absence, PATCH", Method::PATCH, identity("rg"), Some(json!({})), 404, "ResourceNotFound"),
        (
            "nothing wrong but absence, POST",
            Method::POST,
            arm(&format!("{}/listCredentials", my_registry()), REGISTRIES),
            Some(json!({})),
            404,
            "ResourceNotFound",
        ),
        ("nothing wrong but absence, DELETE", Method::DELETE, identity("rg"), None, 204, ""),
        ("nothing wrong", Method::PUT, identity("rg"), here(), 201, ""),
    ] {
        let request = owner.request(method, &url);
        let request = if let Some(body) = body { request.json(&body) } else { request };
        let answer = owner.send(request).await;
        assert_eq!((answer.status(), answer.error_code().as_str()), (status, code), "{what}: {}", answer.golden());
    }
}

#[tokio::test]
async fn throttling_comes_after_the_token_and_before_the_type() {
    let azlet = Azlet::start().await;
    let owner = azlet.owner().await;
    let settings = format!("{}/_azlet/settings", azlet.endpoint());
    azlet.anonymous().post(&settings, &json!({ "throttling": true })).await;
    let unknown = arm(&resource_id("rg", "No.Such/type/x"), VERSION);
    for _ in 0..250 {
        assert_eq!(owner.get(&unknown).await.error_code(), "InvalidResourceNamespace", "a refused request counts too");
    }
    let refused = owner.get(&unknown).await;
    assert_eq!((refused.status(), refused.error_code().as_str()), (429, "SubscriptionRequestsThrottled"));
    assert!(refused.header("retry-after").is_some_and(|seconds| seconds.parse::<u32>().is_ok()));
    assert_eq!(azlet.bearer("garbage").get(&unknown).await.status(), 401);
    assert_eq!(azlet.anonymous().get(&unknown).await.status(), 401);
}

#[tokio::test]
async fn a_role_at_a_group_that_is_gone_opens_nothing() {
    let (azlet, owner) = Azlet::with_group().await;
    azlet.assign("nobody", "Owner", &group("rg"));
    let nobody = azlet.actor("nobody").await;
    let url = arm(&group("rg"), VERSION);
    assert_eq!(nobody.get(&url).await.status(), 200);
    let started = owner.delete(&url).await;
    owner.follow(&started).await;
    assert_eq!((nobody.get(&url).await.status(), owner.get(&url).await.status()), (403, 404));
    let head = nobody.head(&url).await;
    assert_eq!((head.status(), head.bytes().len(), head.header("x-ms-failure-cause")), (403, 0, Some("gateway")));
    assert_eq!(owner.put(&url, &json!({ "location": "westus2" })).await.status(), 201);
    assert_eq!(nobody.get(&url).await.status(), 403, "a group of the same name is another one (inferred)");
    let list = format!(
        "{}/providers/Microsoft.Authorization/roleAssignments?$filter=principalId%20eq%20'{}'",
        group("rg"),
        azlet.object_id("nobody")
    );
    assert_eq!(owner.get(&arm(&list, "2022-04-01")).await.json()["value"], json!([]));
}

#[tokio::test]
async fn a_token_of_another_tenant_or_audience_is_told_so() {
    let azlet = Azlet::start().await;
    let url = arm("/subscriptions", VERSION);
    let own = azlet.token("owner", "https://management.azure.com").await;
    let claims = URL_SAFE_NO_PAD.decode(own.split('.').nth(1).expect("claims")).expect("base64url");
    let mut claims: Value = serde_json::from_slice(&claims).expect("JSON");
    let header: Value =
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(own.split('.').next().expect("a header")).expect("base64url"))
            .expect("JSON");
    for audience in [
        "https://management.core.windows.net/",
        "https://management.core.windows.net",
        "https://management.azure.com/",
        "https://management.azure.com",
    ] {
        claims["aud"] = json!(audience);
        let answer = azlet.bearer(azlet.world().signing_key.sign(&header, &claims)).get(&url).await;
        assert_eq!(answer.status(), 200, "{audience}: {}", answer.golden());
    }
    claims["iss"] = json!("https://sts.windows.net/0a210000-0000-4000-8000-0000000000fe/");
    let foreign = azlet.bearer(azlet.world().signing_key.sign(&header, &claims));
    insta::assert_snapshot!("token_of_another_tenant", foreign.get(&arm(&group("rg"), VERSION)).await.golden());
}

#[tokio::test]
async fn paths_and_bodies_that_users_have_tripped_over() {
    let azlet = Azlet::start().await;
    let owner = setting(&azlet).await;
    let mut rows = Vec::new();
    let mut row = |rule: &str, answer: Answer| rows.push(format!("{rule}\n    {}", answer.refusal()));
    let quoted = format!("/'{}'/providers/Microsoft.Authorization/roleAssignments", group("rg"));
    row("a quoted id as scope", owner.get(&arm(&quoted, "2022-04-01")).await);
    let too_long = "x".repeat(91);
    row("group name too long (inferred)", owner.put(&arm(&group(&too_long), VERSION), &json!({ "location": "westus2" })).await);
    row(
        "group name ends in a full stop (inferred)",
        owner.put(&arm(&group("a."), VERSION), &json!({ "location": "westus2" })).await,
    );
    row("group name with two bad signs", owner.put(&arm(&group("a%20b%26c"), VERSION), &json!({ "location": "westus2" })).await);
    for (what, kind) in [("text/plain", Some("text/plain")), ("no media type", None)] {
        for method in [Method::PUT, Method::PATCH, Method::POST] {
            let path = if method == Method::POST { format!("{}/exportTemplate", group("rg")) } else { group("rg") };
            let request = owner.request(method.clone(), &arm(&path, VERSION)).body("{}");
            let request = if let Some(kind) = kind { request.header("content-type", kind) } else { request };
            row(&format!("{method} with {what}"), owner.send(request).await);
        }
    }
    row("location of a group", owner.put(&arm(&group("new"), VERSION), &json!({ "location": "Canada" })).await);
    row("location of a resource", owner.put(&identity("rg"), &json!({ "location": "None" })).await);
    insta::assert_snapshot!("rules_of_paths_and_bodies", rows.join("\n"));
    let malformed = arm(&format!("{}/providers/Microsoft.Authorization/roleAssignments/{TENANT}", group("rg")), "2022-04-01");
    let malformed = owner.put(&malformed, &json!({})).await;
    assert_eq!(malformed.text(), r#"{"error":{"code":"BadRequestFormat","message":"The request was incorrectly formatted."}}"#);
}

#[tokio::test]
async fn a_definition_may_have_every_member_that_arm_knows() {
    let (_azlet, owner) = Azlet::with_group().await;
    let url = arm(&resource_id("rg", "Microsoft.Network/routeTables/mine"), "2024-07-01");
    let body = json!({
        "id": resource_id("rg", "Microsoft.Network/routeTables/mine"), "name": "mine", "type": "Microsoft.Network/routeTables",
        "location": "West US 2", "tags": { "a": "" }, "properties": { "unheardOf": true }, "sku": {}, "plan": {}, "kind": "x",
        "identity": { "type": "None" }, "managedBy": "me", "zones": ["1"], "extendedLocation": {}, "apiVersion": "2024-07-01",
        "scale": {}, "etag": "x", "systemData": {},
    });
    let made = owner.put(&url, &body).await;
    assert_eq!((made.status(), &made.json()["location"]), (201, &json!("westus2")), "{}", made.golden());
    // What lies inside the properties is for the provider: Container Registry's does not mind (inferred).
    let body = json!({ "location": "westus2", "sku": { "name": "Basic" }, "properties": { "sshAccess": "disabled" } });
    let made = owner.put_and_wait(&arm(&my_registry(), REGISTRIES), &body).await;
    assert_eq!((made.status(), made.json()["properties"].get("sshAccess")), (200, None), "{}", made.golden());
}

#[tokio::test]
async fn every_answer_has_the_headers_of_arm() {
    let (azlet, owner) = Azlet::with_group().await;
    let anonymous = azlet.anonymous();
    let provider = format!("{}/providers/Microsoft.Authorization/roleAssignments", group("rg"));
    let absent = format!("{}/providers/Microsoft.Authorization/roleAssignments/{TENANT}", group("rg"));
    let filter = format!("{}/resources?$filter=colour%20eq%20'red'", group("rg"));
    let nobody = azlet.actor("nobody").await;
    // Who spoke: ARM itself or a provider. Only ARM's own refusals name the gateway as their cause; only providers identify their operation.
    for (what, answer, of_provider, gateway) in [
        ("a group", owner.get(&arm(&group("rg"), VERSION)).await, false, false),
        ("a group that is not there", owner.get(&arm(&group("none"), VERSION)).await, false, true),
        ("HEAD of a group that is not there", owner.head(&arm(&group("none"), VERSION)).await, false, true),
        ("HEAD of a group", owner.head(&arm(&group("rg"), VERSION)).await, false, false),
        ("no right", nobody.get(&arm(&group("rg"), VERSION)).await, false, true),
        ("no token", anonymous.get(&arm(&group("rg"), VERSION)).await, false, true),
        ("a filter that is none", owner.get(&arm(&filter, VERSION)).await, false, true),
        ("a resource that is not there", owner.get(&identity("rg")).await, false, true),
        ("a provider's list", owner.get(&arm(&provider, "2022-04-01")).await, true, false),
        ("a provider's refusal", owner.get(&arm(&absent, "2022-04-01")).await, true, false),
        ("a provider's 204", owner.delete(&arm(&absent, "2022-04-01")).await, true, false),
    ] {
        for (name, value) in [
            ("cache-control", "no-cache"),
            ("pragma", "no-cache"),
            ("expires", "-1"),
            ("strict-transport-security", "max-age=31536000; includeSubDomains"),
            ("x-content-type-options", "nosniff"),
            ("x-cache", "CONFIG_NOCACHE"),
            ("date", "Mon, 02 Nov 2026 08:00:00 GMT"),
        ] {
            assert_eq!(answer.header(name), Some(value), "{what}");
        }
        let edge = answer.header("x-msedge-ref").expect("a reference to the edge");
        let parts: Vec<&str> = edge.split(' ').collect();
        let (ref_a, time) = (parts[2], parts[8]);
        assert!(edge.starts_with("Ref A: ") && edge.contains(" Ref B: ") && edge.contains(" Ref C: "), "{what}: {edge}");
        assert!(ref_a.len() == 32 && ref_a.bytes().all(|byte| byte.is_ascii_digit() || (b'A'..=b'F').contains(&byte)), "{edge}");
        assert_eq!(time, "2026-11-02T08:00:00Z", "{what}");
        let routing = answer.header("x-ms-routing-request-id").expect("a routing id").rsplit(':').next().unwrap_or_default();
        assert_eq!(answer.header("x-ms-correlation-request-id"), Some(routing), "{what}: none was sent, so it is ARM's own");
        assert_eq!(answer.header("x-ms-request-id") == Some(routing), !of_provider, "{what}");
        assert_eq!(answer.header("x-ms-operation-identifier").is_some(), of_provider, "{what}");
        assert_eq!(answer.header("x-ms-failure-cause"), gateway.then_some("gateway"), "{what}");
        assert_eq!(answer.header("x-ms-client-request-id"), None, "{what}: nobody asked for it");
        assert_eq!((answer.header("vary"), answer.header("etag")), (None, None), "{what}");
        assert_eq!(answer.header("content-type").is_some(), !answer.bytes().is_empty(), "{what}");
        if answer.status() != 204 {
            assert!(answer.header("content-length").is_some(), "{what}");
        }
    }
    let sent = owner.request(Method::GET, &arm(&group("rg"), VERSION)).header("x-ms-client-request-id", "mine");
    assert_eq!(owner.send(sent).await.header("x-ms-client-request-id"), None, "it is only returned when that is asked for");
}

#[tokio::test]
async fn each_kind_of_request_has_a_budget_of_its_own() {
    let azlet = Azlet::start().await;
    let owner = azlet.owner().await;
    let counted = |answer: &Answer| -> BTreeSet<String> {
        let of_rate = |name: &str| name.strip_prefix("x-ms-ratelimit-remaining-").map(str::to_owned);
        let named = answer.headers().iter().filter_map(|(name, value)| Some((of_rate(name.as_str())?, value)));
        named.map(|(name, value)| format!("{name} {}", value.to_str().unwrap_or_default())).collect()
    };
    let both = |kind: &str, own: u32, shared: u32| {
        BTreeSet::from([format!("subscription-{kind} {own}"), format!("subscription-global-{kind} {shared}")])
    };
    let put = owner.put(&arm(&group("rg"), VERSION), &json!({ "location": "westus2" })).await;
    assert_eq!(counted(&put), both("writes", 199, 2999));
    let patch = owner.patch(&arm(&group("rg"), VERSION), &json!({ "tags": {} })).await;
    assert_eq!(counted(&patch), both("writes", 198, 2998));
    let keys = owner.post(&arm(&format!("{}/listCredentials", my_registry()), REGISTRIES), &json!({})).await;
    assert_eq!(counted(&keys), both("writes", 197, 2997), "a POST is a write, even if it only lists keys");
    assert_eq!(counted(&owner.head(&arm(&group("rg"), VERSION)).await), both("reads", 249, 3749), "HEAD reads");
    let delete = owner.delete(&arm(&group("rg"), VERSION)).await;
    assert_eq!(counted(&delete), both("deletes", 199, 2999));
    let poll = owner.get(delete.header("location").expect("a poll URL")).await;
    assert_eq!(counted(&poll), both("reads", 248, 3748), "a poll reads");
    let elsewhere = owner.get(&arm(&format!("/subscriptions/{OTHER_SUBSCRIPTION}"), VERSION)).await;
    assert_eq!(counted(&elsewhere), both("reads", 249, 3749), "another subscription");
    let reader = azlet.actor("reader").await.get(&arm(&format!("/subscriptions/{SUBSCRIPTION}"), VERSION)).await;
    assert_eq!(counted(&reader), BTreeSet::from(["subscription-reads 249".into(), "subscription-global-reads 3747".into()]));
    let tenant = owner
        .post(&arm("/providers/Microsoft.Resources/checkResourceName", VERSION), &json!({ "name": "a", "type": "b/c" }))
        .await;
    assert_eq!(counted(&tenant), BTreeSet::from(["tenant-writes 199".into()]));
    let unnamed = azlet.anonymous().get(&arm(&group("rg"), VERSION)).await;
    assert_eq!(counted(&unnamed), BTreeSet::new(), "who is nobody has no budget");
}

#[tokio::test]
async fn lists_of_resources_and_groups_have_the_documented_filters() {
    let (azlet, owner) = Azlet::with_registry().await;
    let tags = json!({ "location": "eastus", "tags": { "Env": "prod", "dep-a": "" } });
    assert_eq!(owner.put(&identity("rg"), &tags).await.status(), 201);
    let other = json!({ "location": "eastus", "tags": { "team": "blue" } });
    assert_eq!(owner.put(&arm(&group("other"), VERSION), &other).await.status(), 201);
    drop(azlet);
    let mut rows = Vec::new();
    for (list, query) in [
        ("resources", "$filter=resourceType eq 'Microsoft.ContainerRegistry/registries' and name eq 'MyRegistry'"),
        ("resources", "$filter=resourceType ne 'Microsoft.ContainerRegistry/registries'"),
        ("resources", "$filter=location eq 'East US'"),
        ("resources", "$filter=location eq 'eastus' or location eq 'westus2'"),
        ("resources", "$filter=resourceGroup ne 'rg'"),
        ("resources", "$filter=substringof('reg', name)"),
        ("resources", "$filter=substringof('r', resourceGroup) and resourceType eq 'Microsoft.ContainerRegistry/registries'"),
        ("resources", "$filter=identity/principalId eq 'x'"),
        ("resources", "$filter=plan/promotionCode eq 'x'"),
        ("resources", "$filter=tagName eq 'env'"),
        ("resources", "$filter=tagname eq 'Env' and tagvalue eq 'prod'"),
        ("resources", "$filter=tagName eq 'Env' and tagValue eq 'PROD'"),
        ("resources", "$filter=startswith(tagName, 'dep')"),
        ("resources", "$filter=tagName eq 'Env' and resourceType eq 'a/b'"),
        ("resources", "$filter=substringof(name, 'reg')"),
        ("resources", "filter=name eq 'nothing'"),
        ("resources", "$top=1"),
        ("resourcegroups", "$filter=tagName eq 'team'"),
        ("resourcegroups", "$filter=tagname eq 'TEAM' and tagvalue eq 'blue'"),
        ("resourcegroups", "$filter=name eq 'other'"),
        ("resourcegroups", "$filter=location eq 'eastus'"),
        ("resourcegroups", "filter=location eq 'eastus'"),
        ("resourcegroups", "$top=1"),
    ] {
        let path = format!("/subscriptions/{SUBSCRIPTION}/{list}?{}", query.replace(' ', "%20"));
        let answer = owner.get(&arm(&path, VERSION)).await;
        let body = answer.json();
        let shown = match body["value"].as_array() {
            Some(values) => {
                let names = values.iter().map(|row| row["name"].as_str().unwrap_or_default()).collect::<Vec<_>>().join(" ");
                let more = if body.get("nextLink").is_some() { " and more" } else { "" };
                format!("{names}{more}")
            }
            None => answer.refusal(),
        };
        rows.push(format!("{list} {query}\n    {shown}"));
    }
    insta::assert_snapshot!("filters_of_resources_and_groups", rows.join("\n"));
    let by_tag = arm(
        &format!("{}/resources?$filter=tagName%20eq%20'env'&$expand=createdTime,changedTime,provisioningState", group("rg")),
        VERSION,
    );
    insta::assert_snapshot!("resources_by_tag_expanded", owner.get(&by_tag).await.golden());
}

#[tokio::test]
async fn a_group_keeps_empty_tags_and_its_deletion_has_a_job() {
    let azlet = Azlet::start().await;
    let owner = azlet.owner().await;
    let url = |name: &str| arm(&format!("/subscriptions/{SUBSCRIPTION}/resourcegroups/{name}"), VERSION);
    let made =
        owner.put(&url("azd-Test"), &json!({ "location": "eastus2", "tags": {}, "managedBy": "me", "name": "azd-test" })).await;
    insta::assert_snapshot!("group_with_empty_tags", made.golden());
    let again = owner.put(&url("AZD-TEST"), &json!({ "location": "eastus2" })).await;
    assert_eq!(again.json()["name"], "AZD-TEST", "the casing that was said last (inferred for groups)");
    let deleted = owner.delete(&url("azd-test")).await;
    let location = deleted.header("location").expect("a poll URL").to_owned();
    let token = location.split("/operationresults/").nth(1).and_then(|rest| rest.split('?').next()).expect("a token");
    let job: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token).expect("base64url without padding")).expect("JSON");
    let name = job["jobId"].as_str().unwrap_or_default();
    assert!(name.starts_with("RESOURCEGROUPDELETIONJOB-AZD:2DTEST-") && name.ends_with("-EASTUS2"), "{job}");
    assert_eq!(job["jobLocation"], "eastus2");
    for part in ["api-version=2024-11-01", "&t=", "&c=", "&s=", "&h="] {
        assert!(location.contains(part), "{location}");
    }
    let end = owner.follow(&deleted).await;
    assert_eq!((end.status(), end.bytes().len()), (200, 0));
    assert_eq!(owner.get(&location).await.status(), 200, "it goes on saying so (inferred)");
}

#[tokio::test]
async fn templates_and_settings_of_management_groups_are_not_emulated() {
    let (_azlet, owner) = Azlet::with_group().await;
    let deployments = format!("{}/providers/Microsoft.Resources/deployments", group("rg"));
    let at_subscription = format!("/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Resources/deployments/mine");
    let settings = format!("/providers/Microsoft.Management/managementGroups/{TENANT}/settings");
    let mut rows = Vec::new();
    for (method, path, version) in [
        (Method::PUT, format!("{deployments}/mine"), VERSION),
        (Method::GET, format!("{deployments}/mine"), VERSION),
        (Method::GET, deployments.clone(), VERSION),
        (Method::DELETE, format!("{deployments}/mine"), VERSION),
        (Method::POST, format!("{deployments}/mine/validate"), VERSION),
        (Method::POST, format!("{deployments}/mine/whatIf"), VERSION),
        (Method::POST, format!("{deployments}/mine/cancel"), VERSION),
        (Method::POST, format!("{deployments}/mine/exportTemplate"), VERSION),
        (Method::GET, format!("{deployments}/mine/operations"), VERSION),
        (Method::PUT, at_subscription, VERSION),
        (Method::POST, format!("{}/exportTemplate", group("rg")), VERSION),
        (Method::GET, settings.clone(), "2020-05-01"),
        (Method::GET, format!("{settings}/default"), "2020-05-01"),
        (Method::PUT, format!("{settings}/default"), "2020-05-01"),
        (Method::PATCH, format!("{settings}/default"), "2020-05-01"),
        (Method::DELETE, format!("{settings}/default"), "2020-05-01"),
    ] {
        let request = owner.request(method.clone(), &arm(&path, version));
        let reads = method == Method::GET || method == Method::DELETE;
        let answer = owner.send(if reads { request } else { request.json(&json!({ "properties": {} })) }).await;
        assert_eq!(answer.error_code(), "NotImplementedByAzlet", "{method} {path}: {}", answer.golden());
        rows.push(answer.refusal());
    }
    insta::assert_snapshot!("not_emulated", rows.join("\n"));
    assert_eq!(owner.get(&format!("{ARM}{deployments}?api-version=2001-01-01")).await.error_code(), "InvalidApiVersionParameter");
}
