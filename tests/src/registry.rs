//! A registry for tests: made in the world itself, so that a test of the data plane needs no management plane; talked to over the
//! wire.

use std::sync::Arc;

use azlet::acr::digest::Digest;
use azlet::acr::store::{Registry, Settings};
use azlet::kernel::access::RoleAssignment;
use azlet::kernel::resource_id::ResourceId;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{Actor, Answer, Azlet, resource_id};

/// The host of the registry `reg`.
pub const HOST: &str = "reg.azurecr.io";

/// A path on that host.
pub fn url(path: &str) -> String {
    format!("https://{HOST}{path}")
}

/// The media type of an OCI image manifest.
pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// The media type of an OCI image index.
pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";

impl Azlet {
    /// Makes a registry in the group `rg` of the first subscription.
    pub fn registry(&self, name: &str, settings: Settings) -> Arc<Registry> {
        let id = ResourceId::new(&resource_id("rg", &format!("Microsoft.ContainerRegistry/registries/{name}")));
        self.world().acr.create(id, name, format!("{}.azurecr.io", name.to_lowercase()), "westeurope", settings)
    }

    /// What the content of a registry takes, as its usage figures tell it.
    pub fn registry_size(&self, name: &str) -> u64 {
        let registry = self.world().acr.by_login_server(&format!("{name}.azurecr.io")).expect("a registry");
        registry.size_in_bytes()
    }

    /// The object id of a principal of the seed.
    pub fn object_id(&self, principal: &str) -> Uuid {
        self.world().seed.principal(principal).unwrap_or_else(|| panic!("the seed has no principal {principal}")).object_id
    }

    /// Gives a principal of the seed a built-in role and returns the assignment's name.
    pub fn assign(&self, principal: &str, role: &str, scope: &str) -> Uuid {
        self.assign_to(self.object_id(principal), role, scope)
    }

    /// Gives any principal a built-in role and returns the assignment's name.
    pub fn assign_to(&self, principal_id: Uuid, role: &str, scope: &str) -> Uuid {
        let world = self.world();
        let role = world.access.roles().into_iter().find(|known| known.role_name == role).expect("a built-in role").id;
        let principal = world.directory.principal(principal_id).expect("a principal");
        let (name, now) = (world.ids.uuid(), world.clock.now());
        let to = (principal_id, principal.principal_kind());
        let assignment = RoleAssignment::new(name, ResourceId::new(scope), role, to, (principal_id, now));
        world.access.put_assignment(assignment).expect("no such assignment yet");
        name
    }

    /// Exchanges a principal's Entra token at a registry.
    pub async fn exchange(&self, host: &str, principal: &str) -> Answer {
        let token = self.token(principal, "https://containerregistry.azure.net").await;
        let form = [("grant_type", "access_token"), ("service", host), ("access_token", &token)];
        self.anonymous().post_form(&format!("https://{host}/oauth2/exchange"), &form).await
    }

    /// The refresh token that a principal gets from a registry.
    pub async fn refresh_token(&self, host: &str, principal: &str) -> String {
        let answer = self.exchange(host, principal).await;
        answer.json()["refresh_token"].as_str().unwrap_or_else(|| panic!("no refresh token: {}", answer.golden())).to_owned()
    }

    /// Asks a registry for an access token.
    pub async fn access_token(&self, host: &str, refresh_token: &str, scope: &str) -> Answer {
        let form = [("grant_type", "refresh_token"), ("service", host), ("scope", scope), ("refresh_token", refresh_token)];
        self.anonymous().post_form(&format!("https://{host}/oauth2/token"), &form).await
    }

    /// An actor that holds an access token of a registry.
    pub async fn registry_actor(&self, host: &str, principal: &str, scope: &str) -> Actor {
        let refresh_token = self.refresh_token(host, principal).await;
        let answer = self.access_token(host, &refresh_token, scope).await;
        self.bearer(answer.json()["access_token"].as_str().expect("an access token"))
    }
}

/// Uploads a blob in one request and returns its digest.
pub async fn push_blob(actor: &Actor, host: &str, repository: &str, bytes: &[u8]) -> String {
    let digest = Digest::sha256(bytes).to_string();
    let url = format!("https://{host}/v2/{repository}/blobs/uploads/?digest={digest}");
    let answer = actor.send_bytes(Method::POST, &url, "application/octet-stream", bytes).await;
    assert_eq!(answer.status(), 201, "{}", answer.golden());
    digest
}

/// Puts a manifest.
pub async fn put_manifest(
    actor: &Actor,
    host: &str,
    repository: &str,
    reference: &str,
    media_type: &str,
    value: &Value,
) -> Answer {
    let url = format!("https://{host}/v2/{repository}/manifests/{reference}");
    actor.send_bytes(Method::PUT, &url, media_type, value.to_string()).await
}

/// Pushes a small image under a tag, with `text` in its only layer, and returns its digest.
pub async fn push_image(actor: &Actor, host: &str, repository: &str, tag: &str, text: &str) -> String {
    let manifest = image(actor, host, repository, text).await;
    let answer = put_manifest(actor, host, repository, tag, OCI_MANIFEST, &manifest).await;
    assert_eq!(answer.status(), 201, "{}", answer.golden());
    answer.header("docker-content-digest").expect("a digest").to_owned()
}

/// Pushes the blobs of a small image and returns the manifest that names them.
pub async fn image(actor: &Actor, host: &str, repository: &str, text: &str) -> Value {
    let config = json!({ "architecture": "amd64", "os": "linux", "config": {} }).to_string();
    let config_digest = push_blob(actor, host, repository, config.as_bytes()).await;
    let layer_digest = push_blob(actor, host, repository, text.as_bytes()).await;
    json!({
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": {
            "mediaType": "application/vnd.oci.image.config.v1+json", "digest": config_digest, "size": config.len(),
        },
        "layers": [{
            "mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": layer_digest, "size": text.len(),
        }],
    })
}

/// An answer in one line, for tables: status, what its errors say, and those headers of it that are named.
pub fn outcome(answer: &Answer, headers: &[&str]) -> String {
    let mut line = answer.status().to_string();
    let body: Value = serde_json::from_slice(answer.bytes()).unwrap_or_default();
    for error in body["errors"].as_array().into_iter().flatten() {
        let text = |key: &str| error[key].as_str().unwrap_or_default().to_owned();
        line.push_str(&format!(" {} \"{}\" {}", text("code"), text("message"), error["detail"]));
    }
    for name in headers {
        line.push_str(&format!(" {name}={}", answer.header(name).unwrap_or("-")));
    }
    line
}

/// The OCI Image Specification's empty configuration, `{}`, as a descriptor of some type.
pub fn empty_descriptor(media_type: &str) -> Value {
    json!({ "mediaType": media_type, "digest": Digest::sha256(b"{}").as_str(), "size": 2 })
}
