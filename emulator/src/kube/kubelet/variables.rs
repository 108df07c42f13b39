//! What environments are made of: the services of a namespace (`pkg/kubelet/envvars`), what ConfigMaps and Secrets hold, and `$(NAME)` in
//! values, commands and paths (`third_party/forked/golang/expansion`). Rule: the kubelet's `makeEnvironmentVariables` (1.34).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use indexmap::IndexMap;
use serde_json::Value;

use crate::kube::controllers::object::*;
use crate::kube::kinds;
use crate::kube::store::Cluster;

/// `$(NAME)` put in, `$$` for a dollar; names that nobody knows stay (`third_party/forked/golang/expansion`).
pub fn expanded(template: &str, known: impl Fn(&str) -> Option<String>) -> String {
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

/// `NAME_SERVICE_HOST` and its kin, of the services of a pod's namespace; the API server's are always there.
pub fn of_services(cluster: &Cluster, pod: &Value) -> IndexMap<String, String> {
    let mut result = IndexMap::new();
    let links = pod["spec"]["enableServiceLinks"] != false;
    let api_server = cluster.get(&kinds::SERVICES, "default", "kubernetes");
    let others = if links { cluster.list(&kinds::SERVICES, Some(namespace(pod))).0 } else { Vec::new() };
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
    STANDARD.decode(value.as_str()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_parentheses_are_put_in() {
        let known = |name: &str| (name == "A").then(|| "1".to_owned());
        for (template, expected) in [("x$(A)y", "x1y"), ("$(B)", "$(B)"), ("$$(A)", "$(A)"), ("$A $", "$A $"), ("$(A", "$(A")] {
            assert_eq!(expanded(template, known), expected, "{template}");
        }
    }
}
