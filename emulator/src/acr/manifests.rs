//! Manifests: got, put and deleted, byte for byte.
//! Source: OCI Distribution Specification 1.1 "Pulling manifests", "Pushing manifests", "Deleting manifests".

use std::sync::Arc;

use bytes::Bytes;

use super::auth::Granted;
use super::digest::Digest;
use super::document::{Document, OCI_ARTIFACT};
use super::error::Error;
use super::route::is_digest;
use super::store::Repository;
use crate::world::World;

/// A manifest's size is at most this (documented).
pub const LARGEST: usize = 4 * 1024 * 1024;

/// Finds a manifest by tag or digest. What looks like a digest and is none is taken for a tag that does not exist. `accept` holds
/// the media types of the request; only the withdrawn artifact manifest is known to be refused for their sake.
pub fn read(granted: &Granted, repository: &str, reference: &str, accept: &[&str]) -> Result<Arc<Document>, Error> {
    let repositories = granted.registry().repositories.read();
    let held = repositories.get(repository);
    let (digest, unknown) = match Digest::parse(reference) {
        Some(digest) => (Some(digest), Error::manifest_not_found(repository, reference)),
        None => {
            let tag = held.and_then(|held| held.tags.get(reference));
            if tag.is_some_and(|tag| !tag.attributes.read) {
                return Err(Error::disallowed());
            }
            (tag.map(|tag| tag.digest.clone()), Error::tag_names_nothing(reference))
        }
    };
    let found = held.zip(digest).and_then(|(held, digest)| Some((held, held.manifests.get(&digest)?)));
    let Some((held, manifest)) = found else { return Err(unknown) };
    if !held.attributes.read || !manifest.attributes.read {
        return Err(Error::disallowed());
    }
    let document = manifest.document.clone();
    let accepted =
        accept.is_empty() || accept.iter().any(|it| matches!(*it, "*/*" | "application/*") || *it == document.media_type);
    if document.media_type == OCI_ARTIFACT && !accepted {
        return Err(Error::artifact_not_accepted());
    }
    Ok(document)
}

/// Keeps a manifest under a tag or its digest.
pub fn put(
    world: &World,
    granted: &Granted,
    repository: &str,
    reference: &str,
    media_type: Option<&str>,
    bytes: Bytes,
) -> Result<Arc<Document>, Error> {
    let (tag, digest) = match Digest::parse(reference) {
        Some(stated) => (None, stated.same_algorithm_over([bytes.as_ref()])),
        None if is_digest(reference) => return Err(Error::digest_invalid("digest parsing failed")),
        None => (Some(reference), Digest::sha256(&bytes)),
    };
    if tag.is_none() && digest.as_str() != reference {
        return Err(Error::digest_invalid("digest mismatch"));
    }
    let document =
        Document::read(bytes, media_type, digest).map_err(|error| Error::manifest_invalid(error.to_string())).map(Arc::new)?;
    let now = world.clock.now();
    let mut repositories = granted.registry().repositories.write();
    let missing = missing_parts(repositories.get(repository), &document);
    if !missing.is_empty() {
        return Err(Error::parts_unknown(missing));
    }
    let held = repositories.entry(repository.to_owned()).or_insert_with(|| Repository::new(now));
    let locked_tag = tag.and_then(|tag| held.tags.get(tag)).is_some_and(|tag| !tag.attributes.write);
    if locked_tag || !held.attributes.write {
        return Err(Error::disallowed());
    }
    held.put_manifest(document.clone(), tag, now);
    Ok(document)
}

/// What a manifest names and the repository does not hold, each once, in the manifest's order. A subject may be missing.
fn missing_parts(held: Option<&Repository>, document: &Document) -> Vec<String> {
    let has_blob = |digest: &Digest| held.is_some_and(|held| held.blobs.contains_key(digest));
    let has_manifest = |digest: &Digest| held.is_some_and(|held| held.manifests.contains_key(digest));
    let blobs = document.blobs().filter(|it| !it.is_foreign() && !has_blob(&it.digest)).map(|it| it.digest.to_string());
    let children = document.children().iter().filter(|it| !has_manifest(&it.digest)).map(|it| it.digest.to_string());
    let mut missing: Vec<String> = Vec::new();
    for digest in blobs.chain(children) {
        if !missing.contains(&digest) {
            missing.push(digest);
        }
    }
    missing
}

/// Deletes a manifest by its digest, with every tag that points to it, and returns it. That a locked tag keeps its manifest is inferred.
pub fn delete(world: &World, granted: &Granted, repository: &str, reference: &str) -> Result<Arc<Document>, Error> {
    let Some(digest) = Digest::parse(reference) else {
        return Err(match is_digest(reference) {
            true => Error::digest_invalid("digest parsing failed"),
            false => Error::unsupported("A manifest can only be deleted by digest."),
        });
    };
    let mut repositories = granted.registry().repositories.write();
    let held = repositories.get_mut(repository).ok_or_else(Error::manifest_unknown)?;
    let manifest = held.manifests.get(&digest).ok_or_else(Error::manifest_unknown)?;
    let tags = held.tags.values().filter(|tag| tag.digest == digest).map(|tag| tag.attributes);
    let mut locks = tags.chain([manifest.attributes]);
    if locks.any(|it| !it.delete || !it.write) || !held.attributes.write {
        return Err(Error::disallowed());
    }
    let document = manifest.document.clone();
    held.remove_manifest(&digest, world.clock.now());
    Ok(document)
}
