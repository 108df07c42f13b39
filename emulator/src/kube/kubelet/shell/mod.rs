//! A small shell and a few programs, so that what simple commands do in a container need not be told: `sh -c 'echo hi; exit 3'`,
//! `sleep 30`, `cat` of a mounted file, `while true; do date; sleep 1; done`. Nothing of it runs: time passes by counting.
//! Rules: POSIX' shell language and utilities, with BusyBox' texts where they differ.
//!
//! What is not known is told in [`Trace::unknown`]; it is for the caller to say what that means.

mod arithmetic;
mod commands;
mod expand;
mod files;
mod parse;
mod plumbing;
mod run;
mod test;
mod words;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

pub use run::run;

/// What a process in a container sees.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// The environment.
    pub environment: BTreeMap<String, String>,
    /// The files that are known, by their absolute path.
    pub files: BTreeMap<String, Arc<[u8]>>,
    /// The name of the host: the pod's.
    pub hostname: String,
    /// The working directory.
    pub directory: String,
    /// As whom it runs.
    pub user: i64,
}

/// A process: its words, what it reads, when it begins, and how long one looks at it.
#[derive(Clone, Debug)]
pub struct Process<'a> {
    /// The program and its arguments.
    pub words: &'a [String],
    /// What stands at its standard input.
    pub stdin: &'a [u8],
    /// When it begins.
    pub started: Timestamp,
    /// How long after its beginning one looks at it.
    pub until: SignedDuration,
    /// How many steps it has; one that never ends and never waits stops there, silently.
    pub steps: u32,
}

/// Something that a process wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// How long after its beginning.
    pub at: SignedDuration,
    /// Whether to the standard error.
    pub error: bool,
    /// What.
    pub bytes: Vec<u8>,
}

/// A file that a process wrote, or took away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// How long after its beginning.
    pub at: SignedDuration,
    /// The absolute path.
    pub path: String,
    /// What it holds since; nothing if it is gone.
    pub content: Option<Vec<u8>>,
}

/// What a process has done as long as one looked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trace {
    /// What it wrote, in order.
    pub output: Vec<Output>,
    /// The files that it changed, in order.
    pub written: Vec<Written>,
    /// When and with which code it ended; it still runs if nothing.
    pub end: Option<(SignedDuration, i32)>,
    /// The first thing that nobody here knows; what came before it is in the trace.
    pub unknown: Option<String>,
    /// When it goes on, of one that still runs.
    pub next: Option<SignedDuration>,
}

impl Trace {
    /// What it wrote to one of its streams.
    pub fn text(&self, error: bool) -> Vec<u8> {
        self.output.iter().filter(|output| output.error == error).flat_map(|output| output.bytes.iter().copied()).collect()
    }

    /// The files as they are at some time after its beginning, over those that it began with.
    pub fn files_at(&self, began_with: &BTreeMap<String, Arc<[u8]>>, at: SignedDuration) -> BTreeMap<String, Arc<[u8]>> {
        let mut files = began_with.clone();
        for written in self.written.iter().filter(|written| written.at <= at) {
            match &written.content {
                Some(content) => files.insert(written.path.clone(), content.as_slice().into()),
                None => files.remove(&written.path),
            };
        }
        files
    }
}

#[cfg(test)]
mod tests;
