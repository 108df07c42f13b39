//! What containers do, told by the annotation `azlet.dev/containers` (docs/CONTAINERS.md) or by their commands, and what the kubelet
//! makes of it. Sources: Kubernetes' documentation of the pod lifecycle, of init and sidecar containers, of probes and of back-offs,
//! and the kubelet's texts (1.34). Times are virtual.

use azlet_tests::{Actor, Answer, Azlet};
use reqwest::Method;
use reqwest::header::{ACCEPT, CONTENT_TYPE};
use serde_json::{Value, json};

const IMAGE: &str = "docker.io/library/nginx:latest";
const TABLE: &str = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";

/// A cluster of one node.
struct Scene {
    azlet: Azlet,
    server: String,
    user: Actor,
}

impl Scene {
    async fn new() -> Self {
        let (azlet, owner) = Azlet::with_group().await;
        let cluster = azlet.cluster(&owner, 1).await;
        Self { azlet, server: cluster.server, user: cluster.user }
    }

    fn at(&self, path: &str) -> String {
        format!("{}/api/v1/namespaces/default/{path}", self.server)
    }

    /// Makes the pod `p` of this specification; `does` is its annotation.
    async fn run(&self, does: Value, spec: Value) {
        let mut spec = spec;
        for list in ["initContainers", "containers"] {
            for container in spec[list].as_array_mut().into_iter().flatten() {
                container["imagePullPolicy"] = "IfNotPresent".into();
                if container["image"].is_null() {
                    container["image"] = IMAGE.into();
                }
            }
        }
        let mut metadata = json!({ "name": "p" });
        if !does.is_null() {
            metadata["annotations"] = json!({ "azlet.dev/containers": does.to_string() });
        }
        let pod = json!({ "apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec });
        let made = self.user.post(&self.at("pods"), &pod).await;
        assert_eq!(made.status(), 201, "{}", made.golden());
    }

    /// The row of `kubectl get pods`, the conditions, the containers.
    async fn show(&self) -> String {
        let request = self.user.request(Method::GET, &self.at("pods/p")).header(ACCEPT, TABLE);
        let table = self.user.send(request).await.json();
        let cells: Vec<&str> = (1..4).filter_map(|cell| table["rows"][0]["cells"][cell].as_str()).collect();
        let pod = self.user.get(&self.at("pods/p")).await.json();
        let uid = pod["metadata"]["uid"].as_str().unwrap_or_default();
        let status = &pod["status"];
        let mut lines = vec![format!("{} | {} {}", cells.join(" "), status["phase"], status["reason"].as_str().unwrap_or(""))];
        for condition in status["conditions"].as_array().into_iter().flatten() {
            let text = |member: &str| condition[member].as_str().unwrap_or_default();
            lines.push(
                format!("  {}={} {} {}", text("type"), text("status"), text("reason"), text("message")).trim_end().to_owned(),
            );
        }
        for list in ["initContainerStatuses", "containerStatuses", "ephemeralContainerStatuses"] {
            for container in status[list].as_array().into_iter().flatten() {
                let (state, last) = (bare(&container["state"]), bare(&container["lastState"]));
                let flags = ["ready", "started"].map(|flag| format!("{flag}={}", container[flag]));
                lines.push(format!(
                    "  {} {} x{} {state} last {last}",
                    container["name"],
                    flags.join(" "),
                    container["restartCount"]
                ));
            }
        }
        lines.join("\n").replace(uid, "UID")
    }

    /// The events of the pod: type, reason, count, message, part.
    async fn events(&self) -> String {
        let events = self.user.get(&self.at("events?fieldSelector=involvedObject.name=p")).await.json();
        let uid = self.user.get(&self.at("pods/p")).await.json()["metadata"]["uid"].as_str().unwrap_or("?").to_owned();
        let mut lines = Vec::new();
        for event in events["items"].as_array().into_iter().flatten().filter(|event| event["reason"] != "Scheduled") {
            let text = |member: &str| event[member].as_str().unwrap_or_default();
            let part = event["involvedObject"]["fieldPath"].as_str().unwrap_or_default();
            lines.push(format!("{} {} x{} {} [{part}]", text("type"), text("reason"), event["count"], text("message")));
        }
        lines.join("\n").replace(&uid, "UID")
    }

    async fn log(&self, query: &str) -> Answer {
        self.user.get(&self.at(&format!("pods/p/log?{query}"))).await
    }
}

/// A state without ids, in one line.
fn bare(state: &Value) -> String {
    let mut state = state.clone();
    if let Some(terminated) = state["terminated"].as_object_mut() {
        terminated.shift_remove("containerID");
    }
    if state["terminated"].is_null() {
        state.as_object_mut().map(|state| state.shift_remove("terminated"));
    }
    state.to_string()
}

#[tokio::test]
async fn a_container_that_fails_backs_off_and_recovers() {
    let scene = Scene::new().await;
    let crash = json!({ "log": "cannot reach the database", "exit": { "after": "2s", "code": 3 } });
    let does = json!({ "app": [crash, crash, crash, { "log": "connected" }] });
    scene.run(does, json!({ "containers": [{ "name": "app" }] })).await;
    let mut story = Vec::new();
    for (wait, what) in [
        ("0s", "begins"),
        ("2s", "restarts at once"),
        ("2s", "backs off"),
        ("9s", "waits"),
        ("1s", "tries again"),
        ("2s", "fails"),
        ("20s", "stays"),
    ] {
        scene.azlet.advance(wait).await;
        story.push(format!("-- {what}\n{}", scene.show().await));
    }
    insta::assert_snapshot!("containers_crash_loop", format!("{}\n\n{}", story.join("\n"), scene.events().await));
    assert_eq!(scene.log("").await.text(), "connected\n");
    assert_eq!(scene.log("previous=true").await.text(), "cannot reach the database\n");
}

#[tokio::test]
async fn jobs_end_well_or_badly_or_for_their_memory() {
    for (name, policy, does, command) in [
        ("completed", "Never", json!(null), json!(["sh", "-c", "echo done"])),
        ("error", "Never", json!(null), json!(["sh", "-c", "echo no >/dev/termination-log; exit 3"])),
        ("on_failure", "OnFailure", json!(null), json!(["false"])),
        ("oom", "Never", json!({ "app": { "exit": { "after": "1s", "oom": true } } }), json!(null)),
        (
            "cannot_start",
            "Never",
            json!({ "app": { "startError": "exec: \"nope\": executable file not found in $PATH" } }),
            json!(null),
        ),
    ] {
        let scene = Scene::new().await;
        let mut container = json!({ "name": "app" });
        if !command.is_null() {
            container["command"] = command;
        }
        scene.run(does, json!({ "restartPolicy": policy, "containers": [container] })).await;
        scene.azlet.advance("1s").await;
        insta::assert_snapshot!(format!("containers_ends_{name}"), scene.show().await);
    }
}

#[tokio::test]
async fn init_containers_and_sidecars_start_in_their_order_and_end_in_the_other() {
    let scene = Scene::new().await;
    let does = json!({
        "migrate": [{ "exit": { "after": "1s", "code": 1 } }, { "exit": { "after": "1s" } }],
        "proxy": { "startup": [{ "passes": false, "output": "not yet" }, { "at": "2s", "passes": true }] },
        "app": { "exit": { "after": "5s" } },
    });
    let probe = json!({ "exec": { "command": ["check"] }, "periodSeconds": 1 });
    let spec = json!({
        "restartPolicy": "OnFailure",
        "initContainers": [{ "name": "migrate" }, { "name": "proxy", "restartPolicy": "Always", "startupProbe": probe }],
        "containers": [{ "name": "app" }],
    });
    scene.run(does, spec).await;
    let mut story = Vec::new();
    for (wait, what) in [
        ("0s", "migrates"),
        ("1s", "fails once"),
        ("1s", "the sidecar starts"),
        ("2s", "all run"),
        ("5s", "the app is done"),
        ("1s", "all are"),
    ] {
        scene.azlet.advance(wait).await;
        story.push(format!("-- {what}\n{}", scene.show().await));
    }
    insta::assert_snapshot!("containers_init_and_sidecar", format!("{}\n\n{}", story.join("\n"), scene.events().await));
}

#[tokio::test]
async fn an_init_container_that_fails_for_good_fails_the_pod() {
    let scene = Scene::new().await;
    let spec = json!({ "restartPolicy": "Never", "initContainers": [{ "name": "setup", "command": ["false"] }], "containers": [{ "name": "app" }] });
    scene.run(json!(null), spec).await;
    insta::assert_snapshot!("containers_init_failed", scene.show().await);
}

#[tokio::test]
async fn readiness_follows_its_probe() {
    let scene = Scene::new().await;
    let does = json!({ "app": { "readiness": [{ "passes": false }, { "at": "12s", "passes": true }, { "at": "40s", "passes": false, "output": "HTTP probe failed with statuscode: 500" }] } });
    let probe = json!({ "httpGet": { "port": 80, "path": "/ready" }, "initialDelaySeconds": 5, "periodSeconds": 5, "failureThreshold": 2 });
    scene.run(does, json!({ "containers": [{ "name": "app", "readinessProbe": probe }] })).await;
    let mut ready = Vec::new();
    for _ in 0..12 {
        let pod = scene.user.get(&scene.at("pods/p")).await.json();
        ready.push(pod["status"]["containerStatuses"][0]["ready"] == true);
        scene.azlet.advance("5s").await;
    }
    let expected = [false, false, false, true, true, true, true, true, true, false, false, false];
    assert_eq!(ready, expected, "ready from the probe at 15 s to the second failure at 45 s");
    insta::assert_snapshot!("containers_readiness", format!("{}\n\n{}", scene.show().await, scene.events().await));
}

#[tokio::test]
async fn a_failed_liveness_probe_restarts_the_container() {
    let scene = Scene::new().await;
    let command = json!(["/bin/sh", "-c", "touch /tmp/healthy; sleep 30; rm -f /tmp/healthy; sleep 600"]);
    let probe = json!({ "exec": { "command": ["cat", "/tmp/healthy"] }, "initialDelaySeconds": 5, "periodSeconds": 5 });
    scene.run(json!(null), json!({ "containers": [{ "name": "app", "command": command, "livenessProbe": probe }] })).await;
    let mut story = Vec::new();
    for wait in ["29s", "10s", "2s"] {
        scene.azlet.advance(wait).await;
        story.push(scene.show().await);
    }
    insta::assert_snapshot!("containers_liveness", format!("{}\n\n{}", story.join("\n"), scene.events().await));
}

#[tokio::test]
async fn what_a_container_needs_and_is_not_there_is_told_and_waited_for() {
    let scene = Scene::new().await;
    let env = json!([{ "name": "A", "valueFrom": { "configMapKeyRef": { "name": "settings", "key": "a" } } }]);
    let container = json!({ "name": "app", "command": ["sh", "-c", "echo $A; cat /etc/tls/key; sleep 60"], "env": env, "volumeMounts": [{ "name": "tls", "mountPath": "/etc/tls" }] });
    scene
        .run(json!(null), json!({ "containers": [container], "volumes": [{ "name": "tls", "secret": { "secretName": "tls" } }] }))
        .await;
    let mut story = vec![scene.show().await];
    let secret = json!({ "metadata": { "name": "tls" }, "stringData": { "key": "secret\n" } });
    assert_eq!(scene.user.post(&scene.at("secrets"), &secret).await.status(), 201);
    story.push(scene.show().await);
    let waiting = scene.log("").await;
    story.push(waiting.text());
    for data in [json!({ "b": "2" }), json!({ "a": "1" })] {
        let map = json!({ "metadata": { "name": "settings" }, "data": data });
        let there = scene.user.post(&scene.at("configmaps"), &map).await.status() == 201;
        assert!(there || scene.user.put(&scene.at("configmaps/settings"), &map).await.status() == 200);
        story.push(scene.show().await);
    }
    insta::assert_snapshot!("containers_configuration", format!("{}\n\n{}", story.join("\n"), scene.events().await));
    assert_eq!(scene.log("").await.text(), "1\nsecret\n");
}

#[tokio::test]
async fn a_deleted_pod_has_its_hook_and_its_grace() {
    let scene = Scene::new().await;
    let spec = json!({ "terminationGracePeriodSeconds": 10, "containers": [{ "name": "app", "lifecycle": { "preStop": { "sleep": { "seconds": 4 } } } }, { "name": "deaf" }] });
    scene.run(json!({ "deaf": { "stop": "ignored" } }), spec).await;
    assert_eq!(scene.user.delete(&scene.at("pods/p")).await.status(), 200);
    let mut story = vec![scene.show().await];
    scene.azlet.advance("5s").await;
    story.push(scene.show().await);
    insta::assert_snapshot!("containers_deleted", format!("{}\n\n{}", story.join("\n"), scene.events().await));
    scene.azlet.advance("5s").await;
    assert_eq!(scene.user.get(&scene.at("pods/p")).await.status(), 404, "killed at the end of the grace");
}

#[tokio::test]
async fn a_pod_beyond_its_deadline_fails() {
    let scene = Scene::new().await;
    scene.run(json!(null), json!({ "activeDeadlineSeconds": 30, "containers": [{ "name": "app" }] })).await;
    scene.azlet.advance("31s").await;
    insta::assert_snapshot!("containers_deadline", format!("{}\n\n{}", scene.show().await, scene.events().await));
}

#[tokio::test]
async fn a_hook_after_the_start_that_fails_ends_the_container() {
    let scene = Scene::new().await;
    let hook = json!({ "postStart": { "exec": { "command": ["sh", "-c", "sleep 2; exit 1"] } } });
    scene.run(json!(null), json!({ "containers": [{ "name": "app", "lifecycle": hook }] })).await;
    let mut story = vec![scene.show().await];
    scene.azlet.advance("5s").await;
    story.push(scene.show().await);
    insta::assert_snapshot!("containers_post_start", format!("{}\n\n{}", story.join("\n"), scene.events().await));
}

#[tokio::test]
async fn a_container_is_added_to_a_pod_that_runs() {
    let scene = Scene::new().await;
    scene.run(json!(null), json!({ "containers": [{ "name": "app" }] })).await;
    let patch = |containers: Value| {
        let body = json!({ "spec": { "ephemeralContainers": containers } }).to_string();
        let request = scene.user.request(Method::PATCH, &scene.at("pods/p/ephemeralcontainers"));
        scene.user.send(request.header(CONTENT_TYPE, "application/strategic-merge-patch+json").body(body))
    };
    let debugger = json!({ "name": "debugger", "image": IMAGE, "command": ["sh", "-c", "echo looking; sleep 60"], "targetContainerName": "app" });
    assert_eq!(patch(json!([debugger])).await.status(), 200);
    insta::assert_snapshot!("containers_ephemeral", format!("{}\n\n{}", scene.show().await, scene.events().await));
    assert_eq!(scene.log("container=debugger").await.text(), "looking\n");
    let wrong = patch(json!([{ "name": "debugger", "image": "busybox" }, { "name": "app", "image": "" }, { "name": "x", "image": "y", "ports": [{ "containerPort": 1 }], "targetContainerName": "z" }])).await;
    insta::assert_snapshot!("containers_ephemeral_refused", wrong.golden());
}

#[tokio::test]
async fn a_mistake_in_the_annotation_is_refused_where_it_is_made() {
    let scene = Scene::new().await;
    let mut refusals = Vec::new();
    for does in [
        "{",
        "[]",
        "{\"app\":{\"exit\":999}}",
        "{\"app\":{\"startdelay\":\"1s\"}}",
        "{\"aap\":{}}",
        "{\"*\":{\"log\":[{\"at\":\"soon\",\"text\":\"x\"}]}}",
    ] {
        let metadata = json!({ "name": "bad", "annotations": { "azlet.dev/containers": does } });
        let pod = json!({ "metadata": metadata, "spec": { "containers": [{ "name": "app", "image": IMAGE }] } });
        let answer = scene.user.post(&scene.at("pods"), &pod).await;
        refusals.push(format!("{} {}", answer.status(), answer.json()["message"].as_str().unwrap_or_default()));
    }
    insta::assert_snapshot!("containers_annotation_refused", refusals.join("\n"));
}

#[tokio::test]
async fn a_log_is_cut_and_refused_as_the_kubelet_does() {
    let scene = Scene::new().await;
    let log = json!(["one", { "at": "10s", "text": "two" }, { "at": "20s", "every": "10s", "times": 2, "text": "tick" }]);
    let does = json!({ "app": { "log": log }, "setup": { "log": "set up", "exit": 0 } });
    scene
        .run(does, json!({ "initContainers": [{ "name": "setup" }], "containers": [{ "name": "app" }, { "name": "other" }] }))
        .await;
    scene.azlet.advance("35s").await;
    let mut answers = Vec::new();
    for query in [
        "",
        "container=nope",
        "container=setup",
        "container=app",
        "container=app&tailLines=2",
        "container=app&tailLines=1&timestamps=true",
        "container=app&sinceSeconds=10",
        "container=app&sinceTime=2026-11-02T08:00:15Z&limitBytes=7",
        "container=app&previous=true",
        "container=app&tailLines=-1&limitBytes=0",
        "container=app&sinceSeconds=0",
        "container=app&sinceSeconds=1&sinceTime=2026-11-02T08:00:15Z",
        "container=app&tailLines=x",
        "container=app&sinceTime=yesterday",
    ] {
        let answer = scene.log(query).await;
        let text = answer.text();
        let said = if answer.status() == 200 { text } else { answer.json()["message"].as_str().unwrap_or_default().to_owned() };
        let said = if query.contains("timestamps") { said.replace(char::is_numeric, "0") } else { said };
        answers.push(format!("?{query}\n{} {}", answer.status(), said.trim_end()));
    }
    insta::assert_snapshot!("containers_logs", answers.join("\n"));
}

#[tokio::test]
async fn a_followed_log_tells_each_line_when_it_comes_and_ends_with_the_container() {
    let scene = Scene::new().await;
    let command = json!(["sh", "-c", "for i in 1 2 3; do echo line $i; sleep 10; done"]);
    scene.run(json!(null), json!({ "restartPolicy": "Never", "containers": [{ "name": "app", "command": command }] })).await;
    let request = scene.user.request(Method::GET, &scene.at("pods/p/log?follow=true&limitBytes=1000"));
    let mut stream = request.send().await.expect("an answer");
    let mut chunks = Vec::new();
    while let Some(chunk) = stream.chunk().await.expect("bytes") {
        if !chunk.is_empty() {
            chunks.push(String::from_utf8_lossy(&chunk).into_owned());
            scene.azlet.advance("10s").await;
        }
    }
    assert_eq!(chunks, ["line 1\n", "line 2\n", "line 3\n"]);
}
