//! How fast the registry is, as ratios within one run against Debian's docker-registry: the same client, the same TLS, in turns, with
//! authentication on here and off there. The real registry speaks TLS alone and so does this one; the reference is measured over plain
//! HTTP as well, which says what TLS costs.
//!
//!   cargo run --release -p azlet-tests --example registry_speed -- target/release/azlet

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

const REFERENCE: &str = "docker-registry";
const HOST: &str = "speedregistry.azurecr.io";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const MIB: usize = 1024 * 1024;
/// Connections for small requests; GETs on each in a round, and pushes.
const CONNECTIONS: usize = 8;
const REQUESTS: usize = 250;
const PUSHES: usize = 50;
const ROUNDS: usize = 5;
/// Rounds of what takes long.
const LARGE_ROUNDS: usize = 3;
const LARGE: usize = 256 * MIB;
const MANY: usize = 64;
const ONE_OF_MANY: usize = 16 * MIB;
/// Resident memory after a push of 256 MiB may be this much, in MiB.
const MEMORY: f64 = 48.0;

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

#[expect(clippy::disallowed_methods, reason = "what is measured is real time")]
fn now() -> std::time::Instant {
    std::time::Instant::now()
}

/// A registry that is measured.
struct Server {
    name: &'static str,
    process: Child,
    port: u16,
    tls: Option<TlsConnector>,
    /// The header that opens it, with its line's end; nothing where everyone may do everything.
    authorization: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A connection that is kept, with one request at a time.
struct Talk {
    stream: Box<dyn Stream>,
    held: Vec<u8>,
}

struct Answer {
    status: u16,
    head: usize,
    length: usize,
}

impl Talk {
    /// Sends a request and reads the head of the answer, with what of its body comes along.
    async fn send(&mut self, head: &[u8], body: &[u8]) -> Answer {
        if body.len() <= 16 * 1024 {
            self.stream.write_all(&[head, body].concat()).await.expect("the request goes out");
        } else {
            self.stream.write_all(head).await.expect("the head goes out");
            self.stream.write_all(body).await.expect("the body goes out");
        }
        self.stream.flush().await.expect("the request goes out");
        self.held.clear();
        loop {
            let read = self.stream.read_buf(&mut self.held).await.expect("an answer");
            assert!(read > 0, "the connection was closed");
            if let Some(end) = self.held.windows(4).position(|window| window == b"\r\n\r\n") {
                let status = std::str::from_utf8(&self.held[9..12]).ok().and_then(|text| text.parse().ok()).expect("a status");
                let length = self.header(end, "content-length").map_or(0, |text| text.parse().expect("a length"));
                return Answer { status, head: end + 4, length };
            }
        }
    }

    fn header(&self, end: usize, name: &str) -> Option<&str> {
        let head = std::str::from_utf8(&self.held[..end]).expect("a head is text");
        head.split("\r\n").find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then_some(value.trim())
        })
    }

    /// Reads the rest of a body and keeps it.
    async fn whole(&mut self, answer: &Answer) -> Vec<u8> {
        while self.held.len() < answer.head + answer.length {
            assert!(self.stream.read_buf(&mut self.held).await.expect("a body") > 0);
        }
        self.held[answer.head..answer.head + answer.length].to_vec()
    }

    /// Reads the rest of a body and forgets it.
    async fn skip(&mut self, answer: &Answer) {
        let mut left = answer.length - (self.held.len() - answer.head);
        self.held.resize(256 * 1024, 0);
        while left > 0 {
            let most = left.min(self.held.len());
            let read = self.stream.read(&mut self.held[..most]).await.expect("a body");
            assert!(read > 0, "the body broke off");
            left -= read;
        }
    }
}

/// A client's side of TLS that trusts one certificate.
fn trusting(certificate: CertificateDer<'static>) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots.add(certificate).expect("a root");
    TlsConnector::from(Arc::new(ClientConfig::builder().with_root_certificates(roots).with_no_client_auth()))
}

impl Server {
    async fn connect(&self) -> Talk {
        self.connect_to(HOST).await
    }

    async fn connect_to(&self, host: &'static str) -> Talk {
        for _ in 0..500 {
            if let Ok(stream) = TcpStream::connect(("127.0.0.1", self.port)).await {
                stream.set_nodelay(true).expect("an option");
                // The TLS library reads 4 KiB at a time, which would make the client the slower side.
                let stream = BufReader::with_capacity(64 * 1024, stream);
                let name = ServerName::try_from(host).expect("a name");
                let stream: Box<dyn Stream> = match &self.tls {
                    Some(tls) => Box::new(tls.connect(name, stream).await.expect("TLS")),
                    None => Box::new(stream),
                };
                return Talk { stream, held: Vec::with_capacity(64 * 1024) };
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("{} does not answer", self.name);
    }

    fn head(&self, method: &str, path: &str, length: usize, more: &str) -> Vec<u8> {
        let authorization = &self.authorization;
        format!("{method} {path} HTTP/1.1\r\nHost: {HOST}\r\n{authorization}{more}Content-Length: {length}\r\n\r\n").into_bytes()
    }

    /// Begins an upload and tells where it goes on.
    async fn begin(&self, talk: &mut Talk) -> String {
        let answer = talk.send(&self.head("POST", "/v2/speed/blobs/uploads/", 0, ""), b"").await;
        assert_eq!(answer.status, 202, "{}", self.name);
        let location = talk.header(answer.head - 4, "location").expect("a location");
        // The reference writes it with scheme and host.
        location.find("/v2/").map_or(location, |start| &location[start..]).to_owned()
    }

    /// Pushes as oras does: POST, PUT with everything.
    async fn push(&self, talk: &mut Talk, content: &[u8], digest: &str) {
        let location = self.begin(talk).await;
        let path = format!("{location}&digest={digest}");
        let head = self.head("PUT", &path, content.len(), "Content-Type: application/octet-stream\r\n");
        assert_eq!(talk.send(&head, content).await.status, 201, "{}", self.name);
    }

    /// Pushes as docker does: POST, PATCH with everything, PUT with the digest.
    async fn push_large(&self, talk: &mut Talk, content: &[u8], digest: &str) {
        let location = self.begin(talk).await;
        let head = self.head("PATCH", &location, content.len(), "Content-Type: application/octet-stream\r\n");
        let answer = talk.send(&head, content).await;
        assert_eq!(answer.status, 202, "{}", self.name);
        let location = talk.header(answer.head - 4, "location").expect("a location");
        let location = location.find("/v2/").map_or(location, |start| &location[start..]).to_owned();
        let answer = talk.send(&self.head("PUT", &format!("{location}&digest={digest}"), 0, ""), b"").await;
        assert_eq!(answer.status, 201, "{}", self.name);
    }

    async fn delete(&self, digest: &str) {
        let answer = self.connect().await.send(&self.head("DELETE", &format!("/v2/speed/blobs/{digest}"), 0, ""), b"").await;
        assert_eq!(answer.status, 202, "{}", self.name);
    }

    /// GETs in a second.
    async fn gets(self: &Arc<Self>, path: &str) -> f64 {
        let request = Arc::new(self.head("GET", path, 0, &format!("Accept: {MANIFEST}\r\n")));
        let mut talks = Vec::new();
        for _ in 0..CONNECTIONS {
            talks.push(self.connect().await);
        }
        let begun = now();
        let tasks = talks.into_iter().map(|mut talk| {
            let request = request.clone();
            tokio::spawn(async move {
                for _ in 0..REQUESTS {
                    let answer = talk.send(&request, b"").await;
                    assert_eq!(answer.status, 200);
                    talk.skip(&answer).await;
                }
            })
        });
        all(tasks).await;
        (CONNECTIONS * REQUESTS) as f64 / begun.elapsed().as_secs_f64()
    }

    /// Pushes of blobs of a kibibyte, each another one, in a second.
    async fn pushes(self: &Arc<Self>, round: usize) -> f64 {
        let mut talks = Vec::new();
        for connection in 0..CONNECTIONS {
            let blobs: Vec<_> = (0..PUSHES).map(|number| blob(1024, &format!("{round}/{connection}/{number}"))).collect();
            talks.push((self.connect().await, blobs));
        }
        let begun = now();
        let tasks = talks.into_iter().map(|(mut talk, blobs)| {
            let server = self.clone();
            tokio::spawn(async move {
                for (content, digest) in blobs {
                    server.push(&mut talk, &content, &digest).await;
                }
            })
        });
        all(tasks).await;
        (CONNECTIONS * PUSHES) as f64 / begun.elapsed().as_secs_f64()
    }

    /// Many pushes at once, in MiB a second.
    async fn many(self: &Arc<Self>, round: usize) -> f64 {
        let (content, _) = blob(ONE_OF_MANY, "many");
        let begun = now();
        let tasks = (0..MANY).map(|number| {
            let (server, mut content) = (self.clone(), content.clone());
            tokio::spawn(async move {
                content[..8].copy_from_slice(&((round * MANY + number) as u64).to_be_bytes());
                let digest = sha256(&content);
                server.push_large(&mut server.connect().await, &content, &digest).await;
                digest
            })
        });
        let digests = all(tasks).await;
        let speed = (MANY * ONE_OF_MANY / MIB) as f64 / begun.elapsed().as_secs_f64();
        for digest in digests {
            self.delete(&digest).await;
        }
        speed
    }

    /// What the process holds in memory, in MiB.
    fn resident(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).expect("a process");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a size");
        line.trim_end_matches("kB").trim().parse::<f64>().expect("a number") / 1024.0
    }
}

async fn all<T: Send + 'static>(tasks: impl Iterator<Item = tokio::task::JoinHandle<T>>) -> Vec<T> {
    let mut results = Vec::new();
    for task in tasks.collect::<Vec<_>>() {
        results.push(task.await.expect("a task that ends"));
    }
    results
}

fn sha256(content: &[u8]) -> String {
    let hash = digest(&SHA256, content);
    format!("sha256:{}", hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect::<String>())
}

fn blob(size: usize, name: &str) -> (Vec<u8>, String) {
    let mut content: Vec<u8> = (0..size).map(|at| (at as u32).wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect();
    content[..name.len()].copy_from_slice(name.as_bytes());
    let digest = sha256(&content);
    (content, digest)
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}

fn reference(name: &'static str, folder: &Path, with_tls: bool) -> Server {
    std::fs::create_dir_all(folder.join("data")).expect("a folder");
    let certified = rcgen::generate_simple_self_signed([HOST.to_owned()]).expect("a certificate");
    let (certificate, key) = (folder.join("certificate.pem"), folder.join("key.pem"));
    std::fs::write(&certificate, certified.cert.pem()).expect("a file");
    std::fs::write(&key, certified.signing_key.serialize_pem()).expect("a file");
    let port = free_port();
    // As Debian ships it, without the log of every request.
    let mut config = json!({
        "version": 0.1,
        "log": { "level": "error", "accesslog": { "disabled": true } },
        "storage": {
            "cache": { "blobdescriptor": "inmemory" },
            "filesystem": { "rootdirectory": folder.join("data") },
            "delete": { "enabled": true },
        },
        "http": { "addr": format!("127.0.0.1:{port}"), "headers": { "X-Content-Type-Options": ["nosniff"] } },
        "health": { "storagedriver": { "enabled": true, "interval": "10s", "threshold": 3 } },
    });
    if with_tls {
        config["http"]["tls"] = json!({ "certificate": certificate, "key": key });
    }
    let path = folder.join("config.yml");
    std::fs::write(&path, config.to_string()).expect("a file");
    let process = Command::new(REFERENCE).arg("serve").arg(path).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let tls = with_tls.then(|| trusting(certified.cert.der().clone()));
    Server { name, process: process.expect("the reference starts"), port, tls, authorization: String::new() }
}

/// Starts azlet, makes a registry by ARM, and signs in to it: everything that a client does, once.
async fn azlet(program: &str, state: &Path) -> Server {
    let port = free_port();
    let listen = format!("127.0.0.1:{port}");
    let mut command = Command::new(program);
    command.args(["up", "--listen", &listen, "--state"]).arg(state).stdout(Stdio::null());
    let process = command.spawn().expect("azlet starts");
    while !state.join("running.json").exists() {
        std::thread::sleep(Duration::from_millis(1));
    }
    let certificate = CertificateDer::from_pem_file(state.join("ca.pem")).expect("a certificate");
    let mut server = Server { name: "azlet", process, port, tls: Some(trusting(certificate)), authorization: String::new() };
    let seed: Value = serde_json::from_slice(&std::fs::read(state.join("running.json")).expect("a file")).expect("JSON");
    let text = |value: &Value| value.as_str().unwrap_or_else(|| panic!("no text in {seed}")).to_owned();
    let owner =
        seed["seed"]["principals"].as_array().and_then(|all| all.iter().find(|it| it["name"] == "owner")).expect("an owner");
    let (app, secret) = (text(&owner["appId"]), text(&owner["clientSecret"]));
    let (tenant, subscription) = (text(&seed["seed"]["tenant"]["id"]), text(&seed["seed"]["subscriptions"][0]["id"]));
    let entra = async |resource: &str| {
        let form = format!("grant_type=client_credentials&client_id={app}&client_secret={secret}&scope={resource}/.default");
        let path = format!("/{tenant}/oauth2/v2.0/token");
        text(&ask(&server, "login.microsoftonline.com", "POST", &path, "", Body::Form(form)).await["access_token"])
    };
    let bearer = format!("Authorization: Bearer {}\r\n", entra("https://management.azure.com").await);
    let group = format!("/subscriptions/{subscription}/resourceGroups/speed");
    let registry = format!("{group}/providers/Microsoft.ContainerRegistry/registries/speedregistry?api-version=2023-07-01");
    let location = json!({ "location": "westus2", "sku": { "name": "Premium" } });
    for path in [format!("{group}?api-version=2024-11-01"), registry] {
        ask(&server, "management.azure.com", "PUT", &path, &bearer, Body::Json(location.clone())).await;
    }
    let token = entra("https://containerregistry.azure.net").await;
    let form = format!("grant_type=access_token&service={HOST}&access_token={token}");
    let refresh = text(&ask(&server, HOST, "POST", "/oauth2/exchange", "", Body::Form(form)).await["refresh_token"]);
    let scope = "repository:speed:pull,push,delete";
    let form = format!("grant_type=refresh_token&service={HOST}&scope={scope}&refresh_token={refresh}");
    let access = text(&ask(&server, HOST, "POST", "/oauth2/token", "", Body::Form(form)).await["access_token"]);
    server.authorization = format!("Authorization: Bearer {access}\r\n");
    server
}

enum Body {
    Form(String),
    Json(Value),
}

async fn ask(server: &Server, host: &'static str, method: &str, path: &str, more: &str, body: Body) -> Value {
    let (kind, body) = match body {
        Body::Form(text) => ("application/x-www-form-urlencoded", text),
        Body::Json(value) => ("application/json", value.to_string()),
    };
    let length = body.len();
    let head =
        format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\n{more}Content-Type: {kind}\r\nContent-Length: {length}\r\n\r\n");
    let mut talk = server.connect_to(host).await;
    let answer = talk.send(head.as_bytes(), body.as_bytes()).await;
    let body = talk.whole(&answer).await;
    assert!(answer.status < 300, "{method} {host}{path}: {}", String::from_utf8_lossy(&body));
    serde_json::from_slice(&body).unwrap_or_default()
}

/// Pushes an image of two small blobs, and tells where its manifest and its layer are.
async fn image(server: &Server) -> (String, String) {
    let mut talk = server.connect().await;
    let (layer, layer_digest) = blob(1024, "layer");
    let config = br#"{"architecture":"amd64","os":"linux"}"#;
    server.push(&mut talk, &layer, &layer_digest).await;
    server.push(&mut talk, config, &sha256(config)).await;
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": { "mediaType": "application/vnd.oci.image.config.v1+json", "digest": sha256(config), "size": config.len() },
        "layers": [{ "mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": layer_digest, "size": layer.len() }],
    })
    .to_string();
    let head = server.head("PUT", "/v2/speed/manifests/v1", manifest.len(), &format!("Content-Type: {MANIFEST}\r\n"));
    assert_eq!(talk.send(&head, manifest.as_bytes()).await.status, 201);
    ("/v2/speed/manifests/v1".into(), format!("/v2/speed/blobs/{layer_digest}"))
}

fn median(figures: &[f64]) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

/// Figures of azlet, of the reference, and of the reference without TLS, in turns.
struct Report {
    what: &'static str,
    unit: &'static str,
    bar: Option<f64>,
    figures: [Vec<f64>; 3],
}

impl Report {
    fn new(what: &'static str, unit: &'static str, bar: Option<f64>) -> Self {
        Self { what, unit, bar, figures: [const { Vec::new() }; 3] }
    }

    fn print(&self) {
        let Self { what, unit, bar, .. } = self;
        let [own, reference, plain] = [0, 1, 2].map(|position| median(&self.figures[position]));
        let ratio = own / reference;
        let verdict =
            bar.map_or_else(String::new, |bar| format!(", {} {bar}", if ratio >= bar { "at least" } else { "UNDER THE BAR of" }));
        println!(
            "{what:<28} {own:>8.0} {unit:<5} reference {reference:>7.0}, ratio {ratio:>5.2}{verdict}; without TLS {plain:>7.0}, {:.2}",
            own / plain
        );
    }
}

async fn measure(azlet_program: &str, folder: &Path) {
    let own = Arc::new(azlet(azlet_program, &folder.join("state")).await);
    let tls = Arc::new(reference("docker-registry", &folder.join("tls"), true));
    let plain = Arc::new(reference("docker-registry without TLS", &folder.join("plain"), false));
    let servers = [&own, &tls, &plain];
    let (mut content, _) = blob(LARGE, "large");
    let idle = own.resident();
    let (mut push, mut pull) =
        (Report::new("push of 256 MiB", "MiB/s", Some(2.5)), Report::new("pull of 256 MiB", "MiB/s", Some(1.0)));
    let mut memory = 0.0;
    for round in 0..LARGE_ROUNDS {
        content[..8].copy_from_slice(&(round as u64).to_be_bytes());
        let digest = sha256(&content);
        for (position, server) in servers.iter().enumerate() {
            let mut talk = server.connect().await;
            let begun = now();
            server.push_large(&mut talk, &content, &digest).await;
            push.figures[position].push((LARGE / MIB) as f64 / begun.elapsed().as_secs_f64());
            if position == 0 && round == 0 {
                memory = server.resident();
            }
            let head = server.head("GET", &format!("/v2/speed/blobs/{digest}"), 0, "");
            let begun = now();
            let answer = talk.send(&head, b"").await;
            assert_eq!((answer.status, answer.length), (200, LARGE));
            talk.skip(&answer).await;
            pull.figures[position].push((LARGE / MIB) as f64 / begun.elapsed().as_secs_f64());
            server.delete(&digest).await;
        }
    }
    let mut many = Report::new("64 pushes of 16 MiB at once", "MiB/s", None);
    for (position, server) in servers.iter().enumerate() {
        many.figures[position].push(server.many(position).await);
    }
    let mut manifests = Report::new("GET manifest by tag", "/s", Some(10.0));
    let mut blobs = Report::new("GET blob of 1 KiB", "/s", Some(10.0));
    let mut pushes = Report::new("push of 1 KiB", "/s", Some(4.0));
    let mut paths = (String::new(), String::new());
    for server in servers {
        paths = image(server).await;
    }
    for round in 0..ROUNDS {
        for (position, server) in servers.iter().enumerate() {
            manifests.figures[position].push(server.gets(&paths.0).await);
            blobs.figures[position].push(server.gets(&paths.1).await);
            pushes.figures[position].push(server.pushes(round).await);
        }
    }
    println!("azlet with tokens against docker-registry without, both behind TLS; medians of interleaved rounds");
    for report in [&manifests, &blobs, &pushes, &push, &pull, &many] {
        report.print();
    }
    let verdict = if memory <= MEMORY { "within" } else { "OVER" };
    println!("memory after a push of 256 MiB  {memory:.1} MiB  {verdict} the budget of {MEMORY} MiB; {idle:.1} before it");
    println!("at the end azlet held {:.1} MiB, docker-registry {:.1} MiB", own.resident(), tls.resident());
}

#[tokio::main(worker_threads = 1)]
async fn main() {
    let Some(program) = std::env::args().nth(1) else { panic!("which azlet? name the program's path") };
    if Command::new(REFERENCE).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_err() {
        println!("docker-registry is not installed: the registry's speed is not compared");
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    measure(&program, folder.path()).await;
}
