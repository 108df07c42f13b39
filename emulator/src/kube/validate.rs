//! Rules for objects (`pkg/apis/core/validation`, `pkg/apis/apps/validation`): required fields, names, labels, enumerations,
//! selectors that match their templates, and what may not change.

use serde_json::{Value, json};

use super::error::Cause;
use super::kinds::{self, Kind};

const SUBDOMAIN: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start \
    and end with an alphanumeric character (e.g. 'example.com', regex used for validation is \
    '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const LABEL: &str = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with \
    an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const LABEL_1035: &str = "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic \
    character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is \
    '[a-z]([-a-z0-9]*[a-z0-9])?')";
const LABEL_VALUE: &str = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start \
    and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is \
    '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
const QUALIFIED: &str = "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an \
    alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is \
    '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const NOT_NEGATIVE: &str = "must be greater than or equal to 0";

/// What is wrong with a new object.
pub fn new_object(kind: &Kind, object: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    metadata(kind, object, &mut causes);
    content(kind, object, &mut causes);
    causes
}

/// What is wrong with a changed object.
pub fn changed_object(kind: &Kind, old: &Value, new: &Value) -> Vec<Cause> {
    let mut causes = new_object(kind, new);
    immutable(kind, old, new, &mut causes);
    causes
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("")
}

fn list(value: &Value) -> impl Iterator<Item = (usize, &Value)> {
    value.as_array().into_iter().flatten().enumerate()
}

fn is_alphanumeric_with(text: &str, inner: fn(char) -> bool, edge: fn(char) -> bool) -> bool {
    text.chars().all(|c| edge(c) || inner(c)) && text.starts_with(edge) && text.ends_with(edge)
}

fn lower(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit()
}

/// An RFC 1123 label.
pub fn is_label(text: &str) -> bool {
    text.len() <= 63 && is_alphanumeric_with(text, |c| c == '-', lower)
}

/// An RFC 1123 subdomain.
pub fn is_subdomain(text: &str) -> bool {
    text.len() <= 253 && text.split('.').all(|part| is_alphanumeric_with(part, |c| c == '-', lower))
}

fn too_long(max: usize) -> String {
    format!("must be no more than {max} characters")
}

/// Why a text is no label, if it is none.
fn label_fault(text: &str) -> Option<String> {
    if text.len() > 63 { Some(too_long(63)) } else { (!is_label(text)).then(|| LABEL.into()) }
}

fn name_fault(kind: &Kind, name: &str) -> Option<String> {
    match kind.kind.as_str() {
        "Namespace" => label_fault(name),
        "Service" if name.len() > 63 => Some(too_long(63)),
        "Service" => (!(is_label(name) && name.starts_with(|c: char| c.is_ascii_lowercase()))).then(|| LABEL_1035.into()),
        _ if name.len() > 253 => Some(too_long(253)),
        _ => (!is_subdomain(name)).then(|| SUBDOMAIN.into()),
    }
}

fn metadata(kind: &Kind, object: &Value, causes: &mut Vec<Cause>) {
    let metadata = &object["metadata"];
    let name = text(&metadata["name"]);
    if name.is_empty() {
        causes.push(Cause::required("metadata.name", "name or generateName is required"));
    } else if let Some(fault) = name_fault(kind, name) {
        causes.push(Cause::invalid("metadata.name", &metadata["name"], &fault));
    }
    labels("metadata.labels", &metadata["labels"], causes);
    for key in metadata["annotations"].as_object().into_iter().flatten().map(|(key, _)| key) {
        if let Some(fault) = key_fault(&key.to_lowercase()) {
            causes.push(Cause::invalid("metadata.annotations", &key.as_str().into(), &fault));
        }
    }
}

fn key_fault(key: &str) -> Option<String> {
    let (prefix, name) = key.rsplit_once('/').map_or((None, key), |(prefix, name)| (Some(prefix), name));
    let word = |c: char| c.is_ascii_alphanumeric();
    if let Some(prefix) = prefix.filter(|prefix| !is_subdomain(prefix)) {
        let why = if prefix.is_empty() { "must be non-empty" } else { SUBDOMAIN };
        return Some(format!("prefix part {why}"));
    }
    if name.is_empty() {
        return Some("name part must be non-empty".into());
    }
    if name.len() > 63 {
        return Some(format!("name part {}", too_long(63)));
    }
    (!is_alphanumeric_with(name, |c| matches!(c, '-' | '_' | '.'), word)).then(|| QUALIFIED.into())
}

fn labels(field: &str, labels: &Value, causes: &mut Vec<Cause>) {
    for (key, value) in labels.as_object().into_iter().flatten() {
        if let Some(fault) = key_fault(key) {
            causes.push(Cause::invalid(field, &key.as_str().into(), &fault));
        }
        let word = text(value);
        if word.len() > 63 {
            causes.push(Cause::invalid(field, value, &too_long(63)));
        } else if !word.is_empty() && !is_alphanumeric_with(word, |c| matches!(c, '-' | '_' | '.'), |c| c.is_ascii_alphanumeric())
        {
            causes.push(Cause::invalid(field, value, LABEL_VALUE));
        }
    }
}

fn content(kind: &Kind, object: &Value, causes: &mut Vec<Cause>) {
    let spec = &object["spec"];
    match kind.kind.as_str() {
        "Pod" => pod_spec("spec", spec, causes),
        "Deployment" => {
            workload(spec, causes);
            strategy(spec, causes);
        }
        "ReplicaSet" => workload(spec, causes),
        "Service" => service(spec, causes),
        "ConfigMap" => keys("data", &object["data"], causes),
        "Secret" => secret(object, causes),
        "Event" => event(object, causes),
        _ => {}
    }
}

fn negative(value: &Value) -> bool {
    value.as_i64().is_some_and(|number| number < 0)
}

fn workload(spec: &Value, causes: &mut Vec<Cause>) {
    for field in ["replicas", "minReadySeconds", "revisionHistoryLimit", "progressDeadlineSeconds"] {
        if negative(&spec[field]) {
            causes.push(Cause::invalid(format!("spec.{field}"), &spec[field], NOT_NEGATIVE));
        }
    }
    let (selector, template) = (&spec["selector"], &spec["template"]);
    if selector.is_null() {
        causes.push(Cause::required("spec.selector", ""));
    } else if selector["matchLabels"].as_object().is_none_or(serde_json::Map::is_empty)
        && selector["matchExpressions"].as_array().is_none_or(Vec::is_empty)
    {
        causes.push(Cause::invalid("spec.selector", selector, "empty selector is invalid for deployment"));
    }
    labels("spec.selector.matchLabels", &selector["matchLabels"], causes);
    labels("spec.template.labels", &template["metadata"]["labels"], causes);
    let found = &template["metadata"]["labels"];
    if !selector.is_null() && !selected(selector, found) {
        let shown = if found.is_object() { found.clone() } else { Value::Null };
        let why = "`selector` does not match template `labels`";
        causes.push(Cause::invalid("spec.template.metadata.labels", &shown, why));
    }
    pod_spec("spec.template.spec", &template["spec"], causes);
    let policy = &template["spec"]["restartPolicy"];
    if !policy.is_null() && policy != "Always" {
        causes.push(Cause::not_supported("spec.template.spec.restartPolicy", policy, &["Always"]));
    }
}

/// Whether labels are selected by a label selector.
pub fn selected(selector: &Value, labels: &Value) -> bool {
    let by_label = selector["matchLabels"].as_object().into_iter().flatten().all(|(key, value)| labels[key] == *value);
    let by_expression = selector["matchExpressions"].as_array().into_iter().flatten().all(|expression| {
        let found = &labels[text(&expression["key"])];
        let listed = expression["values"].as_array().is_some_and(|values| values.contains(found));
        match text(&expression["operator"]) {
            "In" => listed,
            "NotIn" => !listed,
            "Exists" => !found.is_null(),
            "DoesNotExist" => found.is_null(),
            _ => false,
        }
    });
    by_label && by_expression
}

fn strategy(spec: &Value, causes: &mut Vec<Cause>) {
    let strategy = &spec["strategy"];
    let name = &strategy["type"];
    if !name.is_null() && name != "RollingUpdate" && name != "Recreate" {
        causes.push(Cause::not_supported("spec.strategy.type", name, &["Recreate", "RollingUpdate"]));
    }
    if name == "Recreate" && strategy["rollingUpdate"].is_object() {
        let why = "may not be specified when strategy `type` is 'Recreate'";
        causes.push(Cause::forbidden("spec.strategy.rollingUpdate", why));
    }
    let zero = |value: &Value| *value == json!(0) || *value == json!("0%");
    if zero(&strategy["rollingUpdate"]["maxUnavailable"]) && zero(&strategy["rollingUpdate"]["maxSurge"]) {
        let why = "may not be 0 when `maxSurge` is 0";
        causes.push(Cause::invalid(
            "spec.strategy.rollingUpdate.maxUnavailable",
            &strategy["rollingUpdate"]["maxUnavailable"],
            why,
        ));
    }
}

fn pod_spec(at: &str, spec: &Value, causes: &mut Vec<Cause>) {
    let volumes: Vec<&str> = list(&spec["volumes"]).map(|(_, volume)| text(&volume["name"])).collect();
    for (index, volume) in list(&spec["volumes"]) {
        let field = format!("{at}.volumes[{index}].name");
        match text(&volume["name"]) {
            "" => causes.push(Cause::required(field, "")),
            name if volumes[..index].contains(&name) => causes.push(Cause::duplicate(field, &volume["name"])),
            name => causes.extend(label_fault(name).map(|fault| Cause::invalid(field, &volume["name"], &fault))),
        }
    }
    if spec["containers"].as_array().is_none_or(Vec::is_empty) {
        causes.push(Cause::required(format!("{at}.containers"), ""));
    }
    let mut names: Vec<&str> = Vec::new();
    for group in ["initContainers", "containers"] {
        for (index, item) in list(&spec[group]) {
            let place = format!("{at}.{group}[{index}]");
            container(&place, item, &volumes, causes);
            let name = text(&item["name"]);
            if !name.is_empty() && names.contains(&name) {
                causes.push(Cause::duplicate(format!("{place}.name"), &item["name"]));
            }
            names.push(name);
        }
    }
    enumerated(at, spec, "restartPolicy", &["Always", "Never", "OnFailure"], causes);
    enumerated(at, spec, "dnsPolicy", &["ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"], causes);
    if negative(&spec["terminationGracePeriodSeconds"]) {
        let value = &spec["terminationGracePeriodSeconds"];
        causes.push(Cause::invalid(format!("{at}.terminationGracePeriodSeconds"), value, NOT_NEGATIVE));
    }
    labels(&format!("{at}.nodeSelector"), &spec["nodeSelector"], causes);
}

fn enumerated(at: &str, object: &Value, field: &str, supported: &[&str], causes: &mut Vec<Cause>) {
    let value = &object[field];
    if !value.is_null() && !supported.contains(&text(value)) {
        causes.push(Cause::not_supported(format!("{at}.{field}"), value, supported));
    }
}

fn container(at: &str, container: &Value, volumes: &[&str], causes: &mut Vec<Cause>) {
    match text(&container["name"]) {
        "" => causes.push(Cause::required(format!("{at}.name"), "")),
        name => causes.extend(label_fault(name).map(|fault| Cause::invalid(format!("{at}.name"), &container["name"], &fault))),
    }
    let image = text(&container["image"]);
    if image.is_empty() {
        causes.push(Cause::required(format!("{at}.image"), ""));
    } else if image != image.trim() {
        causes.push(Cause::invalid(format!("{at}.image"), &container["image"], "must not have leading or trailing whitespace"));
    }
    enumerated(at, container, "imagePullPolicy", &["Always", "IfNotPresent", "Never"], causes);
    enumerated(at, container, "terminationMessagePolicy", &["FallbackToLogsOnError", "File"], causes);
    for (index, port) in list(&container["ports"]) {
        let place = format!("{at}.ports[{index}]");
        match port["containerPort"].as_i64().unwrap_or(0) {
            0 => causes.push(Cause::required(format!("{place}.containerPort"), "")),
            1..=65535 => {}
            _ => {
                let why = "must be between 1 and 65535, inclusive";
                causes.push(Cause::invalid(format!("{place}.containerPort"), &port["containerPort"], why));
            }
        }
        enumerated(&place, port, "protocol", &["SCTP", "TCP", "UDP"], causes);
    }
    for (index, variable) in list(&container["env"]) {
        if text(&variable["name"]).is_empty() {
            causes.push(Cause::required(format!("{at}.env[{index}].name"), ""));
        }
    }
    for (index, mount) in list(&container["volumeMounts"]) {
        let place = format!("{at}.volumeMounts[{index}]");
        if text(&mount["name"]).is_empty() {
            causes.push(Cause::required(format!("{place}.name"), ""));
        } else if !volumes.contains(&text(&mount["name"])) {
            causes.push(Cause::not_found(format!("{place}.name"), &mount["name"]));
        }
        if text(&mount["mountPath"]).is_empty() {
            causes.push(Cause::required(format!("{place}.mountPath"), ""));
        }
    }
}

fn service(spec: &Value, causes: &mut Vec<Cause>) {
    enumerated("spec", spec, "type", &["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"], causes);
    let external = spec["type"] == "ExternalName";
    if spec["ports"].as_array().is_none_or(Vec::is_empty) && !external && spec["clusterIP"] != "None" {
        causes.push(Cause::required("spec.ports", ""));
    }
    if external && text(&spec["externalName"]).is_empty() {
        causes.push(Cause::required("spec.externalName", ""));
    }
    let several = spec["ports"].as_array().is_some_and(|ports| ports.len() > 1);
    for (index, port) in list(&spec["ports"]) {
        let place = format!("spec.ports[{index}]");
        if several && text(&port["name"]).is_empty() {
            causes.push(Cause::required(format!("{place}.name"), ""));
        }
        if !port["port"].as_i64().is_some_and(|number| (1..=65535).contains(&number)) {
            let number = if port["port"].is_null() { json!(0) } else { port["port"].clone() };
            causes.push(Cause::invalid(format!("{place}.port"), &number, "must be between 1 and 65535, inclusive"));
        }
        enumerated(&place, port, "protocol", &["SCTP", "TCP", "UDP"], causes);
    }
    labels("spec.selector", &spec["selector"], causes);
}

fn keys(field: &str, data: &Value, causes: &mut Vec<Cause>) {
    let why = "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or \
               'key-name', regex used for validation is '[-._a-zA-Z0-9]+')";
    for key in data.as_object().into_iter().flatten().map(|(key, _)| key) {
        if key.is_empty() || !key.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')) {
            causes.push(Cause::invalid(format!("{field}[{key}]"), &key.as_str().into(), why));
        }
    }
}

fn secret(object: &Value, causes: &mut Vec<Cause>) {
    keys("data", &object["data"], causes);
    let needed: &[&str] = match text(&object["type"]) {
        "kubernetes.io/dockerconfigjson" => &[".dockerconfigjson"],
        "kubernetes.io/dockercfg" => &[".dockercfg"],
        "kubernetes.io/tls" => &["tls.crt", "tls.key"],
        _ => &[],
    };
    for key in needed.iter().filter(|key| object["data"][**key].is_null()) {
        causes.push(Cause::required(format!("data[{key}]"), ""));
    }
}

fn event(object: &Value, causes: &mut Vec<Cause>) {
    let (own, involved) = (text(&object["metadata"]["namespace"]), text(&object["involvedObject"]["namespace"]));
    if own != involved && !(involved.is_empty() && own == "default") {
        let value = &object["involvedObject"]["namespace"];
        causes.push(Cause::invalid("involvedObject.namespace", value, "does not match event.namespace"));
    }
}

fn immutable(kind: &Kind, old: &Value, new: &Value, causes: &mut Vec<Cause>) {
    let mut fixed = |field: &str, old: &Value, new: &Value| {
        if old != new && !old.is_null() {
            causes.push(Cause::invalid(field, new, "field is immutable"));
        }
    };
    match kind.kind.as_str() {
        "Deployment" | "ReplicaSet" => fixed("spec.selector", &old["spec"]["selector"], &new["spec"]["selector"]),
        "Secret" => fixed("type", &old["type"], &new["type"]),
        "Service" if new["spec"]["type"] != "ExternalName" && old["spec"]["type"] != "ExternalName" => {
            fixed("spec.clusterIPs[0]", &old["spec"]["clusterIP"], &new["spec"]["clusterIP"]);
        }
        "Pod" if !same_but_for_images(&old["spec"], &new["spec"]) => {
            let why = "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,\
                       `spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),\
                       `spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)";
            causes.push(Cause::forbidden("spec", why));
        }
        _ => {}
    }
    if matches!(kind.kind.as_str(), "ConfigMap" | "Secret") && old["immutable"] == true && kinds::of(old).is_some() {
        if new["immutable"] != true {
            causes.push(Cause::forbidden("immutable", "field is immutable when `immutable` is set"));
        }
        if old["data"] != new["data"] {
            causes.push(Cause::forbidden("data", "field is immutable when `immutable` is set"));
        }
    }
}

/// Whether two pod specifications differ only in what may change.
fn same_but_for_images(old: &Value, new: &Value) -> bool {
    let mut copy = new.clone();
    for group in ["initContainers", "containers"] {
        let before = old[group].as_array();
        for (index, container) in copy.get_mut(group).and_then(Value::as_array_mut).into_iter().flatten().enumerate() {
            if let Some(image) = before.and_then(|before| before.get(index)).map(|before| before["image"].clone())
                && container.is_object()
            {
                container["image"] = image;
            }
        }
    }
    for field in ["activeDeadlineSeconds", "tolerations"] {
        if let Value::Object(fields) = &mut copy {
            match old.get(field) {
                Some(value) => fields.insert(field.into(), value.clone()),
                None => fields.shift_remove(field),
            };
        }
    }
    copy == *old
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(kind: &Kind, object: Value) -> Vec<String> {
        new_object(kind, &object).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_pod_needs_a_name_and_containers() {
        let causes = told(&kinds::PODS, json!({"metadata": {"name": "X_bad"}, "spec": {}}));
        assert_eq!(causes[0], format!("metadata.name: Invalid value: \"X_bad\": {SUBDOMAIN}"));
        assert_eq!(causes[1], "spec.containers: Required value");
        let causes = told(&kinds::PODS, json!({"metadata": {"name": "p"}, "spec": {"containers": [{"name": "a"}]}}));
        assert_eq!(causes, ["spec.containers[0].image: Required value"]);
    }

    #[test]
    fn a_selector_must_match_its_template_and_stay() {
        let deployment = |selector: Value, labels: Value| {
            json!({"metadata": {"name": "d"}, "spec": {"selector": selector, "template": {"metadata": {"labels": labels},
                "spec": {"containers": [{"name": "a", "image": "i"}]}}}})
        };
        let good = deployment(json!({"matchLabels": {"a": "b"}}), json!({"a": "b"}));
        assert!(new_object(&kinds::DEPLOYMENTS, &good).is_empty());
        let bad = deployment(json!({"matchLabels": {"a": "b"}}), json!({"a": "c"}));
        let why = "spec.template.metadata.labels: Invalid value: {\"a\":\"c\"}: `selector` does not match template `labels`";
        assert_eq!(told(&kinds::DEPLOYMENTS, bad), [why]);
        let moved = deployment(json!({"matchLabels": {"x": "y"}}), json!({"x": "y"}));
        let causes = changed_object(&kinds::DEPLOYMENTS, &good, &moved);
        assert_eq!(causes[0].to_string(), "spec.selector: Invalid value: {\"matchLabels\":{\"x\":\"y\"}}: field is immutable");
    }

    #[test]
    fn names_and_labels_have_forms() {
        assert!(is_subdomain("a.b-c") && !is_subdomain("a..b") && !is_subdomain("-a") && !is_label("a.b") && !is_label(""));
        assert_eq!(key_fault("example.com/name"), None);
        assert!(key_fault("a b").is_some() && key_fault("/x").is_some());
    }
}
