//! A manifest as a document: its bytes exactly as pushed, and the facts that are read from them once.
//! Source: OCI Image Specification 1.1 (image manifest, image index), Docker Image Manifest V2 Schema 2.

use bytes::Bytes;
use serde_json::Value;

use super::digest::Digest;

/// OCI image manifest.
pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// OCI image index.
pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// OCI artifact manifest: withdrawn from the specification, still accepted by the real registry.
pub const OCI_ARTIFACT: &str = "application/vnd.oci.artifact.manifest.v1+json";
/// Docker image manifest.
pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
/// Docker manifest list.
pub const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";

/// A manifest and what it says.
#[derive(Debug)]
pub struct Document {
    /// The digest of the bytes.
    pub digest: Digest,
    /// The bytes as pushed.
    pub bytes: Bytes,
    /// The media type that it was pushed with.
    pub media_type: String,
    /// What an index lists, or an image is made of.
    pub parts: Parts,
    /// The manifest that this one refers to, which need not exist.
    pub subject: Option<Digest>,
    /// `artifactType`, or else the configuration's media type: what referrers are filtered by.
    pub artifact_type: Option<String>,
    /// `annotations`, an object.
    pub annotations: Option<Value>,
}

/// What a manifest is made of.
#[derive(Debug)]
pub enum Parts {
    /// Other manifests.
    Index(Vec<Child>),
    /// Blobs.
    Image {
        /// The configuration; an OCI artifact manifest has none.
        config: Option<Descriptor>,
        /// Layers, or the blobs of an OCI artifact manifest.
        layers: Vec<Descriptor>,
    },
}

/// A blob that a manifest names.
#[derive(Clone, Debug)]
pub struct Descriptor {
    /// What it is.
    pub media_type: String,
    /// Its digest.
    pub digest: Digest,
    /// Its size as stated.
    pub size: u64,
}

impl Descriptor {
    /// Whether the content may be absent: it is kept elsewhere and may not be distributed.
    pub fn is_foreign(&self) -> bool {
        self.media_type.contains(".nondistributable.") || self.media_type.contains(".rootfs.foreign.")
    }
}

/// A manifest that an index names.
#[derive(Clone, Debug)]
pub struct Child {
    /// Its digest.
    pub digest: Digest,
    /// `platform.architecture`.
    pub architecture: Option<String>,
    /// `platform.os`.
    pub os: Option<String>,
}

/// Why bytes are no manifest; the text goes into the answer's `detail`.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NoManifest(String);

fn no(reason: impl Into<String>) -> NoManifest {
    NoManifest(reason.into())
}

impl Document {
    /// Reads a manifest. `media_type` is the one that came with it; without one the document's own counts. `digest` says which
    /// digest it was asked to have; without one it is SHA-256.
    pub fn read(bytes: Bytes, media_type: Option<&str>, digest: Digest) -> Result<Self, NoManifest> {
        let value: Value = serde_json::from_slice(&bytes).map_err(|error| no(error.to_string()))?;
        if !value.is_object() {
            return Err(no("the manifest is not a JSON object"));
        }
        let own = value.get("mediaType").and_then(Value::as_str);
        let media_type = media_type.or(own).ok_or_else(|| no("no media type is given"))?;
        if let Some(own) = own
            && own != media_type
        {
            return Err(no(format!("mediaType in manifest should be '{media_type}' not '{own}'")));
        }
        let parts = match media_type {
            OCI_INDEX | DOCKER_LIST => Parts::Index(children(&value)?),
            OCI_MANIFEST | DOCKER_MANIFEST => Parts::Image {
                config: Some(descriptor(&value["config"], "config")?),
                layers: descriptors(&value, "layers", true)?,
            },
            OCI_ARTIFACT => Parts::Image { config: None, layers: descriptors(&value, "blobs", false)? },
            other => return Err(no(format!("unsupported manifest media type '{other}'"))),
        };
        if media_type != OCI_ARTIFACT && value["schemaVersion"] != 2 {
            return Err(no(format!("unrecognized manifest schema version {}", value["schemaVersion"])));
        }
        let subject = match value.get("subject") {
            None | Some(Value::Null) => None,
            Some(subject) => Some(descriptor(subject, "subject")?.digest),
        };
        let artifact_type = text(&value, "artifactType").or_else(|| match &parts {
            Parts::Image { config: Some(config), .. } => Some(config.media_type.clone()),
            _ => None,
        });
        let annotations = value.get("annotations").filter(|it| it.is_object()).cloned();
        Ok(Self { digest, media_type: media_type.to_owned(), parts, subject, artifact_type, annotations, bytes })
    }

    /// The media type of an image's configuration.
    pub fn config_media_type(&self) -> Option<&str> {
        self.config().map(|config| config.media_type.as_str())
    }

    /// An image's configuration.
    pub fn config(&self) -> Option<&Descriptor> {
        match &self.parts {
            Parts::Image { config, .. } => config.as_ref(),
            Parts::Index(_) => None,
        }
    }

    /// The blobs that it names.
    pub fn blobs(&self) -> impl Iterator<Item = &Descriptor> {
        let (config, layers) = match &self.parts {
            Parts::Image { config, layers } => (config.as_ref(), layers.as_slice()),
            Parts::Index(_) => (None, [].as_slice()),
        };
        config.into_iter().chain(layers)
    }

    /// The manifests that it names.
    pub fn children(&self) -> &[Child] {
        match &self.parts {
            Parts::Index(children) => children,
            Parts::Image { .. } => &[],
        }
    }
}

fn text(value: &Value, key: &str) -> Option<String> {
    value.get(key).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned)
}

fn children(value: &Value) -> Result<Vec<Child>, NoManifest> {
    let manifests = match value.get("manifests") {
        Some(Value::Array(manifests)) => manifests.as_slice(),
        None | Some(Value::Null) => &[],
        Some(_) => return Err(no("manifests is not a list")),
    };
    let child = |manifest: &Value| {
        let platform = &manifest["platform"];
        let digest = descriptor(manifest, "manifests")?.digest;
        Ok(Child { digest, architecture: text(platform, "architecture"), os: text(platform, "os") })
    };
    manifests.iter().map(child).collect()
}

fn descriptors(value: &Value, key: &str, required: bool) -> Result<Vec<Descriptor>, NoManifest> {
    match value.get(key) {
        Some(Value::Array(list)) => list.iter().map(|item| descriptor(item, key)).collect(),
        None | Some(Value::Null) if !required => Ok(Vec::new()),
        _ => Err(no(format!("{key} is not a list of descriptors"))),
    }
}

fn descriptor(value: &Value, place: &str) -> Result<Descriptor, NoManifest> {
    let digest = value["digest"].as_str().unwrap_or_default();
    let digest = Digest::parse(digest).ok_or_else(|| no(format!("{place} names no valid digest: '{digest}'")))?;
    let size = value["size"].as_u64().ok_or_else(|| no(format!("{place} states no size for {digest}")))?;
    let media_type = value["mediaType"].as_str().unwrap_or_default().to_owned();
    Ok(Descriptor { media_type, digest, size })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(value: &Value, media_type: Option<&str>) -> Result<Document, NoManifest> {
        let bytes = Bytes::from(value.to_string());
        let digest = Digest::sha256(&bytes);
        Document::read(bytes, media_type, digest)
    }

    #[test]
    fn an_image_manifest_is_read() {
        let digest = Digest::sha256(b"x").to_string();
        let config = json!({ "mediaType": "application/x", "digest": digest, "size": 1 });
        let manifest = json!({ "schemaVersion": 2, "config": config, "layers": [config], "subject": config });
        let document = read(&manifest, Some(OCI_MANIFEST)).expect("a manifest");
        assert_eq!(document.blobs().count(), 2);
        assert_eq!(document.artifact_type.as_deref(), Some("application/x"));
        assert_eq!(document.subject.expect("a subject").as_str(), digest);
    }

    #[test]
    fn what_is_no_manifest_is_refused() {
        for (value, media_type) in [
            (json!([]), OCI_MANIFEST),
            (json!({}), OCI_MANIFEST),
            (json!({ "schemaVersion": 2, "config": { "digest": "sha256:0", "size": 1 }, "layers": [] }), OCI_MANIFEST),
            (json!({ "schemaVersion": 1, "manifests": [] }), OCI_INDEX),
            (json!({ "schemaVersion": 2, "mediaType": OCI_MANIFEST, "manifests": [] }), OCI_INDEX),
            (json!({ "schemaVersion": 2, "manifests": {} }), OCI_INDEX),
            (json!({ "schemaVersion": 2 }), "text/plain"),
        ] {
            assert!(read(&value, Some(media_type)).is_err(), "{value} as {media_type}");
        }
        assert!(read(&json!({ "schemaVersion": 2, "manifests": [] }), Some(OCI_INDEX)).is_ok());
        assert!(read(&json!({ "schemaVersion": 2, "manifests": [] }), None).is_err());
    }
}
