//! What the verbs do: get, list, watch, create, update, patch, delete, deletecollection, and the subresources `status`, `scale`,
//! `eviction` and `finalize`. Synchronous functions over values; every change ends with the controllers' turn.

use std::sync::Arc;

use axum::response::Response;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::{Value, json};

use super::apply::wire;
use super::body::{self, FieldValidation, media_type};
use super::convert;
use super::error::{Cause, Error};
use super::http::{Context, json as answer};
use super::kinds::{self, Kind};
use super::objects::{Part, Write, place};
use super::patch::{self, PatchType};
use super::rbac::{self, escalation};
use super::request::{Form, Query, Target, negotiate};
use super::table::{self, IncludeObject};
use super::{controllers, custom, eviction, reviews, scale, token_request, versions, watch};

mod deletes;
mod lists;
mod writes;

/// A request to a target, its body read.
struct Asked<'a> {
    context: &'a Context,
    target: &'a Target,
    query: &'a Query,
    headers: &'a HeaderMap,
    content: &'a [u8],
    form: Form,
}

/// Does what is asked.
pub(super) fn act(
    context: &Context,
    target: &Target,
    verb: &str,
    query: &Query,
    headers: &HeaderMap,
    content: &[u8],
) -> Result<Response, Error> {
    let asked = Asked { context, target, query, headers, content, form: negotiate(headers)? };
    asked.check_options(verb)?;
    match (verb, target.subresource.as_deref()) {
        ("list", _) => asked.list(),
        ("watch", _) => {
            let (selector, namespace) = (asked.selector()?, target.namespace.clone());
            watch::serve(&context.world, &context.cluster, target.kind, namespace, (selector, asked.form), query)
        }
        ("create", Some("eviction")) => asked.evict(),
        ("create", Some("token")) => asked.token(),
        ("get", sub) => asked.get(sub),
        ("create", None) => asked.create(),
        ("update", sub) if is_part(sub) => asked.update(sub),
        ("patch", sub) if is_part(sub) => asked.patch(sub),
        ("delete", None) => asked.delete(),
        ("deletecollection", None) => asked.delete_collection(),
        (_, Some(sub)) => Err(Error::not_implemented(&format!("{verb} of the subresource \"{sub}\""))),
        _ => Err(Error::method_not_allowed()),
    }
}

impl Asked<'_> {
    fn kind(&self) -> &'static Kind {
        self.target.kind
    }

    fn namespace(&self) -> &str {
        self.target.namespace.as_deref().unwrap_or("")
    }

    fn name(&self) -> &str {
        self.target.name.as_deref().unwrap_or("")
    }

    fn content_type(&self) -> &str {
        self.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("")
    }

    fn settle(&self) {
        controllers::settle(&self.context.world, &self.context.cluster);
    }

    /// One object in the form that the client accepts.
    fn answer(&self, status: StatusCode, object: &Value, warnings: &[String]) -> Response {
        let is_kind = object["kind"] == self.kind().kind.as_str();
        let shown = match self.form {
            Form::Table if is_kind => {
                let include = IncludeObject::parse(self.query.get("includeObject"));
                let row = table::row(self.kind(), object, include, self.context.world.clock.now());
                let metadata = json!({"resourceVersion": object["metadata"]["resourceVersion"]});
                table::table(metadata, table::column_definitions(self.kind()), vec![row])
            }
            Form::Metadata if is_kind => {
                json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": object["metadata"]})
            }
            _ if is_kind => convert::shown(self.kind(), object).into_owned(),
            _ => object.clone(),
        };
        let told = self.kind().custom.as_ref().and_then(|version| version.deprecation.clone());
        let mut response = answer(status, &shown);
        for warning in told.iter().chain(warnings) {
            let quoted = Value::from(warning.as_str()).to_string();
            if let Ok(value) = HeaderValue::from_str(&format!("299 - {quoted}")) {
                response.headers_mut().append(header::WARNING, value);
            }
        }
        response
    }

    fn existing(&self) -> Result<Arc<Value>, Error> {
        let found = self.context.cluster.get(self.kind(), self.namespace(), self.name());
        found.ok_or_else(|| Error::not_found(self.kind(), self.name()))
    }

    fn get(&self, subresource: Option<&str>) -> Result<Response, Error> {
        let version = self.query.get("resourceVersion");
        versions::check_known(self.kind(), version, self.context.cluster.version())?;
        let object = self.existing()?;
        if let Some(sub @ ("proxy" | "portforward")) = subresource {
            return Err(Error::not_implemented(&format!("the subresource \"{sub}\"")));
        }
        match subresource {
            Some("scale") => Ok(self.answer(StatusCode::OK, &scale::of(self.kind(), &object), &[])),
            _ => Ok(self.answer(StatusCode::OK, &object, &[])),
        }
    }

    /// The body as an object of the kind, in the place that the path names.
    fn object(&self, warnings: &mut Vec<String>) -> Result<Value, Error> {
        let validation = FieldValidation::of(self.query)?;
        if self.kind().custom.is_some() && media_type(self.content_type()) == "application/vnd.kubernetes.protobuf" {
            return Err(Error::unsupported_media_type(
                "the body of the request was in an unknown format - accepted media types include: application/json, application/yaml",
            ));
        }
        let value = body::read_value(self.content_type(), self.content, &self.kind().kind)?;
        let mut object = body::take_object(self.kind(), value, validation, warnings)?;
        if self.kind().index == kinds::CUSTOM_RESOURCE_DEFINITIONS.index {
            warnings.extend(custom::warnings(&object));
        }
        self.check_place(&mut object)?;
        Ok(object)
    }

    fn check_place(&self, object: &mut Value) -> Result<(), Error> {
        if !object["metadata"].is_object() {
            object["metadata"] = json!({});
        }
        let (namespace, name) = place(object);
        if !self.name().is_empty() {
            if name.is_empty() {
                object["metadata"]["name"] = self.name().into();
            } else if name != self.name() {
                let message = format!("the name of the object ({name}) does not match the name on the URL ({})", self.name());
                return Err(Error::bad_request(message));
            }
        }
        if self.kind().namespaced {
            if !namespace.is_empty() && namespace != self.namespace() {
                let message = "the namespace of the provided object does not match the namespace sent on the request";
                return Err(Error::bad_request(message));
            }
            object["metadata"]["namespace"] = self.namespace().into();
        }
        Ok(())
    }

    fn create(&self) -> Result<Response, Error> {
        let mut warnings = Vec::new();
        let mut object = self.object(&mut warnings)?;
        if self.kind().kind == "CertificateSigningRequest" {
            reviews::sign(&mut object, &self.context.user);
        }
        if !reviews::is_answered(self.kind()) {
            return Err(Error::not_implemented(&format!("the creation of a {}", self.kind().kind)));
        }
        if reviews::is_review(self.kind()) {
            let Context { world, cluster, user } = self.context;
            let review = reviews::review(world, cluster, self.kind(), object, user)?;
            return Ok(self.answer(StatusCode::CREATED, &review, &warnings));
        }
        escalation::check(&self.context.cluster, &self.context.user, self.kind(), None, &object)?;
        let manager = self.manager();
        let created = self.context.cluster.create_with(
            &self.context.world,
            self.kind().kept_as(),
            convert::kept(self.kind(), object),
            self.write(&manager)?,
        )?;
        self.settle();
        Ok(self.answer(StatusCode::CREATED, &created, &warnings))
    }

    fn part(subresource: Option<&str>) -> Part {
        match subresource {
            Some("status") => Part::Status,
            Some("ephemeralcontainers") => Part::EphemeralContainers,
            _ => Part::Main,
        }
    }

    fn update(&self, subresource: Option<&str>) -> Result<Response, Error> {
        let mut warnings = Vec::new();
        let manager = self.manager();
        let write = self.write(&manager)?;
        if subresource == Some("scale") {
            let value = body::read_value(self.content_type(), self.content, "Scale")?;
            return self.put_scale(|_| self.scale_object(value), write);
        }
        let object = self.object(&mut warnings)?;
        let (world, cluster) = (&self.context.world, &self.context.cluster);
        if rbac::concerns(self.kind()) {
            escalation::check(cluster, &self.context.user, self.kind(), Some(&*self.existing()?), &object)?;
        }
        let kept = convert::kept(self.kind(), object);
        let stored = cluster.update(world, self.kind().kept_as(), kept, Self::part(subresource), write)?;
        self.settle();
        Ok(self.answer(StatusCode::OK, &stored, &warnings))
    }

    fn scale_object(&self, value: Value) -> Result<Value, Error> {
        let validation = FieldValidation::of(self.query)?;
        body::take_typed("autoscaling", "v1", "Scale", value, validation, &mut Vec::new())
    }

    fn put_scale(&self, change: impl FnOnce(Value) -> Result<Value, Error>, write: Write<'_>) -> Result<Response, Error> {
        let (world, cluster) = (&self.context.world, &self.context.cluster);
        let place = (self.namespace(), self.name());
        let stored = cluster.patch_with(world, self.kind(), place, Part::Main, write, |object| {
            scale::with_replicas(self.kind(), object, &change(scale::of(self.kind(), object))?)
        })?;
        self.settle();
        Ok(self.answer(StatusCode::OK, &scale::of(self.kind(), &stored), &[]))
    }

    fn patch(&self, subresource: Option<&str>) -> Result<Response, Error> {
        let patch_type = PatchType::of(&media_type(self.content_type()))?;
        if patch_type == PatchType::Strategic && self.kind().custom.is_some() {
            return Err(Error::unsupported_media_type(
                "the body of the request was in an unknown format - accepted media types include: application/json-patch+json, \
                 application/merge-patch+json, application/apply-patch+yaml",
            ));
        }
        let manager = self.manager();
        if patch_type == PatchType::Apply {
            return self.apply(subresource, &manager);
        }
        let content: Value = serde_json::from_slice(self.content)
            .map_err(|_| Error::bad_request("error decoding patch: the body is no JSON document"))?;
        let write = self.write(&manager)?;
        let validation = FieldValidation::of(self.query)?;
        if subresource == Some("scale") {
            let change = |scale: Value| self.scale_object(patch::apply(patch_type, "Scale", &scale, &content)?);
            return self.put_scale(change, write);
        }
        let mut warnings = Vec::new();
        let kind = self.kind();
        let (world, cluster) = (&self.context.world, &self.context.cluster);
        let place = (self.namespace(), self.name());
        let names_managers = String::from_utf8_lossy(self.content).contains("managedFields");
        let stored = cluster.patch_with(world, kind.kept_as(), place, Self::part(subresource), write, |object| {
            let object = if names_managers { &wire::expanded(object) } else { object };
            let patched = patch::apply(patch_type, kind.type_name(), &convert::shown(kind, object), &content)?;
            let mut new = body::take_object(kind, patched, validation, &mut warnings)
                .map_err(|error| if validation == FieldValidation::Strict { strict_patch(error, &content) } else { error })?;
            self.check_place(&mut new)?;
            escalation::check(cluster, &self.context.user, kind, Some(object), &new)?;
            Ok(convert::kept(kind, new))
        })?;
        self.settle();
        Ok(self.answer(StatusCode::OK, &stored, &warnings))
    }

    /// A token of a service account.
    fn token(&self) -> Result<Response, Error> {
        let account = self.existing()?;
        let validation = FieldValidation::of(self.query)?;
        let value = body::read_value(self.content_type(), self.content, "TokenRequest")?;
        let request = body::take_typed("authentication.k8s.io", "v1", "TokenRequest", value, validation, &mut Vec::new())?;
        let made = token_request::answer(&self.context.world, &self.context.cluster, &account, &request)?;
        Ok(answer(StatusCode::CREATED, &made))
    }

    fn evict(&self) -> Result<Response, Error> {
        let validation = FieldValidation::of(self.query)?;
        let value = body::read_value(self.content_type(), self.content, "Eviction")?;
        let eviction = body::take_typed("policy", "v1", "Eviction", value, validation, &mut Vec::new())?;
        let (world, cluster, place) = (&self.context.world, &self.context.cluster, (self.namespace(), self.name()));
        eviction::evict(world, cluster, place, &eviction, self.query.dry_run()?)?;
        self.settle();
        let status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201});
        Ok(answer(StatusCode::CREATED, &status))
    }
}

/// Strict validation of a patch is told as a fault of the patch.
fn strict_patch(error: Error, patch: &Value) -> Error {
    match error.message.split_once("strict decoding error: ") {
        Some((_, what)) => {
            let cause = Cause::invalid("patch", patch, &format!("strict decoding error: {what}"));
            Error::invalid_named("", "", "", &[cause])
        }
        None => error,
    }
}

/// Whether a subresource is a part of its object that can be written.
fn is_part(subresource: Option<&str>) -> bool {
    matches!(subresource, None | Some("status" | "scale" | "finalize" | "approval" | "ephemeralcontainers" | "resize"))
}
