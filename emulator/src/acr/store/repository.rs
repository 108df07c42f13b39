//! What a repository holds: manifests, tags, blobs, and who refers to whom.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;

use super::pool::Blob;
use crate::acr::digest::Digest;
use crate::acr::document::Document;
use crate::acr::quarantine::Quarantine;

/// A repository of a registry.
#[derive(Debug)]
pub(in crate::acr) struct Repository {
    pub created: Timestamp,
    pub updated: Timestamp,
    pub attributes: Attributes,
    pub manifests: BTreeMap<Digest, Manifest>,
    pub tags: BTreeMap<String, Tag>,
    pub blobs: BTreeMap<Digest, Arc<Blob>>,
    /// Since when a blob is named by no manifest any more.
    pub loose: BTreeMap<Digest, Timestamp>,
    /// For a digest, the manifests that name it as their subject; the digest itself may be absent.
    pub referrers: BTreeMap<Digest, BTreeSet<Digest>>,
    /// Since when a manifest has no tag, for those that lost theirs, or came without, under a retention policy.
    pub untagged: BTreeMap<Digest, Timestamp>,
}

/// A manifest in a repository.
#[derive(Clone, Debug)]
pub(in crate::acr) struct Manifest {
    pub document: Arc<Document>,
    pub created: Timestamp,
    pub updated: Timestamp,
    pub attributes: Attributes,
    pub quarantine: Quarantine,
}

/// A tag in a repository.
#[derive(Clone, Debug)]
pub(in crate::acr) struct Tag {
    pub digest: Digest,
    pub created: Timestamp,
    pub updated: Timestamp,
    pub attributes: Attributes,
}

/// The four locks of a repository, a manifest or a tag; three independent records.
#[derive(Clone, Copy, Debug)]
pub(in crate::acr) struct Attributes {
    pub delete: bool,
    pub write: bool,
    pub read: bool,
    pub list: bool,
}

impl Default for Attributes {
    fn default() -> Self {
        Self { delete: true, write: true, read: true, list: true }
    }
}

impl Repository {
    pub fn new(now: Timestamp) -> Self {
        Self {
            created: now,
            updated: now,
            attributes: Attributes::default(),
            manifests: BTreeMap::new(),
            tags: BTreeMap::new(),
            blobs: BTreeMap::new(),
            loose: BTreeMap::new(),
            referrers: BTreeMap::new(),
            untagged: BTreeMap::new(),
        }
    }

    /// Keeps a manifest, and moves the tag to it if there is one.
    pub fn put_manifest(&mut self, document: Arc<Document>, tag: Option<&str>, now: Timestamp) {
        let digest = document.digest.clone();
        if self.manifests.is_empty() {
            self.created = now;
            self.attributes = Attributes::default();
        }
        for named in document.blobs() {
            self.loose.remove(&named.digest);
        }
        if let Some(subject) = &document.subject {
            self.referrers.entry(subject.clone()).or_default().insert(digest.clone());
        }
        self.manifests.entry(digest.clone()).and_modify(|manifest| manifest.updated = now).or_insert_with(|| Manifest {
            document,
            created: now,
            updated: now,
            attributes: Attributes::default(),
            quarantine: Quarantine::default(),
        });
        if let Some(tag) = tag {
            self.tags
                .entry(tag.to_owned())
                .and_modify(|held| {
                    held.digest = digest.clone();
                    held.updated = now;
                })
                .or_insert_with(|| Tag { digest, created: now, updated: now, attributes: Attributes::default() });
        }
        self.updated = now;
    }

    /// Takes a manifest away, and every tag that points to it.
    pub fn remove_manifest(&mut self, digest: &Digest, now: Timestamp) -> Option<Manifest> {
        let manifest = self.manifests.remove(digest)?;
        self.tags.retain(|_, tag| tag.digest != *digest);
        if let Some(subject) = &manifest.document.subject
            && let Some(referrers) = self.referrers.get_mut(subject)
        {
            referrers.remove(digest);
            if referrers.is_empty() {
                self.referrers.remove(subject);
            }
        }
        self.loosen(&manifest.document, now);
        self.updated = now;
        Some(manifest)
    }

    /// Notes the blobs that a manifest named and no other one names.
    fn loosen(&mut self, document: &Document, now: Timestamp) {
        let mut loose: BTreeSet<&Digest> = document.blobs().map(|it| &it.digest).collect();
        for named in self.manifests.values().flat_map(|it| it.document.blobs()) {
            loose.remove(&named.digest);
        }
        self.loose.extend(loose.into_iter().map(|digest| (digest.clone(), now)));
    }

    /// Lets go of the blobs that nobody has named again since a time.
    pub fn free_loose(&mut self, since: Timestamp) {
        let blobs = &mut self.blobs;
        self.loose.retain(|digest, loosened| {
            let stays = *loosened > since;
            if !stays {
                blobs.remove(digest);
            }
            stays
        });
    }

    /// Keeps a blob.
    pub fn put_blob(&mut self, digest: Digest, blob: Arc<Blob>) {
        self.loose.remove(&digest);
        self.blobs.insert(digest, blob);
    }

    /// The digest that a reference stands for: its own, or its tag's.
    pub fn digest_of(&self, reference: &str) -> Option<Digest> {
        Digest::parse(reference).or_else(|| self.tags.get(reference).map(|tag| tag.digest.clone()))
    }

    /// The tags that point to a manifest.
    pub fn tags_of<'a>(&'a self, digest: &'a Digest) -> impl Iterator<Item = &'a str> {
        self.tags.iter().filter(move |(_, tag)| tag.digest == *digest).map(|(name, _)| name.as_str())
    }
}
