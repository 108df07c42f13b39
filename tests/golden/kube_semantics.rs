//! What holds for every kind alike, through the wire: versions of lists and watches, pages, selectors, preconditions, deletion.
//! Sources: the Kubernetes API concepts (resource versions, chunked lists, dry run, deletion), apimachinery's validation of list
//! options, selectors and continue tokens; the texts were compared with what a real API server answered.

use azlet_tests::kube::Kube;
use reqwest::Method;
use serde_json::{Value, json};

const CONFIG_MAPS: &str = "/api/v1/namespaces/default/configmaps";

async fn make(server: &Kube, name: &str, labels: &Value) -> Value {
    let body = json!({ "metadata": { "name": name, "labels": labels }, "data": { "a": "1" } });
    let made = server.post(CONFIG_MAPS, &body).await;
    assert_eq!(made.status(), 201, "{}", made.golden());
    made.json()
}

/// The events of a watch that has a second: type, name and version's order.
async fn watch(server: &Kube, query: &str) -> Vec<String> {
    let text = server.get(&format!("{CONFIG_MAPS}?watch=1&timeoutSeconds=1&{query}")).await.text();
    text.lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap_or_default())
        .map(|event| {
            let object = &event["object"];
            let what = object["metadata"]["name"].as_str().or(object["message"].as_str()).unwrap_or("-");
            format!("{} {what}", event["type"].as_str().unwrap_or("?"))
        })
        .collect()
}

fn names(list: &Value) -> Vec<&str> {
    list["items"].as_array().into_iter().flatten().filter_map(|item| item["metadata"]["name"].as_str()).collect()
}

fn version(object: &Value) -> u64 {
    object["metadata"]["resourceVersion"].as_str().and_then(|text| text.parse().ok()).expect("a version")
}

#[tokio::test]
async fn pages_show_one_state() {
    let server = Kube::new(1).await;
    for name in ["a", "b", "c"] {
        make(&server, name, &json!({ "app": "x" })).await;
    }
    let first = server.get(&format!("{CONFIG_MAPS}?limit=2")).await.json();
    assert_eq!((names(&first), &first["metadata"]["remainingItemCount"]), (vec!["a", "b"], &json!(2)), "{first}");
    server.user.delete(&server.at(&format!("{CONFIG_MAPS}/c"))).await;
    make(&server, "bb", &json!({})).await;
    let token = first["metadata"]["continue"].as_str().unwrap_or("");
    let second = server.get(&format!("{CONFIG_MAPS}?limit=2&continue={token}")).await.json();
    assert_eq!(names(&second), ["c", "kube-root-ca.crt"], "as it was at the first page");
    assert_eq!(version(&second), version(&first));
    let chosen = server.get(&format!("{CONFIG_MAPS}?limit=1&labelSelector=app")).await.json();
    assert_eq!(chosen["metadata"]["remainingItemCount"], Value::Null, "with a selector nobody counts: {chosen}");
    let exact = server.get(&format!("{CONFIG_MAPS}?resourceVersion={}&resourceVersionMatch=Exact", version(&first))).await;
    assert_eq!(names(&exact.json()), ["a", "b", "c", "kube-root-ca.crt"]);
    let fresh = server.get(&format!("{CONFIG_MAPS}?resourceVersion={}&resourceVersionMatch=NotOlderThan", version(&first))).await;
    assert_eq!(names(&fresh.json()), ["a", "b", "bb", "kube-root-ca.crt"]);
    let any = server.get(&format!("{CONFIG_MAPS}?resourceVersion=0&limit=1")).await.json();
    assert_eq!(names(&any).len(), 4, "what any version may answer has no pages");
}

#[tokio::test]
async fn what_is_no_longer_kept_has_expired() {
    let server = Kube::new(1).await;
    for name in ["a", "b", "c"] {
        make(&server, name, &json!({})).await;
    }
    let first = server.get(&format!("{CONFIG_MAPS}?limit=1")).await.json();
    for round in 0..2100 {
        let changed =
            server.patch(&format!("{CONFIG_MAPS}/b"), "merge-patch", &json!({ "data": { "a": round.to_string() } })).await;
        assert_eq!(changed.status(), 200);
    }
    let token = first["metadata"]["continue"].as_str().unwrap_or("");
    let expired = server.get(&format!("{CONFIG_MAPS}?limit=1&continue={token}")).await;
    insta::assert_snapshot!("kube_expired_page", expired.golden());
    let token = expired.json()["metadata"]["continue"].as_str().unwrap_or("").to_owned();
    let rest = server.get(&format!("{CONFIG_MAPS}?continue={token}")).await.json();
    assert_eq!(names(&rest), ["b", "c", "kube-root-ca.crt"], "the rest as it is now");
    let exact = server.get(&format!("{CONFIG_MAPS}?resourceVersion=1&resourceVersionMatch=Exact")).await;
    insta::assert_snapshot!("kube_expired_list", exact.golden());
    let watch = watch(&server, "resourceVersion=1").await;
    assert!(watch.len() == 1 && watch[0].starts_with("ERROR too old resource version: 1 ("), "{watch:?}");
}

#[tokio::test]
async fn list_options_that_make_no_sense_are_refused() {
    let server = Kube::new(1).await;
    let rows = [
        ("match_alone", "resourceVersionMatch=Exact"),
        ("match_unheard", "resourceVersion=1&resourceVersionMatch=Sometimes"),
        ("exact_any", "resourceVersion=0&resourceVersionMatch=Exact"),
        ("initial_events", "sendInitialEvents=true"),
        ("no_version", "resourceVersion=soon"),
        ("future", "resourceVersion=999999"),
        ("token_base64", "continue=%21"),
        ("token_json", "continue=bWVoIQ"),
        ("token_version", "continue=eyJ2IjoidjAifQ"),
        ("token_start", "continue=eyJ2IjoibWV0YS5rOHMuaW8vdjEifQ"),
        ("token_and_version", "continue=eyJ2IjoibWV0YS5rOHMuaW8vdjEifQ&resourceVersion=1"),
        ("label_selector", "labelSelector=a+in+b"),
        ("field_selector_word", "fieldSelector=a"),
        ("field_selector", "fieldSelector=data.a%3D1"),
    ];
    let mut told = Vec::new();
    for (name, query) in rows {
        let status = server.get(&format!("{CONFIG_MAPS}?{query}")).await.json();
        told.push(format!("{name}: {} {} {}", status["code"], status["reason"], status["message"]));
    }
    for (name, query) in [
        ("watch_initial_alone", "watch=1&sendInitialEvents=true"),
        ("watch_match_alone", "watch=1&resourceVersionMatch=NotOlderThan"),
        ("watch_match_exact", "watch=1&sendInitialEvents=true&resourceVersionMatch=Exact"),
        ("watch_no_version", "watch=1&resourceVersion=soon"),
    ] {
        let status = server.get(&format!("{CONFIG_MAPS}?{query}")).await.json();
        told.push(format!("{name}: {} {} {}", status["code"], status["reason"], status["message"]));
    }
    insta::assert_snapshot!("kube_list_options", told.join("\n"));
    let future = server.get(&format!("{CONFIG_MAPS}/kube-root-ca.crt?resourceVersion=999999")).await.json();
    assert_eq!(future["details"]["causes"][0]["reason"], "ResourceVersionTooLarge", "{future}");
}

#[tokio::test]
async fn each_kind_has_its_field_selectors() {
    let server = Kube::new(1).await;
    let rows = [
        ("/api/v1/pods", "spec.nodeName=x,status.phase!=Failed,spec.hostNetwork=false,status.podIPs="),
        ("/api/v1/pods", "spec.nope=1"),
        ("/api/v1/nodes", "spec.unschedulable=false"),
        ("/api/v1/nodes", "metadata.namespace=x"),
        ("/api/v1/namespaces", "status.phase=Active"),
        ("/api/v1/secrets", "type=Opaque"),
        ("/api/v1/services", "spec.type=ClusterIP"),
        ("/api/v1/events", "involvedObject.kind=Pod,reason=Started,source=kubelet"),
        ("/api/v1/configmaps", "metadata.name=kube-root-ca.crt,metadata.namespace=default"),
        ("/api/v1/configmaps", "metadata.labels=x"),
        ("/apis/apps/v1/deployments", "status.phase=x"),
        ("/apis/apps/v1/replicasets", "status.replicas=1"),
        ("/api/v1/pods", "metadata.name=a=b"),
        ("/api/v1/pods", "metadata.name=a\\,b"),
        ("/api/v1/pods", "metadata.name=a\\x"),
    ];
    let mut told = Vec::new();
    for (path, selector) in rows {
        let encoded: String = form_urlencoded(selector);
        let answer = server.get(&format!("{path}?fieldSelector={encoded}")).await;
        let outcome = match answer.status() {
            200 => format!("{} found", names(&answer.json()).len()),
            _ => format!("{} {}", answer.status(), answer.json()["message"]),
        };
        told.push(format!("{path} {selector}: {outcome}"));
    }
    insta::assert_snapshot!("kube_field_selectors", told.join("\n"));
}

fn form_urlencoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

#[tokio::test]
async fn a_watch_sees_what_comes_into_its_view_and_what_leaves_it() {
    let server = Kube::new(1).await;
    let start = version(&make(&server, "a", &json!({ "app": "x" })).await) - 1;
    let path = format!("{CONFIG_MAPS}/a");
    server.patch(&path, "merge-patch", &json!({ "data": { "b": "1" } })).await;
    server.patch(&path, "merge-patch", &json!({ "metadata": { "labels": { "app": "y" } } })).await;
    server.patch(&path, "merge-patch", &json!({ "data": { "c": "1" } })).await;
    server.patch(&path, "merge-patch", &json!({ "metadata": { "labels": { "app": "x" } } })).await;
    server.user.delete(&server.at(&path)).await;
    let seen = watch(&server, &format!("resourceVersion={start}&labelSelector=app%3Dx&allowWatchBookmarks=true")).await;
    assert_eq!(seen, ["ADDED a", "MODIFIED a", "DELETED a", "ADDED a", "DELETED a", "BOOKMARK -"]);
    let streamed = server
        .get(&format!(
            "{CONFIG_MAPS}?watch=1&timeoutSeconds=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true"
        ))
        .await
        .text();
    let events: Vec<Value> = streamed.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    assert_eq!((&events[0]["type"], &events[1]["type"]), (&json!("ADDED"), &json!("BOOKMARK")), "{streamed}");
    assert_eq!(events[1]["object"]["metadata"]["annotations"]["k8s.io/initial-events-end"], "true");
    let late = watch(&server, "resourceVersion=999999").await;
    assert!(late.is_empty(), "a watch may begin in the future: {late:?}");
}

#[tokio::test]
async fn deletions_have_conditions_and_kinds() {
    let server = Kube::new(1).await;
    let made = make(&server, "a", &json!({})).await;
    let path = format!("{CONFIG_MAPS}/a");
    let wrong_uid = server.delete(&path, &json!({ "preconditions": { "uid": "0" } })).await;
    assert_eq!((wrong_uid.status(), &wrong_uid.json()["reason"]), (409, &json!("Conflict")), "{}", wrong_uid.golden());
    let stale = server.delete(&path, &json!({ "preconditions": { "resourceVersion": "1" } })).await;
    assert_eq!(stale.status(), 409, "{}", stale.golden());
    let odd = server.delete(&path, &json!({ "propagationPolicy": "Sideways" })).await;
    insta::assert_snapshot!("kube_delete_propagation", odd.golden());
    let both = server.delete(&path, &json!({ "propagationPolicy": "Orphan", "orphanDependents": true })).await;
    insta::assert_snapshot!("kube_delete_both_policies", both.golden());
    let dry = server.delete(&format!("{path}?dryRun=All"), &json!({})).await;
    assert_eq!(dry.status(), 200);
    let held = server.patch(&path, "merge-patch", &json!({ "metadata": { "finalizers": ["example.com/wait"] } })).await;
    assert_eq!(held.status(), 200);
    let uid = &made["metadata"]["uid"];
    let pending = server.delete(&path, &json!({ "preconditions": { "uid": uid } })).await.json();
    assert!(pending["metadata"]["deletionTimestamp"].is_string(), "the object that waits: {pending}");
    let late = server
        .patch(&path, "merge-patch", &json!({ "metadata": { "finalizers": ["example.com/wait", "example.com/more"] } }))
        .await;
    insta::assert_snapshot!("kube_finalizer_too_late", late.golden());
    let gone = server.patch(&path, "merge-patch", &json!({ "metadata": { "finalizers": null } })).await;
    assert_eq!(gone.status(), 200);
    assert_eq!(server.get(&path).await.status(), 404, "nothing holds it any more");
    for name in ["x1", "x2", "y"] {
        make(&server, name, &json!({ "set": &name[..1] })).await;
    }
    let deleted = server.delete(&format!("{CONFIG_MAPS}?labelSelector=set%3Dx"), &json!({})).await.json();
    assert_eq!(names(&deleted), ["x1", "x2"], "{deleted}");
    assert_eq!(names(&server.get(CONFIG_MAPS).await.json()), ["kube-root-ca.crt", "y"]);
}

#[tokio::test]
async fn requests_that_no_method_type_or_size_allows_are_refused() {
    let server = Kube::new(1).await;
    let send = |method: Method, path: &str, kind: &str, body: Vec<u8>| {
        let (user, url, kind) = (server.user.clone(), server.at(path), kind.to_owned());
        async move { user.send_bytes(method, &url, &kind, body).await }
    };
    let mut told = Vec::new();
    for (name, answer) in [
        ("put on a collection", send(Method::PUT, CONFIG_MAPS, "application/json", b"{}".to_vec()).await),
        ("patch of a collection", send(Method::PATCH, CONFIG_MAPS, "application/merge-patch+json", b"{}".to_vec()).await),
        ("post on an object", send(Method::POST, &format!("{CONFIG_MAPS}/a"), "application/json", b"{}".to_vec()).await),
        ("post of an unknown type", send(Method::POST, CONFIG_MAPS, "text/plain", b"{}".to_vec()).await),
        ("patch of an unknown type", send(Method::PATCH, &format!("{CONFIG_MAPS}/a"), "text/plain", b"{}".to_vec()).await),
        ("too large", send(Method::POST, CONFIG_MAPS, "application/json", vec![b' '; 3 * 1024 * 1024 + 1]).await),
    ] {
        let status = answer.json();
        told.push(format!("{name}: {} {} {}", status["code"], status["reason"], status["message"]));
    }
    let request = server.user.request(Method::GET, &server.at(CONFIG_MAPS)).header("accept", "text/html");
    let status = server.user.send(request).await.json();
    told.push(format!("accept of another type: {} {} {}", status["code"], status["reason"], status["message"]));
    for (name, query, body) in [
        ("dryRun", "dryRun=Some", json!({ "metadata": { "name": "d" } })),
        ("fieldValidation", "fieldValidation=Maybe", json!({ "metadata": { "name": "d" } })),
        ("fieldManager", "fieldManager=a%0Ab", json!({ "metadata": { "name": "d" } })),
        ("resourceVersion", "", json!({ "metadata": { "name": "d", "resourceVersion": "1" } })),
        ("no name", "", json!({ "metadata": {} })),
        ("another namespace", "", json!({ "metadata": { "name": "d", "namespace": "x" } })),
    ] {
        let status = server.user.post(&server.at(&format!("{CONFIG_MAPS}?{query}")), &body).await.json();
        told.push(format!("{name}: {} {} {}", status["code"], status["reason"], status["message"]));
    }
    insta::assert_snapshot!("kube_requests_refused", told.join("\n"));
    let strange = json!({ "metadata": { "name": "w" }, "datax": {}, "extra": 1 });
    let warned = server.user.post(&server.at(CONFIG_MAPS), &strange).await;
    let warnings: Vec<_> = warned.headers().get_all("warning").iter().filter_map(|value| value.to_str().ok()).collect();
    assert_eq!(warnings, [r#"299 - "unknown field \"datax\"""#, r#"299 - "unknown field \"extra\"""#]);
    let generated = json!({ "metadata": { "generateName": "g-" } });
    let (one, two) = (
        server.user.post(&server.at(CONFIG_MAPS), &generated).await.json(),
        server.user.post(&server.at(CONFIG_MAPS), &generated).await.json(),
    );
    let name = |object: &Value| object["metadata"]["name"].as_str().unwrap_or("").to_owned();
    assert!(name(&one).starts_with("g-") && name(&one).len() == 7 && name(&one) != name(&two), "{one}");
    server.azlet.advance("1s").await;
}
