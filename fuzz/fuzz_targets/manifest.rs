//! Manifests that a registry is sent, digests, and credentials in a header.
#![no_main]

use azlet::acr::auth::read_basic;
use azlet::acr::digest::Digest;
use azlet::acr::document::Document;
use libfuzzer_sys::fuzz_target;

const MEDIA_TYPES: [Option<&str>; 6] = [
    None,
    Some("application/vnd.oci.image.manifest.v1+json"),
    Some("application/vnd.oci.image.index.v1+json"),
    Some("application/vnd.docker.distribution.manifest.v2+json"),
    Some("application/vnd.docker.distribution.manifest.list.v2+json"),
    Some("application/vnd.oci.artifact.manifest.v1+json"),
];

fuzz_target!(|data: &[u8]| {
    for media_type in MEDIA_TYPES {
        if let Ok(document) = Document::read(data.to_vec().into(), media_type, Digest::sha256(data)) {
            let _ = (document.blobs().count(), document.children().len(), document.config_media_type());
        }
    }
    let Ok(text) = std::str::from_utf8(data) else { return };
    let _ = read_basic(text);
    if let Some(digest) = Digest::parse(text) {
        assert_eq!(digest.as_str(), text);
    }
});
