//! The subresource `scale` of Deployments and ReplicaSets (`registry/apps/deployment/storage`): an `autoscaling/v1` Scale.

use serde_json::{Value, json};

use super::error::{Cause, Error};
use super::kinds::Kind;
use super::{cells, custom};

/// The Scale of an object.
pub fn of(kind: &Kind, object: &Value) -> Value {
    let mut metadata = json!({});
    for field in ["name", "namespace", "uid", "resourceVersion", "creationTimestamp"] {
        metadata[field] = object["metadata"][field].clone();
    }
    let mut scale = json!({"kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": metadata, "spec": {}});
    let (wanted, replicas, selector) = match kind.custom.as_ref().and_then(|version| version.scale.as_ref()) {
        Some(paths) => {
            let at = |path: &str| custom::field_at(object, path);
            let selector = paths.selector.as_deref().map_or("", |path| at(path).as_str().unwrap_or(""));
            (at(&paths.spec), at(&paths.status), Value::from(selector))
        }
        None => (&object["spec"]["replicas"], &object["status"]["replicas"], cells::selector(&object["spec"]["selector"]).into()),
    };
    if wanted.as_i64().unwrap_or(0) != 0 {
        scale["spec"]["replicas"] = wanted.clone();
    }
    scale["status"] = json!({ "replicas": replicas.as_i64().unwrap_or(0) });
    if kind.custom.is_none() || selector != "" {
        scale["status"]["selector"] = selector;
    }
    scale
}

/// The object with the replicas of a Scale.
pub fn with_replicas(kind: &Kind, object: &Value, scale: &Value) -> Result<Value, Error> {
    let replicas = scale["spec"]["replicas"].as_i64().unwrap_or(0);
    if replicas < 0 {
        let name = object["metadata"]["name"].as_str().unwrap_or("");
        let cause = Cause::invalid("spec.replicas", &replicas.into(), "must be greater than or equal to 0");
        return Err(Error::invalid_named("autoscaling", "Scale", name, &[cause]));
    }
    let mut new = object.clone();
    match kind.custom.as_ref().and_then(|version| version.scale.as_ref()) {
        Some(paths) => *custom::field_made_at(&mut new, &paths.spec) = replicas.into(),
        None => new["spec"]["replicas"] = replicas.into(),
    }
    let version = &scale["metadata"]["resourceVersion"];
    if version.as_str().is_some_and(|version| !version.is_empty() && *version != object["metadata"]["resourceVersion"]) {
        return Err(Error::conflict(kind, object["metadata"]["name"].as_str().unwrap_or("")));
    }
    Ok(new)
}

/// What applying a Scale says about the object that it scales.
pub fn as_config(kind: &Kind, object: &Value, config: &Value) -> Result<Value, Error> {
    if config["apiVersion"] != "autoscaling/v1" {
        let version = config["apiVersion"].as_str().unwrap_or("");
        return Err(Error::bad_request(format!(
            "Incorrect version specified in apply patch. Specified patch version: {version}, expected: autoscaling/v1"
        )));
    }
    let mut metadata = json!({"name": object["metadata"]["name"]});
    if kind.namespaced {
        metadata["namespace"] = object["metadata"]["namespace"].clone();
    }
    for field in ["resourceVersion", "uid"] {
        if !config["metadata"][field].is_null() {
            metadata[field] = config["metadata"][field].clone();
        }
    }
    let mut out = json!({"kind": kind.kind, "apiVersion": kind.api_version(), "metadata": metadata});
    if let Some(replicas) = config["spec"].get("replicas") {
        if replicas.as_i64().is_none_or(|replicas| replicas < 0) {
            let cause = Cause::invalid("spec.replicas", replicas, "must be greater than or equal to 0");
            let name = object["metadata"]["name"].as_str().unwrap_or("");
            return Err(Error::invalid_named("autoscaling", "Scale", name, &[cause]));
        }
        out["spec"] = json!({"replicas": replicas});
    }
    Ok(out)
}
