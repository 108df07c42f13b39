//! The registries outside of Azure and what they hold: images of the seed, made when a registry is first asked for, and images that
//! were loaded. They outlive a reset: what a user has loaded belongs to what the world begins with.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use jiff::Timestamp;
use parking_lot::RwLock;

use super::{BlobPool, Registry, Settings};
use crate::acr::upstream::{self, samples};
use crate::kernel::resource_id::ResourceId;
use crate::world::{Seed, SeedImage};

/// Every registry outside of Azure.
#[derive(Debug, Default)]
pub(super) struct Upstreams {
    by_host: RwLock<BTreeMap<String, Arc<Upstream>>>,
    /// The hosts that may be asked over the network.
    allowed: RwLock<BTreeSet<String>>,
}

/// One of them. Its content is made when it is first asked for: starting up costs nothing.
#[derive(Debug)]
struct Upstream {
    host: String,
    images: Vec<SeedImage>,
    planted: Timestamp,
    registry: OnceLock<Arc<Registry>>,
}

impl Upstream {
    fn open(&self, pool: &Arc<BlobPool>) -> Arc<Registry> {
        let make = || {
            let id = ResourceId::root();
            let mut registry = Registry::new(id, &self.host, self.host.clone(), "", Settings::default(), pool.clone());
            registry.public = true;
            for image in &self.images {
                samples::make(&registry, image, self.planted);
            }
            Arc::new(registry)
        };
        self.registry.get_or_init(make).clone()
    }
}

impl Upstreams {
    fn of(seed: &Seed, now: Timestamp) -> Self {
        let mut by_host: BTreeMap<String, Vec<SeedImage>> = BTreeMap::new();
        for image in &seed.images {
            by_host.entry(upstream::canonical(&image.registry)).or_default().push(image.clone());
        }
        let upstream = |(host, images): (String, _)| {
            let upstream = Upstream { host: host.clone(), images, planted: now, registry: OnceLock::new() };
            (host, Arc::new(upstream))
        };
        Self { by_host: RwLock::new(by_host.into_iter().map(upstream).collect()), allowed: RwLock::default() }
    }
}

impl super::Store {
    /// Notes the public images of the seed; they are made on first use.
    pub fn plant(&mut self, seed: &Seed, now: Timestamp) {
        self.upstreams = Arc::new(Upstreams::of(seed, now));
    }

    /// Takes over what outlives a reset: the registries outside of Azure.
    pub fn inherit(&mut self, old: &Self) {
        self.upstreams = old.upstreams.clone();
    }

    /// A registry outside of Azure by one of its names: one that holds something, or one of those that always are.
    pub fn public_registry(&self, host: &str) -> Option<Arc<Registry>> {
        let host = upstream::canonical(host);
        let found = self.upstreams.by_host.read().get(&host).cloned();
        let found = found.or_else(|| upstream::is_known(&host).then(|| self.upstream(&host)));
        found.map(|upstream| upstream.open(&self.pool))
    }

    /// A registry outside of Azure to put something into; it is made if it is new.
    pub fn public_registry_to_fill(&self, host: &str) -> Arc<Registry> {
        self.upstream(&upstream::canonical(host)).open(&self.pool)
    }

    fn upstream(&self, host: &str) -> Arc<Upstream> {
        let mut by_host = self.upstreams.by_host.write();
        let make = || {
            let (host, planted) = (host.to_owned(), Timestamp::UNIX_EPOCH);
            Arc::new(Upstream { host, images: Vec::new(), planted, registry: OnceLock::new() })
        };
        by_host.entry(host.to_owned()).or_insert_with(make).clone()
    }

    /// Every registry outside of Azure that holds something.
    pub fn public_registries(&self) -> Vec<Arc<Registry>> {
        let all: Vec<_> = self.upstreams.by_host.read().values().cloned().collect();
        all.iter().map(|upstream| upstream.open(&self.pool)).collect()
    }

    /// Whether some image was loaded from a registry of this host, which may be written without the port.
    pub fn is_upstream(&self, host: &str) -> bool {
        let matches = |known: &String| known == host || known.split_once(':').is_some_and(|(name, _)| name == host);
        self.upstreams.by_host.read().keys().any(matches)
    }

    /// Forgets a registry outside of Azure that holds nothing any more, so that its name is unknown again.
    pub fn forget_if_empty(&self, registry: &Registry) {
        if registry.repositories.read().is_empty() {
            self.upstreams.by_host.write().remove(&registry.login_server);
        }
    }

    /// Lets a host be asked over the network by imports.
    pub fn allow_upstream(&self, host: &str) {
        self.upstreams.allowed.write().insert(upstream::canonical(host));
    }

    /// Takes that back; whether it had been let.
    pub fn disallow_upstream(&self, host: &str) -> bool {
        self.upstreams.allowed.write().remove(&upstream::canonical(host))
    }

    /// Whether a host may be asked over the network.
    pub fn allows_upstream(&self, host: &str) -> bool {
        self.upstreams.allowed.read().contains(&upstream::canonical(host))
    }

    /// The hosts that may be asked over the network.
    pub fn allowed_upstreams(&self) -> Vec<String> {
        self.upstreams.allowed.read().iter().cloned().collect()
    }
}
