//! Soft delete: what was deleted while the policy is on is kept aside, listed under `/acr/v1/_deleted/` and restored from there.
//! Source: Azure Container Registry documentation ("Soft delete policy"); the endpoints and their bodies by Azure's command line,
//! which alone documents them. Inferred: a repository is listed as deleted while nothing of it is left; a tag that a push moves is
//! not kept, one that is deleted or overwritten by a restore is; the statuses and the words of refusals.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use jiff::Timestamp;
use parking_lot::Mutex;
use serde_json::{Value, json};

use super::auth::Granted;
use super::digest::Digest;
use super::error::Error;
use super::metadata::time;
use super::store::{Blob, Manifest, Registry, Repository, Tag};
use crate::world::World;

/// What a registry keeps of what was deleted, by repository.
#[derive(Debug, Default)]
pub(super) struct Trash(Mutex<BTreeMap<String, Gone>>);

/// What was deleted from a repository.
#[derive(Debug)]
struct Gone {
    created: Timestamp,
    manifests: BTreeMap<Digest, GoneManifest>,
    /// In the order in which they were deleted.
    tags: Vec<GoneTag>,
}

#[derive(Debug)]
struct GoneManifest {
    manifest: Manifest,
    /// Held so that they are not freed.
    blobs: Vec<(Digest, Arc<Blob>)>,
    deleted: Timestamp,
}

#[derive(Debug)]
struct GoneTag {
    name: String,
    digest: Digest,
    created: Timestamp,
    deleted: Timestamp,
}

impl GoneTag {
    fn new(name: &str, tag: &Tag, deleted: Timestamp) -> Self {
        Self { name: name.to_owned(), digest: tag.digest.clone(), created: tag.created, deleted }
    }
}

impl Trash {
    /// All of it, for the registry that takes the place of this one.
    pub fn taken(&self) -> Self {
        Self(Mutex::new(std::mem::take(&mut *self.0.lock())))
    }

    /// Whether a manifest can be restored.
    pub fn holds(&self, repository: &str, digest: &Digest) -> bool {
        self.0.lock().get(repository).is_some_and(|gone| gone.manifests.contains_key(digest))
    }

    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.0.lock().is_empty()
    }

    /// Adds what it takes, by digest.
    pub fn measure(&self, sizes: &mut HashMap<Digest, u64>) {
        for kept in self.0.lock().values().flat_map(|gone| gone.manifests.values()) {
            let document = &kept.manifest.document;
            sizes.insert(document.digest.clone(), document.bytes.len() as u64);
            sizes.extend(kept.blobs.iter().map(|(digest, blob)| (digest.clone(), blob.size)));
        }
    }

    /// Gives up for good what was deleted before a time.
    pub fn purge(&self, before: Timestamp) {
        self.0.lock().retain(|_, gone| {
            gone.manifests.retain(|_, kept| kept.deleted > before);
            gone.tags.retain(|tag| tag.deleted > before);
            !gone.manifests.is_empty() || !gone.tags.is_empty()
        });
    }

    fn keep(&self, repository: &str, created: Timestamp, manifest: Option<GoneManifest>, tags: Vec<GoneTag>) {
        let mut trash = self.0.lock();
        let gone =
            trash.entry(repository.to_owned()).or_insert_with(|| Gone { created, manifests: BTreeMap::new(), tags: Vec::new() });
        gone.created = created;
        gone.tags.extend(tags);
        if let Some(kept) = manifest {
            gone.manifests.insert(kept.manifest.document.digest.clone(), kept);
        }
    }
}

/// Takes a manifest out of a repository with every tag that points to it; it can be restored if the policy is on.
pub(super) fn remove_manifest(registry: &Registry, repository: &str, held: &mut Repository, digest: &Digest, now: Timestamp) {
    if !registry.settings.read().soft_delete {
        held.remove_manifest(digest, now);
        return;
    }
    let gone = |(name, tag): (&String, &Tag)| GoneTag::new(name, tag, now);
    let tags = held.tags.iter().filter(|(_, tag)| tag.digest == *digest).map(gone).collect();
    let named: Vec<Digest> =
        held.manifests.get(digest).into_iter().flat_map(|it| it.document.blobs()).map(|it| it.digest.clone()).collect();
    let blobs = named.into_iter().filter_map(|digest| held.blobs.get(&digest).cloned().map(|blob| (digest, blob))).collect();
    let created = held.created;
    if let Some(manifest) = held.remove_manifest(digest, now) {
        registry.trash.keep(repository, created, Some(GoneManifest { manifest, blobs, deleted: now }), tags);
    }
}

/// Keeps a tag that was deleted by itself, if the policy is on.
pub(super) fn removed_tag(registry: &Registry, repository: &str, held: &Repository, (name, tag): (&str, &Tag), now: Timestamp) {
    if registry.settings.read().soft_delete {
        registry.trash.keep(repository, held.created, None, vec![GoneTag::new(name, tag, now)]);
    }
}

/// The repositories of which nothing is left but what can be restored.
pub(super) fn catalog(granted: &Granted) -> Value {
    let repositories = granted.registry().repositories.read();
    let trash = granted.registry().trash.0.lock();
    let lives = |name: &String| repositories.get(name).is_some_and(|held| !held.manifests.is_empty());
    let entry = |(name, gone): (&String, &Gone)| {
        let times = gone.manifests.values().map(|it| it.deleted).chain(gone.tags.iter().map(|it| it.deleted));
        let deleted = times.max().unwrap_or(gone.created);
        json!({ "createdAt": time(gone.created), "deletedAt": time(deleted), "repository": name })
    };
    let entries: Vec<Value> = trash.iter().filter(|(name, _)| !lives(name)).map(entry).collect();
    json!({ "repositories": entries })
}

/// The deleted manifests of a repository, the latest last.
pub(super) fn manifests(granted: &Granted, repository: &str) -> Result<Value, Error> {
    let trash = granted.registry().trash.0.lock();
    let gone = known(granted, &trash, repository)?;
    let mut kept: Vec<_> = gone.into_iter().flat_map(|gone| &gone.manifests).collect();
    kept.sort_by_key(|(digest, kept)| (kept.deleted, *digest));
    let entry = |(digest, kept): (&Digest, &GoneManifest)| json!({ "createdAt": time(kept.manifest.created), "deletedAt": time(kept.deleted), "digest": digest.as_str() });
    let entries: Vec<Value> = kept.into_iter().map(entry).collect();
    Ok(json!({ "manifests": entries }))
}

/// The deleted tags of a repository, the latest last: a client that is to restore a tag takes that one.
pub(super) fn tags(granted: &Granted, repository: &str) -> Result<Value, Error> {
    let trash = granted.registry().trash.0.lock();
    let gone = known(granted, &trash, repository)?;
    let entry = |tag: &GoneTag| json!({ "createdAt": time(tag.created), "deletedAt": time(tag.deleted), "digest": tag.digest.as_str(), "tag": tag.name });
    let entries: Vec<Value> = gone.into_iter().flat_map(|gone| &gone.tags).map(entry).collect();
    Ok(json!({ "tags": entries }))
}

/// A repository that lives, or did: one that lives may have nothing deleted.
fn known<'a>(granted: &Granted, trash: &'a BTreeMap<String, Gone>, repository: &str) -> Result<Option<&'a Gone>, Error> {
    let gone = trash.get(repository);
    let lives = gone.is_some() || granted.registry().knows(repository);
    lives.then_some(gone).ok_or_else(|| Error::repository_not_found(repository))
}

/// Restores a manifest, and one of its tags. An index comes back without what it lists, and a referrer only after its subject.
pub(super) fn restore(
    world: &World,
    granted: &Granted,
    repository: &str,
    digest: &str,
    tag: Option<&str>,
    force: bool,
) -> Result<Value, Error> {
    let digest = Digest::parse(digest).ok_or_else(Error::manifest_unknown)?;
    let (registry, now) = (granted.registry(), world.clock.now());
    let mut repositories = registry.repositories.write();
    let mut trash = registry.trash.0.lock();
    let gone = trash.get_mut(repository).ok_or_else(Error::manifest_unknown)?;
    let place = may_restore(gone, repositories.get(repository), &digest, tag, force)?;
    let held = repositories.entry(repository.to_owned()).or_insert_with(|| Repository::new(now));
    if let Some(kept) = gone.manifests.remove(&digest) {
        let begun = held.manifests.is_empty();
        held.blobs.extend(kept.blobs);
        held.put_manifest(kept.manifest.document.clone(), None, now);
        held.manifests.insert(digest.clone(), Manifest { updated: now, ..kept.manifest });
        if begun {
            held.created = gone.created;
        }
    }
    if let (Some(tag), Some(place)) = (tag, place) {
        let restored = gone.tags.remove(place);
        if let Some(overwritten) = held.tags.remove(tag).filter(|it| it.digest != digest) {
            gone.tags.push(GoneTag::new(tag, &overwritten, now));
        }
        let attributes = super::store::Attributes::default();
        held.tags.insert(tag.to_owned(), Tag { digest: digest.clone(), created: restored.created, updated: now, attributes });
    }
    held.updated = now;
    if gone.manifests.is_empty() && gone.tags.is_empty() {
        trash.remove(repository);
    }
    Ok(json!({ "digest": digest.as_str(), "tag": tag }))
}

/// Where the tag lies among the deleted ones, if all of it can be restored.
fn may_restore(
    gone: &Gone,
    held: Option<&Repository>,
    digest: &Digest,
    tag: Option<&str>,
    force: bool,
) -> Result<Option<usize>, Error> {
    let lives = |digest: &Digest| held.is_some_and(|held| held.manifests.contains_key(digest));
    let kept = gone.manifests.get(digest);
    if kept.is_none() && (tag.is_none() || !lives(digest)) {
        return Err(Error::manifest_unknown());
    }
    let subject = kept.and_then(|kept| kept.manifest.document.subject.as_ref());
    if let Some(subject) = subject.filter(|it| gone.manifests.contains_key(it) && !lives(it)) {
        return Err(Error::subject_deleted(subject.as_str()));
    }
    if held.is_some_and(|held| !held.attributes.write) {
        return Err(Error::disallowed());
    }
    let Some(tag) = tag else { return Ok(None) };
    let place = gone.tags.iter().rposition(|it| it.name == tag && it.digest == *digest).ok_or_else(Error::tag_unknown)?;
    match held.and_then(|held| held.tags.get(tag)) {
        Some(taken) if !force && taken.digest != *digest => Err(Error::tag_taken(tag, taken.digest.as_str())),
        Some(taken) if !taken.attributes.write => Err(Error::disallowed()),
        _ => Ok(Some(place)),
    }
}
