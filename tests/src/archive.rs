//! Archives of images for tests, made in memory.

use azlet::acr::digest::Digest;
use serde_json::{Value, json};

use crate::registry::{OCI_INDEX, OCI_MANIFEST};

/// A tar archive in the making.
#[derive(Clone, Debug, Default)]
pub struct Archive {
    /// Paths and contents, in order.
    pub files: Vec<(String, Vec<u8>)>,
}

impl Archive {
    /// An empty OCI layout.
    pub fn layout() -> Self {
        let mut archive = Self::default();
        archive.file("oci-layout", json!({ "imageLayoutVersion": "1.0.0" }).to_string());
        archive
    }

    /// Adds a file.
    pub fn file(&mut self, path: &str, content: impl Into<Vec<u8>>) {
        self.files.push((path.to_owned(), content.into()));
    }

    /// Adds a blob of a layout and returns its descriptor.
    pub fn blob(&mut self, media_type: &str, content: impl Into<Vec<u8>>) -> Value {
        let content = content.into();
        let digest = Digest::sha256(&content);
        let descriptor = json!({ "mediaType": media_type, "digest": digest.as_str(), "size": content.len() });
        self.file(&format!("blobs/{}", digest.as_str().replace(':', "/")), content);
        descriptor
    }

    /// Adds an image of one platform, with `text` in its only layer.
    pub fn image(&mut self, architecture: &str, text: &str) -> Value {
        let config = json!({ "architecture": architecture, "os": "linux", "config": { "Cmd": [text] } });
        let config = self.blob("application/vnd.oci.image.config.v1+json", config.to_string());
        let layer = self.blob("application/vnd.oci.image.layer.v1.tar", text);
        let manifest = json!({ "schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": [layer] });
        let mut descriptor = self.blob(OCI_MANIFEST, manifest.to_string());
        descriptor["platform"] = json!({ "architecture": architecture, "os": "linux" });
        descriptor
    }

    /// Adds an index of images.
    pub fn index(&mut self, children: &[Value]) -> Value {
        let index = json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": children });
        self.blob(OCI_INDEX, index.to_string())
    }

    /// Names the images of a layout, each by an annotation.
    pub fn named(&mut self, images: &[(&str, &str, &Value)]) {
        let descriptor = |(annotation, name, descriptor): &(&str, &str, &Value)| {
            let mut descriptor = (*descriptor).clone();
            if !annotation.is_empty() {
                descriptor["annotations"] = json!({ *annotation: name });
            }
            descriptor
        };
        let manifests: Vec<Value> = images.iter().map(descriptor).collect();
        self.file("index.json", json!({ "schemaVersion": 2, "manifests": manifests }).to_string());
    }

    /// The content of a file.
    pub fn content(&mut self, path: &str) -> &mut Vec<u8> {
        let (_, content) = self.files.iter_mut().find(|(known, _)| known == path).unwrap_or_else(|| panic!("no {path}"));
        content
    }

    /// The archive's bytes.
    pub fn bytes(&self) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for (path, content) in &self.files {
            let mut header = tar::Header::new_ustar();
            header.set_size(content.len() as u64);
            header.set_mode(0o644);
            // The crate refuses paths that lead out of an archive; a test is about just these.
            let name = &mut header.as_ustar_mut().expect("it is one").name;
            name[..path.len()].copy_from_slice(path.as_bytes());
            header.set_cksum();
            builder.append(&header, content.as_slice()).expect("memory takes it");
        }
        builder.into_inner().expect("memory takes it")
    }
}
