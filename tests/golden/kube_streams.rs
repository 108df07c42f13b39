//! `exec`, `attach`, `portforward`, `proxy` and metrics through the wire. Rule: `v5` and `v4.channel.k8s.io`, the kubelet's and containerd's
//! refusals, SPDY/3.1 inside of a WebSocket, metrics-server.

use azlet::kube::streams::spdy::{Frame, Reader, Writer};
use azlet_tests::{Actor, Azlet};
use serde_json::{Value, json};

use crate::websocket::{self, WebSocket};

const V5: &str = "v5.channel.k8s.io";
const V4: &str = "v4.channel.k8s.io";

struct Server {
    azlet: Azlet,
    url: String,
    user: Actor,
    token: String,
}

impl Server {
    async fn new() -> Self {
        let (azlet, owner) = Azlet::with_group().await;
        let cluster = azlet.cluster(&owner, 1).await;
        let token = azlet.world().kube.by_host(host(&cluster.server)).expect("a cluster").spec().user_token.clone();
        Self { url: cluster.server, user: cluster.user, token, azlet }
    }

    async fn make(&self, path: &str, body: Value) {
        let made = self.user.post(&format!("{}{path}", self.url), &body).await;
        assert_eq!(made.status(), 201, "{}", made.golden());
    }

    async fn pod(&self, name: &str, spec: Value) {
        self.make(
            "/api/v1/namespaces/default/pods",
            json!({ "metadata": { "name": name, "labels": { "app": "a" } }, "spec": spec }),
        )
        .await;
        self.azlet.advance("1s").await;
    }

    async fn nginx(&self) {
        let config = json!({ "metadata": { "name": "config" }, "data": { "colour": "blue", "b.txt": "two\nlines\n" } });
        self.make("/api/v1/namespaces/default/configmaps", config).await;
        let secret = json!({ "metadata": { "name": "hidden" }, "stringData": { "password": "s3cret" } });
        self.make("/api/v1/namespaces/default/secrets", secret).await;
        let container = json!({
            "name": "web", "image": "docker.io/library/nginx:latest",
            "resources": { "requests": { "cpu": "100m", "memory": "64Mi" }, "limits": { "cpu": "1", "memory": "128Mi" } },
            "envFrom": [{ "configMapRef": { "name": "config" }, "prefix": "C_" }],
            "env": [
                { "name": "PASSWORD", "valueFrom": { "secretKeyRef": { "name": "hidden", "key": "password" } } },
                { "name": "POD", "valueFrom": { "fieldRef": { "fieldPath": "metadata.name" } } },
                { "name": "LIMIT", "valueFrom": { "resourceFieldRef": { "resource": "limits.memory", "divisor": "1Mi" } } },
                { "name": "GREETING", "value": "hello $(POD)" },
            ],
            "volumeMounts": [
                { "name": "config", "mountPath": "/etc/config" },
                { "name": "hidden", "mountPath": "/etc/hidden", "readOnly": true },
                { "name": "labels", "mountPath": "/etc/labels" },
                { "name": "cache", "mountPath": "/cache" },
            ],
        });
        let side = json!({ "name": "side", "image": "docker.io/library/nginx:latest", "volumeMounts": [{ "name": "cache", "mountPath": "/data" }] });
        let volumes = json!([
            { "name": "config", "configMap": { "name": "config" } },
            { "name": "hidden", "secret": { "secretName": "hidden" } },
            { "name": "labels", "downwardAPI": { "items": [{ "path": "labels", "fieldRef": { "fieldPath": "metadata.labels" } }] } },
            { "name": "cache", "emptyDir": {} },
        ]);
        self.pod("p", json!({ "containers": [container, side], "volumes": volumes })).await;
    }

    async fn open(&self, path: &str, protocol: &str) -> Result<WebSocket, String> {
        websocket::open(&self.azlet, &self.url, &self.token, &format!("/api/v1/namespaces/default/pods/{path}"), protocol).await
    }

    /// What comes of words in the container `web` of the pod `p`.
    async fn exec(&self, words: &[&str]) -> String {
        let words: String = words.iter().map(|word| format!("&command={}", percent(word))).collect();
        let path = format!("p/exec?container=web&stdout=true&stderr=true{words}");
        self.open(&path, V5).await.expect("it opens").rest().await
    }
}

fn host(url: &str) -> &str {
    url.trim_start_matches("https://").split(':').next().expect("a host")
}

fn percent(word: &str) -> String {
    word.bytes()
        .map(|byte| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

#[tokio::test]
async fn words_run_in_a_container_and_see_what_it_sees() {
    let server = Server::new().await;
    server.nginx().await;
    let mut shown = String::new();
    for words in [
        &["echo", "hello world"][..],
        &["sh", "-c", "env | grep -v KUBERNETES | sort"],
        &["printenv", "KUBERNETES_SERVICE_HOST", "KUBERNETES_PORT_443_TCP"],
        &["cat", "/etc/config/b.txt", "/etc/hidden/password"],
        &["ls", "/etc/config", "/var/run/secrets/kubernetes.io/serviceaccount"],
        &["cat", "/etc/labels/labels", "/var/run/secrets/kubernetes.io/serviceaccount/namespace"],
        &["sh", "-c", "echo kept > /cache/a; echo no > /etc/config/x; cat /nope; exit 3"],
        &["test", "-d", "/cache"],
        &["false"],
        &["sh", "-c", "id; whoami; hostname; pwd; date; nosuch"],
    ] {
        shown.push_str(&format!("$ {}\n{}\n", words.join(" "), server.exec(words).await));
    }
    insta::assert_snapshot!("kube_exec", shown);
    let side =
        server.open("p/exec?container=side&stdout=1&command=cat&command=%2Fdata%2Fa", V4).await.expect("it opens").rest().await;
    assert_eq!(side, "1 kept\n3 {\"metadata\":{},\"status\":\"Success\"}\n", "the volume is shared");
    let token = ["cat", "/var/run/secrets/kubernetes.io/serviceaccount/token"];
    assert_eq!(server.exec(&token).await, server.exec(&token).await, "a token stays until it is time for a new one");
}

#[tokio::test]
async fn what_cannot_run_is_refused_as_the_real_ones_do() {
    let server = Server::new().await;
    server.nginx().await;
    server.pod("waits", json!({ "containers": [{ "name": "c", "image": "nowhere.azurecr.io/a:b" }] })).await;
    let mut shown = String::new();
    for (path, protocol) in [
        ("p/exec?container=web&stdout=1&command=nosuch", V5),
        ("p/exec?container=web&stdout=1&command=%2Fbin%2Fnosuch", V4),
        ("p/exec?stdout=1&command=ls", V5),
        ("p/exec?container=nope&stdout=1&command=ls", V5),
        ("none/exec?stdout=1&command=ls", V5),
        ("waits/exec?stdout=1&command=ls", V5),
        ("waits/exec?stdout=1&command=ls", V4),
        ("waits/attach?stdout=1", V5),
        ("p/exec?container=web&command=ls", V5),
        ("p/exec?container=web&stdout=1", V5),
        ("p/exec?container=web&stdout=1&command=ls", "v3.channel.k8s.io"),
    ] {
        let answer = match server.open(path, protocol).await {
            Ok(socket) => socket.rest().await,
            Err(refused) => refused,
        };
        shown.push_str(&format!("{path} {protocol}\n{}\n\n", hidden(&answer)));
    }
    let plain =
        server.user.get(&format!("{}/api/v1/namespaces/default/pods/p/exec?container=web&stdout=1&command=ls", server.url)).await;
    shown.push_str(&format!("without an upgrade\n{} {}\n", plain.status(), plain.text()));
    insta::assert_snapshot!("kube_exec_refused", shown);
}

/// The ids of processes that never were differ with every identifier that was made before.
fn hidden(text: &str) -> String {
    let word = |c: char| !c.is_ascii_hexdigit();
    let ids: Vec<&str> = text.split(word).filter(|word| word.len() == 64).collect();
    ids.into_iter().fold(text.to_owned(), |text, id| text.replace(id, "<64 hexadecimal digits>"))
}

#[tokio::test]
async fn input_is_read_to_its_end_and_archives_are_put_out() {
    let server = Server::new().await;
    server.nginx().await;
    let mut cat = server.open("p/exec?container=web&stdin=1&stdout=1&command=cat", V5).await.expect("it opens");
    cat.send(b"\0some ").await;
    cat.send(b"\0input").await;
    cat.send(&[255, 0]).await;
    assert_eq!(cat.rest().await, "1 some input\n3 {\"metadata\":{},\"status\":\"Success\"}\n");
    let mut archive = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(5);
    header.set_mode(0o600);
    archive.append_data(&mut header, "in/file", &b"hello"[..]).expect("it is packed");
    let archive = archive.into_inner().expect("it is packed");
    // With v4 nothing tells the end of the input but the archive itself.
    let path = "p/exec?container=web&stdin=1&stdout=1&command=tar&command=-xmf&command=-&command=-C&command=%2Fcache";
    let mut copy = server.open(path, V4).await.expect("it opens");
    for piece in archive.chunks(700) {
        copy.send(&[&[0], piece].concat()).await;
    }
    assert_eq!(copy.rest().await, "3 {\"metadata\":{},\"status\":\"Success\"}\n".replace("3", "1 \n3"));
    assert_eq!(server.exec(&["cat", "/cache/in/file"]).await, "1 hello\n3 {\"metadata\":{},\"status\":\"Success\"}\n");
    let packed = server.exec(&["tar", "cf", "-", "/cache/in/file"]).await;
    assert!(packed.contains("cache/in/file") && packed.contains("hello"), "{packed}");
}

#[tokio::test]
async fn a_shell_talks_over_a_terminal() {
    let server = Server::new().await;
    server.nginx().await;
    let path = "p/exec?container=web&stdin=1&stdout=1&tty=1&command=sh";
    let mut shell = server.open(path, V5).await.expect("it opens");
    shell.send(b"\x04{\"Width\":80,\"Height\":24}").await;
    shell.send(b"\0cd /etc; x=1\rec").await;
    shell.send(b"\0ho $PWD $x\rfor i in a b; do\recho $i; done\rexit 4\r").await;
    insta::assert_snapshot!("kube_exec_terminal", shell.rest().await);
}

#[tokio::test]
async fn time_that_a_command_sleeps_is_the_worlds() {
    let server = Server::new().await;
    server.nginx().await;
    let mut exec = server
        .open("p/exec?container=web&stdout=1&command=sh&command=-c&command=echo+one%3B+sleep+60%3B+date", V5)
        .await
        .expect("it opens");
    assert_eq!(exec.next().await.as_deref(), Some(&b"\x01"[..]));
    assert_eq!(exec.next().await.as_deref(), Some(&b"\x01one\n"[..]));
    server.azlet.advance("60s").await;
    let rest = exec.rest().await;
    assert!(rest.starts_with("1 Mon Nov  2 08:01:"), "{rest}");
}

#[tokio::test]
async fn who_attaches_sees_what_a_container_writes_and_ends_it() {
    let server = Server::new().await;
    let container = json!({ "name": "c", "image": "docker.io/library/nginx:latest", "command": ["sh"], "stdin": true, "stdinOnce": true, "tty": true });
    server.pod("talks", json!({ "containers": [container], "restartPolicy": "Never" })).await;
    let mut attached = server.open("talks/attach?stdin=1&stdout=1&tty=1", V5).await.expect("it opens");
    attached.send(b"\0echo $((6*7))\rexit 5\r").await;
    assert_eq!(attached.rest().await, "1 # echo $((6*7))\r\n42\r\n# exit 5\n3 {\"metadata\":{},\"status\":\"Success\"}\n");
    let ended = server.user.get(&format!("{}/api/v1/namespaces/default/pods/talks", server.url)).await.json();
    assert_eq!(
        (&ended["status"]["phase"], &ended["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"]),
        (&json!("Failed"), &json!(5))
    );
    let once = json!({ "name": "c", "image": "docker.io/library/nginx:latest", "command": ["echo", "said"], "stdin": true, "stdinOnce": true });
    let pod = json!({ "metadata": { "name": "once" }, "spec": { "containers": [once], "restartPolicy": "Never" } });
    server.make("/api/v1/namespaces/default/pods", pod).await;
    let attached = server.open("once/attach?stdin=1&stdout=1", V5).await.expect("it opens");
    assert_eq!(attached.rest().await, "1 said\n3 {\"metadata\":{},\"status\":\"Success\"}\n");
    let ended = server.user.get(&format!("{}/api/v1/namespaces/default/pods/once", server.url)).await.json();
    assert_eq!(ended["status"]["phase"], "Succeeded");
}

#[tokio::test]
async fn ports_are_forwarded_to_what_answers_on_them() {
    let server = Server::new().await;
    server.nginx().await;
    let mut socket = server.open("p/portforward", "SPDY/3.1+portforward.k8s.io").await.expect("it opens");
    let mut writer = Writer::default();
    let headers = |kind: &str, port: &str, request: &str| {
        [("streamtype", kind), ("port", port), ("requestid", request)]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .to_vec()
    };
    let mut reader = Reader::default();
    socket.send(&writer.begin(1, &headers("error", "80", "0"))).await;
    socket.send(&writer.begin(3, &headers("data", "80", "0"))).await;
    socket.send(&Writer::data(3, b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", false)).await;
    let (answer, errors) = streams(&mut socket, &mut reader, 3, 1).await;
    assert!(
        answer.starts_with("HTTP/1.1 200 OK\r\n")
            && answer.contains("server: nginx/1.29.0")
            && answer.contains("Welcome to nginx!"),
        "{answer}"
    );
    assert_eq!(errors, "");
    socket.send(&writer.begin(5, &headers("error", "81", "1"))).await;
    socket.send(&writer.begin(7, &headers("data", "81", "1"))).await;
    let (answer, errors) = streams(&mut socket, &mut reader, 7, 5).await;
    assert_eq!(answer, "");
    assert!(
        errors.starts_with("error forwarding port 81 to pod ")
            && errors.contains("dial tcp4 127.0.0.1:81: connect: connection refused"),
        "{errors}"
    );
    socket.send(&Writer::ping(9)).await;
    reader.push(&socket.next().await.expect("an answer"));
    assert_eq!(reader.frame(), Some(Ok(Frame::Ping(9))));
    socket.send(b"\x80\x02nonsense").await;
    assert_eq!(socket.next().await, None, "what is no SPDY/3.1 ends it");
}

#[tokio::test]
async fn ports_are_forwarded_over_channels_too() {
    let server = Server::new().await;
    server.nginx().await;
    let mut socket = server.open("p/portforward?ports=80,81", V4).await.expect("it opens");
    socket.send(b"\0GET /none HTTP/1.0\r\n\r\n").await;
    let shown = socket.rest().await;
    assert!(
        shown.starts_with("0 P")
            && shown.contains("3 Q\0error forwarding port 81 to pod ")
            && shown.contains("HTTP/1.0 404 Not Found"),
        "{shown}"
    );
    insta::assert_snapshot!(server.open("p/portforward?ports=x", V4).await.err().unwrap_or_default());
}

/// What comes on two streams until both end.
async fn streams(socket: &mut WebSocket, reader: &mut Reader, first: u32, second: u32) -> (String, String) {
    let mut texts = [String::new(), String::new()];
    let mut open = 2;
    while open > 0 {
        while let Some(frame) = reader.frame() {
            if let Frame::Data { stream, content, last } = frame.expect("a frame") {
                let index = usize::from(stream != first);
                assert!(stream == first || stream == second);
                texts[index].push_str(&String::from_utf8_lossy(&content));
                open -= usize::from(last);
            }
        }
        if open > 0 {
            reader.push(&socket.next().await.expect("it is open"));
        }
    }
    let [first, second] = texts;
    (first, second)
}

#[tokio::test]
async fn requests_are_passed_on_to_pods_and_services() {
    let server = Server::new().await;
    server.nginx().await;
    let service = json!({ "metadata": { "name": "s" }, "spec": { "selector": { "app": "a" }, "ports": [{ "name": "http", "port": 8080, "targetPort": 80 }] } });
    server.make("/api/v1/namespaces/default/services", service).await;
    let empty = json!({ "metadata": { "name": "empty" }, "spec": { "selector": { "app": "b" }, "ports": [{ "port": 80 }] } });
    server.make("/api/v1/namespaces/default/services", empty).await;
    let mut shown = String::new();
    for path in [
        "pods/p:80/proxy/",
        "services/s:http/proxy/",
        "services/http:s:8080/proxy/none",
        "services/s:9/proxy/",
        "services/empty/proxy/",
        "pods/none/proxy/",
        "pods/p:81/proxy/",
    ] {
        let answer = server.user.get(&format!("{}/api/v1/namespaces/default/{path}", server.url)).await;
        let body = answer.text();
        shown.push_str(&format!(
            "{path}: {} {}\n",
            answer.status(),
            body.lines().find(|line| line.contains("<h1>")).unwrap_or(body.trim())
        ));
    }
    insta::assert_snapshot!("kube_proxy", shown);
}

#[tokio::test]
async fn usage_is_told() {
    let server = Server::new().await;
    server.nginx().await;
    let at = |path: &str| format!("{}/apis/metrics.k8s.io/v1beta1{path}", server.url);
    insta::assert_snapshot!("kube_metrics_pod", server.user.get(&at("/namespaces/default/pods/p")).await.golden());
    let nodes = server.user.get(&at("/nodes")).await.json();
    assert_eq!((&nodes["kind"], &nodes["items"][0]["usage"]["cpu"]), (&json!("NodeMetricsList"), &json!("151000000n")));
    let none = server.user.get(&at("/namespaces/default/pods?labelSelector=app%3Db")).await.json();
    assert_eq!((&none["kind"], &none["items"]), (&json!("PodMetricsList"), &json!([])));
    assert_eq!(server.user.get(&at("/namespaces/default/pods/none")).await.status(), 404);
    assert_eq!(server.user.post(&at("/nodes"), &json!({})).await.status(), 405);
}
