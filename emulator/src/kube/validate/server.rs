//! Rules for what the API server itself obeys: webhooks, admission policies, flows, requests for certificates
//! (`pkg/apis/{admissionregistration,flowcontrol,certificates}/validation`).

use serde_json::{Value, json};

use super::policy::none;
use super::{enumerated, is_subdomain, list, text};
use crate::kube::error::Cause;

pub(super) fn webhooks(object: &Value, causes: &mut Vec<Cause>) {
    let mut names: Vec<&str> = Vec::new();
    for (index, webhook) in list(&object["webhooks"]) {
        let place = format!("webhooks[{index}]");
        let name = text(&webhook["name"]);
        if name.is_empty() {
            causes.push(Cause::required(format!("{place}.name"), ""));
        } else if !is_subdomain(name) || name.split('.').count() < 3 {
            let why = "should be a domain with at least three segments separated by dots";
            causes.push(Cause::invalid(format!("{place}.name"), &webhook["name"], why));
        }
        if names.contains(&name) {
            causes.push(Cause::duplicate(format!("{place}.name"), &webhook["name"]));
        }
        names.push(name);
        enumerated(&place, webhook, "failurePolicy", &["Fail", "Ignore"], causes);
        enumerated(&place, webhook, "matchPolicy", &["Equivalent", "Exact"], causes);
        match text(&webhook["sideEffects"]) {
            "None" | "NoneOnDryRun" => {}
            "" => {
                let why = "must specify one of None, NoneOnDryRun";
                causes.push(Cause::required(format!("{place}.sideEffects"), why));
            }
            _ => {
                let known = ["None", "NoneOnDryRun"];
                causes.push(Cause::not_supported(format!("{place}.sideEffects"), &webhook["sideEffects"], &known));
            }
        }
        let client = &webhook["clientConfig"];
        if client["url"].is_null() == client["service"].is_null() {
            causes.push(Cause::required(format!("{place}.clientConfig"), "exactly one of url or service is required"));
        }
        if none(&webhook["admissionReviewVersions"]) {
            let why = "must specify one of v1, v1beta1";
            causes.push(Cause::required(format!("{place}.admissionReviewVersions"), why));
        }
        if webhook["timeoutSeconds"].as_i64().is_some_and(|seconds| !(1..=30).contains(&seconds)) {
            let why = "the timeout value must be between 1 and 30 seconds";
            causes.push(Cause::invalid(format!("{place}.timeoutSeconds"), &webhook["timeoutSeconds"], why));
        }
    }
}

pub(super) fn signing_request(spec: &Value, causes: &mut Vec<Cause>) {
    if none(&spec["usages"]) {
        causes.push(Cause::required("spec.usages", ""));
    }
    if text(&spec["request"]).is_empty() {
        let why = "PEM block type must be CERTIFICATE REQUEST";
        causes.push(Cause::invalid("spec.request", &json!(""), why));
    }
    let signer = text(&spec["signerName"]);
    if signer.is_empty() {
        causes.push(Cause::required("spec.signerName", ""));
    } else if !signer.split_once('/').is_some_and(|(domain, _)| is_subdomain(domain) && domain.contains('.')) {
        let why = "must be a fully qualified domain and path of the form 'example.com/signer-name'";
        causes.push(Cause::invalid("spec.signerName", &spec["signerName"], why));
    }
    if spec["expirationSeconds"].as_i64().is_some_and(|seconds| seconds < 600) {
        let why = "may not specify a duration less than 600 seconds (10 minutes)";
        causes.push(Cause::invalid("spec.expirationSeconds", &spec["expirationSeconds"], why));
    }
}

pub(super) fn admission_policy(spec: &Value, causes: &mut Vec<Cause>) {
    if spec["matchConstraints"].is_null() {
        causes.push(Cause::required("spec.matchConstraints", ""));
    } else if none(&spec["matchConstraints"]["resourceRules"]) {
        causes.push(Cause::required("spec.matchConstraints.resourceRules", ""));
    }
    if none(&spec["validations"]) && none(&spec["auditAnnotations"]) {
        let why = "validations or auditAnnotations must contain at least one item";
        causes.push(Cause::required("spec.validations", why));
        causes.push(Cause::required("spec.auditAnnotations", why));
    }
    for (index, validation) in list(&spec["validations"]) {
        if text(&validation["expression"]).trim().is_empty() {
            causes.push(Cause::required(format!("spec.validations[{index}].expression"), "expression is not specified"));
        }
    }
}

pub(super) fn admission_binding(spec: &Value, causes: &mut Vec<Cause>) {
    if text(&spec["policyName"]).is_empty() {
        causes.push(Cause::required("spec.policyName", ""));
    }
    if none(&spec["validationActions"]) {
        causes.push(Cause::required("spec.validationActions", "at least one validation action is required"));
    }
}

pub(super) fn flow_schema(spec: &Value, causes: &mut Vec<Cause>) {
    if text(&spec["priorityLevelConfiguration"]["name"]).is_empty() {
        causes.push(Cause::required("spec.priorityLevelConfiguration.name", "must reference a priority level"));
    }
    if spec["matchingPrecedence"].as_i64().is_some_and(|number| !(1..=10_000).contains(&number)) {
        let why = if spec["matchingPrecedence"].as_i64().is_some_and(|number| number <= 0) {
            "must be a positive value"
        } else {
            "must not be greater than 10000"
        };
        causes.push(Cause::invalid("spec.matchingPrecedence", &spec["matchingPrecedence"], why));
    }
}

pub(super) fn priority_level(spec: &Value, causes: &mut Vec<Cause>) {
    match (text(&spec["type"]), spec["limited"].is_object()) {
        ("Limited", false) => causes.push(Cause::required("spec.limited", "must not be empty when type is Limited")),
        ("Exempt", true) => causes.push(Cause::forbidden("spec.limited", "must be nil if the type is not Limited")),
        ("Limited", true) => match text(&spec["limited"]["limitResponse"]["type"]) {
            "Reject" | "Queue" => {}
            _ => {
                let at = "spec.limited.limitResponse.type";
                let found = json!(text(&spec["limited"]["limitResponse"]["type"]));
                causes.push(Cause::not_supported(at, &found, &["Queue", "Reject"]));
            }
        },
        ("Exempt", false) => {}
        (other, _) => causes.push(Cause::not_supported("spec.type", &json!(other), &["Exempt", "Limited"])),
    }
}
