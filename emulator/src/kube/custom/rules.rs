//! Rules for the parts of a definition that are no schemas: group, names, subresources, columns, selectable fields.

use serde_json::Value;

use super::list;
use crate::kube::error::Cause;
use crate::kube::validate;

fn word(value: &Value) -> &str {
    value.as_str().unwrap_or("")
}

/// The group: a domain.
pub fn group(group: &str, value: &Value, causes: &mut Vec<Cause>) {
    if group.is_empty() {
        causes.push(Cause::required("spec.group", ""));
    } else if let Some(why) = validate::subdomain_fault(group) {
        causes.push(Cause::invalid("spec.group", value, &why));
    } else if !group.contains('.') {
        causes.push(Cause::invalid("spec.group", value, "should be a domain with at least one dot"));
    }
}

/// The names.
pub fn names(names: &Value, at: &str, causes: &mut Vec<Cause>) {
    let mixed = |why: String| format!("may have mixed case, but should otherwise match: {why}");
    for field in ["plural", "singular"] {
        if let Some(why) = validate::label_1035_fault(word(&names[field])) {
            causes.push(Cause::invalid(format!("{at}.{field}"), &word(&names[field]).into(), &why));
        }
    }
    for field in ["kind", "listKind"] {
        if let Some(why) = validate::label_1035_fault(&word(&names[field]).to_lowercase()) {
            causes.push(Cause::invalid(format!("{at}.{field}"), &word(&names[field]).into(), &mixed(why)));
        }
    }
    for (field, plural) in [("shortNames", "shortNames"), ("categories", "categories")] {
        for (index, name) in list(&names[field]).enumerate() {
            if let Some(why) = validate::label_1035_fault(word(name)) {
                causes.push(Cause::invalid(format!("{at}.{plural}[{index}]"), name, &why));
            }
        }
    }
    if !word(&names["kind"]).is_empty() && names["kind"] == names["listKind"] {
        causes.push(Cause::invalid(format!("{at}.listKind"), &names["listKind"], "kind and listKind may not be the same"));
    }
}

/// The subresources.
pub fn subresources(subresources: &Value, at: &str, causes: &mut Vec<Cause>) {
    let scale = &subresources["scale"];
    if !scale.is_object() {
        return;
    }
    let below = |path: &str, roots: &[&str]| {
        roots.iter().any(|root| path.strip_prefix(root).is_some_and(|rest| rest.len() > 1)) && !path.contains(['[', '*'])
    };
    for (field, roots, why) in [
        ("specReplicasPath", &[".spec."][..], "should be a json path under .spec"),
        ("statusReplicasPath", &[".status."], "should be a json path under .status"),
        ("labelSelectorPath", &[".status.", ".spec."], "should be a json path under either .status or .spec"),
    ] {
        let (path, field_path) = (word(&scale[field]), format!("{at}.scale.{field}"));
        let roots: Vec<&str> = roots.iter().map(|root| root.trim_end_matches('.')).collect();
        if path.is_empty() && field != "labelSelectorPath" {
            causes.push(Cause::required(field_path, ""));
        } else if !path.is_empty() && !below(path, &roots) {
            causes.push(Cause::invalid(field_path, &scale[field], why));
        }
    }
}

/// The columns.
pub fn columns(columns: &Value, at: &str, causes: &mut Vec<Cause>) {
    for (index, column) in list(columns).enumerate() {
        let at = format!("{at}[{index}]");
        if word(&column["name"]).is_empty() {
            causes.push(Cause::required(format!("{at}.name"), ""));
        }
        match word(&column["type"]) {
            "boolean" | "date" | "integer" | "number" | "string" => {}
            "" => causes.push(Cause::required(format!("{at}.type"), "")),
            _ => {
                let types = ["boolean", "date", "integer", "number", "string"];
                causes.push(Cause::not_supported(format!("{at}.type"), &column["type"], &types));
            }
        }
        let formats = ["byte", "date", "date-time", "double", "float", "int32", "int64", "password"];
        if !word(&column["format"]).is_empty() && !formats.contains(&word(&column["format"])) {
            causes.push(Cause::not_supported(format!("{at}.format"), &column["format"], &formats));
        }
        match word(&column["jsonPath"]) {
            "" => causes.push(Cause::required(format!("{at}.JSONPath"), "")),
            path if !path.starts_with('.') && !path.starts_with('[') => {
                causes.push(Cause::invalid(format!("{at}.JSONPath"), &column["jsonPath"], "must be a json path starting with ."));
            }
            _ => {}
        }
    }
}

/// The fields by which objects can be chosen: scalars of the schema.
pub fn selectable(version: &Value, at: &str, causes: &mut Vec<Cause>) {
    let fields: Vec<&Value> = list(&version["selectableFields"]).collect();
    if fields.len() > 8 {
        let message = format!("Too many: {}: must have at most 8 items", fields.len());
        causes.push(Cause { field: at.to_owned(), reason: "FieldValueTooMany", message });
    }
    for (index, field) in fields.iter().enumerate() {
        let at = format!("{at}[{index}].jsonPath");
        let path = word(&field["jsonPath"]);
        let steps = path.split('.').filter(|step| !step.is_empty());
        let found = steps.fold(&version["schema"]["openAPIV3Schema"], |schema, step| &schema["properties"][step]);
        if path.is_empty() {
            causes.push(Cause::required(at, ""));
        } else if path.starts_with(".metadata") {
            causes.push(Cause::invalid(at, &field["jsonPath"], "must not point to fields in metadata"));
        } else if found.is_null() || !path.starts_with('.') {
            let why = format!("is an invalid path: does not refer to a valid field: {path}");
            causes.push(Cause::invalid(at, &field["jsonPath"], &why));
        } else if !matches!(word(&found["type"]), "string" | "boolean" | "integer") {
            let why = "must point to a field of type string, boolean or integer. Enum string fields and strings with formats are allowed.";
            causes.push(Cause::invalid(at, &field["jsonPath"], why));
        } else if fields[..index].contains(field) {
            causes.push(Cause::duplicate(at, &field["jsonPath"]));
        }
    }
}
