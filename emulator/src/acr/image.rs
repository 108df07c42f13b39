//! An image with everything that belongs to it, apart from any repository: what imports, caches and archives carry.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;

use super::digest::Digest;
use super::document::Document;
use super::store::{Blob, Registry, Repository};

/// An image: its own manifest first, then those that it names, and the blobs of all of them.
#[derive(Debug, Default)]
pub(super) struct Image {
    pub manifests: Vec<Arc<Document>>,
    pub blobs: Vec<(Digest, Arc<Blob>)>,
}

/// Why an image could not be put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Incomplete {
    /// There is no such manifest.
    Unknown,
    /// A blob is missing.
    Blob,
    /// It has more manifests than are taken.
    TooMany,
}

impl Image {
    /// An image of a repository with at most so many manifests. What it only refers to stays behind.
    pub fn collect(registry: &Registry, repository: &str, reference: &str, at_most: usize) -> Result<Self, Incomplete> {
        let repositories = registry.repositories.read();
        let held = repositories.get(repository).ok_or(Incomplete::Unknown)?;
        let root = held.digest_of(reference).and_then(|digest| held.manifests.get(&digest)).ok_or(Incomplete::Unknown)?;
        let mut image = Self { manifests: vec![root.document.clone()], blobs: Vec::new() };
        let mut next = 0;
        while let Some(document) = image.manifests.get(next).cloned() {
            next += 1;
            for child in document.children() {
                if let Some(manifest) = held.manifests.get(&child.digest)
                    && !image.has(&child.digest)
                {
                    image.manifests.push(manifest.document.clone());
                }
            }
            if image.manifests.len() > at_most {
                return Err(Incomplete::TooMany);
            }
            for descriptor in document.blobs() {
                match held.blobs.get(&descriptor.digest) {
                    Some(blob) => image.blobs.push((descriptor.digest.clone(), blob.clone())),
                    None if descriptor.is_foreign() => {}
                    None => return Err(Incomplete::Blob),
                }
            }
        }
        Ok(image)
    }

    /// Whether a manifest belongs to it.
    pub fn has(&self, digest: &Digest) -> bool {
        self.manifests.iter().any(|document| document.digest == *digest)
    }

    /// The image's own manifest.
    pub fn root(&self) -> Option<&Arc<Document>> {
        self.manifests.first()
    }

    /// Puts it into a repository, under a tag or without one.
    pub fn put(&self, target: &mut Repository, tag: Option<&str>, now: Timestamp) {
        target.blobs.extend(self.blobs.iter().cloned());
        // Children before the index that names them, as every push does.
        for (position, document) in self.manifests.iter().enumerate().rev() {
            target.put_manifest(document.clone(), tag.filter(|_| position == 0), now);
        }
    }

    /// What its manifests and blobs take, each counted once.
    pub fn size(&self) -> u64 {
        let blobs: BTreeSet<(&Digest, u64)> = self.blobs.iter().map(|(digest, blob)| (digest, blob.size)).collect();
        let manifests = self.manifests.iter().map(|document| document.bytes.len() as u64);
        manifests.chain(blobs.into_iter().map(|(_, size)| size)).fold(0, u64::saturating_add)
    }

    /// The platforms that it is for, `os/architecture[/variant]`: an index says it, of a single image its configuration.
    pub fn platforms(&self) -> Vec<String> {
        let Some(root) = self.root() else { return Vec::new() };
        let value: serde_json::Value = serde_json::from_slice(&root.bytes).unwrap_or_default();
        let there = |child: &&serde_json::Value| {
            let digest = child["digest"].as_str().and_then(Digest::parse);
            digest.is_some_and(|digest| self.has(&digest))
        };
        let children = value["manifests"].as_array().into_iter().flatten().filter(there);
        let mut platforms: Vec<String> = children.filter_map(|child| platform(&child["platform"])).collect();
        if let Some(config) = root.config() {
            let blob = self.blobs.iter().find(|(digest, _)| *digest == config.digest);
            let bytes = blob.filter(|(_, blob)| blob.size < CONFIG_AT_MOST).and_then(|(_, blob)| blob.whole().ok());
            let config: serde_json::Value = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
            platforms.extend(platform(&config));
        }
        platforms.dedup();
        platforms
    }
}

/// A configuration is never larger than this; an artifact may have anything in its place.
const CONFIG_AT_MOST: u64 = 8 << 20;

fn platform(value: &serde_json::Value) -> Option<String> {
    let (os, architecture) = (value["os"].as_str()?, value["architecture"].as_str()?);
    if os == "unknown" {
        return None;
    }
    let variant = value["variant"].as_str().map(|variant| format!("/{variant}")).unwrap_or_default();
    Some(format!("{os}/{architecture}{variant}"))
}
