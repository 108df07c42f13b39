//! Where the streams of commands go: to who started the shell, into files, into other commands (POSIX' Shell Command Language, 2.7).

use bytes::Bytes;

use super::files::absolute;
use super::grammar::Redirection;
use super::{Effect, Shell, files};

/// Where a stream of a command ends.
#[derive(Clone, Debug)]
pub(super) enum Sink {
    Out,
    Err,
    Buffer(usize),
    File(String),
    Nowhere,
}

/// The outgoing streams of a command.
#[derive(Clone, Debug)]
pub(super) struct Streams {
    pub(super) out: Sink,
    pub(super) err: Sink,
}

impl Shell {
    /// The streams of a command, its files opened. None if that fails; it has been told then.
    pub(super) fn redirected(&mut self, redirections: &[Redirection], streams: &Streams) -> Option<Streams> {
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

    /// Runs something and keeps what it writes to its standard output.
    pub(super) fn captured(&mut self, act: impl FnOnce(&mut Self, &Streams) -> i32, streams: &Streams) -> (Vec<u8>, i32) {
        self.buffers.push(Vec::new());
        let sink = Sink::Buffer(self.buffers.len() - 1);
        let code = act(self, &Streams { out: sink, err: streams.err.clone() });
        (self.buffers.pop().unwrap_or_default(), code)
    }

    pub(super) fn say_out(&mut self, streams: &Streams, bytes: &[u8]) {
        self.emit(&streams.out.clone(), bytes);
    }

    pub(super) fn tell(&mut self, streams: &Streams, text: &str) {
        self.emit(&streams.err.clone(), text.as_bytes());
    }

    pub(super) fn emit(&mut self, sink: &Sink, bytes: &[u8]) {
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
}
