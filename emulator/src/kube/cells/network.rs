//! The cells of services, their endpoints, ingresses and what else is of the network.

use serde_json::{Value, json};

use super::{labels, list, number, or_none, text};

pub(super) fn service(object: &Value, name: Value, old: Value) -> Vec<Value> {
    let spec = &object["spec"];
    let ingress: Vec<&str> = list(&object["status"]["loadBalancer"]["ingress"])
        .map(|ingress| ingress["ip"].as_str().unwrap_or_else(|| text(&ingress["hostname"])))
        .collect();
    let external_ips: Vec<&str> = list(&spec["externalIPs"]).map(text).collect();
    let external = match text(&spec["type"]) {
        "LoadBalancer" if ingress.is_empty() && external_ips.is_empty() => "<pending>".into(),
        "LoadBalancer" => json!([ingress, external_ips].concat().join(",")),
        "ExternalName" => text(&spec["externalName"]).into(),
        _ => or_none(&external_ips.join(",")),
    };
    let ports: Vec<String> = list(&spec["ports"])
        .map(|port| {
            let protocol = port["protocol"].as_str().unwrap_or("TCP");
            match number(&port["nodePort"]) {
                0 => format!("{}/{protocol}", number(&port["port"])),
                node => format!("{}:{node}/{protocol}", number(&port["port"])),
            }
        })
        .collect();
    let cluster_ip = or_none(text(&spec["clusterIP"]));
    vec![name, text(&spec["type"]).into(), cluster_ip, external, or_none(&ports.join(",")), old, labels(&spec["selector"])]
}

/// What a column shows of a list: three, and how many more there are.
fn three_of(all: &[String]) -> String {
    const SHOWN: usize = 3;
    match all.len() {
        0 => "<none>".into(),
        count if count > SHOWN => format!("{} + {} more...", all[..SHOWN].join(","), count - SHOWN),
        _ => all.join(","),
    }
}

pub(super) fn endpoints(object: &Value) -> String {
    let mut all = Vec::new();
    for subset in list(&object["subsets"]) {
        let addresses = || list(&subset["addresses"]).map(|address| text(&address["ip"]));
        if list(&subset["ports"]).count() == 0 {
            all.extend(addresses().map(str::to_owned));
        }
        for port in list(&subset["ports"]) {
            all.extend(
                addresses()
                    .map(|ip| if ip.contains(':') { format!("[{ip}]") } else { ip.to_owned() })
                    .map(|ip| format!("{ip}:{}", number(&port["port"]))),
            );
        }
    }
    three_of(&all)
}

pub(super) fn endpoint_slice(object: &Value, name: Value, old: Value) -> Vec<Value> {
    let ports: Vec<String> = list(&object["ports"])
        .map(|port| {
            port["port"].as_i64().map_or_else(|| port["name"].as_str().unwrap_or("*").to_owned(), |number| number.to_string())
        })
        .collect();
    let addresses: Vec<String> = list(&object["endpoints"])
        .flat_map(|endpoint| list(&endpoint["addresses"]))
        .map(|address| text(address).to_owned())
        .collect();
    vec![name, text(&object["addressType"]).into(), three_of(&ports).into(), three_of(&addresses).into(), old]
}

pub(super) fn ingress(object: &Value, name: Value, old: Value) -> Vec<Value> {
    const SHOWN: usize = 3;
    let spec = &object["spec"];
    let rules = list(&spec["rules"]).count();
    let mut hosts = Vec::new();
    let mut more = false;
    for host in list(&spec["rules"]).map(|rule| text(&rule["host"])) {
        more |= hosts.len() == SHOWN;
        if !more && !host.is_empty() {
            hosts.push(host);
        }
    }
    let hosts = match (hosts.is_empty(), more) {
        (true, _) => "*".to_owned(),
        (false, false) => hosts.join(","),
        (false, true) => format!("{} + {} more...", hosts.join(","), rules - SHOWN),
    };
    let mut addresses: Vec<&str> = list(&object["status"]["loadBalancer"]["ingress"])
        .map(|ingress| ingress["ip"].as_str().unwrap_or_else(|| text(&ingress["hostname"])))
        .filter(|address| !address.is_empty())
        .collect();
    addresses.sort_unstable();
    addresses.dedup();
    let ports = if list(&spec["tls"]).count() > 0 { "80, 443" } else { "80" };
    vec![name, or_none(text(&spec["ingressClassName"])), hosts.into(), addresses.join(",").into(), ports.into(), old]
}

pub(super) fn ingress_class(object: &Value, name: Value, old: Value) -> Vec<Value> {
    let parameters = &object["spec"]["parameters"];
    let shown = if parameters.is_object() {
        let group = parameters["apiGroup"].as_str().map(|group| format!(".{group}")).unwrap_or_default();
        format!("{}{group}/{}", text(&parameters["kind"]), text(&parameters["name"]))
    } else {
        "<none>".into()
    };
    vec![name, text(&object["spec"]["controller"]).into(), shown.into(), old]
}

pub(super) fn ip_address(object: &Value, name: Value) -> Vec<Value> {
    let parent = &object["spec"]["parentRef"];
    if !parent.is_object() {
        return vec![name, "<none>".into()];
    }
    let resource = crate::kube::kinds::qualified(text(&parent["resource"]), text(&parent["group"])).to_lowercase();
    let namespace = text(&parent["namespace"]);
    let namespace = if namespace.is_empty() { String::new() } else { format!("/{namespace}") };
    vec![name, format!("{resource}{namespace}/{}", text(&parent["name"])).into()]
}

pub(super) fn service_cidr(object: &Value, name: Value, old: Value) -> Vec<Value> {
    let ranges: Vec<&str> = list(&object["spec"]["cidrs"]).map(text).collect();
    vec![name, ranges.join(",").into(), old]
}
