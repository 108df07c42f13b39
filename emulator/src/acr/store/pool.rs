//! Every blob, once: a small one in memory, a large one in a file, which goes with its last holder.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Weak};

use bytes::Bytes;
use dashmap::DashMap;

use crate::acr::digest::Digest;
use crate::acr::spool::{Spool, SpoolFile};

/// A blob.
#[derive(Debug)]
pub(in crate::acr) struct Blob {
    pub kept: Kept,
    pub size: u64,
    /// The pool that knows it, and as what.
    pooled: Option<(Weak<BlobPool>, Digest)>,
}

/// Where a blob's bytes are.
#[derive(Clone, Debug)]
pub(in crate::acr) enum Kept {
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
pub(in crate::acr) struct BlobPool {
    blobs: DashMap<Digest, Weak<Blob>>,
    /// Where those lie that are too large for memory.
    pub spool: Arc<Spool>,
}

impl BlobPool {
    /// A pool whose large blobs lie in files of a folder.
    pub fn new(folder: PathBuf) -> Self {
        Self { spool: Arc::new(Spool::new(folder)), ..Self::default() }
    }

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
