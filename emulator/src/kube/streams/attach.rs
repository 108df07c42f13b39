//! `attach`: the streams of a container itself. One that reads its input gets the client's; of any other the client sees what it writes from
//! then on. A container that takes its input once (`stdinOnce`) waits for the client a moment (`kubelet/containers.rs`): who comes in time
//! sees all of it, and then it ends.

use super::channels::{STDERR, STDOUT, exited};
use super::exec::Session;
use super::shell::{self, Effect};
use crate::kube::kubelet::inside::{self, Inside};

/// Serves a client until it, or the container, goes.
pub(super) async fn run(mut session: Session, container: Inside) {
    let Inside { words, spec, mut shell, .. } = container;
    let takes_input = session.wanted.stdin && spec["stdin"] == true;
    if takes_input && shell::is_conversation(&words) {
        if let Some(code) = session.converse(&mut shell).await {
            session.end_container("", code);
            session.channels.finish(&exited(0)).await;
        }
        return;
    }
    if takes_input && shell.has(words.first().map_or("", String::as_str)) && shell::reads_input(&words) {
        let Some(input) = session.input(&words).await else { return };
        let Some(done) = shell.exec(&words, input) else { return };
        let text = log_of(&done.effects);
        if let Some(code) = session.play(done).await {
            session.end_container(&text, code);
            session.channels.finish(&exited(0)).await;
        }
        return;
    }
    session.follow(spec["stdinOnce"] == true).await;
}

fn log_of(effects: &[Effect]) -> String {
    let written = effects.iter().filter_map(|effect| match effect {
        Effect::Out(bytes) | Effect::Err(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
        Effect::Sleep(_) => None,
    });
    written.collect()
}

impl Session {
    fn end_container(&self, text: &str, code: i32) {
        inside::end(&self.world, &self.cluster, &self.pod, &self.id, text, code);
    }

    /// Tells what the container writes, until it ends.
    async fn follow(mut self, whole: bool) {
        let mut changes = self.cluster.subscribe();
        let Some(mut looks) = inside::looks(&self.cluster, &self.pod) else { return };
        let mut seen = if whole { 0 } else { inside::written(&self.world, &self.cluster, &self.pod, &self.id, 0).0.len() };
        loop {
            let (lines, ended) = inside::written(&self.world, &self.cluster, &self.pod, &self.id, seen);
            seen += lines.len();
            let text: String = lines.iter().map(|line| format!("{}\n", line.text)).collect();
            let channel = if self.wanted.stdout { STDOUT } else { STDERR };
            if !self.write(channel, text.as_bytes()).await {
                return;
            }
            if whole
                && !ended
                && let Some(code) = inside::ends(&self.cluster, &self.pod, &self.id)
            {
                self.end_container("", code);
                continue;
            }
            if ended {
                return self.channels.finish(&exited(0)).await;
            }
            tokio::select! {
                _ = looks.changed() => {}
                closed = changes.wait_for(|signal| signal.closed) => {
                    let _ = closed.is_ok();
                    return;
                }
                said = self.channels.next() => if said.is_none() { return },
            }
        }
    }
}
