//! The scheduler through the wire: which node a pod goes to, and in which words it says that none can take it. Source: kube-scheduler's
//! default filters and preemption (Kubernetes 1.34). That names decide between equal nodes is inferred.

use azlet_tests::{Actor, Azlet};
use reqwest::Method;
use serde_json::{Value, json};

const PODS: &str = "/api/v1/namespaces/default/pods";

struct Server {
    azlet: Azlet,
    url: String,
    user: Actor,
    nodes: Vec<String>,
}

impl Server {
    async fn new() -> Self {
        let (azlet, owner) = Azlet::with_group().await;
        let cluster = azlet.cluster(&owner, 3).await;
        let mut server = Self { url: cluster.server, user: cluster.user, azlet, nodes: Vec::new() };
        let nodes = server.get("/api/v1/nodes").await;
        let items = nodes["items"].as_array().cloned().unwrap_or_default();
        server.nodes = items.iter().filter_map(|node| node["metadata"]["name"].as_str().map(str::to_owned)).collect();
        server
    }

    async fn get(&self, path: &str) -> Value {
        self.user.get(&format!("{}{path}", self.url)).await.json()
    }

    async fn post(&self, path: &str, body: &Value) -> Value {
        let made = self.user.post(&format!("{}{path}", self.url), body).await;
        assert_eq!(made.status(), 201, "{}", made.golden());
        made.json()
    }

    async fn patch_node(&self, index: usize, patch: &Value) {
        let url = format!("{}/api/v1/nodes/{}", self.url, self.nodes[index]);
        let patched = self.user.send_bytes(Method::PATCH, &url, "application/merge-patch+json", patch.to_string()).await;
        assert_eq!(patched.status(), 200, "{}", patched.golden());
    }

    /// Makes a pod; where it went, as the number of the node, or why nowhere.
    async fn pod(&self, name: &str, labels: Value, more: Value) -> Result<usize, String> {
        let mut spec = json!({ "containers": [{ "name": "c", "image": "docker.io/library/nginx:latest" }] });
        for (field, value) in more.as_object().into_iter().flatten() {
            spec[field] = value.clone();
        }
        self.post(PODS, &json!({ "metadata": { "name": name, "labels": labels }, "spec": spec })).await;
        self.place(name).await
    }

    async fn place(&self, name: &str) -> Result<usize, String> {
        let pod = self.get(&format!("{PODS}/{name}")).await;
        if let Some(node) = pod["spec"]["nodeName"].as_str() {
            return Ok(self.nodes.iter().position(|known| known == node).expect("a node of the cluster"));
        }
        let conditions = pod["status"]["conditions"].as_array().cloned().unwrap_or_default();
        let scheduled = conditions.into_iter().find(|condition| condition["type"] == "PodScheduled").unwrap_or_default();
        Err(scheduled["message"].as_str().unwrap_or_default().to_owned())
    }
}

fn asks(resource: &str, quantity: &str) -> Value {
    json!({ "containers": [{ "name": "c", "image": "docker.io/library/nginx:latest", "resources": { "requests": { resource: quantity } } }] })
}

#[tokio::test]
async fn a_pod_that_fits_nowhere_says_why() {
    let server = Server::new().await;
    server.patch_node(0, &json!({ "spec": { "unschedulable": true } })).await;
    server.patch_node(1, &json!({ "spec": { "taints": [{ "key": "team", "value": "a", "effect": "NoSchedule" }] } })).await;
    let mut told = Vec::new();
    for (name, spec) in [
        ("too-much-cpu", asks("cpu", "64")),
        ("too-much-memory", asks("memory", "1Ti")),
        ("no-such-resource", asks("nvidia.com/gpu", "1")),
        ("selector", json!({ "nodeSelector": { "disk": "ssd" } })),
        (
            "by-name",
            json!({ "affinity": { "nodeAffinity": { "requiredDuringSchedulingIgnoredDuringExecution": { "nodeSelectorTerms": [
            { "matchFields": [{ "key": "metadata.name", "operator": "In", "values": ["other"] }] }] } } } }),
        ),
        (
            "near-nobody",
            json!({ "affinity": { "podAffinity": { "requiredDuringSchedulingIgnoredDuringExecution": [
            { "topologyKey": "kubernetes.io/hostname", "labelSelector": { "matchLabels": { "app": "db" } } }] } } }),
        ),
        (
            "no-domain",
            json!({ "topologySpreadConstraints": [{ "maxSkew": 1, "topologyKey": "rack", "whenUnsatisfiable": "DoNotSchedule",
            "labelSelector": { "matchLabels": { "app": "x" } } }] }),
        ),
        ("no-claim", json!({ "volumes": [{ "name": "v", "persistentVolumeClaim": { "claimName": "data" } }] })),
        ("never-preempts", {
            let mut spec = asks("cpu", "64");
            spec["preemptionPolicy"] = json!("Never");
            spec
        }),
        ("gated", json!({ "schedulingGates": [{ "name": "example.com/wait" }] })),
    ] {
        told.push((name, server.pod(name, json!({}), spec).await.expect_err(name)));
    }
    insta::assert_json_snapshot!("kube_scheduler_refusals", told);
    let events = server.get("/api/v1/namespaces/default/events?fieldSelector=involvedObject.name=too-much-cpu").await;
    let event = &events["items"][0];
    assert_eq!(
        (&event["reason"], &event["type"], &event["source"]["component"]),
        (&json!("FailedScheduling"), &json!("Warning"), &json!("default-scheduler"))
    );
    // With the toleration it goes to the tainted node; and what waited goes once there is room for it.
    let tolerations = json!([{ "key": "team", "operator": "Exists" }]);
    let tolerant =
        json!({ "tolerations": tolerations, "nodeName": null, "nodeSelector": { "kubernetes.io/hostname": server.nodes[1] } });
    assert_eq!(server.pod("tolerant", json!({}), tolerant).await, Ok(1));
    server.patch_node(2, &json!({ "metadata": { "labels": { "disk": "ssd" } } })).await;
    assert_eq!(server.place("selector").await, Ok(2));
}

#[tokio::test]
async fn what_pods_ask_for_is_taken_from_nodes() {
    let server = Server::new().await;
    // Each node has less than two cores to give.
    for index in 0..3 {
        assert_eq!(server.pod(&format!("big-{index}"), json!({}), asks("cpu", "1200m")).await, Ok(index));
    }
    let full = server.pod("big-3", json!({}), asks("cpu", "1200m")).await;
    insta::assert_json_snapshot!("kube_scheduler_full", full);
    // When one goes, the one that waits takes its place.
    server.user.delete(&format!("{}{PODS}/big-1?gracePeriodSeconds=0", server.url)).await;
    assert_eq!(server.place("big-3").await, Ok(1));
    let port = json!({ "containers": [{ "name": "c", "image": "docker.io/library/nginx:latest", "ports": [{ "containerPort": 80, "hostPort": 8080 }] }] });
    for index in 0..3 {
        assert!(server.pod(&format!("port-{index}"), json!({}), port.clone()).await.is_ok());
    }
    insta::assert_json_snapshot!("kube_scheduler_ports", server.pod("port-3", json!({}), port).await);
}

#[tokio::test]
async fn pods_are_near_others_or_far_or_spread() {
    let server = Server::new().await;
    let anti = json!({ "affinity": { "podAntiAffinity": { "requiredDuringSchedulingIgnoredDuringExecution": [
        { "topologyKey": "kubernetes.io/hostname", "labelSelector": { "matchLabels": { "app": "db" } } }] } } });
    let mut places = Vec::new();
    for index in 0..3 {
        places.push(server.pod(&format!("db-{index}"), json!({ "app": "db" }), anti.clone()).await.expect("a node is free"));
    }
    places.sort_unstable();
    assert_eq!(places, [0, 1, 2], "each on a node of its own");
    insta::assert_json_snapshot!("kube_scheduler_anti_affinity", server.pod("db-3", json!({ "app": "db" }), anti).await);
    insta::assert_json_snapshot!("kube_scheduler_shunned", server.pod("plain", json!({ "app": "db" }), json!({})).await);
    let near = json!({ "affinity": { "podAffinity": { "requiredDuringSchedulingIgnoredDuringExecution": [
        { "topologyKey": "kubernetes.io/hostname", "labelSelector": { "matchLabels": { "app": "cache" } } }] } } });
    let pinned = json!({ "nodeSelector": { "kubernetes.io/hostname": server.nodes[2] } });
    assert_eq!(server.pod("cache", json!({ "app": "cache" }), pinned).await, Ok(2));
    assert_eq!(server.pod("web", json!({ "app": "web" }), near.clone()).await, Ok(2));
    let mut first = near.clone();
    first["affinity"]["podAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"][0]["labelSelector"] =
        json!({ "matchLabels": { "app": "new" } });
    assert!(server.pod("new", json!({ "app": "new" }), first).await.is_ok(), "the first of those that it wants near");
    let spread = json!({ "topologySpreadConstraints": [{ "maxSkew": 1, "topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "DoNotSchedule",
        "labelSelector": { "matchLabels": { "app": "s" } } }] });
    let mut counts = [0; 3];
    for index in 0..6 {
        counts[server.pod(&format!("s-{index}"), json!({ "app": "s" }), spread.clone()).await.expect("a node is free")] += 1;
    }
    assert_eq!(counts, [2, 2, 2]);
    // A cordoned node still counts: it has two, and so the others may have three.
    server.patch_node(0, &json!({ "spec": { "unschedulable": true } })).await;
    assert!(server.pod("s-6", json!({ "app": "s" }), spread.clone()).await.is_ok());
    assert!(server.pod("s-7", json!({ "app": "s" }), spread.clone()).await.is_ok());
    insta::assert_json_snapshot!("kube_scheduler_spread", server.pod("s-8", json!({ "app": "s" }), spread).await);
}

#[tokio::test]
async fn pods_of_lower_priority_make_room() {
    let server = Server::new().await;
    let class = |name: &str, value: i64| json!({ "metadata": { "name": name }, "value": value });
    server.post("/apis/scheduling.k8s.io/v1/priorityclasses", &class("high", 1000)).await;
    for index in 0..3 {
        assert!(server.pod(&format!("low-{index}"), json!({}), asks("cpu", "1200m")).await.is_ok());
    }
    let mut spec = asks("cpu", "1200m");
    spec["priorityClassName"] = json!("high");
    insta::assert_json_snapshot!("kube_scheduler_preempting", server.pod("high", json!({}), spec.clone()).await);
    let waiting = server.get(&format!("{PODS}/high")).await;
    assert_eq!(waiting["status"]["nominatedNodeName"], server.nodes[0].as_str());
    assert_eq!(waiting["spec"]["priority"], 1000);
    let events = server.get("/api/v1/namespaces/default/events?fieldSelector=involvedObject.name=low-0,reason=Preempted").await;
    assert_eq!(events["items"].as_array().map(Vec::len), Some(1), "{events}");
    server.azlet.advance("1m").await;
    assert_eq!(server.place("high").await, Ok(0));
    assert_eq!(server.get(&format!("{PODS}/low-0")).await["reason"], "NotFound");
    spec["priorityClassName"] = json!("absent");
    let body = json!({ "metadata": { "name": "x" }, "spec": spec });
    insta::assert_snapshot!("kube_scheduler_no_class", server.user.post(&format!("{}{PODS}", server.url), &body).await.golden());
}
