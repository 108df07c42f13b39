//! Who writes and how: the options of creates, updates and patches, and server-side apply
//! (`apimachinery/pkg/apis/meta/v1/validation`, `apiserver/pkg/endpoints/handlers/patch.go`).

use axum::response::Response;
use http::{StatusCode, header};
use serde_json::{Value, json};

use super::Asked;
use crate::kube::apply::{Config, Writer};
use crate::kube::body::{self, FieldValidation, media_type};
use crate::kube::convert;
use crate::kube::error::{Cause, Error};
use crate::kube::objects::Write;
use crate::kube::rbac::escalation;
use crate::kube::scale;

/// How long a manager's name may be.
const LONGEST_MANAGER: usize = 128;

fn manager_fault(manager: &str) -> Option<Cause> {
    let cause = if manager.len() > LONGEST_MANAGER {
        let message = format!("Too long: may not be more than {LONGEST_MANAGER} bytes");
        Cause { field: "fieldManager".into(), reason: "FieldValueTooLong", message }
    } else if manager.chars().any(char::is_control) {
        Cause::invalid("fieldManager", &manager.into(), "should only contain printable characters")
    } else {
        return None;
    };
    Some(cause)
}

impl Asked<'_> {
    /// Checks the options of a write, which are an object of their own.
    pub(super) fn check_options(&self, verb: &str) -> Result<(), Error> {
        let options = match verb {
            "create" => "CreateOptions",
            "update" => "UpdateOptions",
            "patch" => "PatchOptions",
            _ => return Ok(()),
        };
        let mut causes = Vec::new();
        if verb == "patch" {
            let applies = media_type(self.content_type()) == "application/apply-patch+yaml";
            if applies && self.query.get("fieldManager").is_none() {
                causes.push(Cause::required("fieldManager", "is required for apply patch"));
            }
            if !applies && self.query.get("force").is_some() {
                causes.push(Cause::forbidden("force", "may not be specified for non-apply patch"));
            }
        }
        causes.extend(self.query.get("fieldManager").and_then(manager_fault));
        if let Some(stage) = self.query.get("dryRun").filter(|stage| *stage != "All") {
            causes.push(Cause::not_supported("dryRun", &json!([stage]), &["All"]));
        }
        if let Some(wanted) = self.query.get("fieldValidation")
            && !matches!(wanted, "Ignore" | "Strict" | "Warn")
        {
            causes.push(Cause::not_supported("fieldValidation", &wanted.into(), &["Ignore", "Strict", "Warn"]));
        }
        if causes.is_empty() { Ok(()) } else { Err(Error::invalid_named("meta.k8s.io", options, "", &causes)) }
    }

    /// Who writes: `fieldManager`, or the client's own name up to the slash.
    pub(super) fn manager(&self) -> String {
        if let Some(manager) = self.query.get("fieldManager") {
            return manager.to_owned();
        }
        let agent = self.headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or("");
        let name: String = agent.split('/').next().unwrap_or("").chars().filter(|letter| !letter.is_control()).collect();
        if name.is_empty() { "unknown".into() } else { name.chars().take(LONGEST_MANAGER).collect() }
    }

    pub(super) fn write<'a>(&'a self, manager: &'a str) -> Result<Write<'a>, Error> {
        let subresource = self.target.subresource.as_deref().unwrap_or("");
        Ok(Write { writer: Writer { manager, subresource }, dry_run: self.query.dry_run()? })
    }

    /// Server-side apply: a configuration and who applies it.
    pub(super) fn apply(&self, subresource: Option<&str>, manager: &str) -> Result<Response, Error> {
        let force = self.query.flag("force");
        let undecoded = |why: String| Error::bad_request(format!("error decoding YAML: {why}"));
        let mut config = body::yaml_document(self.content).map_err(undecoded)?;
        let what = match &config {
            Value::Object(_) => None,
            Value::Array(_) => Some("array"),
            Value::String(_) => Some("string"),
            Value::Number(_) => Some("number"),
            Value::Bool(_) => Some("bool"),
            Value::Null => Some("null"),
        };
        if let Some(what) = what {
            let why = format!("json: cannot unmarshal {what} into Go value of type map[string]interface {{}}");
            return Err(undecoded(why));
        }
        let (kind, write) = (self.kind(), self.write(manager)?);
        let validation = FieldValidation::of(self.query)?;
        let (world, cluster) = (&self.context.world, &self.context.cluster);
        if subresource == Some("scale") {
            let scaled = self.existing()?;
            config = scale::as_config(kind, &scaled, &config)?;
        }
        let kept = kind.kept_as();
        if config["apiVersion"] == kind.api_version() {
            config = convert::kept(kind, config);
        }
        let config = Config { object: &config, writer: write.writer, force };
        let mut warnings = Vec::new();
        let part = Self::part(subresource);
        let place = (self.namespace(), self.name());
        let before = cluster.get(kept, self.namespace(), self.name());
        let (stored, made) = cluster.apply(world, kept, place, (&config, part, write.dry_run), |object| {
            let mut new = body::take_object(kept, object, validation, &mut warnings)?;
            self.check_place(&mut new)?;
            escalation::check(cluster, &self.context.user, kept, before.as_deref(), &new)?;
            Ok(new)
        })?;
        self.settle();
        let status = if made { StatusCode::CREATED } else { StatusCode::OK };
        if subresource == Some("scale") {
            return Ok(self.answer(status, &scale::of(kind, &stored), &[]));
        }
        Ok(self.answer(status, &stored, &warnings))
    }
}
