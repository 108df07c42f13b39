//! Archives of images: tar files, plain or gzipped, with an OCI layout or what `docker save` writes. An archive is read once, from
//! front to back, as it arrives; what it holds is kept in memory or in files without a name, never under a path of its choosing.
//! Source: POSIX.1-1988 `ustar` and its extensions (by the `tar` crate); RFC 1952 (gzip).

pub(super) mod docker;
pub(super) mod layout;

use std::collections::BTreeMap;
use std::io::{self, Cursor, Read, Write};
use std::sync::Arc;

use aws_lc_rs::digest::{Context, SHA256};
use bytes::Bytes;
use flate2::read::MultiGzDecoder as GzipReader;
use flate2::write::MultiGzDecoder as GzipWriter;
use serde_json::Value;
use tar::{Archive, Entry, EntryType};

use super::digest::Digest;
use super::image::Image;
use super::received::Received;
use super::store::{Blob, BlobPool};

/// What every gzip stream begins with.
const GZIP: [u8; 2] = [0x1f, 0x8b];
/// What every zstandard frame begins with.
const ZSTANDARD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// As much is read at once.
const PIECE: usize = 128 * 1024;
/// An archive has at most so many entries.
const ENTRIES_AT_MOST: usize = 100_000;
/// A document that is read as JSON is never larger than this.
const JSON_AT_MOST: u64 = 8 << 20;

/// Why an archive is not taken, for people: what was wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Fault(pub String);

pub(super) fn fault<T>(text: impl Into<String>) -> Result<T, Fault> {
    Err(Fault(text.into()))
}

/// An image that was found in an archive.
#[derive(Debug)]
pub(super) struct Found {
    pub image: Image,
    /// What it is called there: whole names, or tags alone.
    pub names: Vec<String>,
    /// What refers to it: signatures and their like.
    pub referrers: Vec<Image>,
    /// What an index names and the archive does not hold.
    pub missing: Vec<String>,
    /// Whether its manifest was made here, from an archive that has none.
    pub rebuilt: bool,
}

impl Found {
    /// How to speak of it.
    pub fn title(&self) -> String {
        let digest = self.image.root().map(|root| root.digest.to_string()).unwrap_or_default();
        if self.names.is_empty() { digest } else { format!("{} ({digest})", self.names.join(", ")) }
    }
}

/// What an archive holds, by path.
#[derive(Debug, Default)]
pub(super) struct Files {
    by_path: BTreeMap<String, File>,
}

#[derive(Debug)]
enum File {
    Content(Kept),
    /// Another path of the same archive.
    Link(String),
}

/// A file's content.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    pub blob: Arc<Blob>,
    /// The digest that its path names, or else its SHA-256.
    pub digest: Digest,
    /// The SHA-256 of what it unpacks to, if it is gzipped and no blob of a layout.
    pub unpacked: Option<Digest>,
}

impl Kept {
    pub fn bytes(&self) -> Result<Bytes, Fault> {
        self.blob.whole().map_err(|error| Fault(format!("{} cannot be read back: {error}", self.digest)))
    }
}

impl Files {
    /// A file by its path, links followed.
    pub fn get(&self, path: &str) -> Option<&Kept> {
        let mut path = path;
        // As deep as a chain of links can sensibly be; a circle ends here too.
        for _ in 0..8 {
            match self.by_path.get(path)? {
                File::Content(kept) => return Some(kept),
                File::Link(target) => path = target,
            }
        }
        None
    }

    /// A blob of a layout.
    pub fn blob(&self, digest: &Digest) -> Option<&Kept> {
        let (algorithm, encoded) = digest.as_str().split_once(':')?;
        self.get(&format!("blobs/{algorithm}/{encoded}"))
    }

    /// A document; an error that names the path if it is none.
    pub fn json(&self, path: &str) -> Result<Value, Fault> {
        let Some(kept) = self.get(path) else { return fault(format!("the archive has no {path}")) };
        if kept.blob.size > JSON_AT_MOST {
            return fault(format!("{path} is larger than {JSON_AT_MOST} bytes"));
        }
        serde_json::from_slice(&kept.bytes()?).map_err(|error| Fault(format!("{path} is no JSON: {error}")))
    }

    /// As if what lies in the archive's only folder lay at its root: an archive made of a folder has it in front of every path.
    fn unwrapped(self) -> Self {
        let is_at = |path: &str| self.by_path.contains_key(path);
        if is_at("index.json") || is_at("manifest.json") {
            return self;
        }
        let Some((folder, _)) = self.by_path.keys().next().and_then(|path| path.split_once('/')) else { return self };
        let folder = format!("{folder}/");
        let inner = |path: String| path.strip_prefix(&folder).map(str::to_owned).unwrap_or(path);
        let moved = |(path, file)| {
            let file = if let File::Link(target) = file { File::Link(inner(target)) } else { file };
            (inner(path), file)
        };
        Self { by_path: self.by_path.into_iter().map(moved).collect() }
    }
}

/// Reads an archive to its end. Each blob of a layout must have the digest that its path names.
pub(super) fn read(pool: &Arc<BlobPool>, mut reader: impl Read) -> Result<Files, Fault> {
    let mut head = Vec::new();
    reader.by_ref().take(4).read_to_end(&mut head).map_err(|error| broken_off(&error))?;
    if head.is_empty() {
        return fault("the archive is empty");
    }
    if head == ZSTANDARD {
        return fault("the archive is compressed with zstandard; unpack it, or compress it with gzip");
    }
    let gzipped = head.starts_with(&GZIP);
    let whole = Cursor::new(head).chain(reader);
    if gzipped { entries(pool, GzipReader::new(whole)) } else { entries(pool, whole) }
}

fn broken_off(error: &io::Error) -> Fault {
    Fault(format!("the archive cannot be read to its end: {error}"))
}

fn entries(pool: &Arc<BlobPool>, reader: impl Read) -> Result<Files, Fault> {
    let mut archive = Archive::new(reader);
    let mut files = Files::default();
    for entry in archive.entries().map_err(|error| broken_off(&error))? {
        let mut entry = match entry {
            Ok(entry) => entry,
            Err(_) if files.by_path.is_empty() => {
                return fault("this is no tar archive, or one that is damaged from its beginning");
            }
            Err(error) => return Err(broken_off(&error)),
        };
        let Some(path) = inside(&entry.path_bytes(), "")? else { continue };
        let file = match entry.header().entry_type() {
            EntryType::Directory | EntryType::XGlobalHeader => continue,
            EntryType::Regular | EntryType::Continuous => File::Content(content(pool, &path, &mut entry)?),
            EntryType::Symlink => File::Link(link(&entry, &path, path.rsplit_once('/').map_or("", |(folder, _)| folder))?),
            EntryType::Link => File::Link(link(&entry, &path, "")?),
            _ => return fault(format!("{path} is neither a file nor a folder: no archive of images has such an entry")),
        };
        files.by_path.insert(path, file);
        if files.by_path.len() > ENTRIES_AT_MOST {
            return fault(format!("the archive has more than {ENTRIES_AT_MOST} entries"));
        }
    }
    // What is behind the last entry: a gzip stream has its checksum there.
    io::copy(&mut archive.into_inner(), &mut io::sink()).map_err(|error| broken_off(&error))?;
    Ok(files.unwrapped())
}

/// A path of the archive, in one form; `None` for its root. A path that leaves the archive is refused, though nothing is ever written
/// by such a path.
fn inside(path: &[u8], folder: &str) -> Result<Option<String>, Fault> {
    let Ok(text) = std::str::from_utf8(path) else {
        return fault(format!("the path {:?} is no UTF-8", String::from_utf8_lossy(path)));
    };
    let outside = || Fault(format!("the path {text:?} leads out of the archive"));
    if text.starts_with('/') {
        return Err(outside());
    }
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in text.split('/') {
        match part {
            "" | "." => {}
            ".." if folder.is_empty() => return Err(outside()),
            ".." => parts.pop().map(drop).ok_or_else(outside)?,
            other => parts.push(other),
        }
    }
    Ok((!parts.is_empty()).then(|| parts.join("/")))
}

fn link<R: Read>(entry: &Entry<'_, R>, path: &str, folder: &str) -> Result<String, Fault> {
    let target = entry.link_name_bytes().ok_or_else(|| Fault(format!("{path} is a link to nothing")))?;
    inside(&target, folder)?.ok_or_else(|| Fault(format!("{path} is a link to a folder")))
}

/// The digest that a path names: `blobs/{algorithm}/{hex}`.
fn named(path: &str) -> Result<Option<Digest>, Fault> {
    let mut parts = path.rsplit('/');
    let (Some(encoded), Some(algorithm), Some("blobs")) = (parts.next(), parts.next(), parts.next()) else { return Ok(None) };
    match Digest::parse(&format!("{algorithm}:{encoded}")) {
        Some(digest) => Ok(Some(digest)),
        None => {
            fault(format!("{path} names no digest: blobs lie in blobs/sha256 and blobs/sha512, by their hexadecimal digests"))
        }
    }
}

fn content<R: Read>(pool: &Arc<BlobPool>, path: &str, entry: &mut Entry<'_, R>) -> Result<Kept, Fault> {
    let (stated, named) = (entry.size(), named(path)?);
    let mut content = Received::new(&pool.spool);
    if let Some(digest) = &named {
        content.hash_by(digest);
    }
    let mut unpacking: Option<GzipWriter<Hash>> = None;
    while content.size() < stated {
        let left = usize::try_from(stated - content.size()).unwrap_or(PIECE);
        let mut piece = vec![0; left.min(PIECE)];
        let length = fill(entry, &mut piece).map_err(|error| broken_off(&error))?;
        if length == 0 {
            break;
        }
        piece.truncate(length);
        if named.is_none() && content.size() == 0 && piece.starts_with(&GZIP) {
            unpacking = Some(GzipWriter::new(Hash(Context::new(&SHA256))));
        }
        if let Some(unpacking) = &mut unpacking {
            unpacking.write_all(&piece).map_err(|error| Fault(format!("{path} is damaged: {error}")))?;
        }
        content.push(piece.into()).map_err(|error| Fault(format!("{path} cannot be kept: {error}")))?;
    }
    if content.size() != stated {
        return fault(format!("the archive breaks off within {path}: {} of {stated} bytes are there", content.size()));
    }
    let unpacked = match unpacking.map(GzipWriter::finish) {
        None => None,
        Some(Ok(Hash(context))) => Some(Digest::of_context(context)),
        Some(Err(error)) => return fault(format!("{path} is damaged: {error}")),
    };
    let digest = content.digest();
    if let Some(named) = named
        && digest != named
    {
        return fault(format!("{path} is damaged: its content has the digest {digest}"));
    }
    let blob = pool.share(&digest, || content.into_blob());
    Ok(Kept { blob, digest, unpacked })
}

/// Reads until the buffer is full or there is nothing more: what arrives over a connection arrives in pieces of any size.
fn fill(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match reader.read(rest)? {
            0 => break,
            length => filled += length,
        }
    }
    Ok(filled)
}

/// Hashes what is written to it.
struct Hash(Context);

impl Write for Hash {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn refused(path: &str) -> bool {
        inside(path.as_bytes(), "").is_err()
    }

    #[test]
    fn paths_stay_inside_the_archive() {
        for bad in ["/etc/passwd", "../x", "a/../../x", "a/..", "./../x"] {
            assert!(refused(bad), "{bad}");
        }
        for (path, expected) in [("./a//b/./c", "a/b/c"), ("a/", "a"), ("..a/b..", "..a/b..")] {
            assert_eq!(inside(path.as_bytes(), ""), Ok(Some(expected.into())), "{path}");
        }
        assert_eq!(inside(b"./", ""), Ok(None));
        assert_eq!(inside(b"../other/layer.tar", "this"), Ok(Some("other/layer.tar".into())), "a link may go aside");
        assert!(inside(b"../../x", "this").is_err());
        assert!(inside(&[0xff, 0xfe], "").is_err());
    }

    #[test]
    fn paths_of_blobs_name_digests() {
        let hex = "a".repeat(64);
        assert_eq!(named(&format!("blobs/sha256/{hex}")).map(|it| it.is_some()), Ok(true));
        assert_eq!(named(&format!("folder/blobs/sha256/{hex}")).map(|it| it.is_some()), Ok(true));
        assert!(named("blobs/md5/0").is_err() && named("blobs/sha256/xyz").is_err());
        assert_eq!(named("index.json"), Ok(None));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..2048)) {
            let _ = read(&Arc::default(), bytes.as_slice());
        }

        #[test]
        fn any_path_stays_inside_or_is_refused(path in "[./a]{0,12}", folder in "[a/]{0,6}") {
            if let Ok(Some(path)) = inside(path.as_bytes(), &folder) {
                prop_assert!(!path.starts_with('/') && path.split('/').all(|part| part != ".." && part != "." && !part.is_empty()));
            }
        }
    }
}
