//! `/acr/v1`: what Azure adds to the distribution specification. Repositories, tags and manifests with their times and locks.
//! Source: Azure Container Registry's REST reference and recorded answers.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::auth::Granted;
use super::digest::Digest;
use super::document::{Document, Parts};
use super::error::Error;
use super::page::{Listed, Page};
use super::store::{Attributes, Manifest, Repository, Tag};
use super::{deleted, quarantine, retention};
use crate::world::World;

/// RFC 3339 with `Z`, up to seven decimals, without trailing zeros.
pub(super) fn time(at: Timestamp) -> String {
    let decimals = format!("{:07}", at.subsec_nanosecond() / 100);
    let seconds = at.strftime("%Y-%m-%dT%H:%M:%S");
    match decimals.trim_end_matches('0') {
        "" => format!("{seconds}Z"),
        decimals => format!("{seconds}.{decimals}Z"),
    }
}

impl Attributes {
    fn to_json(self) -> Value {
        json!({
            "deleteEnabled": self.delete, "writeEnabled": self.write, "readEnabled": self.read, "listEnabled": self.list,
        })
    }

    /// Changes what `patch` names.
    fn change(&mut self, patch: &Map<String, Value>) -> Result<(), Error> {
        let mut changed = *self;
        for (key, value) in patch {
            let flag = match key.as_str() {
                "deleteEnabled" => &mut changed.delete,
                "writeEnabled" => &mut changed.write,
                "readEnabled" => &mut changed.read,
                "listEnabled" => &mut changed.list,
                _ => continue,
            };
            *flag = value.as_bool().ok_or_else(|| Error::bad_request(format!("invalid format: {key} must be true or false")))?;
        }
        *self = changed;
        Ok(())
    }
}

/// Reads the body of a change of attributes.
fn read_patch(body: &[u8]) -> Result<Map<String, Value>, Error> {
    match serde_json::from_slice(body) {
        Ok(Value::Object(patch)) => Ok(patch),
        _ => Err(Error::bad_request("invalid format: the body must be a JSON object of attributes")),
    }
}

/// A repository that holds something.
fn find<'a>(held: Option<&'a Repository>, repository: &str) -> Result<&'a Repository, Error> {
    held.filter(|held| !held.manifests.is_empty()).ok_or_else(|| Error::repository_not_found(repository))
}

/// A repository's own record; with a patch, changed by it first.
pub fn repository(granted: &Granted, name: &str, patch: Option<&[u8]>) -> Result<Value, Error> {
    let patch = patch.map(read_patch).transpose()?;
    let mut repositories = granted.registry().repositories.write();
    let held = repositories.get_mut(name).filter(|held| !held.manifests.is_empty());
    let held = held.ok_or_else(|| Error::repository_not_found(name))?;
    if let Some(patch) = patch {
        held.attributes.change(&patch)?;
    }
    Ok(json!({
        "registry": granted.registry().login_server,
        "imageName": name,
        "createdTime": time(held.created),
        "lastUpdateTime": time(held.updated),
        "manifestCount": held.manifests.len(),
        "tagCount": held.tags.len(),
        "changeableAttributes": held.attributes.to_json(),
    }))
}

/// Deletes a repository with all that it holds, and returns its manifests.
pub fn delete_repository(world: &World, granted: &Granted, name: &str) -> Result<(Value, Vec<Arc<Document>>), Error> {
    let mut repositories = granted.registry().repositories.write();
    let held = repositories.get_mut(name).filter(|held| !held.manifests.is_empty());
    let held = held.ok_or_else(|| Error::name_unknown(name))?;
    // That one locked image keeps the whole repository is inferred.
    let children = held.manifests.values().map(|it| it.attributes).chain(held.tags.values().map(|it| it.attributes));
    if children.chain([held.attributes]).any(|it| !it.delete || !it.write) {
        return Err(Error::disallowed());
    }
    let manifests: Vec<&str> = held.manifests.keys().map(Digest::as_str).collect();
    let tags: Vec<&String> = held.tags.keys().collect();
    let tags = if tags.is_empty() { Value::Null } else { json!(tags) };
    let answer = json!({ "manifestsDeleted": manifests, "tagsDeleted": tags });
    let documents: Vec<Arc<Document>> = held.manifests.values().map(|manifest| manifest.document.clone()).collect();
    for document in &documents {
        deleted::remove_manifest(granted.registry(), name, held, &document.digest, world.clock.now());
    }
    repositories.remove(name);
    drop(repositories);
    retention::begin(world, granted.registry());
    Ok((answer, documents))
}

struct ListedTag(String, Tag);

impl Listed for ListedTag {
    fn key(&self) -> &str {
        &self.0
    }

    fn updated(&self) -> Timestamp {
        self.1.updated
    }
}

fn tag_item(name: &str, tag: &Tag) -> Value {
    json!({
        "name": name,
        "digest": tag.digest.as_str(),
        "createdTime": time(tag.created),
        "lastUpdateTime": time(tag.updated),
        "signed": false,
        "changeableAttributes": tag.attributes.to_json(),
    })
}

/// The tags of a repository, and the link to the next page. `digest` leaves only those of one manifest.
pub fn tags(
    granted: &Granted,
    name: &str,
    page: &Page,
    digest: Option<&str>,
    path: &str,
) -> Result<(Value, Option<String>), Error> {
    let repositories = granted.registry().repositories.read();
    let held = find(repositories.get(name), name)?;
    let wanted = |tag: &Tag| tag.attributes.list && digest.is_none_or(|digest| tag.digest.as_str() == digest);
    let shown = held.tags.iter().filter(|(_, tag)| wanted(tag)).map(|(name, tag)| ListedTag(name.clone(), tag.clone()));
    let (shown, link) = page.cut(shown.collect(), path);
    let tags: Vec<Value> = shown.iter().map(|ListedTag(name, tag)| tag_item(name, tag)).collect();
    Ok((json!({ "registry": granted.registry().login_server, "imageName": name, "tags": tags }), link))
}

/// A tag's record; with a patch, changed by it first. Its time of change stays.
pub fn tag(granted: &Granted, name: &str, tag: &str, patch: Option<&[u8]>) -> Result<Value, Error> {
    let patch = patch.map(read_patch).transpose()?;
    let mut repositories = granted.registry().repositories.write();
    let found = repositories.get_mut(name).and_then(|held| held.tags.get_mut(tag)).ok_or_else(Error::tag_unknown)?;
    if let Some(patch) = patch {
        found.attributes.change(&patch)?;
    }
    Ok(json!({ "registry": granted.registry().login_server, "imageName": name, "tag": tag_item(tag, found) }))
}

/// Deletes a tag and leaves its manifest, whose digest is returned.
pub fn delete_tag(world: &World, granted: &Granted, name: &str, tag: &str) -> Result<Digest, Error> {
    let mut repositories = granted.registry().repositories.write();
    let held = repositories.get_mut(name).ok_or_else(Error::tag_unknown)?;
    let attributes = held.tags.get(tag).ok_or_else(Error::tag_unknown)?.attributes;
    if !attributes.delete || !attributes.write || !held.attributes.write {
        return Err(Error::disallowed());
    }
    let removed = held.tags.remove(tag).ok_or_else(Error::tag_unknown)?;
    held.updated = world.clock.now();
    deleted::removed_tag(granted.registry(), name, held, (tag, &removed), held.updated);
    retention::note(granted.registry(), held, &[&removed.digest], held.updated);
    drop(repositories);
    retention::begin(world, granted.registry());
    Ok(removed.digest)
}

struct ListedManifest<'a>(&'a str, &'a Manifest);

impl Listed for ListedManifest<'_> {
    fn key(&self) -> &str {
        self.0
    }

    fn updated(&self) -> Timestamp {
        self.1.updated
    }
}

/// The manifests of a repository, and the link to the next page.
pub fn manifests(granted: &Granted, name: &str, page: &Page, path: &str) -> Result<(Value, Option<String>), Error> {
    let repositories = granted.registry().repositories.read();
    let held = find(repositories.get(name), name)?;
    let shown = held.manifests.iter().filter(|(_, manifest)| manifest.attributes.list);
    let (shown, link) = page.cut(shown.map(|(digest, manifest)| ListedManifest(digest.as_str(), manifest)).collect(), path);
    let items: Vec<Value> = shown.iter().map(|ListedManifest(_, manifest)| manifest_item(held, manifest, false)).collect();
    Ok((json!({ "registry": granted.registry().login_server, "imageName": name, "manifests": items }), link))
}

/// A manifest that has just been found good, and its tags.
pub type Freed = (Arc<Document>, Vec<String>);

/// A manifest's record; with a patch, changed by it first.
/// The second value is the manifest if the change takes it out of quarantine, with its tags.
pub fn manifest(granted: &Granted, name: &str, digest: &str, patch: Option<&[u8]>) -> Result<(Value, Option<Freed>), Error> {
    let patch = patch.map(read_patch).transpose()?;
    let mut passed = false;
    let digest = Digest::parse(digest).ok_or_else(Error::manifest_unknown)?;
    let mut repositories = granted.registry().repositories.write();
    let held = repositories.get_mut(name).ok_or_else(Error::manifest_unknown)?;
    if let Some(patch) = patch {
        let manifest = held.manifests.get_mut(&digest).ok_or_else(Error::manifest_unknown)?;
        let quarantine = quarantine::changed(granted, name, &manifest.quarantine, &patch)?;
        manifest.attributes.change(&patch)?;
        passed = quarantine.is_passed() && !manifest.quarantine.is_passed();
        manifest.quarantine = quarantine;
    }
    let found = held.manifests.get(&digest).ok_or_else(Error::manifest_unknown)?;
    let item = manifest_item(held, found, true);
    let freed = passed.then(|| (found.document.clone(), held.tags_of(&digest).map(str::to_owned).collect()));
    Ok((json!({ "registry": granted.registry().login_server, "imageName": name, "manifest": item }), freed))
}

/// A manifest as it is shown. Keys that do not apply are left out; `references` are shown for a single manifest only.
fn manifest_item(held: &Repository, manifest: &Manifest, single: bool) -> Value {
    let document = &manifest.document;
    let mut item = Map::new();
    item.insert("digest".into(), document.digest.as_str().into());
    item.insert("imageSize".into(), image_size(held, document).into());
    item.insert("createdTime".into(), time(manifest.created).into());
    item.insert("lastUpdateTime".into(), time(manifest.updated).into());
    if let Some((architecture, os)) = platform(held, document) {
        item.insert("architecture".into(), architecture.into());
        item.insert("os".into(), os.into());
    }
    item.insert("mediaType".into(), document.media_type.as_str().into());
    if let Some(config) = document.config_media_type() {
        item.insert("configMediaType".into(), config.into());
    }
    let tags: Vec<&str> = held.tags_of(&document.digest).collect();
    if !tags.is_empty() {
        item.insert("tags".into(), json!(tags));
    }
    item.insert("changeableAttributes".into(), manifest.quarantine.shown(manifest.attributes.to_json()));
    if single && let Parts::Index(children) = &document.parts {
        let reference = |child: &super::document::Child| json!({ "digest": child.digest.as_str(), "architecture": child.architecture, "os": child.os });
        item.insert("references".into(), children.iter().map(reference).collect());
    }
    Value::Object(item)
}

/// What an image takes: configuration and layers; for an index, the sum of what it lists.
pub(super) fn image_size(held: &Repository, document: &Document) -> u64 {
    match &document.parts {
        Parts::Image { .. } => document.blobs().map(|blob| blob.size).fold(0, u64::saturating_add),
        // One level: an index within an index counts nothing, so that no circle can be followed.
        Parts::Index(children) => {
            let unique: BTreeSet<&Digest> = children.iter().map(|child| &child.digest).collect();
            let sizes = unique.into_iter().filter_map(|digest| held.manifests.get(digest)).map(|it| it.document.blobs());
            sizes.flatten().map(|blob| blob.size).fold(0, u64::saturating_add)
        }
    }
}

/// Architecture and system out of an image's configuration; none for an index or where the configuration says nothing.
fn platform(held: &Repository, document: &Document) -> Option<(String, String)> {
    /// A configuration of a container image is far smaller; anything larger is something else.
    const LARGEST: u64 = 4 * 1024 * 1024;
    let blob = held.blobs.get(&document.config()?.digest).filter(|blob| blob.size <= LARGEST)?;
    let config: Value = serde_json::from_slice(&blob.whole().ok()?).ok()?;
    Some((config["architecture"].as_str()?.to_owned(), config["os"].as_str()?.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_no_trailing_zeros() {
        let at = |nanoseconds| time(Timestamp::new(0, nanoseconds).expect("in range"));
        assert_eq!(at(0), "1970-01-01T00:00:00Z");
        assert_eq!(at(120_000_000), "1970-01-01T00:00:00.12Z");
        assert_eq!(at(123_456_789), "1970-01-01T00:00:00.1234567Z");
    }

    #[test]
    fn only_known_attributes_change() {
        let mut attributes = Attributes::default();
        let patch = |text: &str| read_patch(text.as_bytes());
        attributes.change(&patch(r#"{"writeEnabled":false,"other":1}"#).expect("an object")).expect("good");
        assert!(!attributes.write && attributes.delete);
        let wrong = patch(r#"{"readEnabled":false,"deleteEnabled":"no"}"#).expect("an object");
        assert!(attributes.change(&wrong).is_err());
        assert!(attributes.read, "a refused patch changes nothing");
        assert!(patch("[]").is_err() && patch("").is_err());
    }
}
