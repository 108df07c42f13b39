//! The state of the registries: who they are, what they hold, and the public registries that images come from.
//!
//! A blob is kept once for all registries, by digest: a small one in memory, a large one in a file, which goes with its last holder.
//! A manifest is kept byte for byte.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;

use dashmap::DashMap;
use jiff::Timestamp;
use parking_lot::{Mutex, RwLock};
use uuid::Uuid;

use super::deleted::Trash;
use super::digest::Digest;
use super::notify::Webhook;
use super::received::Content;
use super::retention::Scheduled;
use super::scope::AccessClaims;
use super::throttle::Buckets;
use super::token_users::TokenUser;
use crate::kernel::resource_id::ResourceId;

mod pool;
mod repository;
mod settings;
mod upstreams;

pub(super) use pool::{Blob, BlobPool, Kept};
pub(super) use repository::{Attributes, Manifest, Repository, Tag};
pub use settings::{AddressRange, Settings};
use upstreams::Upstreams;

/// Every registry, and the public ones.
#[derive(Debug, Default)]
pub struct Store {
    registries: DashMap<String, Arc<Registry>>,
    /// Their login servers, by the key of the ARM id.
    login_servers: DashMap<String, String>,
    upstreams: Arc<Upstreams>,
    pool: Arc<BlobPool>,
    /// Access tokens whose signature has been verified, with what they say.
    pub(super) verified: DashMap<String, Arc<AccessClaims>>,
    /// How often a registry was made under an ARM id: one that is made anew does not take the tokens of the one before.
    made: DashMap<String, u32>,
}

/// A registry.
#[derive(Debug)]
pub struct Registry {
    /// Its ARM id: the scope that rights are asked at.
    pub id: ResourceId,
    /// Its name, as written when it was made.
    pub name: String,
    /// Its host, in lower case.
    pub login_server: String,
    /// Its region.
    pub location: String,
    /// What its management plane can change.
    pub settings: RwLock<Settings>,
    /// Who signs in with a token of its own, by the token's name in lower case.
    pub token_users: RwLock<BTreeMap<String, Arc<TokenUser>>>,
    /// Its webhooks.
    pub webhooks: RwLock<Vec<Arc<Webhook>>>,
    /// Which repositories are filled from elsewhere.
    pub cache_rules: RwLock<Vec<CacheRule>>,
    /// The `rid` of its tokens.
    pub(super) registry_id: Uuid,
    /// A public registry: everyone may read, nobody may write.
    pub(super) public: bool,
    /// The repositories by name. One lock, held for moments only.
    pub(super) repositories: RwLock<BTreeMap<String, Repository>>,
    pub(super) uploads: Mutex<Uploads>,
    pub(super) pool: Arc<BlobPool>,
    /// What was deleted and can be restored. Locked after `repositories`, never before.
    pub(super) trash: Trash,
    /// Whether it is to be cleared out.
    pub(super) clearing: Scheduled,
    /// Whether blobs that no manifest names any more are to be freed.
    pub(super) freeing: Scheduled,
    /// What its callers may still do in this minute.
    pub(super) buckets: Buckets,
}

/// A rule by which repositories are filled from a registry outside of Azure when they are pulled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheRule {
    /// Its name.
    pub name: String,
    /// Where from: a host and a repository, or a beginning and `*`.
    pub from: String,
    /// Where to: a repository, or a beginning and `*`.
    pub to: String,
}

/// The uploads of a registry that are going on.
#[derive(Debug, Default)]
pub(super) struct Uploads {
    pub open: HashMap<Uuid, Upload>,
    /// When it was last looked for those that nobody goes on with.
    pub swept: Timestamp,
}

/// An upload that is going on.
#[derive(Debug)]
pub(super) struct Upload {
    pub repository: String,
    pub started: Timestamp,
    /// What has come by the end of the last chunk.
    pub content: Content,
    /// Held by the chunk that is coming in.
    pub turn: Arc<()>,
}

impl Store {
    /// A store whose large blobs lie in files of a folder.
    pub fn new(folder: PathBuf) -> Self {
        Self { pool: Arc::new(BlobPool::new(folder)), ..Self::default() }
    }

    /// That folder.
    pub fn folder(&self) -> PathBuf {
        self.pool.spool.folder().to_owned()
    }

    /// Where blobs are shared.
    pub(super) fn blob_pool(&self) -> &Arc<BlobPool> {
        &self.pool
    }

    /// How many files hold blobs and uploads that are too large for memory.
    pub fn files(&self) -> usize {
        self.pool.spool.files()
    }

    /// Makes a registry; it takes the place of one with the same login server.
    pub fn create(&self, id: ResourceId, name: &str, login_server: String, location: &str, settings: Settings) -> Arc<Registry> {
        let login_server = login_server.to_ascii_lowercase();
        let mut registry = Registry::new(id, name, login_server, location, settings, self.pool.clone());
        let earlier = {
            let mut made = self.made.entry(registry.id.key().to_owned()).or_default();
            *made += 1;
            *made - 1
        };
        if earlier > 0 {
            registry.registry_id = Uuid::new_v5(&registry.registry_id, &earlier.to_be_bytes());
        }
        let registry = Arc::new(registry);
        self.login_servers.insert(registry.id.key().to_owned(), registry.login_server.clone());
        self.registries.insert(registry.login_server.clone(), registry.clone());
        registry
    }

    /// A registry by its host, in any case: its login server, or one of its endpoints in a region.
    pub fn by_login_server(&self, host: &str) -> Option<Arc<Registry>> {
        let host = host.to_ascii_lowercase();
        self.registries.get(&host).map(|entry| entry.clone()).or_else(|| self.by_endpoint(&host))
    }

    /// `{name}.{region}.data.azurecr.io` and `{name}.{region}.geo.azurecr.io`, where the registry has them.
    fn by_endpoint(&self, host: &str) -> Option<Arc<Registry>> {
        let (rest, geo) = match host.strip_suffix(".geo.azurecr.io") {
            Some(rest) => (rest, true),
            None => (host.strip_suffix(".data.azurecr.io")?, false),
        };
        let (name, region) = rest.split_once('.')?;
        let registry = self.registries.get(&format!("{name}.azurecr.io"))?.clone();
        let settings = registry.settings.read();
        let on = if geo { settings.regional_endpoints } else { settings.data_endpoints };
        let there = on && settings.regions.iter().any(|known| known == region);
        drop(settings);
        there.then_some(registry)
    }

    /// A registry by its ARM id.
    pub fn by_id(&self, id: &ResourceId) -> Option<Arc<Registry>> {
        let login_server = self.login_servers.get(id.key())?;
        self.by_login_server(&login_server).filter(|registry| registry.id == *id)
    }

    /// Whether some registry has this name, in any case: names are unique in all of Azure.
    pub fn name_taken(&self, name: &str) -> bool {
        self.registries.iter().any(|entry| entry.name.eq_ignore_ascii_case(name))
    }

    /// The first registry for which something holds.
    pub(super) fn find(&self, holds: impl Fn(&Registry) -> bool) -> Option<Arc<Registry>> {
        self.registries.iter().find(|entry| holds(entry.value())).map(|entry| entry.value().clone())
    }

    /// Whether something holds for any registry.
    pub(super) fn any(&self, holds: impl Fn(&Registry) -> bool) -> bool {
        self.registries.iter().any(|entry| holds(entry.value()))
    }

    /// Takes a registry away with all that it holds.
    pub fn remove(&self, login_server: &str) {
        if let Some((_, registry)) = self.registries.remove(&login_server.to_ascii_lowercase()) {
            self.login_servers.remove(registry.id.key());
        }
    }

    /// Gives a registry another ARM id: it was moved to another group. Its content and its host stay, and so do tokens for it.
    pub fn moved(&self, from: &ResourceId, to: &ResourceId) {
        let Some(old) = self.by_id(from) else { return };
        let mut new = Registry::new(
            to.clone(),
            &old.name,
            old.login_server.clone(),
            &old.location,
            old.settings.read().clone(),
            old.pool.clone(),
        );
        new.registry_id = old.registry_id;
        *new.repositories.get_mut() = std::mem::take(&mut *old.repositories.write());
        *new.uploads.get_mut() = std::mem::take(&mut *old.uploads.lock());
        *new.token_users.get_mut() = std::mem::take(&mut *old.token_users.write());
        *new.webhooks.get_mut() = std::mem::take(&mut *old.webhooks.write());
        new.trash = old.trash.taken();
        *new.cache_rules.get_mut() = std::mem::take(&mut *old.cache_rules.write());
        self.login_servers.remove(from.key());
        self.login_servers.insert(to.key().to_owned(), new.login_server.clone());
        self.registries.insert(new.login_server.clone(), Arc::new(new));
    }
}

impl Registry {
    fn new(id: ResourceId, name: &str, login_server: String, location: &str, settings: Settings, pool: Arc<BlobPool>) -> Self {
        let registry_id = Uuid::new_v5(&Uuid::NAMESPACE_URL, format!("{}#{login_server}", id.key()).as_bytes());
        Self {
            id,
            name: name.to_owned(),
            login_server,
            location: location.to_owned(),
            settings: RwLock::new(settings),
            token_users: RwLock::default(),
            webhooks: RwLock::default(),
            cache_rules: RwLock::default(),
            registry_id,
            public: false,
            repositories: RwLock::default(),
            uploads: Mutex::default(),
            pool,
            trash: Trash::default(),
            clearing: Scheduled::default(),
            freeing: Scheduled::default(),
            buckets: Buckets::default(),
        }
    }

    /// Whether a repository holds something.
    pub(super) fn knows(&self, repository: &str) -> bool {
        self.repositories.read().get(repository).is_some_and(|held| !held.manifests.is_empty())
    }

    /// What the registry's content takes, each blob and manifest counted once; what can be restored counts too (documented),
    /// and what no manifest names any more does not.
    pub fn size_in_bytes(&self) -> u64 {
        let repositories = self.repositories.read();
        let blobs = repositories.values().flat_map(|repository| {
            let kept = repository.blobs.iter().filter(|(digest, _)| !repository.loose.contains_key(*digest));
            kept.map(|(digest, blob)| (digest, blob.size))
        });
        let manifests = repositories
            .values()
            .flat_map(|repository| repository.manifests.iter().map(|(digest, it)| (digest, it.document.bytes.len() as u64)));
        let mut sizes: HashMap<Digest, u64> = blobs.chain(manifests).map(|(digest, size)| (digest.clone(), size)).collect();
        self.trash.measure(&mut sizes);
        sizes.values().sum()
    }
}
