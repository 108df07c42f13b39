//! Defaults of what makes pods, and of what scales it.

use serde_json::{Map, Value, json};

use super::pods::{pod_spec, template};
use super::{default, each, section};

pub(super) fn deployment(object: &mut Value) {
    let spec = &mut object["spec"];
    if !spec.is_object() {
        return;
    }
    default(spec, "replicas", 1);
    default(spec, "revisionHistoryLimit", 10);
    default(spec, "progressDeadlineSeconds", 600);
    default(spec, "strategy", json!({}));
    default(&mut spec["strategy"], "type", "RollingUpdate");
    if spec["strategy"]["type"] == "RollingUpdate" {
        default(&mut spec["strategy"], "rollingUpdate", json!({}));
        default(&mut spec["strategy"]["rollingUpdate"], "maxUnavailable", "25%");
        default(&mut spec["strategy"]["rollingUpdate"], "maxSurge", "25%");
    }
    template(spec);
}

pub(super) fn replica_set(object: &mut Value) {
    let spec = &mut object["spec"];
    if spec.is_object() {
        default(spec, "replicas", 1);
        template(spec);
    }
}

/// A selector and labels out of the template's labels.
pub(super) fn replication_controller(object: &mut Value) {
    let labels = object["spec"]["template"]["metadata"]["labels"].clone();
    let spec = &mut object["spec"];
    if !spec.is_object() {
        return;
    }
    default(spec, "replicas", 1);
    if spec["selector"].as_object().is_none_or(Map::is_empty) {
        default(spec, "selector", labels.clone());
    }
    template(spec);
    label_like(object, &labels);
}

/// Gives an object without labels those of its template.
fn label_like(object: &mut Value, labels: &Value) {
    if labels.is_object() && object["metadata"].is_object() && object["metadata"]["labels"].as_object().is_none_or(Map::is_empty)
    {
        object["metadata"]["labels"] = labels.clone();
    }
}

pub(super) fn stateful_set(object: &mut Value) {
    let spec = &mut object["spec"];
    if !spec.is_object() {
        return;
    }
    default(spec, "podManagementPolicy", "OrderedReady");
    if spec["updateStrategy"]["type"].as_str().is_none_or(str::is_empty) {
        default(spec, "updateStrategy", json!({}));
        default(&mut spec["updateStrategy"], "type", "RollingUpdate");
        default(&mut spec["updateStrategy"], "rollingUpdate", json!({}));
    }
    if spec["updateStrategy"]["type"] == "RollingUpdate" && spec["updateStrategy"]["rollingUpdate"].is_object() {
        default(&mut spec["updateStrategy"]["rollingUpdate"], "partition", 0);
    }
    default(spec, "persistentVolumeClaimRetentionPolicy", json!({}));
    for field in ["whenDeleted", "whenScaled"] {
        default(&mut spec["persistentVolumeClaimRetentionPolicy"], field, "Retain");
    }
    default(spec, "replicas", 1);
    default(spec, "revisionHistoryLimit", 10);
    template(spec);
    for claim in each(spec, "volumeClaimTemplates").filter(|claim| claim.is_object()) {
        default(claim, "apiVersion", "v1");
        default(claim, "kind", "PersistentVolumeClaim");
        default(claim, "metadata", json!({}));
        super::storage::claim(claim);
        default(claim, "status", json!({}));
        default(&mut claim["status"], "phase", "Pending");
    }
}

pub(super) fn daemon_set(object: &mut Value) {
    let spec = &mut object["spec"];
    if !spec.is_object() {
        return;
    }
    default(spec, "updateStrategy", json!({}));
    default(&mut spec["updateStrategy"], "type", "RollingUpdate");
    if spec["updateStrategy"]["type"] == "RollingUpdate" {
        default(&mut spec["updateStrategy"], "rollingUpdate", json!({}));
        default(&mut spec["updateStrategy"]["rollingUpdate"], "maxUnavailable", 1);
        default(&mut spec["updateStrategy"]["rollingUpdate"], "maxSurge", 0);
    }
    default(spec, "revisionHistoryLimit", 10);
    template(spec);
}

/// The labels by which a Job knows its pods, and the selector of them, unless it says itself how it selects.
pub(super) fn select_by_uid(job: &mut Value) {
    if job["spec"]["manualSelector"] == true || !job["spec"]["template"].is_object() {
        return;
    }
    let (name, uid) = (job["metadata"]["name"].clone(), job["metadata"]["uid"].clone());
    let template = &mut job["spec"]["template"];
    default(template, "metadata", json!({}));
    let labels = section(&mut template["metadata"], "labels");
    for (label, value) in [
        ("job-name", &name),
        ("batch.kubernetes.io/job-name", &name),
        ("controller-uid", &uid),
        ("batch.kubernetes.io/controller-uid", &uid),
    ] {
        labels.insert(label.into(), value.clone());
    }
    section(&mut job["spec"], "selector");
    section(&mut job["spec"]["selector"], "matchLabels").insert("batch.kubernetes.io/controller-uid".into(), uid);
}

pub(super) fn job(object: &mut Value) {
    let labels = object["spec"]["template"]["metadata"]["labels"].clone();
    label_like(object, &labels);
    let spec = &mut object["spec"];
    if !spec.is_object() {
        return;
    }
    if spec["completions"].is_null() && spec["parallelism"].is_null() {
        default(spec, "completions", 1);
    }
    default(spec, "parallelism", 1);
    let retries = if spec["backoffLimitPerIndex"].is_null() { 6 } else { i32::MAX };
    default(spec, "backoffLimit", retries);
    default(spec, "completionMode", "NonIndexed");
    default(spec, "suspend", false);
    let replacement = if spec["podFailurePolicy"].is_null() { "TerminatingOrFailed" } else { "Failed" };
    default(spec, "podReplacementPolicy", replacement);
    default(spec, "manualSelector", false);
    template(spec);
}

pub(super) fn cron_job(object: &mut Value) {
    let spec = &mut object["spec"];
    if !spec.is_object() {
        return;
    }
    default(spec, "concurrencyPolicy", "Allow");
    default(spec, "suspend", false);
    default(spec, "successfulJobsHistoryLimit", 3);
    default(spec, "failedJobsHistoryLimit", 1);
    if spec["jobTemplate"]["spec"].is_object() {
        default(&mut spec["jobTemplate"], "metadata", json!({}));
        template(&mut spec["jobTemplate"]["spec"]);
    }
}

pub(super) fn pod_template(object: &mut Value) {
    if object["template"]["spec"].is_object() {
        default(&mut object["template"], "metadata", json!({}));
        pod_spec(&mut object["template"]["spec"], false);
    }
}

pub(super) fn autoscaler(object: &mut Value) {
    let spec = &mut object["spec"];
    if !spec.is_object() {
        return;
    }
    default(spec, "minReplicas", 1);
    if spec["metrics"].as_array().is_none_or(Vec::is_empty) {
        let target = json!({"type": "Utilization", "averageUtilization": 80});
        spec["metrics"] = json!([{"type": "Resource", "resource": {"name": "cpu", "target": target}}]);
    }
    if spec["behavior"].is_object() {
        let up =
            json!([{"type": "Pods", "value": 4, "periodSeconds": 15}, {"type": "Percent", "value": 100, "periodSeconds": 15}]);
        let down = json!([{"type": "Percent", "value": 100, "periodSeconds": 15}]);
        for (direction, policies) in [("scaleUp", up), ("scaleDown", down)] {
            default(&mut spec["behavior"], direction, json!({}));
            if direction == "scaleUp" {
                default(&mut spec["behavior"][direction], "stabilizationWindowSeconds", 0);
            }
            default(&mut spec["behavior"][direction], "selectPolicy", "Max");
            default(&mut spec["behavior"][direction], "policies", policies);
        }
    }
}
