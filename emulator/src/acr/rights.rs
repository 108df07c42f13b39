//! What a caller may do on a registry by its role assignments, and on which repositories.
//!
//! A role that is given with a condition opens those repositories for which the condition holds. What the caller holds is fixed
//! when its Entra token is exchanged, conditions included; for which repositories they hold is decided each time one is asked for.
//! Source: Azure Container Registry's documentation ("Microsoft Entra attribute-based access control for repository permissions",
//! "roles directory reference"). How the refresh token carries conditions is azlet's own: it is opaque to clients.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value as Json, json};

use super::scope::{Right, Scope};
use super::store::Registry;
use crate::kernel::access::Plane;
use crate::kernel::condition::{Condition, Fact, Facts, REPOSITORY_NAME, Value};
use crate::kernel::principal::Caller;
use crate::world::World;

/// What each right takes with registry permissions. Seeing metadata comes with pulling (inferred).
const LEGACY_ACTIONS: [(Right, &[&str]); 7] = [
    (Right::Read, &["Microsoft.ContainerRegistry/registries/pull/read"]),
    (Right::Write, &["Microsoft.ContainerRegistry/registries/push/write"]),
    (Right::Delete, &["Microsoft.ContainerRegistry/registries/artifacts/delete"]),
    (
        Right::MetadataRead,
        &["Microsoft.ContainerRegistry/registries/metadata/read", "Microsoft.ContainerRegistry/registries/pull/read"],
    ),
    (Right::MetadataWrite, &["Microsoft.ContainerRegistry/registries/metadata/write"]),
    (Right::DeletedRead, &["Microsoft.ContainerRegistry/registries/deleted/read"]),
    (Right::DeletedRestore, &["Microsoft.ContainerRegistry/registries/deleted/restore/action"]),
];

/// What each right takes with repository permissions: data actions only, so that Owner alone opens nothing.
const ABAC_ACTIONS: [(Right, &[&str]); 6] = [
    (Right::Read, &["Microsoft.ContainerRegistry/registries/repositories/content/read"]),
    (Right::Write, &["Microsoft.ContainerRegistry/registries/repositories/content/write"]),
    (Right::Delete, &["Microsoft.ContainerRegistry/registries/repositories/content/delete"]),
    (Right::MetadataRead, &["Microsoft.ContainerRegistry/registries/repositories/metadata/read"]),
    (Right::MetadataWrite, &["Microsoft.ContainerRegistry/registries/repositories/metadata/write"]),
    (Right::CatalogList, &["Microsoft.ContainerRegistry/registries/catalog/read"]),
];

/// What each right about quarantine takes, in both modes, and what comes with it under registry permissions: its page shows readers pull, and writers change
/// attributes, with nothing but these roles (inferred).
const QUARANTINE_ACTIONS: [(Right, &str, &[Right]); 2] = [
    (
        Right::QuarantineRead,
        "Microsoft.ContainerRegistry/registries/quarantinedArtifacts/read",
        &[Right::Read, Right::MetadataRead],
    ),
    (Right::QuarantineWrite, "Microsoft.ContainerRegistry/registries/quarantinedArtifacts/write", &[Right::MetadataWrite]),
];

/// The rights of a caller, as they are at one moment.
#[derive(Clone, Debug)]
pub struct Rights {
    /// Those on the whole registry.
    everywhere: Vec<Right>,
    /// Those on the repositories for which a condition holds.
    somewhere: Vec<(Right, Arc<Condition>)>,
    /// Whether they are rights on repositories one by one, which no name for all of them opens.
    one_by_one: bool,
    /// When that is.
    now: Timestamp,
}

impl Rights {
    /// What a caller's role assignments give it now: registry permissions, or repository permissions alone.
    pub fn of(world: &World, registry: &Registry, caller: &Caller) -> Self {
        let one_by_one = registry.settings.read().abac;
        let (plane, table): (_, &[(Right, &[&str])]) =
            if one_by_one { (Plane::Data, &ABAC_ACTIONS) } else { (Plane::Management, &LEGACY_ACTIONS) };
        let mut rights = Self { everywhere: Vec::new(), somewhere: Vec::new(), one_by_one, now: world.clock.now() };
        for (right, actions) in table {
            let conditions = |action: &&str| world.access.conditions(caller, plane, action, &registry.id);
            let found: Vec<Option<Arc<Condition>>> = actions.iter().flat_map(conditions).collect();
            if found.iter().any(Option::is_none) {
                rights.everywhere.push(*right);
            } else {
                rights.somewhere.extend(found.into_iter().flatten().map(|condition| (*right, condition)));
            }
        }
        for (right, action, along) in QUARANTINE_ACTIONS {
            // These roles take no conditions.
            if world.access.conditions(caller, Plane::Data, action, &registry.id).iter().any(Option::is_none) {
                rights.everywhere.push(right);
                rights.everywhere.extend(along.iter().filter(|_| plane == Plane::Management));
            }
        }
        rights
    }

    /// Rights on a whole registry.
    pub fn whole(rights: &[Right]) -> Self {
        Self { everywhere: rights.to_vec(), somewhere: Vec::new(), one_by_one: false, now: Timestamp::UNIX_EPOCH }
    }

    /// Whether they are rights on repositories one by one.
    pub fn one_by_one(&self) -> bool {
        self.one_by_one
    }

    /// Whether there are none at all.
    pub fn is_empty(&self) -> bool {
        self.everywhere.is_empty() && self.somewhere.is_empty()
    }

    /// Whether a right is held at all, be it on some repositories only.
    pub fn contains(&self, right: &Right) -> bool {
        self.everywhere.contains(right) || self.somewhere.iter().any(|(held, _)| held == right)
    }

    /// Adds a right on the whole registry.
    pub fn push(&mut self, right: Right) {
        self.everywhere.push(right);
    }

    /// Whether a right is held on what a scope names.
    pub fn holds(&self, right: Right, scope: &Scope) -> bool {
        // Azure's own client of registries never asks for all repositories at once where permissions are theirs.
        if self.one_by_one && scope.kind != "registry" && scope.name == "*" {
            return false;
        }
        if self.everywhere.contains(&right) {
            return true;
        }
        // No condition holds for every name: `*` is no repository, but what a token grants on it, it grants on all of them.
        if scope.name == "*" {
            return false;
        }
        let Some((_, [action, ..])) = ABAC_ACTIONS.iter().find(|(known, _)| *known == right) else { return false };
        let name = (scope.kind == "repository").then(|| Fact::request(REPOSITORY_NAME, Value::Text(scope.name.clone())));
        let given: Vec<Fact> = name.into_iter().collect();
        let facts = Facts { action, now: self.now, given: &given };
        self.somewhere.iter().any(|(held, condition)| *held == right && condition.holds(&facts))
    }

    /// As a refresh token carries them, in its `permissions`.
    pub fn to_claim(&self) -> Json {
        let all =
            Right::ALL.into_iter().chain(Right::QUARANTINE).chain([Right::CatalogList]).filter(|right| self.contains(right));
        let mut claim = json!({ "Actions": all.map(Right::as_str).collect::<Vec<_>>(), "NotActions": null });
        if !self.somewhere.is_empty() {
            let conditions = self.somewhere.iter();
            let conditions =
                conditions.map(|(right, condition)| json!({ "Action": right.as_str(), "Condition": condition.text() }));
            claim["Conditions"] = conditions.collect();
        }
        claim
    }

    /// The rights that a refresh token's `permissions` mean.
    pub fn from_claim(claim: &Json, one_by_one: bool, now: Timestamp) -> Option<Self> {
        let right = |value: &Json| value.as_str().and_then(Right::parse);
        let conditions = claim["Conditions"].as_array().map_or(&[][..], Vec::as_slice);
        let somewhere: Option<Vec<_>> = conditions
            .iter()
            .map(|entry| Some((right(&entry["Action"])?, Arc::new(Condition::parse(entry["Condition"].as_str()?).ok()?))))
            .collect();
        let somewhere = somewhere?;
        let all = claim["Actions"].as_array()?.iter().filter_map(right);
        let everywhere = all.filter(|right| !somewhere.iter().any(|(held, _)| held == right)).collect();
        Some(Self { everywhere, somewhere, one_by_one, now })
    }
}

/// Whether a caller may pull from a repository: what an import asks of its source.
pub fn may_pull(world: &World, registry: &Registry, caller: &Caller, repository: &str) -> bool {
    Rights::of(world, registry, caller).holds(Right::Read, &Scope::repository(repository, &["pull"]))
}
