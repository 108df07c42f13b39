//! Running words in a container: a small shell with a few programs over the files and the environment that the container sees. Nothing of the
//! image runs; what is not here is not found, as a missing executable is not.
//!
//! Synchronous and without effects of its own: a run gives what it wrote and how long it slept, in order, and its exit code; who plays it
//! decides what a second is. Rule: POSIX' Shell Command Language and utilities as far as they are built; messages are those of dash and of
//! GNU's tools, which AKS' usual images hold. That a script's loop stops counting after so many commands is azlet's.

mod archive;
mod arithmetic;
mod expand;
pub mod files;
mod filters;
mod grammar;
mod plumbing;
mod programs;
mod run;
mod tokens;
mod tools;

use bytes::Bytes;
use indexmap::IndexMap;
use jiff::{SignedDuration, Timestamp};

pub use files::Files;
use files::absolute;
use grammar::Flaw;
use plumbing::{Sink, Streams};

/// As many commands run at most: a loop without an end is cut there.
const MOST_COMMANDS: usize = 10_000;
/// As much is written at most.
const MOST_OUTPUT: usize = 64 * 1024 * 1024;

/// What happens while words run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Written to the standard output.
    Out(Vec<u8>),
    /// Written to the standard error.
    Err(Vec<u8>),
    /// Nothing, for a while.
    Sleep(SignedDuration),
}

/// How words ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done {
    /// What happened, in order.
    pub effects: Vec<Effect>,
    /// The exit code.
    pub code: i32,
    /// Whether the end is not a real one: the words would go on for ever, or for longer than azlet follows them.
    pub endless: bool,
}

/// What a container knows of itself.
#[derive(Clone, Debug)]
pub struct Facts {
    /// Its host name.
    pub hostname: String,
    /// The time.
    pub now: Timestamp,
    /// The user and its group.
    pub user: (i64, i64),
    /// Programs that the image does not have.
    pub absent: &'static [&'static str],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flow {
    On,
    Break,
    Continue,
    Exit,
}

/// A shell, or a program alone, in a container.
#[derive(Debug)]
pub struct Shell {
    /// What it sees.
    pub files: Files,
    /// The environment.
    pub environment: IndexMap<String, String>,
    /// Where it is; empty for the root.
    pub directory: String,
    facts: Facts,
    arguments: Vec<String>,
    variables: IndexMap<String, String>,
    stdin: Bytes,
    effects: Vec<Effect>,
    buffers: Vec<Vec<u8>>,
    written: usize,
    slept: SignedDuration,
    status: i32,
    flow: Flow,
    commands: usize,
    depth: usize,
    endless: bool,
}

/// Shells may start one another this deep.
const DEEPEST: usize = 24;

impl Shell {
    /// A shell over what a container sees.
    pub fn new(files: Files, environment: IndexMap<String, String>, directory: &str, facts: Facts) -> Self {
        Self {
            files,
            environment,
            directory: absolute("", directory),
            facts,
            arguments: vec!["sh".into()],
            variables: IndexMap::new(),
            stdin: Bytes::new(),
            effects: Vec::new(),
            buffers: Vec::new(),
            written: 0,
            slept: SignedDuration::ZERO,
            status: 0,
            flow: Flow::On,
            commands: 0,
            depth: 0,
            endless: false,
        }
    }

    /// Whether there is an executable of this name.
    pub fn has(&self, program: &str) -> bool {
        let name = program.rsplit('/').next().unwrap_or(program);
        let in_path =
            name == program || ["/bin/", "/usr/bin/", "/usr/local/bin/"].iter().any(|bin| program == format!("{bin}{name}"));
        in_path && !self.facts.absent.contains(&name) && (is_shell(name) || programs::find(name).is_some())
    }

    /// Runs words as a runtime starts a process: without a shell. None if there is no such executable.
    pub fn exec(&mut self, words: &[String], stdin: Bytes) -> Option<Done> {
        let program = words.first()?;
        if !self.has(program) {
            return None;
        }
        self.begin(stdin);
        let streams = Streams { out: Sink::Out, err: Sink::Err };
        let code = self.program(words, &streams);
        Some(self.done(code))
    }

    /// Runs a piece of a conversation: a line, or more. None if more has to follow.
    pub fn say(&mut self, text: &str) -> Option<Done> {
        let parsed = grammar::parse(text);
        if parsed == Err(Flaw::Unfinished) {
            return None;
        }
        self.begin(Bytes::new());
        let code = self.parsed(parsed, &Streams { out: Sink::Out, err: Sink::Err });
        Some(self.done(code))
    }

    /// Whether the shell was told to exit.
    pub fn is_over(&self) -> bool {
        self.flow == Flow::Exit
    }

    /// Lets a conversation go on after a loop that had no end.
    pub fn go_on(&mut self) {
        self.flow = Flow::On;
    }

    /// The exit code of the last command.
    pub fn status(&self) -> i32 {
        self.status
    }

    /// Tells the time anew.
    pub fn set_now(&mut self, now: Timestamp) {
        self.facts.now = now;
    }

    fn begin(&mut self, stdin: Bytes) {
        self.stdin = stdin;
        self.commands = 0;
        self.written = 0;
        self.slept = SignedDuration::ZERO;
        self.endless = false;
    }

    fn done(&mut self, code: i32) -> Done {
        Done { effects: std::mem::take(&mut self.effects), code: code & 0xff, endless: self.endless }
    }

    /// The time, with what was slept.
    fn now(&self) -> Timestamp {
        self.facts.now.saturating_add(self.slept).unwrap_or(self.facts.now)
    }

    fn variable(&self, name: &str) -> Option<String> {
        match name {
            "?" => Some(self.status.to_string()),
            "#" => Some((self.arguments.len() - 1).to_string()),
            "$" => Some("1".into()),
            "!" => Some(String::new()),
            "@" | "*" => Some(self.arguments[1..].join(" ")),
            "PWD" => Some(if self.directory.is_empty() { "/".into() } else { self.directory.clone() }),
            digits if digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.is_empty() => {
                self.arguments.get(digits.parse::<usize>().ok()?).cloned()
            }
            name => self.variables.get(name).or_else(|| self.environment.get(name)).cloned(),
        }
    }

    fn set(&mut self, name: &str, value: String) {
        match self.environment.get_mut(name) {
            Some(known) => *known = value,
            None => drop(self.variables.insert(name.to_owned(), value)),
        }
    }

    fn sleep(&mut self, time: SignedDuration) {
        self.slept = self.slept.saturating_add(time);
        self.effects.push(Effect::Sleep(time));
    }
}

/// Whether words start a shell that talks: `sh`, `bash -i`, `/bin/sh -l`.
pub fn is_conversation(words: &[String]) -> bool {
    let [program, rest @ ..] = words else { return false };
    is_shell(program.rsplit('/').next().unwrap_or(program))
        && rest.iter().all(|word| {
            let runs_script = word.contains('c') && !word.starts_with("--");
            word.starts_with('-') && !word.trim_start_matches('-').is_empty() && !runs_script
        })
}

/// Whether words end only with their standard input.
pub fn reads_input(words: &[String]) -> bool {
    let Some((program, rest)) = words.split_first() else { return false };
    let name = program.rsplit('/').next().unwrap_or(program);
    let file = |skip: usize| rest.iter().filter(|word| !word.starts_with('-')).count() > skip;
    match name {
        name if is_shell(name) => {
            rest.iter().any(|word| word.contains("cat") || word.contains("read") || word.contains("tar "))
                || is_conversation(words)
        }
        "cat" | "wc" | "sort" | "head" | "tail" | "base64" | "sha256sum" | "md5sum" => {
            rest.iter().any(|word| word == "-") || !file(0)
        }
        "grep" | "cut" => !file(1),
        "tee" => true,
        "tar" => archive::reads_input(rest),
        _ => false,
    }
}

fn is_shell(name: &str) -> bool {
    matches!(name, "sh" | "ash" | "bash" | "dash")
}

#[cfg(test)]
mod tests;
