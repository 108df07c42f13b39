//! `kubectl rollout` and `kubectl wait`. Time does not pass while a command runs: what is not so when it is asked about is answered as
//! kubectl answers at the end of its patience.

use http::Method;
use serde_json::{Value, json};

use super::{Failure, Output, Session, qualified};
use crate::kernel::clock::rfc3339_seconds;
use crate::kube::kinds::Kind;

impl Session<'_> {
    pub(super) fn rollout(&self) -> Result<Output, Failure> {
        let Some((what, named)) = self.args.words.split_first() else {
            return Err(Output::failed("error: azlet's run command has of \"kubectl rollout\" only status and restart"));
        };
        let (kind, names) = self.objects(named)?.swap_remove(0);
        if kind.kind != "Deployment" {
            return Err(Output::failed(format!("error: no status viewer has been implemented for {}", kind.kind)));
        }
        let mut output = Output::default();
        for name in names {
            output.then(match what.as_str() {
                "status" => self.rollout_status(kind, &name)?,
                "restart" => self.rollout_restart(kind, &name)?,
                other => {
                    let text = format!("error: azlet's run command has no \"kubectl rollout {other}\", only status and restart");
                    return Err(Output::failed(text));
                }
            });
        }
        Ok(output)
    }

    fn rollout_status(&self, kind: &Kind, name: &str) -> Result<Output, Failure> {
        let object = self.read(kind, self.namespace(), name)?;
        let number = |path: &str| object.pointer(path).and_then(Value::as_i64).unwrap_or_default();
        let wanted = object.pointer("/spec/replicas").and_then(Value::as_i64).unwrap_or(1);
        let (updated, replicas) = (number("/status/updatedReplicas"), number("/status/replicas"));
        let available = number("/status/availableReplicas");
        let waiting = if number("/status/observedGeneration") < number("/metadata/generation") {
            "Waiting for deployment spec update to be observed...".to_owned()
        } else if updated < wanted {
            format!(
                "Waiting for deployment \"{name}\" rollout to finish: {updated} out of {wanted} new replicas have been updated..."
            )
        } else if replicas > updated {
            let old = replicas - updated;
            format!("Waiting for deployment \"{name}\" rollout to finish: {old} old replicas are pending termination...")
        } else if available < updated {
            format!(
                "Waiting for deployment \"{name}\" rollout to finish: {available} of {updated} updated replicas are available..."
            )
        } else {
            return Ok(Output::ok(format!("deployment \"{name}\" successfully rolled out")));
        };
        Ok(Output::failed(format!("{waiting}\nerror: timed out waiting for the condition")))
    }

    fn rollout_restart(&self, kind: &Kind, name: &str) -> Result<Output, Failure> {
        let at = rfc3339_seconds(self.client.world.clock.now());
        let patch =
            json!({ "spec": { "template": { "metadata": { "annotations": { "kubectl.kubernetes.io/restartedAt": at } } } } });
        let path = self.path(kind, Some(self.namespace()), name);
        self.good(self.client.send(Method::PATCH, &path, "application/strategic-merge-patch+json", &patch))?;
        Ok(Output::ok(format!("{} restarted", qualified(kind, name))))
    }

    /// `kubectl wait --for=condition=Ready pod/x`, `--for=delete`.
    pub(super) fn wait(&self) -> Result<Output, Failure> {
        let wanted = self.args.value("for").unwrap_or_default();
        let mut output = Output::default();
        for (kind, names) in self.objects(&self.args.words)? {
            for name in names {
                let reply = self.client.get(&self.path(kind, Some(self.namespace()), &name), "application/json");
                let met = match wanted.split_once('=') {
                    None if wanted == "delete" => reply.status == 404,
                    Some(("condition", condition)) => is_true(&self.good(reply)?, condition),
                    _ => return Err(Output::failed(format!("error: unrecognized condition: \"{wanted}\""))),
                };
                output.then(if met {
                    Output::ok(format!("{} condition met", qualified(kind, &name)))
                } else {
                    Output::failed(format!("error: timed out waiting for the condition on {}/{name}", kind.plural))
                });
            }
        }
        Ok(output)
    }
}

fn is_true(object: &Value, condition: &str) -> bool {
    let (name, status) = condition.split_once('=').unwrap_or((condition, "True"));
    object["status"]["conditions"].as_array().into_iter().flatten().any(|each| {
        each["type"].as_str().is_some_and(|kind| kind.eq_ignore_ascii_case(name))
            && each["status"].as_str().is_some_and(|is| is.eq_ignore_ascii_case(status))
    })
}
