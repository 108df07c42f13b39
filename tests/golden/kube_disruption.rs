//! What keeps pods where they are, or takes them away: disruption budgets and evictions, cordons and taints, quotas and limits,
//! autoscalers. Sources: the disruption, taint eviction and quota controllers, and the admission plugins of Kubernetes 1.34.

use azlet_tests::kube::{Kube, nginx};
use serde_json::{Value, json};

fn deployment(replicas: i64) -> Value {
    let labels = json!({ "app": "web" });
    let spec = json!({ "replicas": replicas, "selector": { "matchLabels": labels }, "template": nginx(&labels) });
    json!({ "metadata": { "name": "web" }, "spec": spec })
}

fn pod(name: &str, resources: &Value) -> Value {
    let mut pod = nginx(&json!({}));
    pod["metadata"]["name"] = name.into();
    pod["spec"]["containers"][0]["resources"] = resources.clone();
    pod
}

#[tokio::test]
async fn a_budget_counts_healthy_pods_and_an_eviction_beyond_it_is_refused() {
    let kube = Kube::new(2).await;
    kube.create("apps/v1:deployments", &deployment(3)).await;
    let spec = json!({ "minAvailable": 2, "selector": { "matchLabels": { "app": "web" } } });
    kube.create("policy/v1:poddisruptionbudgets", &json!({ "metadata": { "name": "web" }, "spec": spec })).await;
    let status = kube.object("policy/v1:poddisruptionbudgets/web").await["status"].clone();
    assert_eq!(
        (&status["currentHealthy"], &status["desiredHealthy"], &status["disruptionsAllowed"], &status["expectedPods"]),
        (&json!(3), &json!(2), &json!(1), &json!(3))
    );
    let names = kube.pod_names().await;
    let evict = |name: &str| {
        let eviction =
            json!({ "apiVersion": "policy/v1", "kind": "Eviction", "metadata": { "name": name, "namespace": "default" } });
        let path = format!("pods/{name}/eviction");
        let kube = &kube;
        async move { kube.post(&path, &eviction).await }
    };
    // The new pod is not up before the old one is gone, so that the second eviction comes too early.
    kube.merge("apps/v1:deployments/web", &json!({ "spec": { "paused": true } })).await;
    kube.merge("policy/v1:poddisruptionbudgets/web", &json!({ "spec": { "minAvailable": 3 } })).await;
    insta::assert_snapshot!("kube_eviction_refused", evict(&names[0]).await.golden());
    kube.merge("policy/v1:poddisruptionbudgets/web", &json!({ "spec": { "minAvailable": null, "maxUnavailable": "50%" } })).await;
    let status = kube.object("policy/v1:poddisruptionbudgets/web").await["status"].clone();
    assert_eq!(
        (&status["desiredHealthy"], &status["disruptionsAllowed"]),
        (&json!(1), &json!(2)),
        "half of three is two: {status}"
    );
    assert_eq!(evict(&names[0]).await.status(), 201);
    kube.azlet.advance("5s").await;
    assert!(!kube.pod_names().await.contains(&names[0]));
    assert_eq!(kube.pod_names().await.len(), 3, "another one takes its place");
    assert_eq!(evict("nosuch").await.status(), 404);
}

#[tokio::test]
async fn a_cordon_taints_and_a_taint_drives_pods_away_as_long_as_they_tolerate_it() {
    let kube = Kube::new(2).await;
    kube.create("apps/v1:deployments", &deployment(2)).await;
    let node = kube.items("pods").await[0]["spec"]["nodeName"].as_str().unwrap_or("").to_owned();
    let path = format!("/api/v1/nodes/{node}");
    kube.merge(&path, &json!({ "spec": { "unschedulable": true } })).await;
    let taints = kube.object(&path).await["spec"]["taints"].clone();
    assert_eq!((&taints[0]["key"], &taints[0]["effect"]), (&json!("node.kubernetes.io/unschedulable"), &json!("NoSchedule")));
    assert_eq!(kube.pod_names().await.len(), 2, "a cordon drives nobody away");
    kube.merge(&path, &json!({ "spec": { "unschedulable": null } })).await;
    assert_eq!(kube.object(&path).await["spec"].get("taints"), None);
    let mut tolerant = pod("tolerant", &json!({}));
    tolerant["spec"]["nodeName"] = node.clone().into();
    tolerant["spec"]["tolerations"] =
        json!([{ "key": "gone", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 30 }]);
    kube.create("pods", &tolerant).await;
    kube.merge(&path, &json!({ "spec": { "taints": [{ "key": "gone", "effect": "NoExecute" }] } })).await;
    kube.azlet.advance("5s").await;
    let on_node = |pods: Vec<Value>| pods.iter().filter(|pod| pod["spec"]["nodeName"] == node.as_str()).count();
    assert_eq!(on_node(kube.items("pods").await), 1, "the one that tolerates it for a while");
    kube.azlet.advance("30s").await;
    assert_eq!(on_node(kube.items("pods").await), 0);
    let told: Vec<_> = kube.told("Pod").await.into_iter().filter(|told| told.contains("TaintManager")).collect();
    assert!(told.contains(&"Normal TaintManagerEviction: Marking for deletion Pod default/tolerant".to_owned()), "{told:?}");
}

#[tokio::test]
async fn a_quota_is_counted_and_kept() {
    let kube = Kube::new(1).await;
    let hard =
        json!({ "pods": "2", "requests.cpu": "1", "limits.memory": "1Gi", "count/deployments.apps": "1", "services": "1" });
    kube.create("resourcequotas", &json!({ "metadata": { "name": "small" }, "spec": { "hard": hard } })).await;
    let small = json!({ "requests": { "cpu": "500m" }, "limits": { "cpu": "500m", "memory": "256Mi" } });
    insta::assert_snapshot!("kube_quota_must_specify", kube.post("pods", &pod("silent", &json!({}))).await.golden());
    kube.create("pods", &pod("a", &small)).await;
    kube.create("pods", &pod("b", &small)).await;
    let used = kube.object("resourcequotas/small").await["status"]["used"].clone();
    let expected =
        json!({ "count/deployments.apps": "0", "limits.memory": "512Mi", "pods": "2", "requests.cpu": "1", "services": "1" });
    assert_eq!(used, expected);
    insta::assert_snapshot!("kube_quota_exceeded", kube.post("pods", &pod("c", &small)).await.golden());
    kube.delete("pods/a", &json!({ "gracePeriodSeconds": 0 })).await;
    assert_eq!(kube.object("resourcequotas/small").await["status"]["used"]["pods"], "1");
    kube.create("pods", &pod("c", &small)).await;
    let mut many = deployment(1);
    many["spec"]["template"]["spec"]["containers"][0]["resources"] = small;
    kube.create("apps/v1:deployments", &many).await;
    let set = kube.items("apps/v1:replicasets").await[0].clone();
    assert_eq!(set["status"]["conditions"][0]["type"], "ReplicaFailure", "{set}");
    let told = kube.told("ReplicaSet").await;
    assert!(
        told[0].starts_with("Warning FailedCreate: Error creating: pods \"web-") && told[0].contains("exceeded quota: small"),
        "{told:?}"
    );
    kube.delete("pods/c", &json!({ "gracePeriodSeconds": 0 })).await;
    kube.azlet.advance("10m").await;
    assert_eq!(kube.object("apps/v1:deployments/web").await["status"]["readyReplicas"], 1, "tried again");
}

#[tokio::test]
async fn a_limit_range_completes_and_bounds_containers() {
    let kube = Kube::new(1).await;
    let limit = json!({ "type": "Container", "default": { "cpu": "500m" }, "defaultRequest": { "cpu": "100m" }, "max": { "cpu": "1" }, "min": { "cpu": "50m" } });
    kube.create("limitranges", &json!({ "metadata": { "name": "bounds" }, "spec": { "limits": [limit] } })).await;
    let made = kube.create("pods", &pod("silent", &json!({}))).await;
    let resources = &made["spec"]["containers"][0]["resources"];
    assert_eq!(*resources, json!({ "limits": { "cpu": "500m" }, "requests": { "cpu": "100m" } }));
    let told = &made["metadata"]["annotations"]["kubernetes.io/limit-ranger"];
    assert_eq!(told, "LimitRanger plugin set: cpu request for container nginx; cpu limit for container nginx");
    insta::assert_snapshot!(
        "kube_limit_maximum",
        kube.post("pods", &pod("large", &json!({ "limits": { "cpu": "2" } }))).await.golden()
    );
    insta::assert_snapshot!(
        "kube_limit_minimum",
        kube.post("pods", &pod("tiny", &json!({ "requests": { "cpu": "10m" } }))).await.golden()
    );
}

#[tokio::test]
async fn a_priority_class_gives_its_value_and_an_unknown_one_is_refused() {
    let kube = Kube::new(1).await;
    let mut important = pod("important", &json!({}));
    important["spec"]["priorityClassName"] = "system-cluster-critical".into();
    assert_eq!(kube.create("pods", &important).await["spec"]["priority"], 2_000_000_000_i64);
    important["metadata"]["name"] = "unknown".into();
    important["spec"]["priorityClassName"] = "nosuch".into();
    insta::assert_snapshot!("kube_priority_unknown", kube.post("pods", &important).await.golden());
}

#[tokio::test]
async fn an_autoscaler_keeps_its_bounds_and_says_that_there_are_no_metrics() {
    let kube = Kube::new(1).await;
    kube.create("apps/v1:deployments", &deployment(1)).await;
    let spec = json!({ "scaleTargetRef": { "apiVersion": "apps/v1", "kind": "Deployment", "name": "web" }, "minReplicas": 2, "maxReplicas": 4 });
    kube.create("autoscaling/v2:horizontalpodautoscalers", &json!({ "metadata": { "name": "web" }, "spec": spec })).await;
    assert_eq!(kube.object("apps/v1:deployments/web").await["spec"]["replicas"], 2);
    kube.azlet.advance("15s").await;
    let status = kube.object("autoscaling/v2:horizontalpodautoscalers/web").await["status"].clone();
    assert_eq!((&status["currentReplicas"], &status["desiredReplicas"]), (&json!(2), &json!(2)), "{status}");
    insta::assert_snapshot!("kube_autoscaler_events", kube.told("HorizontalPodAutoscaler").await.join("\n"));
}

#[tokio::test]
async fn a_namespace_waits_for_the_finalizers_of_what_it_holds() {
    let kube = Kube::new(1).await;
    kube.create("/api/v1/namespaces", &json!({ "metadata": { "name": "old" } })).await;
    let held = json!({ "metadata": { "name": "held", "finalizers": ["example.com/keep"] } });
    kube.create("/api/v1/namespaces/old/configmaps", &held).await;
    kube.create("/api/v1/namespaces/old/secrets", &json!({ "metadata": { "name": "free" } })).await;
    assert_eq!(kube.delete("/api/v1/namespaces/old", &json!({})).await.status(), 200);
    let old = kube.object("/api/v1/namespaces/old").await;
    assert_eq!(old["status"]["phase"], "Terminating");
    let told = old["status"]["conditions"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|it| format!("{} {}: {}", it["type"], it["status"], it["message"]));
    insta::assert_snapshot!("kube_namespace_terminating", told.collect::<Vec<_>>().join("\n").replace('"', ""));
    assert_eq!(kube.get("/api/v1/namespaces/old/secrets/free").await.status(), 404);
    let new = kube.post("/api/v1/namespaces/old/configmaps", &json!({ "metadata": { "name": "late" } })).await;
    insta::assert_snapshot!("kube_namespace_takes_nothing_new", new.golden());
    kube.merge("/api/v1/namespaces/old/configmaps/held", &json!({ "metadata": { "finalizers": null } })).await;
    assert_eq!(kube.get("/api/v1/namespaces/old").await.status(), 404);
    for name in ["serviceaccounts/default", "configmaps/kube-root-ca.crt"] {
        kube.delete(name, &json!({})).await;
        assert_eq!(kube.get(name).await.status(), 200, "every namespace has it: {name}");
    }
}

#[tokio::test]
async fn a_namespace_takes_only_pods_of_its_level_of_security() {
    let kube = Kube::new(1).await;
    kube.merge(
        "/api/v1/namespaces/default",
        &json!({ "metadata": { "labels": { "pod-security.kubernetes.io/enforce": "restricted" } } }),
    )
    .await;
    insta::assert_snapshot!("kube_pod_security_restricted", kube.post("pods", &pod("plain", &json!({}))).await.golden());
    let mut safe = pod("safe", &json!({}));
    safe["spec"]["securityContext"] = json!({ "runAsNonRoot": true, "seccompProfile": { "type": "RuntimeDefault" } });
    safe["spec"]["containers"][0]["securityContext"] =
        json!({ "allowPrivilegeEscalation": false, "capabilities": { "drop": ["ALL"] } });
    kube.create("pods", &safe).await;
    kube.merge(
        "/api/v1/namespaces/default",
        &json!({ "metadata": { "labels": { "pod-security.kubernetes.io/enforce": "baseline" } } }),
    )
    .await;
    kube.create("pods", &pod("plain", &json!({}))).await;
    let mut bold = pod("bold", &json!({}));
    bold["spec"]["hostNetwork"] = true.into();
    bold["spec"]["containers"][0]["securityContext"] = json!({ "privileged": true, "capabilities": { "add": ["SYS_ADMIN"] } });
    insta::assert_snapshot!("kube_pod_security_baseline", kube.post("pods", &bold).await.golden());
}
