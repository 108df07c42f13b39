//! What the API server gives a new Job: a selector of its own and the labels that go with it, unless it brings its own.
//! Rule: `registry/batch/job/strategy.go` of Kubernetes 1.34.

use serde_json::{Value, json};

/// Completes a new Job.
pub fn admit(job: &mut Value) {
    let (uid, name) = (job["metadata"]["uid"].clone(), job["metadata"]["name"].clone());
    let Some(spec) = job.get_mut("spec").filter(|spec| spec["template"].is_object()) else { return };
    if spec["manualSelector"] == true {
        return;
    }
    for part in ["metadata", "labels"] {
        let of = if part == "labels" { &mut spec["template"]["metadata"] } else { &mut spec["template"] };
        if !of[part].is_object() {
            of[part] = json!({});
        }
    }
    let labels = &mut spec["template"]["metadata"]["labels"];
    for (key, value) in [("controller-uid", &uid), ("job-name", &name)] {
        labels[format!("batch.kubernetes.io/{key}")] = value.clone();
        labels[key] = value.clone();
    }
    if !spec["selector"].is_object() {
        spec["selector"] = json!({});
    }
    if !spec["selector"]["matchLabels"].is_object() {
        spec["selector"]["matchLabels"] = json!({});
    }
    spec["selector"]["matchLabels"]["batch.kubernetes.io/controller-uid"] = uid;
}
