//! What a process in a container sees: its environment and the files that its pod mounts; and why that cannot be given.
//! Rules: the kubelet's `makeEnvironmentVariables`, `kuberuntime_container.go` and the volume plugins for ConfigMaps, Secrets,
//! projections and the downward API (1.34), with their texts.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::shell::View;
use super::variables::{expanded, of_services, plain_data, secret_data};
use crate::kube::controllers::object::*;
use crate::kube::kinds;
use crate::kube::quantity::thousandths;
use crate::kube::store::Cluster;

/// The files that a volume holds, by their path in it.
type Files = BTreeMap<String, Arc<[u8]>>;

/// The view of a container of a pod, for an image of this configuration. The error is the message of `CreateContainerConfigError`.
pub fn of(cluster: &Cluster, pod: &Value, container: &Value, image: &Value) -> Result<View, String> {
    check_user(pod, container, image)?;
    let mut files = Files::new();
    for mount in items(container, "/volumeMounts") {
        let volume = items(pod, "/spec/volumes").iter().find(|volume| volume["name"] == mount["name"]);
        let content = volume.and_then(|volume| volume_files(cluster, pod, volume).ok()).unwrap_or_default();
        place(&mut files, &content, text(mount, "/mountPath"), text(mount, "/subPath"));
    }
    let directory = [text(container, "/workingDir"), text(image, "/config/WorkingDir"), "/"];
    Ok(View {
        environment: environment(cluster, pod, container, image)?,
        files,
        hostname: hostname(pod),
        directory: directory.into_iter().find(|directory| !directory.is_empty()).unwrap_or("/").to_owned(),
        user: user(pod, container).unwrap_or(0),
    })
}

/// The first volume of a pod that cannot be mounted, and why.
pub fn missing_volume(cluster: &Cluster, pod: &Value) -> Option<(String, String)> {
    items(pod, "/spec/volumes").iter().find_map(|volume| {
        let why = volume_files(cluster, pod, volume).err()?;
        Some((text(volume, "/name").to_owned(), why))
    })
}

fn hostname(pod: &Value) -> String {
    match text(pod, "/spec/hostname") {
        "" if pod["spec"]["hostNetwork"] == true => text(pod, "/spec/nodeName").to_owned(),
        "" => name(pod).chars().take(63).collect::<String>().trim_end_matches(['-', '.']).to_owned(),
        hostname => hostname.to_owned(),
    }
}

fn user(pod: &Value, container: &Value) -> Option<i64> {
    number(container, "/securityContext/runAsUser").or_else(|| number(pod, "/spec/securityContext/runAsUser"))
}

/// `runAsNonRoot`, as far as it can be told without running anything (`verifyRunAsNonRoot`).
fn check_user(pod: &Value, container: &Value, image: &Value) -> Result<(), String> {
    let own = container.pointer("/securityContext/runAsNonRoot").and_then(Value::as_bool);
    let wanted = own.or_else(|| pod.pointer("/spec/securityContext/runAsNonRoot").and_then(Value::as_bool));
    if wanted != Some(true) {
        return Ok(());
    }
    let place = format!("(pod: \"{}_{}({})\", container: {})", name(pod), namespace(pod), uid(pod), text(container, "/name"));
    match user(pod, container) {
        Some(0) => return Err(format!("container's runAsUser breaks non-root policy {place}")),
        Some(_) => return Ok(()),
        None => {}
    }
    let of_image = text(image, "/config/User").split(':').next().unwrap_or("");
    match of_image.parse::<i64>() {
        _ if of_image.is_empty() => Err(format!("container has runAsNonRoot and image will run as root {place}")),
        Ok(0) => Err(format!("container has runAsNonRoot and image will run as root {place}")),
        Ok(_) => Ok(()),
        Err(_) => {
            let what = format!("image has non-numeric user ({of_image})");
            Err(format!("container has runAsNonRoot and {what}, cannot verify user is non-root {place}"))
        }
    }
}

fn place(files: &mut Files, content: &Files, mount: &str, sub_path: &str) {
    let mount = mount.trim_end_matches('/');
    let sub_path = sub_path.trim_matches('/');
    files.insert(format!("{mount}/."), Arc::from([]));
    for (path, bytes) in content {
        match path.strip_prefix(sub_path).filter(|_| !sub_path.is_empty()) {
            Some("") => {
                files.remove(&format!("{mount}/."));
                files.insert(mount.to_owned(), bytes.clone());
            }
            Some(rest) if rest.starts_with('/') => {
                files.insert(format!("{mount}{rest}"), bytes.clone());
            }
            None if sub_path.is_empty() => {
                files.insert(format!("{mount}/{path}"), bytes.clone());
            }
            _ => {}
        }
    }
}

fn environment(cluster: &Cluster, pod: &Value, container: &Value, image: &Value) -> Result<BTreeMap<String, String>, String> {
    let mut all = BTreeMap::from([
        ("PATH".to_owned(), "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".to_owned()),
        ("HOME".into(), "/root".into()),
        ("HOSTNAME".into(), hostname(pod)),
    ]);
    let of_image = items(image, "/config/Env").iter().filter_map(Value::as_str).filter_map(|pair| pair.split_once('='));
    all.extend(of_image.map(|(name, value)| (name.to_owned(), value.to_owned())));
    let services = of_services(cluster, pod);
    all.extend(services.clone());
    for source in items(container, "/envFrom") {
        let prefix = text(source, "/prefix");
        for kind in [Source::CONFIG_MAP_ENV, Source::SECRET_ENV] {
            let reference = &source[kind.field];
            if reference.is_object() {
                let data = kind.data(cluster, pod, text(reference, "/name"), reference["optional"] == true)?;
                let valued = data.unwrap_or_default().into_iter();
                all.extend(valued.map(|(key, value)| (format!("{prefix}{key}"), String::from_utf8_lossy(&value).into_owned())));
            }
        }
    }
    let mut own: BTreeMap<String, String> = BTreeMap::new();
    for variable in items(container, "/env") {
        let value = match &variable["valueFrom"] {
            Value::Object(_) => value_from(cluster, pod, container, &variable["valueFrom"])?,
            _ => {
                let known = |name: &str| own.get(name).or_else(|| services.get(name)).cloned();
                Some(expanded(text(variable, "/value"), known))
            }
        };
        if let Some(value) = value {
            own.insert(text(variable, "/name").to_owned(), value);
        }
    }
    all.extend(own);
    Ok(all)
}

fn value_from(cluster: &Cluster, pod: &Value, container: &Value, from: &Value) -> Result<Option<String>, String> {
    if let Some(path) = from.pointer("/fieldRef/fieldPath").and_then(Value::as_str) {
        return Ok(Some(field(pod, path)));
    }
    if from["resourceFieldRef"].is_object() {
        return Ok(Some(resource(pod, container, &from["resourceFieldRef"])));
    }
    for source in [Source::CONFIG_MAP_KEY, Source::SECRET_KEY] {
        let reference = &from[source.field];
        if !reference.is_object() {
            continue;
        }
        let (name, key, optional) = (text(reference, "/name"), text(reference, "/key"), reference["optional"] == true);
        let Some(data) = source.data(cluster, pod, name, optional)? else { return Ok(None) };
        return match data.get(key) {
            Some(value) => Ok(Some(String::from_utf8_lossy(value).into_owned())),
            None if optional => Ok(None),
            None => Err(format!("couldn't find key {key} in {} {}/{name}", source.kind, namespace(pod))),
        };
    }
    Ok(Some(String::new()))
}

/// A field of the pod as the downward API gives it.
fn field(pod: &Value, path: &str) -> String {
    let map = |map: &Value| -> String {
        let pairs = map.as_object().into_iter().flatten();
        pairs.map(|(key, value)| format!("{key}={}", Value::from(value.as_str().unwrap_or("")))).collect::<Vec<_>>().join("\n")
    };
    if let Some((map, key)) = path.strip_suffix("']").and_then(|path| path.split_once("['")) {
        return pod.pointer(&format!("/{}", map.replace('.', "/"))).map_or("", |map| map[key].as_str().unwrap_or("")).to_owned();
    }
    match path {
        "metadata.labels" => map(&pod["metadata"]["labels"]),
        "metadata.annotations" => map(&pod["metadata"]["annotations"]),
        "status.podIPs" | "status.hostIPs" => {
            let all = items(pod, &format!("/{}", path.replace('.', "/")));
            all.iter().map(|address| text(address, "/ip")).collect::<Vec<_>>().join(",")
        }
        path => text(pod, &format!("/{}", path.replace('.', "/"))).to_owned(),
    }
}

/// A limit or request, in units of the divisor, rounded up. What has no limit has the node's: 2 processors, 4 GiB (inferred).
fn resource(pod: &Value, container: &Value, reference: &Value) -> String {
    let named = text(reference, "/containerName");
    let of = match named {
        "" => container,
        named => items(pod, "/spec/containers").iter().find(|other| text(other, "/name") == named).unwrap_or(container),
    };
    let wanted = text(reference, "/resource");
    let (list, resource) = wanted.split_once('.').unwrap_or(("limits", wanted));
    let found = of["resources"][list][resource].as_str();
    let value = match (found.and_then(thousandths), list, resource) {
        (Some(value), ..) => value,
        (None, "limits", "cpu") => 2_000,
        (None, "limits", "memory") => 4_294_967_296_000,
        _ => 0,
    };
    let divisor = reference["divisor"].as_str().and_then(thousandths).filter(|divisor| *divisor > 0).unwrap_or(1_000);
    ((value + divisor - 1) / divisor).to_string()
}

/// A kind of object that values come from, and the member that names it.
struct Source {
    field: &'static str,
    kind: &'static str,
}

impl Source {
    const CONFIG_MAP: Self = Self { field: "configMap", kind: "ConfigMap" };
    const CONFIG_MAP_ENV: Self = Self { field: "configMapRef", kind: "ConfigMap" };
    const CONFIG_MAP_KEY: Self = Self { field: "configMapKeyRef", kind: "ConfigMap" };
    const SECRET: Self = Self { field: "secret", kind: "Secret" };
    const SECRET_ENV: Self = Self { field: "secretRef", kind: "Secret" };
    const SECRET_KEY: Self = Self { field: "secretKeyRef", kind: "Secret" };

    /// What the object holds; nothing if it is missing and may be.
    fn data(&self, cluster: &Cluster, pod: &Value, name: &str, optional: bool) -> Result<Option<Files>, String> {
        let secret = self.kind == "Secret";
        let kind = if secret { *kinds::SECRETS } else { *kinds::CONFIG_MAPS };
        let Some(object) = cluster.get(kind, namespace(pod), name) else {
            let missing = format!("{} \"{name}\" not found", self.kind.to_lowercase());
            return if optional { Ok(None) } else { Err(missing) };
        };
        let data = if secret { secret_data(&object) } else { plain_data(&object) };
        Ok(Some(data.into_iter().map(|(key, value)| (key, value.into())).collect()))
    }

    /// The same as files: all of it, or what `items` name.
    fn files(&self, cluster: &Cluster, pod: &Value, source: &Value) -> Result<Files, String> {
        let object_name = [text(source, "/secretName"), text(source, "/name")].into_iter().find(|name| !name.is_empty());
        let optional = source["optional"] == true;
        let Some(data) = self.data(cluster, pod, object_name.unwrap_or(""), optional)? else { return Ok(Files::new()) };
        if items(source, "/items").is_empty() {
            return Ok(data);
        }
        let mut files = Files::new();
        for item in items(source, "/items") {
            match data.get(text(item, "/key")) {
                Some(bytes) => {
                    files.insert(text(item, "/path").to_owned(), bytes.clone());
                }
                None if optional => {}
                None => {
                    let kind = if self.kind == "Secret" { "secret" } else { "config" };
                    return Err(format!("references non-existent {kind} key: {}", text(item, "/key")));
                }
            }
        }
        Ok(files)
    }
}

/// What a volume holds. Only volumes whose content the API server knows have any.
fn volume_files(cluster: &Cluster, pod: &Value, volume: &Value) -> Result<Files, String> {
    for source in [Source::CONFIG_MAP, Source::SECRET] {
        if volume[source.field].is_object() {
            return source.files(cluster, pod, &volume[source.field]);
        }
    }
    if volume["downwardAPI"].is_object() {
        return Ok(downward(pod, &volume["downwardAPI"]));
    }
    let mut files = Files::new();
    for source in items(volume, "/projected/sources") {
        for kind in [Source::CONFIG_MAP, Source::SECRET] {
            if source[kind.field].is_object() {
                files.extend(kind.files(cluster, pod, &source[kind.field])?);
            }
        }
        if source["downwardAPI"].is_object() {
            files.extend(downward(pod, &source["downwardAPI"]));
        }
    }
    Ok(files)
}

fn downward(pod: &Value, source: &Value) -> Files {
    let mut files = Files::new();
    for item in items(source, "/items") {
        let value = match item.pointer("/fieldRef/fieldPath").and_then(Value::as_str) {
            Some(path) => field(pod, path),
            None => resource(pod, &Value::Null, &item["resourceFieldRef"]),
        };
        files.insert(text(item, "/path").to_owned(), value.into_bytes().into());
    }
    files
}
