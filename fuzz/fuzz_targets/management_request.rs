//! Requests of the management side, by the routers that serve them: whatever a body, a query or a condition says, the answer is no 5xx,
//! and what is refused changes nothing. Every body is sent as it is, and merged into one that is taken.
#![no_main]

use std::cell::RefCell;
use std::net::SocketAddr;
use std::sync::{Arc, LazyLock};

use axum::body::{Body, to_bytes};
use axum::{Extension, Router};
use azlet::entra::token::{Proof, issue};
use azlet::front::conn::Conn;
use azlet::kernel::clock::{Clock, STEP_START};
use azlet::kernel::ids::Ids;
use azlet::kernel::jwt::SigningKey;
use azlet::world::{Seed, World};
use azlet::{arm, entra, imds};
use http::Request;
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tower::ServiceExt;

/// So many inputs have one world.
const INPUTS: u32 = 200;
const HEAD: &str = "/subscriptions/0a210000-0000-4000-8000-000000000001/resourceGroups/g";
const REGISTRY: &str = "2023-07-01 Microsoft.ContainerRegistry/registries/demo1";
const CLUSTER: &str = "2025-01-01 Microsoft.ContainerService/managedClusters/c1";

/// What is written: the api-version and the path, and a body that is taken.
fn places() -> Vec<(String, Value)> {
    let below = |what: &str, rest: &str| format!("{what}{rest}");
    let at = "westus2";
    let pool = json!({ "name": "p1", "count": 1, "vmSize": "Standard_DS2_v2", "mode": "System" });
    let cluster = json!({ "dnsPrefix": "c1", "agentPoolProfiles": [pool] });
    let window = json!({ "durationHours": 4, "startTime": "10:00", "schedule": { "weekly": { "intervalWeeks": 1, "dayOfWeek": "Monday" } } });
    let week = json!([{ "day": "Monday", "hourSlots": [1] }]);
    let pair = json!({ "issuer": "https://a.example", "subject": "b", "audiences": ["c"] });
    let identity = "2023-01-31 Microsoft.ManagedIdentity/userAssignedIdentities/i1";
    vec![
        (REGISTRY.into(), json!({ "location": at, "sku": { "name": "Premium" }, "properties": {} })),
        (below(REGISTRY, "/scopeMaps/m1"), json!({ "properties": { "actions": ["repositories/a/content/read"] } })),
        (
            below(REGISTRY, "/webhooks/hook1"),
            json!({ "location": at, "properties": { "serviceUri": "https://a.example", "actions": ["push"] } }),
        ),
        (CLUSTER.into(), json!({ "location": at, "identity": { "type": "SystemAssigned" }, "properties": cluster })),
        (below(CLUSTER, "/agentPools/p2"), json!({ "properties": { "count": 1, "vmSize": "Standard_DS2_v2", "mode": "User" } })),
        (below(CLUSTER, "/maintenanceConfigurations/default"), json!({ "properties": { "timeInWeek": week } })),
        (
            below(CLUSTER, "/maintenanceConfigurations/aksManagedAutoUpgradeSchedule"),
            json!({ "properties": { "maintenanceWindow": window } }),
        ),
        (identity.into(), json!({ "location": at })),
        (below(identity, "/federatedIdentityCredentials/f1"), json!({ "properties": pair })),
        (
            "2024-05-01 Microsoft.Network/virtualNetworks/n1".into(),
            json!({ "location": at, "properties": { "addressSpace": { "addressPrefixes": ["10.0.0.0/16"] } } }),
        ),
        ("2020-05-01 Microsoft.Authorization/locks/l1".into(), json!({ "properties": { "level": "ReadOnly" } })),
    ]
}

/// A body with another one put into it.
fn merged(into: &Value, from: &Value) -> Value {
    let (Value::Object(into), Value::Object(from)) = (into, from) else { return from.clone() };
    let mut all = into.clone();
    for (name, value) in from {
        let new = all.get(name).map_or_else(|| value.clone(), |old| merged(old, value));
        all.insert(name.clone(), new);
    }
    Value::Object(all)
}

/// The planes over a world of their own.
struct Azure {
    arm: Router,
    entra: Router,
    imds: Router,
    token: String,
    used: u32,
}

impl Azure {
    fn new() -> Self {
        static KEY: LazyLock<Arc<SigningKey>> = LazyLock::new(Arc::default);
        let clock = Clock::step(STEP_START);
        let world = World::new(Seed::default(), clock, Ids::new("fuzz"), KEY.clone(), "".into(), std::env::temp_dir());
        let owner = world.seed.principal("owner").expect("the seed has an owner").object_id;
        let owner = world.directory.principal(owner).expect("who is in the directory");
        let token = issue(&world, &owner, "https://management.azure.com", Proof::Secret);
        let conn =
            Conn { scheme: "https", authority: "management.azure.com".into(), peer: SocketAddr::from(([127, 0, 0, 1], 1)) };
        let over = |router: Router| router.layer(Extension(conn.clone())).layer(Extension(world.clone()));
        let mut azure =
            Self { arm: over(arm::router()), entra: over(entra::router()), imds: over(imds::router()), token, used: 0 };
        azure.write("PUT", &format!("{HEAD}?api-version=2021-04-01"), r#"{"location":"westus2"}"#, None);
        for place in [0, 3] {
            let (path, body) = &places()[place];
            azure.write("PUT", &url(path), &body.to_string(), None);
        }
        azure
    }

    fn send(&self, router: &Router, request: Request<Body>) -> (u16, String) {
        thread_local!(static RUNTIME: Runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime"));
        let answered = RUNTIME.with(|runtime| {
            runtime.block_on(async {
                let answer = router.clone().oneshot(request).await.expect("routers answer");
                let status = answer.status().as_u16();
                (status, to_bytes(answer.into_body(), usize::MAX).await.expect("a body"))
            })
        });
        assert!(answered.0 < 500, "{answered:?}");
        (answered.0, String::from_utf8_lossy(&answered.1).into_owned())
    }

    /// The answer of ARM; nothing if what was to be asked cannot be sent at all.
    fn write(&mut self, method: &str, url: &str, body: &str, condition: Option<&str>) -> Option<(u16, String)> {
        let mut request = Request::builder().method(method).uri(url).header("content-type", "application/json");
        request = request.header("authorization", format!("Bearer {}", self.token));
        if let Some(condition) = condition {
            request = request.header("if-match", condition);
        }
        Some(self.send(&self.arm, request.body(Body::from(body.to_owned())).ok()?))
    }
}

fn url(place: &str) -> String {
    let (version, path) = place.split_once(' ').expect("a version and a path");
    format!("{HEAD}/providers/{path}?api-version={version}")
}

/// Whoever shows no credential gets no token, and whoever is no machine none either.
fn tokens(azure: &Azure, text: &str) {
    for grant in ["", "grant_type=client_credentials&client_id=0a210000-0000-4000-8000-0000000000a1&"] {
        let form = Request::post("/common/oauth2/v2.0/token").header("content-type", "application/x-www-form-urlencoded");
        let request = form.body(Body::from(format!("{grant}{text}"))).expect("a request");
        assert_ne!(azure.send(&azure.entra, request).0, 200);
    }
    let query: String =
        text.bytes().map(|byte| if byte.is_ascii_graphic() && byte != b'#' { char::from(byte) } else { '+' }).collect();
    for path in ["/metadata/identity/oauth2/token", "/metadata/instance", "/msi/token"] {
        let request = Request::get(format!("{path}?{query}")).header("metadata", "true").body(Body::empty());
        if let Ok(request) = request {
            azure.send(&azure.imds, request);
        }
    }
}

fuzz_target!(|input: (u8, u8, &str, Option<&str>)| {
    thread_local!(static AZURE: RefCell<Option<Azure>> = const { RefCell::new(None) });
    let (place, how, text, condition) = input;
    AZURE.with_borrow_mut(|azure| {
        if azure.as_ref().is_none_or(|azure| azure.used >= INPUTS) {
            *azure = None;
        }
        let azure = azure.get_or_insert_with(Azure::new);
        azure.used += 1;
        tokens(azure, text);
        let places = places();
        let (path, good) = &places[usize::from(place) % places.len()];
        let url = url(path);
        let given = serde_json::from_str::<Value>(text).ok().map(|given| merged(good, &given).to_string());
        for body in given.iter().map(String::as_str).chain([text]) {
            let method = ["PUT", "PUT", "PATCH", "DELETE"][usize::from(how) % 4];
            let before = azure.write("GET", &url, "", None);
            let answer = azure.write(method, &url, body, condition);
            let after = azure.write("GET", &url, "", None);
            match answer {
                Some((status @ 400..500, said)) => {
                    let said: Value = serde_json::from_str(&said).expect("an error is JSON");
                    assert!(said["error"]["code"].is_string() || said["code"].is_string(), "{status} {said}");
                    assert_eq!(before, after, "{method} {path} {body}: {said}");
                }
                Some((200 | 201, _)) if method == "PUT" => assert_eq!(after.map(|after| after.0), Some(200), "{path} {body}"),
                _ => {}
            }
        }
        // Lists, and their pages.
        let (list, _) =
            url.rsplit_once('/').and_then(|(list, _)| Some((list.to_owned(), url.split_once('?')?.1))).expect("a list");
        let version = url.split_once('?').map_or("", |(_, query)| query);
        let query: String = text.bytes().map(|byte| format!("%{byte:02X}")).collect();
        for option in ["$top", "$skiptoken", "$filter", "$expand"] {
            azure.write("GET", &format!("{list}?{version}&{option}={query}"), "", None);
        }
    });
});
