//! Watches: the changes of a kind as a stream of JSON lines (`apiserver/pkg/endpoints/handlers/watch.go`, `storage/cacher`). A watch
//! holds neither the world nor the cluster, so that it ends with them.

use std::collections::VecDeque;
use std::sync::{Arc, Weak};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use http::header;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use super::apply::wire::Wire;
use super::convert;
use super::error::Error;
use super::kinds::Kind;
use super::request::{Form, Query};
use super::selector::Selector;
use super::store::{Change, Cluster, Signal, Verb};
use super::table::{self, IncludeObject};
use super::versions;
use crate::world::World;

/// How long a watch lasts that does not say.
const DEFAULT_SECONDS: i64 = 1800;
const MAX_SECONDS: i64 = 24 * 3600;

/// What is watched and how it is written.
struct View {
    kind: &'static Kind,
    namespace: Option<String>,
    selector: Selector,
    form: Form,
    include: IncludeObject,
    headers_sent: bool,
}

/// A running watch.
struct Watch {
    world: Weak<World>,
    cluster: Weak<Cluster>,
    signal: watch::Receiver<Signal>,
    view: View,
    version: u64,
    bookmarks: bool,
    lines: VecDeque<Bytes>,
    deadline: Instant,
    over: bool,
}

/// Starts a watch.
pub(super) fn serve(
    world: &Arc<World>,
    cluster: &Arc<Cluster>,
    kind: &'static Kind,
    namespace: Option<String>,
    (selector, form): (Selector, Form),
    query: &Query,
) -> Result<Response, Error> {
    let initial = versions::check_watch(query)?;
    let seconds = query.number("timeoutSeconds")?.filter(|seconds| *seconds > 0).unwrap_or(DEFAULT_SECONDS).min(MAX_SECONDS);
    let deadline = Instant::now() + Duration::from_secs(seconds.unsigned_abs());
    let include = IncludeObject::parse(query.get("includeObject"));
    let view = View { kind, namespace, selector, form, include, headers_sent: false };
    let mut watch = Watch {
        world: Arc::downgrade(world),
        cluster: Arc::downgrade(cluster),
        signal: cluster.subscribe(),
        view,
        version: 0,
        bookmarks: query.flag("allowWatchBookmarks"),
        lines: VecDeque::new(),
        deadline,
        over: false,
    };
    let now = world.clock.now();
    match query.get("resourceVersion").filter(|version| *version != "0") {
        Some(version) if initial != Some(true) => watch.version = versions::parse(kind, version)?,
        _ => watch.begin(cluster, now, initial),
    }
    let body = Body::from_stream(stream::unfold(watch, |mut watch| async move {
        let line = watch.next().await?;
        Some((Ok::<_, std::convert::Infallible>(line), watch))
    }));
    let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-cache, private")];
    Ok((headers, body).into_response())
}

impl View {
    fn wants(&self, object: &Value) -> bool {
        self.selector.matches(object)
    }

    fn line(&mut self, event: &str, object: &Value, now: Timestamp) -> Bytes {
        let shown = match self.form {
            Form::Plain => convert::shown(self.kind, object).into_owned(),
            Form::Metadata => {
                json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": object["metadata"]})
            }
            Form::Table => {
                let columns = if self.headers_sent { Value::Null } else { table::column_definitions(self.kind) };
                self.headers_sent = true;
                let metadata = json!({"resourceVersion": object["metadata"]["resourceVersion"]});
                table::table(metadata, columns, vec![table::row(self.kind, object, self.include, now)])
            }
        };
        Bytes::from(format!("{{\"type\":\"{event}\",\"object\":{}}}\n", Wire(&shown)))
    }

    /// The line of a change, if it is one to this watch: an object may come into its view or leave it.
    fn line_of(&mut self, change: &Change, now: Timestamp) -> Option<Bytes> {
        let key = &change.key;
        if key.kind().index != self.kind.hub || self.namespace.as_ref().is_some_and(|namespace| *namespace != key.namespace) {
            return None;
        }
        let before = change.previous.as_ref().is_some_and(|object| self.wants(object));
        let after = change.verb != Verb::Deleted && self.wants(&change.object);
        match (before, after) {
            (false, true) => Some(self.line("ADDED", &change.object, now)),
            (true, true) => Some(self.line("MODIFIED", &change.object, now)),
            (true, false) => {
                let mut last = change.previous.as_deref().cloned().unwrap_or_default();
                last["metadata"]["resourceVersion"] = change.version.to_string().into();
                Some(self.line("DELETED", &last, now))
            }
            (false, false) => None,
        }
    }

    fn bookmark(&mut self, version: u64, initial: bool, now: Timestamp) -> Bytes {
        let mut object = json!({"kind": self.kind.kind, "apiVersion": self.kind.api_version(),
            "metadata": {"resourceVersion": version.to_string(), "creationTimestamp": null}});
        if initial {
            object["metadata"]["annotations"] = json!({"k8s.io/initial-events-end": "true"});
        }
        self.line("BOOKMARK", &object, now)
    }
}

impl Watch {
    /// Begins with what is there, unless the client wants only what comes.
    fn begin(&mut self, cluster: &Cluster, now: Timestamp, initial: Option<bool>) {
        let (objects, version) = cluster.list(self.view.kind, self.view.namespace.as_deref());
        self.version = version;
        if initial == Some(false) {
            return;
        }
        for object in objects {
            if self.view.wants(&object) {
                self.lines.push_back(self.view.line("ADDED", &object, now));
            }
        }
        if initial == Some(true) && self.bookmarks {
            self.lines.push_back(self.view.bookmark(version, true, now));
        }
    }

    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(line) = self.lines.pop_front() {
                return Some(line);
            }
            if self.over || self.signal.borrow_and_update().closed {
                return None;
            }
            self.collect()?;
            if self.lines.is_empty() {
                match timeout_at(self.deadline, self.signal.changed()).await {
                    Ok(Ok(())) => {}
                    Ok(Err(_)) => return None,
                    Err(_) => self.finish()?,
                }
            }
        }
    }

    /// Takes what has changed since; nothing if cluster or world are gone.
    fn collect(&mut self) -> Option<()> {
        let (world, cluster) = (self.world.upgrade()?, self.cluster.upgrade()?);
        let now = world.clock.now();
        let Some(changes) = cluster.changes_since(self.version) else {
            let status = Error::expired(format!("too old resource version: {} ({})", self.version, cluster.oldest())).status();
            self.lines.push_back(Bytes::from(format!("{}\n", json!({"type": "ERROR", "object": status}))));
            self.over = true;
            return Some(());
        };
        for change in &changes {
            self.lines.extend(self.view.line_of(change, now));
            self.version = change.version;
        }
        Some(())
    }

    /// The last word before the time is up.
    fn finish(&mut self) -> Option<()> {
        self.over = true;
        if self.bookmarks {
            let now = self.world.upgrade()?.clock.now();
            self.lines.push_back(self.view.bookmark(self.version, false, now));
        }
        Some(())
    }
}
