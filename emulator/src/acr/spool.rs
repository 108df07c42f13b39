//! Files for content that is too large for memory. They have no name: on Linux they never get one (`O_TMPFILE`), elsewhere they are
//! unlinked as soon as they are open. So nothing is left over however the process ends, and nobody else can open them. The room that
//! one takes is given back when the last who holds it lets go.

use std::fs::{File, Permissions};
use std::io::{self, IoSlice};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use rustix::buffer::spare_capacity;
use rustix::io::{Errno, pread, pwritev};
use rustix::process::{Resource, getrlimit};

/// Content up to this size stays in memory: configurations and small layers, which are many, cost no file each, and a hundred uploads
/// at once still hold no more than some 50 MiB.
pub const IN_MEMORY: u64 = 512 * 1024;

/// As many pieces does the system take at once (`IOV_MAX`).
const SLICES: usize = 1024;
/// So many of the files that this process may have open are left for connections and everything else.
const LEFT_OPEN: u64 = 256;

/// A folder that files without a name lie in.
#[derive(Debug)]
pub struct Spool {
    folder: PathBuf,
    open: AtomicUsize,
}

impl Default for Spool {
    fn default() -> Self {
        Self::new(std::env::temp_dir())
    }
}

impl Spool {
    /// A spool in a folder, which must be there by the time that something large comes.
    pub fn new(folder: PathBuf) -> Self {
        Self { folder, open: AtomicUsize::new(0) }
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// How many files it holds.
    pub fn files(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// Makes a file.
    pub fn create(self: &Arc<Self>) -> io::Result<SpoolFile> {
        let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        if self.files() as u64 >= limit.saturating_sub(LEFT_OPEN) {
            let message = format!("{} large blobs are kept already, and this process may open {limit} files", self.files());
            return Err(io::Error::other(message));
        }
        let file = tempfile::tempfile_in(&self.folder)?;
        file.set_permissions(Permissions::from_mode(0o600))?;
        self.open.fetch_add(1, Ordering::Relaxed);
        Ok(SpoolFile { file: Some(file), spool: self.clone() })
    }
}

/// A file without a name.
#[derive(Debug)]
pub struct SpoolFile {
    /// There until this is dropped.
    file: Option<File>,
    spool: Arc<Spool>,
}

impl SpoolFile {
    fn file(&self) -> io::Result<&File> {
        self.file.as_ref().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// Writes pieces one after another, by as few calls as the system takes.
    pub fn write_pieces(&self, pieces: &[Bytes], mut at: u64) -> io::Result<()> {
        let file = self.file()?;
        let mut slices: Vec<IoSlice<'_>> = pieces.iter().map(|piece| IoSlice::new(piece)).collect();
        let mut left = slices.as_mut_slice();
        // Leaves out what is empty at the front.
        IoSlice::advance_slices(&mut left, 0);
        while !left.is_empty() {
            match pwritev(file, left.get(..SLICES).unwrap_or(left), at) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => {
                    IoSlice::advance_slices(&mut left, written);
                    at += written as u64;
                }
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Reads so many bytes.
    pub fn read(&self, length: usize, at: u64) -> io::Result<Vec<u8>> {
        let file = self.file()?;
        let mut bytes = Vec::with_capacity(length);
        while bytes.len() < length {
            let next = at + bytes.len() as u64;
            // The room may be more than was asked for.
            match pread(file, spare_capacity(&mut bytes), next) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        bytes.truncate(length);
        Ok(bytes)
    }

    /// Reads so many bytes if the system has them in memory, so that nobody waits; nothing if it has not, or cannot say.
    pub fn read_at_hand(&self, length: usize, at: u64) -> Option<Vec<u8>> {
        let mut bytes = vec![0; length];
        at_hand(self.file.as_ref()?, &mut bytes, at).then_some(bytes)
    }

    /// Gives back the room behind `size`.
    pub fn truncate(&self, size: u64) -> io::Result<()> {
        self.file()?.set_len(size)
    }
}

/// Fills a buffer from what the system holds of a file in memory; false if that is not all of it.
#[cfg(target_os = "linux")]
fn at_hand(file: &File, bytes: &mut [u8], at: u64) -> bool {
    use rustix::io::{ReadWriteFlags, preadv2};

    let length = bytes.len();
    preadv2(file, &mut [io::IoSliceMut::new(bytes)], at, ReadWriteFlags::NOWAIT) == Ok(length)
}

#[cfg(not(target_os = "linux"))]
fn at_hand(_: &File, _: &mut [u8], _: u64) -> bool {
    false
}

impl Drop for SpoolFile {
    fn drop(&mut self) {
        let (file, spool) = (self.file.take(), self.spool.clone());
        aside(move || {
            drop(file);
            spool.open.fetch_sub(1, Ordering::Relaxed);
        });
    }
}

/// Does what takes a file system's time on a thread that may wait; here, if there is no runtime to give one.
pub fn aside(work: impl FnOnce() + Send + 'static) {
    match tokio::runtime::Handle::try_current() {
        Ok(runtime) => drop(runtime.spawn_blocking(work)),
        Err(_) => work(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_no_name_and_goes_with_its_last_holder() {
        let folder = tempfile::tempdir().expect("a folder");
        let spool = Arc::new(Spool::new(folder.path().to_owned()));
        let file = spool.create().expect("a file");
        file.write_pieces(&["one".into(), "".into(), " two".into()], 0).expect("room");
        file.write_pieces(&["2".into()], 4).expect("room");
        assert_eq!(file.read(4, 3).expect("it is there"), b" 2wo");
        let pieces: Vec<Bytes> =
            (0..3000_u32).map(|number| Bytes::from(number.to_string().repeat((number % 3) as usize))).collect();
        file.write_pieces(&pieces, 7).expect("room");
        let all = pieces.concat();
        assert_eq!(file.read(all.len(), 7).expect("it is there"), all);
        // Whether it can be told depends on the file system; what is read is right.
        assert!(file.read_at_hand(all.len(), 7).is_none_or(|read| read == all));
        assert!(file.read_at_hand(all.len(), 8).is_none(), "there is not so much");
        file.truncate(4).expect("a change of size");
        assert!(file.read(4, 3).is_err(), "what was behind is gone");
        let mode = file.file().and_then(File::metadata).expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 0, "nothing is to be seen");
        assert_eq!(spool.files(), 1);
        drop(file);
        assert_eq!(spool.files(), 0);
    }

    #[test]
    fn a_folder_that_is_not_there_is_an_error() {
        let folder = tempfile::tempdir().expect("a folder");
        assert!(Arc::new(Spool::new(folder.path().join("absent"))).create().is_err());
    }
}
