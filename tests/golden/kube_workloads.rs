//! StatefulSets, DaemonSets, Jobs and CronJobs. Sources: the controllers of kube-controller-manager 1.34.

use azlet_tests::kube::{Kube, nginx};
use serde_json::{Value, json};

fn set(name: &str, spec: &Value) -> Value {
    let labels = json!({ "app": name });
    let mut whole = json!({ "selector": { "matchLabels": labels }, "template": nginx(&labels) });
    for (field, value) in spec.as_object().into_iter().flatten() {
        whole[field] = value.clone();
    }
    json!({ "metadata": { "name": name }, "spec": whole })
}

fn job(name: &str, command: &[&str], spec: &Value) -> Value {
    let container = json!({ "name": "work", "image": "docker.io/library/nginx:latest", "command": command });
    let mut whole = json!({ "completions": 1, "parallelism": 1, "template": { "spec": { "restartPolicy": "Never", "containers": [container] } } });
    for (field, value) in spec.as_object().into_iter().flatten() {
        whole[field] = value.clone();
    }
    json!({ "metadata": { "name": name }, "spec": whole })
}

fn conditions(object: &Value) -> Vec<String> {
    let all = object["status"]["conditions"].as_array().into_iter().flatten();
    all.map(|it| format!("{} {} {}", it["type"], it["status"], it["reason"]).replace('"', "")).collect()
}

const IMAGE: &str = "docker.io/library/nginx:1.29";

#[tokio::test]
async fn a_stateful_set_grows_in_order_and_rolls_from_the_highest_number_down_to_its_partition() {
    let kube = Kube::new(1).await;
    let spec = json!({ "replicas": 3, "serviceName": "db", "updateStrategy": { "type": "RollingUpdate", "rollingUpdate": { "partition": 1 } } });
    kube.create("apps/v1:statefulsets", &set("db", &spec)).await;
    assert_eq!(kube.pod_names().await, ["db-0", "db-1", "db-2"]);
    let first = kube.object("pods/db-0").await;
    assert_eq!(first["metadata"]["labels"]["statefulset.kubernetes.io/pod-name"], "db-0");
    assert_eq!(first["metadata"]["labels"]["apps.kubernetes.io/pod-index"], "0");
    assert_eq!((&first["spec"]["hostname"], &first["spec"]["subdomain"]), (&json!("db-0"), &json!("db")));
    let status = kube.object("apps/v1:statefulsets/db").await["status"].clone();
    assert_eq!((&status["readyReplicas"], &status["currentRevision"]), (&json!(3), &status["updateRevision"]), "{status}");
    kube.merge(
        "apps/v1:statefulsets/db",
        &json!({ "spec": { "template": { "spec": { "containers": [{ "name": "nginx", "image": IMAGE }] } } } }),
    )
    .await;
    kube.azlet.advance("10s").await;
    let images = || async {
        kube.items("pods").await.iter().map(|pod| pod["spec"]["containers"][0]["image"] == IMAGE).collect::<Vec<_>>()
    };
    assert_eq!(images().await, [false, true, true], "the partition keeps the first");
    let status = kube.object("apps/v1:statefulsets/db").await["status"].clone();
    assert_ne!(status["currentRevision"], status["updateRevision"]);
    assert_eq!((&status["currentReplicas"], &status["updatedReplicas"]), (&json!(1), &json!(2)), "{status}");
    kube.merge("apps/v1:statefulsets/db", &json!({ "spec": { "updateStrategy": { "rollingUpdate": { "partition": 0 } } } }))
        .await;
    kube.azlet.advance("10s").await;
    assert_eq!(images().await, [true, true, true]);
    assert_eq!(kube.items("apps/v1:controllerrevisions").await.len(), 2);
    kube.merge("apps/v1:statefulsets/db", &json!({ "spec": { "replicas": 1 } })).await;
    kube.azlet.advance("10s").await;
    assert_eq!(kube.pod_names().await, ["db-0"], "the highest numbers go first");
    insta::assert_snapshot!("kube_stateful_set_events", kube.told("StatefulSet").await.join("\n"));
}

#[tokio::test]
async fn a_stateful_set_waits_for_each_pod_unless_it_is_parallel_and_on_delete_waits_for_people() {
    let kube = Kube::new(1).await;
    let broken = json!({ "metadata": { "labels": { "app": "a" } }, "spec": { "containers": [{ "name": "nginx", "image": "nosuch.azurecr.io/a:v1" }] } });
    kube.create("apps/v1:statefulsets", &set("a", &json!({ "replicas": 3, "serviceName": "a", "template": broken }))).await;
    assert_eq!(kube.pod_names().await, ["a-0"]);
    kube.delete("apps/v1:statefulsets/a", &json!({})).await;
    kube.azlet.advance("10s").await;
    let spec = json!({ "replicas": 3, "serviceName": "a", "podManagementPolicy": "Parallel", "template": broken, "updateStrategy": { "type": "OnDelete" } });
    kube.create("apps/v1:statefulsets", &set("a", &spec)).await;
    assert_eq!(kube.pod_names().await, ["a-0", "a-1", "a-2"]);
    kube.merge(
        "apps/v1:statefulsets/a",
        &json!({ "spec": { "template": { "spec": { "containers": [{ "name": "nginx", "image": IMAGE }] } } } }),
    )
    .await;
    kube.azlet.advance("1s").await;
    assert_ne!(kube.object("pods/a-1").await["spec"]["containers"][0]["image"], IMAGE);
    kube.delete("pods/a-1", &json!({})).await;
    kube.azlet.advance("1s").await;
    assert_eq!(kube.object("pods/a-1").await["spec"]["containers"][0]["image"], IMAGE);
}

#[tokio::test]
async fn the_claims_of_a_stateful_set_are_bound_and_outlive_its_pods() {
    let kube = Kube::new(1).await;
    let template = json!({ "metadata": { "name": "data" }, "spec": { "accessModes": ["ReadWriteOnce"], "resources": { "requests": { "storage": "1Gi" } } } });
    let spec = json!({ "replicas": 1, "serviceName": "db", "volumeClaimTemplates": [template] });
    kube.create("apps/v1:statefulsets", &set("db", &spec)).await;
    let claim = kube.object("persistentvolumeclaims/data-db-0").await;
    assert_eq!(claim["status"]["phase"], "Bound", "{claim}");
    assert_eq!(claim["spec"]["storageClassName"], "default", "the class that is AKS' default");
    let volume = kube.object(&format!("/api/v1/persistentvolumes/{}", claim["spec"]["volumeName"].as_str().unwrap_or(""))).await;
    assert_eq!(volume["spec"]["csi"]["driver"], "disk.csi.azure.com");
    assert_eq!(volume["status"]["phase"], "Bound");
    insta::assert_snapshot!(
        "kube_claim_events",
        kube.told("PersistentVolumeClaim").await.join("\n").replace(claim["metadata"]["uid"].as_str().unwrap_or(""), "[uid]")
    );
    kube.merge("apps/v1:statefulsets/db", &json!({ "spec": { "replicas": 0 } })).await;
    kube.azlet.advance("5s").await;
    assert_eq!(kube.object("persistentvolumeclaims/data-db-0").await["status"]["phase"], "Bound");
    assert_eq!(kube.delete("persistentvolumeclaims/data-db-0", &json!({})).await.status(), 200);
    assert_eq!(kube.get("persistentvolumeclaims/data-db-0").await.status(), 404);
    assert!(kube.items("/api/v1/persistentvolumes").await.is_empty(), "the class says Delete");
}

#[tokio::test]
async fn a_disk_waits_for_the_first_pod_and_a_share_does_not() {
    let kube = Kube::new(1).await;
    for class in ["managed-csi", "azurefile-csi", "nosuch"] {
        let spec = json!({ "storageClassName": class, "accessModes": ["ReadWriteOnce"], "resources": { "requests": { "storage": "1Gi" } } });
        kube.create("persistentvolumeclaims", &json!({ "metadata": { "name": class }, "spec": spec })).await;
    }
    let phase = |name: &'static str| {
        let kube = &kube;
        async move { kube.object(&format!("persistentvolumeclaims/{name}")).await["status"]["phase"].clone() }
    };
    assert_eq!(
        (phase("managed-csi").await, phase("azurefile-csi").await, phase("nosuch").await),
        (json!("Pending"), json!("Bound"), json!("Pending"))
    );
    let mut pod = nginx(&json!({}));
    pod["metadata"]["name"] = "user".into();
    pod["spec"]["volumes"] = json!([{ "name": "data", "persistentVolumeClaim": { "claimName": "managed-csi" } }]);
    kube.create("pods", &pod).await;
    assert_eq!(phase("managed-csi").await, "Bound");
    let classes = kube.items("/apis/storage.k8s.io/v1/storageclasses").await;
    let names: Vec<_> = classes.iter().filter_map(|class| class["metadata"]["name"].as_str()).collect();
    assert!(["default", "managed-csi-premium", "azurefile-csi"].iter().all(|name| names.contains(name)), "{names:?}");
}

#[tokio::test]
async fn a_daemon_set_has_a_pod_on_every_node_that_takes_one_and_rolls_node_by_node() {
    let kube = Kube::new(3).await;
    kube.create("apps/v1:daemonsets", &set("agent", &json!({}))).await;
    let pods = kube.items("pods").await;
    let mut nodes: Vec<_> = pods.iter().filter_map(|pod| pod["spec"]["nodeName"].as_str().map(str::to_owned)).collect();
    nodes.sort();
    nodes.dedup();
    assert_eq!((pods.len(), nodes.len()), (3, 3));
    let status = kube.object("apps/v1:daemonsets/agent").await["status"].clone();
    assert_eq!((&status["desiredNumberScheduled"], &status["numberReady"]), (&json!(3), &json!(3)), "{status}");
    let node = format!("/api/v1/nodes/{}", nodes[0]);
    kube.merge(&node, &json!({ "spec": { "unschedulable": true } })).await;
    assert_eq!(kube.pod_names().await.len(), 3, "a cordon is tolerated");
    kube.merge(&node, &json!({ "spec": { "unschedulable": null, "taints": [{ "key": "own", "effect": "NoExecute" }] } })).await;
    kube.azlet.advance("1s").await;
    assert_eq!(kube.pod_names().await.len(), 2, "a taint that is not tolerated is not");
    let status = kube.object("apps/v1:daemonsets/agent").await["status"].clone();
    assert_eq!(status["desiredNumberScheduled"], 2, "{status}");
    kube.merge(&node, &json!({ "spec": { "taints": null } })).await;
    assert_eq!(kube.pod_names().await.len(), 3);
    let image = json!({ "spec": { "template": { "spec": { "containers": [{ "name": "nginx", "image": IMAGE }] } } } });
    kube.merge("apps/v1:daemonsets/agent", &image).await;
    let old = kube.items("pods").await.iter().filter(|pod| pod["metadata"]["deletionTimestamp"].is_null()).count();
    assert_eq!(old, 2, "one at a time");
    kube.azlet.advance("10s").await;
    let pods = kube.items("pods").await;
    assert!(pods.len() == 3 && pods.iter().all(|pod| pod["spec"]["containers"][0]["image"] == IMAGE));
    assert_eq!(kube.object("apps/v1:daemonsets/agent").await["status"]["updatedNumberScheduled"], 3);
}

#[tokio::test]
async fn a_job_is_complete_when_enough_pods_succeeded() {
    let kube = Kube::new(1).await;
    kube.create(
        "batch/v1:jobs",
        &job("sum", &["sleep", "5"], &json!({ "completions": 3, "parallelism": 2, "ttlSecondsAfterFinished": 60 })),
    )
    .await;
    let status = kube.object("batch/v1:jobs/sum").await["status"].clone();
    assert_eq!((&status["active"], &status["ready"]), (&json!(2), &json!(2)), "{status}");
    kube.azlet.advance("6s").await;
    let status = kube.object("batch/v1:jobs/sum").await["status"].clone();
    assert_eq!((&status["active"], &status["succeeded"]), (&json!(1), &json!(2)), "{status}");
    kube.azlet.advance("6s").await;
    let done = kube.object("batch/v1:jobs/sum").await;
    assert_eq!(conditions(&done), ["SuccessCriteriaMet True CompletionsReached", "Complete True CompletionsReached"]);
    assert_eq!(kube.pod_names().await.len(), 3);
    let finalizers = kube.items("pods").await.iter().filter(|pod| pod["metadata"].get("finalizers").is_some()).count();
    assert_eq!(finalizers, 0, "pods that are counted may go");
    kube.azlet.advance("60s").await;
    assert_eq!(kube.get("batch/v1:jobs/sum").await.status(), 404, "its time to live has passed");
    assert!(kube.pod_names().await.is_empty());
}

#[tokio::test]
async fn a_job_fails_after_its_limit_of_failures_at_its_deadline_or_by_a_rule() {
    let kube = Kube::new(1).await;
    kube.create("batch/v1:jobs", &job("limit", &["false"], &json!({ "backoffLimit": 2 }))).await;
    kube.azlet.advance("9s").await;
    assert_eq!(kube.object("batch/v1:jobs/limit").await["status"]["failed"], 1, "the next pod waits ten seconds");
    kube.azlet.advance("60s").await;
    let failed = kube.object("batch/v1:jobs/limit").await;
    assert_eq!(failed["status"]["failed"], 3, "{failed}");
    assert_eq!(conditions(&failed), ["FailureTarget True BackoffLimitExceeded", "Failed True BackoffLimitExceeded"]);
    kube.create("batch/v1:jobs", &job("late", &["sleep", "100"], &json!({ "activeDeadlineSeconds": 10 }))).await;
    kube.azlet.advance("11s").await;
    assert_eq!(conditions(&kube.object("batch/v1:jobs/late").await)[1], "Failed True DeadlineExceeded");
    let rule = json!({ "rules": [{ "action": "FailJob", "onExitCodes": { "operator": "In", "values": [1] } }] });
    kube.create("batch/v1:jobs", &job("rule", &["false"], &json!({ "podFailurePolicy": rule }))).await;
    let failed = kube.object("batch/v1:jobs/rule").await;
    assert_eq!(conditions(&failed)[1], "Failed True PodFailurePolicy");
    let message = failed["status"]["conditions"][0]["message"].as_str().unwrap_or("");
    assert!(message.ends_with("failed with exit code 1 matching FailJob rule at index 0"), "{message}");
    let told: Vec<_> = kube.told("Job").await.into_iter().filter(|told| !told.contains("pod: ")).collect();
    let pods = kube.pod_names().await;
    let pod = pods.iter().find(|name| name.starts_with("rule-")).cloned().unwrap_or_default();
    insta::assert_snapshot!("kube_job_failures", told.join("\n").replace(&pod, "[pod]"));
}

#[tokio::test]
async fn an_indexed_job_counts_indexes_and_a_suspended_one_has_no_pods() {
    let kube = Kube::new(1).await;
    let spec = json!({ "completionMode": "Indexed", "completions": 3, "parallelism": 3, "suspend": true });
    kube.create("batch/v1:jobs", &job("parts", &["true"], &spec)).await;
    assert!(kube.pod_names().await.is_empty());
    let suspended = kube.object("batch/v1:jobs/parts").await;
    assert_eq!(conditions(&suspended), ["Suspended True JobSuspended"]);
    assert_eq!(suspended["status"].get("startTime"), None);
    kube.merge("batch/v1:jobs/parts", &json!({ "spec": { "suspend": false } })).await;
    kube.azlet.advance("1s").await;
    let done = kube.object("batch/v1:jobs/parts").await;
    assert_eq!(done["status"]["completedIndexes"], "0-2", "{done}");
    let pods = kube.items("pods").await;
    assert!(pods[0]["metadata"]["name"].as_str().is_some_and(|name| name.starts_with("parts-0-")));
    assert_eq!(pods[2]["metadata"]["annotations"]["batch.kubernetes.io/job-completion-index"], "2");
    assert_eq!(pods[1]["spec"]["hostname"], "parts-1");
}

#[tokio::test]
async fn a_cron_job_starts_a_job_at_each_time_and_keeps_its_history_short() {
    let kube = Kube::new(1).await;
    let template = |command: &[&str]| json!({ "spec": job("x", command, &json!({}))["spec"] });
    let spec = json!({ "schedule": "*/5 * * * *", "successfulJobsHistoryLimit": 2, "jobTemplate": template(&["true"]) });
    kube.create("batch/v1:cronjobs", &json!({ "metadata": { "name": "tidy" }, "spec": spec })).await;
    assert!(kube.items("batch/v1:jobs").await.is_empty());
    kube.azlet.advance("26m").await;
    let jobs = kube.items("batch/v1:jobs").await;
    assert_eq!(jobs.len(), 2, "the last two stay");
    let tidy = kube.object("batch/v1:cronjobs/tidy").await;
    let last: String = tidy["status"]["lastScheduleTime"].as_str().unwrap_or("").to_owned();
    assert!(last.ends_with(":00Z") && tidy["status"].get("active").is_none(), "{tidy}");
    assert_eq!(jobs[1]["metadata"]["annotations"]["batch.kubernetes.io/cronjob-scheduled-timestamp"], last.as_str());
    kube.merge("batch/v1:cronjobs/tidy", &json!({ "spec": { "suspend": true } })).await;
    kube.azlet.advance("1h").await;
    assert_eq!(kube.items("batch/v1:jobs").await.len(), 2, "nothing new while suspended");
    for policy in ["Allow", "Forbid", "Replace"] {
        let spec = json!({ "schedule": "* * * * *", "concurrencyPolicy": policy, "jobTemplate": template(&["sleep", "600"]) });
        let name = policy.to_lowercase();
        kube.create("batch/v1:cronjobs", &json!({ "metadata": { "name": name }, "spec": spec })).await;
    }
    kube.azlet.advance("3m").await;
    let of = |jobs: &[Value], name: &str| jobs.iter().filter(|job| job["metadata"]["ownerReferences"][0]["name"] == name).count();
    let jobs = kube.items("batch/v1:jobs").await;
    assert_eq!((of(&jobs, "allow"), of(&jobs, "forbid"), of(&jobs, "replace")), (3, 1, 1));
    let told = kube.told("CronJob").await;
    assert!(
        told.iter().any(|told| told
            == "Normal JobAlreadyActive: Not starting job because prior execution is running and concurrency policy is Forbid"),
        "{told:?}"
    );
}

#[tokio::test]
async fn many_pods_of_one_deployment_run_behind_one_service() {
    let kube = Kube::new(2).await;
    let ports = json!([{ "port": 80 }]);
    kube.create("services", &json!({ "metadata": { "name": "web" }, "spec": { "selector": { "app": "web" }, "ports": ports } }))
        .await;
    kube.create("apps/v1:deployments", &set("web", &json!({ "replicas": 300 }))).await;
    let status = kube.object("apps/v1:deployments/web").await["status"].clone();
    assert_eq!(status["readyReplicas"], 300, "{status}");
    let slices = kube.items("discovery.k8s.io/v1:endpointslices?labelSelector=kubernetes.io/service-name=web").await;
    let sizes: Vec<_> = slices.iter().map(|slice| slice["endpoints"].as_array().map_or(0, Vec::len)).collect();
    assert_eq!(sizes, [100; 3], "a hundred in each");
}
