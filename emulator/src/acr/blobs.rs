//! Blobs: served whole or in part, and deleted.
//! Source: OCI Distribution Specification 1.1 "Pulling blobs", "Deleting blobs"; RFC 9110 §14 (ranges).
//!
//! Azure answers GET with a 307 to its storage; here the registry serves the bytes itself, with 200 or 206, unless the world's setting
//! `blobRedirects` is on. This difference is deliberate: clients follow either, and no second host is needed.

use std::io;
use std::sync::Arc;

use axum::body::Body;
use bytes::Bytes;
use futures_util::stream;
use tokio::task::JoinHandle;

use super::auth::Granted;
use super::digest::Digest;
use super::error::Error;
use super::spool::SpoolFile;
use super::store::{Blob, Kept, Registry, Repository};

/// As much of a file is read at once.
const PIECE: u64 = 256 * 1024;
/// As much at once of one that the system has in memory: it is still in the processor's cache when it is encrypted.
const PIECE_AT_HAND: u64 = 64 * 1024;

/// What part of a blob is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// All of it.
    Whole,
    /// From the first offset to the last, both inclusive.
    Range(u64, u64),
    /// Something that lies behind its end.
    Unsatisfiable,
}

/// Reads a `Range` header. One range of bytes is understood; anything else is ignored, as RFC 9110 allows.
pub fn part(header: Option<&str>, size: u64) -> Part {
    let Some(range) = header.and_then(|text| text.trim().strip_prefix("bytes=")) else { return Part::Whole };
    let Some((first, last)) = range.split_once('-') else { return Part::Whole };
    // No number, a number, or nothing. One that is too large for a position lies behind every end.
    let number = |text: &str| match text.trim() {
        "" => Some(None),
        text => text.bytes().all(|byte| byte.is_ascii_digit()).then(|| Some(text.parse::<u64>().unwrap_or(u64::MAX))),
    };
    let (Some(first), Some(last)) = (number(first), number(last)) else { return Part::Whole };
    match (first, last) {
        (Some(first), last) => {
            let last = last.unwrap_or(u64::MAX);
            // RFC 9110 lets a server choose what a range that ends before it begins comes to; the conformance suite does not.
            if last < first || first >= size { Part::Unsatisfiable } else { Part::Range(first, last.min(size - 1)) }
        }
        (None, Some(length)) if range.starts_with('-') => {
            if length == 0 || size == 0 {
                Part::Unsatisfiable
            } else {
                Part::Range(size.saturating_sub(length), size - 1)
            }
        }
        _ => Part::Whole,
    }
}

/// A blob that may be read.
#[derive(Clone, Debug)]
pub struct Readable {
    blob: Arc<Blob>,
}

impl Readable {
    /// Its size.
    pub fn size(&self) -> u64 {
        self.blob.size
    }

    /// The bytes from `first` to `last`, both inclusive. Those of a file are read while they are sent.
    pub fn body(&self, first: u64, last: u64) -> Body {
        let end = last.saturating_add(1).min(self.blob.size);
        match &self.blob.kept {
            Kept::Memory(bytes) => {
                let at = |offset: u64| usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
                Body::from(bytes.slice(at(first).min(at(end))..at(end)))
            }
            Kept::File(file) => Body::from_stream(stream::unfold(FilePart::new(file.clone(), first, end), FilePart::next)),
        }
    }

    /// All bytes: for small things such as an image's configuration.
    pub fn whole(&self) -> io::Result<Bytes> {
        self.blob.whole()
    }
}

/// A part of a file on its way out. What the system has in memory is read as it is sent; of the rest, one piece is read ahead, on a
/// thread that may wait, while the one before it is sent.
struct FilePart {
    file: Arc<SpoolFile>,
    at: u64,
    end: u64,
    ahead: Option<JoinHandle<io::Result<Bytes>>>,
}

impl FilePart {
    fn new(file: Arc<SpoolFile>, first: u64, end: u64) -> Self {
        Self { file, at: first, end, ahead: None }
    }

    /// The length of the next piece, of at most so many bytes; nothing at the end.
    fn length(&self, most: u64) -> Option<usize> {
        let left = self.end.checked_sub(self.at).filter(|left| *left > 0)?;
        usize::try_from(left.min(most)).ok()
    }

    /// Reads the next piece, if the system has it in memory.
    fn at_hand(&mut self) -> Option<Bytes> {
        let bytes = self.file.read_at_hand(self.length(PIECE_AT_HAND)?, self.at)?;
        self.at += bytes.len() as u64;
        Some(bytes.into())
    }

    /// Begins to read the next piece, if there is one.
    fn read(&mut self) -> Option<JoinHandle<io::Result<Bytes>>> {
        let (file, at, length) = (self.file.clone(), self.at, self.length(PIECE)?);
        self.at += length as u64;
        Some(tokio::task::spawn_blocking(move || file.read(length, at).map(Bytes::from)))
    }

    async fn next(mut self) -> Option<(io::Result<Bytes>, Self)> {
        let reading = match self.ahead.take() {
            Some(reading) => reading,
            None => match self.at_hand() {
                Some(piece) => return Some((Ok(piece), self)),
                None => self.read()?,
            },
        };
        let piece = reading.await.unwrap_or_else(|fault| Err(fault.into()));
        self.ahead = self.read();
        Some((piece, self))
    }
}

/// Finds a blob of a repository.
pub fn read(granted: &Granted, repository: &str, digest: &str) -> Result<(Digest, Readable), Error> {
    let unknown = || Error::blob_unknown(Some(digest));
    let parsed = Digest::parse(digest).ok_or_else(|| Error::digest_invalid("digest parsing failed"))?;
    let repositories = granted.registry().repositories.read();
    let held = repositories.get(repository).ok_or_else(unknown)?;
    if !held.attributes.read {
        return Err(Error::disallowed());
    }
    let blob = held.blobs.get(&parsed).cloned().ok_or_else(unknown)?;
    Ok((parsed, Readable { blob }))
}

/// Finds a blob of a registry, whichever of its repositories holds it, and since when that repository exists.
pub(super) fn stored(registry: &Registry, digest: &Digest) -> Option<(Readable, jiff::Timestamp)> {
    let repositories = registry.repositories.read();
    repositories.values().find_map(|held| Some((Readable { blob: held.blobs.get(digest)?.clone() }, held.created)))
}

/// Takes a blob out of a repository.
pub fn delete(granted: &Granted, repository: &str, digest: &str) -> Result<(), Error> {
    let parsed = Digest::parse(digest).ok_or_else(|| Error::digest_invalid("digest parsing failed"))?;
    let mut repositories = granted.registry().repositories.write();
    let held: &mut Repository = repositories.get_mut(repository).ok_or_else(|| Error::blob_unknown(None))?;
    if !held.attributes.delete || !held.attributes.write {
        return Err(Error::disallowed());
    }
    held.blobs.remove(&parsed).map(drop).ok_or_else(|| Error::blob_unknown(None))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::acr::spool::Spool;

    #[test]
    fn ranges_are_read_as_the_rfc_wants() {
        for (header, expected) in [
            (None, Part::Whole),
            (Some("bytes=0-999"), Part::Range(0, 999)),
            (Some("bytes=1000-1999"), Part::Range(1000, 1471)),
            (Some("bytes=1471-"), Part::Range(1471, 1471)),
            (Some("bytes=1472-"), Part::Unsatisfiable),
            (Some("bytes=1472-2000"), Part::Unsatisfiable),
            (Some("bytes=-10"), Part::Range(1462, 1471)),
            (Some("bytes=-5000"), Part::Range(0, 1471)),
            (Some("bytes=-0"), Part::Unsatisfiable),
            (Some("bytes=5-4"), Part::Unsatisfiable),
            (Some("bytes=0-1,4-5"), Part::Whole),
            (Some("bytes=-"), Part::Whole),
            (Some("bytes=a-b"), Part::Whole),
            (Some("lines=1-2"), Part::Whole),
            (Some("bytes=99999999999999999999999-"), Part::Unsatisfiable),
        ] {
            assert_eq!(part(header, 1472), expected, "{header:?}");
        }
        assert_eq!(part(Some("bytes=0-"), 0), Part::Unsatisfiable);
    }

    #[tokio::test]
    async fn a_part_is_the_same_wherever_it_lies() {
        let bytes: Vec<u8> = (0..3 * PIECE as u32 + 7).map(|number| (number.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        let file = Arc::new(Arc::<Spool>::default().create().expect("a file"));
        file.write_pieces(&[bytes.clone().into()], 0).expect("room");
        let size = bytes.len() as u64;
        for kept in [Kept::Memory(Bytes::from(bytes.clone())), Kept::File(file)] {
            let readable = Readable { blob: Arc::new(Blob::new(kept, size)) };
            for (first, last) in [(0, size - 1), (PIECE - 1, PIECE), (PIECE, PIECE), (5, 3 * PIECE), (size - 1, size - 1), (0, 0)]
            {
                let part = axum::body::to_bytes(readable.body(first, last), usize::MAX).await.expect("it is there");
                let (from, to) = (usize::try_from(first).expect("small"), usize::try_from(last).expect("small"));
                assert!(part == bytes[from..=to], "{first} to {last}");
            }
            assert!(readable.whole().expect("it is there") == bytes);
        }
        let empty = Readable { blob: Arc::new(Blob::new(Kept::Memory(Bytes::new()), 0)) };
        assert!(axum::body::to_bytes(empty.body(0, 0), 1).await.expect("nothing").is_empty());
    }
}
