//! The subresource `proxy` of pods and services: a request passed on to what answers on a port. Rule: `registry/core/pod/strategy.go`
//! (`ResourceLocation`), `registry/core/service/storage/rest.go` (`ResourceLocation`, 1.34): names are `[scheme:]name[:port]`, a service's
//! request goes to one of its ready pods.

use axum::body::Body;
use axum::response::Response;
use http::Method;
use serde_json::Value;

use super::sites;
use crate::kube::controllers::object::*;
use crate::kube::error::Error;
use crate::kube::kinds;
use crate::kube::store::Cluster;

/// What a path below `proxy` asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proxied {
    /// The namespace.
    pub namespace: String,
    /// The pod's or service's name.
    pub name: String,
    port: String,
    path: String,
}

impl Proxied {
    /// Reads the segments behind the group and version, and whether they are about a pod; nothing if they are about no proxy.
    pub fn parse(group: &str, version: &str, rest: &[String]) -> Option<(bool, Self)> {
        let words: Vec<&str> = rest.iter().map(String::as_str).collect();
        let ["namespaces", namespace, kind @ ("pods" | "services"), target, "proxy", path @ ..] = words.as_slice() else {
            return None;
        };
        if !group.is_empty() || version != "v1" {
            return None;
        }
        let parts: Vec<&str> = target.split(':').collect();
        let (name, port) = match parts.as_slice() {
            [name] => (*name, ""),
            ["http" | "https", name, port] | [name, port] => (*name, *port),
            _ => return None,
        };
        let asked =
            Self { namespace: (*namespace).into(), name: name.into(), port: port.into(), path: format!("/{}", path.join("/")) };
        Some((*kind == "pods", asked))
    }
}

/// Answers for a pod or a service.
pub fn proxy(cluster: &Cluster, pods: bool, asked: &Proxied, method: &Method) -> Result<Response, Error> {
    let (pod, port) = if pods { of_pod(cluster, asked)? } else { of_service(cluster, asked)? };
    let site = sites::at(cluster, &pod, port).ok_or_else(|| {
        let address = text(&pod, "/status/podIP");
        Error::service_unavailable(&format!(
            "error trying to reach service: dial tcp {address}:{port}: connect: connection refused"
        ))
    })?;
    Ok(site.answer(method, &asked.path).map(Body::new))
}

type Found = (std::sync::Arc<Value>, u16);

fn of_pod(cluster: &Cluster, asked: &Proxied) -> Result<Found, Error> {
    let pod =
        cluster.get(&kinds::PODS, &asked.namespace, &asked.name).ok_or_else(|| Error::not_found(&kinds::PODS, &asked.name))?;
    let declared = items(&pod, "/spec/containers").iter().flat_map(|container| items(container, "/ports"));
    let first = declared.filter_map(|port| number(port, "/containerPort")).find_map(|port| u16::try_from(port).ok());
    let port = match asked.port.as_str() {
        "" => first.unwrap_or(80),
        port => port.parse().map_err(|_| Error::bad_request(format!("invalid port in pod request {:?}", asked.port)))?,
    };
    if text(&pod, "/status/podIP").is_empty() {
        return Err(Error::bad_request("address not allowed"));
    }
    Ok((pod, port))
}

fn of_service(cluster: &Cluster, asked: &Proxied) -> Result<Found, Error> {
    let Proxied { namespace: place, name: called, port, .. } = asked;
    let service = cluster.get(&kinds::SERVICES, place, called).ok_or_else(|| Error::not_found(&kinds::SERVICES, called))?;
    let ports = items(&service, "/spec/ports");
    let number_is = |known: &&Value| number(known, "/port").is_some_and(|number| number.to_string() == *port);
    let known = match port.as_str() {
        "" if ports.len() == 1 => ports.first(),
        "" => ports.iter().find(|known| text(known, "/name").is_empty()),
        port => ports.iter().find(|known| known["name"] == port).or_else(|| ports.iter().find(number_is)),
    };
    let nobody = || {
        let shown = if port.is_empty() { called.clone() } else { format!("{called}:{port}") };
        Error::service_unavailable(&format!("no endpoints available for service \"{shown}\""))
    };
    let known =
        known.ok_or_else(|| Error::service_unavailable(&format!("no service port \"{port}\" found for service \"{called}\"")))?;
    let selector = service["spec"]["selector"].as_object().filter(|selector| !selector.is_empty()).ok_or_else(nobody)?;
    let selected = |pod: &Value| selector.iter().all(|(key, value)| label(pod, key) == value.as_str());
    let (pods, _) = cluster.list(&kinds::PODS, Some(place));
    let pod = pods.into_iter().find(|pod| selected(pod) && is_ready(pod) && !is_terminating(pod)).ok_or_else(nobody)?;
    let target = match &known["targetPort"] {
        Value::String(name) => {
            let declared = items(&pod, "/spec/containers").iter().flat_map(|container| items(container, "/ports"));
            let found = declared
                .filter(|declared| declared["name"] == name.as_str())
                .find_map(|declared| number(declared, "/containerPort"));
            found.or_else(|| name.parse().ok())
        }
        target => target.as_i64().or_else(|| number(known, "/port")),
    };
    let target = target.and_then(|target| u16::try_from(target).ok()).ok_or_else(nobody)?;
    Ok((pod, target))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_carry_a_scheme_and_a_port() {
        let parse = |path: &str| {
            let words: Vec<String> = path.split('/').map(str::to_owned).collect();
            Proxied::parse("", "v1", &words).map(|(pods, asked)| (pods, asked.name, asked.port, asked.path))
        };
        let some = |pods, name: &str, port: &str, path: &str| Some((pods, name.to_owned(), port.to_owned(), path.to_owned()));
        assert_eq!(parse("namespaces/a/pods/p:80/proxy/x/y"), some(true, "p", "80", "/x/y"));
        assert_eq!(parse("namespaces/a/services/http:s:web/proxy"), some(false, "s", "web", "/"));
        assert_eq!(parse("namespaces/a/services/s"), None);
        assert_eq!(parse("namespaces/a/services/ftp:s:web/proxy"), None);
    }
}
