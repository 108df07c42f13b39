//! The proxy and TLS, azlet's own rules: known hosts are served under certificates of its authority, everything else is refused.

use azlet_tests::{ARM, Azlet};
use reqwest::{Client, Proxy};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

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
