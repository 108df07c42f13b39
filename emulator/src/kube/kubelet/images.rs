//! The kubelet's image manager: whether an image has to be pulled, with which credentials, and what happens if that fails.
//! Rule: the kubelet's image manager (`pkg/kubelet/images`, 1.33): policy, then back-off, then the pull; the waiting reasons
//! `ErrImagePull`, `ImagePullBackOff`, `ErrImageNeverPull`, `InvalidImageName`; 10 s, doubling to 300 s, per pod and image.
//! That `ErrImagePull` turns into `ImagePullBackOff` one second later is an inference: a node takes some seconds for it.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::{Pod, containers, tell};
use crate::acr::pull::{BasicCredential, Platform, Pulled, Reference, pull};
use crate::kube::controllers::context::Context;
use crate::kube::controllers::object::*;
use crate::kube::kinds;
use crate::kube::store::Key;

const FIRST_BACK_OFF: SignedDuration = SignedDuration::from_secs(10);
const LONGEST_BACK_OFF: SignedDuration = SignedDuration::from_secs(300);
/// How long a failed pull shows as `ErrImagePull`.
const SHOWS_ERROR: SignedDuration = SignedDuration::from_secs(1);

/// How long to wait before an image is pulled again.
#[derive(Clone, Debug, Default)]
pub struct PullBackOff {
    delay: Option<SignedDuration>,
    failed_at: Option<Timestamp>,
    error: String,
    told: bool,
}

impl PullBackOff {
    fn failed(&mut self, error: String, now: Timestamp) {
        let next = self.delay.map_or(FIRST_BACK_OFF, |delay| (delay * 2).min(LONGEST_BACK_OFF));
        *self = Self { delay: Some(next), failed_at: Some(now), error, told: false };
    }

    fn retries_at(&self) -> Option<Timestamp> {
        self.failed_at?.saturating_add(self.delay?).ok()
    }

    fn shows_back_off_at(&self) -> Option<Timestamp> {
        self.failed_at?.saturating_add(SHOWS_ERROR).ok()
    }
}

/// Why a container cannot have its image: the waiting reason and the message.
struct Trouble {
    reason: &'static str,
    message: String,
}

/// The image of a container, from the node or pulled. None if the container has to wait; then its phase says why.
pub fn ensure(context: &mut Context, key: &Key, object: &Value, pod: &mut Pod, index: usize) -> Option<Pulled> {
    let before = pod.containers[index].phase.clone();
    match image(context, key, object, pod, index) {
        Ok(Some(image)) => {
            pod.containers[index].pulls = PullBackOff::default();
            Some(image)
        }
        Ok(None) => None,
        Err(trouble) => {
            let known = before.waits_for(trouble.reason);
            // What no new attempt can change is told once; the kubelet would repeat it with each look.
            if !known || trouble.reason == "ErrImagePull" {
                let message = format!("Error: {}", trouble.reason);
                tell(context, object, pod, index, "Warning", "Failed", &message);
            }
            pod.containers[index].wait(trouble.reason, trouble.message);
            None
        }
    }
}

fn image(context: &mut Context, key: &Key, object: &Value, pod: &mut Pod, index: usize) -> Result<Option<Pulled>, Trouble> {
    let name = pod.containers[index].image.clone();
    let known = pod.containers[index].phase.waits_for("InvalidImageName");
    let reference = match Reference::parse(&name) {
        Ok(reference) => reference,
        Err(invalid) => {
            let message = invalid.to_string();
            if !known {
                tell(context, object, pod, index, "Warning", "InspectFailed", &message);
            }
            return Err(Trouble { reason: "InvalidImageName", message });
        }
    };
    let resolved = resolved_name(&reference);
    let policy = containers::spec_of(object, &pod.containers[index]).map_or("", |spec| text(spec, "/imagePullPolicy")).to_owned();
    let present = context.memory.nodes.images.get(&pod.node).and_then(|images| images.get(&resolved)).cloned();
    pod.containers[index].resolved_image = resolved.clone();
    if let Some(image) = present.filter(|_| policy != "Always") {
        let suffix = if context.minor_version() >= 34 { " and can be accessed by the pod" } else { "" };
        let message = format!("Container image \"{name}\" already present on machine{suffix}");
        tell(context, object, pod, index, "Normal", "Pulled", &message);
        return Ok(Some(image));
    }
    if policy == "Never" {
        let message = format!("Container image \"{name}\" is not present with pull policy of Never");
        if !pod.containers[index].phase.waits_for("ErrImageNeverPull") {
            tell(context, object, pod, index, "Warning", "ErrImageNeverPull", &message);
        }
        return Err(Trouble { reason: "ErrImageNeverPull", message });
    }
    if let Some(waiting) = backing_off(context, object, pod, index) {
        return waiting;
    }
    pull_now(context, key, object, pod, index, &reference, &resolved)
}

/// Inside a back-off: first the error stays, then the back-off shows.
fn backing_off(context: &mut Context, object: &Value, pod: &mut Pod, index: usize) -> Option<Result<Option<Pulled>, Trouble>> {
    let now = context.now();
    let minor_version = context.minor_version();
    let container = &mut pod.containers[index];
    let retries_at = container.pulls.retries_at()?;
    if now >= retries_at {
        return None;
    }
    if container.pulls.told || container.pulls.shows_back_off_at().is_some_and(|at| now < at) {
        return Some(Ok(None));
    }
    container.pulls.told = true;
    let short = format!("Back-off pulling image \"{}\"", container.image);
    let message = match minor_version {
        32.. => format!("{short}: ErrImagePull: {}", container.pulls.error),
        _ => short.clone(),
    };
    tell(context, object, pod, index, "Normal", "BackOff", &short);
    Some(Err(Trouble { reason: "ImagePullBackOff", message }))
}

fn pull_now(
    context: &mut Context,
    key: &Key,
    object: &Value,
    pod: &mut Pod,
    index: usize,
    reference: &Reference,
    resolved: &str,
) -> Result<Option<Pulled>, Trouble> {
    let name = pod.containers[index].image.clone();
    tell(context, object, pod, index, "Normal", "Pulling", &format!("Pulling image \"{name}\""));
    let secrets = credentials(context, object, pod, &reference.host);
    let identity = context.cluster.spec().kubelet_identity.as_ref().map(|identity| identity.object_id);
    let began = context.now();
    let node = context.cluster.get(&kinds::NODES, "", &pod.node);
    let is = |label_key, usual| node.as_deref().and_then(|node| label(node, label_key)).unwrap_or(usual);
    let platform = Platform { os: is("kubernetes.io/os", "linux"), architecture: is("kubernetes.io/arch", "amd64") };
    match pull(context.world, reference, platform, identity, &secrets) {
        Ok(image) => {
            let took = match context.now().duration_since(began).as_millis() {
                0 => "0s".to_owned(),
                milliseconds => format!("{milliseconds}ms"),
            };
            let size = image.size;
            let message =
                format!("Successfully pulled image \"{name}\" in {took} ({took} including waiting). Image size: {size} bytes.");
            tell(context, object, pod, index, "Normal", "Pulled", &message);
            let images = context.memory.nodes.images.entry(pod.node.clone()).or_default();
            images.insert(resolved.to_owned(), image.clone());
            Ok(Some(image))
        }
        Err(failure) => {
            let message = failure.to_string();
            tell(context, object, pod, index, "Warning", "Failed", &format!("Failed to pull image \"{name}\": {message}"));
            let pulls = &mut pod.containers[index].pulls;
            pulls.failed(message.clone(), context.now());
            for at in [pulls.shows_back_off_at(), pulls.retries_at()].into_iter().flatten() {
                context.reconsider_at(at, key);
            }
            Err(Trouble { reason: "ErrImagePull", message })
        }
    }
}

/// The image as containerd names it.
fn resolved_name(reference: &Reference) -> String {
    let base = format!("{}/{}", reference.host, reference.repository);
    match (&reference.tag, &reference.digest) {
        (_, Some(digest)) => format!("{base}@{digest}"),
        (Some(tag), None) => format!("{base}:{tag}"),
        (None, None) => format!("{base}:latest"),
    }
}

/// The credentials for a registry out of the pod's image pull secrets, in their order.
fn credentials(context: &mut Context, object: &Value, pod: &Pod, host: &str) -> Vec<BasicCredential> {
    let mut found = Vec::new();
    let mut missing = Vec::new();
    for reference in items(object, "/spec/imagePullSecrets") {
        let name = text(reference, "/name");
        match context.cluster.get(&kinds::SECRETS, namespace(object), name) {
            Some(secret) => found.extend(credentials_in(&secret, host)),
            None => missing.push(name.to_owned()),
        }
    }
    if !missing.is_empty() {
        let message = format!(
            "Unable to retrieve some image pull secrets ({}); attempting to pull the image may not succeed.",
            missing.join(", ")
        );
        context.event_from(&kinds::PODS, object, "Warning", "FailedToRetrieveImagePullSecret", &message, &pod.source(""));
    }
    found
}

/// What a secret of type `kubernetes.io/dockerconfigjson` or `kubernetes.io/dockercfg` knows about a registry.
fn credentials_in(secret: &Value, host: &str) -> Vec<BasicCredential> {
    let decoded = |field: &str| -> Option<Value> {
        let bytes = decode(text(secret, &format!("/data/{field}")))?;
        serde_json::from_slice(&bytes).ok()
    };
    let auths = match text(secret, "/type") {
        "kubernetes.io/dockerconfigjson" => decoded(".dockerconfigjson").map(|config| config["auths"].clone()),
        "kubernetes.io/dockercfg" => decoded(".dockercfg"),
        _ => None,
    };
    let auths = auths.as_ref().and_then(Value::as_object).into_iter().flatten();
    auths
        .filter(|(server, _)| server_host(server) == host.to_ascii_lowercase())
        .filter_map(|(_, auth)| credential(auth))
        .collect()
}

/// `https://host/v1/` and the like name a host; Docker Hub has an old name.
fn server_host(server: &str) -> String {
    let bare = server.split_once("://").map_or(server, |(_, rest)| rest);
    let host = bare.split('/').next().unwrap_or(bare).to_ascii_lowercase();
    if host == "index.docker.io" { "docker.io".into() } else { host }
}

fn credential(auth: &Value) -> Option<BasicCredential> {
    let (username, password) = (text(auth, "/username"), text(auth, "/password"));
    if !username.is_empty() {
        return Some(BasicCredential { username: username.into(), password: password.into() });
    }
    let pair = String::from_utf8(decode(text(auth, "/auth"))?).ok()?;
    let (username, password) = pair.split_once(':')?;
    Some(BasicCredential { username: username.into(), password: password.trim_end_matches('\0').into() })
}

fn decode(text: &str) -> Option<Vec<u8>> {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.decode(text).ok()
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use serde_json::json;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).expect("in range")
    }

    #[test]
    fn the_back_off_doubles_from_ten_seconds_to_five_minutes() {
        let mut pulls = PullBackOff::default();
        let mut now = at(0);
        let mut waits = Vec::new();
        for _ in 0..7 {
            pulls.failed("refused".into(), now);
            let next = pulls.retries_at().expect("failed");
            waits.push(next.duration_since(now).as_secs());
            now = next;
        }
        assert_eq!(waits, [10, 20, 40, 80, 160, 300, 300]);
    }

    #[test]
    fn a_pull_secret_gives_the_credential_of_its_registry_only() {
        let encode = |text: &str| base64::engine::general_purpose::STANDARD.encode(text);
        let config = json!({"auths": {
            "https://Myacr.azurecr.io/v1/": {"auth": encode("me:pass:word")},
            "other.azurecr.io": {"username": "x", "password": "y"},
        }});
        let secret =
            json!({"type": "kubernetes.io/dockerconfigjson", "data": {".dockerconfigjson": encode(&config.to_string())}});
        let found = credentials_in(&secret, "myacr.azurecr.io");
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].username.as_str(), found[0].password.as_str()), ("me", "pass:word"));
        assert!(credentials_in(&secret, "third.azurecr.io").is_empty());
        assert!(
            credentials_in(&json!({"type": "kubernetes.io/dockerconfigjson", "data": {".dockerconfigjson": "%"}}), "a")
                .is_empty()
        );
    }
}
