//! Deletion of one object or of many, with its options (`apiserver/pkg/endpoints/handlers/delete.go`).

use axum::response::Response;
use http::StatusCode;
use serde_json::{Value, json};

use super::{Asked, body};
use crate::kube::deletion::{DeleteOptions, Deletion, Propagation};
use crate::kube::error::{Cause, Error};
use crate::kube::http::json as answer;
use crate::kube::kinds::Kind;
use crate::kube::objects::place;
use crate::kube::types;

impl Asked<'_> {
    pub(super) fn delete_options(&self) -> Result<DeleteOptions, Error> {
        let mut value = json!({});
        if !self.content.is_empty() {
            let read = body::read_value(self.content_type(), self.content, "DeleteOptions")?;
            let mut findings = types::Findings::default();
            value = types::conform("DeleteOptions", read, &mut findings)
                .map_err(|why| Error::bad_request(format!("DeleteOptions cannot be read: {why}")))?;
        }
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let policy = self.query.get("propagationPolicy").map(str::to_owned).or_else(|| text(&value["propagationPolicy"]));
        let orphan = self.query.get("orphanDependents").map(|_| self.query.flag("orphanDependents"));
        let propagation = propagation(policy.as_deref(), orphan.or_else(|| value["orphanDependents"].as_bool()))?;
        let in_body = value["dryRun"].as_array().is_some_and(|list| list.iter().any(|stage| stage == "All"));
        Ok(DeleteOptions {
            grace_period_seconds: self.query.number("gracePeriodSeconds")?.or_else(|| value["gracePeriodSeconds"].as_i64()),
            propagation,
            uid: text(&value["preconditions"]["uid"]),
            resource_version: text(&value["preconditions"]["resourceVersion"]),
            dry_run: self.query.dry_run()? || in_body,
        })
    }

    pub(super) fn delete(&self) -> Result<Response, Error> {
        let options = self.delete_options()?;
        let (world, cluster) = (&self.context.world, &self.context.cluster);
        let deletion = cluster.delete(world, self.kind(), self.namespace(), self.name(), &options)?;
        self.settle();
        Ok(match deletion {
            Deletion::Pending(object) => self.answer(StatusCode::OK, &object, &[]),
            Deletion::Removed(object) if returns_deleted(self.kind()) => self.answer(StatusCode::OK, &object, &[]),
            Deletion::Removed(object) => answer(StatusCode::OK, &success(self.kind(), &object)),
        })
    }

    pub(super) fn delete_collection(&self) -> Result<Response, Error> {
        let options = self.delete_options()?;
        let selector = self.selector()?;
        let (world, cluster) = (&self.context.world, &self.context.cluster);
        let (all, version) = cluster.list(self.kind(), self.target.namespace.as_deref());
        let mut gone = Vec::new();
        for object in all.iter().filter(|object| selector.matches(object)) {
            let (namespace, name) = place(object);
            if let Ok(Deletion::Removed(object) | Deletion::Pending(object)) =
                cluster.delete(world, self.kind(), &namespace, &name, &options)
            {
                gone.push(object);
            }
        }
        self.settle();
        Ok(answer(StatusCode::OK, &self.shown_list(json!({"resourceVersion": version.to_string()}), &gone)))
    }
}

/// What becomes of dependents, by the policy or by the older switch; both together make no sense.
fn propagation(policy: Option<&str>, orphan: Option<bool>) -> Result<Propagation, Error> {
    const POLICIES: &[&str] = &["Foreground", "Background", "Orphan", "nil"];
    let mut causes = Vec::new();
    if let Some(policy) = policy {
        if orphan.is_some() {
            let why = "orphanDependents and deletionPropagation cannot be both set";
            causes.push(Cause::invalid("propagationPolicy", &policy.into(), why));
        }
        if !matches!(policy, "Foreground" | "Background" | "Orphan") {
            causes.push(Cause::not_supported("propagationPolicy", &policy.into(), POLICIES));
        }
    }
    if !causes.is_empty() {
        return Err(Error::invalid_named("meta.k8s.io", "DeleteOptions", "", &causes));
    }
    Ok(match (policy, orphan) {
        (Some("Foreground"), _) => Propagation::Foreground,
        (Some("Orphan"), _) | (None, Some(true)) => Propagation::Orphan,
        _ => Propagation::Background,
    })
}

/// Kinds whose last state is the answer to their deletion.
fn returns_deleted(kind: &Kind) -> bool {
    kind.custom.is_none() && matches!(kind.kind.as_str(), "Pod" | "Service" | "ServiceAccount" | "Namespace")
}

fn success(kind: &Kind, object: &Value) -> Value {
    let mut details = json!({"name": object["metadata"]["name"]});
    if !kind.group.is_empty() {
        details["group"] = kind.group.clone().into();
    }
    details["kind"] = kind.plural.clone().into();
    details["uid"] = object["metadata"]["uid"].clone();
    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details})
}
