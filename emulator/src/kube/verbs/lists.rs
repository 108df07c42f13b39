//! Lists and their pages (`apiserver/pkg/endpoints/handlers/get.go`, `registry/generic/registry/store.go`).

use std::sync::Arc;

use axum::response::Response;
use http::StatusCode;
use serde_json::{Value, json};

use super::Asked;
use crate::kube::convert;
use crate::kube::error::Error;
use crate::kube::http::json as answer;
use crate::kube::objects::place;
use crate::kube::request::Form;
use crate::kube::selector::Selector;
use crate::kube::table::{self, IncludeObject};
use crate::kube::versions::{self, Page, State};

impl Asked<'_> {
    pub(super) fn selector(&self) -> Result<Selector, Error> {
        Selector::parse(self.kind(), self.query.get("labelSelector"), self.query.get("fieldSelector"))
    }

    pub(super) fn list(&self) -> Result<Response, Error> {
        let selector = self.selector()?;
        let (kind, cluster) = (self.kind(), &self.context.cluster);
        let namespace = self.target.namespace.as_deref();
        let Page { state, after, limit } = versions::page(kind, self.query, cluster.version())?;
        let (all, version) = match state {
            State::Now | State::NotOlderThan(_) => cluster.list(kind, namespace),
            State::At(version) => match (cluster.list_at(kind, namespace, version), &after) {
                (Some(all), _) => (all, version),
                (None, Some(after)) => return Err(Error::expired_page(versions::token(None, after))),
                (None, None) => return Err(Error::expired("The resourceVersion for the provided list is too old.")),
            },
        };
        let mut chosen: Vec<Arc<Value>> = all
            .into_iter()
            .filter(|object| after.as_ref().is_none_or(|after| place(object) > *after))
            .filter(|object| selector.matches(object))
            .collect();
        let mut metadata = json!({"resourceVersion": version.to_string()});
        if let Some(limit) = limit.filter(|limit| chosen.len() > *limit) {
            let left = chosen.len() - limit;
            chosen.truncate(limit);
            if let Some(last) = chosen.last() {
                metadata["continue"] = versions::token_behind(version, last).into();
                if selector.is_empty() {
                    metadata["remainingItemCount"] = left.into();
                }
            }
        }
        Ok(answer(StatusCode::OK, &self.shown_list(metadata, &chosen)))
    }

    pub(super) fn shown_list(&self, metadata: Value, objects: &[Arc<Value>]) -> Value {
        let kind = self.kind();
        match self.form {
            Form::Table => {
                let include = IncludeObject::parse(self.query.get("includeObject"));
                let now = self.context.world.clock.now();
                let rows = objects.iter().map(|object| table::row(kind, object, include, now)).collect();
                table::table(metadata, table::column_definitions(kind), rows)
            }
            Form::Metadata => {
                let items: Vec<Value> = objects.iter().map(|object| json!({"metadata": object["metadata"]})).collect();
                json!({"kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1", "metadata": metadata, "items": items})
            }
            Form::Plain => {
                let shown = objects.iter().map(|object| convert::shown(kind, object).into_owned());
                // Only objects that have a Go type lose the name of their kind.
                let items: Vec<Value> = if kind.custom.is_some() { shown.collect() } else { shown.map(bare).collect() };
                json!({"kind": kind.list_kind(), "apiVersion": kind.api_version(), "metadata": metadata, "items": items})
            }
        }
    }
}

/// An object as an item of a list: its list tells the kind.
fn bare(mut object: Value) -> Value {
    if let Value::Object(fields) = &mut object {
        fields.shift_remove("kind");
        fields.shift_remove("apiVersion");
    }
    object
}
