//! Artifact cache: a repository that a cache rule names is filled when it is pulled.
//! Source: Azure Container Registry documentation ("Artifact cache", "Wildcard support": a rule without a wildcard wins, the namespace
//! `library` of Docker Hub is added where it is left out); the refusal's text as users report it (its status is inferred); the header
//! `X-Azure-Origin` as the registry's makers describe it. That a tag is not looked up anew is inferred from what is reported.

use super::error::Error;
use super::image::Image;
use super::route;
use super::store::{CacheRule, Registry, Repository};
use super::upstream::{self, Absent};
use crate::world::World;

/// Where a manifest that is about to be pulled comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// From the registry itself, or from nowhere.
    Here,
    /// From the registry that a cache rule names, just now.
    Upstream,
}

/// The rule that fills a repository, and the source that it stands for there.
fn rule_for(registry: &Registry, repository: &str) -> Option<(CacheRule, String)> {
    let rules = registry.cache_rules.read();
    let covers = |rule: &&CacheRule| match rule.to.strip_suffix('*') {
        Some(beginning) => repository.starts_with(beginning),
        None => rule.to == repository,
    };
    let rule = rules.iter().filter(covers).min_by_key(|rule| (rule.to.ends_with('*'), std::cmp::Reverse(rule.to.len())))?;
    let from = match rule.to.strip_suffix('*') {
        Some(beginning) => format!("{}{}", rule.from.trim_end_matches('*'), repository.strip_prefix(beginning)?),
        None => rule.from.clone(),
    };
    Some((rule.clone(), from))
}

fn holds(held: &Repository, reference: &str) -> bool {
    held.digest_of(reference).is_some_and(|digest| held.manifests.contains_key(&digest))
}

/// Fills a repository by the registry's cache rules, as a pull of what is not there yet does. Nothing happens where there is no rule,
/// or no such image at its source; a source that does not tell whether it has the repository is told to deny it.
pub fn fill(world: &World, registry: &Registry, repository: &str, reference: &str) -> Result<Origin, Error> {
    let Some((rule, from)) = rule_for(registry, repository) else { return Ok(Origin::Here) };
    if registry.repositories.read().get(repository).is_some_and(|held| holds(held, reference)) {
        return Ok(Origin::Here);
    }
    let Some((host, name)) = from.split_once('/') else { return Ok(Origin::Here) };
    let Some(source) = world.acr.public_registry(host).filter(|_| route::is_repository(name)) else { return Ok(Origin::Here) };
    let official = format!("library/{name}");
    let name = if upstream::canonical(host) == "docker.io" && !name.contains('/') { &official } else { name };
    if !source.repositories.read().contains_key(name) {
        return match upstream::profile(host).absent {
            Absent::Unknown => Ok(Origin::Here),
            Absent::Scope | Absent::Token => Err(Error::cache_denied(&format!("{host}/{name}"), &rule.name)),
        };
    }
    let Ok(image) = Image::collect(&source, name, reference, usize::MAX) else { return Ok(Origin::Here) };
    let now = world.clock.now();
    let mut repositories = registry.repositories.write();
    let target = repositories.entry(repository.to_owned()).or_insert_with(|| Repository::new(now));
    image.put(target, route::is_tag(reference).then_some(reference), now);
    Ok(Origin::Upstream)
}
