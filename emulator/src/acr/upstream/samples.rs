//! The public images of the seed, made out of `fixtures/images/`: real OCI images, for two platforms, with the same bytes every
//! time.
//! Source: OCI Image Specification 1.1 (index, manifest, configuration, layer); POSIX.1-1988 `ustar` for the layer.

use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::acr::digest::Digest;
use crate::acr::document::{Document, OCI_INDEX, OCI_MANIFEST};
use crate::acr::store::{Blob, Kept, Registry, Repository};
use crate::world::SeedImage;

const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
const ARCHITECTURES: [&str; 2] = ["amd64", "arm64"];
/// When the images say they were made; part of their bytes, so it never moves.
const MADE: &str = "2026-01-01T00:00:00Z";

/// What an image of one kind holds.
struct Content {
    name: &'static str,
    /// Its runtime configuration, the `config` of an OCI image configuration.
    config: &'static str,
    /// Path, mode, content.
    files: &'static [(&'static str, u32, &'static str)],
}

macro_rules! fixture {
    ($path:literal) => {
        include_str!(concat!("../../../../fixtures/images/", $path))
    };
}

const CONTENTS: [Content; 3] = [
    Content {
        name: "nginx",
        config: fixture!("nginx/config.json"),
        files: &[
            ("etc/nginx/nginx.conf", 0o644, fixture!("nginx/nginx.conf")),
            ("usr/share/nginx/html/index.html", 0o644, fixture!("nginx/index.html")),
        ],
    },
    Content {
        name: "hello-world",
        config: fixture!("hello-world/config.json"),
        files: &[("hello.txt", 0o644, fixture!("hello-world/hello.txt"))],
    },
    Content {
        name: "canipull",
        config: fixture!("canipull/config.json"),
        files: &[("README", 0o644, fixture!("canipull/README"))],
    },
];

/// Makes an image and puts it under each of its tags.
pub fn make(registry: &Registry, image: &SeedImage, now: Timestamp) {
    let Some(content) = CONTENTS.iter().find(|content| content.name == image.content) else {
        tracing::warn!(image.content, image.repository, "the seed names a content that does not exist");
        return;
    };
    let mut repositories = registry.repositories.write();
    let repository = repositories.entry(image.repository.clone()).or_insert_with(|| Repository::new(now));
    let mut keep = |bytes: Vec<u8>| {
        let (digest, size) = (Digest::sha256(&bytes), bytes.len() as u64);
        let blob = registry.pool.share(&digest, || Blob::new(Kept::Memory(bytes.into()), size));
        repository.blobs.insert(digest.clone(), blob);
        (digest, size)
    };
    let layer = keep(tar(content.files));
    let config: Value = serde_json::from_str(content.config).expect("a test makes every content");
    let configs = ARCHITECTURES.map(|architecture| keep(configuration(&config, architecture, &layer.0).to_string().into_bytes()));
    let mut children = Vec::new();
    for (architecture, config) in ARCHITECTURES.iter().zip(&configs) {
        let document = document(OCI_MANIFEST, manifest(config, &layer));
        let platform = json!({ "architecture": architecture, "os": "linux" });
        children.push(json!({
            "mediaType": OCI_MANIFEST, "digest": document.digest.as_str(), "size": document.bytes.len(), "platform": platform,
        }));
        repository.put_manifest(document, None, now);
    }
    let index = document(OCI_INDEX, json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": children }));
    for tag in &image.tags {
        repository.put_manifest(index.clone(), Some(tag), now);
    }
}

fn document(media_type: &str, value: Value) -> Arc<Document> {
    let bytes = Bytes::from(value.to_string());
    let digest = Digest::sha256(&bytes);
    Arc::new(Document::read(bytes, Some(media_type), digest).expect("a manifest made here is one"))
}

fn configuration(config: &Value, architecture: &str, layer: &Digest) -> Value {
    json!({
        "created": MADE,
        "architecture": architecture,
        "os": "linux",
        "config": config,
        "rootfs": { "type": "layers", "diff_ids": [layer.as_str()] },
        "history": [{ "created": MADE, "created_by": "azlet" }],
    })
}

fn manifest(config: &(Digest, u64), layer: &(Digest, u64)) -> Value {
    json!({
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": { "mediaType": CONFIG, "digest": config.0.as_str(), "size": config.1 },
        "layers": [{ "mediaType": LAYER, "digest": layer.0.as_str(), "size": layer.1 }],
    })
}

const BLOCK: usize = 512;

/// An archive of the files and of the folders that they lie in.
fn tar(files: &[(&str, u32, &str)]) -> Vec<u8> {
    let mut archive = Vec::new();
    let mut folders: Vec<String> = Vec::new();
    for (path, mode, text) in files {
        for (position, _) in path.match_indices('/') {
            let folder = path[..=position].to_owned();
            if !folders.contains(&folder) {
                archive.extend(tar_header(&folder, 0o755, 0, b'5'));
                folders.push(folder);
            }
        }
        archive.extend(tar_header(path, *mode, text.len(), b'0'));
        archive.extend(text.as_bytes());
        archive.resize(archive.len().next_multiple_of(BLOCK), 0);
    }
    archive.resize(archive.len() + 2 * BLOCK, 0);
    archive
}

fn tar_header(path: &str, mode: u32, size: usize, kind: u8) -> [u8; BLOCK] {
    let mut header = [0; BLOCK];
    let mut put = |at: usize, text: &str| header[at..at + text.len()].copy_from_slice(text.as_bytes());
    put(0, path);
    put(100, &format!("{mode:07o}"));
    put(108, "0000000");
    put(116, "0000000");
    put(124, &format!("{size:011o}"));
    put(136, "00000000000");
    put(148, "        ");
    put(257, "ustar\0");
    put(263, "00");
    put(265, "root");
    put(297, "root");
    header[156] = kind;
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    header
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::acr::store::Store;
    use crate::world::Seed;

    #[test]
    fn every_image_of_the_seed_can_be_made_and_is_the_same_twice() {
        let make = || {
            let mut store = Store::default();
            store.plant(&Seed::default(), Timestamp::UNIX_EPOCH);
            ["docker.io", "mcr.microsoft.com"]
                .iter()
                .flat_map(|host| {
                    let registry = store.public_registry(host).expect("the seed has it");
                    let repositories = registry.repositories.read();
                    repositories
                        .iter()
                        .flat_map(|(name, it)| it.tags.iter().map(move |(tag, held)| format!("{name}:{tag}@{}", held.digest)))
                        .collect::<Vec<_>>()
                })
                .collect::<Vec<_>>()
        };
        assert_eq!(make(), make());
        assert_eq!(make().len(), 4);
    }

    #[test]
    fn the_archive_is_whole_blocks_with_a_checksum() {
        let archive = tar(&[("a/b.txt", 0o644, "text")]);
        assert_eq!(archive.len(), 5 * BLOCK);
        assert_eq!(&archive[..2], b"a/");
        assert_eq!(&archive[BLOCK..BLOCK + 7], b"a/b.txt");
        let sum = u32::from_str_radix(std::str::from_utf8(&archive[148..154]).expect("digits"), 8).expect("octal");
        let counted: u32 =
            archive[..BLOCK].iter().enumerate().map(|(at, it)| if (148..156).contains(&at) { 32 } else { u32::from(*it) }).sum();
        assert_eq!(sum, counted);
    }
}
