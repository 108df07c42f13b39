//! The one value that holds all state. The planes' handlers get it as an `Arc<World>`; each plane's `store.rs` defines its part.
//! A reset makes a new world and puts it in the place of the old one ([`Universe`]): nothing can be left over.

mod carriers;
mod issuers;
mod seed;

use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::acr::store::Store as Registries;
use crate::arm::store::Store as Resources;
use crate::entra::store::Store as Directory;
use crate::imds::store::Store as Metadata;
use crate::kernel::access::Access;
use crate::kernel::clock::Clock;
use crate::kernel::ids::Ids;
use crate::kernel::jwt::SigningKey;
use crate::kernel::settings::Settings;
use crate::kernel::timeline::Timeline;
use crate::kube::store::{Due as KubeDue, Store as Clusters};
use crate::logs::store::Store as Logs;

pub use seed::{Seed, SeedContainers, SeedDuration, SeedError, SeedImage, SeedPrincipal, SeedSubscription};

/// What happens later, by plane.
#[derive(Debug)]
pub enum Due {
    /// An operation of ARM ends.
    Arm,
    /// The registry with this login server clears out what has been kept long enough.
    Registry(String),
    /// The registry with this login server frees blobs that no manifest names any more.
    LooseBlobs(String),
    /// In a cluster.
    Kube(KubeDue),
}

/// All state of the emulated Azure.
#[derive(Debug)]
pub struct World {
    /// What it began with.
    pub seed: Seed,
    /// The time.
    pub clock: Arc<Clock>,
    /// Delays that a test may ask for.
    pub settings: Arc<Settings>,
    /// Where identifiers come from.
    pub ids: Ids,
    /// What happens later.
    pub timeline: Timeline<Due>,
    /// What Entra's and the registries' tokens are signed with.
    pub signing_key: Arc<SigningKey>,
    /// What clusters sign the tokens of their service accounts with.
    pub workload_key: SigningKey,
    /// The certificate of the authority that every host's certificate is signed by, PEM: what a kubeconfig carries.
    pub ca_pem: Arc<str>,
    /// Roles and their assignments.
    pub access: Access,
    /// Entra's directory.
    pub directory: Directory,
    /// The machine that asks for tokens of managed identities.
    pub imds: Metadata,
    /// Subscriptions, groups, resources, operations.
    pub arm: Resources,
    /// Registries and their content, and the public images that can be imported.
    pub acr: Registries,
    /// Clusters and their objects.
    pub kube: Clusters,
    /// What diagnostic settings deliver to workspaces.
    pub logs: Logs,
}

impl World {
    /// A world as the seed describes it, whose large blobs lie in a folder.
    pub fn new(seed: Seed, clock: Clock, ids: Ids, signing_key: Arc<SigningKey>, ca_pem: Arc<str>, blobs: PathBuf) -> Arc<Self> {
        let directory = Directory::new(seed.tenant());
        let clock = Arc::new(clock);
        let settings = Arc::new(Settings::new(seed.settings));
        let mut acr = Registries::new(blobs);
        acr.plant(&seed, clock.now());
        let world = Self {
            access: Access::new(clock.clone(), settings.clone()),
            clock,
            settings,
            ids,
            timeline: Timeline::default(),
            signing_key,
            workload_key: SigningKey::default(),
            ca_pem,
            directory,
            imds: Metadata::default(),
            arm: Resources::default(),
            acr,
            kube: Clusters::default(),
            logs: Logs::default(),
            seed,
        };
        seed::plant(&world);
        Arc::new(world)
    }
}

/// Holds the current world and replaces it on reset.
#[derive(Debug)]
pub struct Universe {
    current: ArcSwap<World>,
}

impl Universe {
    /// Holds `world`.
    pub fn new(world: Arc<World>) -> Self {
        Self { current: ArcSwap::new(world) }
    }

    /// The world as it is now. Who holds it keeps it, whatever happens to the universe.
    pub fn world(&self) -> Arc<World> {
        self.current.load_full()
    }

    /// Begins anew from the same seed, with the same signing key: tokens of the old world stay well formed, but what they
    /// name may be gone. What registries outside of Azure hold stays: it was loaded to begin with.
    pub fn reset(&self) {
        let old = self.world();
        let (clock, ids) = (old.clock.restarted(), old.ids.restarted());
        let mut new = World::new(old.seed.clone(), clock, ids, old.signing_key.clone(), old.ca_pem.clone(), old.acr.folder());
        if let Some(new) = Arc::get_mut(&mut new) {
            new.acr.inherit(&old.acr);
            new.kube.set_backend(old.kube.backend());
        }
        self.current.store(new);
        old.kube.close();
        old.timeline.wake();
    }
}
