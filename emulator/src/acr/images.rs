//! The images of registries outside of Azure: loaded from archives, listed, removed. An archive is taken whole or not at all.

use std::collections::BTreeSet;
use std::io::{self, Read};
use std::pin::pin;
use std::sync::Arc;

use bytes::{Buf as _, Bytes};
use futures_util::{Stream, StreamExt as _};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use super::archive::{self, Fault, Found, docker, fault, layout};
use super::digest::Digest;
use super::image::Image;
use super::pull::Reference;
use super::route;
use super::store::{Registry, Repository, Store};
use super::upstream;
use crate::world::World;

/// As many pieces of an archive may wait for whoever reads them.
const AHEAD: usize = 8;

/// How an archive is loaded.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LoadOptions {
    /// The name, with or without a tag, that its image is known by; else the names that the archive has.
    #[serde(rename = "as", skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Whether an index may name manifests that the archive does not hold, as where one platform of many was saved.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub partial: bool,
}

/// An image, as it is listed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Listed {
    /// The registry's host.
    pub registry: String,
    /// The repository.
    pub repository: String,
    /// The tag.
    pub tag: String,
    /// The digest of its manifest or index.
    pub digest: String,
    /// What that is.
    pub media_type: String,
    /// The platforms whose content is there.
    pub platforms: Vec<String>,
    /// What it takes, in bytes.
    pub size: u64,
}

/// What came of loading an archive.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loaded {
    /// The images.
    pub images: Vec<Listed>,
    /// What there is to know about them.
    pub notes: Vec<String>,
}

/// Reads an archive and puts its images where their names say. May wait for the archive to arrive, and for a disk.
pub fn load(store: &Store, reader: impl Read, options: &LoadOptions, now: Timestamp) -> Result<Loaded, Fault> {
    let files = archive::read(store.blob_pool(), reader)?;
    let mut found = if layout::is_one(&files) {
        layout::images(&files, options.partial)?
    } else if docker::is_one(&files) {
        docker::images(&files)?
    } else {
        return fault(
            "the archive holds neither an OCI layout (oci-layout, index.json, blobs) nor what docker save writes (manifest.json)",
        );
    };
    let known = docker::names(&files);
    for found in found.iter_mut().filter(|found| found.names.is_empty()) {
        let configs: Vec<&Digest> = found.image.manifests.iter().filter_map(|it| it.config().map(|it| &it.digest)).collect();
        found.names.extend(known.iter().filter(|(digest, _)| configs.contains(&digest)).flat_map(|(_, names)| names.clone()));
    }
    let places = places(&found, options.name.as_deref())?;
    let mut loaded = Loaded::default();
    for (place, found) in places.iter().zip(&found) {
        for (host, repository, tag) in place {
            put(store, (host, repository, tag), found, now);
            let registry = store.public_registry(host);
            loaded.images.extend(registry.and_then(|registry| listed(&registry, repository, tag)));
        }
        loaded.notes.extend(note(found));
    }
    Ok(loaded)
}

/// As [`load`], of an archive that arrives in pieces.
pub async fn load_arriving(
    world: Arc<World>,
    pieces: impl Stream<Item = io::Result<Bytes>>,
    options: LoadOptions,
) -> Result<Loaded, Fault> {
    let (sender, receiver) = mpsc::channel(AHEAD);
    let loading = tokio::task::spawn_blocking(move || {
        load(&world.acr, Arriving { receiver, piece: Bytes::new() }, &options, world.clock.now())
    });
    let mut pieces = pin!(pieces);
    while let Some(piece) = pieces.next().await {
        let broken = piece.is_err();
        // Nobody takes the rest of an archive that is refused.
        if sender.send(piece).await.is_err() || broken {
            break;
        }
    }
    drop(sender);
    loading.await.unwrap_or_else(|_| fault("the archive could not be read"))
}

/// Pieces as a reader, for who may wait.
struct Arriving {
    receiver: mpsc::Receiver<io::Result<Bytes>>,
    piece: Bytes,
}

impl Read for Arriving {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() {
            match self.receiver.blocking_recv() {
                Some(piece) => self.piece = piece?,
                None => return Ok(0),
            }
        }
        let length = self.piece.len().min(buffer.len());
        self.piece.copy_to_slice(buffer.get_mut(..length).unwrap_or_default());
        Ok(length)
    }
}

fn note(found: &Found) -> Option<String> {
    if found.rebuilt {
        let title = found.title();
        return Some(format!(
            "{title}: docker save keeps no manifest; this one was made from the layers, and its digest is not a registry's"
        ));
    }
    let missing = found.missing.join(", ");
    (!found.missing.is_empty())
        .then(|| format!("{}: its index also names {missing}, which the archive does not hold", found.title()))
}

type Place = (String, String, String);

/// Where each image goes.
fn places(found: &[Found], name: Option<&str>) -> Result<Vec<Vec<Place>>, Fault> {
    let Some(name) = name else { return found.iter().map(own_places).collect() };
    let (host, repository, tag) = named(name)?;
    let all = || found.iter().map(Found::title).collect::<Vec<_>>().join("; ");
    if tag.is_some() && found.len() > 1 {
        return fault(format!("the archive holds {} images, which cannot all be {name}: {}", found.len(), all()));
    }
    let mut taken = BTreeSet::new();
    let of = |image: &Found| {
        let mut tags = tag.as_ref().map_or_else(|| tags(image), |tag| vec![tag.clone()]);
        if tags.is_empty() && found.len() == 1 {
            tags.push("latest".into());
        }
        if tags.is_empty() {
            return fault(format!("the archive says no tag of {}; load it alone, as {name}:TAG", image.title()));
        }
        if let Some(twice) = tags.iter().find(|tag| !taken.insert((*tag).clone())) {
            return fault(format!("more than one image of the archive would be {name}:{twice}: {}", all()));
        }
        Ok(tags.into_iter().map(|tag| (host.clone(), repository.clone(), tag)).collect())
    };
    found.iter().map(of).collect()
}

/// The tags that an archive gives an image, whatever it calls its repository.
fn tags(found: &Found) -> Vec<String> {
    let tag = |name: &String| {
        if route::is_tag(name) { Some(name.clone()) } else { Reference::parse(name).ok().and_then(|reference| reference.tag) }
    };
    found.names.iter().filter_map(tag).collect()
}

fn own_places(found: &Found) -> Result<Vec<Place>, Fault> {
    let whole: Vec<&String> = found.names.iter().filter(|name| !route::is_tag(name)).collect();
    if whole.is_empty() {
        return fault(format!(
            "the archive does not say what {} is called; say it, such as: --as docker.io/library/NAME:TAG",
            found.title()
        ));
    }
    let place = |name: &&String| named(name).map(|(host, repository, tag)| (host, repository, tag.unwrap_or("latest".into())));
    whole.iter().map(place).collect()
}

/// A name in its parts; the tag only if it is written.
fn named(name: &str) -> Result<(String, String, Option<String>), Fault> {
    let reference = Reference::parse(name).map_err(|_| {
        Fault(format!(
            "{name:?} is no name of an image; write it as docker.io/library/nginx:1.29 or registry.example/team/app:v1"
        ))
    })?;
    if reference.digest.is_some() {
        return fault(format!("{name:?} has a digest; an image is loaded under a tag, and its digest is its content's"));
    }
    let host = upstream::canonical(&reference.host);
    let bare = host.rsplit_once(':').map_or(host.as_str(), |(bare, _)| bare);
    if bare == "azurecr.io" || bare.ends_with(".azurecr.io") {
        return fault(format!("{host} is a registry of Azure's: create it with ARM, and push or import to it"));
    }
    if !bare.contains('.') || bare.parse::<std::net::IpAddr>().is_ok() {
        return fault(format!("{host} is no host that azlet can stand for: it needs a name with a dot"));
    }
    let last = name.rsplit('/').next().unwrap_or(name);
    let tag = reference.tag.filter(|_| last.contains(':'));
    Ok((host, reference.repository, tag))
}

fn put(store: &Store, (host, repository, tag): (&str, &str, &str), found: &Found, now: Timestamp) {
    let registry = store.public_registry_to_fill(host);
    let mut repositories = registry.repositories.write();
    let held = repositories.entry(repository.to_owned()).or_insert_with(|| Repository::new(now));
    found.image.put(held, Some(tag), now);
    for referrer in &found.referrers {
        referrer.put(held, None, now);
    }
    sweep(held, now);
}

/// Every image that there is, by name.
pub fn list(store: &Store) -> Vec<Listed> {
    let all = store.public_registries();
    let images = all.iter().flat_map(|registry| {
        let names: Vec<(String, String)> = {
            let repositories = registry.repositories.read();
            let tags = |(name, held): (&String, &Repository)| held.tags.keys().map(|tag| (name.clone(), tag.clone())).collect();
            repositories.iter().flat_map(|entry| -> Vec<_> { tags(entry) }).collect()
        };
        names.into_iter().filter_map(|(repository, tag)| listed(registry, &repository, &tag))
    });
    images.collect()
}

fn listed(registry: &Registry, repository: &str, tag: &str) -> Option<Listed> {
    let image = Image::collect(registry, repository, tag, usize::MAX).ok()?;
    let root = image.root()?;
    Some(Listed {
        registry: registry.login_server.clone(),
        repository: repository.to_owned(),
        tag: tag.to_owned(),
        digest: root.digest.to_string(),
        media_type: root.media_type.clone(),
        platforms: image.platforms(),
        size: image.size(),
    })
}

/// Removes an image by its tag or digest, or a whole repository; gives the names that are gone.
pub fn remove(store: &Store, name: &str, now: Timestamp) -> Result<Vec<String>, Fault> {
    let Ok(reference) = Reference::parse(name) else { return fault(format!("{name:?} is no name of an image or repository")) };
    let (host, repository) = (upstream::canonical(&reference.host), &reference.repository);
    let unknown = || Fault(format!("there is no image {name}: azlet images list shows those that there are"));
    let registry = store.public_registry(&host).ok_or_else(unknown)?;
    let removed = {
        let mut repositories = registry.repositories.write();
        let held = repositories.get_mut(repository).ok_or_else(unknown)?;
        let written = name.rsplit('/').next().unwrap_or(name).contains([':', '@']);
        let digest = reference.digest.as_deref().and_then(Digest::parse);
        let meant = |tag: &String, of: &Digest| match &digest {
            Some(digest) => of == digest,
            None => !written || reference.tag.as_ref() == Some(tag),
        };
        let gone: Vec<String> = held.tags.iter().filter(|(tag, it)| meant(tag, &it.digest)).map(|(tag, _)| tag.clone()).collect();
        held.tags.retain(|tag, _| !gone.contains(tag));
        sweep(held, now);
        if held.tags.is_empty() {
            repositories.remove(repository);
        }
        gone
    };
    store.forget_if_empty(&registry);
    if removed.is_empty() {
        return Err(unknown());
    }
    Ok(removed.iter().map(|tag| format!("{host}/{repository}:{tag}")).collect())
}

/// Takes away what no tag leads to any more.
fn sweep(held: &mut Repository, now: Timestamp) {
    let mut kept: BTreeSet<Digest> = BTreeSet::new();
    let mut waiting: Vec<Digest> = held.tags.values().map(|tag| tag.digest.clone()).collect();
    while let Some(digest) = waiting.pop() {
        let Some(manifest) = held.manifests.get(&digest).filter(|_| !kept.contains(&digest)) else { continue };
        waiting.extend(manifest.document.children().iter().map(|child| child.digest.clone()));
        waiting.extend(held.referrers.get(&digest).into_iter().flatten().cloned());
        kept.insert(digest);
    }
    let lost: Vec<Digest> = held.manifests.keys().filter(|digest| !kept.contains(digest)).cloned().collect();
    for digest in lost {
        held.remove_manifest(&digest, now);
    }
    let needed: BTreeSet<Digest> =
        held.manifests.values().flat_map(|it| it.document.blobs().map(|blob| blob.digest.clone()).collect::<Vec<_>>()).collect();
    held.blobs.retain(|digest, _| needed.contains(digest));
}
