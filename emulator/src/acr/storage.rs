//! The storage behind a registry: where a blob's GET is sent if the world's setting `blobRedirects` is on, as Azure sends every one.
//! The link is signed, holds for twenty minutes and needs no token; a client that sends the registry's token along is refused, as
//! Azure Storage does.
//! Source: answers of Azure Storage recorded behind redirects of the real registry (headers, ranges); Azure Container Registry's
//! documentation of data endpoints; Azure Storage's documented error codes. The redirect itself was never recorded: its body is that
//! of Go's `net/http`, which the registry is written with, and the link's life and path follow what users have reported.

use aws_lc_rs::hmac::{self, HMAC_SHA256};
use axum::http::{Method, StatusCode};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use percent_encoding::{percent_decode_str, utf8_percent_encode};

use super::blobs::{self, Readable};
use super::digest::Digest;
use super::page::IN_QUERY;
use super::store::Registry;
use super::wire::{self, Answer};
use crate::world::World;

/// How long a link holds.
const LIFE: SignedDuration = SignedDuration::from_mins(20);
const VERSION: &str = "2018-03-28";
const SUFFIX: &str = ".blob.core.windows.net";

/// Whether a host is the storage of some registry; none is unless redirects are on.
pub fn serves(world: &World, host: &str) -> bool {
    world.settings.values().blob_redirects && host.ends_with(SUFFIX) && world.acr.any(|registry| account(registry) == host)
}

/// The storage account of a registry's region.
fn account(registry: &Registry) -> String {
    format!("{}managed1{SUFFIX}", registry.location.to_ascii_lowercase().replace(' ', ""))
}

/// Where a blob is to be had: at the registry's own data endpoint, or at the account of its region.
pub(super) fn redirect(world: &World, registry: &Registry, digest: &Digest) -> Answer {
    let own = registry.settings.read().data_endpoints;
    let host = match own {
        true => format!("{}.{}.data.azurecr.io", registry.login_server.trim_end_matches(".azurecr.io"), registry.location),
        false => account(registry),
    };
    let path = path(registry, digest);
    let end = world.clock.now().saturating_add(LIFE).unwrap_or(Timestamp::MAX).strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let encoded = |text: &str| utf8_percent_encode(text, IN_QUERY).to_string();
    let signature = encoded(&signature(world, registry, &path, &end));
    let id = registry.registry_id.simple();
    let url = format!("https://{host}{path}?se={}&sig={signature}&sp=r&spr=https&sr=b&sv={VERSION}&regid={id}", encoded(&end));
    let body = format!("<a href=\"{}\">Temporary Redirect</a>.\n\n", url.replace('&', "&amp;"));
    Answer::text(StatusCode::TEMPORARY_REDIRECT, "text/html; charset=utf-8", body).with("location", &url)
}

fn path(registry: &Registry, digest: &Digest) -> String {
    let (algorithm, hex) = digest.as_str().split_once(':').unwrap_or_default();
    let id = registry.registry_id.simple();
    format!("/{id}//docker/registry/v2/blobs/{algorithm}/{}/{hex}/data", &hex[..2.min(hex.len())])
}

fn signature(world: &World, registry: &Registry, path: &str, end: &str) -> String {
    let secret = world.ids.named(&format!("storage of {}", registry.registry_id));
    let key = hmac::Key::new(HMAC_SHA256, secret.as_bytes());
    STANDARD.encode(hmac::sign(&key, format!("r\n{end}\n{path}\n{VERSION}").as_bytes()))
}

/// A request to storage.
pub(super) struct Asked<'a> {
    pub method: &'a Method,
    pub raw_path: &'a str,
    pub query: &'a [(String, String)],
    pub authorization: Option<&'a str>,
    pub range: Option<&'a str>,
}

/// Whether a request to an endpoint of a registry is one for its storage.
pub(super) fn is_for(raw_path: &str) -> bool {
    raw_path.contains("//docker/registry/v2/blobs/")
}

/// Answers for storage.
pub(super) fn serve(world: &World, asked: &Asked<'_>) -> Response {
    let id = world.ids.uuid().to_string();
    let answer = found(world, asked).unwrap_or_else(|refusal| refusal.answer(&id, world.clock.now()));
    let answer = answer
        .with("server", "Windows-Azure-Blob/1.0 Microsoft-HTTPAPI/2.0")
        .with("x-ms-request-id", &id)
        .with("x-ms-version", VERSION);
    answer.into_response(asked.method)
}

/// Why storage refuses: an error of Azure Storage.
struct Refusal(StatusCode, &'static str, &'static str);

const TOKEN_SENT: Refusal = Refusal(
    StatusCode::BAD_REQUEST,
    "InvalidAuthenticationInfo",
    "Authentication information is not given in the correct format. Check the value of Authorization header.",
);
const NOT_SIGNED: Refusal = Refusal(
    StatusCode::FORBIDDEN,
    "AuthenticationFailed",
    "Server failed to authenticate the request. Make sure the value of Authorization header is formed correctly including the signature.",
);
const READ_ONLY: Refusal = Refusal(
    StatusCode::FORBIDDEN,
    "AuthorizationPermissionMismatch",
    "This request is not authorized to perform this operation using this permission.",
);
const ABSENT: Refusal = Refusal(StatusCode::NOT_FOUND, "BlobNotFound", "The specified blob does not exist.");
const BEHIND_END: Refusal = Refusal(
    StatusCode::RANGE_NOT_SATISFIABLE,
    "InvalidRange",
    "The range specified is invalid for the current size of the resource.",
);

impl Refusal {
    fn answer(&self, id: &str, now: Timestamp) -> Answer {
        let Self(status, code, message) = self;
        let time = super::metadata::time(now);
        let xml = format!(
            "\u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?><Error><Code>{code}</Code><Message>{message}\nRequestId:{id}\nTime:{time}\
             </Message></Error>"
        );
        Answer::text(*status, "application/xml", xml).with("x-ms-error-code", code)
    }
}

fn found(world: &World, asked: &Asked<'_>) -> Result<Answer, Refusal> {
    if asked.authorization.is_some() {
        return Err(TOKEN_SENT);
    }
    let path = percent_decode_str(asked.raw_path).decode_utf8_lossy();
    let parameter = |name| wire::first(asked.query, name).unwrap_or_default();
    let registry = world.acr.find(|it| it.registry_id.simple().to_string() == parameter("regid")).ok_or(NOT_SIGNED)?;
    let end = parameter("se");
    let holds = end.parse::<Timestamp>().is_ok_and(|end| world.clock.now() < end);
    if !holds || parameter("sig") != signature(world, &registry, &path, end) {
        return Err(NOT_SIGNED);
    }
    if !matches!(*asked.method, Method::GET | Method::HEAD) {
        return Err(READ_ONLY);
    }
    let mut parts = path.rsplit('/').skip(1);
    let (hex, _, algorithm) = (parts.next(), parts.next(), parts.next());
    let digest = algorithm.zip(hex).and_then(|(algorithm, hex)| Digest::parse(&format!("{algorithm}:{hex}"))).ok_or(ABSENT)?;
    let (blob, created) = blobs::stored(&registry, &digest).ok_or(ABSENT)?;
    content(&digest, &blob, created, asked.range)
}

/// The bytes, with the headers recorded behind redirects.
fn content(digest: &Digest, blob: &Readable, created: Timestamp, range: Option<&str>) -> Result<Answer, Refusal> {
    let (answer, content_range) = wire::part(blob, blobs::part(range, blob.size())).ok_or(BEHIND_END)?;
    let hex = digest.as_str().rsplit(':').next().unwrap_or_default().to_ascii_uppercase();
    let created = created.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    let headers = [
        ("accept-ranges", "bytes"),
        ("x-ms-lease-status", "unlocked"),
        ("x-ms-lease-state", "available"),
        ("x-ms-blob-type", "AppendBlob"),
        ("x-ms-blob-committed-block-count", "1"),
        ("x-ms-server-encrypted", "true"),
        ("last-modified", &created),
        ("x-ms-creation-time", &created),
    ];
    let answer = headers.into_iter().fold(answer, |answer, (name, value)| answer.with(name, value));
    let answer = answer.with_some("content-range", content_range.as_deref());
    Ok(answer.with("etag", &format!("\"0x8D{}\"", &hex[..13.min(hex.len())])))
}
