//! The files that a container sees: trees of directories and files in memory, each mounted somewhere. A volume that containers share is one
//! tree in several views.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use parking_lot::Mutex;

/// All of a container's own files may hold this much.
const LARGEST: usize = 64 * 1024 * 1024;

/// Why a file cannot be had, in the words of `strerror`.
pub type Trouble = &'static str;

/// `ENOENT`.
pub const ABSENT: Trouble = "No such file or directory";
const IS_DIRECTORY: Trouble = "Is a directory";
const NOT_DIRECTORY: Trouble = "Not a directory";
const READ_ONLY: Trouble = "Read-only file system";
const EXISTS: Trouble = "File exists";
const FULL: Trouble = "No space left on device";

/// A file or a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What a file holds; nothing for a directory.
    pub content: Option<Bytes>,
    /// The permission bits.
    pub mode: u32,
    /// When it was changed.
    pub at: Timestamp,
}

impl Entry {
    /// A file.
    pub fn file(content: impl Into<Bytes>, mode: u32, at: Timestamp) -> Self {
        Self { content: Some(content.into()), mode, at }
    }

    /// A directory.
    pub fn directory(at: Timestamp) -> Self {
        Self { content: None, mode: 0o755, at }
    }

    /// Whether it is a directory.
    pub fn is_directory(&self) -> bool {
        self.content.is_none()
    }

    /// How many bytes it holds.
    pub fn size(&self) -> usize {
        self.content.as_ref().map_or(4096, Bytes::len)
    }
}

/// Entries by their path from the tree's root, `a/b`; the root itself is the empty path and always a directory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree(BTreeMap<String, Entry>);

impl Tree {
    /// Puts a file into it, with the directories that it lies in.
    pub fn put(&mut self, path: &str, entry: Entry) {
        for (end, _) in path.match_indices('/') {
            self.0.entry(path[..end].to_owned()).or_insert_with(|| Entry::directory(entry.at));
        }
        self.0.insert(path.to_owned(), entry);
    }

    fn bytes(&self) -> usize {
        self.0.values().filter_map(|entry| entry.content.as_ref()).map(Bytes::len).sum()
    }
}

/// A tree at a place.
#[derive(Clone, Debug)]
pub struct Mount {
    /// `/etc/config`, empty for the root.
    pub path: String,
    /// What is there.
    pub tree: Arc<Mutex<Tree>>,
    /// What lies in the tree before the mount's own root, if only a part of it is mounted (`subPath`).
    pub part: String,
    /// Whether nothing can be changed.
    pub read_only: bool,
}

/// All that a container sees.
#[derive(Clone, Debug, Default)]
pub struct Files {
    mounts: Vec<Mount>,
}

impl Files {
    /// The container's own tree, and what is mounted over it.
    pub fn new(mut mounts: Vec<Mount>, now: Timestamp) -> Self {
        mounts.sort_by_key(|mount| std::cmp::Reverse(mount.path.len()));
        let files = Self { mounts };
        // A place to mount is a directory of what lies below it.
        for mount in files.mounts.iter().filter(|mount| !mount.path.is_empty()) {
            let path = mount.path.trim_start_matches('/');
            if let Some(root) = files.mounts.last() {
                root.tree.lock().put(path, Entry::directory(now));
            }
        }
        files
    }

    fn find(&self, path: &str) -> Option<(&Mount, String)> {
        let inside = |mount: &&Mount| {
            path == mount.path
                || path.strip_prefix(&mount.path).is_some_and(|rest| mount.path.is_empty() || rest.starts_with('/'))
        };
        let mount = self.mounts.iter().find(inside)?;
        let rest = path[mount.path.len()..].trim_start_matches('/');
        Some((mount, join(&mount.part, rest)))
    }

    /// What is at a path.
    pub fn entry(&self, path: &str) -> Option<Entry> {
        let (mount, inside) = self.find(path)?;
        let found = mount.tree.lock().0.get(&inside).cloned();
        found.or_else(|| (inside.is_empty() || inside == mount.part).then(|| Entry::directory(Timestamp::UNIX_EPOCH)))
    }

    /// What a file holds.
    pub fn read(&self, path: &str) -> Result<Bytes, Trouble> {
        match self.entry(path) {
            Some(Entry { content: Some(content), .. }) => Ok(content),
            Some(_) => Err(IS_DIRECTORY),
            None => Err(ABSENT),
        }
    }

    /// The names in a directory, in order.
    pub fn list(&self, path: &str) -> Result<Vec<String>, Trouble> {
        let entry = self.entry(path).ok_or(ABSENT)?;
        if !entry.is_directory() {
            return Err(NOT_DIRECTORY);
        }
        let (mount, inside) = self.find(path).ok_or(ABSENT)?;
        let tree = mount.tree.lock();
        let prefix = if inside.is_empty() { String::new() } else { format!("{inside}/") };
        let below = tree.0.range(prefix.clone()..).take_while(|(name, _)| name.starts_with(&prefix));
        let names = below.filter_map(|(name, _)| name.strip_prefix(&prefix));
        Ok(names.filter(|name| !name.is_empty() && !name.contains('/')).map(str::to_owned).collect())
    }

    fn writable(&self, path: &str) -> Result<(&Mount, String), Trouble> {
        let (mount, inside) = self.find(path).ok_or(ABSENT)?;
        if mount.read_only { Err(READ_ONLY) } else { Ok((mount, inside)) }
    }

    /// Writes a file whose directory exists.
    pub fn write(&self, path: &str, content: Bytes, mode: Option<u32>, at: Timestamp) -> Result<(), Trouble> {
        let (mount, inside) = self.writable(path)?;
        let before = self.entry(path);
        if before.as_ref().is_some_and(Entry::is_directory) {
            return Err(IS_DIRECTORY);
        }
        match self.entry(parent(path)) {
            Some(entry) if entry.is_directory() => {}
            Some(_) => return Err(NOT_DIRECTORY),
            None => return Err(ABSENT),
        }
        let mode = mode.or(before.map(|before| before.mode)).unwrap_or(0o644);
        let mut tree = mount.tree.lock();
        if tree.bytes() + content.len() > LARGEST {
            return Err(FULL);
        }
        tree.put(&inside, Entry::file(content, mode, at));
        Ok(())
    }

    /// Makes a directory, with `parents` those above it too.
    pub fn make_directory(&self, path: &str, parents: bool, at: Timestamp) -> Result<(), Trouble> {
        match self.entry(path) {
            Some(entry) if entry.is_directory() && parents => return Ok(()),
            Some(_) => return Err(EXISTS),
            None => {}
        }
        let above = parent(path);
        match self.entry(above) {
            Some(entry) if entry.is_directory() => {}
            Some(_) => return Err(NOT_DIRECTORY),
            None if parents => self.make_directory(above, true, at)?,
            None => return Err(ABSENT),
        }
        let (mount, inside) = self.writable(path)?;
        mount.tree.lock().put(&inside, Entry::directory(at));
        Ok(())
    }

    /// Takes a file away, with `all` a directory and what is in it.
    pub fn remove(&self, path: &str, all: bool) -> Result<(), Trouble> {
        let entry = self.entry(path).ok_or(ABSENT)?;
        if entry.is_directory() && !all {
            return Err(IS_DIRECTORY);
        }
        if self.mounts.iter().any(|mount| mount.path == path || mount.path.starts_with(&format!("{path}/"))) {
            return Err("Device or resource busy");
        }
        let (mount, inside) = self.writable(path)?;
        let below = format!("{inside}/");
        mount.tree.lock().0.retain(|name, _| *name != inside && !name.starts_with(&below));
        Ok(())
    }

    /// Changes the permission bits.
    pub fn set_mode(&self, path: &str, mode: u32) -> Result<(), Trouble> {
        let (mount, inside) = self.writable(path)?;
        mount.tree.lock().0.get_mut(&inside).ok_or(ABSENT)?.mode = mode;
        Ok(())
    }
}

fn join(left: &str, right: &str) -> String {
    match (left.is_empty(), right.is_empty()) {
        (true, _) => right.to_owned(),
        (_, true) => left.to_owned(),
        _ => format!("{left}/{right}"),
    }
}

/// The directory that a path lies in.
pub fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(above, _)| above)
}

/// An absolute path without `.`, `..` and doubled slashes; the root is empty.
pub fn absolute(directory: &str, path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    let base = if path.starts_with('/') { "" } else { directory };
    for part in base.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.iter().map(|part| format!("/{part}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_walked() {
        for (directory, path, found) in [("/a", "b/../c", "/a/c"), ("/a", "/", ""), ("", "../..", ""), ("/a", "/x//y/", "/x/y")] {
            assert_eq!(absolute(directory, path), found);
        }
    }

    #[test]
    fn mounts_cover_what_lies_below_them() {
        let now = Timestamp::UNIX_EPOCH;
        let mount = |path: &str, read_only| Mount { path: path.into(), tree: Arc::default(), part: String::new(), read_only };
        let files = Files::new(vec![mount("", false), mount("/etc/config", true), mount("/data", false)], now);
        assert_eq!(files.list("/etc"), Ok(vec!["config".into()]));
        assert_eq!(files.write("/etc/config/a", "x".into(), None, now), Err(READ_ONLY));
        assert_eq!(files.write("/data/a", "x".into(), None, now), Ok(()));
        assert_eq!(files.write("/none/a", "x".into(), None, now), Err(ABSENT));
        assert_eq!(files.read("/data/a").as_deref(), Ok(b"x".as_slice()));
        assert_eq!(files.read("/data"), Err(IS_DIRECTORY));
        assert_eq!(files.remove("/data", true), Err("Device or resource busy"));
        assert_eq!(files.remove("/data/a", false), Ok(()));
        assert_eq!(files.list("/data"), Ok(vec![]));
    }
}
