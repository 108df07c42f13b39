//! The manifests that refer to another one as their subject.
//! Source: OCI Distribution Specification 1.1 "Listing Referrers".

use serde_json::{Value, json};

use super::auth::Granted;
use super::digest::Digest;
use super::document::{Document, OCI_INDEX};
use super::error::Error;

/// The referrers of a digest as an image index; empty if there are none, whether or not the digest is known. `artifact_type`
/// leaves only those of that type.
pub fn list(granted: &Granted, repository: &str, digest: &str, artifact_type: Option<&str>) -> Result<Value, Error> {
    let digest = Digest::parse(digest).ok_or_else(|| Error::digest_invalid("digest parsing failed"))?;
    let repositories = granted.registry().repositories.read();
    let held = repositories.get(repository);
    let digests = held.into_iter().filter_map(|held| Some((held, held.referrers.get(&digest)?)));
    let manifests = digests.flat_map(|(held, digests)| digests.iter().filter_map(|it| held.manifests.get(it)));
    let wanted = |document: &&Document| artifact_type.is_none_or(|wanted| document.artifact_type.as_deref() == Some(wanted));
    let descriptors: Vec<Value> = manifests.map(|it| &*it.document).filter(wanted).map(descriptor).collect();
    Ok(json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": descriptors }))
}

fn descriptor(document: &Document) -> Value {
    let mut value = json!({ "mediaType": document.media_type, "digest": document.digest.as_str(), "size": document.bytes.len() });
    if let Some(artifact_type) = &document.artifact_type {
        value["artifactType"] = artifact_type.as_str().into();
    }
    if let Some(annotations) = &document.annotations {
        value["annotations"] = annotations.clone();
    }
    value
}
