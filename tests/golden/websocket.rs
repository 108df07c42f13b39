//! A WebSocket through the emulator's proxy and TLS, as kubectl opens one.

use std::sync::Arc;

use azlet_tests::{Azlet, authority_pem};
use futures_util::{SinkExt as _, StreamExt as _};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{Error, Message};

/// An open WebSocket.
pub struct WebSocket(WebSocketStream<TlsStream<TcpStream>>);

/// Opens `path` of a server; the server's answer, in one line, if it refuses.
pub async fn open(azlet: &Azlet, server: &str, token: &str, path: &str, protocol: &str) -> Result<WebSocket, String> {
    let host = server.trim_start_matches("https://").split(':').next().expect("a host").to_owned();
    let mut stream = TcpStream::connect(azlet.endpoint().trim_start_matches("http://")).await.expect("it listens");
    stream.write_all(format!("CONNECT {host}:443 HTTP/1.1\r\nHost: {host}:443\r\n\r\n").as_bytes()).await.expect("it reads");
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        answer.push(stream.read_u8().await.expect("an answer"));
    }
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority_pem().as_bytes()).expect("a certificate")).expect("a root");
    let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let name = ServerName::try_from(host.clone()).expect("a name");
    let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.expect("it is trusted");
    let mut request = format!("wss://{host}{path}").into_client_request().expect("a request");
    let headers = request.headers_mut();
    headers.insert("authorization", format!("Bearer {token}").parse().expect("a header"));
    headers.insert("sec-websocket-protocol", protocol.parse().expect("a header"));
    match tokio_tungstenite::client_async(request, stream).await {
        Ok((socket, _)) => Ok(WebSocket(socket)),
        Err(Error::Http(answer)) => {
            let body = String::from_utf8_lossy(answer.body().as_deref().unwrap_or_default()).trim().to_owned();
            Err(format!("{} {body}", answer.status().as_u16()))
        }
        Err(other) => panic!("{other}"),
    }
}

impl WebSocket {
    /// Sends a message.
    pub async fn send(&mut self, message: &[u8]) {
        self.0.send(Message::binary(message.to_vec())).await.expect("it is open");
    }

    /// The next message; nothing if the server has closed.
    pub async fn next(&mut self) -> Option<Vec<u8>> {
        loop {
            match self.0.next().await?.ok()? {
                Message::Binary(bytes) => return Some(bytes.to_vec()),
                Message::Close(_) => return None,
                _ => {}
            }
        }
    }

    /// All that comes until the server closes, by channel: `1 text`, the pieces of a channel that follow each other joined.
    pub async fn rest(mut self) -> String {
        let mut parts: Vec<(u8, Vec<u8>)> = Vec::new();
        while let Some(message) = self.next().await {
            let Some((channel, content)) = message.split_first() else { continue };
            match parts.last_mut() {
                Some((last, before)) if last == channel => before.extend_from_slice(content),
                _ => parts.push((*channel, content.to_vec())),
            }
        }
        parts.iter().map(|(channel, content)| format!("{channel} {}\n", String::from_utf8_lossy(content).trim_end())).collect()
    }
}
