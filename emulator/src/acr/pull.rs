//! Pulling as a node does it: containerd's resolver and the kubelet's choice of credentials, against the very functions that
//! serve the wire.
//! Source: containerd (`core/remotes/docker`, `reference/docker`), the kubelet's image manager, the Azure credential provider for
//! the kubelet (`acr-credential-provider`).

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use uuid::Uuid;

use super::audit::{self, Done};
use super::auth::{self, ExchangeRequest, Shown};
use super::error::Error;
use super::scope::Scope;
use super::store::Registry;
use super::{blobs, cache, manifests, route, upstream};
use crate::entra::token::Proof;
use crate::world::World;

/// The registry service's own audience.
const AUDIENCE: &str = "https://containerregistry.azure.net";
/// Azure's resolver, which a node asks.
const RESOLVER: &str = "168.63.129.16:53";
/// The address that a node's requests come from, in a firewall's answer.
pub(super) const NODE_ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 224, 0, 4));
/// What Go's `url.QueryEscape` leaves as it is.
const IN_QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// A user name and a password, from an image pull secret.
#[derive(Clone, PartialEq, Eq)]
pub struct BasicCredential {
    /// The user name.
    pub username: String,
    /// The password or token.
    pub password: String,
}

impl fmt::Debug for BasicCredential {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "BasicCredential({})", self.username)
    }
}

/// An image reference as containerd normalises it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// The registry's host, with a port if one is written.
    pub host: String,
    /// The repository.
    pub repository: String,
    /// The tag; `latest` if neither tag nor digest is written.
    pub tag: Option<String>,
    /// The digest.
    pub digest: Option<String>,
}

/// A name that is no image reference.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Failed to apply default image tag \"{0}\": couldn't parse image name \"{0}\": invalid reference format")]
pub struct InvalidImageName(pub String);

/// What a node is, in the words of image indexes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Platform<'a> {
    /// `linux`, `windows`.
    pub os: &'a str,
    /// `amd64`, `arm64`.
    pub architecture: &'a str,
}

impl Platform<'_> {
    /// What most nodes are.
    pub const USUAL: Self = Platform { os: "linux", architecture: "amd64" };
}

/// A pulled image.
#[derive(Clone, Debug)]
pub struct Pulled {
    /// `host/repository@digest`.
    pub image_id: String,
    /// The size of configuration and layers, in bytes.
    pub size: u64,
    /// The image's configuration (OCI image configuration).
    pub config: Value,
}

/// Why a pull failed; the text is what the kubelet puts into its event.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct PullFailure(pub String);

/// An exchange that the registry refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExchangeRefused {
    /// The status.
    pub status: u16,
    /// The body.
    pub body: String,
}

impl Reference {
    /// Reads an image name: `nginx`, `docker.io/library/nginx:latest`, `x.azurecr.io/a/b@sha256:…`.
    pub fn parse(text: &str) -> Result<Self, InvalidImageName> {
        Self::read(text).ok_or_else(|| InvalidImageName(text.to_owned()))
    }

    fn read(text: &str) -> Option<Self> {
        let (name, digest) = text.split_once('@').map_or((text, None), |(name, digest)| (name, Some(digest)));
        // A colon behind the last slash separates the tag; before it, a port.
        let (name, tag) = match name.rsplit_once(':') {
            Some((name, tag)) if !tag.contains('/') => (name, Some(tag)),
            _ => (name, None),
        };
        let (host, path) = match name.split_once('/') {
            Some((first, rest)) if first.contains(['.', ':']) || first == "localhost" => (first, rest),
            _ => ("docker.io", name),
        };
        let host = if host == "index.docker.io" { "docker.io" } else { host };
        let repository = if host == "docker.io" && !path.contains('/') { format!("library/{path}") } else { path.to_owned() };
        let tag = tag.or((digest.is_none()).then_some("latest"));
        let good = is_host(host)
            && route::is_repository(&repository)
            && tag.is_none_or(route::is_tag)
            && digest.is_none_or(route::is_digest);
        good.then(|| Self { host: host.to_owned(), repository, tag: tag.map(str::to_owned), digest: digest.map(str::to_owned) })
    }

    /// What the registry is asked for: the digest if there is one, else the tag.
    pub fn object(&self) -> &str {
        self.digest.as_deref().or(self.tag.as_deref()).unwrap_or("latest")
    }
}

/// Text as Go's `url.QueryEscape` writes it into a URL.
pub(super) fn query_escaped(text: &str) -> String {
    utf8_percent_encode(text, IN_QUERY).to_string()
}

fn is_host(text: &str) -> bool {
    let (name, port) = text.split_once(':').map_or((text, None), |(name, port)| (name, Some(port)));
    let label = |label: &str| {
        let edge = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric());
        edge(label.bytes().next())
            && edge(label.bytes().last())
            && label.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'-')
    };
    name.split('.').all(label) && port.is_none_or(|port| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()))
}

impl fmt::Display for Reference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.host, self.repository)?;
        if let Some(tag) = &self.tag {
            write!(formatter, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(formatter, "@{digest}")?;
        }
        Ok(())
    }
}

/// One way to sign in.
enum Attempt {
    Basic(BasicCredential),
    Anonymous,
}

/// Why one attempt failed.
enum Failed {
    /// The text behind `failed to resolve reference "…": `.
    Resolve(String),
    /// There is no such image.
    NotFound,
    /// It is there, but not for the node's platform.
    NoPlatform,
}

/// Pulls an image with, in turn, the given secrets, the kubelet's identity, and nothing. The first that works counts; if none
/// does, all their errors are told.
pub fn pull(
    world: &World,
    reference: &Reference,
    platform: Platform<'_>,
    kubelet_identity: Option<Uuid>,
    secrets: &[BasicCredential],
) -> Result<Pulled, PullFailure> {
    let mut attempts: Vec<Attempt> = secrets.iter().cloned().map(Attempt::Basic).collect();
    let public = world.acr.public_registry(&reference.host);
    let registry = match public.or_else(|| world.acr.by_login_server(&reference.host)) {
        Some(registry) => registry,
        None => return Err(aggregate(reference, &[Failed::Resolve(no_such_host(reference))])),
    };
    if !registry.public {
        // The provider has something to offer only if the exchange succeeds; otherwise the node is left without credentials.
        let refresh = kubelet_identity.and_then(|identity| exchange_as(world, identity, &registry.login_server).ok());
        attempts.extend(refresh.map(|password| Attempt::Basic(BasicCredential { username: Uuid::nil().to_string(), password })));
    }
    attempts.push(Attempt::Anonymous);
    let mut failures = Vec::new();
    for attempt in &attempts {
        match fetch(world, &registry, reference, platform, attempt) {
            Ok(pulled) => return Ok(pulled),
            Err(failed) => failures.push(failed),
        }
    }
    Err(aggregate(reference, &failures))
}

fn no_such_host(reference: &Reference) -> String {
    let Reference { host, repository, .. } = reference;
    let url = format!("https://{host}/v2/{repository}/manifests/{}", reference.object());
    let name = host.split(':').next().unwrap_or(host);
    format!("failed to do request: Head \"{url}\": dial tcp: lookup {name} on {RESOLVER}: no such host")
}

/// The kubelet's text: one error bare, several in brackets, each once. It takes gRPC's prefix away for unknown errors only.
fn aggregate(reference: &Reference, failures: &[Failed]) -> PullFailure {
    let mut texts: Vec<String> = Vec::new();
    for failed in failures {
        let resolve = format!("failed to resolve reference \"{reference}\": ");
        let (prefix, why) = match failed {
            Failed::Resolve(why) => ("", format!("{resolve}{why}")),
            Failed::NotFound => (NOT_FOUND, format!("{resolve}{reference}: not found")),
            Failed::NoPlatform => (NOT_FOUND, NO_PLATFORM.to_owned()),
        };
        let text = format!("{prefix}failed to pull and unpack image \"{reference}\": {why}");
        if !texts.contains(&text) {
            texts.push(text);
        }
    }
    PullFailure(match texts.as_slice() {
        [only] => only.clone(),
        several => format!("[{}]", several.join(", ")),
    })
}

fn fetch(
    world: &World,
    registry: &Arc<Registry>,
    reference: &Reference,
    platform: Platform<'_>,
    attempt: &Attempt,
) -> Result<Pulled, Failed> {
    let needs = [Scope::repository(&reference.repository, &["pull"])];
    let token = if registry.public { None } else { Some(sign_in(world, registry, &needs, attempt)?) };
    let authorization = token.as_ref().map(|token| format!("Bearer {token}"));
    let mut done = Done {
        operation: "Pull",
        repository: &reference.repository,
        tag: reference.tag.as_deref().unwrap_or_default(),
        digest: reference.digest.as_deref().unwrap_or_default(),
        ..Done::default()
    };
    let tell = |done: &Done<'_>, status| audit::node_pull(world, registry, token.as_deref(), done, status);
    let granted = auth::authorize(world, registry, authorization.as_deref(), &needs, &needs).map_err(|error| {
        tell(&done, error.status.as_u16());
        denied()
    })?;
    if registry.public && !registry.repositories.read().contains_key(&reference.repository) {
        // Some registries do not tell a missing repository from a private one.
        let profile = upstream::profile(&registry.login_server);
        return Err(profile.absent_pull(&reference.repository, reference.object()).map_or(Failed::NotFound, Failed::Resolve));
    }
    cache::fill(world, registry, &reference.repository, reference.object()).map_err(|error| refused(reference, &error))?;
    let read = |object: &str| manifests::read(&granted, &reference.repository, object, &["*/*"]);
    let top = read(reference.object()).map_err(|error| {
        tell(&done, error.status.as_u16());
        refused(reference, &error)
    })?;
    done.digest = top.digest.as_str();
    done.media_type = &top.media_type;
    done.size = u64::try_from(top.bytes.len()).ok();
    tell(&done, 200);
    let read = |object: &str| read(object).map_err(|error| refused(reference, &error));
    let mut document = top.clone();
    if !document.children().is_empty() {
        let fits = |child: &&super::document::Child| {
            child.architecture.as_deref() == Some(platform.architecture) && child.os.as_deref() == Some(platform.os)
        };
        let child = document.children().iter().find(fits).ok_or(Failed::NoPlatform)?;
        document = read(child.digest.as_str())?;
    }
    let config = document.config().ok_or(Failed::NoPlatform)?;
    let (_, readable) =
        blobs::read(&granted, &reference.repository, config.digest.as_str()).map_err(|error| refused(reference, &error))?;
    let config = readable.whole().ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or(Value::Null);
    let size = document.blobs().map(|blob| blob.size).fold(0, u64::saturating_add);
    Ok(Pulled { image_id: format!("{}/{}@{}", reference.host, reference.repository, top.digest), size, config })
}

/// What the kubelet leaves of an error that is not unknown.
const NOT_FOUND: &str = "rpc error: code = NotFound desc = ";
const NO_PLATFORM: &str = "no match for platform in manifest: not found";

fn denied() -> Failed {
    Failed::Resolve(
        "pull access denied, repository does not exist or may require authorization: server message: insufficient_scope: \
         authorization failed"
            .into(),
    )
}

fn refused(reference: &Reference, error: &Error) -> Failed {
    if error.status == axum::http::StatusCode::NOT_FOUND {
        return Failed::NotFound;
    }
    let url = format!("https://{}/v2/{}/manifests/{}", reference.host, reference.repository, reference.object());
    Failed::Resolve(format!("unexpected status from HEAD request to {url}: {}", error.status))
}

/// What containerd's authorizer does upon the challenge: fetches a token, with the credential or without one.
fn sign_in(world: &World, registry: &Registry, needs: &[Scope], attempt: &Attempt) -> Result<String, Failed> {
    let (kind, shown) = match attempt {
        Attempt::Basic(credential) => ("oauth", Shown::Basic(credential.clone())),
        Attempt::Anonymous => ("anonymous", Shown::Nothing),
    };
    let correlation = world.ids.uuid().to_string();
    let result = auth::firewall(registry, NODE_ADDRESS).and_then(|()| auth::token(world, registry, &shown, needs, &correlation));
    let credential = match attempt {
        Attempt::Basic(credential) => Some(credential),
        Attempt::Anonymous => None,
    };
    let status = result.as_ref().map_or_else(|error| error.status.as_u16(), |_| 200);
    audit::node_sign_in(world, registry, credential, status, &correlation);
    result.map_err(|error| {
        let scopes: Vec<String> = needs.iter().map(ToString::to_string).collect();
        let scope = query_escaped(&scopes.join(" "));
        let service = &registry.login_server;
        let url = format!("https://{service}/oauth2/token?scope={scope}&service={service}");
        Failed::Resolve(format!(
            "failed to authorize: failed to fetch {kind} token: unexpected status from GET request to {url}: {}",
            error.status
        ))
    })
}

/// What a node's credential provider, and the check of a cluster's access, do: exchange a token of `identity` for a refresh token
/// of the registry.
pub fn exchange_as(world: &World, identity: Uuid, login_server: &str) -> Result<String, ExchangeRefused> {
    let refused = |error: &Error| ExchangeRefused { status: error.status.as_u16(), body: error.body().trim_end().to_owned() };
    let Some(registry) = world.acr.by_login_server(login_server) else {
        return Err(ExchangeRefused { status: 404, body: format!("the name {login_server} does not resolve") });
    };
    auth::firewall(&registry, NODE_ADDRESS).map_err(|error| refused(&error))?;
    let principal = world.directory.principal(identity).ok_or_else(|| refused(&Error::refused_silently()))?;
    let token = crate::entra::token::issue(world, &principal, AUDIENCE, Proof::ManagedIdentity);
    let tenant = world.directory.tenant.id.to_string();
    let request = ExchangeRequest {
        grant_type: "access_token",
        service: Some(&registry.login_server),
        tenant: Some(&tenant),
        access_token: &token,
    };
    let correlation = world.ids.uuid().to_string();
    let result = auth::exchange(world, &registry, &request, &correlation);
    let status = result.as_ref().map_or_else(|error| error.status.as_u16(), |_| 200);
    audit::node_exchange(world, &registry, &identity.to_string(), status, &correlation);
    result.map_err(|error| refused(&error))
}
