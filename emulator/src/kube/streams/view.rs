//! What a container sees: its own files, the volumes that are mounted, its environment; and a shell over it.
//! Rule: the kubelet's volume plugins (`configmap`, `secret`, `projected`, `downwardapi`, `emptydir`): names, modes, tokens that are renewed
//! after four fifths of their life. What the image holds is not read: a few directories stand for it. Files of ConfigMaps and Secrets are shown
//! as they are at that moment, a minute earlier than a node would; their `..data` links are not shown.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use serde_json::{Value, json};

use super::environment;
use crate::kube::controllers::object::*;
use crate::kube::kubelet::variables::{expanded, plain_data, secret_data};
use crate::kube::store::Cluster;
use crate::kube::streams::shell::files::{Entry, Files, Mount, Tree, absolute};
use crate::kube::streams::shell::{Facts, Shell};
use crate::kube::{kinds, token_request};
use crate::world::World;

/// Of a token's life this much passes before it is renewed.
const RENEWED_AFTER: (i64, i64) = (4, 5);

/// What a pod's containers wrote, and the tokens that were made for it. It goes with the pod.
#[derive(Debug, Default)]
pub struct Disk {
    volumes: BTreeMap<String, Arc<Mutex<Tree>>>,
    /// By container; what a container wrote goes with its next start.
    own: BTreeMap<String, (String, Arc<Mutex<Tree>>)>,
    tokens: BTreeMap<String, (Timestamp, Bytes)>,
}

/// A container in its pod.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The pod.
    pub pod: &'a Value,
    /// The container's specification.
    pub spec: &'a Value,
    /// The configuration of its image.
    pub image: &'a Value,
    /// The container's id: a new one starts with nothing written.
    pub id: &'a str,
    /// The pod's address.
    pub ip: &'a str,
    /// The node's address.
    pub host_ip: &'a str,
}

impl<'a> Place<'a> {
    /// The host name: the pod's, or its node's.
    pub fn hostname(&self) -> &'a str {
        let given = text(self.pod, "/spec/hostname");
        match self.pod["spec"]["hostNetwork"] == true {
            true => text(self.pod, "/spec/nodeName"),
            false if given.is_empty() => name(self.pod),
            false => given,
        }
    }

    /// The user and group that it runs as.
    pub fn user(&self) -> (i64, i64) {
        let of = |field: &str| {
            let own = number(self.spec, &format!("/securityContext/{field}"));
            own.or_else(|| number(self.pod, &format!("/spec/securityContext/{field}")))
        };
        let image = text(self.image, "/config/User").split(':').next().and_then(|user| user.parse().ok());
        let user = of("runAsUser").or(image).unwrap_or(0);
        (user, of("runAsGroup").unwrap_or(0))
    }
}

/// A shell in a container.
pub fn shell(world: &World, cluster: &Cluster, disk: &mut Disk, place: &Place) -> Shell {
    let now = world.clock.now();
    let files = files(world, cluster, disk, place, now);
    let directory = match text(place.spec, "/workingDir") {
        "" => text(place.image, "/config/WorkingDir"),
        directory => directory,
    };
    if !directory.is_empty() {
        let _ = files.make_directory(&absolute("", directory), true, now);
    }
    let facts =
        Facts { hostname: place.hostname().to_owned(), now, user: place.user(), absent: absent(text(place.spec, "/image")) };
    Shell::new(files, environment::of(cluster, place), directory, facts)
}

/// What an image of this name does not have. Inferred from its name: what is in its layers is not read.
fn absent(image: &str) -> &'static [&'static str] {
    if ["distroless", "pause", "scratch"].iter().any(|name| image.contains(name)) {
        &[
            "sh", "bash", "ash", "dash", "cat", "ls", "env", "tar", "echo", "printf", "test", "[", "cp", "mv", "rm", "mkdir",
            "date", "id", "sleep",
        ]
    } else if ["busybox", "alpine"].iter().any(|name| image.contains(name)) {
        &["bash", "dash"]
    } else {
        &["ash"]
    }
}

fn files(world: &World, cluster: &Cluster, disk: &mut Disk, place: &Place, now: Timestamp) -> Files {
    let container = text(place.spec, "/name");
    if disk.own.get(container).is_none_or(|(id, _)| id != place.id) {
        let tree = Arc::new(Mutex::new(beginning(place, now)));
        disk.own.insert(container.to_owned(), (place.id.to_owned(), tree));
    }
    let own = disk.own.get(container).map(|(_, tree)| tree.clone()).unwrap_or_default();
    let read_only = place.spec["securityContext"]["readOnlyRootFilesystem"] == true;
    let mut mounts = vec![Mount { path: String::new(), tree: own, part: String::new(), read_only }];
    for mounted in items(place.spec, "/volumeMounts") {
        let Some(volume) = items(place.pod, "/spec/volumes").iter().find(|volume| volume["name"] == mounted["name"]) else {
            continue;
        };
        let (tree, fixed) = tree(world, cluster, disk, place, volume, now);
        let part = match text(mounted, "/subPathExpr") {
            "" => text(mounted, "/subPath").to_owned(),
            expression => {
                let variables = environment::of(cluster, place);
                expanded(expression, |name| variables.get(name).cloned())
            }
        };
        let path = absolute("", text(mounted, "/mountPath"));
        let part = part.trim_matches('/').to_owned();
        mounts.push(Mount { path, tree, part, read_only: fixed || mounted["readOnly"] == true });
    }
    Files::new(mounts, now)
}

/// What stands for the image, and what the kubelet adds to it.
fn beginning(place: &Place, now: Timestamp) -> Tree {
    let mut tree = Tree::default();
    for directory in [
        "bin", "dev", "etc", "home", "lib", "mnt", "opt", "proc", "root", "run", "sbin", "srv", "sys", "tmp", "usr/bin",
        "var/log",
    ] {
        tree.put(directory, Entry::directory(now));
    }
    let host = place.hostname();
    let hosts = format!(
        "# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n{}\t{host}\n",
        place.ip
    );
    let search = format!("{0}.svc.cluster.local svc.cluster.local cluster.local", namespace(place.pod));
    let resolv = format!("search {search}\nnameserver 10.0.0.10\noptions ndots:5\n");
    let passwd = "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/sbin/nologin\n";
    for (path, content) in [
        ("etc/hostname", format!("{host}\n")),
        ("etc/hosts", hosts),
        ("etc/resolv.conf", resolv),
        ("etc/passwd", passwd.to_owned()),
    ] {
        tree.put(path, Entry::file(content, 0o644, now));
    }
    tree
}

type Shared = Arc<Mutex<Tree>>;

/// A volume's files, and whether nobody may change them.
fn tree(world: &World, cluster: &Cluster, disk: &mut Disk, place: &Place, volume: &Value, now: Timestamp) -> (Shared, bool) {
    let name = text(volume, "/name");
    let mut sources = Vec::new();
    for kind in ["configMap", "secret", "downwardAPI"] {
        if let Some(source) = volume.get(kind) {
            sources.push((kind, source, number(source, "/defaultMode")));
        }
    }
    if let Some(projected) = volume.get("projected") {
        for source in items(projected, "/sources") {
            for kind in ["configMap", "secret", "downwardAPI", "serviceAccountToken"] {
                if let Some(source) = source.get(kind) {
                    sources.push((kind, source, number(projected, "/defaultMode")));
                }
            }
        }
    }
    if sources.is_empty() && volume.get("projected").is_none() {
        return (disk.volumes.entry(name.to_owned()).or_default().clone(), false);
    }
    let mut tree = Tree::default();
    for (kind, source, mode) in sources {
        let mode = mode.and_then(|mode| u32::try_from(mode).ok()).unwrap_or(0o644);
        match kind {
            "serviceAccountToken" => {
                let content = token(world, cluster, disk, place, name, source, now);
                tree.put(text(source, "/path"), Entry::file(content, mode, now));
            }
            "downwardAPI" => {
                for item in items(source, "/items") {
                    let value = match item.get("fieldRef") {
                        Some(field) => environment::field(place, text(field, "/fieldPath")),
                        None => environment::resource(place, &item["resourceFieldRef"]),
                    };
                    tree.put(text(item, "/path"), Entry::file(value.unwrap_or_default(), mode, now));
                }
            }
            _ => data_files(cluster, place, kind, source, mode, now, &mut tree),
        }
    }
    (Arc::new(Mutex::new(tree)), true)
}

fn data_files(cluster: &Cluster, place: &Place, kind: &str, source: &Value, mode: u32, now: Timestamp, tree: &mut Tree) {
    let named = [text(source, "/secretName"), text(source, "/name")].into_iter().find(|name| !name.is_empty()).unwrap_or("");
    let data = match kind {
        "configMap" => cluster.get(&kinds::CONFIG_MAPS, namespace(place.pod), named).map(|map| plain_data(&map)),
        _ => cluster.get(&kinds::SECRETS, namespace(place.pod), named).map(|secret| secret_data(&secret)),
    };
    let chosen = items(source, "/items");
    for (key, content) in data.unwrap_or_default() {
        let item = chosen.iter().find(|item| item["key"] == key.as_str());
        if !chosen.is_empty() && item.is_none() {
            continue;
        }
        let path = item.map_or(key.as_str(), |item| text(item, "/path"));
        let mode = item.and_then(|item| number(item, "/mode")).and_then(|mode| u32::try_from(mode).ok()).unwrap_or(mode);
        tree.put(path, Entry::file(content, mode, now));
    }
}

/// The token of a projected volume: the same until it is time for a new one.
fn token(
    world: &World,
    cluster: &Cluster,
    disk: &mut Disk,
    place: &Place,
    volume: &str,
    source: &Value,
    now: Timestamp,
) -> Bytes {
    let path = format!("{volume}/{}", text(source, "/path"));
    if let Some((until, content)) = disk.tokens.get(&path)
        && *until > now
    {
        return content.clone();
    }
    let seconds = number(source, "/expirationSeconds").unwrap_or(3600);
    let audience = source["audience"].as_str().filter(|audience| !audience.is_empty());
    let request = json!({ "spec": {
        "audiences": audience.into_iter().collect::<Vec<_>>(),
        "expirationSeconds": seconds,
        "boundObjectRef": { "kind": "Pod", "apiVersion": "v1", "name": name(place.pod), "uid": uid(place.pod) },
    }});
    let named =
        [text(place.pod, "/spec/serviceAccountName"), "default"].into_iter().find(|name| !name.is_empty()).unwrap_or("default");
    let account = cluster.get(&kinds::SERVICE_ACCOUNTS, namespace(place.pod), named);
    let answer = account.and_then(|account| token_request::answer(world, cluster, &account, &request).ok());
    let content = Bytes::from(answer.map(|answer| text(&answer, "/status/token").to_owned()).unwrap_or_default());
    let (of, all) = RENEWED_AFTER;
    let until = now.saturating_add(SignedDuration::from_secs(seconds * of / all)).unwrap_or(now);
    disk.tokens.insert(path, (until, content.clone()));
    content
}
