//! Accepts connections and finds out what is spoken on them: TLS or HTTP, directly or inside a CONNECT tunnel.

use std::net::SocketAddr;

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, BufReader};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::rustls::server::Acceptor;

use super::malformed::Answering;
use super::serve::Service;

/// The first byte of a TLS record that carries a handshake (RFC 8446, section 5.1).
const TLS_HANDSHAKE: u8 = 0x16;
/// As much is taken from a connection at once. The TLS library asks for 4 KiB at a time, which would be a system call each.
const AHEAD: usize = 64 * 1024;

/// Accepts until told to stop; then every open connection ends too.
pub(super) async fn accept(socket: TcpListener, service: Service, stopped: watch::Receiver<bool>) {
    let mut stop = stopped.clone();
    loop {
        let accepted = tokio::select! {
            accepted = socket.accept() => accepted,
            _ = stop.wait_for(|stopped| *stopped) => return,
        };
        match accepted {
            Ok((stream, peer)) => {
                let _ = stream.set_nodelay(true);
                let (service, mut stop) = (service.clone(), stopped.clone());
                tokio::spawn(async move {
                    tokio::select! {
                        () = converse(stream, peer, None, service) => {}
                        _ = stop.wait_for(|stopped| *stopped) => {}
                    }
                });
            }
            Err(error) => tracing::warn!(%error, "a connection could not be accepted"),
        }
    }
}

/// Serves one stream; `tunnel` is the authority that a CONNECT request named, if it is one.
pub(super) async fn converse<S>(stream: S, peer: SocketAddr, tunnel: Option<String>, service: Service)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut stream = BufReader::with_capacity(AHEAD, stream);
    let first = match stream.fill_buf().await {
        Ok([first, ..]) => *first,
        Ok([]) => return,
        Err(error) => return tracing::debug!(%error, "a connection ended before its first byte"),
    };
    if first != TLS_HANDSHAKE {
        return http(TokioIo::new(stream), service.connection(peer, "http", tunnel)).await;
    }
    let handshake = async {
        let hello = LazyConfigAcceptor::new(Acceptor::default(), stream).await?;
        let tls = service.tls(hello.client_hello().server_name());
        hello.into_stream(tls).await
    };
    match handshake.await {
        Ok(stream) => {
            let connection = service.connection(peer, "https", tunnel);
            if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
                http(TokioIo::new(Answering::new(stream)), connection).await;
            } else {
                http(TokioIo::new(stream), connection).await;
            }
        }
        Err(error) => tracing::debug!(%error, tunnel = tunnel.as_deref(), "a TLS handshake failed"),
    }
}

async fn http<S>(stream: TokioIo<S>, connection: super::serve::Connection)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let builder = auto::Builder::new(TokioExecutor::new());
    if let Err(error) = builder.serve_connection_with_upgrades(stream, connection).await {
        tracing::debug!(%error, "a connection ended early");
    }
}
