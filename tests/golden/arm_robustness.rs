//! Whatever is sent to ARM is answered, and never with a 5xx: ten thousand random requests from one seed, and properties of the
//! parsers. A panic in a handler would end the test.

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Method, Request};
use azlet::arm::filter::{Filter, Subject};
use azlet::arm::request::{Query, Target};
use azlet::front::conn::Conn;
use azlet::kernel::resource_id::ResourceId;
use azlet_tests::{Azlet, SUBSCRIPTION, arm, resource_id};
use proptest::prelude::*;
use serde_json::json;
use tower::ServiceExt as _;

const REQUESTS: usize = 10_000;
/// After so many requests there are a group and a registry again, whatever became of them.
const AGAIN: usize = 50;
/// Longer than any answer takes on the slowest machine.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(60);

/// SplitMix64: the same numbers on every machine.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % bound as u64).expect("small")
    }

    fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }
}

const METHODS: [&str; 9] = ["GET", "GET", "PUT", "PUT", "PATCH", "POST", "DELETE", "HEAD", "OPTIONS"];

/// What paths are made of: good segments, and such as are not.
fn segment(dice: &mut Dice) -> String {
    const SEGMENTS: [&str; 52] = [
        "subscriptions",
        "resourceGroups",
        "resourcegroups",
        "providers",
        "Microsoft.Resources",
        "Microsoft.Authorization",
        "Microsoft.ContainerRegistry",
        "Microsoft.ContainerService",
        "Microsoft.ManagedIdentity",
        "Microsoft.Network",
        "registries",
        "managedClusters",
        "agentPools",
        "userAssignedIdentities",
        "federatedIdentityCredentials",
        "roleAssignments",
        "roleDefinitions",
        "locks",
        "tags",
        "default",
        "tagNames",
        "tagValues",
        "operations",
        "register",
        "unregister",
        "resourceTypes",
        "resources",
        "locations",
        "westus2",
        "moveResources",
        "validateMoveResources",
        "exportTemplate",
        "listCredentials",
        "listClusterUserCredential",
        "importImage",
        "webhooks",
        "permissions",
        "denyAssignments",
        "rg",
        "myregistry",
        "mycluster",
        "mine",
        "..",
        ".",
        "%2F",
        "%00",
        "%FF",
        "%",
        "%zz",
        "a%20b",
        "%C3%A4",
        "*",
    ];
    match dice.below(12) {
        0 => SUBSCRIPTION.to_owned(),
        1 => "x".repeat(dice.below(600)),
        2 => format!("{:x}", dice.below(usize::MAX)),
        3 => String::new(),
        _ => (*dice.one(&SEGMENTS)).to_owned(),
    }
}

fn path(dice: &mut Dice) -> String {
    let beginning = match dice.below(6) {
        0 => String::new(),
        1 => format!("/subscriptions/{SUBSCRIPTION}"),
        2 => format!("/subscriptions/{SUBSCRIPTION}/resourceGroups/rg"),
        3 => format!("/subscriptions/{SUBSCRIPTION}/resourceGroups/rg/providers"),
        4 => resource_id("rg", "Microsoft.ContainerRegistry/registries/myregistry"),
        _ => "/providers".to_owned(),
    };
    let more: String = (0..dice.below(7)).map(|_| format!("/{}", segment(dice))).collect();
    format!("{beginning}{more}")
}

fn query(dice: &mut Dice) -> String {
    const PAIRS: [&str; 22] = [
        "$filter=name%20eq%20%27x%27",
        "$filter=atScope()",
        "$filter=((((",
        "$filter=tagName%20eq",
        "$filter=%27",
        "$top=0",
        "$top=5",
        "$top=-1",
        "$top=%F0%9F%98%80",
        "$skiptoken=AAAA",
        "$skipToken=%00",
        "$skiptoken=L3N1YnNjcmlwdGlvbnMv",
        "$expand=createdTime",
        "$select=",
        "$select=a,b,,c",
        "&&&",
        "=",
        "a=b=c",
        "%zz=%zz",
        "api-version=2024-11-01",
        "API-VERSION=x",
        "t=1&c=2&s=3&h=4",
    ];
    const VERSIONS: [&str; 9] =
        ["2024-11-01", "2022-04-01", "2023-07-01", "2024-11-30", "2024-09-01", "2016-09-01", "2001-01-01", "latest", ""];
    let mut query: String = (0..dice.below(4)).map(|_| format!("{}&", dice.one(&PAIRS))).collect();
    if dice.below(10) > 0 {
        query.push_str("api-version=");
        let version: &&str = dice.one(&VERSIONS);
        query.push_str(version);
    }
    query
}

fn body(dice: &mut Dice) -> Vec<u8> {
    const BODIES: [&str; 24] = [
        "",
        "{}",
        "[]",
        "null",
        "0",
        "\"x\"",
        "{",
        "{\"location\":",
        "{\"location\":\"westus2\"}",
        "{\"location\":1}",
        "{\"location\":\"westus2\",\"tags\":{\"a\":{}}}",
        "{\"location\":\"westus2\",\"sku\":{\"name\":\"Basic\"}}",
        "{\"location\":\"westus2\",\"sku\":[]}",
        "{\"location\":\"westus2\",\"identity\":{\"type\":[]}}",
        "{\"location\":\"westus2\",\"properties\":{\"agentPoolProfiles\":[{\"count\":1e999}]}}",
        "{\"location\":\"westus2\",\"identity\":{\"type\":\"UserAssigned\",\"userAssignedIdentities\":{\"//\":null}}}",
        "{\"properties\":{\"roleDefinitionId\":{},\"principalId\":[]}}",
        "{\"properties\":{\"level\":\"ReadOnly\"}}",
        "{\"properties\":{\"tags\":[]}}",
        "{\"operation\":\"Merge\",\"properties\":{\"tags\":{\"\\u0000\":\"\"}}}",
        "{\"resources\":[\"\",\"/\",1],\"targetResourceGroup\":\"//\"}",
        "{\"source\":{\"sourceImage\":\":@:\"},\"targetTags\":[{}]}",
        "{\"name\":\"\\ud800\"}",
        "{\"a\":1,\"a\":2,\"\":3}",
    ];
    match dice.below(8) {
        0 => (0..dice.below(200)).map(|_| u8::try_from(dice.below(256)).expect("a byte")).collect(),
        1 => "[".repeat(dice.below(5000)).into_bytes(),
        _ => dice.one(&BODIES).as_bytes().to_vec(),
    }
}

fn header(dice: &mut Dice) -> (&'static str, Vec<u8>) {
    const HEADERS: [(&str, &str); 14] = [
        ("content-type", "application/json"),
        ("content-type", "application/json; charset=utf-8"),
        ("content-type", "text/plain"),
        ("content-type", ";;;"),
        ("if-match", "*"),
        ("if-match", "\"x\", W/\"y\""),
        ("if-none-match", "*"),
        ("if-none-match", "x"),
        ("x-ms-correlation-request-id", "mine"),
        ("x-ms-client-request-id", "mine"),
        ("x-ms-return-client-request-id", "TRUE"),
        ("authorization", "Bearer"),
        ("authorization", "Basic x"),
        ("accept-language", "xx"),
    ];
    let (name, value) = *dice.one(&HEADERS);
    let value = if dice.below(20) == 0 { vec![0xff, 0xfe] } else { value.as_bytes().to_vec() };
    (name, value)
}

/// A verb and a path that a known type has, with a version that it has: what gets as far as the providers.
fn known(dice: &mut Dice) -> (String, String) {
    const NAMES: [&str; 8] =
        ["myregistry", "mycluster", "mine", "default", "westus2", "a b", "0a210000-0000-4000-8000-0000000000b1", "x"];
    let provider = dice.one(azlet::arm::catalog::providers());
    let kind = dice.one(&provider.types);
    let scope = match dice.below(4) {
        0 => format!("/subscriptions/{SUBSCRIPTION}"),
        1 => resource_id("rg", "Microsoft.ContainerRegistry/registries/myregistry"),
        _ => format!("/subscriptions/{SUBSCRIPTION}/resourceGroups/rg"),
    };
    let mut path = match kind.name.strip_prefix("subscriptions/") {
        Some(_) => String::new(),
        None => format!("{scope}/providers/{}", provider.namespace),
    };
    let types: Vec<&str> = kind.name.split('/').collect();
    let is_item = dice.below(3) > 0 && kind.item_verbs().next().is_some();
    for (position, kind) in types.iter().enumerate() {
        let name = match *kind {
            "subscriptions" => SUBSCRIPTION,
            "resourceGroups" => "rg",
            "providers" => "Microsoft.Network",
            _ => *dice.one(&NAMES),
        };
        let is_last = position + 1 == types.len();
        path.push_str(&if is_last && !is_item { format!("/{kind}") } else { format!("/{kind}/{name}") });
    }
    let version = dice.one(provider.versions(kind)).clone();
    let more = if dice.below(3) == 0 { query(dice) } else { String::new() };
    let verbs: Vec<&str> = if is_item { kind.item_verbs().collect() } else { kind.collection_verbs().collect() };
    let verb = if verbs.is_empty() || dice.below(8) == 0 { dice.one(&METHODS) } else { dice.one(&verbs) };
    ((*verb).to_owned(), format!("{}?api-version={version}&{more}", path.replace(' ', "%20")))
}

fn request(dice: &mut Dice, token: &str) -> Option<Request<Body>> {
    let (method, uri) = match dice.below(5) {
        0 | 1 => ((*dice.one(&METHODS)).to_owned(), format!("{}?{}", path(dice), query(dice))),
        _ => known(dice),
    };
    let method = if dice.below(50) == 0 { Method::from_bytes(b"BREW") } else { Method::from_bytes(method.as_bytes()) };
    let mut request = Request::builder().method(method.ok()?).uri(uri).body(Body::from(body(dice))).ok()?;
    let headers = request.headers_mut();
    if dice.below(10) > 0 {
        headers.insert("authorization", HeaderValue::from_str(&format!("Bearer {token}")).ok()?);
        headers.insert("content-type", HeaderValue::from_static("application/json"));
    }
    for _ in 0..dice.below(3) {
        let (name, value) = header(dice);
        headers.append(HeaderName::from_static(name), HeaderValue::from_bytes(&value).ok()?);
    }
    Some(request)
}

#[tokio::test]
async fn ten_thousand_random_requests_are_answered_without_a_5xx() {
    let azlet = Azlet::start().await;
    let owner = azlet.owner().await;
    let token = azlet.token("owner", "https://management.azure.com").await;
    let group = arm(&format!("/subscriptions/{SUBSCRIPTION}/resourceGroups/rg"), "2024-11-01");
    let registry = arm(&resource_id("rg", "Microsoft.ContainerRegistry/registries/myregistry"), "2023-07-01");
    let conn = Conn { scheme: "https", authority: "management.azure.com".into(), peer: ([127, 0, 0, 1], 1).into() };
    let router = azlet::arm::router().layer(axum::Extension(azlet.world())).layer(axum::Extension(conn));
    let mut dice = Dice(2026);
    let mut statuses = std::collections::BTreeMap::<u16, usize>::new();
    let mut sent = 0;
    while sent < REQUESTS {
        let Some(request) = request(&mut dice, &token) else { continue };
        if sent % AGAIN == 0 {
            owner.put(&group, &json!({ "location": "westus2" })).await;
            owner.put(&registry, &json!({ "location": "westus2", "sku": { "name": "Premium" } })).await;
        }
        let shown = format!("request {sent}: {} {}", request.method(), request.uri());
        let answer = tokio::time::timeout(PATIENCE, router.clone().oneshot(request)).await;
        let answer = answer.unwrap_or_else(|_| panic!("{shown} hangs")).expect("a router answers");
        let status = answer.status().as_u16();
        let body = axum::body::to_bytes(answer.into_body(), usize::MAX).await.expect("a body");
        assert!(status < 500, "{shown}: {status} {}", String::from_utf8_lossy(&body));
        *statuses.entry(status).or_default() += 1;
        sent += 1;
    }
    for expected in [200, 201, 204, 400, 401, 404, 405, 409] {
        assert!(statuses.contains_key(&expected), "the requests are too much alike: none was answered {expected}: {statuses:?}");
    }
}

/// Subscriptions, groups and resources, as clients spell them.
fn id() -> impl Strategy<Value = String> {
    let segment = "[a-zA-Z0-9._()-]{1,12}";
    (segment, segment, proptest::collection::vec((segment, segment), 1..4)).prop_map(|(subscription, group, types)| {
        let rest: String = types.iter().map(|(kind, name)| format!("/{kind}/{name}")).collect();
        format!("/subscriptions/{subscription}/resourceGroups/{group}/providers/N.S{rest}")
    })
}

proptest! {
    #[test]
    fn a_resource_id_has_one_form_and_no_case(id in id()) {
        let parsed = ResourceId::new(&id);
        prop_assert_eq!(parsed.as_str(), &id);
        prop_assert_eq!(&ResourceId::new(&id.to_uppercase()), &parsed);
        prop_assert_eq!(&ResourceId::new(&format!("/{}/", id.replace('/', "//"))), &parsed);
        let ancestors: Vec<&str> = parsed.ancestor_keys().collect();
        prop_assert_eq!(ancestors.last(), Some(&"/"));
        for ancestor in ancestors {
            prop_assert!(parsed.is_within(&ResourceId::new(ancestor)));
        }
    }

    #[test]
    fn any_text_is_taken_as_a_resource_id(text in "\\PC*") {
        let parsed = ResourceId::new(&text);
        prop_assert!(parsed.as_str().starts_with('/'));
        let _ = (parsed.parent(), parsed.resource_type(), parsed.group_id(), parsed.name().len(), parsed.ancestor_keys().count());
    }

    #[test]
    fn a_path_is_a_target_or_refused(path in "[/%a-zA-Z0-9. *]{0,80}") {
        if let Ok(target) = Target::parse(&Method::GET, &path) {
            prop_assert!(target.types.len() == target.names.len() || target.types.len() == target.names.len() + 1, "{:?}", target);
            let _ = (target.owner(), target.type_path(), target.name().len(), target.rest(), target.is_routed());
        }
    }

    #[test]
    fn a_target_is_parsed_as_written(id in id()) {
        let target = Target::parse(&Method::GET, &id);
        prop_assert!(target.is_ok_and(|target| target.is_item() && target.id == ResourceId::new(&id)));
    }

    #[test]
    fn a_query_keeps_what_a_client_wrote(pairs in proptest::collection::vec(("[a-z$-]{1,8}", "\\PC{0,12}"), 0..5), token in "\\PC{0,20}") {
        let raw: Vec<String> = pairs.iter().map(|(key, value)| format!("{key}={}", urlencoded(value))).collect();
        let query = Query::parse(&raw.join("&"));
        let next = Query::parse(&query.with("$skipToken", &token));
        prop_assert_eq!(next.get("$skiptoken"), Some(token.as_str()));
        for (key, _) in pairs.iter().filter(|(key, _)| !key.eq_ignore_ascii_case("$skiptoken")) {
            prop_assert_eq!(next.get(key), query.get(key), "{}", key);
        }
    }

    #[test]
    fn any_text_is_a_filter_or_is_not(text in "\\PC{0,60}") {
        let _ = (Filter::of_resources(&text), Filter::of_groups(&text));
    }

    #[test]
    fn a_filter_finds_what_it_names(name in "[a-z0-9]{1,10}", other in "[a-z0-9]{1,10}", quote in "'{0,2}") {
        let name = format!("{name}{quote}");
        let written = name.replace('\'', "''");
        let subject = Subject { name: &name, kind: "a/b", ..Subject::default() };
        let accepts = |text: String| Filter::of_resources(&text).map(|filter| filter.accepts(&subject));
        prop_assert_eq!(accepts(format!("name eq '{written}'")), Some(true));
        prop_assert_eq!(accepts(format!("name ne '{written}'")), Some(false));
        prop_assert_eq!(accepts(format!("(name eq '{other}x' or resourceType eq 'A/B') and substringof('{written}', name)")), Some(true));
    }
}

fn urlencoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}
