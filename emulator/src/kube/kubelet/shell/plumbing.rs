//! Where streams go: redirections.

use std::sync::Arc;

use super::parse::Redirect;
use super::run::{Flow, Machine, Sink, Streams};

impl Machine {
    pub(super) fn redirected(&mut self, redirects: &[Redirect], streams: &Streams) -> Result<Streams, Flow> {
        let mut streams = streams.clone();
        for redirect in redirects {
            match redirect {
                Redirect::Same { from, to } => {
                    let sink = if *to == 2 { streams.err.clone() } else { streams.out.clone() };
                    *(if *from == 2 { &mut streams.err } else { &mut streams.out }) = sink;
                }
                Redirect::Write { from, append, to } => {
                    let path = self.one_word(to)?;
                    let sink = self.sink(&path, *append, &streams);
                    *(if *from == 2 { &mut streams.err } else { &mut streams.out }) = sink;
                }
                Redirect::Read(word) => {
                    let name = self.one_word(word)?;
                    let path = self.absolute(&name);
                    if path == "/dev/null" {
                        streams.stdin = Arc::from([]);
                    } else if let Some(content) = self.file(&path) {
                        streams.stdin = content;
                    } else {
                        self.write(&streams.err, format!("sh: can't open {name}: no such file\n").as_bytes());
                        self.status = 1;
                        return Err(Flow::Go);
                    }
                }
            }
        }
        Ok(streams)
    }

    fn sink(&mut self, path: &str, append: bool, streams: &Streams) -> Sink {
        match self.absolute(path).as_str() {
            "/dev/null" => Sink::Nowhere,
            "/dev/stdout" | "/proc/1/fd/1" | "/proc/self/fd/1" => streams.out.clone(),
            "/dev/stderr" | "/proc/1/fd/2" | "/proc/self/fd/2" => streams.err.clone(),
            path => {
                if !append || self.file(path).is_none() {
                    self.put_file(path, Some(Vec::new()));
                }
                Sink::File(path.to_owned())
            }
        }
    }
}
