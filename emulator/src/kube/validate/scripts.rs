//! What the annotation of simulated containers may say.

use serde_json::Value;

use super::{list, text};
use crate::kernel::container_script;
use crate::kube::error::Cause;
use crate::kube::kubelet::ANNOTATION;

/// azlet's own annotation of pods and pod templates, which tells what simulated containers do (docs/CONTAINERS.md): a mistake in it is
/// told at once, as Kubernetes does for annotations that it knows.
pub(super) fn check(object: &Value, causes: &mut Vec<Cause>) {
    for (place, pod) in [
        ("", object),
        ("spec.template.", &object["spec"]["template"]),
        ("spec.jobTemplate.spec.template.", &object["spec"]["jobTemplate"]["spec"]["template"]),
    ] {
        let (value, spec) = (&pod["metadata"]["annotations"][ANNOTATION], &pod["spec"]);
        let Some(written) = value.as_str().filter(|_| spec["containers"].is_array()) else { continue };
        let field = format!("{place}metadata.annotations[{ANNOTATION}]");
        match container_script::read_pod(written) {
            Err(fault) => causes.push(Cause::invalid(field, value, &fault.to_string())),
            Ok(scripts) => {
                let lists = ["initContainers", "containers", "ephemeralContainers"];
                let names: Vec<&str> =
                    lists.iter().flat_map(|names| list(&spec[*names])).map(|(_, item)| text(&item["name"])).collect();
                let unknown = scripts.iter().find(|(name, _)| name != "*" && !names.contains(&name.as_str()));
                if let Some((name, _)) = unknown {
                    let why = format!("names the container \"{name}\"; the pod has: {}", names.join(", "));
                    causes.push(Cause::invalid(field, value, &why));
                }
            }
        }
    }
}
