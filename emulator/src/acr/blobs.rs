//! Blobs: kept by digest in the pieces they arrived in, hashed on the way, served whole or in part.
//! Source: OCI Distribution Specification 1.1 "Pulling blobs", "Deleting blobs"; RFC 9110 §14 (ranges).
//!
//! Azure answers GET with a 307 to its storage; here the registry serves the bytes itself, with 200 or 206. This difference is
//! deliberate: clients follow either, and no second host is needed.

use std::sync::Arc;

use aws_lc_rs::digest::{Context, SHA256};
use bytes::Bytes;

use super::auth::Granted;
use super::digest::Digest;
use super::error::Error;
use super::store::{Blob, Repository};

/// Below this size the pieces of a blob are joined, so that a small blob does not keep a connection's read buffer alive.
const JOIN_BELOW: u64 = 64 * 1024;

/// Content on its way in: the pieces so far and their running SHA-256.
#[derive(Clone)]
pub struct Received {
    pieces: Vec<Bytes>,
    size: u64,
    hash: Context,
}

impl std::fmt::Debug for Received {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Received({} bytes)", self.size)
    }
}

impl Default for Received {
    fn default() -> Self {
        Self { pieces: Vec::new(), size: 0, hash: Context::new(&SHA256) }
    }
}

impl Received {
    /// Takes the next piece.
    pub fn push(&mut self, piece: Bytes) {
        if piece.is_empty() {
            return;
        }
        self.hash.update(&piece);
        self.size += piece.len() as u64;
        self.pieces.push(piece);
    }

    /// How much has come.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The SHA-256 digest of what has come.
    pub fn digest(&self) -> Digest {
        Digest::of_context(self.hash.clone())
    }

    /// Whether the content has this digest. SHA-256 has been computed on the way, SHA-512 is computed now.
    pub fn has_digest(&self, digest: &Digest) -> bool {
        if digest.is_sha256() {
            return self.digest() == *digest;
        }
        digest.same_algorithm_over(self.pieces.iter().map(Bytes::as_ref)) == *digest
    }

    pub(super) fn into_blob(self) -> Blob {
        let pieces = if self.size < JOIN_BELOW { vec![Bytes::from(self.pieces.concat())] } else { self.pieces };
        Blob { pieces, size: self.size }
    }
}

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
    let number = |text: &str| text.trim().bytes().all(|byte| byte.is_ascii_digit()).then(|| text.trim().parse::<u64>().ok());
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

    /// The bytes from `first` to `last`, both inclusive, in pieces that share the stored memory.
    pub fn pieces(&self, first: u64, last: u64) -> Vec<Bytes> {
        let mut start = 0;
        let mut wanted = Vec::new();
        for piece in &self.blob.pieces {
            let end = start + piece.len() as u64;
            if end > first && start <= last {
                let from = usize::try_from(first.saturating_sub(start)).unwrap_or(0);
                let to = usize::try_from((last + 1).min(end) - start).unwrap_or(piece.len());
                wanted.push(piece.slice(from..to));
            }
            start = end;
        }
        wanted
    }

    /// All bytes, joined: for small things such as an image's configuration.
    pub fn joined(&self) -> Vec<u8> {
        self.blob.pieces.concat()
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

/// Takes a blob out of a repository.
pub fn delete(granted: &Granted, repository: &str, digest: &str) -> Result<(), Error> {
    let parsed = Digest::parse(digest).ok_or_else(|| Error::digest_invalid("digest parsing failed"))?;
    let mut repositories = granted.registry().repositories.write();
    let held: &mut Repository = repositories.get_mut(repository).ok_or_else(|| Error::blob_unknown(None))?;
    if !held.attributes.delete || !held.attributes.write {
        return Err(Error::disallowed());
    }
    held.blobs.remove(&parsed).map(|_| ()).ok_or_else(|| Error::blob_unknown(None))
}

#[cfg(test)]
mod tests {
    use super::*;

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
            (Some("bytes=99999999999999999999999-"), Part::Whole),
        ] {
            assert_eq!(part(header, 1472), expected, "{header:?}");
        }
        assert_eq!(part(Some("bytes=0-"), 0), Part::Unsatisfiable);
    }

    #[test]
    fn a_part_crosses_the_pieces_that_came() {
        let mut received = Received::default();
        for letter in b'a'..=b'j' {
            received.push(Bytes::from(vec![letter; 10_000]));
        }
        assert_eq!(received.size(), 100_000);
        let blob = received.into_blob();
        assert_eq!(blob.pieces.len(), 10);
        let readable = Readable { blob: Arc::new(blob) };
        assert_eq!(readable.pieces(9_999, 10_000).concat(), b"ab");
        assert_eq!(readable.pieces(0, 99_999).concat().len(), 100_000);
        assert_eq!(readable.pieces(99_999, 99_999).concat(), b"j");
    }

    #[test]
    fn content_is_known_by_either_algorithm() {
        let mut received = Received::default();
        received.push(Bytes::from_static(b"one"));
        received.push(Bytes::from_static(b" two"));
        assert!(received.has_digest(&Digest::sha256(b"one two")));
        assert!(!received.has_digest(&Digest::sha256(b"one")));
        let zeros = Digest::parse(&format!("sha512:{}", "0".repeat(128))).expect("well formed");
        assert!(!received.has_digest(&zeros));
        assert!(received.has_digest(&zeros.same_algorithm_over([b"one two".as_slice()])));
    }
}
