//! The state of the registries: who they are, what they hold, and the public registries that images come from.
//!
//! A blob is kept once for all registries, by digest: a small one in memory, a large one in a file, which goes with its last holder.
//! A manifest is kept byte for byte.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::sync::{Arc, Weak};

use bytes::Bytes;
use dashmap::DashMap;
use jiff::Timestamp;
use parking_lot::{Mutex, RwLock};
use uuid::Uuid;

use super::deleted::Trash;
use super::digest::Digest;
use super::document::Document;
use super::notify::Webhook;
use super::quarantine::Quarantine;
use super::received::Content;
use super::retention::Scheduled;
use super::scope::AccessClaims;
use super::spool::{Spool, SpoolFile};
use super::throttle::Buckets;
use super::token_users::TokenUser;
use crate::kernel::resource_id::ResourceId;

mod upstreams;

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

/// What can be changed about a registry by its management plane, and matters to its data plane.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Whether the admin user (its name is the registry's) may sign in.
    pub admin_enabled: bool,
    /// The two passwords of the admin user.
    pub admin_passwords: [String; 2],
    /// Whether anyone may pull.
    pub anonymous_pull: bool,
    /// Whether tokens for ARM's audience may be exchanged.
    pub authentication_as_arm: bool,
    /// Whether rights come from data actions on repositories (`AbacRepositoryPermissions`) instead of management actions.
    pub abac: bool,
    /// Whether the registry answers on its public address at all.
    pub public_network_access: bool,
    /// The addresses that may reach it, if not everyone may.
    pub allowed: Option<Vec<AddressRange>>,
    /// Whether Azure's own services reach it past these rules.
    pub bypass_azure_services: bool,
    /// Whether it has endpoints for its data in each of its regions.
    pub data_endpoints: bool,
    /// Whether it has endpoints in each of its regions.
    pub regional_endpoints: bool,
    /// Its regions.
    pub regions: Vec<String>,
    /// Whether its SKU is Premium, which may be called twice as often.
    pub premium: bool,
    /// Whether what is deleted can be restored for a while.
    pub soft_delete: bool,
    /// For how many days; it counts too for what was deleted before soft delete was switched off.
    pub soft_delete_days: i64,
    /// After how many days a manifest without a tag is deleted, if at all.
    pub untagged_days: Option<i64>,
    /// Whether nobody may pull what has not been found good.
    pub quarantine: bool,
}

/// IPv4 addresses that begin alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddressRange {
    first: u32,
    bits: u32,
}

impl AddressRange {
    /// Reads `10.0.0.1` or `10.0.0.0/24`.
    pub fn parse(text: &str) -> Option<Self> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, bits.parse().ok().filter(|bits| *bits <= 32)?),
            None => (text, 32),
        };
        let address: Ipv4Addr = address.parse().ok()?;
        Some(Self { first: u32::from(address) & mask(bits), bits })
    }

    /// Whether an address lies in it. An IPv4 address in IPv6 form counts as what it is, and `::1` as 127.0.0.1.
    pub fn holds(&self, address: IpAddr) -> bool {
        let address = match address {
            IpAddr::V4(address) => address,
            IpAddr::V6(address) if address.is_loopback() => Ipv4Addr::LOCALHOST,
            IpAddr::V6(address) => match address.to_ipv4_mapped() {
                Some(address) => address,
                None => return false,
            },
        };
        u32::from(address) & mask(self.bits) == self.first
    }
}

fn mask(bits: u32) -> u32 {
    u32::MAX.checked_shl(32 - bits).unwrap_or(0)
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            admin_enabled: false,
            admin_passwords: [String::new(), String::new()],
            anonymous_pull: false,
            authentication_as_arm: true,
            abac: false,
            public_network_access: true,
            allowed: None,
            bypass_azure_services: true,
            data_endpoints: false,
            regional_endpoints: false,
            regions: Vec::new(),
            premium: false,
            soft_delete: false,
            soft_delete_days: 7,
            untagged_days: None,
            quarantine: false,
        }
    }
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

/// A repository of a registry.
#[derive(Debug)]
pub(super) struct Repository {
    pub created: Timestamp,
    pub updated: Timestamp,
    pub attributes: Attributes,
    pub manifests: BTreeMap<Digest, Manifest>,
    pub tags: BTreeMap<String, Tag>,
    pub blobs: BTreeMap<Digest, Arc<Blob>>,
    /// For a digest, the manifests that name it as their subject; the digest itself may be absent.
    pub referrers: BTreeMap<Digest, BTreeSet<Digest>>,
    /// Since when a manifest has no tag, for those that lost theirs, or came without, under a retention policy.
    pub untagged: BTreeMap<Digest, Timestamp>,
}

/// A manifest in a repository.
#[derive(Clone, Debug)]
pub(super) struct Manifest {
    pub document: Arc<Document>,
    pub created: Timestamp,
    pub updated: Timestamp,
    pub attributes: Attributes,
    pub quarantine: Quarantine,
}

/// A tag in a repository.
#[derive(Clone, Debug)]
pub(super) struct Tag {
    pub digest: Digest,
    pub created: Timestamp,
    pub updated: Timestamp,
    pub attributes: Attributes,
}

/// The four locks of a repository, a manifest or a tag; three independent records.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attributes {
    pub delete: bool,
    pub write: bool,
    pub read: bool,
    pub list: bool,
}

impl Default for Attributes {
    fn default() -> Self {
        Self { delete: true, write: true, read: true, list: true }
    }
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

/// A blob.
#[derive(Debug)]
pub(super) struct Blob {
    pub kept: Kept,
    pub size: u64,
    /// The pool that knows it, and as what.
    pooled: Option<(Weak<BlobPool>, Digest)>,
}

/// Where a blob's bytes are.
#[derive(Clone, Debug)]
pub(super) enum Kept {
    Memory(Bytes),
    File(Arc<SpoolFile>),
}

impl Blob {
    pub fn new(kept: Kept, size: u64) -> Self {
        Self { kept, size, pooled: None }
    }

    /// All bytes: for small things such as an image's configuration.
    pub fn whole(&self) -> io::Result<Bytes> {
        match &self.kept {
            Kept::Memory(bytes) => Ok(bytes.clone()),
            Kept::File(file) => file.read(usize::try_from(self.size).map_err(io::Error::other)?, 0).map(Bytes::from),
        }
    }
}

impl Drop for Blob {
    fn drop(&mut self) {
        if let Some((pool, digest)) = self.pooled.take()
            && let Some(pool) = pool.upgrade()
        {
            // Another blob with this digest may have come meanwhile.
            pool.blobs.remove_if(&digest, |_, blob| blob.strong_count() == 0);
        }
    }
}

/// Every blob that some repository holds, once. What no repository holds any more is freed by itself.
#[derive(Debug, Default)]
pub(super) struct BlobPool {
    blobs: DashMap<Digest, Weak<Blob>>,
    /// Where those lie that are too large for memory.
    pub spool: Arc<Spool>,
}

impl BlobPool {
    /// The blob with this digest: the one that is there already, or the new one.
    pub fn share(self: &Arc<Self>, digest: &Digest, make: impl FnOnce() -> Blob) -> Arc<Blob> {
        let mut entry = self.blobs.entry(digest.clone()).or_default();
        if let Some(blob) = entry.upgrade() {
            return blob;
        }
        let mut blob = make();
        blob.pooled = Some((Arc::downgrade(self), digest.clone()));
        let blob = Arc::new(blob);
        *entry = Arc::downgrade(&blob);
        drop(entry);
        blob
    }
}

impl Store {
    /// A store whose large blobs lie in files of a folder.
    pub fn new(folder: PathBuf) -> Self {
        let pool = Arc::new(BlobPool { spool: Arc::new(Spool::new(folder)), ..BlobPool::default() });
        Self { pool, ..Self::default() }
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
            buckets: Buckets::default(),
        }
    }

    /// Whether a repository holds something.
    pub(super) fn knows(&self, repository: &str) -> bool {
        self.repositories.read().get(repository).is_some_and(|held| !held.manifests.is_empty())
    }

    /// What the registry's content takes, each blob and manifest counted once; what can be restored counts too (documented).
    pub fn size_in_bytes(&self) -> u64 {
        let repositories = self.repositories.read();
        let blobs =
            repositories.values().flat_map(|repository| repository.blobs.iter().map(|(digest, blob)| (digest, blob.size)));
        let manifests = repositories
            .values()
            .flat_map(|repository| repository.manifests.iter().map(|(digest, it)| (digest, it.document.bytes.len() as u64)));
        let mut sizes: HashMap<Digest, u64> = blobs.chain(manifests).map(|(digest, size)| (digest.clone(), size)).collect();
        self.trash.measure(&mut sizes);
        sizes.values().sum()
    }
}

impl Repository {
    pub fn new(now: Timestamp) -> Self {
        Self {
            created: now,
            updated: now,
            attributes: Attributes::default(),
            manifests: BTreeMap::new(),
            tags: BTreeMap::new(),
            blobs: BTreeMap::new(),
            referrers: BTreeMap::new(),
            untagged: BTreeMap::new(),
        }
    }

    /// Keeps a manifest, and moves the tag to it if there is one.
    pub fn put_manifest(&mut self, document: Arc<Document>, tag: Option<&str>, now: Timestamp) {
        let digest = document.digest.clone();
        if self.manifests.is_empty() {
            self.created = now;
            self.attributes = Attributes::default();
        }
        if let Some(subject) = &document.subject {
            self.referrers.entry(subject.clone()).or_default().insert(digest.clone());
        }
        self.manifests.entry(digest.clone()).and_modify(|manifest| manifest.updated = now).or_insert_with(|| Manifest {
            document,
            created: now,
            updated: now,
            attributes: Attributes::default(),
            quarantine: Quarantine::default(),
        });
        if let Some(tag) = tag {
            self.tags
                .entry(tag.to_owned())
                .and_modify(|held| {
                    held.digest = digest.clone();
                    held.updated = now;
                })
                .or_insert_with(|| Tag { digest, created: now, updated: now, attributes: Attributes::default() });
        }
        self.updated = now;
    }

    /// Takes a manifest away, and every tag that points to it.
    pub fn remove_manifest(&mut self, digest: &Digest, now: Timestamp) -> Option<Manifest> {
        let manifest = self.manifests.remove(digest)?;
        self.tags.retain(|_, tag| tag.digest != *digest);
        if let Some(subject) = &manifest.document.subject
            && let Some(referrers) = self.referrers.get_mut(subject)
        {
            referrers.remove(digest);
            if referrers.is_empty() {
                self.referrers.remove(subject);
            }
        }
        self.updated = now;
        Some(manifest)
    }

    /// The tags that point to a manifest.
    pub fn tags_of<'a>(&'a self, digest: &'a Digest) -> impl Iterator<Item = &'a str> {
        self.tags.iter().filter(move |(_, tag)| tag.digest == *digest).map(|(name, _)| name.as_str())
    }
}
