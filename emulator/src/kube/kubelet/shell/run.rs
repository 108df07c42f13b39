//! Carrying out what the grammar has read.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::SignedDuration;

use super::parse::{Node, Redirect, Word, parse};
use super::{Output, Process, Trace, View, Written};

/// How many bytes it may write.
const MOST_BYTES: usize = 1 << 20;
/// How deep shells may call shells.
const DEEPEST: u32 = 20;

/// Whether to go on.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Flow {
    Go,
    Break,
    Continue,
    Exit(i32),
    /// Nobody looks any longer.
    Pause,
}

/// Where a stream goes.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Sink {
    Out,
    Err,
    Nowhere,
    Buffer(usize),
    File(String),
}

/// The streams of a command.
#[derive(Clone, Debug)]
pub(super) struct Streams {
    pub stdin: Arc<[u8]>,
    pub out: Sink,
    pub err: Sink,
}

/// A process and all that it calls.
pub(super) struct Machine {
    pub view: View,
    pub started: jiff::Timestamp,
    pub now: SignedDuration,
    pub until: SignedDuration,
    pub status: i32,
    pub variables: BTreeMap<String, String>,
    /// `$0`, `$1`, …
    pub arguments: Vec<String>,
    pub trace: Trace,
    pub buffers: Vec<Vec<u8>>,
    steps: u32,
    bytes: usize,
    depth: u32,
    stops_on_failure: bool,
}

/// Follows a process from its beginning for as long as one looks.
pub fn run(process: &Process, view: &View) -> Trace {
    let mut machine = Machine {
        view: view.clone(),
        started: process.started,
        now: SignedDuration::ZERO,
        until: process.until,
        status: 0,
        variables: BTreeMap::new(),
        arguments: Vec::new(),
        trace: Trace::default(),
        buffers: Vec::new(),
        steps: process.steps,
        bytes: 0,
        depth: 0,
        stops_on_failure: false,
    };
    let streams = Streams { stdin: process.stdin.into(), out: Sink::Out, err: Sink::Err };
    let flow = machine.program(process.words, &streams);
    match flow {
        Flow::Pause => {}
        Flow::Exit(code) => machine.trace.end = Some((machine.now, code)),
        _ => machine.trace.end = Some((machine.now, machine.status)),
    }
    machine.trace
}

impl Machine {
    /// Lets time pass.
    pub fn wait(&mut self, time: SignedDuration) -> Flow {
        self.now = self.now.saturating_add(time);
        if self.now > self.until {
            self.trace.next = Some(self.now);
            return Flow::Pause;
        }
        Flow::Go
    }

    /// Waits forever.
    pub fn stay(&mut self) -> Flow {
        self.trace.next = None;
        Flow::Pause
    }

    /// Ends the following of the process: it does something that nobody here knows.
    pub fn unknown(&mut self, what: impl Into<String>) -> Flow {
        self.trace.unknown = Some(what.into());
        Flow::Pause
    }

    fn step(&mut self) -> bool {
        self.steps = self.steps.saturating_sub(1);
        self.steps > 0
    }

    /// Counts bytes that were made; who has made too many stops, as who never ends.
    pub fn spend(&mut self, bytes: usize) -> Result<(), Flow> {
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes > MOST_BYTES {
            self.steps = 0;
            return Err(Flow::Pause);
        }
        Ok(())
    }

    /// Writes to where a stream goes.
    pub fn write(&mut self, sink: &Sink, bytes: &[u8]) {
        if self.spend(bytes.len()).is_err() || bytes.is_empty() {
            return;
        }
        match sink {
            Sink::Nowhere => {}
            Sink::Buffer(index) => self.buffers[*index].extend_from_slice(bytes),
            Sink::File(path) => {
                let mut content = self.file(path).map(|content| content.to_vec()).unwrap_or_default();
                // Appending copies what is there: it counts as written again, so that no loop makes the emulator slow.
                self.bytes += content.len() / 16;
                content.extend_from_slice(bytes);
                self.put_file(path, Some(content));
            }
            Sink::Out | Sink::Err => {
                let error = *sink == Sink::Err;
                match self.trace.output.last_mut() {
                    Some(last) if last.at == self.now && last.error == error => last.bytes.extend_from_slice(bytes),
                    _ => self.trace.output.push(Output { at: self.now, error, bytes: bytes.to_vec() }),
                }
            }
        }
    }

    pub fn file(&self, path: &str) -> Option<Arc<[u8]>> {
        self.view.files.get(path).cloned()
    }

    pub fn put_file(&mut self, path: &str, content: Option<Vec<u8>>) {
        match &content {
            Some(bytes) => self.view.files.insert(path.to_owned(), bytes.as_slice().into()),
            None => self.view.files.remove(path),
        };
        self.trace.written.push(Written { at: self.now, path: path.to_owned(), content });
    }

    /// A path as seen from the working directory, without `.` and `..`.
    pub fn absolute(&self, path: &str) -> String {
        let whole = if path.starts_with('/') { path.to_owned() } else { format!("{}/{path}", self.view.directory) };
        let mut parts: Vec<&str> = Vec::new();
        for part in whole.split('/') {
            match part {
                "" | "." => {}
                ".." => {
                    parts.pop();
                }
                part => parts.push(part),
            }
        }
        format!("/{}", parts.join("/"))
    }

    /// A shell's script, with the arguments that follow it.
    pub fn script(&mut self, text: &str, arguments: Vec<String>, streams: &Streams) -> Flow {
        if self.depth >= DEEPEST {
            return self.unknown("shells that call shells without end");
        }
        let node = match parse(text) {
            Ok(node) => node,
            Err(fault) if fault.starts_with("azlet") => return self.unknown(fault),
            Err(fault) => {
                self.write(&streams.err, format!("sh: {fault}\n").as_bytes());
                self.status = 2;
                return Flow::Go;
            }
        };
        let outer = (std::mem::replace(&mut self.arguments, arguments), self.variables.clone(), self.view.directory.clone());
        let stops = std::mem::take(&mut self.stops_on_failure);
        self.depth += 1;
        let flow = self.node(&node, streams);
        self.depth -= 1;
        self.stops_on_failure = stops;
        (self.arguments, self.variables, self.view.directory) = outer;
        match flow {
            Flow::Exit(code) => {
                self.status = code;
                Flow::Go
            }
            Flow::Break | Flow::Continue => Flow::Go,
            other => other,
        }
    }

    pub fn stop_on_failure(&mut self, stops: bool) {
        self.stops_on_failure = stops;
    }

    pub(super) fn node(&mut self, node: &Node, streams: &Streams) -> Flow {
        if !self.step() {
            return self.stay();
        }
        match node {
            Node::List(nodes) => {
                for node in nodes {
                    let flow = self.node(node, streams);
                    if flow != Flow::Go {
                        return flow;
                    }
                    let tested = matches!(node, Node::Not(_) | Node::Then(..) | Node::If(..) | Node::Loop(..));
                    if self.stops_on_failure && self.status != 0 && !tested {
                        return Flow::Exit(self.status);
                    }
                }
                Flow::Go
            }
            Node::Simple { assignments, words, redirects } => self.simple(assignments, words, redirects, streams),
            Node::Pipe(nodes) => self.pipe(nodes, streams),
            Node::Not(node) => {
                let flow = self.node(node, streams);
                self.status = i32::from(self.status == 0);
                flow
            }
            Node::Then(and, first, second) => match self.condition(first, streams) {
                Flow::Go if (self.status == 0) == *and => self.node(second, streams),
                flow => flow,
            },
            Node::Background(_) => {
                self.status = 0;
                self.unknown("commands in the background")
            }
            Node::If(arms, otherwise) => self.conditional(arms, otherwise.as_deref(), streams),
            Node::Loop(wanted, condition, body) => self.repeat(*wanted, condition, body, streams),
            Node::For(name, words, body) => self.iterate(name, words, body, streams),
            Node::Group(own, inner, redirects) => {
                let streams = match self.redirected(redirects, streams) {
                    Ok(streams) => streams,
                    Err(flow) => return flow,
                };
                if !own {
                    return self.node(inner, &streams);
                }
                self.subshell(inner, &streams)
            }
        }
    }

    /// A command whose failure is looked at, and so ends no shell.
    fn condition(&mut self, node: &Node, streams: &Streams) -> Flow {
        let stops = std::mem::take(&mut self.stops_on_failure);
        let flow = self.node(node, streams);
        self.stops_on_failure = stops;
        flow
    }

    pub(super) fn subshell(&mut self, node: &Node, streams: &Streams) -> Flow {
        let outer = (self.variables.clone(), self.view.environment.clone(), self.view.directory.clone());
        let flow = self.node(node, streams);
        (self.variables, self.view.environment, self.view.directory) = outer;
        match flow {
            Flow::Exit(code) => {
                self.status = code;
                Flow::Go
            }
            other => other,
        }
    }

    fn conditional(&mut self, arms: &[(Node, Node)], otherwise: Option<&Node>, streams: &Streams) -> Flow {
        for (condition, body) in arms {
            match self.condition(condition, streams) {
                Flow::Go if self.status == 0 => return self.node(body, streams),
                Flow::Go => {}
                flow => return flow,
            }
        }
        self.status = 0;
        otherwise.map_or(Flow::Go, |body| self.node(body, streams))
    }

    fn repeat(&mut self, wanted: bool, condition: &Node, body: &Node, streams: &Streams) -> Flow {
        loop {
            match self.condition(condition, streams) {
                Flow::Go if (self.status == 0) == wanted => {}
                Flow::Go => {
                    self.status = 0;
                    return Flow::Go;
                }
                flow => return flow,
            }
            match self.node(body, streams) {
                Flow::Go | Flow::Continue => {}
                Flow::Break => return Flow::Go,
                flow => return flow,
            }
        }
    }

    fn iterate(&mut self, name: &str, words: &[Word], body: &Node, streams: &Streams) -> Flow {
        let words = match self.words(words) {
            Ok(words) => words,
            Err(flow) => return flow,
        };
        for word in words {
            self.set(name, word);
            match self.node(body, streams) {
                Flow::Go | Flow::Continue => {}
                Flow::Break => return Flow::Go,
                flow => return flow,
            }
        }
        Flow::Go
    }

    /// Each command of a pipe is done before the next begins: what it wrote is what the next one reads.
    fn pipe(&mut self, nodes: &[Node], streams: &Streams) -> Flow {
        let mut stdin = streams.stdin.clone();
        for (position, node) in nodes.iter().enumerate() {
            let last = position + 1 == nodes.len();
            self.buffers.push(Vec::new());
            let buffer = self.buffers.len() - 1;
            let out = if last { streams.out.clone() } else { Sink::Buffer(buffer) };
            let flow = self.subshell(node, &Streams { stdin, out, err: streams.err.clone() });
            let written = self.buffers.pop().unwrap_or_default();
            if flow != Flow::Go {
                return flow;
            }
            stdin = written.into();
        }
        Flow::Go
    }

    fn simple(&mut self, assignments: &[(String, Word)], words: &[Word], redirects: &[Redirect], streams: &Streams) -> Flow {
        let words = match self.words(words) {
            Ok(words) => words,
            Err(flow) => return flow,
        };
        let mut values = Vec::new();
        for (name, word) in assignments {
            match self.one_word(word) {
                Ok(value) => values.push((name, value)),
                Err(flow) => return flow,
            }
        }
        let streams = match self.redirected(redirects, streams) {
            Ok(streams) => streams,
            Err(flow) => return flow,
        };
        if words.is_empty() {
            values.into_iter().for_each(|(name, value)| self.set(name, value));
            self.status = if assignments.is_empty() { 0 } else { self.status };
            return Flow::Go;
        }
        let environment = (!values.is_empty()).then(|| self.view.environment.clone());
        for (name, value) in values {
            self.view.environment.insert(name.clone(), value);
        }
        let flow = self.program(&words, &streams);
        if let Some(environment) = environment {
            self.view.environment = environment;
        }
        flow
    }

    pub(super) fn set(&mut self, name: &str, value: String) {
        if let Some(exported) = self.view.environment.get_mut(name) {
            *exported = value;
        } else {
            self.variables.insert(name.to_owned(), value);
        }
    }

    pub(super) fn variable(&self, name: &str) -> Option<&str> {
        self.view.environment.get(name).or_else(|| self.variables.get(name)).map(String::as_str)
    }
}
