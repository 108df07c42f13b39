//! The environment of a container: what its image sets, what the runtime adds, the services of its namespace, and what its specification says.
//! Rule: the kubelet's `makeEnvironmentVariables` (1.34): services first, then `envFrom`, then `env`; `$(NAME)` is put in. It is read when it
//! is asked for, not when the container starts: that a changed ConfigMap shows at once is azlet's.

use indexmap::IndexMap;
use serde_json::Value;

use super::view::Place;
use crate::kube::controllers::object::*;
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
    let mut services = service_variables(cluster, namespace(place.pod), place.pod["spec"]["enableServiceLinks"] != false);
    let mut own = IndexMap::new();
    for source in items(place.spec, "/envFrom") {
        own.extend(all_of(cluster, place.pod, source));
    }
    for entry in items(place.spec, "/env") {
        let known = |name: &str| own.get(name).or_else(|| services.get(name)).cloned();
        let value = match entry.get("valueFrom") {
            Some(from) => value_from(cluster, place, from),
            None => Some(substituted(text(entry, "/value"), &known)),
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

/// `$(NAME)` put in, `$$` for a dollar; names that nobody knows stay (`third_party/forked/golang/expansion`).
pub fn substituted(template: &str, known: &dyn Fn(&str) -> Option<String>) -> String {
    let (mut result, mut rest) = (String::new(), template);
    while let Some(at) = rest.find('$') {
        result.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(behind) = rest.strip_prefix('$') {
            result.push('$');
            rest = behind;
        } else if let Some((name, behind)) = rest.strip_prefix('(').and_then(|inside| inside.split_once(')')) {
            result.push_str(&known(name).unwrap_or_else(|| format!("$({name})")));
            rest = behind;
        } else {
            result.push('$');
        }
    }
    result.push_str(rest);
    result
}

/// `NAME_SERVICE_HOST` and its kin, of the services of a namespace; the API server's are always there.
fn service_variables(cluster: &Cluster, namespace: &str, links: bool) -> IndexMap<String, String> {
    let mut result = IndexMap::new();
    let api_server = cluster.get(&kinds::SERVICES, "default", "kubernetes");
    let others = if links { cluster.list(&kinds::SERVICES, Some(namespace)).0 } else { Vec::new() };
    for service in api_server.iter().chain(&others) {
        let host = text(service, "/spec/clusterIP");
        let ports = items(service, "/spec/ports");
        let Some(first) = ports.first().filter(|_| !host.is_empty() && host != "None") else { continue };
        let prefix = name(service).to_uppercase().replace('-', "_");
        let number = |port: &Value| number(port, "/port").unwrap_or_default();
        result.insert(format!("{prefix}_SERVICE_HOST"), host.to_owned());
        result.insert(format!("{prefix}_SERVICE_PORT"), number(first).to_string());
        for port in ports.iter().filter(|port| !text(port, "/name").is_empty()) {
            let name = text(port, "/name").to_uppercase().replace('-', "_");
            result.insert(format!("{prefix}_SERVICE_PORT_{name}"), number(port).to_string());
        }
        let url = |port: &Value| {
            let protocol = Some(text(port, "/protocol")).filter(|text| !text.is_empty()).unwrap_or("TCP");
            (protocol.to_owned(), format!("{}://{host}:{}", protocol.to_lowercase(), number(port)))
        };
        result.insert(format!("{prefix}_PORT"), url(first).1);
        for port in ports {
            let (protocol, url) = url(port);
            let base = format!("{prefix}_PORT_{}_{protocol}", number(port));
            result.insert(base.clone(), url);
            result.insert(format!("{base}_PROTO"), protocol.to_lowercase());
            result.insert(format!("{base}_PORT"), number(port).to_string());
            result.insert(format!("{base}_ADDR"), host.to_owned());
        }
    }
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

/// What a ConfigMap holds.
pub fn plain_data(map: &Value) -> Vec<(String, Vec<u8>)> {
    let of = |field: &str| map[field].as_object().into_iter().flatten();
    let texts = of("data").filter_map(|(key, value)| Some((key.clone(), value.as_str()?.as_bytes().to_vec())));
    texts.chain(of("binaryData").filter_map(|(key, value)| Some((key.clone(), decoded(value)?)))).collect()
}

/// What a Secret holds.
pub fn secret_data(secret: &Value) -> Vec<(String, Vec<u8>)> {
    let data = secret["data"].as_object().into_iter().flatten();
    data.filter_map(|(key, value)| Some((key.clone(), decoded(value)?))).collect()
}

fn decoded(value: &Value) -> Option<Vec<u8>> {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.decode(value.as_str()?).ok()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_parentheses_are_put_in() {
        let known = |name: &str| (name == "A").then(|| "1".to_owned());
        for (template, expected) in [("x$(A)y", "x1y"), ("$(B)", "$(B)"), ("$$(A)", "$(A)"), ("$A $", "$A $"), ("$(A", "$(A")] {
            assert_eq!(substituted(template, &known), expected, "{template}");
        }
    }
}
