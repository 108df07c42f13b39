//! A CustomResourceDefinition as an object: its defaults and what is wrong with it
//! (`apiextensions-apiserver/pkg/apis/apiextensions/{v1/defaults.go,validation}`).

use serde_json::{Value, json};

use super::{list, rules, structural};
use crate::kube::error::Cause;
use crate::kube::validate;

/// Groups that are Kubernetes' own need a word of approval.
const APPROVAL: &str = "api-approved.kubernetes.io";

/// A new definition begins without conditions and names; the version that it stores counts as stored.
pub fn begin(definition: &mut Value) {
    let stored: Vec<Value> = storage(definition).into_iter().collect();
    definition["status"] = json!({"conditions": null, "acceptedNames": {"plural": "", "kind": ""}, "storedVersions": stored});
}

fn storage(definition: &Value) -> Option<Value> {
    list(&definition["spec"]["versions"]).find(|version| version["storage"] == true).map(|version| version["name"].clone())
}

/// Fills in what a definition leaves out; a version that it stores for the first time is added to those that were.
pub fn complete(definition: &mut Value) {
    if !definition["spec"].is_object() {
        return;
    }
    let stored = storage(definition);
    if let (Some(stored), Some(known)) = (stored, definition["status"]["storedVersions"].as_array_mut())
        && !known.contains(&stored)
    {
        known.push(stored);
    }
    let spec = &mut definition["spec"];
    if spec["conversion"]["strategy"].as_str().is_none_or(str::is_empty) {
        spec["conversion"] = json!({"strategy": "None"});
    }
    if !spec["names"].is_object() {
        return;
    }
    let kind = spec["names"]["kind"].as_str().unwrap_or("").to_owned();
    for (field, value) in [("singular", kind.to_lowercase()), ("listKind", format!("{kind}List"))] {
        if spec["names"][field].as_str().is_none_or(str::is_empty) && !kind.is_empty() {
            spec["names"][field] = value.into();
        }
    }
}

/// What is wrong with a definition, besides its metadata.
pub fn faults(definition: &Value) -> Vec<Cause> {
    let (spec, mut causes) = (&definition["spec"], Vec::new());
    let word = |value: &Value| value.as_str().unwrap_or("").to_owned();
    let (group, plural) = (word(&spec["group"]), word(&spec["names"]["plural"]));
    if definition["metadata"]["name"] != format!("{plural}.{group}") {
        let why = "must be spec.names.plural+\".\"+spec.group";
        causes.push(Cause::invalid("metadata.name", &definition["metadata"]["name"], why));
    }
    rules::group(&group, &spec["group"], &mut causes);
    approval(definition, &group, &mut causes);
    match word(&spec["scope"]).as_str() {
        "" => causes.push(Cause::required("spec.scope", "")),
        "Cluster" | "Namespaced" => {}
        _ => causes.push(Cause::not_supported("spec.scope", &spec["scope"], &["Cluster", "Namespaced"])),
    }
    versions(spec, &mut causes);
    conversion(&spec["conversion"], &mut causes);
    if spec["preserveUnknownFields"] == true {
        let why = "cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead";
        causes.push(Cause::invalid("spec.preserveUnknownFields", &true.into(), why));
    }
    rules::names(&spec["names"], "spec.names", &mut causes);
    causes
}

fn approval(definition: &Value, group: &str, causes: &mut Vec<Cause>) {
    let protected = ["k8s.io", "kubernetes.io"].iter().any(|own| group == *own || group.ends_with(&format!(".{own}")));
    let given = &definition["metadata"]["annotations"][APPROVAL];
    let word = given.as_str().unwrap_or("");
    let field = format!("metadata.annotations[{APPROVAL}]");
    if !protected || word.starts_with("unapproved") || word.starts_with("https://") || word.starts_with("http://") {
        return;
    }
    if word.is_empty() {
        let why = "protected groups must have approval annotation \"api-approved.kubernetes.io\", see https://github.com/kubernetes/enhancements/pull/1111";
        causes.push(Cause::required(field, why));
    } else {
        let why = "protected groups must have approval annotation \"api-approved.kubernetes.io\" with either a URL or a reason starting with \"unapproved\", see https://github.com/kubernetes/enhancements/pull/1111";
        causes.push(Cause::invalid(field, given, why));
    }
}

fn versions(spec: &Value, causes: &mut Vec<Cause>) {
    let mut names: Vec<&str> = Vec::new();
    let mut unique = true;
    let all: Vec<&Value> = list(&spec["versions"]).collect();
    // A schema that all versions share stands above them in the API server's own form of a definition.
    let shared = all.windows(2).all(|pair| pair[0]["schema"] == pair[1]["schema"]);
    for (index, version) in all.iter().enumerate() {
        let at = format!("spec.versions[{index}]");
        let name = version["name"].as_str().unwrap_or("");
        unique &= !names.contains(&name);
        names.push(name);
        if let Some(why) = validate::label_1035_fault(name) {
            causes.push(Cause::invalid(format!("{at}.name"), &version["name"], &why));
        }
        let schema = &version["schema"]["openAPIV3Schema"];
        if schema.is_null() {
            causes.push(Cause::required(format!("{at}.schema.openAPIV3Schema"), "schemas are required"));
        } else if !shared {
            causes.extend(structural::faults(schema, &format!("{at}.schema.openAPIV3Schema")));
        } else if index == 0 {
            causes.extend(structural::faults(schema, "spec.validation.openAPIV3Schema"));
        }
        rules::subresources(&version["subresources"], &format!("{at}.subresources"), causes);
        rules::columns(&version["additionalPrinterColumns"], &format!("{at}.additionalPrinterColumns"), causes);
        rules::selectable(version, &format!("{at}.selectableFields"), causes);
    }
    let told = |why: &str| Cause::invalid("spec.versions", &spec["versions"], why);
    if !unique {
        causes.push(told("must contain unique version names"));
    }
    if all.iter().filter(|version| version["storage"] == true).count() != 1 {
        causes.push(told("must have exactly one version marked as storage version"));
    }
}

fn conversion(conversion: &Value, causes: &mut Vec<Cause>) {
    match conversion["strategy"].as_str().unwrap_or("None") {
        "None" if !conversion["webhook"].is_null() => {
            let why = "should not be set when strategy is not set to Webhook";
            causes.push(Cause::forbidden("spec.conversion.webhookClientConfig", why));
        }
        "None" => {}
        "Webhook" => {
            let why = "azlet converts between versions by the strategy None only: nothing runs in its clusters that a webhook could call";
            causes.push(Cause::forbidden("spec.conversion.strategy", why));
        }
        _ => {
            let field = "spec.conversion.strategy";
            causes.push(Cause::not_supported(field, &conversion["strategy"], &["None", "Webhook"]));
        }
    }
}

/// What may not change of a definition, and does.
pub fn faults_of_change(old: &Value, new: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    let established = super::is_condition(old, "Established");
    let mut stays = |path: &str, pointer: &str| {
        if old.pointer(pointer) != new.pointer(pointer) {
            causes.push(Cause::invalid(path, new.pointer(pointer).unwrap_or(&Value::Null), "field is immutable"));
        }
    };
    stays("spec.group", "/spec/group");
    stays("spec.names.plural", "/spec/names/plural");
    if established {
        stays("spec.scope", "/spec/scope");
        stays("spec.names.kind", "/spec/names/kind");
    }
    for (index, stored) in list(&new["status"]["storedVersions"]).enumerate() {
        if !list(&new["spec"]["versions"]).any(|version| version["name"] == *stored) {
            let version = stored.as_str().unwrap_or("");
            let why = format!(
                "missing from spec.versions; {version} was previously a storage version, and must remain in spec.versions until a \
                 storage migration ensures no data remains persisted in {version} and removes {version} from status.storedVersions"
            );
            causes.push(Cause::invalid(format!("status.storedVersions[{index}]"), stored, &why));
        }
    }
    causes
}

/// What a client is told that writes a definition: rules in CEL are kept, and not evaluated.
pub fn warnings(definition: &Value) -> Vec<String> {
    let has_rules =
        list(&definition["spec"]["versions"]).any(|version| structural::has_rules(&version["schema"]["openAPIV3Schema"]));
    let warning = "azlet does not evaluate x-kubernetes-validations: objects that break these rules are accepted";
    has_rules.then(|| warning.to_owned()).into_iter().collect()
}
