//! The opening of a WebSocket (RFC 6455, section 4.2) on a request of HTTP/1.1, with the sub-protocol that both sides know.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName, StatusCode, header};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use crate::kube::error::Error;

/// An open WebSocket.
pub type Socket = WebSocketStream<TokioIo<Upgraded>>;

/// What is hashed with the client's key (RFC 6455, section 1.3).
const KEY_SUFFIX: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
/// As large may a message of a client be.
const LARGEST_MESSAGE: usize = 4 * 1024 * 1024;

/// An accepted opening: the answer, and the connection that follows it.
pub struct Opening {
    /// The sub-protocol.
    pub protocol: &'static str,
    key: String,
    connection: OnUpgrade,
}

fn words<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(',')).map(str::trim)
}

/// Whether a request asks for another protocol on its connection, and which.
fn asked_for(headers: &HeaderMap) -> Option<String> {
    let upgrades = words(headers, &header::CONNECTION).any(|word| word.eq_ignore_ascii_case("upgrade"));
    words(headers, &header::UPGRADE).next().filter(|_| upgrades).map(str::to_ascii_lowercase)
}

/// Whether a request opens a WebSocket.
pub fn is_websocket(headers: &HeaderMap) -> bool {
    asked_for(headers).as_deref() == Some("websocket")
}

/// Takes the opening of a WebSocket with one of these sub-protocols, the client's favourite.
pub fn open(request: Request, known: &[&'static str]) -> Result<Opening, Error> {
    let headers = request.headers();
    match asked_for(headers).as_deref() {
        Some("websocket") => {}
        None => return Err(Error::bad_request("Upgrade request required")),
        Some(_) => {
            return Err(Error::not_implemented("SPDY/3.1; ask by WebSocket, as kubectl does from 1.31 on"));
        }
    }
    let offered: Vec<&str> = words(headers, &header::SEC_WEBSOCKET_PROTOCOL).collect();
    let protocol = offered.iter().find_map(|offered| known.iter().find(|known| *known == offered)).copied();
    let Some(protocol) = protocol else {
        let offered = if offered.is_empty() { "no sub-protocol".to_owned() } else { offered.join(", ") };
        let message = format!("the sub-protocols {} over WebSocket; asked for: {offered}", known.join(" and "));
        return Err(Error::bad_request(format!("azlet speaks only {message}")));
    };
    let key = headers.get(header::SEC_WEBSOCKET_KEY).and_then(|key| key.to_str().ok()).map(str::to_owned);
    let version = headers.get(header::SEC_WEBSOCKET_VERSION).is_some_and(|version| version == "13");
    let Some(key) = key.filter(|_| version) else {
        return Err(Error::bad_request("a WebSocket opens with Sec-WebSocket-Version: 13 and Sec-WebSocket-Key"));
    };
    Ok(Opening { protocol, key, connection: hyper::upgrade::on(request) })
}

impl Opening {
    /// The answer; when it is sent, `serve` has the connection.
    pub fn serve<Serving>(self, serve: impl FnOnce(Socket) -> Serving + Send + 'static) -> Response
    where
        Serving: Future<Output = ()> + Send,
    {
        let accept = STANDARD.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, format!("{}{KEY_SUFFIX}", self.key).as_bytes()));
        let connection = self.connection;
        tokio::spawn(async move {
            match connection.await {
                Ok(upgraded) => {
                    let config =
                        WebSocketConfig::default().max_message_size(Some(LARGEST_MESSAGE)).max_frame_size(Some(LARGEST_MESSAGE));
                    serve(WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, Some(config)).await).await;
                }
                Err(error) => tracing::debug!(%error, "a WebSocket was not opened"),
            }
        });
        let answer = Response::builder()
            .status(StatusCode::SWITCHING_PROTOCOLS)
            .header(header::UPGRADE, "websocket")
            .header(header::CONNECTION, "Upgrade")
            .header(header::SEC_WEBSOCKET_ACCEPT, accept)
            .header(header::SEC_WEBSOCKET_PROTOCOL, self.protocol);
        answer.body(Body::empty()).unwrap_or_default()
    }
}
