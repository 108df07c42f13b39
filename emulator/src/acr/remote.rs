//! Pulling from a real registry over the network, for an import: only of a host that the user has named (`--allow-upstream`). Such a
//! registry may send the client on to another host for a token or a blob; no others are contacted. Hosts of the machine itself are
//! asked over HTTP, all others over HTTPS with the system's authorities.
//! Source: OCI Distribution Specification 1.1; CNCF Distribution "Token Authentication" (the challenge, the token request); RFC 9110
//! §11 (`WWW-Authenticate`). Errors: as Azure's import reports them.

use std::future::ready;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures_util::StreamExt as _;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, WWW_AUTHENTICATE};
use reqwest::{Client, Response, StatusCode, Url};
use serde_json::Value;

use super::digest::Digest;
use super::document::{DOCKER_LIST, DOCKER_MANIFEST, Descriptor, Document, OCI_INDEX, OCI_MANIFEST};
use super::image::Image;
use super::import::{Reason, not_found, refusal, too_many};
use super::manifests;
use super::pull::BasicCredential;
use super::received::{self, Received};
use super::store::BlobPool;
use super::{upstream, wire};

/// A server is given this long between two signs of life.
const PATIENCE: Duration = Duration::from_secs(30);
const REDIRECTS: usize = 10;
/// A token answer is never larger than this.
const TOKEN_AT_MOST: usize = 256 * 1024;

/// An image in the network.
#[derive(Clone, Debug)]
pub(super) struct Remote {
    host: String,
    repository: String,
    reference: String,
    credentials: Option<BasicCredential>,
}

impl Remote {
    pub fn new(host: &str, repository: &str, reference: &str, credentials: Option<BasicCredential>) -> Self {
        Self { host: host.to_owned(), repository: repository.to_owned(), reference: reference.to_owned(), credentials }
    }
}

/// Copies an image, its platforms and their blobs; each must have the digest that it is named by.
pub(super) async fn fetch(pool: &Arc<BlobPool>, remote: &Remote, at_most: usize) -> Result<Image, Reason> {
    let mut session = Session::new(remote)?;
    let root = session.manifest(&remote.reference, None).await?;
    let mut image = Image { manifests: vec![Arc::new(root)], blobs: Vec::new() };
    let mut next = 0;
    while let Some(document) = image.manifests.get(next).cloned() {
        next += 1;
        for child in document.children() {
            if image.has(&child.digest) {
                continue;
            }
            if image.manifests.len() >= at_most {
                return Err(too_many());
            }
            let manifest = session.manifest(child.digest.as_str(), Some(&child.digest)).await?;
            image.manifests.push(Arc::new(manifest));
        }
        for descriptor in document.blobs().filter(|it| !it.is_foreign()) {
            if image.blobs.iter().any(|(digest, _)| *digest == descriptor.digest) {
                continue;
            }
            let content = session.blob(pool, descriptor).await?;
            let blob = pool.share(&descriptor.digest, || content.into_blob());
            image.blobs.push((descriptor.digest.clone(), blob));
        }
    }
    Ok(image)
}

struct Session<'a> {
    remote: &'a Remote,
    client: Client,
    base: String,
    /// What opened the last request.
    authorization: Option<String>,
}

impl<'a> Session<'a> {
    fn new(remote: &'a Remote) -> Result<Self, Reason> {
        let client = Client::builder()
            .connect_timeout(PATIENCE)
            .read_timeout(PATIENCE)
            .redirect(reqwest::redirect::Policy::limited(REDIRECTS))
            .user_agent("azlet")
            .build()
            .map_err(|fault| unreachable(&remote.host, &fault))?;
        let server = upstream::profile(&remote.host).server(&remote.host);
        let scheme = if is_own(server) { "http" } else { "https" };
        Ok(Self { remote, client, base: format!("{scheme}://{server}/v2/{}", remote.repository), authorization: None })
    }

    /// Asks, signs in if told to, and asks again.
    async fn get(&mut self, path: &str, accept: Option<&str>) -> Result<Response, Reason> {
        let url = format!("{}/{path}", self.base);
        for attempt in 0..2 {
            let mut request = self.client.get(&url);
            if let Some(accept) = accept {
                request = request.header(ACCEPT, accept);
            }
            if let Some(authorization) = &self.authorization {
                request = request.header(AUTHORIZATION, authorization);
            }
            let response = request.send().await.map_err(|fault| unreachable(&self.remote.host, &fault))?;
            if response.status() != StatusCode::UNAUTHORIZED || attempt > 0 {
                return self.checked(response).await;
            }
            match self.sign_in(&response).await? {
                Some(authorization) => self.authorization = Some(authorization),
                None => return self.checked(response).await,
            }
        }
        Err(("Unauthorized", "Invalid message Unauthorized Unauthorized ".into()))
    }

    /// What is no success, as the import reports it.
    async fn checked(&self, response: Response) -> Result<Response, Reason> {
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let body = limited(response, 16 * 1024).await.unwrap_or_default();
        let body = String::from_utf8_lossy(&body).trim_end().to_owned();
        Err(match status.as_u16() {
            401 | 403 => refusal(status.as_u16(), &body),
            404 => not_found(&self.remote.repository, &self.remote.reference),
            number => {
                let reason = status.canonical_reason().unwrap_or_default();
                let text =
                    format!("An error occurred when getting manifest. StatusCode: {number}, Reason: {reason}, Details: {body}");
                ("InvalidParameters", text)
            }
        })
    }

    /// The `Authorization` that a challenge asks for; `None` if there is nothing to answer it with.
    async fn sign_in(&self, refused: &Response) -> Result<Option<String>, Reason> {
        let challenge = refused.headers().get(WWW_AUTHENTICATE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let (scheme, rest) = challenge.split_once(' ').unwrap_or((challenge, ""));
        let credentials = self.remote.credentials.as_ref();
        if scheme.eq_ignore_ascii_case("basic") {
            return Ok(credentials.map(basic));
        }
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Ok(None);
        }
        let parameters = parameters(rest);
        let parameter = |name: &str| parameters.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        let Some(mut url) = parameter("realm").and_then(|realm| Url::parse(realm).ok()) else { return Ok(None) };
        if url.scheme() != "https" && !url.host_str().is_some_and(is_own) {
            return Ok(None);
        }
        let scope = format!("repository:{}:pull", self.remote.repository);
        url.query_pairs_mut().append_pair("scope", &scope);
        if let Some(service) = parameter("service") {
            url.query_pairs_mut().append_pair("service", service);
        }
        let mut request = self.client.get(url);
        if let Some(credentials) = credentials {
            request = request.header(AUTHORIZATION, basic(credentials));
        }
        let response = request.send().await.map_err(|fault| unreachable(&self.remote.host, &fault))?;
        let body = limited(self.checked(response).await?, TOKEN_AT_MOST).await.unwrap_or_default();
        let answer: Value = serde_json::from_slice(&body).unwrap_or_default();
        let token = answer["token"].as_str().or_else(|| answer["access_token"].as_str());
        Ok(token.map(|token| format!("Bearer {token}")))
    }

    async fn manifest(&mut self, reference: &str, expected: Option<&Digest>) -> Result<Document, Reason> {
        let accept = [OCI_INDEX, OCI_MANIFEST, DOCKER_LIST, DOCKER_MANIFEST].join(", ");
        let response = self.get(&format!("manifests/{reference}"), Some(&accept)).await?;
        let media_type = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let media_type = media_type.map(|text| wire::essence(text).to_owned());
        let told = response.headers().get("docker-content-digest").and_then(|value| value.to_str().ok()).and_then(Digest::parse);
        let bytes =
            limited(response, manifests::LARGEST).await.ok_or_else(|| broken("the manifest is too large or broke off"))?;
        let expected = expected.cloned().or_else(|| Digest::parse(reference)).or(told);
        // The real import wants the header; a registry that leaves it out is known by it.
        let Some(expected) = expected else {
            let text = String::from_utf8_lossy(&bytes);
            return Err(("InvalidParameters", format!("No value specified for Docker-Content-Digest OK OK {text}")));
        };
        if expected.same_algorithm_over([bytes.as_ref()]) != expected {
            return Err(broken(&format!("the manifest does not have the digest {expected}")));
        }
        Document::read(bytes, media_type.as_deref(), expected).map_err(|fault| broken(&fault.to_string()))
    }

    async fn blob(&mut self, pool: &Arc<BlobPool>, descriptor: &Descriptor) -> Result<Received, Reason> {
        let digest = &descriptor.digest;
        let response = self.get(&format!("blobs/{digest}"), None).await.map_err(|reason| match reason.0 {
            "InvalidParameters" => copying(),
            _ => reason,
        })?;
        let mut content = Received::new(&pool.spool);
        content.hash_by(digest);
        // More than was told is not waited for.
        let size = descriptor.size;
        let pieces = response.bytes_stream().scan(0, move |come, piece| {
            let wanted = *come <= size;
            *come += piece.as_ref().map_or(0, |piece| piece.len() as u64);
            ready(wanted.then_some(piece))
        });
        let content = received::receive(Body::from_stream(pieces), content).await.map_err(|_| copying())?;
        if content.size() != descriptor.size {
            return Err(unexpected_length());
        }
        if content.has_digest(digest).unwrap_or(false) { Ok(content) } else { Err(copying()) }
    }
}

fn copying() -> Reason {
    ("InvalidParameters", "Error copying blobs".into())
}

fn unexpected_length() -> Reason {
    ("InvalidParameters", "Unexpected length of body in response".into())
}

fn broken(why: &str) -> Reason {
    ("InvalidParameters", format!("An error occurred when getting manifest. {why}"))
}

/// The innermost cause is what helps: the outer ones repeat the URL.
fn unreachable(host: &str, fault: &reqwest::Error) -> Reason {
    let mut cause: &dyn std::error::Error = fault;
    while let Some(source) = cause.source() {
        cause = source;
    }
    ("InvalidParameters", format!("azlet could not reach {host}: {cause}"))
}

fn basic(credentials: &BasicCredential) -> String {
    use base64::Engine as _;
    let text = format!("{}:{}", credentials.username, credentials.password);
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(text))
}

/// A body of at most so many bytes; `None` if it is larger or breaks off.
async fn limited(mut response: Response, at_most: usize) -> Option<Bytes> {
    let mut bytes = Vec::new();
    while let Some(piece) = response.chunk().await.ok()? {
        bytes.extend_from_slice(&piece);
        if bytes.len() > at_most {
            return None;
        }
    }
    Some(bytes.into())
}

/// Whether a host, perhaps with a port, is the machine itself.
fn is_own(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or(rest),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// The parameters of a challenge: `key="value"` or `key=value`, apart by commas; a quoted value may hold commas and escapes.
fn parameters(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut rest = text.trim_start_matches([' ', ',']);
    while let Some((key, behind)) = rest.split_once('=') {
        let mut value = String::new();
        let mut letters = behind.chars();
        if behind.starts_with('"') {
            letters.next();
            while let Some(letter) = letters.next() {
                match letter {
                    '"' => break,
                    '\\' => value.extend(letters.next()),
                    other => value.push(other),
                }
            }
        } else {
            while let Some(letter) = letters.clone().next().filter(|letter| *letter != ',') {
                value.push(letter);
                letters.next();
            }
        }
        found.push((key.trim().to_ascii_lowercase(), value));
        rest = letters.as_str().trim_start_matches([' ', ',']);
    }
    found
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn challenges_are_read() {
        let read = parameters(r#"realm="https://a/token",service="a, b", scope="repository:x:pull,push",error=invalid_token"#);
        let expected =
            [("realm", "https://a/token"), ("service", "a, b"), ("scope", "repository:x:pull,push"), ("error", "invalid_token")];
        assert_eq!(read, expected.map(|(key, value)| (key.to_owned(), value.to_owned())));
        assert_eq!(parameters(r#"Realm="a\"b""#), [("realm".to_owned(), "a\"b".to_owned())]);
        assert!(parameters("").is_empty() && parameters("nothing").is_empty());
    }

    #[test]
    fn the_machine_itself_is_known() {
        for own in ["localhost", "localhost:5000", "127.0.0.1:80", "[::1]:5000", "127.1.2.3"] {
            assert!(is_own(own), "{own}");
        }
        for other in ["docker.io", "10.0.0.1:5000", "localhost.example", "[2001:db8::1]:5000"] {
            assert!(!is_own(other), "{other}");
        }
    }

    proptest! {
        #[test]
        fn any_challenge_is_read_to_its_end(text in "\\PC*") {
            let _ = parameters(&text);
        }

        #[test]
        fn a_value_in_quotes_comes_out_as_it_went_in(value in "[ -~]*") {
            let quoted = value.replace('\\', "\\\\").replace('"', "\\\"");
            let read = parameters(&format!("a=\"{quoted}\", b=c"));
            prop_assert_eq!(read, [("a".to_owned(), value), ("b".to_owned(), "c".to_owned())]);
        }
    }
}
