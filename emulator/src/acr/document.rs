//! A manifest as a document: its bytes exactly as pushed, and the facts that are read from them once.
//! Source: OCI Image Specification 1.1 (image manifest, image index), Docker Image Manifest V2 Schema 2.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use bytes::Bytes;
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

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
/// Lists and objects nest at most this deep: what Go's decoder takes, in which registries are written (inferred for Azure's).
const DEEPEST: usize = 10_000;

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
    /// `annotations`, if there are any.
    pub annotations: Option<BTreeMap<String, String>>,
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
    /// Its size as stated.
    pub size: u64,
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
        if is_deeper_than(&bytes, DEEPEST) {
            return Err(no("exceeded max depth"));
        }
        let Object::<Written>(written) = serde_json::from_slice(&bytes).map_err(|error| no(error.to_string()))?;
        let media_type = media_type.map(str::to_ascii_lowercase).or_else(|| written.media_type.clone());
        let media_type = media_type.ok_or_else(|| no("no media type is given"))?;
        if let Some(own) = written.media_type.as_deref().filter(|own| *own != media_type) {
            return Err(no(format!("mediaType in manifest should be '{media_type}' not '{own}'")));
        }
        if ![OCI_MANIFEST, OCI_INDEX, OCI_ARTIFACT, DOCKER_MANIFEST, DOCKER_LIST].contains(&media_type.as_str()) {
            return Err(no(format!("unsupported manifest media type '{media_type}'")));
        }
        if media_type != OCI_ARTIFACT && written.schema_version != Some(2) {
            let found = written.schema_version.map_or_else(|| "none".to_owned(), |version| version.to_string());
            return Err(no(format!("unrecognized manifest schema version {found}")));
        }
        // Docker's own types know neither subjects nor artifact types.
        let knows_subjects = matches!(media_type.as_str(), OCI_MANIFEST | OCI_INDEX | OCI_ARTIFACT);
        let Written { subject, artifact_type, annotations, .. } = &written;
        let subject = match subject.as_ref().filter(|_| knows_subjects) {
            Some(subject) => Some(subject.0.descriptor("subject")?.digest),
            None => None,
        };
        let artifact_type = artifact_type.clone().filter(|it| knows_subjects && !it.is_empty());
        let annotations = annotations.clone().filter(|it| !it.is_empty());
        let parts = written.parts(&media_type)?;
        let artifact_type = artifact_type.or_else(|| match &parts {
            Parts::Image { config: Some(config), .. } => Some(config.media_type.clone()).filter(|it| !it.is_empty()),
            _ => None,
        });
        Ok(Self { digest, media_type, parts, subject, artifact_type, annotations, bytes })
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

/// A manifest of any type as its JSON is written. A key that is known may come once only; other keys may hold anything. `null`
/// stands for what is not there, as in Go.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Written {
    schema_version: Option<i64>,
    media_type: Option<String>,
    artifact_type: Option<String>,
    config: Option<Object<WrittenDescriptor>>,
    #[serde(default, deserialize_with = "written_list")]
    layers: Option<Descriptors>,
    #[serde(default, deserialize_with = "written_list")]
    blobs: Option<Descriptors>,
    #[serde(default, deserialize_with = "written_list")]
    manifests: Option<Descriptors>,
    subject: Option<Object<WrittenDescriptor>>,
    annotations: Option<BTreeMap<String, String>>,
}

/// A descriptor as its JSON is written.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WrittenDescriptor {
    media_type: Option<String>,
    digest: String,
    size: i64,
    platform: Option<Object<Platform>>,
}

type Descriptors = Vec<Object<WrittenDescriptor>>;

#[derive(Deserialize)]
struct Platform {
    architecture: Option<String>,
    os: Option<String>,
}

/// What is written as a JSON object: by themselves, structs can be read from lists too.
struct Object<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Members<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Members<T> {
            type Value = Object<T>;

            fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
                to.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<Object<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(members)).map(Object)
            }
        }

        from.deserialize_map(Members(PhantomData))
    }
}

/// A list that is there, be it as `null`.
fn written_list<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Descriptors>, D::Error> {
    Ok(Some(Option::deserialize(from)?.unwrap_or_default()))
}

impl Written {
    fn parts(self, media_type: &str) -> Result<Parts, NoManifest> {
        let all = |list: Descriptors, place: &str| -> Result<Vec<Descriptor>, NoManifest> {
            list.iter().map(|it| it.0.descriptor(place)).collect()
        };
        match media_type {
            // What can be read as either is neither: one client would run what another has checked (CVE-2021-41190).
            OCI_INDEX | DOCKER_LIST if self.config.is_some() || self.layers.is_some() => {
                Err(no("expected index but found image manifest"))
            }
            OCI_INDEX | DOCKER_LIST => {
                let manifests = self.manifests.unwrap_or_default();
                Ok(Parts::Index(manifests.into_iter().map(|it| it.0.child()).collect::<Result<_, _>>()?))
            }
            OCI_MANIFEST | DOCKER_MANIFEST if self.manifests.is_some() => Err(no("expected manifest but found index")),
            OCI_MANIFEST | DOCKER_MANIFEST => {
                let config = self.config.ok_or_else(|| no("config is missing"))?.0.descriptor("config")?;
                let layers = self.layers.ok_or_else(|| no("layers is missing"))?;
                Ok(Parts::Image { config: Some(config), layers: all(layers, "layers")? })
            }
            _ => Ok(Parts::Image { config: None, layers: all(self.blobs.unwrap_or_default(), "blobs")? }),
        }
    }
}

impl WrittenDescriptor {
    fn descriptor(&self, place: &str) -> Result<Descriptor, NoManifest> {
        let digest = &self.digest;
        let digest = Digest::parse(digest).ok_or_else(|| no(format!("{place} names no valid digest: '{digest}'")))?;
        let size = u64::try_from(self.size).map_err(|_| no(format!("{place} states the size {} for {digest}", self.size)))?;
        Ok(Descriptor { media_type: self.media_type.clone().unwrap_or_default(), digest, size })
    }

    fn child(self) -> Result<Child, NoManifest> {
        let Descriptor { digest, size, .. } = self.descriptor("manifests")?;
        let named = |text: Option<String>| text.filter(|text| !text.is_empty());
        let (architecture, os) = self.platform.map_or((None, None), |it| (named(it.0.architecture), named(it.0.os)));
        Ok(Child { digest, size, architecture, os })
    }
}

/// Whether JSON nests lists and objects deeper than `most`.
fn is_deeper_than(json: &[u8], most: usize) -> bool {
    let (mut depth, mut in_text, mut escaped) = (0_usize, false, false);
    for byte in json {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b'[' | b'{' if !in_text => depth += 1,
            b']' | b'}' if !in_text => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > most {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

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
        let digest = Digest::sha256(b"x").to_string();
        let blob = json!({ "mediaType": "application/x", "digest": digest, "size": 1 });
        let with = |key: &str, value: Value| {
            let mut manifest = json!({ "schemaVersion": 2, "config": blob, "layers": [blob] });
            manifest[key] = value;
            manifest
        };
        for (value, media_type) in [
            (json!([]), OCI_MANIFEST),
            (json!({}), OCI_MANIFEST),
            (with("config", json!({ "digest": "sha256:0", "size": 1 })), OCI_MANIFEST),
            (with("config", json!({ "digest": digest, "size": -1 })), OCI_MANIFEST),
            (with("config", json!({ "digest": digest, "size": 1.5 })), OCI_MANIFEST),
            (with("config", json!({ "digest": digest })), OCI_MANIFEST),
            (with("config", Value::Null), OCI_MANIFEST),
            (with("layers", json!({})), OCI_MANIFEST),
            (with("config", json!(["application/x", digest, 1, null])), OCI_MANIFEST),
            (json!([2, null, null, blob, [blob]]), OCI_MANIFEST),
            (with("annotations", json!({ "a": 1 })), OCI_MANIFEST),
            (with("subject", json!({ "digest": "x", "size": 1 })), OCI_MANIFEST),
            (with("manifests", json!([])), OCI_MANIFEST),
            (with("manifests", json!([])), DOCKER_MANIFEST),
            (with("mediaType", json!(OCI_INDEX)), OCI_INDEX),
            (json!({ "schemaVersion": 2, "config": blob }), OCI_MANIFEST),
            (json!({ "schemaVersion": 1, "manifests": [] }), OCI_INDEX),
            (json!({ "schemaVersion": 2, "mediaType": OCI_MANIFEST, "manifests": [] }), OCI_INDEX),
            (json!({ "schemaVersion": 2, "manifests": {} }), OCI_INDEX),
            (json!({ "schemaVersion": 2 }), "text/plain"),
        ] {
            assert!(read(&value, Some(media_type)).is_err(), "{value} as {media_type}");
        }
        assert!(read(&with("layers", Value::Null), Some(OCI_MANIFEST)).is_ok(), "Go's empty list");
        assert!(read(&json!({ "schemaVersion": 2, "manifests": [] }), Some("Application/Vnd.OCI.Image.Index.V1+JSON")).is_ok());
        assert!(read(&json!({ "schemaVersion": 2, "manifests": [] }), None).is_err());
    }

    #[test]
    fn a_known_key_comes_once_and_nothing_nests_too_deep() {
        let read = |text: String| Document::read(Bytes::from(text), Some(OCI_INDEX), Digest::sha256(b""));
        let refused = |text: String| read(text).expect_err("it is none").to_string();
        let twice = refused(r#"{"schemaVersion":2,"manifests":[],"manifests":[]}"#.into());
        assert!(twice.starts_with("duplicate field `manifests`"), "{twice}");
        let nested = |deep: usize| format!(r#"{{"schemaVersion":2,"x":{}{}}}"#, "[".repeat(deep), "]".repeat(deep));
        assert!(read(nested(DEEPEST - 1)).is_ok());
        assert_eq!(refused(nested(DEEPEST)), "exceeded max depth");
        assert_eq!(refused("[".repeat(4_000_000)), "exceeded max depth");
        assert!(read(format!(r#"{{"schemaVersion":2,"x":"\"{}"}}"#, "[".repeat(2 * DEEPEST))).is_ok(), "text does not nest");
    }

    #[test]
    fn only_oci_types_have_subjects() {
        let digest = Digest::sha256(b"x").to_string();
        let blob = json!({ "mediaType": "application/x", "digest": digest, "size": 1 });
        let manifest = json!({ "schemaVersion": 2, "config": blob, "layers": [], "subject": blob, "artifactType": "" });
        let oci = read(&manifest, Some(OCI_MANIFEST)).expect("a manifest");
        assert_eq!((oci.subject.is_some(), oci.artifact_type.as_deref()), (true, Some("application/x")));
        assert!(read(&manifest, Some(DOCKER_MANIFEST)).expect("a manifest").subject.is_none());
        let index = json!({ "schemaVersion": 2, "manifests": [], "subject": blob });
        assert_eq!(read(&index, Some(OCI_INDEX)).expect("an index").artifact_type, None, "an index has no configuration");
    }

    proptest! {
        #[test]
        fn whatever_bytes_come_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Document::read(Bytes::from(bytes), Some(OCI_MANIFEST), Digest::sha256(b""));
        }

        #[test]
        fn a_manifest_may_hold_other_keys(key in "[a-z]{1,8}", value in "[a-z\"\\\\{}\\[\\]]{0,12}") {
            prop_assume!(!["config", "layers", "blobs", "manifests", "subject", "annotations"].contains(&key.as_str()));
            let blob = json!({ "digest": Digest::sha256(b"x").as_str(), "size": 1 });
            let mut manifest = json!({ "schemaVersion": 2, "config": blob, "layers": [blob, blob] });
            manifest[&key] = json!({ "value": value });
            let document = read(&manifest, Some(OCI_MANIFEST)).expect("a manifest");
            prop_assert_eq!(document.blobs().count(), 3);
        }
    }
}
