//! What follows from a Service: addresses, node ports, a load balancer, Endpoints and EndpointSlices. Sources: the API server's
//! allocation, and the endpoints, endpointslice and service controllers of Kubernetes 1.34.

use azlet_tests::kube::{Kube, nginx};
use serde_json::{Value, json};

fn deployment(name: &str, replicas: i64) -> Value {
    let labels = json!({ "app": name });
    let spec = json!({ "replicas": replicas, "selector": { "matchLabels": labels }, "template": nginx(&labels) });
    json!({ "metadata": { "name": name }, "spec": spec })
}

fn service(name: &str, kind: &str) -> Value {
    let ports = json!([{ "port": 80, "targetPort": "http" }]);
    json!({ "metadata": { "name": name }, "spec": { "type": kind, "selector": { "app": "web" }, "ports": ports } })
}

#[tokio::test]
async fn endpoints_follow_the_readiness_of_pods() {
    let kube = Kube::new(2).await;
    kube.create("services", &service("web", "ClusterIP")).await;
    let bare = kube.object("endpoints/web").await;
    assert_eq!(bare.get("subsets"), None, "{bare}");
    kube.create("apps/v1:deployments", &deployment("web", 2)).await;
    let endpoints = kube.object("endpoints/web").await;
    let subset = &endpoints["subsets"][0];
    assert_eq!(subset["ports"], json!([{ "port": 80, "protocol": "TCP" }]), "the name of a port is looked up in the pod");
    assert_eq!(subset["addresses"].as_array().map(Vec::len), Some(2), "{endpoints}");
    assert_eq!(subset["addresses"][0]["targetRef"]["kind"], "Pod");
    assert_eq!(endpoints["metadata"]["labels"], json!({ "endpoints.kubernetes.io/managed-by": "endpoint-controller" }));
    let bad =
        json!({ "spec": { "template": { "spec": { "containers": [{ "name": "nginx", "image": "nosuch.azurecr.io/a:v1" }] } } } });
    kube.merge("apps/v1:deployments/web", &bad).await;
    let subset = kube.object("endpoints/web").await["subsets"][0].clone();
    assert_eq!(subset["addresses"].as_array().map(Vec::len), Some(2), "the old pods stay: {subset}");
    kube.merge("apps/v1:deployments/web", &json!({ "spec": { "replicas": 0 } })).await;
    kube.azlet.advance("5s").await;
    assert_eq!(kube.object("endpoints/web").await.get("subsets"), None);
    assert_eq!(kube.delete("services/web", &json!({})).await.status(), 200);
    assert_eq!(kube.get("endpoints/web").await.status(), 404, "Endpoints go with their Service");
}

#[tokio::test]
async fn a_load_balancer_is_pending_and_then_has_an_address() {
    let kube = Kube::new(1).await;
    kube.create("services", &service("web", "LoadBalancer")).await;
    assert_eq!(kube.table("services?fieldSelector=metadata.name=web").await[0][3], "<pending>");
    kube.azlet.advance("10s").await;
    let web = kube.object("services/web").await;
    assert_eq!(web["status"]["loadBalancer"], json!({ "ingress": [{ "ip": "203.0.113.4", "ipMode": "VIP" }] }));
    assert_eq!(web["metadata"]["finalizers"], json!(["service.kubernetes.io/load-balancer-cleanup"]));
    let mut internal = service("internal", "LoadBalancer");
    internal["metadata"]["annotations"] = json!({ "service.beta.kubernetes.io/azure-load-balancer-internal": "true" });
    kube.create("services", &internal).await;
    kube.azlet.advance("10s").await;
    assert_eq!(kube.table("services?fieldSelector=metadata.name=internal").await[0][3], "10.224.128.4", "inferred");
    assert_eq!(kube.delete("services/web", &json!({})).await.status(), 200);
    assert_eq!(kube.get("services/web").await.status(), 404, "its finalizer is taken off once the load balancer is gone");
    let told = kube.told("Service").await;
    insta::assert_snapshot!("kube_load_balancer_events", told.join("\n"));
}

#[tokio::test]
async fn node_ports_are_allocated_kept_and_given_back() {
    let kube = Kube::new(1).await;
    let made = kube.create("services", &service("web", "NodePort")).await;
    let port = made["spec"]["ports"][0]["nodePort"].as_i64().unwrap_or(0);
    assert!((30_000..=32_767).contains(&port), "{made}");
    let mut same = service("other", "NodePort");
    same["spec"]["ports"][0]["nodePort"] = port.into();
    let taken = kube.post("services", &same).await;
    assert_eq!(taken.status(), 422);
    let message = format!(
        "Service \"other\" is invalid: spec.ports[0].nodePort: Invalid value: {port}: provided port is already allocated"
    );
    assert_eq!(taken.json()["message"], message);
    same["spec"]["ports"][0]["nodePort"] = 80.into();
    insta::assert_snapshot!("kube_node_port_out_of_range", kube.post("services", &same).await.golden());
    let balanced = kube.merge("services/web", &json!({ "spec": { "type": "LoadBalancer" } })).await;
    assert_eq!(balanced["spec"]["ports"][0]["nodePort"], port, "the port stays");
    let plain = kube.merge("services/web", &json!({ "spec": { "type": "ClusterIP" } })).await;
    assert_eq!(plain["spec"]["ports"][0].get("nodePort"), None);
    let mut address = service("fixed", "ClusterIP");
    address["spec"]["clusterIP"] = "10.0.0.1".into();
    insta::assert_snapshot!("kube_cluster_ip_taken", kube.post("services", &address).await.golden());
    address["spec"]["clusterIP"] = "192.168.0.1".into();
    insta::assert_snapshot!("kube_cluster_ip_out_of_range", kube.post("services", &address).await.golden());
}

#[tokio::test]
async fn a_pod_without_a_controller_is_adopted_and_one_that_is_relabelled_is_let_go() {
    let kube = Kube::new(1).await;
    let labels = json!({ "app": "web" });
    let mut pod = nginx(&labels);
    pod["metadata"]["name"] = "lonely".into();
    kube.create("pods", &pod).await;
    let spec = json!({ "replicas": 2, "selector": { "matchLabels": labels }, "template": nginx(&labels) });
    kube.create("apps/v1:replicasets", &json!({ "metadata": { "name": "web" }, "spec": spec })).await;
    let names = kube.pod_names().await;
    assert_eq!(names.len(), 2, "one is made beside the one that was there: {names:?}");
    let adopted = kube.object("pods/lonely").await;
    assert_eq!(adopted["metadata"]["ownerReferences"][0]["name"], "web");
    kube.merge("pods/lonely", &json!({ "metadata": { "labels": { "app": "other" } } })).await;
    assert_eq!(kube.object("pods/lonely").await["metadata"].get("ownerReferences"), None);
    assert_eq!(kube.pod_names().await.len(), 3, "another one takes its place");
    kube.merge("pods/lonely", &json!({ "metadata": { "labels": { "app": "web" } } })).await;
    assert_eq!(kube.pod_names().await.len(), 3);
    kube.azlet.advance("5s").await;
    assert_eq!(kube.pod_names().await.len(), 2, "adopted again, it is one too many");
}
