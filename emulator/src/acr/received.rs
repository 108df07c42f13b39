//! Content on its way in: hashed as it comes; kept in memory while it is small, in a file from then on. Writing a file, and hashing
//! what goes into it, is done on a thread that may wait, while the next bytes come in: never more than two batches are held, so that
//! who sends faster than the disk takes waits.

use std::io;
use std::sync::Arc;

use aws_lc_rs::digest::{Context, SHA256};
use axum::body::Body;
use bytes::Bytes;
use futures_util::StreamExt as _;
use tokio::task::JoinHandle;

use super::digest::Digest;
use super::error::Error;
use super::spool::{self, IN_MEMORY, Spool, SpoolFile};
use super::store::{Blob, Kept};

/// As much is written at once.
const BATCH: usize = 256 * 1024;
/// A layer's size is at most this (documented: 200 GiB).
const LARGEST: u64 = 200 << 30;

/// What has come of some content so far. Cheap to clone: the bytes are shared.
#[derive(Clone)]
pub struct Content {
    memory: Vec<Bytes>,
    file: Option<Arc<SpoolFile>>,
    size: u64,
    hash: Context,
}

impl std::fmt::Debug for Content {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Content({} bytes)", self.size)
    }
}

impl Default for Content {
    fn default() -> Self {
        Self { memory: Vec::new(), file: None, size: 0, hash: Context::new(&SHA256) }
    }
}

impl Content {
    /// How much has come.
    pub fn size(&self) -> u64 {
        self.size
    }
}

/// The right to add to an upload, which one chunk at a time has. Unless it is [kept](Turn::keep), what the chunk has added to a file
/// is taken back.
#[derive(Debug)]
pub struct Turn {
    /// Shared with the upload: how many hold it tells whether somebody's turn it is.
    held: Arc<()>,
    undo: Option<(Arc<SpoolFile>, u64)>,
}

impl Turn {
    /// A turn at an upload; `None` while it is another's.
    pub fn take(held: &Arc<()>, before: &Content) -> Option<Self> {
        let free = Arc::strong_count(held) == 1;
        free.then(|| Self { held: held.clone(), undo: before.file.clone().map(|file| (file, before.size)) })
    }

    fn keep(mut self) {
        self.undo = None;
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let Some((file, size)) = self.undo.take() else { return };
        let held = self.held.clone();
        spool::aside(move || {
            // What cannot be cut off now is written over by the next chunk, or goes with the upload.
            let _ = file.truncate(size);
            drop(held);
        });
    }
}

/// Content that is being added to.
#[derive(Debug)]
pub struct Received {
    spool: Arc<Spool>,
    content: Content,
    /// The end of what is in memory, still growing.
    growing: Vec<u8>,
    turn: Option<Turn>,
}

impl Received {
    /// New content, whose file will lie in a spool if it needs one.
    pub fn new(spool: &Arc<Spool>) -> Self {
        Self { spool: spool.clone(), content: Content::default(), growing: Vec::new(), turn: None }
    }

    /// Content that goes on where it ended.
    pub fn resumed(spool: &Arc<Spool>, content: Content, turn: Turn) -> Self {
        Self { spool: spool.clone(), content, growing: Vec::new(), turn: Some(turn) }
    }

    /// How much has come.
    pub fn size(&self) -> u64 {
        self.content.size
    }

    /// Hashes by the algorithm of this digest from the beginning on, where nothing has come yet.
    pub fn hash_by(&mut self, digest: &Digest) {
        if self.content.size == 0 {
            self.content.hash = digest.context();
        }
    }

    /// Makes room for so many bytes, if they are to be kept in memory.
    pub fn reserve(&mut self, length: u64) {
        if self.content.file.is_none() && self.content.size.saturating_add(length) <= IN_MEMORY {
            self.growing.reserve_exact(usize::try_from(length).unwrap_or(0));
        }
    }

    fn stays_in_memory(&self, more: usize) -> bool {
        self.content.file.is_none() && self.content.size + more as u64 <= IN_MEMORY
    }

    /// Takes the next bytes. May wait for a disk, once there are more than memory shall hold.
    pub fn push(&mut self, bytes: Bytes) -> io::Result<()> {
        if !self.stays_in_memory(bytes.len()) {
            return self.push_to_file(&[bytes]);
        }
        self.growing.extend_from_slice(&bytes);
        self.content.hash.update(&bytes);
        self.content.size += bytes.len() as u64;
        Ok(())
    }

    fn push_to_file(&mut self, pieces: &[Bytes]) -> io::Result<()> {
        self.file()?.write_pieces(pieces, self.content.size)?;
        for piece in pieces {
            self.content.hash.update(piece);
            self.content.size += piece.len() as u64;
        }
        if self.content.size > LARGEST { Err(io::ErrorKind::FileTooLarge.into()) } else { Ok(()) }
    }

    /// The file, into which what is in memory goes first.
    fn file(&mut self) -> io::Result<Arc<SpoolFile>> {
        if let Some(file) = &self.content.file {
            return Ok(file.clone());
        }
        let file = Arc::new(self.spool.create()?);
        let mut memory = std::mem::take(&mut self.content.memory);
        memory.push(std::mem::take(&mut self.growing).into());
        file.write_pieces(&memory, 0)?;
        self.content.file = Some(file.clone());
        Ok(file)
    }

    /// The digest of what has come, by the algorithm that it is hashed with: SHA-256 unless another was expected.
    pub fn digest(&self) -> Digest {
        Digest::of_context(self.content.hash.clone())
    }

    /// Whether the content has this digest. By the algorithm that it was hashed with on the way this is known; by the other, all of it
    /// is read again.
    pub fn has_digest(&self, digest: &Digest) -> io::Result<bool> {
        let known = self.digest();
        if known.is_sha256() == digest.is_sha256() {
            return Ok(known == *digest);
        }
        let mut context = digest.context();
        for piece in self.content.memory.iter().map(AsRef::as_ref).chain([self.growing.as_slice()]) {
            context.update(piece);
        }
        if let Some(file) = &self.content.file {
            let mut at = 0;
            while at < self.content.size {
                let length = BATCH.min(usize::try_from(self.content.size - at).unwrap_or(BATCH));
                context.update(&file.read(length, at)?);
                at += length as u64;
            }
        }
        Ok(Digest::of_context(context) == *digest)
    }

    /// As [`Received::has_digest`], on a thread that may wait if there is something to read.
    pub async fn checked(self, digest: &Digest) -> Result<(Self, bool), Fault> {
        if digest.is_sha256() == self.digest().is_sha256() || self.content.file.is_none() {
            let good = self.has_digest(digest)?;
            return Ok((self, good));
        }
        let digest = digest.clone();
        let task = tokio::task::spawn_blocking(move || self.has_digest(&digest).map(|good| (self, good)));
        Ok(task.await.map_err(io::Error::from)??)
    }

    /// What has come so far, for the next chunk to go on with.
    pub fn into_content(mut self) -> Content {
        let mut growing = std::mem::take(&mut self.growing);
        if !growing.is_empty() {
            growing.shrink_to_fit();
            self.content.memory.push(growing.into());
        }
        if let Some(turn) = self.turn {
            turn.keep();
        }
        self.content
    }

    pub(super) fn into_blob(self) -> Blob {
        let Content { mut memory, file, size, .. } = self.into_content();
        let kept = match (file, memory.len()) {
            (Some(file), _) => Kept::File(file),
            (None, 0 | 1) => Kept::Memory(memory.pop().unwrap_or_default()),
            (None, _) => Kept::Memory(memory.concat().into()),
        };
        Blob::new(kept, size)
    }
}

/// Why content did not come in.
#[derive(Debug)]
pub enum Fault {
    /// It broke off.
    Broken,
    /// It could not be kept.
    Storage(io::Error),
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::Storage(error)
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Broken => Self::size_invalid(),
            Fault::Storage(error) => Self::not_kept(&error),
        }
    }
}

/// Where the content is while a body is taken in.
enum Whereabouts {
    Here(Received),
    /// On a thread that writes.
    Away(JoinHandle<io::Result<Received>>),
}

impl Whereabouts {
    async fn back(self) -> io::Result<Received> {
        match self {
            Self::Here(content) => Ok(content),
            Self::Away(writing) => writing.await?,
        }
    }
}

/// Takes a body in.
pub async fn receive(body: Body, content: Received) -> Result<Received, Fault> {
    let mut whereabouts = Whereabouts::Here(content);
    let (mut batch, mut batched) = (Vec::new(), 0);
    let mut pieces = body.into_data_stream();
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|_| Fault::Broken)?;
        if let Whereabouts::Here(content) = &mut whereabouts
            && batch.is_empty()
            && content.stays_in_memory(piece.len())
        {
            content.push(piece)?;
            continue;
        }
        batched += piece.len();
        batch.push(piece);
        if batched >= BATCH {
            let content = whereabouts.back().await?;
            whereabouts = Whereabouts::Away(write(content, std::mem::take(&mut batch)));
            batched = 0;
        }
    }
    let content = whereabouts.back().await?;
    if batch.is_empty() {
        return Ok(content);
    }
    Ok(write(content, batch).await.map_err(io::Error::from)??)
}

fn write(mut content: Received, batch: Vec<Bytes>) -> JoinHandle<io::Result<Received>> {
    tokio::task::spawn_blocking(move || content.push_to_file(&batch).map(|()| content))
}

#[cfg(test)]
mod tests {
    use futures_util::stream;

    use super::*;

    fn spool() -> Arc<Spool> {
        Arc::default()
    }

    /// Bytes that differ everywhere, more than memory shall hold.
    fn large() -> Vec<u8> {
        (0..3 * IN_MEMORY as u32 + 7).map(|number| (number.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
    }

    fn body(pieces: &[&[u8]], broken: bool) -> Body {
        let pieces: Vec<_> = pieces.iter().map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
        let end = broken.then(|| Err(io::Error::from(io::ErrorKind::ConnectionReset)));
        Body::from_stream(stream::iter(pieces.into_iter().chain(end)))
    }

    fn long(bytes: &[u8]) -> Digest {
        let zeros = Digest::parse(&format!("sha512:{}", "0".repeat(128))).expect("well formed");
        zeros.same_algorithm_over([bytes])
    }

    #[tokio::test]
    async fn content_is_known_by_either_algorithm_wherever_it_lies() {
        let large = large();
        for bytes in [b"one two".as_slice(), &large] {
            let halves: Vec<&[u8]> = bytes.chunks(bytes.len() / 2 + 1).collect();
            let received = receive(body(&halves, false), Received::new(&spool())).await.expect("room");
            for digest in [Digest::sha256(bytes), long(bytes)] {
                assert!(received.has_digest(&digest).expect("it is there"), "{digest}");
            }
            assert!(!received.has_digest(&Digest::sha256(b"one")).expect("it is there"));
            assert!(!received.has_digest(&long(b"one")).expect("it is there"));
            let mut expecting = Received::new(&spool());
            expecting.hash_by(&long(b""));
            let received = receive(body(&halves, false), expecting).await.expect("room");
            assert_eq!(received.digest(), long(bytes), "hashed on the way");
            let (received, good) = received.checked(&Digest::sha256(bytes)).await.expect("it is there");
            assert!(good && received.size() == bytes.len() as u64);
        }
    }

    #[tokio::test]
    async fn large_content_goes_to_a_file_and_comes_out_the_same() {
        let (spool, bytes) = (spool(), large());
        let pieces: Vec<&[u8]> = bytes.chunks(10_000).collect();
        let content = receive(body(&pieces[..20], false), Received::new(&spool)).await.expect("room").into_content();
        assert_eq!(spool.files(), 0, "still small");
        let held = Arc::new(());
        let turn = Turn::take(&held, &content).expect("nobody's turn");
        let received = receive(body(&pieces[20..], false), Received::resumed(&spool, content, turn)).await.expect("room");
        assert_eq!(spool.files(), 1);
        let blob = received.into_blob();
        assert_eq!(blob.size, bytes.len() as u64);
        assert!(blob.whole().expect("it is there") == bytes);
    }

    /// Files are closed aside.
    async fn settled(done: impl Fn() -> bool) {
        while !done() {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn what_breaks_off_leaves_nothing() {
        let (spool, bytes) = (spool(), large());
        let broken = receive(body(&[&bytes], true), Received::new(&spool)).await;
        assert!(matches!(broken, Err(Fault::Broken)));
        settled(|| spool.files() == 0).await;
    }

    #[tokio::test]
    async fn a_chunk_that_breaks_off_leaves_what_was_before() {
        let (spool, bytes) = (spool(), large());
        let before = receive(body(&[&bytes], false), Received::new(&spool)).await.expect("room").into_content();
        let held = Arc::new(());
        let turn = Turn::take(&held, &before).expect("nobody's turn");
        assert!(Turn::take(&held, &before).is_none(), "one at a time");
        let broken = receive(body(&[&bytes], true), Received::resumed(&spool, before.clone(), turn)).await;
        assert!(matches!(broken, Err(Fault::Broken)));
        settled(|| Arc::strong_count(&held) == 1).await;
        let file = before.file.clone().expect("large content is in a file");
        assert!(file.read(1, before.size).is_err(), "what came last is cut off");
        let turn = Turn::take(&held, &before).expect("it is over");
        let whole = receive(body(&[b"end"], false), Received::resumed(&spool, before, turn)).await.expect("room");
        assert!(whole.has_digest(&Digest::sha256(&[&bytes, b"end".as_slice()].concat())).expect("it is there"));
    }

    #[tokio::test]
    async fn what_cannot_be_kept_says_so() {
        let folder = tempfile::tempdir().expect("a folder");
        let absent = Arc::new(Spool::new(folder.path().join("absent")));
        let fault = receive(body(&[&large()], false), Received::new(&absent)).await.err();
        assert!(matches!(fault, Some(Fault::Storage(_))), "{fault:?}");
        assert!(receive(body(&[b"small"], false), Received::new(&absent)).await.is_ok(), "memory needs no folder");
    }
}
