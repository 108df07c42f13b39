//! Importing an image by POST.
//! Source: the provider's specification and Azure Container Registry documentation ("Import container images"). Recorded: 202 with
//! the body `null`; failures of the import itself are told by the poll. What has to come over a network comes while the client polls.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::super::super::Request;
use super::super::super::error::{Error, Voice};
use super::super::super::headers::Answer;
use super::child::{Change, results_url};
use super::{bad, operation_name};
use crate::acr::import::{self, Import, ImportFailure, ImportRegistry, ImportSource, Plan};
use crate::acr::pull::BasicCredential;
use crate::acr::upstream;
use crate::kernel::resource_id::ResourceId;

/// Failures of the import itself are told by the poll, not here.
pub(super) fn import_image(request: &Request<'_>) -> Result<Answer, Error> {
    let Change { parent: resource, registry, .. } = Change::of(request)?;
    let source = source(request, resource.name())?;
    let texts = |key: &str| -> Result<Vec<String>, Error> {
        let text = |text: &Value| text.as_str().map(str::to_owned).ok_or_else(|| invalid(resource.name(), key, text));
        match &request.body[key] {
            Value::Null => Ok(Vec::new()),
            Value::Array(list) => list.iter().map(text).collect(),
            other => Err(invalid(resource.name(), key, other)),
        }
    };
    let force = match request.body["mode"].as_str() {
        None => false,
        Some(mode) if mode.eq_ignore_ascii_case("NoForce") => false,
        Some(mode) if mode.eq_ignore_ascii_case("Force") => true,
        Some(mode) => {
            return Err(bad("InvalidRequestBody", format!("The mode '{mode}' is invalid. Allowed values are 'NoForce, Force'.")));
        }
    };
    let name = operation_name(request);
    let import = Import { source, target_tags: texts("targetTags")?, untagged: texts("untaggedTargetRepositories")?, force };
    let planned = import::plan(request.world, &request.caller, &registry, &import);
    match planned.map(|plan| import::run_here(request.world, plan)) {
        Ok(Err(plan)) => fetch(request, name.clone(), &resource.id, *plan),
        Ok(Ok(done)) => drop(request.begin(name.clone(), &resource.id, "Accepted", ended(&name, done))),
        Err(failure) => drop(request.begin(name.clone(), &resource.id, "Accepted", ended(&name, Err(failure)))),
    }
    let location = resource.location.as_deref().unwrap_or_default().to_uppercase();
    let url = results_url(request, &resource.id, Some(&location), &name);
    Ok(Answer::json(Voice::Registry, StatusCode::ACCEPTED, Value::Null).header("location", url))
}

type Ended = Result<Option<Value>, (String, String)>;

fn ended(name: &str, done: Result<(), ImportFailure>) -> Ended {
    match done {
        Ok(()) => Ok(Some(json!({ "status": "Succeeded" }))),
        Err(failure) => Err((failure.code.to_owned(), failure.message(name))),
    }
}

/// Lets an image come over the network while the client polls.
fn fetch(request: &Request<'_>, name: String, registry: &ResourceId, plan: Plan) {
    request.begin_open(name.clone(), registry, "Accepted", Some(json!({ "status": "Succeeded" })));
    let world = request.world.clone();
    tokio::spawn(async move {
        let done = import::run(&world, plan).await;
        let (ends_as, error) = match ended(&name, done) {
            Ok(_) => ("Succeeded", None),
            Err(error) => ("Failed", Some(error)),
        };
        world.arm.stop_operation(&name, world.clock.now(), ends_as, error);
    });
}

fn source(request: &Request<'_>, registry: &str) -> Result<ImportSource, Error> {
    let source = &request.body["source"];
    let text = |key: &str| source[key].as_str().filter(|text| !text.is_empty());
    let image = text("sourceImage").ok_or_else(|| bad("InvalidRequestBody", "The source needs the member 'sourceImage'."))?;
    let from = match (text("resourceId"), text("registryUri")) {
        (Some(id), _) => ImportRegistry::Resource(ResourceId::new(id)),
        (None, Some(uri)) => {
            let host = uri.trim_start_matches("https://").trim_end_matches('/');
            // A port belongs to a name only if an image was loaded, or may be fetched, by just that name.
            let acr = &request.world.acr;
            let known =
                upstream::canonical(host).contains(':') && (acr.allows_upstream(host) || acr.public_registry(host).is_some());
            if host.contains('/') || (host.contains(':') && !known) {
                return Err(invalid(registry, "Source.RegistryUri", &json!(uri)));
            }
            let given = &source["credentials"];
            let credentials = given["password"].as_str().map(|password| BasicCredential {
                username: given["username"].as_str().unwrap_or_default().to_owned(),
                password: password.to_owned(),
            });
            ImportRegistry::Uri { host: host.to_lowercase(), credentials }
        }
        (None, None) => {
            return Err(bad("InvalidRequestBody", "The source needs one of the members 'resourceId' and 'registryUri'."));
        }
    };
    Ok(ImportSource { registry: from, image: image.to_owned() })
}

/// A value that is not what it must be, in the words that are reported for `registryUri`.
fn invalid(registry: &str, property: &str, value: &Value) -> Error {
    let shown = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let message = format!(
        "Invalid value {shown} for property parameters.{property} for resource name {registry}. Kindly refer to docs for expected \
         value: https://docs.microsoft.com/en-us/rest/api/containerregistry/registries/importimage"
    );
    bad("InvalidParameters", message)
}
