//! Server-side apply and `metadata.managedFields` through the wire. Sources: the Kubernetes documentation of server-side apply,
//! apimachinery's `util/managedfields`, structured-merge-diff; the forms were compared with what a real API server wrote.

use azlet_tests::Answer;
use azlet_tests::kube::Kube;
use reqwest::Method;
use serde_json::{Value, json};

const DEPLOYMENTS: &str = "/apis/apps/v1/namespaces/default/deployments";
const CONFIG_MAPS: &str = "/api/v1/namespaces/default/configmaps";

async fn apply(server: &Kube, path: &str, query: &str, config: &Value) -> Answer {
    let url = format!("{}{path}?{query}", server.url);
    server.user.send_bytes(Method::PATCH, &url, "application/apply-patch+yaml", config.to_string()).await
}

/// Who owns what, one line each.
async fn owners_at(server: &Kube, path: &str) -> Vec<String> {
    owners(&server.get(path).await.json())
}

fn owners(object: &Value) -> Vec<String> {
    let entries = object["metadata"]["managedFields"].as_array().into_iter().flatten();
    entries
        .map(|entry| {
            let text = |name: &str| entry[name].as_str().unwrap_or("-").to_owned();
            assert_eq!(entry["fieldsType"], "FieldsV1", "{entry}");
            assert!(entry["fieldsV1"].is_object(), "the set is a set: {entry}");
            let head = format!("{} {} {} {}", text("manager"), text("operation"), text("apiVersion"), text("subresource"));
            format!("{head} {}", entry["fieldsV1"])
        })
        .collect()
}

fn config_map(name: &str, data: &Value) -> Value {
    json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": name }, "data": data })
}

fn deployment(replicas: Option<i64>) -> Value {
    let ports = json!([{ "containerPort": 80 }]);
    let template = json!({
        "metadata": { "labels": { "app": "web" } },
        "spec": { "containers": [{ "name": "nginx", "image": "docker.io/library/nginx:1", "ports": ports }] },
    });
    let mut spec = json!({ "selector": { "matchLabels": { "app": "web" } }, "template": template });
    if let Some(replicas) = replicas {
        spec["replicas"] = replicas.into();
    }
    json!({ "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "web", "labels": { "app": "web" } }, "spec": spec })
}

#[tokio::test]
async fn an_apply_creates_the_object_and_owns_what_it_says() {
    let server = Kube::new(1).await;
    let web = format!("{DEPLOYMENTS}/web");
    let made = apply(&server, &web, "fieldManager=kubectl", &deployment(Some(2))).await;
    assert_eq!(made.status(), 201, "{}", made.golden());
    server.azlet.advance("5s").await;
    insta::assert_json_snapshot!("kube_apply_owners_of_a_deployment", owners_at(&server, &web).await);
    let again = apply(&server, &web, "fieldManager=kubectl", &deployment(Some(2))).await;
    assert_eq!(again.status(), 200);
    let version = |value: &Value| value["metadata"]["resourceVersion"].clone();
    assert_eq!(version(&again.json()), version(&server.get(&web).await.json()), "the same configuration changes nothing");
}

#[tokio::test]
async fn creates_updates_and_patches_own_what_they_change() {
    let server = Kube::new(1).await;
    let web = format!("{DEPLOYMENTS}/web");
    assert_eq!(server.post(&format!("{DEPLOYMENTS}?fieldManager=kubectl-create"), &deployment(None)).await.status(), 201);
    server.azlet.advance("5s").await;
    let label = json!({ "metadata": { "labels": { "tier": "front" } } });
    server.patch(&format!("{web}?fieldManager=kubectl-label"), "merge-patch", &label).await;
    let image = json!({ "spec": { "template": { "spec": { "containers": [{ "name": "nginx", "image": "docker.io/library/nginx:2" }] } } } });
    server.patch(&format!("{web}?fieldManager=kubectl-set"), "strategic-merge-patch", &image).await;
    server.patch(&format!("{web}/scale?fieldManager=kubectl"), "merge-patch", &json!({ "spec": { "replicas": 3 } })).await;
    server.azlet.advance("5s").await;
    insta::assert_json_snapshot!("kube_managed_fields_of_a_deployment", owners_at(&server, &web).await);
    let pods = server.get("/api/v1/namespaces/default/pods?limit=1").await.json();
    insta::assert_json_snapshot!("kube_managed_fields_of_a_pod", owners(&pods["items"][0]));
    let sets = server.get("/apis/apps/v1/namespaces/default/replicasets").await.json();
    insta::assert_json_snapshot!("kube_managed_fields_of_a_replica_set", owners(&sets["items"][0]));
}

#[tokio::test]
async fn conflicts_are_named_and_forced() {
    let server = Kube::new(1).await;
    let web = format!("{DEPLOYMENTS}/web");
    apply(&server, &web, "fieldManager=kubectl", &deployment(Some(2))).await;
    server.patch(&format!("{web}/scale?fieldManager=kubectl"), "merge-patch", &json!({ "spec": { "replicas": 5 } })).await;
    let one = apply(&server, &web, "fieldManager=kubectl", &deployment(Some(2))).await;
    assert_eq!(
        one.json()["message"],
        "Apply failed with 1 conflict: conflict with \"kubectl\" with subresource \"scale\" using apps/v1: .spec.replicas"
    );
    insta::assert_snapshot!("kube_apply_conflict", one.golden());
    let mut other = deployment(Some(1));
    other["spec"]["template"]["spec"]["containers"][0]["image"] = "docker.io/library/nginx:9".into();
    insta::assert_snapshot!("kube_apply_conflicts", apply(&server, &web, "fieldManager=other", &other).await.golden());
    let forced = apply(&server, &web, "fieldManager=other&force=true", &other).await;
    assert_eq!((forced.status(), &forced.json()["spec"]["replicas"]), (200, &json!(1)));
    let owners = owners_at(&server, &web).await;
    assert!(!owners.iter().any(|line| line.contains("scale")), "the scale's owner owned nothing else: {owners:#?}");
}

#[tokio::test]
async fn what_an_applier_gives_up_goes_unless_another_owns_it() {
    let server = Kube::new(1).await;
    let path = format!("{CONFIG_MAPS}/c");
    apply(&server, &path, "fieldManager=a", &config_map("c", &json!({ "mine": "1", "ours": "1" }))).await;
    let shared = apply(&server, &path, "fieldManager=b", &config_map("c", &json!({ "ours": "1" }))).await;
    assert_eq!(shared.status(), 200, "the same value is no conflict: {}", shared.golden());
    let left = apply(&server, &path, "fieldManager=a", &config_map("c", &json!({}))).await;
    assert_eq!(left.json()["data"], json!({ "ours": "1" }), "b owns it still");
    let none = apply(&server, &path, "fieldManager=b", &config_map("c", &json!({}))).await;
    assert_eq!(none.json()["data"], Value::Null, "nobody owns anything");
    server.patch(&format!("{path}?fieldManager=m"), "merge-patch", &json!({ "data": { "free": "1" } })).await;
    let kept = apply(&server, &path, "fieldManager=b", &config_map("c", &json!({ "b": "1" }))).await;
    assert_eq!(kept.json()["data"], json!({ "b": "1", "free": "1" }), "what an updater owns stays");
}

#[tokio::test]
async fn owners_are_reset_and_what_nobody_owned_was_there_before() {
    let server = Kube::new(1).await;
    let path = format!("{CONFIG_MAPS}/c");
    server.post(&format!("{CONFIG_MAPS}?fieldManager=maker"), &config_map("c", &json!({ "a": "1" }))).await;
    assert_eq!(owners_at(&server, &path).await.len(), 1);
    let reset = json!([{ "op": "replace", "path": "/metadata/managedFields", "value": [{}] }]);
    server.patch(&path, "json-patch", &reset).await;
    assert!(owners_at(&server, &path).await.is_empty());
    server.patch(&path, "merge-patch", &json!({ "data": { "b": "1" } })).await;
    assert!(owners_at(&server, &path).await.is_empty(), "nobody begins to own by an update");
    let refused = apply(&server, &path, "fieldManager=x", &config_map("c", &json!({ "a": "2" }))).await;
    insta::assert_snapshot!("kube_apply_before_first", refused.golden());
    apply(&server, &path, "fieldManager=x", &config_map("c", &json!({ "c": "2" }))).await;
    insta::assert_json_snapshot!("kube_apply_before_first_owners", owners_at(&server, &path).await);
}

#[tokio::test]
async fn no_more_than_ten_updaters_are_told_apart() {
    let server = Kube::new(1).await;
    let path = format!("{CONFIG_MAPS}/c");
    server.post(&format!("{CONFIG_MAPS}?fieldManager=m00"), &config_map("c", &json!({ "k00": "1" }))).await;
    for number in 1..13 {
        server.azlet.advance("1s").await;
        let key = format!("k{number:02}");
        server.patch(&format!("{path}?fieldManager=m{number:02}"), "merge-patch", &json!({ "data": { key: "1" } })).await;
    }
    insta::assert_json_snapshot!("kube_managed_fields_capped", owners_at(&server, &path).await);
}

#[tokio::test]
async fn the_status_and_the_scale_are_applied_through_their_own_doors() {
    let server = Kube::new(1).await;
    let web = format!("{DEPLOYMENTS}/web");
    apply(&server, &web, "fieldManager=a", &deployment(None)).await;
    let scale =
        json!({ "apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": { "name": "web" }, "spec": { "replicas": 3 } });
    let scaled = apply(&server, &format!("{web}/scale"), "fieldManager=s", &scale).await;
    assert_eq!((scaled.status(), &scaled.json()["spec"]["replicas"]), (200, &json!(3)), "{}", scaled.golden());
    let mut told = deployment(Some(9));
    told["status"] = json!({ "conditions": [{ "type": "Odd", "status": "True" }] });
    let status = apply(&server, &format!("{web}/status"), "fieldManager=t", &told).await;
    assert_eq!((status.status(), &status.json()["spec"]["replicas"]), (200, &json!(3)), "{}", status.golden());
    let owners = owners_at(&server, &web).await;
    let of = |name: &str| owners.iter().find(|line| line.starts_with(name)).cloned().unwrap_or_default();
    assert_eq!(of("s "), r#"s Apply apps/v1 scale {"f:spec":{"f:replicas":{}}}"#);
    let condition = r#"{"f:status":{"f:conditions":{"k:{\"type\":\"Odd\"}":{".":{},"f:status":{},"f:type":{}}}}}"#;
    assert_eq!(of("t "), format!("t Apply apps/v1 status {condition}"));
}

#[tokio::test]
async fn what_cannot_be_applied_is_refused() {
    let server = Kube::new(1).await;
    let path = format!("{CONFIG_MAPS}/c");
    let sound = config_map("c", &json!({ "a": "1" }));
    let mut managed = sound.clone();
    managed["metadata"]["managedFields"] = json!([{ "manager": "x" }]);
    let mut version = sound.clone();
    version["apiVersion"] = "v2".into();
    let mut unknown = sound.clone();
    unknown["datax"] = json!({});
    let mut uid = sound.clone();
    uid["metadata"]["uid"] = "0".into();
    let mut twice = deployment(None);
    twice["spec"]["template"]["spec"]["containers"] = json!([{ "name": "a" }, { "name": "a" }]);
    let mut nameless = deployment(None);
    nameless["spec"]["template"]["spec"]["containers"] = json!([{ "image": "a" }]);
    let web = format!("{DEPLOYMENTS}/web");
    for (name, path, query, config) in [
        ("no_manager", &path, "", &sound),
        ("long_manager", &path, &*format!("fieldManager={}", "m".repeat(129)), &sound),
        ("managed_fields", &path, "fieldManager=a", &managed),
        ("wrong_version", &path, "fieldManager=a", &version),
        ("unknown_field", &path, "fieldManager=a", &unknown),
        ("uid_of_nothing", &path, "fieldManager=a", &uid),
        ("same_item_twice", &web, "fieldManager=a", &twice),
        ("nameless_item", &web, "fieldManager=a", &nameless),
        ("no_object", &path, "fieldManager=a", &json!([])),
    ] {
        insta::assert_snapshot!(format!("kube_apply_refused_{name}"), apply(&server, path, query, config).await.golden());
    }
    let url = format!("{}{path}?fieldManager=a", server.url);
    let cbor = server.user.send_bytes(Method::PATCH, &url, "application/apply-patch+cbor", sound.to_string()).await;
    assert_eq!(cbor.status(), 415);
    let forced = server.patch(&format!("{path}?force=true"), "merge-patch", &json!({})).await;
    insta::assert_snapshot!("kube_apply_refused_force", forced.golden());
    assert_eq!(server.user.get(&format!("{}{path}", server.url)).await.status(), 404, "nothing was made");
    let dry = apply(&server, &path, "fieldManager=a&dryRun=All", &sound).await;
    assert_eq!(dry.status(), 201);
    assert_eq!(server.user.get(&format!("{}{path}", server.url)).await.status(), 404, "nothing was stored");
}

#[tokio::test]
async fn kubectl_takes_over_from_its_own_client_side_apply() {
    let server = Kube::new(1).await;
    let path = format!("{CONFIG_MAPS}/c");
    let before = config_map("c", &json!({ "a": "1", "b": "1" }));
    let mut client_side = before.clone();
    client_side["metadata"]["annotations"] = json!({ "kubectl.kubernetes.io/last-applied-configuration": format!("{before}\n") });
    server.post(&format!("{CONFIG_MAPS}?fieldManager=kubectl-client-side-apply"), &client_side).await;
    let taken = apply(&server, &path, "fieldManager=kubectl", &config_map("c", &json!({ "a": "2", "b": "1" }))).await;
    assert_eq!(taken.status(), 200, "what was applied by the client is no conflict: {}", taken.golden());
    let noted = &taken.json()["metadata"]["annotations"]["kubectl.kubernetes.io/last-applied-configuration"];
    let expected =
        json!({ "apiVersion": "v1", "data": { "a": "2", "b": "1" }, "kind": "ConfigMap", "metadata": { "name": "c" } });
    assert_eq!(noted.as_str().unwrap_or(""), format!("{expected}\n"), "and the annotation follows");
    insta::assert_json_snapshot!("kube_apply_taken_over", owners_at(&server, &path).await);
    let other = apply(&server, &path, "fieldManager=other", &config_map("c", &json!({ "b": "2" }))).await;
    assert_eq!(other.status(), 409, "others have no such past");
}
