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
mod programs;
mod tools;

use bytes::Bytes;
use indexmap::IndexMap;
use jiff::{SignedDuration, Timestamp};

pub use files::Files;
use files::absolute;
use grammar::{Flaw, Node, Redirection};

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

/// Where a stream of a command ends.
#[derive(Clone, Debug)]
enum Sink {
    Out,
    Err,
    Buffer(usize),
    File(String),
    Nowhere,
}

/// The outgoing streams of a command.
#[derive(Clone, Debug)]
struct Streams {
    out: Sink,
    err: Sink,
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

    fn script(&mut self, text: &str, streams: &Streams) -> i32 {
        let parsed = grammar::parse(text);
        self.parsed(parsed, streams)
    }

    fn parsed(&mut self, parsed: Result<Node, Flaw>, streams: &Streams) -> i32 {
        match parsed {
            Ok(node) => self.run(&node, streams),
            Err(flaw) => {
                let what = match flaw {
                    Flaw::Unfinished => "end of file unexpected".to_owned(),
                    Flaw::Unexpected(token) => format!("\"{}\" unexpected", token.replace('\n', "newline")),
                };
                self.tell(streams, &format!("sh: 1: Syntax error: {what}\n"));
                self.flow = Flow::Exit;
                2
            }
        }
    }

    /// Whether commands may still run.
    fn goes_on(&mut self) -> bool {
        if self.commands >= MOST_COMMANDS || self.written >= MOST_OUTPUT {
            self.endless = true;
            self.flow = Flow::Exit;
        }
        self.flow == Flow::On
    }

    fn run(&mut self, node: &Node, streams: &Streams) -> i32 {
        if !self.goes_on() {
            return self.status;
        }
        self.status = match node {
            Node::Simple(assignments, words, redirections) => self.simple(assignments, words, redirections, streams),
            Node::Pipe(parts) => self.pipe(parts, streams),
            Node::And(left, right) => match self.run(left, streams) {
                0 => self.run(right, streams),
                code => code,
            },
            Node::Or(left, right) => match self.run(left, streams) {
                0 => 0,
                _ if self.flow == Flow::On => self.run(right, streams),
                code => code,
            },
            Node::Not(inside) => i32::from(self.run(inside, streams) == 0),
            Node::List(commands) => {
                let mut code = if commands.is_empty() { 0 } else { self.status };
                for command in commands {
                    if self.flow == Flow::On {
                        code = self.run(command, streams);
                    }
                }
                code
            }
            Node::If(branches, rest) => self.conditional(branches, rest.as_deref(), streams),
            Node::While(condition, body, until) => self.repeated(condition, body, *until, streams),
            Node::For(name, words, body) => self.each(name, words, body, streams),
            Node::Group(inside, redirections, apart) => self.group(inside, redirections, *apart, streams),
        };
        self.status
    }

    fn conditional(&mut self, branches: &[(Node, Node)], rest: Option<&Node>, streams: &Streams) -> i32 {
        for (condition, body) in branches {
            let holds = self.run(condition, streams) == 0;
            if self.flow != Flow::On {
                return self.status;
            }
            if holds {
                return self.run(body, streams);
            }
        }
        rest.map_or(0, |rest| self.run(rest, streams))
    }

    fn repeated(&mut self, condition: &Node, body: &Node, until: bool, streams: &Streams) -> i32 {
        let mut code = 0;
        loop {
            self.commands += 1;
            let holds = (self.run(condition, streams) == 0) != until;
            if !holds || self.flow != Flow::On {
                return code;
            }
            code = self.run(body, streams);
            if self.leaves_loop() {
                return code;
            }
        }
    }

    fn each(&mut self, name: &str, words: &[grammar::Word], body: &Node, streams: &Streams) -> i32 {
        let mut code = 0;
        for value in self.fields(words, streams) {
            self.set(name, value);
            code = self.run(body, streams);
            if self.leaves_loop() {
                break;
            }
        }
        code
    }

    fn leaves_loop(&mut self) -> bool {
        match self.flow {
            Flow::On => false,
            Flow::Continue => {
                self.flow = Flow::On;
                false
            }
            Flow::Break => {
                self.flow = Flow::On;
                true
            }
            Flow::Exit => true,
        }
    }

    fn group(&mut self, inside: &Node, redirections: &[Redirection], apart: bool, streams: &Streams) -> i32 {
        let before = self.stdin.clone();
        let code = match self.redirected(redirections, streams) {
            Some(streams) if apart => self.apart(|shell| shell.run(inside, &streams)),
            Some(streams) => self.run(inside, &streams),
            None => 2,
        };
        if redirections.iter().any(|each| each.stream == 0) {
            self.stdin = before;
        }
        code
    }

    /// Runs something in a shell of its own: what it sets and where it goes is forgotten, its exit ends only itself.
    fn apart(&mut self, act: impl FnOnce(&mut Self) -> i32) -> i32 {
        let before = (self.environment.clone(), self.variables.clone(), self.directory.clone(), self.arguments.clone());
        let code = act(self);
        (self.environment, self.variables, self.directory, self.arguments) = before;
        if !self.endless {
            self.flow = Flow::On;
        }
        code
    }

    fn pipe(&mut self, parts: &[Node], streams: &Streams) -> i32 {
        let before = self.stdin.clone();
        let mut code = 0;
        for (index, part) in parts.iter().enumerate() {
            if index + 1 == parts.len() {
                code = self.apart(|shell| shell.run(part, streams));
                break;
            }
            let written = self.captured(|shell, streams| shell.apart(|shell| shell.run(part, streams)), streams).0;
            self.stdin = written.into();
        }
        self.stdin = before;
        code
    }

    /// Runs something and keeps what it writes to its standard output.
    fn captured(&mut self, act: impl FnOnce(&mut Self, &Streams) -> i32, streams: &Streams) -> (Vec<u8>, i32) {
        self.buffers.push(Vec::new());
        let sink = Sink::Buffer(self.buffers.len() - 1);
        let code = act(self, &Streams { out: sink, err: streams.err.clone() });
        (self.buffers.pop().unwrap_or_default(), code)
    }

    fn simple(
        &mut self,
        assignments: &[(String, grammar::Word)],
        words: &[grammar::Word],
        redirections: &[Redirection],
        streams: &Streams,
    ) -> i32 {
        self.commands += 1;
        self.status = if words.is_empty() { 0 } else { self.status };
        let words = self.fields(words, streams);
        let values: Vec<(String, String)> =
            assignments.iter().map(|(name, word)| (name.clone(), self.joined(word, streams))).collect();
        let before = self.stdin.clone();
        let Some(redirected) = self.redirected(redirections, streams) else { return 2 };
        let code = if words.is_empty() {
            let code = self.status;
            values.into_iter().for_each(|(name, value)| self.set(&name, value));
            code
        } else if values.is_empty() {
            self.command(&words, &redirected)
        } else {
            let environment = self.environment.clone();
            self.environment.extend(values);
            let code = self.command(&words, &redirected);
            self.environment = environment;
            code
        };
        if redirections.iter().any(|each| each.stream == 0) {
            self.stdin = before;
        }
        code
    }

    /// The streams of a command, its files opened. None if that fails; it has been told then.
    fn redirected(&mut self, redirections: &[Redirection], streams: &Streams) -> Option<Streams> {
        let mut result = streams.clone();
        for redirection in redirections {
            let target = self.joined(&redirection.target, streams);
            if redirection.operator == ">&" {
                match (redirection.stream, target.as_str()) {
                    (2, "1") => result.err = result.out.clone(),
                    (1, "2") => result.out = result.err.clone(),
                    _ => {}
                }
                continue;
            }
            let path = absolute(&self.directory, &target);
            let opened = match redirection.operator {
                "<" => self.files.read(&path).map(|content| self.stdin = content),
                _ if path == "/dev/null" => Ok(()),
                ">>" => {
                    let content = self.files.read(&path).unwrap_or_default();
                    self.files.write(&path, content, None, self.now())
                }
                _ => self.files.write(&path, Bytes::new(), None, self.now()),
            };
            if let Err(trouble) = opened {
                let verb = if redirection.operator == "<" { "open" } else { "create" };
                let trouble = if trouble == files::ABSENT && verb == "create" { "Directory nonexistent" } else { trouble };
                let trouble = if trouble == files::ABSENT { "No such file" } else { trouble };
                self.tell(streams, &format!("sh: 1: cannot {verb} {target}: {trouble}\n"));
                return None;
            }
            let sink = match path.as_str() {
                "/dev/null" => Sink::Nowhere,
                "/dev/stdout" => result.out.clone(),
                "/dev/stderr" => result.err.clone(),
                _ => Sink::File(path),
            };
            match redirection.stream {
                1 => result.out = sink,
                2 => result.err = sink,
                _ => {}
            }
        }
        Some(result)
    }

    fn command(&mut self, words: &[String], streams: &Streams) -> i32 {
        if let Some(code) = programs::of_the_shell(self, words, streams) {
            return code;
        }
        if self.has(&words[0]) {
            return self.program(words, streams);
        }
        self.tell(streams, &format!("sh: 1: {}: not found\n", words[0]));
        127
    }

    fn program(&mut self, words: &[String], streams: &Streams) -> i32 {
        let name = words[0].rsplit('/').next().unwrap_or_default();
        if is_shell(name) {
            return self.nested(words, streams);
        }
        match programs::find(name) {
            Some(program) => program(self, &words[1..], streams),
            None => 127,
        }
    }

    /// `sh -c SCRIPT`, `sh FILE`, `sh` with its script on the standard input.
    fn nested(&mut self, words: &[String], streams: &Streams) -> i32 {
        let mut rest = &words[1..];
        let mut inline = false;
        while let Some(flags) = rest.first().and_then(|word| word.strip_prefix('-')).filter(|flags| !flags.is_empty()) {
            inline |= !flags.starts_with('-') && flags.contains('c');
            rest = &rest[1..];
        }
        let script = match rest.split_first() {
            Some((script, arguments)) if inline => {
                rest = arguments;
                Ok(script.clone())
            }
            None if inline => {
                self.tell(streams, "sh: 0: -c requires an argument\n");
                return 2;
            }
            Some((file, _)) => {
                let path = absolute(&self.directory, file);
                self.files.read(&path).map(|content| String::from_utf8_lossy(&content).into_owned()).map_err(|_| file.clone())
            }
            None => Ok(String::from_utf8_lossy(&std::mem::take(&mut self.stdin)).into_owned()),
        };
        let script = match script {
            Ok(script) => script,
            Err(file) => {
                self.tell(streams, &format!("sh: 0: cannot open {file}: No such file\n"));
                return 2;
            }
        };
        if self.depth >= DEEPEST {
            self.tell(streams, "sh: 1: Cannot fork\n");
            return 2;
        }
        self.depth += 1;
        let arguments = if rest.is_empty() { vec![words[0].clone()] } else { rest.to_vec() };
        let code = self.apart(|shell| {
            shell.arguments = arguments;
            shell.variables.clear();
            shell.script(&script, streams)
        });
        self.depth -= 1;
        code
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

    fn say_out(&mut self, streams: &Streams, bytes: &[u8]) {
        self.emit(&streams.out.clone(), bytes);
    }

    fn tell(&mut self, streams: &Streams, text: &str) {
        self.emit(&streams.err.clone(), text.as_bytes());
    }

    fn emit(&mut self, sink: &Sink, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        self.written += bytes.len();
        match sink {
            Sink::Out => match self.effects.last_mut() {
                Some(Effect::Out(before)) => before.extend_from_slice(bytes),
                _ => self.effects.push(Effect::Out(bytes.to_vec())),
            },
            Sink::Err => match self.effects.last_mut() {
                Some(Effect::Err(before)) => before.extend_from_slice(bytes),
                _ => self.effects.push(Effect::Err(bytes.to_vec())),
            },
            Sink::Buffer(index) => {
                if let Some(buffer) = self.buffers.get_mut(*index) {
                    buffer.extend_from_slice(bytes);
                }
            }
            Sink::File(path) => {
                let before = self.files.read(path).unwrap_or_default();
                let _ = self.files.write(path, [&before, bytes].concat().into(), None, self.now());
            }
            Sink::Nowhere => {}
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
            word.starts_with('-') && !word.trim_start_matches('-').is_empty() && !(word.contains('c') && !word.starts_with("--"))
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
