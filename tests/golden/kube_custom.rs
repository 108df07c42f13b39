//! CustomResourceDefinitions and their objects through the wire. Sources: the API reference of `apiextensions.k8s.io/v1`, the page on
//! custom resources (structural schemas, pruning, defaulting, versions, subresources), and apiextensions-apiserver's messages.

use azlet_tests::kube::Kube;
use reqwest::Method;
use serde_json::{Value, json};

const TABLE: &str = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";
const AGGREGATED: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
const DEFINITIONS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const CRONTABS: &str = "/apis/stable.example.com/v1/namespaces/default/crontabs";

/// CronTabs in two versions, with all that a definition can say.
fn definition() -> Value {
    let spec = json!({
        "type": "object",
        "required": ["cronSpec"],
        "properties": {
            "cronSpec": { "type": "string", "pattern": "^(\\d+|\\*)(/\\d+)?(\\s+(\\d+|\\*)(/\\d+)?){4}$", "description": "When it runs." },
            "image": { "type": "string", "maxLength": 20 },
            "replicas": { "type": "integer", "minimum": 1, "maximum": 10, "default": 1 },
            "mode": { "type": "string", "enum": ["Fast", "Slow"] },
            "port": { "x-kubernetes-int-or-string": true },
            "tags": { "type": "array", "x-kubernetes-list-type": "set", "items": { "type": "string" } },
            "free": { "type": "object", "x-kubernetes-preserve-unknown-fields": true },
        },
    });
    let status = json!({
        "type": "object",
        "properties": { "replicas": { "type": "integer" }, "labelSelector": { "type": "string" } },
    });
    let schema = json!({ "openAPIV3Schema": { "type": "object", "properties": { "spec": spec, "status": status } } });
    let scale = json!({
        "specReplicasPath": ".spec.replicas",
        "statusReplicasPath": ".status.replicas",
        "labelSelectorPath": ".status.labelSelector",
    });
    let columns = json!([
        { "name": "Spec", "type": "string", "description": "When it runs.", "jsonPath": ".spec.cronSpec" },
        { "name": "Replicas", "type": "integer", "jsonPath": ".spec.replicas" },
        { "name": "Image", "type": "string", "priority": 1, "jsonPath": ".spec.image" },
        { "name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp" },
    ]);
    let version = |name: &str, storage: bool| {
        json!({
            "name": name, "served": true, "storage": storage, "schema": schema,
            "subresources": { "status": {}, "scale": scale },
            "additionalPrinterColumns": columns,
            "selectableFields": [{ "jsonPath": ".spec.mode" }],
        })
    };
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": { "name": "crontabs.stable.example.com" },
        "spec": {
            "group": "stable.example.com",
            "scope": "Namespaced",
            "names": { "plural": "crontabs", "kind": "CronTab", "shortNames": ["ct"], "categories": ["all"] },
            "versions": [version("v1beta1", false), version("v1", true)],
        },
    })
}

fn crontab(name: &str, spec: Value) -> Value {
    json!({ "apiVersion": "stable.example.com/v1", "kind": "CronTab", "metadata": { "name": name }, "spec": spec })
}

const EVERY_FIVE: &str = "*/5 * * * *";

/// With the definition of CronTabs.
async fn with_crontabs() -> Kube {
    let server = Kube::new(1).await;
    let made = server.post(DEFINITIONS, &definition()).await;
    assert_eq!(made.status(), 201, "{}", made.golden());
    server
}

#[tokio::test]
async fn a_definition_is_established_and_found_in_discovery() {
    let server = with_crontabs().await;
    insta::assert_snapshot!(
        "kube_custom_definition",
        server.get(&format!("{DEFINITIONS}/crontabs.stable.example.com")).await.golden()
    );
    insta::assert_snapshot!("kube_custom_group", server.get("/apis/stable.example.com").await.golden());
    insta::assert_snapshot!("kube_custom_resources", server.get("/apis/stable.example.com/v1").await.golden());
    let groups = server.accepting("/apis", AGGREGATED).await.json();
    let group = groups["items"].as_array().into_iter().flatten().find(|group| group["metadata"]["name"] == "stable.example.com");
    insta::assert_json_snapshot!("kube_custom_aggregated", group);
    let index = server.get("/openapi/v3").await.json();
    let place = index["paths"]["apis/stable.example.com/v1"]["serverRelativeURL"].as_str().expect("its document").to_owned();
    let document = server.get(&place).await.json();
    let schema = &document["components"]["schemas"]["com.example.stable.v1.CronTab"];
    assert_eq!(schema["properties"]["spec"]["properties"]["cronSpec"]["description"], "When it runs.");
    let mut changed = server.get(&format!("{DEFINITIONS}/crontabs.stable.example.com")).await.json();
    changed["spec"]["versions"][1]["schema"]["openAPIV3Schema"]["description"] = json!("new");
    let answer = server.put(&format!("{DEFINITIONS}/crontabs.stable.example.com"), &changed).await;
    assert_eq!(answer.status(), 200, "{}", answer.golden());
    let after = server.get("/openapi/v3").await.json();
    assert_ne!(
        after["paths"]["apis/stable.example.com/v1"], index["paths"]["apis/stable.example.com/v1"],
        "a new document, a new hash"
    );
    assert_eq!(after["paths"]["apis/stable.example.com/v1beta1"], index["paths"]["apis/stable.example.com/v1beta1"]);
}

#[tokio::test]
async fn definitions_that_break_rules_are_refused() {
    let server = Kube::new(1).await;
    let changed = |pointer: &str, value: Value| {
        let mut definition = definition();
        *definition.pointer_mut(pointer).expect("it is there") = value;
        definition
    };
    let schema = "/spec/versions/1/schema/openAPIV3Schema";
    for (name, body) in [
        ("name", changed("/metadata/name", json!("crontab.stable.example.com"))),
        ("two_storages", changed("/spec/versions/0/storage", json!(true))),
        ("scope", changed("/spec/scope", json!("Global"))),
        ("group", changed("/spec/group", json!("example"))),
        ("kind", changed("/spec/names/kind", json!("Cron_Tab"))),
        ("no_schema", changed("/spec/versions/1/schema", Value::Null)),
        ("no_type", changed(&format!("{schema}/properties/spec/properties/image/type"), json!(""))),
        ("wrong_type", changed(&format!("{schema}/properties/spec/properties/image/type"), json!("text"))),
        ("default", changed(&format!("{schema}/properties/spec/properties/replicas/default"), json!("one"))),
        ("scale_path", changed("/spec/versions/1/subresources/scale/specReplicasPath", json!(".status.replicas"))),
        ("column_type", changed("/spec/versions/1/additionalPrinterColumns/0/type", json!("text"))),
        ("selectable", changed("/spec/versions/1/selectableFields/0/jsonPath", json!(".spec.nope"))),
    ] {
        let answer = server.post(DEFINITIONS, &body).await;
        assert_eq!(answer.status(), 422, "{name}: {}", answer.golden());
        let told = answer.json();
        // A whole list as a value says no more than its fault.
        let message = told["message"].as_str().unwrap_or("");
        let told = match message.split_once(": Invalid value: [{") {
            Some((field, fault)) => format!("{field}: {}", fault.rsplit("}]: ").next().unwrap_or("")),
            None => message.to_owned(),
        };
        insta::assert_snapshot!(format!("kube_custom_refused_{name}"), told);
    }
    assert_eq!(server.get(&format!("{DEFINITIONS}/crontabs.stable.example.com")).await.status(), 404, "nothing was stored");
}

#[tokio::test]
async fn objects_are_pruned_defaulted_and_judged_by_their_schema() {
    let server = with_crontabs().await;
    let mut body = crontab("a", json!({ "cronSpec": EVERY_FIVE, "unknown": 1, "free": { "anything": { "goes": true } } }));
    body["status"] = json!({ "replicas": 7 });
    let made = server.post(CRONTABS, &body).await;
    insta::assert_snapshot!("kube_custom_created", made.golden());
    let strict = server.post(&format!("{CRONTABS}?fieldValidation=Strict"), &body).await;
    insta::assert_snapshot!("kube_custom_strict", strict.golden());
    for (name, spec) in [
        ("required", json!({ "image": "x" })),
        ("pattern", json!({ "cronSpec": "soon" })),
        ("bounds", json!({ "cronSpec": EVERY_FIVE, "replicas": 11, "image": "a-name-that-is-too-long" })),
        ("types", json!({ "cronSpec": 5, "replicas": "two", "port": true })),
        ("enum", json!({ "cronSpec": EVERY_FIVE, "mode": "Slower" })),
        ("set", json!({ "cronSpec": EVERY_FIVE, "tags": ["a", "a"] })),
    ] {
        insta::assert_snapshot!(format!("kube_custom_invalid_{name}"), server.post(CRONTABS, &crontab("b", spec)).await.golden());
    }
    let protobuf = "application/vnd.kubernetes.protobuf";
    let url = format!("{}{CRONTABS}", server.url);
    assert_eq!(server.user.send_bytes(Method::POST, &url, protobuf, b"k8s\0".to_vec()).await.status(), 415);
}

#[tokio::test]
async fn subresources_generations_patches_and_tables() {
    let server = with_crontabs().await;
    server.post(CRONTABS, &crontab("a", json!({ "cronSpec": EVERY_FIVE, "mode": "Fast" }))).await;
    let a = format!("{CRONTABS}/a");
    let scaled = server.patch(&format!("{a}/scale"), "merge-patch", &json!({ "spec": { "replicas": 3 } })).await;
    assert_eq!((scaled.status(), &scaled.json()["kind"]), (200, &json!("Scale")), "{}", scaled.golden());
    let object = server.get(&a).await.json();
    assert_eq!((&object["spec"]["replicas"], &object["metadata"]["generation"]), (&json!(3), &json!(2)));
    let status = json!({ "status": { "replicas": 3, "labelSelector": "app=a" }, "spec": { "replicas": 9 } });
    let answer = server.patch(&format!("{a}/status"), "merge-patch", &status).await;
    assert_eq!((answer.status(), &answer.json()["spec"]["replicas"]), (200, &json!(3)), "{}", answer.golden());
    assert_eq!(answer.json()["metadata"]["generation"], 2, "the status is no new generation");
    let scale = server.get(&format!("{a}/scale")).await.json();
    assert_eq!(scale["status"], json!({ "replicas": 3, "selector": "app=a" }));
    let strategic = server.patch(&a, "strategic-merge-patch", &json!({})).await;
    insta::assert_snapshot!("kube_custom_strategic", strategic.golden());
    let json_patch = json!([{ "op": "replace", "path": "/spec/image", "value": "x" }]);
    assert_eq!(server.patch(&a, "json-patch", &json_patch).await.status(), 422, "there is no image to replace");
    server.post(CRONTABS, &crontab("b", json!({ "cronSpec": EVERY_FIVE, "mode": "Slow" }))).await;
    let table = server.accepting(CRONTABS, TABLE).await.json();
    insta::assert_json_snapshot!("kube_custom_columns", table["columnDefinitions"]);
    let cells: Vec<&Value> = table["rows"].as_array().into_iter().flatten().map(|row| &row["cells"]).collect();
    assert_eq!(cells, [&json!(["a", EVERY_FIVE, 3, null, "0s"]), &json!(["b", EVERY_FIVE, 1, null, "0s"])]);
    let chosen = server.get(&format!("{CRONTABS}?fieldSelector=spec.mode%3DSlow")).await.json();
    assert_eq!(chosen["items"].as_array().map(Vec::len), Some(1));
    assert_eq!(chosen["kind"], "CronTabList");
    assert_eq!(server.get(&format!("{CRONTABS}?fieldSelector=spec.image%3Dx")).await.status(), 400);
}

#[tokio::test]
async fn versions_differ_in_their_name_only_and_watches_see_theirs() {
    let server = with_crontabs().await;
    let mut old = crontab("a", json!({ "cronSpec": EVERY_FIVE }));
    old["apiVersion"] = json!("stable.example.com/v1beta1");
    let beta = CRONTABS.replace("/v1/", "/v1beta1/");
    assert_eq!(server.post(&beta, &old).await.json()["apiVersion"], "stable.example.com/v1beta1");
    let object = server.get(&format!("{CRONTABS}/a")).await.json();
    assert_eq!(object["apiVersion"], "stable.example.com/v1");
    assert_eq!(
        server.put(&format!("{beta}/a"), &old).await.json()["metadata"]["resourceVersion"],
        object["metadata"]["resourceVersion"]
    );
    let events = server.get(&format!("{beta}?watch=true&timeoutSeconds=1")).await.text();
    let first: Value = serde_json::from_str(events.lines().next().unwrap_or("")).expect("an event");
    assert_eq!((&first["type"], &first["object"]["apiVersion"]), (&json!("ADDED"), &json!("stable.example.com/v1beta1")));
    let wrong = server.post(CRONTABS, &old).await;
    insta::assert_snapshot!("kube_custom_wrong_version", wrong.golden());
}

#[tokio::test]
async fn a_definition_takes_its_objects_with_it() {
    let server = with_crontabs().await;
    let mut held = crontab("a", json!({ "cronSpec": EVERY_FIVE }));
    held["metadata"]["finalizers"] = json!(["example.com/hold"]);
    assert_eq!(server.post(CRONTABS, &held).await.status(), 201);
    let place = format!("{DEFINITIONS}/crontabs.stable.example.com");
    assert_eq!(server.remove(&place).await.status(), 200);
    let waiting = server.get(&place).await.json();
    assert_eq!(waiting["metadata"]["finalizers"], json!(["customresourcecleanup.apiextensions.k8s.io"]));
    assert!(waiting["status"]["conditions"].as_array().is_some_and(|all| all.iter().any(|one| one["type"] == "Terminating")));
    insta::assert_snapshot!(
        "kube_custom_terminating",
        server.post(CRONTABS, &crontab("b", json!({ "cronSpec": EVERY_FIVE }))).await.golden()
    );
    let released = server.patch(&format!("{CRONTABS}/a"), "merge-patch", &json!({ "metadata": { "finalizers": null } })).await;
    assert_eq!(released.status(), 200, "{}", released.golden());
    assert_eq!(server.get(&place).await.status(), 404, "with its last object the definition goes");
    drop(server);

    let server = with_crontabs().await;
    server.post(CRONTABS, &crontab("a", json!({ "cronSpec": EVERY_FIVE }))).await;
    assert_eq!(server.remove(&place).await.status(), 200);
    assert_eq!(server.get(&place).await.status(), 404);
    assert_eq!(server.get(&format!("{CRONTABS}/a")).await.status(), 404);
    assert_eq!(server.get("/apis/stable.example.com").await.status(), 404);
    server.post(DEFINITIONS, &definition()).await;
    let empty = server.get(CRONTABS).await.json();
    assert_eq!(empty["items"], json!([]), "the old objects are gone");
    let _ = &server.azlet;
}
