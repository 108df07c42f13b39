//! The Kubernetes API server through the wire. Sources: the Kubernetes API conventions (Status, versions, patches, watches), the
//! server-side printing of kubectl's tables, `kubectl`'s requests.

use azlet_tests::Answer;
use azlet_tests::kube::Kube;
use reqwest::Method;
use reqwest::header::ACCEPT;
use serde_json::{Value, json};

async fn deploy(server: &Kube, replicas: i64) -> Answer {
    let template = json!({
        "metadata": { "labels": { "app": "a" } },
        "spec": { "containers": [{ "name": "nginx", "image": "docker.io/library/nginx:latest" }] },
    });
    let spec = json!({ "replicas": replicas, "selector": { "matchLabels": { "app": "a" } }, "template": template });
    let body = json!({ "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "web" }, "spec": spec });
    server.post("/apis/apps/v1/namespaces/default/deployments", &body).await
}

#[tokio::test]
async fn a_cluster_begins_with_its_namespaces_its_service_and_its_authority() {
    let server = Kube::new(1).await;
    let namespaces = server.table("/api/v1/namespaces").await;
    let names: Vec<&str> = namespaces.iter().filter_map(|cells| cells[0].as_str()).collect();
    assert_eq!(names, ["default", "kube-node-lease", "kube-public", "kube-system"]);
    let services = server.table("/api/v1/services").await;
    assert_eq!(services, [json!(["kubernetes", "ClusterIP", "10.0.0.1", "<none>", "443/TCP", "0s", "<none>"])]);
    let authority = server.get("/api/v1/namespaces/default/configmaps/kube-root-ca.crt").await.json();
    assert_eq!(authority["data"]["ca.crt"], *server.azlet.world().ca_pem, "the certificate that TLS really has");
    assert_eq!(server.table("/api/v1/nodes").await.len(), 1);
    let version = server.get("/version").await.json();
    assert_eq!((&version["minor"], &version["gitVersion"]), (&json!("34"), &json!("v1.34.2")));
}

#[tokio::test]
async fn what_breaks_a_rule_is_refused_with_a_status() {
    let server = Kube::new(1).await;
    let pods = server.at("/api/v1/namespaces/default/pods");
    let deployments = server.at("/apis/apps/v1/namespaces/default/deployments");
    let pod = |name: &str, spec: Value| json!({ "metadata": { "name": name }, "spec": spec });
    let sound = json!({ "containers": [{ "name": "a", "image": "b" }] });
    for (name, url, body) in [
        ("no_containers", &pods, pod("p", json!({ "containers": [] }))),
        ("bad_name", &pods, pod("X y", sound.clone())),
        ("no_image", &pods, pod("p", json!({ "containers": [{ "name": "a" }] }))),
        ("no_selector", &deployments, json!({ "metadata": { "name": "d" }, "spec": {} })),
        ("not_an_object", &pods, json!([1])),
    ] {
        insta::assert_snapshot!(format!("kube_refused_{name}"), server.user.post(url, &body).await.golden());
    }
    let elsewhere = server.at("/api/v1/namespaces/nope/pods");
    insta::assert_snapshot!("kube_no_namespace", server.user.post(&elsewhere, &pod("p", sound.clone())).await.golden());
    insta::assert_snapshot!("kube_absent", server.get("/apis/apps/v1/namespaces/default/deployments/x").await.golden());
    insta::assert_snapshot!("kube_field_selector", server.get("/api/v1/pods?fieldSelector=x=y").await.golden());
    assert_eq!(server.user.send_bytes(Method::POST, &pods, "application/json", "{bad").await.status(), 400);
    assert_eq!(server.user.send_bytes(Method::POST, &pods, "text/nonsense", "x").await.status(), 415);
    let protobuf = "application/vnd.kubernetes.protobuf";
    assert_eq!(server.user.send_bytes(Method::POST, &pods, protobuf, b"k8s\0\xff\xff\xff".to_vec()).await.status(), 400);
    assert_eq!(server.user.post(&pods, &pod("p", sound.clone())).await.status(), 201);
    insta::assert_snapshot!("kube_already_exists", server.user.post(&pods, &pod("p", sound)).await.golden());
}

#[tokio::test]
async fn a_deployment_is_scaled_patched_and_deleted() {
    let server = Kube::new(1).await;
    assert_eq!(deploy(&server, 2).await.status(), 201);
    let path = "/apis/apps/v1/namespaces/default/deployments";
    assert_eq!(server.table(path).await, [json!(["web", "2/2", 2, 2, "0s", "nginx", "docker.io/library/nginx:latest", "app=a"])]);
    let web = server.at(&format!("{path}/web"));
    let patch = |kind: &str, url: &str, body: Value| {
        let (user, kind, url) = (server.user.clone(), format!("application/{kind}+json"), url.to_owned());
        async move { user.send_bytes(Method::PATCH, &url, &kind, body.to_string()).await }
    };
    let scaled = patch("merge-patch", &format!("{web}/scale"), json!({ "spec": { "replicas": 3 } })).await;
    assert_eq!((scaled.status(), &scaled.json()["spec"]["replicas"]), (200, &json!(3)), "{}", scaled.golden());
    assert_eq!(server.table("/api/v1/pods").await.len(), 3);
    let container = json!({ "name": "nginx", "image": "docker.io/library/nginx:1.29" });
    let image = json!({ "spec": { "template": { "spec": { "containers": [container] } } } });
    assert_eq!(patch("strategic-merge-patch", &web, image).await.status(), 200);
    server.azlet.advance("5s").await;
    let pods = server.get("/api/v1/pods").await.json();
    let images: Vec<&Value> =
        pods["items"].as_array().into_iter().flatten().map(|pod| &pod["spec"]["containers"][0]["image"]).collect();
    assert_eq!(images, vec![&json!("docker.io/library/nginx:1.29"); 3], "rolled out");
    let immutable = patch("merge-patch", &web, json!({ "spec": { "selector": { "matchLabels": { "app": "b" } } } })).await;
    assert_eq!(immutable.status(), 422, "{}", immutable.golden());
    assert_eq!(server.user.delete(&web).await.status(), 200);
    server.azlet.advance("5s").await;
    assert!(server.table("/api/v1/pods").await.is_empty(), "what it owned went with it");
}

#[tokio::test]
async fn a_stale_version_conflicts_and_nothing_is_a_change_of_nothing() {
    let server = Kube::new(1).await;
    deploy(&server, 1).await;
    let web = server.at("/apis/apps/v1/namespaces/default/deployments/web");
    let current = server.user.get(&web).await.json();
    let same = server.user.put(&web, &current).await.json();
    assert_eq!(same["metadata"]["resourceVersion"], current["metadata"]["resourceVersion"]);
    let mut stale = current.clone();
    stale["metadata"]["resourceVersion"] = json!("1");
    stale["spec"]["replicas"] = json!(2);
    insta::assert_snapshot!("kube_conflict", server.user.put(&web, &stale).await.golden());
    let mut tried = current.clone();
    tried["spec"]["replicas"] = json!(5);
    assert_eq!(server.user.put(&format!("{web}?dryRun=All"), &tried).await.status(), 200);
    assert_eq!(server.user.get(&web).await.json()["spec"]["replicas"], 1, "a dry run stores nothing");
}

#[tokio::test]
async fn a_watch_replays_what_changed() {
    let server = Kube::new(1).await;
    let version = server.get("/api/v1/pods").await.json()["metadata"]["resourceVersion"].clone();
    deploy(&server, 1).await;
    let query = format!("watch=true&timeoutSeconds=1&resourceVersion={}", version.as_str().expect("a version"));
    let events = server.get(&format!("/api/v1/namespaces/default/pods?{query}")).await.text();
    let kinds: Vec<Value> =
        events.lines().map(|line| serde_json::from_str::<Value>(line).expect("a line is an event")["type"].clone()).collect();
    assert_eq!(kinds.first(), Some(&json!("ADDED")), "{events}");
    assert!(kinds.contains(&json!("MODIFIED")), "{events}");
}

#[tokio::test]
async fn discovery_is_answered_in_both_forms() {
    let server = Kube::new(1).await;
    let groups = server.get("/apis").await.json();
    let names: Vec<&str> = groups["groups"].as_array().into_iter().flatten().filter_map(|group| group["name"].as_str()).collect();
    assert!(names.contains(&"apps"), "{groups}");
    let resources = server.get("/apis/apps/v1").await.json();
    assert!(resources.to_string().contains("\"deployments/scale\""), "{resources}");
    let aggregated = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
    let request = server.user.request(Method::GET, &server.at("/apis")).header(ACCEPT, aggregated);
    let answer = server.user.send(request).await;
    assert_eq!(answer.json()["kind"], "APIGroupDiscoveryList", "{}", answer.text());
    assert!(server.get("/openapi/v3").await.json()["paths"]["apis/apps/v1"].is_object());
    assert_eq!(server.get("/nothing").await.status(), 404);
}
