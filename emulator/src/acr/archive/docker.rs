//! What `docker save` writes: `manifest.json`, which names for each image its configuration and its layers. There is no manifest as
//! registries have them, so that one is made here: its digest is not the one that the image has in a registry, whose layers are
//! compressed. What the configuration says about its layers (`rootfs.diff_ids`) must be true.
//! Source: Docker Image Specification 1.2 ("Combined Image JSON + Filesystem Changeset Format"); OCI Image Specification 1.1.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Value, json};

use super::{Fault, Files, Found, Kept, fault};
use crate::acr::digest::Digest;
use crate::acr::document::{Document, OCI_MANIFEST};
use crate::acr::image::Image;

const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
const GZIPPED_LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

/// Whether an archive was written by `docker save`.
pub fn is_one(files: &Files) -> bool {
    files.get("manifest.json").is_some()
}

/// The images of such an archive.
pub fn images(files: &Files) -> Result<Vec<Found>, Fault> {
    let list = files.json("manifest.json")?;
    let Some(list) = list.as_array().filter(|list| !list.is_empty()) else {
        return fault("manifest.json is no list of images");
    };
    list.iter().map(|entry| image(files, entry)).collect()
}

/// The names of images by their configurations' digests: what a layout may leave out.
pub fn names(files: &Files) -> Vec<(Digest, Vec<String>)> {
    let list = files.json("manifest.json").unwrap_or_default();
    let named = |entry: &Value| Some((files.get(entry["Config"].as_str()?)?.digest.clone(), tags(entry)));
    list.as_array().into_iter().flatten().filter_map(named).collect()
}

fn tags(entry: &Value) -> Vec<String> {
    entry["RepoTags"].as_array().into_iter().flatten().filter_map(|tag| tag.as_str().map(str::to_owned)).collect()
}

fn image(files: &Files, entry: &Value) -> Result<Found, Fault> {
    let names = tags(entry);
    let config_path = entry["Config"].as_str().unwrap_or_default();
    let config = part(files, "Config", config_path)?;
    let stem = config_path.strip_suffix(".json").unwrap_or_default();
    if let Some(named) = Digest::parse(&format!("sha256:{stem}"))
        && named != config.digest
    {
        return fault(format!("{config_path} is damaged: its content has the digest {}", config.digest));
    }
    let described = files.json(config_path)?;
    let layers: Vec<&str> = entry["Layers"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let identifiers = described["rootfs"]["diff_ids"].as_array().map_or(&[][..], Vec::as_slice);
    if layers.len() != identifiers.len() {
        let (listed, said) = (layers.len(), identifiers.len());
        return fault(format!("manifest.json lists {listed} layers for {config_path}, whose rootfs.diff_ids has {said}"));
    }
    let mut image = Image { manifests: Vec::new(), blobs: vec![(config.digest.clone(), config.blob.clone())] };
    let mut descriptors = Vec::new();
    for (path, identifier) in layers.into_iter().zip(identifiers) {
        let layer = part(files, "Layers", path)?;
        let content = layer.unpacked.as_ref().unwrap_or(&layer.digest);
        if identifier != content.as_str() {
            return fault(format!(
                "{path} is damaged: its content has the digest {content}, and {config_path} says {identifier}"
            ));
        }
        let media_type = if layer.unpacked.is_some() { GZIPPED_LAYER } else { LAYER };
        descriptors.push(descriptor(media_type, layer));
        image.blobs.push((layer.digest.clone(), layer.blob.clone()));
    }
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": descriptor(CONFIG, config),
        "layers": descriptors,
    });
    let bytes = Bytes::from(manifest.to_string());
    let digest = Digest::sha256(&bytes);
    let document = Document::read(bytes, Some(OCI_MANIFEST), digest).map_err(|error| Fault(format!("{config_path}: {error}")))?;
    image.manifests.push(Arc::new(document));
    Ok(Found { image, names, referrers: Vec::new(), missing: Vec::new(), rebuilt: true })
}

fn descriptor(media_type: &str, kept: &Kept) -> Value {
    json!({ "mediaType": media_type, "digest": kept.digest.as_str(), "size": kept.blob.size })
}

fn part<'a>(files: &'a Files, member: &str, path: &str) -> Result<&'a Kept, Fault> {
    files.get(path).ok_or_else(|| Fault(format!("manifest.json names {path:?} in {member}, which the archive does not hold")))
}
