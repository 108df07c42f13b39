//! Importing an image: what ARM's `importImage` asks the registry to do.
//! Source: Azure Container Registry documentation ("Import container images"), with messages that users have reported. The codes that
//! go with a refused source are inferred.

use std::sync::Arc;

use serde_json::Value;

use super::auth::{self, ExchangeRequest, Shown};
use super::digest::Digest;
use super::error::Error;
use super::image::{Image, Incomplete};
use super::pull::BasicCredential;
use super::remote::{self, Remote};
use super::scope::Scope;
use super::store::{Registry, Repository};
use super::upstream::{self, Absent};
use super::{notify, rights, route};
use crate::kernel::principal::Caller;
use crate::kernel::resource_id::ResourceId;
use crate::world::World;

/// An image has at most this many manifests, or it is not imported.
pub(super) const MANIFESTS_AT_MOST: usize = 50;

/// What is to be imported, and as what.
#[derive(Clone, Debug)]
pub struct Import {
    /// Where from.
    pub source: ImportSource,
    /// `repo:tag`, or a bare `repo`, which gets no tag.
    pub target_tags: Vec<String>,
    /// Repositories that get the image without a tag.
    pub untagged: Vec<String>,
    /// Whether tags that are there already are moved.
    pub force: bool,
}

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
        /// What to sign in with. A password without a user name is a token of Entra's.
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

/// A code and what is said with it.
pub(super) type Reason = (&'static str, String);

/// An import that nothing stands in the way of so far.
pub struct Plan {
    target: Arc<Registry>,
    places: Vec<(String, Option<String>)>,
    force: bool,
    origin: Origin,
}

enum Origin {
    Here(Image),
    Network(Remote),
}

/// Copies an image, with all its platforms and the same digests. Nothing is changed unless all of it can be done.
pub async fn run(world: &World, plan: Plan) -> Result<(), ImportFailure> {
    let Plan { target, places, force, origin } = plan;
    let fetched = match origin {
        Origin::Here(image) => Ok(image),
        Origin::Network(remote) => remote::fetch(&target.pool, &remote, MANIFESTS_AT_MOST).await,
    };
    fetched.and_then(|image| put(world, &target, &places, force, &image)).map_err(|reason| failure(&target, reason))
}

/// As [`run`], of what needs no network; gives the plan back if it does.
pub fn run_here(world: &World, plan: Plan) -> Result<Result<(), ImportFailure>, Box<Plan>> {
    match &plan.origin {
        Origin::Here(image) => {
            let done = put(world, &plan.target, &plan.places, plan.force, image);
            Ok(done.map_err(|reason| failure(&plan.target, reason)))
        }
        Origin::Network(_) => Err(Box::new(plan)),
    }
}

fn failure(target: &Registry, (code, text): Reason) -> ImportFailure {
    ImportFailure { code, text, registry: target.id.clone() }
}

fn invalid(text: impl Into<String>) -> Reason {
    ("InvalidParameters", text.into())
}

/// Finds out whether an import may begin, and where the image is.
pub fn plan(world: &World, caller: &Caller, target: &Arc<Registry>, import: &Import) -> Result<Plan, ImportFailure> {
    let planned = || {
        let places = places(import)?;
        let (repository, reference) =
            split(&import.source.image).ok_or_else(|| invalid(format!("Invalid source image {}", import.source.image)))?;
        admit_target(target)?;
        if !import.force {
            free(target, &places)?;
        }
        let origin = origin(world, caller, target, &import.source.registry, (repository, reference))?;
        Ok(Plan { target: target.clone(), places, force: import.force, origin })
    };
    planned().map_err(|reason| failure(target, reason))
}

fn places(import: &Import) -> Result<Vec<(String, Option<String>)>, Reason> {
    let written = import.target_tags.iter().chain(&import.untagged);
    let nothing = import.target_tags.is_empty() && import.untagged.is_empty();
    written
        .chain(nothing.then_some(&import.source.image))
        .map(|text| {
            let (name, tag) = target_of(text).ok_or_else(|| invalid(format!("Invalid target {text}")))?;
            Ok((name.to_owned(), tag.map(str::to_owned)))
        })
        .collect()
}

/// Importing is one of the services that a registry may let past its network rules, on either side (documented).
fn admit_target(target: &Registry) -> Result<(), Reason> {
    if is_closed(target) { Err(closed()) } else { Ok(()) }
}

fn is_closed(registry: &Registry) -> bool {
    let settings = registry.settings.read();
    settings.is_restricted() && !settings.bypass_azure_services
}

/// What is reported of a registry that its network rules close.
fn closed() -> Reason {
    let text = "Invalid message Forbidden Forbidden \
                {\"errors\":[{\"code\":\"DENIED\",\"message\":\"requested access to the resource is denied\"}]}";
    ("Forbidden", text.into())
}

fn free(target: &Registry, places: &[(String, Option<String>)]) -> Result<(), Reason> {
    free_among(&target.repositories.read(), places)
}

type Repositories = std::collections::BTreeMap<String, Repository>;

fn free_among(repositories: &Repositories, places: &[(String, Option<String>)]) -> Result<(), Reason> {
    let taken = |name: &String, tag: &String| repositories.get(name).is_some_and(|held| held.tags.contains_key(tag));
    for (name, tag) in places {
        if let Some(tag) = tag
            && taken(name, tag)
        {
            return Err(("Conflict", format!("Tag {name}:{tag} already exists in target registry.")));
        }
    }
    Ok(())
}

fn put(world: &World, target: &Registry, places: &[(String, Option<String>)], force: bool, image: &Image) -> Result<(), Reason> {
    let now = world.clock.now();
    let mut repositories = target.repositories.write();
    if !force {
        free_among(&repositories, places)?;
    }
    for (name, tag) in places {
        let held = repositories.entry(name.clone()).or_insert_with(|| Repository::new(now));
        image.put(held, tag.as_deref(), now);
    }
    drop(repositories);
    if let Some(root) = image.root() {
        for (name, tag) in places {
            notify::imported(world, target, name, tag.as_deref(), root);
        }
    }
    Ok(())
}

fn origin(
    world: &World,
    caller: &Caller,
    target: &Registry,
    source: &ImportRegistry,
    (repository, reference): (&str, &str),
) -> Result<Origin, Reason> {
    let registry = match source {
        ImportRegistry::Resource(id) => by_resource(world, caller, id, repository)?,
        ImportRegistry::Uri { host, credentials } => {
            if let Some(registry) = world.acr.by_login_server(host) {
                signed_in(world, &registry, credentials.as_ref(), repository)?;
                registry
            } else {
                return outside(world, host, credentials.as_ref(), repository, reference)
                    .unwrap_or_else(|| Err(unknown_host(host, target)));
            }
        }
    };
    collect(&registry, repository, reference).map(Origin::Here)
}

fn by_resource(world: &World, caller: &Caller, id: &ResourceId, repository: &str) -> Result<Arc<Registry>, Reason> {
    let unknown = || ("ResourceNotFound", format!("The source registry {id} was not found. Check registryResourceId."));
    let registry = world.acr.by_id(id).ok_or_else(unknown)?;
    if !rights::may_pull(world, &registry, caller, repository) {
        return Err(("Unauthorized", format!("Access to {} denied.", registry.login_server)));
    }
    if is_closed(&registry) { Err(closed()) } else { Ok(registry) }
}

/// Signs in as a client at the wire would, for this one repository. By its host a registry is reached as from anywhere.
fn signed_in(world: &World, registry: &Arc<Registry>, given: Option<&BasicCredential>, repository: &str) -> Result<(), Reason> {
    if registry.settings.read().is_restricted() {
        return Err(closed());
    }
    let needs = [Scope::repository(repository, &["pull"])];
    let correlation = world.ids.uuid().to_string();
    let shown = match given {
        None => Ok(Shown::Nothing),
        Some(given) if given.username.is_empty() => {
            let request =
                ExchangeRequest { grant_type: "access_token", access_token: &given.password, ..ExchangeRequest::default() };
            auth::exchange(world, registry, &request, &correlation).map(Shown::Refresh)
        }
        Some(given) => Ok(Shown::Basic(given.clone())),
    };
    shown
        .and_then(|shown| auth::token(world, registry, &shown, &needs, &correlation))
        .and_then(|token| auth::authorize(world, registry, Some(&format!("Bearer {token}")), &needs, &needs))
        .map(|_| ())
        .map_err(|error| refused(&error))
}

fn refused(error: &Error) -> Reason {
    refusal(error.status.as_u16(), error.body().trim_end())
}

/// What is reported of a source that refuses: its status twice, and its body.
pub(super) fn refusal(status: u16, body: &str) -> Reason {
    let (code, name) = if status == 403 { ("Forbidden", "Forbidden") } else { ("Unauthorized", "Unauthorized") };
    (code, format!("Invalid message {name} {name} {body}"))
}

/// From a registry outside of Azure: what was loaded from it, or, if its host is let, what it has in the network. `None` if nothing is
/// known of the host.
fn outside(
    world: &World,
    host: &str,
    credentials: Option<&BasicCredential>,
    repository: &str,
    reference: &str,
) -> Option<Result<Origin, Reason>> {
    let found = world.acr.public_registry(host).map(|registry| collect_outside(&registry, repository, reference));
    match found {
        Some(Ok(image)) => Some(Ok(Origin::Here(image))),
        _ if world.acr.allows_upstream(host) => {
            Some(Ok(Origin::Network(Remote::new(host, repository, reference, credentials.cloned()))))
        }
        Some(Err(reason)) => Some(Err(reason)),
        None => None,
    }
}

fn unknown_host(host: &str, target: &Registry) -> Reason {
    invalid(format!(
        "Invalid value {host} for property parameters.Source.RegistryUri for resource name {}. azlet has no network: it imports from \
         the registries of its own world, from images that were loaded (azlet images load), and from hosts that it was started with \
         as --allow-upstream",
        target.name
    ))
}

fn collect(registry: &Registry, repository: &str, reference: &str) -> Result<Image, Reason> {
    Image::collect(registry, repository, reference, MANIFESTS_AT_MOST).map_err(|fault| match fault {
        Incomplete::Unknown => not_found(repository, reference),
        Incomplete::TooMany => too_many(),
        Incomplete::Blob => invalid("Error copying blobs"),
    })
}

pub(super) fn not_found(repository: &str, reference: &str) -> Reason {
    invalid(match Digest::parse(reference) {
        Some(digest) => format!("Unable to find manifest digest  Repo: {repository} Tag:  Manifest: {digest}"),
        None => format!("Unable to find manifest digest  Repo: {repository} Tag: {reference} Manifest: "),
    })
}

pub(super) fn too_many() -> Reason {
    invalid(format!("The image has more than {MANIFESTS_AT_MOST} manifests"))
}

/// A registry of which some repositories are private refuses what it does not hold.
fn collect_outside(registry: &Registry, repository: &str, reference: &str) -> Result<Image, Reason> {
    let profile = upstream::profile(&registry.login_server);
    let needs = [Scope::repository(repository, &["pull"])];
    let text = |value: Value| value.to_string();
    if !registry.repositories.read().contains_key(repository) {
        match profile.absent {
            Absent::Scope => return Err(refusal(401, &text(profile.unauthorized(&needs)))),
            Absent::Token => return Err(refusal(403, &text(profile.denied()))),
            Absent::Unknown => {}
        }
    }
    collect(registry, repository, reference)
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
