//! The environment of a container: what its image sets, what the runtime adds, the services of its namespace, and what its specification says.
//! Rule: the kubelet's `makeEnvironmentVariables` (1.34): services first, then `envFrom`, then `env`; `$(NAME)` is put in. It is read when it
//! is asked for, not when the container starts: that a changed ConfigMap shows at once is azlet's.

use indexmap::IndexMap;
use serde_json::Value;

use super::view::Place;
use crate::kube::controllers::object::*;
use crate::kube::kubelet::variables::{expanded, of_services, plain_data, secret_data};
use crate::kube::store::Cluster;
use crate::kube::{kinds, quantity};

/// Where programs are looked for, unless the image says otherwise.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The environment.
pub fn of(cluster: &Cluster, place: &Place) -> IndexMap<String, String> {
    let mut result = IndexMap::new();
    result.insert("PATH".to_owned(), PATH.to_owned());
    result.insert("HOSTNAME".to_owned(), place.hostname().to_owned());
    if place.spec["tty"] == true {
        result.insert("TERM".to_owned(), "xterm".to_owned());
    }
    for pair in items(place.image, "/config/Env").iter().filter_map(Value::as_str) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        result.insert(name.to_owned(), value.to_owned());
    }
    let mut services = of_services(cluster, place.pod);
    let mut own = IndexMap::new();
    for source in items(place.spec, "/envFrom") {
        own.extend(all_of(cluster, place.pod, source));
    }
    for entry in items(place.spec, "/env") {
        let known = |name: &str| own.get(name).or_else(|| services.get(name)).cloned();
        let value = match entry.get("valueFrom") {
            Some(from) => value_from(cluster, place, from),
            None => Some(expanded(text(entry, "/value"), known)),
        };
        if let Some(value) = value {
            services.shift_remove(text(entry, "/name"));
            own.insert(text(entry, "/name").to_owned(), value);
        }
    }
    services.retain(|name, _| !own.contains_key(name));
    result.extend(own);
    result.extend(services);
    result.entry("HOME".to_owned()).or_insert_with(|| if place.user().0 == 0 { "/root".into() } else { "/".into() });
    result
}

fn all_of(cluster: &Cluster, pod: &Value, source: &Value) -> Vec<(String, String)> {
    let prefix = text(source, "/prefix");
    let data = if source.get("configMapRef").is_some() {
        cluster.get(&kinds::CONFIG_MAPS, namespace(pod), text(source, "/configMapRef/name")).map(|map| plain_data(&map))
    } else {
        cluster.get(&kinds::SECRETS, namespace(pod), text(source, "/secretRef/name")).map(|secret| secret_data(&secret))
    };
    let named = data.unwrap_or_default().into_iter();
    named.map(|(key, value)| (format!("{prefix}{key}"), String::from_utf8_lossy(&value).into_owned())).collect()
}

fn value_from(cluster: &Cluster, place: &Place, from: &Value) -> Option<String> {
    let key_of = |data: Vec<(String, Vec<u8>)>, key: &str| {
        data.into_iter().find(|(known, _)| known == key).map(|(_, value)| String::from_utf8_lossy(&value).into_owned())
    };
    if let Some(reference) = from.get("configMapKeyRef") {
        let map = cluster.get(&kinds::CONFIG_MAPS, namespace(place.pod), text(reference, "/name"))?;
        return key_of(plain_data(&map), text(reference, "/key"));
    }
    if let Some(reference) = from.get("secretKeyRef") {
        let secret = cluster.get(&kinds::SECRETS, namespace(place.pod), text(reference, "/name"))?;
        return key_of(secret_data(&secret), text(reference, "/key"));
    }
    if let Some(reference) = from.get("fieldRef") {
        return field(place, text(reference, "/fieldPath"));
    }
    from.get("resourceFieldRef").and_then(|reference| resource(place, reference))
}

/// A field of the pod, as the downward API names it.
pub fn field(place: &Place, path: &str) -> Option<String> {
    let pod = place.pod;
    if let Some((map, key)) = path.strip_suffix("']").and_then(|path| path.split_once("['")) {
        let values = pod.pointer(&format!("/{}", map.replace('.', "/")))?;
        return Some(values.get(key).and_then(Value::as_str).unwrap_or("").to_owned());
    }
    match path {
        "status.podIP" | "status.podIPs" => return Some(place.ip.to_owned()),
        "status.hostIP" | "status.hostIPs" => return Some(place.host_ip.to_owned()),
        _ => {}
    }
    match pod.pointer(&format!("/{}", path.replace('.', "/")))? {
        Value::String(text) => Some(text.clone()),
        Value::Object(map) => {
            let lines: Vec<String> = map.iter().map(|(key, value)| format!("{key}={value}")).collect();
            Some(lines.join("\n"))
        }
        _ => None,
    }
}

/// A request or limit of a container, in units of its divisor.
pub fn resource(place: &Place, reference: &Value) -> Option<String> {
    let (kind, name) = text(reference, "/resource").split_once('.')?;
    let container = text(reference, "/containerName");
    let spec = match container {
        "" => place.spec,
        asked => items(place.pod, "/spec/containers").iter().find(|spec| text(spec, "/name") == asked)?,
    };
    let amount = spec["resources"][kind][name].as_str().or_else(|| spec["resources"]["limits"][name].as_str()).unwrap_or("0");
    let divisor = reference["divisor"].as_str().filter(|text| *text != "0").unwrap_or("1");
    let (amount, divisor) = (quantity::thousandths(amount)?, quantity::thousandths(divisor)?);
    (divisor > 0).then(|| ((amount + divisor - 1) / divisor).to_string())
}
