//! The proxy and TLS, azlet's own rules: known hosts are served under certificates of its authority, everything else is refused.

use std::sync::Arc;

use azlet::acr::store::Settings;
use azlet_tests::{ARM, Azlet, authority_pem};
use reqwest::{Client, Proxy};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// Sends raw bytes and returns what comes back until the other side closes.
async fn raw(azlet: &Azlet, bytes: &str) -> String {
    let mut stream = TcpStream::connect(azlet.endpoint().trim_start_matches("http://")).await.expect("it listens");
    stream.write_all(bytes.as_bytes()).await.expect("it reads");
    stream.shutdown().await.expect("it lets go");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.expect("it answers");
    let text = String::from_utf8_lossy(&answer).into_owned();
    text.lines().filter(|line| !line.starts_with("date:")).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn a_tunnel_to_an_unknown_host_is_refused_with_the_hosts_that_are_served() {
    let azlet = Azlet::start().await;
    insta::assert_snapshot!(raw(&azlet, "CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n").await);
}

#[tokio::test]
async fn an_unknown_host_is_refused_without_a_tunnel_too() {
    let azlet = Azlet::start().await;
    let answer = raw(&azlet, "GET http://example.com/ HTTP/1.1\r\nHost: example.com\r\nConnection: close\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
    assert!(answer.contains("does not serve example.com"), "{answer}");
}

#[tokio::test]
async fn a_registry_that_does_not_exist_has_no_name() {
    let azlet = Azlet::start().await;
    let answer = raw(&azlet, "CONNECT nowhere.azurecr.io:443 HTTP/1.1\r\nHost: nowhere.azurecr.io:443\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
    assert!(answer.contains("nowhere.azurecr.io does not resolve"), "{answer}");
}

#[tokio::test]
async fn azure_is_not_served_without_tls() {
    let azlet = Azlet::start().await;
    let answer = azlet.anonymous().get("http://management.azure.com/subscriptions").await;
    insta::assert_snapshot!(answer.golden());
}

#[tokio::test]
async fn without_the_authority_tls_fails() {
    let azlet = Azlet::start().await;
    let client = Client::builder().proxy(Proxy::all(azlet.endpoint()).expect("a URL")).build().expect("a client");
    let error = client.get(ARM).send().await.expect_err("the certificate is not trusted");
    let chain = format!("{error:?}");
    assert!(chain.contains("UnknownIssuer") || chain.contains("certificate"), "{chain}");
}

#[tokio::test]
async fn garbage_on_the_port_is_no_harm() {
    let azlet = Azlet::start().await;
    for garbage in ["\u{16}\u{3}garbage", "GARBAGE\r\n\r\n", "CONNECT\r\n\r\n", "GET / HTTP/1.1\r\n\r\n", ""] {
        raw(&azlet, garbage).await;
    }
    let health = azlet.anonymous().get(&format!("{}/_azlet/health", azlet.endpoint())).await;
    assert_eq!(health.status(), 200);
}

/// A connection to a host through the proxy, with the protocols that the client offers.
async fn connect(azlet: &Azlet, host: &'static str, protocols: &[&str]) -> TlsStream<TcpStream> {
    let mut stream = TcpStream::connect(azlet.endpoint().trim_start_matches("http://")).await.expect("it listens");
    let request = format!("CONNECT {host}:443 HTTP/1.1\r\nHost: {host}:443\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("it reads");
    let mut opened = Vec::new();
    while !opened.ends_with(b"\r\n\r\n") {
        opened.push(stream.read_u8().await.expect("it answers"));
    }
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority_pem().as_bytes()).expect("a certificate")).expect("an authority");
    let mut config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    let host = ServerName::try_from(host).expect("a name");
    TlsConnector::from(Arc::new(config)).connect(host, stream).await.expect("it is trusted")
}

/// Speaks HTTP/2 with ARM by hand, as no library would send what is malformed.
async fn http2(azlet: &Azlet) -> TlsStream<TcpStream> {
    let mut stream = connect(azlet, "management.azure.com", &["h2"]).await;
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.expect("it reads");
    stream
}

/// Asks for a path and returns the answer's fields, as they are encoded, and its body.
async fn ask(stream: &mut TlsStream<TcpStream>, number: u8, path: &str) -> (Vec<u8>, String) {
    let host = "management.azure.com";
    let mut fields = vec![0x82, 0x87, 0x01, u8::try_from(host.len()).expect("short")];
    fields.extend_from_slice(host.as_bytes());
    fields.extend_from_slice(&[0x04, u8::try_from(path.len()).expect("short")]);
    fields.extend_from_slice(path.as_bytes());
    let mut request = vec![0, 0, u8::try_from(fields.len()).expect("short"), 1, 5, 0, 0, 0, number];
    request.extend_from_slice(&fields);
    stream.write_all(&request).await.expect("it reads");
    let (mut headers, mut body) = (Vec::new(), Vec::new());
    loop {
        let mut frame = [0; 9];
        stream.read_exact(&mut frame).await.expect("a frame");
        let mut payload = vec![0; u32::from_be_bytes([0, frame[0], frame[1], frame[2]]) as usize];
        stream.read_exact(&mut payload).await.expect("a payload");
        match (frame[8], frame[3]) {
            (0, _) => continue,
            (_, 1) => headers = payload,
            (_, 0) => body.extend(payload),
            (stream, kind) => panic!("a frame of type {kind} on stream {stream}: {payload:?}"),
        }
        if frame[4] & 1 == 1 {
            return (headers, String::from_utf8_lossy(&body).into_owned());
        }
    }
}

/// Inferred from `Connection: keep-alive` in recorded answers of registries, which HTTP/2 does not have.
#[tokio::test]
async fn registries_speak_the_first_http_alone() {
    let azlet = Azlet::start().await;
    azlet.registry("reg", Settings::default());
    for (host, protocol) in [("reg.azurecr.io", "http/1.1"), ("management.azure.com", "h2")] {
        let stream = connect(&azlet, host, &["h2", "http/1.1"]).await;
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(protocol.as_bytes()), "{host}");
    }
}

#[tokio::test]
async fn a_raw_space_in_a_path_is_answered_as_azures_front_answers_it() {
    let azlet = Azlet::start().await;
    let filter = "/subscriptions?api-version=2022-12-01&$filter=principalId eq 'x'";
    let mut stream = http2(&azlet).await;
    let (fields, page) = ask(&mut stream, 1, filter).await;
    assert_eq!(fields.first(), Some(&0x8c), ":status 400");
    assert!(String::from_utf8_lossy(&fields).contains("text/html; charset=us-ascii"), "{fields:?}");
    insta::assert_snapshot!("badly_formed", page);
    // The connection lives: an encoded path is understood on it.
    let (_, body) = ask(&mut stream, 3, &filter.replace(' ', "%20")).await;
    assert!(body.contains("AuthenticationFailed"), "{body}");
    let (fields, _) = ask(&mut stream, 5, filter).await;
    assert_eq!(fields.first(), Some(&0x8c), "again");
    let answer =
        raw(&azlet, &format!("GET http://management.azure.com{filter} HTTP/1.1\r\nHost: management.azure.com\r\n\r\n")).await;
    assert!(answer.starts_with("HTTP/1.1 400 Bad Request"), "{answer}");
}
