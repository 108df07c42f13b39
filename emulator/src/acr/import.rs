//! Importing an image: what ARM's `importImage` asks the registry to do.
//! Source: Azure Container Registry documentation ("Import container images"), with messages that users have reported.

use std::sync::Arc;

use super::digest::Digest;
use super::document::Document;
use super::pull::BasicCredential;
use super::store::{Blob, Registry, Repository};
use super::{auth, notify, rights, route};
use crate::kernel::principal::Caller;
use crate::kernel::resource_id::ResourceId;
use crate::world::World;

/// An image has at most this many manifests, or it is not imported.
const MANIFESTS_AT_MOST: usize = 50;

/// Where an image comes from.
#[derive(Clone, Debug)]
pub struct ImportSource {
    /// The registry.
    pub registry: ImportRegistry,
    /// `repo:tag` or `repo@digest`.
    pub image: String,
}

/// Which registry an image comes from.
#[derive(Clone, Debug)]
pub enum ImportRegistry {
    /// `registryUri`: a host.
    Uri {
        /// The host.
        host: String,
        /// What to sign in with.
        credentials: Option<BasicCredential>,
    },
    /// `resourceId`: a registry of Azure, read with the caller's own rights.
    Resource(ResourceId),
}

/// Why an import failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportFailure {
    /// The error's code.
    pub code: &'static str,
    /// What went wrong, as the service says it.
    pub text: String,
    /// The target registry.
    pub registry: ResourceId,
}

impl ImportFailure {
    /// The error's message, for the operation of this name (`registries-{guid}`).
    pub fn message(&self, operation: &str) -> String {
        format!("Operation {operation} failed. Resource {} {}", self.registry, self.text)
    }
}

/// Copies an image, with all its platforms and the same digests, into `target`. `target_tags` holds `repo:tag` (or a bare
/// `repo`, which gets no tag), `untagged` bare repositories. Nothing is changed unless all of it can be done.
pub fn import(
    world: &World,
    caller: &Caller,
    target: &Registry,
    source: &ImportSource,
    target_tags: &[String],
    untagged: &[String],
    force: bool,
) -> Result<(), ImportFailure> {
    let fail = |code, text: String| ImportFailure { code, text, registry: target.id.clone() };
    let registry = source_registry(world, caller, source).map_err(|(code, text)| fail(code, text))?;
    let (repository, reference) =
        split(&source.image).ok_or_else(|| fail("InvalidParameters", format!("Invalid source image {}", source.image)))?;
    let image = Image::collect(&registry, repository, reference).map_err(|text| fail("InvalidParameters", text))?;
    let mut targets = Vec::new();
    let written = target_tags.iter().chain(untagged);
    for text in written.chain((target_tags.is_empty() && untagged.is_empty()).then_some(&source.image)) {
        let (name, tag) = target_of(text).ok_or_else(|| fail("InvalidParameters", format!("Invalid target {text}")))?;
        targets.push((name, tag));
    }
    let mut repositories = target.repositories.write();
    if !force {
        let taken = |(name, tag): &&(&str, Option<&str>)| {
            tag.is_some_and(|tag| repositories.get(*name).is_some_and(|held| held.tags.contains_key(tag)))
        };
        if let Some((name, Some(tag))) = targets.iter().find(taken) {
            return Err(fail("Conflict", format!("Tag {name}:{tag} already exists in target registry.")));
        }
    }
    let now = world.clock.now();
    for (name, tag) in &targets {
        let held = repositories.entry((*name).to_owned()).or_insert_with(|| Repository::new(now));
        image.put(held, *tag, now);
    }
    drop(repositories);
    if let Some(root) = image.manifests.first() {
        for (name, tag) in targets {
            notify::imported(world, target, name, tag, root);
        }
    }
    Ok(())
}

fn source_registry(world: &World, caller: &Caller, source: &ImportSource) -> Result<Arc<Registry>, (&'static str, String)> {
    match &source.registry {
        ImportRegistry::Resource(id) => {
            let registry = world.acr.by_id(id).ok_or_else(|| {
                ("ResourceNotFound", format!("The source registry {id} was not found. Check registryResourceId."))
            })?;
            if !rights::may_pull(world, &registry, caller, repository_of(&source.image)) {
                return Err(("Unauthorized", format!("Access to {} denied.", registry.login_server)));
            }
            let settings = registry.settings.read();
            let closed = !settings.public_network_access || settings.allowed.is_some();
            // Importing is one of the services that a registry may let past its network rules.
            if closed && !settings.bypass_azure_services {
                return Err(("Forbidden", closed_source()));
            }
            drop(settings);
            Ok(registry)
        }
        ImportRegistry::Uri { host, credentials } => by_uri(world, host, credentials.as_ref()),
    }
}

/// The repository that an image is in, whatever its tag or digest is.
fn repository_of(image: &str) -> &str {
    split(image).map_or(image, |(repository, _)| repository)
}

fn by_uri(world: &World, host: &str, credentials: Option<&BasicCredential>) -> Result<Arc<Registry>, (&'static str, String)> {
    if let Some(registry) = world.acr.public_registry(host) {
        return Ok(registry);
    }
    let Some(registry) = world.acr.by_login_server(host) else {
        return Err((
            "InvalidParameters",
            format!(
                "Invalid value {host} for property parameters.Source.RegistryUri for resource name. azlet has no network: it can \
                 import from the registries of its own world and from the public images of its seed"
            ),
        ));
    };
    {
        let settings = registry.settings.read();
        if !settings.public_network_access || settings.allowed.is_some() {
            return Err(("Forbidden", closed_source()));
        }
    }
    auth::authenticate_basic(world, &registry, credentials)
        .map_err(|error| ("Unauthorized", format!("Invalid message Unauthorized Unauthorized {}", error.body().trim_end())))?;
    Ok(registry)
}

/// What is reported of a source that its network rules close (the code is inferred).
fn closed_source() -> String {
    "Invalid message Forbidden Forbidden \
     {\"errors\":[{\"code\":\"DENIED\",\"message\":\"requested access to the resource is denied\"}]}"
        .into()
}

/// Fills a repository by the registry's cache rules, as a pull of what is not there yet does: a rule without a wildcard wins,
/// and nothing happens where there is neither a rule nor such an image.
/// Source: Azure Container Registry documentation ("Artifact cache"). That a tag is not looked up anew is inferred.
pub fn fill_cache(world: &World, registry: &Registry, repository: &str, reference: &str) {
    let mut rules = registry.cache_rules.read().clone();
    rules.sort_by_key(|(_, to)| (to.ends_with('*'), std::cmp::Reverse(to.len())));
    let from = rules.iter().find_map(|(from, to)| match to.strip_suffix('*') {
        Some(beginning) => Some(format!("{}{}", from.trim_end_matches('*'), repository.strip_prefix(beginning)?)),
        None => (to == repository).then(|| from.clone()),
    });
    let Some(from) = from else { return };
    let held = |held: &Repository| {
        let digest = Digest::parse(reference).or_else(|| held.tags.get(reference).map(|tag| tag.digest.clone()));
        digest.is_some_and(|digest| held.manifests.contains_key(&digest))
    };
    if registry.repositories.read().get(repository).is_some_and(held) {
        return;
    }
    let Some((host, name)) = from.split_once('/') else { return };
    let Some(source) = world.acr.public_registry(host).filter(|_| route::is_repository(name)) else { return };
    let Ok(image) = Image::collect(&source, name, reference) else { return };
    let now = world.clock.now();
    let mut repositories = registry.repositories.write();
    let target = repositories.entry(repository.to_owned()).or_insert_with(|| Repository::new(now));
    image.put(target, route::is_tag(reference).then_some(reference), now);
}

/// `repo:tag` or `repo@digest` in two; the tag may be left out.
fn split(image: &str) -> Option<(&str, &str)> {
    let (repository, reference) = match image.split_once('@') {
        Some((repository, digest)) => (repository.split_once(':').map_or(repository, |(name, _)| name), digest),
        None => image.split_once(':').unwrap_or((image, "latest")),
    };
    (route::is_repository(repository) && route::is_reference(reference)).then_some((repository, reference))
}

/// A target: `repo:tag` or `repo`; a digest in it only tells which image is meant.
fn target_of(text: &str) -> Option<(&str, Option<&str>)> {
    let text = text.split_once('@').map_or(text, |(name, _)| name);
    let (name, tag) = text.split_once(':').map_or((text, None), |(name, tag)| (name, Some(tag)));
    (route::is_repository(name) && tag.is_none_or(route::is_tag)).then_some((name, tag))
}

/// An image with everything that belongs to it: its own manifest first.
struct Image {
    manifests: Vec<Arc<Document>>,
    blobs: Vec<(Digest, Arc<Blob>)>,
}

impl Image {
    fn collect(registry: &Registry, repository: &str, reference: &str) -> Result<Self, String> {
        let repositories = registry.repositories.read();
        let missing = || match Digest::parse(reference) {
            Some(digest) => format!("Unable to find manifest digest  Repo: {repository} Tag:  Manifest: {digest}"),
            None => format!("Unable to find manifest digest  Repo: {repository} Tag: {reference} Manifest: "),
        };
        let held = repositories.get(repository).ok_or_else(missing)?;
        let digest = Digest::parse(reference).or_else(|| held.tags.get(reference).map(|tag| tag.digest.clone()));
        let root = digest.and_then(|digest| held.manifests.get(&digest)).ok_or_else(missing)?;
        let mut image = Self { manifests: vec![root.document.clone()], blobs: Vec::new() };
        let mut next = 0;
        while let Some(document) = image.manifests.get(next).cloned() {
            next += 1;
            if image.manifests.len() > MANIFESTS_AT_MOST {
                return Err(format!("The image has more than {MANIFESTS_AT_MOST} manifests"));
            }
            let known = |child: &Digest, image: &Self| image.manifests.iter().any(|document| document.digest == *child);
            for child in document.children() {
                if let Some(manifest) = held.manifests.get(&child.digest)
                    && !known(&child.digest, &image)
                {
                    image.manifests.push(manifest.document.clone());
                }
            }
            for descriptor in document.blobs() {
                match held.blobs.get(&descriptor.digest) {
                    Some(blob) => image.blobs.push((descriptor.digest.clone(), blob.clone())),
                    None if descriptor.is_foreign() => {}
                    None => return Err("Error copying blobs".into()),
                }
            }
        }
        Ok(image)
    }

    fn put(&self, target: &mut Repository, tag: Option<&str>, now: jiff::Timestamp) {
        target.blobs.extend(self.blobs.iter().cloned());
        // Children before the index that names them, as every push does.
        for (position, document) in self.manifests.iter().enumerate().rev() {
            target.put_manifest(document.clone(), tag.filter(|_| position == 0), now);
        }
    }
}
