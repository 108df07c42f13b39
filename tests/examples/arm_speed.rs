//! How fast ARM answers, as ratios within one run, so that the machine does not matter: against a bare axum handler that returns the
//! same bytes, with 100 and with 100,000 resources in a subscription, and a page of a list against the number of its rows.
//!
//!   cargo run --release -p azlet-tests --example arm_speed

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use azlet::arm::store::Resource;
use azlet::kernel::principal::{Caller, PrincipalKind};
use azlet::kernel::resource_id::ResourceId;
use azlet_tests::{Azlet, SUBSCRIPTION, resource_id};
use serde_json::json;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio_rustls::{TlsAcceptor, TlsConnector};

const HOST: &str = "management.azure.com";
const IDENTITY: &str = "Microsoft.ManagedIdentity/userAssignedIdentities";
/// At least so much of a bare handler's throughput is expected.
const BUDGET: f64 = 0.5;
/// Not more than so much slower may a request be with a thousand times the resources.
const SLACK: f64 = 2.0;

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// A connection that is kept, with one request at a time.
struct Talk {
    stream: Box<dyn Stream>,
    held: Vec<u8>,
}

impl Talk {
    /// Sends a request and reads the whole answer: its head and its body.
    async fn ask(&mut self, request: &[u8]) -> (String, Vec<u8>) {
        self.stream.write_all(request).await.expect("the request goes out");
        self.held.clear();
        loop {
            let read = self.stream.read_buf(&mut self.held).await.expect("an answer");
            assert!(read > 0, "the connection was closed");
            let Some(end) = self.held.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
            let head = String::from_utf8_lossy(&self.held[..end]).into_owned();
            let length = head
                .lines()
                .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length:")?.trim().parse::<usize>().ok())
                .unwrap_or_default();
            while self.held.len() < end + 4 + length {
                assert!(self.stream.read_buf(&mut self.held).await.expect("an answer") > 0);
            }
            return (head, self.held[end + 4..end + 4 + length].to_vec());
        }
    }
}

/// What is measured, and how it is reached.
struct Server {
    port: u16,
    tls: TlsConnector,
    /// Whether the way leads through the emulator's proxy.
    tunnel: bool,
}

impl Server {
    async fn connect(&self) -> Talk {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await.expect("a connection");
        stream.set_nodelay(true).expect("an option");
        if self.tunnel {
            let connect = format!("CONNECT {HOST}:443 HTTP/1.1\r\nHost: {HOST}:443\r\n\r\n");
            stream.write_all(connect.as_bytes()).await.expect("a request");
            let mut answer = [0; 512];
            let read = stream.read(&mut answer).await.expect("an answer");
            assert!(answer[..read].starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer[..read]));
        }
        let name = ServerName::try_from(HOST).expect("a name");
        Talk { stream: Box::new(self.tls.connect(name, stream).await.expect("TLS")), held: Vec::new() }
    }

    /// Requests in a second, over a few connections at once; the best of several rounds, since a machine can only be too slow.
    async fn throughput(&self, request: &str) -> f64 {
        let mut best: f64 = 0.0;
        for _ in 0..ROUNDS {
            let mut running = Vec::new();
            for _ in 0..CONNECTIONS {
                let mut talk = self.connect().await;
                talk.ask(request.as_bytes()).await;
                running.push((talk, request.as_bytes().to_vec()));
            }
            let begun = now();
            let tasks = running.into_iter().map(|(mut talk, request)| {
                tokio::spawn(async move {
                    for _ in 0..REQUESTS {
                        let (head, _) = talk.ask(&request).await;
                        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
                    }
                })
            });
            for task in tasks.collect::<Vec<_>>() {
                task.await.expect("a task that ends");
            }
            best = best.max((CONNECTIONS * REQUESTS) as f64 / begun.elapsed().as_secs_f64());
        }
        best
    }

    /// The shortest time of a request.
    async fn time(&self, request: &str) -> Duration {
        let mut talk = self.connect().await;
        let mut best = Duration::MAX;
        for _ in 0..50 {
            let begun = now();
            talk.ask(request.as_bytes()).await;
            best = best.min(begun.elapsed());
        }
        best
    }
}

const CONNECTIONS: usize = 4;
const REQUESTS: usize = 2000;
const ROUNDS: usize = 5;

#[expect(clippy::disallowed_methods, reason = "what is measured is real time")]
fn now() -> std::time::Instant {
    std::time::Instant::now()
}

/// TLS in front of a handler, as the emulator has it.
struct TlsListener {
    tcp: TcpListener,
    tls: TlsAcceptor,
}

impl axum::serve::Listener for TlsListener {
    type Io = tokio_rustls::server::TlsStream<TcpStream>;
    type Addr = std::net::SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let Ok((stream, peer)) = self.tcp.accept().await else { continue };
            if stream.set_nodelay(true).is_ok()
                && let Ok(stream) = self.tls.accept(stream).await
            {
                return (stream, peer);
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        self.tcp.local_addr()
    }
}

/// A handler that does nothing but answer with this head and body, behind TLS.
async fn bare(head: &str, body: Vec<u8>) -> Server {
    let mut headers = axum::http::HeaderMap::new();
    for line in head.lines().skip(1) {
        let (name, value) = line.split_once(": ").expect("a header");
        if !["content-length", "date"].contains(&name) {
            let name = axum::http::HeaderName::try_from(name).expect("a name");
            headers.append(name, value.parse().expect("a value"));
        }
    }
    let body = axum::body::Bytes::from(body);
    let router = Router::new().fallback(move || {
        let answer = (headers.clone(), body.clone());
        async move { answer }
    });
    let certified = rcgen::generate_simple_self_signed([HOST.to_owned()]).expect("a certificate");
    let key = PrivateKeyDer::try_from(certified.signing_key.serialize_der()).expect("a key");
    let chain = vec![certified.cert.der().clone()];
    let config = ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key).expect("a configuration");
    let tcp = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = tcp.local_addr().expect("an address").port();
    let listener = TlsListener { tcp, tls: TlsAcceptor::from(Arc::new(config)) };
    tokio::spawn(async move { axum::serve(listener, router).await });
    Server { port, tls: trusting(certified.cert.der().clone()), tunnel: false }
}

/// A client's side of TLS that trusts one certificate.
fn trusting(certificate: CertificateDer<'static>) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots.add(certificate).expect("a root");
    TlsConnector::from(Arc::new(ClientConfig::builder().with_root_certificates(roots).with_no_client_auth()))
}

fn plant(azlet: &Azlet, from: usize, to: usize) {
    let world = azlet.world();
    let kind = PrincipalKind::ServicePrincipal;
    let caller = Caller { object_id: uuid::Uuid::nil(), label: "bench".into(), kind, groups: Vec::new() };
    for number in from..to {
        let id = ResourceId::new(&resource_id("rg", &format!("{IDENTITY}/identity{number:06}")));
        let new = Resource::new(id, IDENTITY, &caller, world.clock.now());
        world.arm.put_resource(Resource { location: Some("westus2".into()), ..new });
    }
}

fn report(what: &str, ratio: f64, within: bool) {
    println!("{what:<66} {ratio:6.2}  {}", if within { "within the budget" } else { "OVER the budget" });
}

#[tokio::main]
async fn main() {
    let azlet = Azlet::start().await;
    let token = azlet.token("owner", "https://management.azure.com").await;
    let owner = azlet.owner().await;
    let group = azlet_tests::arm(&format!("/subscriptions/{SUBSCRIPTION}/resourceGroups/rg"), "2024-11-01");
    owner.put(&group, &json!({ "location": "westus2" })).await;
    let certificate = CertificateDer::from_pem_slice(azlet.world().ca_pem.as_bytes()).expect("a certificate");
    let port = azlet.endpoint().rsplit(':').next().and_then(|port| port.trim_end_matches('/').parse().ok()).expect("a port");
    let arm = Server { port, tls: trusting(certificate), tunnel: true };
    let get = |path: &str, version: &str| {
        let separator = if path.contains('?') { '&' } else { '?' };
        format!("GET {path}{separator}api-version={version} HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {token}\r\n\r\n")
    };
    plant(&azlet, 0, 100);
    let one = get(&resource_id("rg", &format!("{IDENTITY}/identity000050")), "2024-11-30");
    let (head, body) = arm.connect().await.ask(one.as_bytes()).await;
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    let bare = bare(&head, body).await;
    println!("ratios of one run; {CONNECTIONS} connections, best of {ROUNDS} rounds of {REQUESTS} requests on each");
    let (of_bare, of_arm) = (bare.throughput(&one).await, arm.throughput(&one).await);
    println!("bare handler {of_bare:.0} requests/s, ARM GET {of_arm:.0} requests/s (both behind TLS)");
    report("ARM GET against a bare handler of the same bytes, throughput", of_arm / of_bare, of_arm / of_bare >= BUDGET);
    let page = |rows: usize| get(&format!("/subscriptions/{SUBSCRIPTION}/providers/{IDENTITY}?$top={rows}"), "2024-11-30");
    let few = (arm.time(&one).await, arm.time(&page(50)).await);
    plant(&azlet, 100, 100_000);
    let many = (arm.time(&one).await, arm.time(&page(50)).await);
    let ratio = |more: Duration, less: Duration| more.as_secs_f64() / less.as_secs_f64();
    report("GET with 100,000 resources against 100, time", ratio(many.0, few.0), ratio(many.0, few.0) <= SLACK);
    report("page of 50 with 100,000 resources against 100, time", ratio(many.1, few.1), ratio(many.1, few.1) <= SLACK);
    let (short, long) = (arm.time(&page(100)).await, arm.time(&page(1000)).await);
    // Ten times the rows, and what a request costs anyway.
    report("page of 1000 rows against one of 100, time", ratio(long, short), ratio(long, short) <= 10.0 * SLACK);
}
