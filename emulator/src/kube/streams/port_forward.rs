//! `portforward`: connections to ports of a pod in SPDY's streams, which travel in a WebSocket's messages. Each connection is two streams of
//! one `requestid`: `data`, and `error` for what went wrong. Clients without SPDY use channels (`port_channels.rs`). Rule: `apiserver/pkg/util/proxy/streamtunnel.go`,
//! `kubelet/pkg/cri/streaming/portforward` (1.34); the text about a closed port is containerd's.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::Request;
use axum::response::Response;
use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, ReadHalf, WriteHalf};
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Message;

use super::spdy::{Frame, Headers, Reader, Writer};
use super::upgrade::{self, Socket};
use super::{port_channels, sites};
use crate::kernel::ids::HEX;
use crate::kube::error::Error;
use crate::kube::kubelet::inside;
use crate::kube::store::Cluster;
use crate::world::World;

const PROTOCOLS: [&str; 2] = ["SPDY/3.1+portforward.k8s.io", port_channels::PROTOCOL];
/// So many streams may be open at once.
const MOST_STREAMS: usize = 1000;
/// So many pieces may wait for a connection to take them.
const MOST_WAITING: usize = 256;
/// As much travels at once.
const PIECE: usize = 16 * 1024;

/// Serves a client.
pub(super) fn serve(world: Arc<World>, cluster: Arc<Cluster>, pod: Arc<Value>, request: Request) -> Result<Response, Error> {
    if pod["spec"]["nodeName"].as_str().is_none_or(str::is_empty) {
        let name = pod["metadata"]["name"].as_str().unwrap_or_default();
        return Err(Error::bad_request(format!("pod {name} does not have a host assigned")));
    }
    let ports = port_channels::ports(request.uri().query().unwrap_or_default());
    let opening = upgrade::open(request, &PROTOCOLS)?;
    if opening.protocol == port_channels::PROTOCOL {
        let ports = ports?;
        return Ok(opening.serve(move |socket| async move { port_channels::run(&world, &cluster, &pod, &ports, socket).await }));
    }
    Ok(opening.serve(move |socket| async move { Forwarding::new(world, cluster, pod).run(socket).await }))
}

/// What a connection gives: a piece, or with nothing in it its end.
pub(super) type Given = (u32, Bytes);

struct Forwarding {
    world: Arc<World>,
    cluster: Arc<Cluster>,
    pod: Arc<Value>,
    writer: Writer,
    /// The streams for errors, by request.
    errors: HashMap<String, u32>,
    /// Where the data of a stream goes, and which request it is of.
    connections: HashMap<u32, (String, Option<mpsc::Sender<Bytes>>)>,
    given: mpsc::Sender<Given>,
    receiver: mpsc::Receiver<Given>,
}

impl Forwarding {
    fn new(world: Arc<World>, cluster: Arc<Cluster>, pod: Arc<Value>) -> Self {
        let (given, receiver) = mpsc::channel(64);
        let (errors, connections) = (HashMap::new(), HashMap::new());
        Self { world, cluster, pod, writer: Writer::default(), errors, connections, given, receiver }
    }

    async fn run(mut self, mut socket: Socket) {
        let mut reader = Reader::default();
        let mut changes = self.cluster.subscribe();
        loop {
            let frames = tokio::select! {
                message = socket.next() => match message {
                    Some(Ok(Message::Binary(piece))) => {
                        reader.push(&piece);
                        let Some(frames) = self.read(&mut reader) else { break };
                        frames
                    }
                    Some(Ok(Message::Close(_)) | Err(_)) | None => break,
                    Some(Ok(_)) => continue,
                },
                Some((stream, content)) = self.receiver.recv() => self.give(stream, &content),
                changed = changes.changed() => {
                    let gone = changed.is_err() || changes.borrow().closed || inside::address(&self.cluster, &self.pod).is_none();
                    if gone { break }
                    continue;
                }
            };
            for frame in frames {
                if socket.send(Message::binary(frame)).await.is_err() {
                    return;
                }
            }
        }
        let _ = socket.close(None).await;
    }

    /// Acts on what came; nothing if it is no SPDY.
    fn read(&mut self, reader: &mut Reader) -> Option<Vec<Vec<u8>>> {
        let mut answers = Vec::new();
        while let Some(frame) = reader.frame() {
            match frame {
                Ok(Frame::Begin { stream, headers, .. }) => answers.extend(self.begin(stream, &headers)),
                Ok(Frame::Data { stream, content, last }) => answers.extend(self.take(stream, content, last)),
                Ok(Frame::Reset(stream)) => {
                    if let Some((request, _)) = self.connections.remove(&stream) {
                        self.errors.remove(&request);
                    }
                    self.errors.retain(|_, errors| *errors != stream);
                }
                Ok(Frame::Ping(number)) => answers.push(Writer::ping(number)),
                Ok(Frame::GoAway | Frame::Other) => {}
                Err(malformed) => {
                    tracing::debug!(%malformed, "a port forwarding ends");
                    return None;
                }
            }
        }
        Some(answers)
    }

    /// A stream begins: the one for errors, or a connection.
    fn begin(&mut self, stream: u32, headers: &Headers) -> Vec<Vec<u8>> {
        let header = |name: &str| headers.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value.as_str());
        let request = header("requestid").to_owned();
        let port = header("port").parse::<u16>().ok().filter(|port| *port > 0);
        let (Some(port), true) = (port, self.connections.len() + self.errors.len() < MOST_STREAMS) else {
            return vec![Writer::reset(stream, 3)];
        };
        let reply = self.writer.reply(stream);
        match header("streamtype") {
            "error" => {
                self.errors.insert(request, stream);
                vec![reply]
            }
            "data" => {
                let mut frames = vec![reply];
                match sites::at(&self.cluster, &self.pod, port) {
                    Some(site) => self.connect(stream, request, site),
                    None => {
                        if let Some(errors) = self.errors.remove(&request) {
                            frames.push(Writer::data(errors, refused(&self.world, &self.pod, port).as_bytes(), true));
                        }
                        frames.push(Writer::data(stream, b"", true));
                    }
                }
                frames
            }
            _ => vec![Writer::reset(stream, 3)],
        }
    }

    /// Connects a stream with what answers.
    fn connect(&mut self, stream: u32, request: String, site: sites::Site) {
        let sender = connect(stream, site, self.given.clone());
        self.connections.insert(stream, (request, Some(sender)));
    }

    /// Data for a connection. One that takes nothing for long is given up.
    fn take(&mut self, stream: u32, content: Bytes, last: bool) -> Option<Vec<u8>> {
        let (_, connection) = self.connections.get_mut(&stream)?;
        let full = connection.as_ref().is_some_and(|to| matches!(to.try_send(content), Err(mpsc::error::TrySendError::Full(_))));
        if last || full {
            *connection = None;
        }
        full.then(|| Writer::reset(stream, 5))
    }

    /// Data of a connection; at its end its stream of errors ends too.
    fn give(&mut self, stream: u32, content: &[u8]) -> Vec<Vec<u8>> {
        if !self.connections.contains_key(&stream) {
            return Vec::new();
        }
        if !content.is_empty() {
            return vec![Writer::data(stream, content, false)];
        }
        let mut frames = vec![Writer::data(stream, b"", true)];
        if let Some((request, _)) = self.connections.remove(&stream)
            && let Some(errors) = self.errors.remove(&request)
        {
            frames.push(Writer::data(errors, b"", true));
        }
        frames
    }
}

/// What containerd says of a closed port.
pub(super) fn refused(world: &World, pod: &Value, port: u16) -> String {
    let uid = pod["metadata"]["uid"].as_str().unwrap_or_default();
    let sandbox = world.ids.named_text(&format!("sandbox of {uid}"), 64, HEX);
    let network = world.ids.named_text(&format!("network of {uid}"), 32, HEX);
    let parts =
        [(0, 8), (8, 12), (12, 16), (16, 20), (20, 32)].map(|(from, to)| network.get(from..to).unwrap_or_default().to_owned());
    format!(
        "error forwarding port {port} to pod {sandbox}, uid : failed to execute portforward in network namespace \
         \"/var/run/netns/cni-{}\": failed to connect to localhost:{port} inside namespace \"{sandbox}\", IPv4: dial tcp4 \
         127.0.0.1:{port}: connect: connection refused IPv6 dial tcp6: address localhost: no suitable address found ",
        parts.join("-")
    )
}

/// Connects with what answers: what is sent goes to it, what it gives comes under this number.
pub(super) fn connect(stream: u32, site: sites::Site, given: mpsc::Sender<Given>) -> mpsc::Sender<Bytes> {
    let (ours, theirs) = tokio::io::duplex(PIECE);
    let (from, to) = tokio::io::split(ours);
    let (sender, taken) = mpsc::channel(MOST_WAITING);
    tokio::spawn(pass_on(taken, to));
    tokio::spawn(async move {
        let answer = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
            let answer = site.answer(request.method(), request.uri().path());
            async move { Ok::<_, std::convert::Infallible>(answer) }
        });
        if let Err(error) = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(theirs), answer).await {
            tracing::debug!(%error, "a forwarded connection ended early");
        }
    });
    tokio::spawn(pump(stream, from, given));
    sender
}

/// Passes on what a client says.
async fn pass_on(mut taken: mpsc::Receiver<Bytes>, mut to: WriteHalf<DuplexStream>) {
    while let Some(content) = taken.recv().await {
        if to.write_all(&content).await.is_err() {
            return;
        }
    }
    let _ = to.shutdown().await;
}

/// Passes on what a connection gives.
async fn pump(stream: u32, mut from: ReadHalf<DuplexStream>, given: mpsc::Sender<Given>) {
    let mut buffer = vec![0; PIECE];
    loop {
        let read = from.read(&mut buffer).await.unwrap_or(0);
        if given.send((stream, Bytes::copy_from_slice(&buffer[..read]))).await.is_err() || read == 0 {
            return;
        }
    }
}
