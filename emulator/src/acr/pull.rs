//! Pulling as a node does it: containerd's resolver and the kubelet's choice of credentials, against the very functions that
//! serve the wire.
//! Source: containerd (`core/remotes/docker`), the kubelet's image manager, the Azure credential provider for the kubelet.

use std::fmt;

use serde_json::Value;
use uuid::Uuid;

use crate::world::World;

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

/// A pulled image.
#[derive(Clone, Debug)]
pub struct Pulled {
    /// `host/repository@digest`.
    pub image_id: String,
    /// The size of configuration and layers, in bytes.
    pub size: u64,
    /// The image's configuration (OCI image configuration, for linux/amd64).
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
    /// Reads an image name.
    pub fn parse(text: &str) -> Result<Self, InvalidImageName> {
        Err(InvalidImageName(text.into()))
    }
}

/// Pulls an image with, in turn, the given secrets, the kubelet's identity, and nothing.
pub fn pull(
    _world: &World,
    _reference: &Reference,
    _kubelet_identity: Option<Uuid>,
    _secrets: &[BasicCredential],
) -> Result<Pulled, PullFailure> {
    Err(PullFailure("to be built".into()))
}

/// What a check of a cluster's access does: exchanges a token of `identity` for a refresh token of the registry.
pub fn exchange_as(_world: &World, _identity: Uuid, _login_server: &str) -> Result<String, ExchangeRefused> {
    Err(ExchangeRefused { status: 401, body: String::new() })
}
