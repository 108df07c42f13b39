//! Rules for the network's kinds (`pkg/apis/networking/validation`, `pkg/apis/discovery/validation`).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde_json::{Value, json};

use super::names::{key_fault, label_fault, selector};
use super::{SUBDOMAIN, enumerated, is_subdomain, list, text};
use crate::kube::error::Cause;

const PORT_RANGE: &str = "must be between 1 and 65535, inclusive";

fn is_port(number: i64) -> bool {
    (1..=65535).contains(&number)
}

pub(super) fn ingress(spec: &Value, causes: &mut Vec<Cause>) {
    let rules = spec["rules"].as_array().is_some_and(|rules| !rules.is_empty());
    let backend = &spec["defaultBackend"];
    if !rules && backend.is_null() {
        let shown = if spec["rules"].is_array() { json!([]) } else { Value::Null };
        causes.push(Cause::invalid("spec", &shown, "either `defaultBackend` or `rules` must be specified"));
    }
    if !backend.is_null() {
        ingress_backend("spec.defaultBackend", backend, causes);
    }
    for (index, rule) in list(&spec["rules"]) {
        let place = format!("spec.rules[{index}]");
        host(&format!("{place}.host"), &rule["host"], causes);
        if rule["http"].is_object() && list(&rule["http"]["paths"]).count() == 0 {
            causes.push(Cause::required(format!("{place}.http.paths"), ""));
        }
        for (index, path) in list(&rule["http"]["paths"]) {
            ingress_path(&format!("{place}.http.paths[{index}]"), path, causes);
        }
    }
    for (index, tls) in list(&spec["tls"]) {
        for (place, name) in list(&tls["hosts"]) {
            host(&format!("spec.tls[{index}].hosts[{place}]"), name, causes);
        }
    }
    let class = text(&spec["ingressClassName"]);
    if !spec["ingressClassName"].is_null() && !is_subdomain(class) {
        causes.push(Cause::invalid("spec.ingressClassName", &spec["ingressClassName"], SUBDOMAIN));
    }
}

fn host(at: &str, host: &Value, causes: &mut Vec<Cause>) {
    let name = text(host);
    if name.is_empty() {
        return;
    }
    if name.parse::<IpAddr>().is_ok() {
        causes.push(Cause::invalid(at, host, "must be a DNS name, not an IP address"));
    } else if let Some(rest) = name.strip_prefix("*.") {
        if !is_subdomain(rest) {
            causes.push(Cause::invalid(at, host, &super::names::wildcard_fault()));
        }
    } else if !is_subdomain(name) {
        causes.push(Cause::invalid(at, host, SUBDOMAIN));
    }
}

fn ingress_path(at: &str, path: &Value, causes: &mut Vec<Cause>) {
    let (found, at_path) = (text(&path["path"]), format!("{at}.path"));
    match text(&path["pathType"]) {
        "" => {
            causes.push(Cause::required(format!("{at}.pathType"), "pathType must be specified"));
            return;
        }
        "Exact" | "Prefix" => {
            if !found.starts_with('/') {
                causes.push(Cause::invalid(&at_path, &json!(found), "must be an absolute path"));
            }
            for bad in ["//", "/./", "/../", "%2f", "%2F"].into_iter().filter(|bad| found.contains(bad)) {
                causes.push(Cause::invalid(&at_path, &json!(found), &format!("must not contain '{bad}'")));
            }
            for bad in ["/..", "/."].into_iter().filter(|bad| found.ends_with(bad)) {
                causes.push(Cause::invalid(&at_path, &json!(found), &format!("cannot end with '{bad}'")));
            }
        }
        "ImplementationSpecific" => {
            if !found.is_empty() && !found.starts_with('/') {
                causes.push(Cause::invalid(&at_path, &json!(found), "must be an absolute path"));
            }
        }
        _ => {
            let known = ["Exact", "ImplementationSpecific", "Prefix"];
            causes.push(Cause::not_supported(format!("{at}.pathType"), &path["pathType"], &known));
        }
    }
    ingress_backend(&format!("{at}.backend"), &path["backend"], causes);
}

fn ingress_backend(at: &str, backend: &Value, causes: &mut Vec<Cause>) {
    let (service, resource) = (&backend["service"], &backend["resource"]);
    match (service.is_object(), resource.is_object()) {
        (true, true) => causes.push(Cause::invalid(at, &json!(""), "cannot set both resource and service backends")),
        (false, false) => causes.push(Cause::invalid(at, &json!(""), "resource or service backend is required")),
        (false, true) => {
            for field in ["kind", "name"].into_iter().filter(|field| text(&resource[*field]).is_empty()) {
                causes.push(Cause::required(format!("{at}.resource.{field}"), ""));
            }
        }
        (true, false) => {
            match text(&service["name"]) {
                "" => causes.push(Cause::required(format!("{at}.service.name"), "")),
                name => causes.extend(
                    label_fault(name).map(|fault| Cause::invalid(format!("{at}.service.name"), &service["name"], &fault)),
                ),
            }
            let (name, number) = (text(&service["port"]["name"]), service["port"]["number"].as_i64().unwrap_or(0));
            if !name.is_empty() && number != 0 {
                causes.push(Cause::invalid(at, &json!(""), "cannot set both port name & port number"));
            } else if name.is_empty() && number == 0 {
                causes.push(Cause::required(at, "port name or number is required"));
            } else if name.is_empty() && !is_port(number) {
                causes.push(Cause::invalid(format!("{at}.service.port.number"), &json!(number), PORT_RANGE));
            }
        }
    }
}

pub(super) fn ingress_class(spec: &Value, causes: &mut Vec<Cause>) {
    if text(&spec["controller"]).len() > 250 {
        causes.push(Cause::too_long("spec.controller", 250));
    }
    let (name, domain) = (text(&spec["controller"]), "must be a domain-prefixed path (such as \"acme.io/foo\")");
    if name.is_empty() {
        causes.push(Cause::required("spec.controller", ""));
    } else if !name.split_once('/').is_some_and(|(host, path)| is_subdomain(host) && !path.is_empty()) {
        causes.push(Cause::invalid("spec.controller", &spec["controller"], domain));
    }
    let parameters = &spec["parameters"];
    if parameters.is_object() {
        for field in ["kind", "name"].into_iter().filter(|field| text(&parameters[*field]).is_empty()) {
            causes.push(Cause::required(format!("spec.parameters.{field}"), ""));
        }
        enumerated("spec.parameters", parameters, "scope", &["Cluster", "Namespace"], causes);
        let namespaced = !parameters["namespace"].is_null();
        if parameters["scope"] == "Namespace" && !namespaced {
            causes.push(Cause::required("spec.parameters.namespace", "`parameters.scope` is set to 'Namespace'"));
        }
        if parameters["scope"] == "Cluster" && namespaced {
            causes.push(Cause::forbidden("spec.parameters.namespace", "`parameters.scope` is set to 'Cluster'"));
        }
    }
}

pub(super) fn network_policy(spec: &Value, causes: &mut Vec<Cause>) {
    selector("spec.podSelector", &spec["podSelector"], causes);
    for (direction, peers) in [("ingress", "from"), ("egress", "to")] {
        for (index, rule) in list(&spec[direction]) {
            let place = format!("spec.{direction}[{index}]");
            for (index, port) in list(&rule["ports"]) {
                policy_port(&format!("{place}.ports[{index}]"), port, causes);
            }
            for (index, peer) in list(&rule[peers]) {
                policy_peer(&format!("{place}.{peers}[{index}]"), peer, causes);
            }
        }
    }
    if list(&spec["policyTypes"]).count() > 2 {
        let why = "may not specify more than two policyTypes";
        causes.push(Cause::invalid("spec.policyTypes", &spec["policyTypes"], why));
        return;
    }
    for (index, kind) in list(&spec["policyTypes"]).filter(|(_, kind)| *kind != "Ingress" && *kind != "Egress") {
        causes.push(Cause::not_supported(format!("spec.policyTypes[{index}]"), kind, &["Ingress", "Egress"]));
    }
}

fn policy_port(at: &str, port: &Value, causes: &mut Vec<Cause>) {
    enumerated(at, port, "protocol", &["TCP", "UDP", "SCTP"], causes);
    let end = &port["endPort"];
    match &port["port"] {
        Value::Null if !end.is_null() => {
            causes.push(Cause::invalid(format!("{at}.endPort"), end, "may not be specified when `port` is not specified"));
        }
        Value::Number(number) => {
            let number = number.as_i64().unwrap_or(0);
            if !is_port(number) {
                causes.push(Cause::invalid(format!("{at}.port"), &port["port"], PORT_RANGE));
            }
            if end.as_i64().is_some_and(|end| end < number) {
                causes.push(Cause::invalid(format!("{at}.endPort"), &port["port"], "must be greater than or equal to `port`"));
            }
        }
        Value::String(_) if !end.is_null() => {
            causes.push(Cause::invalid(format!("{at}.endPort"), end, "may not be specified when `port` is non-numeric"));
        }
        _ => {}
    }
}

fn policy_peer(at: &str, peer: &Value, causes: &mut Vec<Cause>) {
    let selects = !peer["podSelector"].is_null() || !peer["namespaceSelector"].is_null();
    selector(&format!("{at}.podSelector"), &peer["podSelector"], causes);
    selector(&format!("{at}.namespaceSelector"), &peer["namespaceSelector"], causes);
    let block = &peer["ipBlock"];
    match (block.is_object(), selects) {
        (false, false) => causes.push(Cause::required(at, "must specify a peer")),
        (true, true) => causes.push(Cause::forbidden(at, "may not specify both ipBlock and another peer")),
        (true, false) if text(&block["cidr"]).is_empty() => causes.push(Cause::required(format!("{at}.ipBlock.cidr"), "")),
        (true, false) => range(&format!("{at}.ipBlock.cidr"), &block["cidr"], causes),
        (false, true) => {}
    }
}

fn range(at: &str, value: &Value, causes: &mut Vec<Cause>) {
    let sound = text(value).split_once('/').is_some_and(|(address, bits)| {
        let most = match address.parse() {
            Ok(IpAddr::V4(_)) => 32,
            Ok(IpAddr::V6(_)) => 128,
            Err(_) => return false,
        };
        bits.parse::<u8>().is_ok_and(|bits| bits <= most)
    });
    if !sound {
        let why = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)";
        causes.push(Cause::invalid(at, value, why));
    }
}

pub(super) fn service_cidr(spec: &Value, causes: &mut Vec<Cause>) {
    if list(&spec["cidrs"]).count() == 0 {
        causes.push(Cause::required("spec.cidrs", "at least one CIDR required"));
    }
    if list(&spec["cidrs"]).count() > 2 {
        causes.push(Cause::invalid("spec.cidrs", spec, "may only hold up to 2 values"));
    }
    for (index, value) in list(&spec["cidrs"]) {
        range(&format!("spec.cidrs[{index}]"), value, causes);
    }
}

pub(super) fn ip_address(object: &Value, causes: &mut Vec<Cause>) {
    let parent = &object["spec"]["parentRef"];
    if !parent.is_object() {
        causes.push(Cause::required("spec.parentRef", ""));
        return;
    }
    for field in ["resource", "name"].into_iter().filter(|field| text(&parent[*field]).is_empty()) {
        causes.push(Cause::required(format!("spec.parentRef.{field}"), ""));
    }
}

pub(super) fn endpoint_slice(object: &Value, causes: &mut Vec<Cause>) {
    let kind = text(&object["addressType"]);
    if kind.is_empty() {
        causes.push(Cause::required("addressType", ""));
    } else {
        enumerated("", object, "addressType", &["FQDN", "IPv4", "IPv6"], causes);
    }
    for (index, endpoint) in list(&object["endpoints"]) {
        let place = format!("endpoints[{index}].addresses");
        match list(&endpoint["addresses"]).count() {
            0 => causes.push(Cause::required(&place, "must contain at least 1 address")),
            count @ 101.. => causes.push(Cause::too_many(&place, count, 100)),
            _ => {}
        }
        for (index, address) in list(&endpoint["addresses"]) {
            let place = format!("{place}[{index}]");
            match kind {
                "IPv4" if text(address).parse::<Ipv4Addr>().is_err() => {
                    causes.push(Cause::invalid(&place, address, "must be an IPv4 address"));
                }
                "IPv6" if text(address).parse::<Ipv6Addr>().is_err() => {
                    causes.push(Cause::invalid(&place, address, "must be an IPv6 address"));
                }
                "FQDN" if !is_subdomain(text(address)) => causes.push(Cause::invalid(&place, address, SUBDOMAIN)),
                _ => {}
            }
        }
    }
    let mut names: Vec<&str> = Vec::new();
    for (index, port) in list(&object["ports"]) {
        let place = format!("ports[{index}]");
        let name = text(&port["name"]);
        if !name.is_empty() {
            causes.extend(label_fault(name).map(|fault| Cause::invalid(format!("{place}.name"), &port["name"], &fault)));
        }
        if names.contains(&name) {
            causes.push(Cause::duplicate(format!("{place}.name"), &json!(name)));
        }
        names.push(name);
        enumerated(&place, port, "protocol", &["SCTP", "TCP", "UDP"], causes);
        if let Some(fault) = port["appProtocol"].as_str().and_then(key_fault) {
            causes.push(Cause::invalid(format!("{place}.appProtocol"), &port["appProtocol"], &fault));
        }
    }
}
