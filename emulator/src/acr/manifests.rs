//! Manifests: got, put and deleted, byte for byte.
//! Source: OCI Distribution Specification 1.1 "Pulling manifests", "Pushing manifests", "Deleting manifests", and what came after
//! it: a push by digest with tags beside it. Refusals for an `Accept` header: as users of the real registry have reported them.

use std::sync::Arc;

use bytes::Bytes;

use super::auth::Granted;
use super::digest::Digest;
use super::document::{Document, OCI_ARTIFACT, OCI_INDEX, OCI_MANIFEST};
use super::error::Error;
use super::route::{is_digest, is_tag};
use super::store::Repository;
use super::{deleted, quarantine, retention};
use crate::world::World;

/// Types of which a client must know that they exist: the type, one, many, as the refusal words them.
const OCI_TYPES: [(&str, &str, &str); 3] = [
    (OCI_MANIFEST, "OCI manifest", "OCI manifests"),
    (OCI_INDEX, "OCI index", "OCI indexes"),
    (OCI_ARTIFACT, "OCI artifact", "OCI artifacts"),
];

/// A manifest's size is at most this (documented).
pub const LARGEST: usize = 4 * 1024 * 1024;

/// Finds a manifest by tag or digest. What looks like a digest and is none is taken for a tag that does not exist. `accept` holds
/// the media types of the request: one of OCI's types is given only to who names it, or takes anything.
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
    if quarantine::holds_back(granted, manifest) {
        return Err(if is_digest(reference) { Error::quarantined() } else { unknown });
    }
    let document = manifest.document.clone();
    let names = |it: &&str| *it == "*/*" || it.eq_ignore_ascii_case(&document.media_type);
    match OCI_TYPES.iter().find(|(media_type, ..)| *media_type == document.media_type) {
        Some((_, one, many)) if !accept.iter().any(names) => Err(Error::not_accepted(one, many)),
        _ => Ok(document),
    }
}

/// What a manifest is to be kept under.
struct Target<'a> {
    tags: Vec<&'a str>,
    digest: Digest,
}

/// Reads where a manifest goes: to a tag, or to its digest and the tags beside it. `bytes` must have the digest.
fn target<'a>(reference: &'a str, tags: &[&'a str], bytes: &[u8]) -> Result<Target<'a>, Error> {
    let Some(stated) = Digest::parse(reference) else {
        if reference.contains(':') {
            return Err(Error::digest_invalid("digest parsing failed"));
        }
        return Ok(Target { tags: vec![reference], digest: Digest::sha256(bytes) });
    };
    let digest = stated.same_algorithm_over([bytes]);
    if digest != stated {
        return Err(Error::digest_invalid("digest mismatch"));
    }
    match tags.iter().find(|tag| !is_tag(tag)) {
        Some(tag) => Err(Error::tag_invalid(tag)),
        None => Ok(Target { tags: tags.to_vec(), digest }),
    }
}

/// Keeps a manifest under a tag, or under its digest and the `tags` beside it.
pub fn put(
    world: &World,
    granted: &Granted,
    repository: &str,
    (reference, tags): (&str, &[&str]),
    media_type: Option<&str>,
    bytes: Bytes,
) -> Result<Arc<Document>, Error> {
    let Target { tags, digest } = target(reference, tags, &bytes)?;
    let document =
        Document::read(bytes, media_type, digest).map_err(|error| Error::manifest_invalid(error.to_string())).map(Arc::new)?;
    let now = world.clock.now();
    let mut repositories = granted.registry().repositories.write();
    check_parts(repositories.get(repository), &document)?;
    let held = repositories.entry(repository.to_owned()).or_insert_with(|| Repository::new(now));
    let locked_tag = tags.iter().filter_map(|tag| held.tags.get(*tag)).any(|tag| !tag.attributes.write);
    if locked_tag || !held.attributes.write {
        return Err(Error::disallowed());
    }
    if granted.registry().trash.holds(repository, &document.digest) {
        return Err(Error::soft_deleted(document.digest.as_str()));
    }
    let before: Vec<Digest> = tags.iter().filter_map(|tag| Some(held.tags.get(*tag)?.digest.clone())).collect();
    held.put_manifest(document.clone(), tags.first().copied(), now);
    for tag in tags.iter().skip(1) {
        held.put_manifest(document.clone(), Some(tag), now);
    }
    // The same bytes are another manifest if they come under another type, which they can if they name none themselves.
    if let Some(kept) = held.manifests.get_mut(&document.digest).filter(|kept| kept.document.media_type != document.media_type) {
        kept.document = document.clone();
    }
    let touched: Vec<&Digest> = before.iter().chain([&document.digest]).collect();
    retention::note(granted.registry(), held, &touched, now);
    drop(repositories);
    retention::begin(world, granted.registry());
    Ok(document)
}

/// Checks what a manifest names: every blob and manifest must be in the repository, with the size that is stated (inferred for the
/// real registry; the specification's `SIZE_INVALID`). A subject may be missing, and a layer that may not be distributed.
fn check_parts(held: Option<&Repository>, document: &Document) -> Result<(), Error> {
    let blob_size = |digest: &Digest| held.and_then(|held| held.blobs.get(digest)).map(|blob| blob.size);
    let manifest_size =
        |digest: &Digest| held.and_then(|held| held.manifests.get(digest)).map(|it| it.document.bytes.len() as u64);
    let blobs = document.blobs().map(|it| (&it.digest, it.size, blob_size(&it.digest), it.is_foreign()));
    let children = document.children().iter().map(|it| (&it.digest, it.size, manifest_size(&it.digest), false));
    let mut missing: Vec<String> = Vec::new();
    let mut wrong = false;
    for (digest, stated, found, may_be_absent) in blobs.chain(children) {
        match found {
            Some(size) => wrong |= size != stated,
            None if may_be_absent || missing.iter().any(|it| it == digest.as_str()) => {}
            None => missing.push(digest.to_string()),
        }
    }
    if !missing.is_empty() {
        return Err(Error::parts_unknown(missing));
    }
    if wrong { Err(Error::size_invalid()) } else { Ok(()) }
}

/// Deletes a manifest by its digest, with every tag that points to it, and returns it. What refers to it stays, which the
/// specification's conformance suite wants: it deletes a root before what refers to it. That a locked tag keeps its manifest is
/// inferred.
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
    deleted::remove_manifest(granted.registry(), repository, held, &digest, world.clock.now());
    drop(repositories);
    retention::begin(world, granted.registry());
    Ok(document)
}
