//! What a registry clears out by itself, once a day: manifests that have had no tag for longer than the retention policy says, and
//! what was deleted softly for longer than that policy says. The day begins with the first thing to be cleared out. Blobs that only
//! deleted manifests named are freed a minute after: deleting an image is documented to delete the layers that no other one has;
//! when is not, and the specification's conformance suite still finds such a blob when it deletes it next.
//! Source: Azure Container Registry documentation ("Retention policy for untagged manifests", "Soft delete policy"). Inferred: where
//! both policies are on, which is documented as impossible and recorded as accepted, the one's manifests can be restored by the
//! other; what a living index lists or what refers to a living manifest is kept, and no webhook is told.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use jiff::{SignedDuration, Timestamp};

use super::deleted;
use super::digest::Digest;
use super::store::{Registry, Repository};
use crate::world::{Due, World};

/// From one clearing to the next.
const INTERVAL: SignedDuration = SignedDuration::from_hours(24);

/// So long a blob stays that is named by no manifest any more.
const GRACE: SignedDuration = SignedDuration::from_mins(1);

/// Whether a registry's next clearing has been entered into the timeline.
#[derive(Debug, Default)]
pub(super) struct Scheduled(AtomicBool);

/// Notes which of some manifests have no tag any more, or have one again. Only what loses its tag under the policy is ever
/// deleted by it.
pub(super) fn note(registry: &Registry, held: &mut Repository, digests: &[&Digest], now: Timestamp) {
    let on = registry.settings.read().untagged_days.is_some();
    for digest in digests {
        if held.tags_of(digest).next().is_some() || !held.manifests.contains_key(*digest) {
            held.untagged.remove(*digest);
        } else if on {
            held.untagged.entry((*digest).clone()).or_insert(now);
        }
    }
}

/// Sees to it that the registry is cleared out in a day, if there is anything to be cleared out.
pub(super) fn begin(world: &World, registry: &Registry) {
    let waits = |held: &Repository| !held.untagged.is_empty();
    let untags = || registry.settings.read().untagged_days.is_some() && registry.repositories.read().values().any(waits);
    let wanted = !registry.trash.is_empty() || untags();
    let after = |wait| world.clock.now().saturating_add(wait).unwrap_or(Timestamp::MAX);
    if wanted && !registry.clearing.0.swap(true, Ordering::Relaxed) {
        world.timeline.schedule(after(INTERVAL), Due::Registry(registry.login_server.clone()));
    }
    let loose = || registry.repositories.read().values().any(|held| !held.loose.is_empty());
    if !registry.freeing.0.load(Ordering::Relaxed) && loose() && !registry.freeing.0.swap(true, Ordering::Relaxed) {
        world.timeline.schedule(after(GRACE), Due::LooseBlobs(registry.login_server.clone()));
    }
}

/// Frees the blobs of a registry that no manifest has named for a minute, if there still is one of that name.
pub fn free(world: &World, login_server: &str) {
    let Some(registry) = world.acr.by_login_server(login_server) else { return };
    registry.freeing.0.store(false, Ordering::Relaxed);
    let since = world.clock.now().saturating_sub(GRACE).unwrap_or(Timestamp::MIN);
    registry.repositories.write().values_mut().for_each(|held| held.free_loose(since));
    begin(world, &registry);
}

/// Clears out a registry, if there still is one of that name.
pub fn due(world: &Arc<World>, login_server: &str) {
    let Some(registry) = world.acr.by_login_server(login_server) else { return };
    registry.clearing.0.store(false, Ordering::Relaxed);
    let (soft_days, untagged_days) = {
        let settings = registry.settings.read();
        (settings.soft_delete_days, settings.untagged_days)
    };
    let now = world.clock.now();
    registry.trash.purge(days_before(now, soft_days));
    if let Some(days) = untagged_days {
        let before = days_before(now, days);
        for (name, held) in registry.repositories.write().iter_mut() {
            clear(&registry, name, held, before, now);
        }
    }
    begin(world, &registry);
}

fn days_before(now: Timestamp, days: i64) -> Timestamp {
    now.saturating_sub(SignedDuration::from_hours(days.saturating_mul(24))).unwrap_or(Timestamp::MIN)
}

fn clear(registry: &Registry, name: &str, held: &mut Repository, before: Timestamp, now: Timestamp) {
    if !held.attributes.delete || !held.attributes.write {
        return;
    }
    let listed: BTreeSet<&Digest> =
        held.manifests.values().flat_map(|it| it.document.children()).map(|child| &child.digest).collect();
    let refers = |digest: &Digest| {
        held.manifests[digest].document.subject.as_ref().is_some_and(|subject| held.manifests.contains_key(subject))
    };
    let free = |digest: &Digest| {
        let unlocked = |attributes: super::store::Attributes| attributes.delete && attributes.write;
        held.manifests.get(digest).is_some_and(|it| unlocked(it.attributes)) && !listed.contains(digest) && !refers(digest)
    };
    let over: Vec<Digest> = held
        .untagged
        .iter()
        .filter(|(digest, since)| **since <= before && free(digest))
        .map(|(digest, _)| digest.clone())
        .collect();
    for digest in over {
        deleted::remove_manifest(registry, name, held, &digest, now);
    }
    held.untagged.retain(|digest, _| held.manifests.contains_key(digest));
}
