//! `exec`: words run in a container that runs. Rule: the kubelet's and containerd's streaming server (`pkg/kubelet/server`, `cri/streaming`),
//! and the API server's translation of WebSocket's `v5` (`apiserver/pkg/util/proxy/translatinghandler.go`, 1.34): what the kubelet refuses is
//! told inside of the stream there, and is the answer itself with `v4`.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use serde_json::Value;

use super::Streaming;
use super::channels::{Channels, STDERR, STDOUT, Said, exited, failed};
use super::shell::{self, Done, Effect, Shell};
use super::terminal::{Event, Terminal, shown};
use crate::kernel::ids::HEX;
use crate::kube::kubelet::inside;
use crate::kube::store::{Cluster, Due};
use crate::world::{self, World};

/// So much input is kept for a program.
const MOST_INPUT: usize = 64 * 1024 * 1024;

/// A client that is being served.
pub(super) struct Session {
    pub(super) world: Arc<World>,
    pub(super) cluster: Arc<Cluster>,
    pub(super) pod: Arc<Value>,
    /// The container's id: when it ends, so does all that runs in it.
    pub(super) id: String,
    pub(super) wanted: Streaming,
    pub(super) channels: Channels,
}

/// Runs the words.
pub(super) async fn run(mut session: Session, mut shell: Shell, words: Vec<String>) {
    if !shell.has(words.first().map_or("", String::as_str)) {
        return refuse(session, &words).await;
    }
    if session.wanted.stdin && shell::is_conversation(&words) {
        let code = session.converse(&mut shell).await;
        return session.end(code).await;
    }
    let input = if session.wanted.stdin && shell::reads_input(&words) { session.input(&words).await } else { Some(Bytes::new()) };
    let Some(input) = input else { return };
    let Some(done) = shell.exec(&words, input) else { return };
    let code = session.play(done).await;
    session.end(code).await;
}

/// What runc says of an executable that is not there, in the words of all who pass it on.
async fn refuse(session: Session, words: &[String]) {
    let Session { world, channels, .. } = session;
    let program = words.first().map_or("", String::as_str);
    let why = if program.contains('/') {
        format!("stat {program}: no such file or directory")
    } else {
        "executable file not found in $PATH".into()
    };
    let id = world.ids.text(64, HEX);
    let message = format!(
        "error executing command in container: failed to exec in container: failed to start exec \"{id}\": OCI runtime exec failed: exec \
         failed: unable to start container process: exec: \"{program}\": {why}: unknown"
    );
    // What translates WebSocket's v5 tells the kubelet's error as one of its own.
    let message = if channels.is_v5() { format!("Internal error occurred: {message}") } else { message };
    channels.finish(&failed(&message)).await;
}

impl Session {
    async fn end(self, code: Option<i32>) {
        if let Some(code) = code {
            self.channels.finish(&exited(code)).await;
        }
    }

    /// Writes to the client.
    pub(super) async fn write(&mut self, channel: u8, bytes: &[u8]) -> bool {
        let Streaming { tty, stdout, stderr, .. } = self.wanted;
        let channel = if tty { STDOUT } else { channel };
        if (channel == STDOUT && !stdout) || (channel == STDERR && !stderr) || bytes.is_empty() {
            return true;
        }
        self.channels.send(channel, &shown(bytes, tty)).await
    }

    /// Plays what happened. The exit code; nothing if the client has gone before.
    pub(super) async fn play(&mut self, done: Done) -> Option<i32> {
        for effect in done.effects {
            let here = match effect {
                Effect::Out(bytes) => self.write(STDOUT, &bytes).await,
                Effect::Err(bytes) => self.write(STDERR, &bytes).await,
                Effect::Sleep(time) => {
                    let (sender, receiver) = tokio::sync::oneshot::channel();
                    let now = self.world.clock.now();
                    self.world.timeline.schedule(now.saturating_add(time).unwrap_or(now), world::Due::Kube(Due::Wake(sender)));
                    match self.wait(Some(receiver)).await {
                        Waited::Passed => true,
                        Waited::Interrupted => return Some(130),
                        Waited::Ended => return Some(137),
                        Waited::Gone => false,
                    }
                }
            };
            if !here {
                return None;
            }
        }
        if !done.endless {
            return Some(done.code);
        }
        match self.wait(None).await {
            Waited::Gone => None,
            Waited::Interrupted => Some(130),
            Waited::Passed | Waited::Ended => Some(137),
        }
    }

    /// Waits for a moment, or for ever, and notices what the client and the container do meanwhile.
    async fn wait(&mut self, moment: Option<tokio::sync::oneshot::Receiver<()>>) -> Waited {
        let moment = async {
            match moment {
                Some(moment) => drop(moment.await),
                None => std::future::pending().await,
            }
        };
        tokio::pin!(moment);
        let mut changes = self.cluster.subscribe();
        loop {
            if inside::written(&self.world, &self.cluster, &self.pod, &self.id, usize::MAX).1 {
                return Waited::Ended;
            }
            tokio::select! {
                () = &mut moment => return Waited::Passed,
                changed = changes.changed() => if changed.is_err() || changes.borrow().closed {
                    return Waited::Ended;
                },
                said = self.channels.next() => match said {
                    Some(Said::Input(keys)) if self.wanted.tty && keys.contains(&3) => {
                        self.channels.send(STDOUT, b"^C\r\n").await;
                        return Waited::Interrupted;
                    }
                    Some(_) => {}
                    None => return Waited::Gone,
                },
            }
        }
    }

    /// What the client says next; nothing if it or the container has gone.
    pub(super) async fn said(&mut self) -> Option<Said> {
        let mut changes = self.cluster.subscribe();
        loop {
            if inside::written(&self.world, &self.cluster, &self.pod, &self.id, usize::MAX).1 {
                return None;
            }
            tokio::select! {
                said = self.channels.next() => return said,
                changed = changes.changed() => if changed.is_err() || changes.borrow().closed { return None },
            }
        }
    }

    /// All input of a program; nothing if the client goes before its end.
    pub(super) async fn input(&mut self, words: &[String]) -> Option<Bytes> {
        let archive = words.first().is_some_and(|program| program.ends_with("tar"));
        let (mut input, mut terminal) = (BytesMut::new(), Terminal::new(true));
        loop {
            match self.said().await? {
                Said::EndOfInput => return Some(input.freeze()),
                Said::Input(keys) if self.wanted.tty => {
                    for event in terminal.keys(&keys) {
                        match event {
                            Event::Echo(bytes) => drop(self.channels.send(STDOUT, &bytes).await),
                            Event::Line(line) => input.extend_from_slice(format!("{line}\n").as_bytes()),
                            Event::Interrupt | Event::End => return Some(input.freeze()),
                        }
                    }
                }
                Said::Input(bytes) => input.extend_from_slice(&bytes),
            }
            // Two blocks of zeros end an archive; with v4 nothing else tells it.
            if archive
                && input.len() >= 1024
                && input.len() % 512 == 0
                && input[input.len() - 1024..].iter().all(|byte| *byte == 0)
            {
                return Some(input.freeze());
            }
            if input.len() > MOST_INPUT {
                self.write(STDERR, b"azlet keeps at most 64 MiB of a program's input\n").await;
                return Some(Bytes::new());
            }
        }
    }

    /// A conversation with a shell. The exit code; nothing if the client has gone.
    pub(super) async fn converse(&mut self, shell: &mut Shell) -> Option<i32> {
        let tty = self.wanted.tty;
        let (mut terminal, mut pending) = (Terminal::new(tty), String::new());
        self.prompt("# ").await;
        loop {
            let (events, over) = match self.said().await? {
                Said::Input(keys) => (terminal.keys(&keys), false),
                Said::EndOfInput => {
                    let rest = terminal.take();
                    (if rest.is_empty() { Vec::new() } else { vec![Event::Line(rest)] }, true)
                }
            };
            for event in events {
                match event {
                    Event::Echo(bytes) => drop(self.channels.send(STDOUT, &bytes).await),
                    Event::Interrupt => {
                        pending.clear();
                        self.prompt("# ").await;
                    }
                    Event::End => return Some(shell.status()),
                    Event::Line(line) => {
                        pending.push_str(&line);
                        shell.set_now(self.world.clock.now());
                        match shell.say(&pending) {
                            Some(done) => {
                                let (code, endless) = (done.code, done.endless);
                                self.play(done).await?;
                                pending.clear();
                                if shell.is_over() && !endless {
                                    return Some(code);
                                }
                                shell.go_on();
                                self.prompt("# ").await;
                            }
                            None => {
                                pending.push('\n');
                                self.prompt("> ").await;
                            }
                        }
                    }
                }
            }
            if over {
                return Some(shell.status());
            }
        }
    }

    async fn prompt(&mut self, text: &str) {
        if self.wanted.tty {
            self.channels.send(STDOUT, text.as_bytes()).await;
        }
    }
}

enum Waited {
    Passed,
    Interrupted,
    Ended,
    Gone,
}
