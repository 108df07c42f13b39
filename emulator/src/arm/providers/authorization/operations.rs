//! The operations of all providers: what is listed to those who write roles, and what the actions of a custom role are held against.
//! Source: the lists of resource provider operations that Azure publishes (`fixtures/operations.txt` has the names; what is said
//! about each is azlet's own), the Authorization API's specification, messages that users have reported.

use std::collections::HashSet;
use std::sync::OnceLock;

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::super::super::catalog;
use super::super::super::error::Error;
use super::super::super::headers::Answer;
use super::{Request, ok};
use crate::kernel::access::{Permission, Plane, built_in_roles};
use crate::kernel::action::{is_exact, matches};

const FIXTURE: &str = include_str!("../../../../../fixtures/operations.txt");

/// A provider's operations.
struct Provider {
    namespace: &'static str,
    display_name: &'static str,
    /// Whether it has no others.
    complete: bool,
    operations: Vec<Operation>,
}

struct Operation {
    /// `registries`, or nothing for the provider itself.
    path: &'static str,
    /// `Namespace/path/read`.
    name: String,
    data: bool,
}

fn providers() -> &'static [Provider] {
    static PROVIDERS: OnceLock<Vec<Provider>> = OnceLock::new();
    PROVIDERS.get_or_init(|| {
        let mut providers: Vec<Provider> = Vec::new();
        for line in FIXTURE.lines().filter(|line| !line.starts_with('#')) {
            if let Some((namespace, rest)) = line.strip_prefix('[').and_then(|line| line.split_once(']')) {
                let (display_name, complete) = rest.strip_suffix('!').map_or((rest, false), |rest| (rest, true));
                let display_name = display_name.trim();
                providers.push(Provider { namespace, display_name, complete, operations: Vec::new() });
            } else if let (Some(provider), Some((path, verbs))) = (providers.last_mut(), line.split_once(':')) {
                let (path, data) = path.strip_prefix('@').map_or((path, false), |path| (path, true));
                let path = if path == "." { "" } else { path };
                let prefix = if path.is_empty() { String::new() } else { format!("{path}/") };
                let name = |verb: &str| format!("{}/{prefix}{verb}", provider.namespace);
                let read = verbs.split_whitespace().map(|verb| Operation { path, name: name(verb), data }).collect::<Vec<_>>();
                provider.operations.extend(read);
            }
        }
        providers
    })
}

fn provider(namespace: &str) -> Option<&'static Provider> {
    providers().iter().find(|provider| provider.namespace.eq_ignore_ascii_case(namespace))
}

/// What Azure knows besides: the namespaces and the data actions that built-in roles name.
struct Elsewhere {
    namespaces: HashSet<String>,
    data_only: HashSet<String>,
}

fn elsewhere() -> &'static Elsewhere {
    static ELSEWHERE: OnceLock<Elsewhere> = OnceLock::new();
    ELSEWHERE.get_or_init(|| {
        let (mut namespaces, mut data_only, mut managed) = (HashSet::new(), HashSet::new(), HashSet::new());
        for role in built_in_roles() {
            for permission in &role.permissions {
                for (plane, names) in [(Plane::Management, &mut managed), (Plane::Data, &mut data_only)] {
                    let (granted, excluded) = permission.of(plane);
                    for action in granted.iter().chain(excluded).map(|action| action.to_ascii_lowercase()) {
                        let namespace = action.split('/').next().unwrap_or_default();
                        namespaces.insert(namespace.to_owned());
                        names.insert(action);
                    }
                }
            }
        }
        let data_only = data_only.difference(&managed).cloned().collect();
        Elsewhere { namespaces, data_only }
    })
}

/// Checks that every action of a custom role is one that a provider offers; says what is wrong in the service's words. Providers that
/// are not listed completely are believed, unless it is known that the action is one on data.
pub(super) fn known(permission: &Permission) -> Result<(), String> {
    for plane in [Plane::Management, Plane::Data] {
        let (granted, excluded) = permission.of(plane);
        granted.iter().chain(excluded).try_for_each(|action| offered(plane, action))?;
    }
    Ok(())
}

fn offered(plane: Plane, action: &str) -> Result<(), String> {
    const UNKNOWN: &str =
        "The resource provider referenced in the action is not returned in the list of providers from Azure Resource Manager.";
    let no_match = || Err(format!("'{action}' does not match any of the actions supported by the providers."));
    let namespace = action.split('/').next().unwrap_or_default();
    if action.matches('*').count() > 1 || action.is_empty() {
        return no_match();
    }
    if namespace.contains('*') {
        return Ok(());
    }
    let data = plane == Plane::Data;
    match provider(namespace) {
        // Kubernetes' own types can be any.
        Some(it) if data && it.namespace == "Microsoft.ContainerService" && of_kubernetes(action) => Ok(()),
        Some(it) if it.operations.iter().any(|known| known.data == data && matches(action, &known.name)) => Ok(()),
        Some(it) if !data && served(it.namespace, action) => Ok(()),
        Some(it) if it.complete || !action.contains('/') => no_match(),
        Some(_) => Ok(()),
        None if !elsewhere().namespaces.contains(&namespace.to_ascii_lowercase()) => Err(UNKNOWN.to_owned()),
        None if !action.contains('/') => no_match(),
        None if !data && is_exact(action) && elsewhere().data_only.contains(&action.to_ascii_lowercase()) => no_match(),
        None => Ok(()),
    }
}

/// Whether azlet serves something that asks for the action: what it serves exists, listed or not.
fn served(namespace: &str, action: &str) -> bool {
    let types = catalog::provider(namespace).into_iter().flat_map(|provider| &provider.types);
    types.into_iter().any(|kind| {
        let verbs = ["read", "write", "delete", "action"];
        verbs.iter().any(|verb| matches(action, &format!("{namespace}/{}/{verb}", kind.name)))
            || kind.action.as_ref().is_some_and(|known| matches(action, known))
    })
}

fn of_kubernetes(action: &str) -> bool {
    let lower = action.to_ascii_lowercase();
    let below = ["microsoft.containerservice/managedclusters/", "microsoft.containerservice/fleets/"];
    let verbs = ["/read", "/write", "/delete", "/action", "/*"];
    below.iter().any(|prefix| lower.strip_prefix(prefix).is_some_and(|rest| rest == "*" || rest.contains('/')))
        && (verbs.iter().any(|verb| lower.ends_with(verb)))
}

/// What an operation does, in words.
fn told(operation: &Operation) -> String {
    let what = operation.path.rsplit('/').next().filter(|what| !what.is_empty()).unwrap_or("the provider");
    let mut segments = operation.name.rsplit('/');
    match (segments.next().unwrap_or_default(), segments.next().unwrap_or_default()) {
        ("read", _) => format!("Read {what}"),
        ("write", _) => format!("Create or update {what}"),
        ("delete", _) => format!("Delete {what}"),
        (_, verb) => format!("Run {verb} on {what}"),
    }
}

fn shown(operation: &Operation) -> Value {
    let told = told(operation);
    json!({
        "name": operation.name,
        "displayName": told,
        "description": format!("{told}."),
        "origin": "user,system",
        "properties": null,
        "isDataAction": operation.data,
    })
}

fn body(provider: &Provider, with_types: bool) -> Value {
    let mut paths: Vec<&str> = Vec::new();
    for operation in provider.operations.iter().filter(|operation| !operation.path.is_empty()) {
        if !paths.contains(&operation.path) {
            paths.push(operation.path);
        }
    }
    let of = |path: &str| {
        let held = provider.operations.iter().filter(|operation| operation.path == path);
        held.map(shown).collect::<Vec<_>>()
    };
    let types: Vec<Value> =
        paths.iter().map(|path| json!({ "name": path, "displayName": path, "operations": of(path) })).collect();
    json!({
        "displayName": provider.display_name,
        "operations": if with_types { of("") } else { Vec::new() },
        "resourceTypes": if with_types { types } else { Vec::new() },
        "id": format!("/providers/Microsoft.Authorization/providerOperations/{}", provider.namespace),
        "type": "Microsoft.Authorization/providerOperations",
        "name": provider.namespace,
    })
}

/// Whether `$expand=resourceTypes` is asked for.
fn expands(request: &Request<'_>) -> bool {
    request.query.get("$expand").is_some_and(|expand| expand.eq_ignore_ascii_case("resourceTypes"))
}

/// One provider's operations; they are listed by type only if that is asked for.
pub(super) fn one(request: &Request<'_>) -> Result<Answer, Error> {
    let name = request.target.name();
    let provider = provider(name).ok_or_else(|| {
        let message = format!("The resource provider '{name}' is not found.");
        Error::provider(StatusCode::NOT_FOUND, "ProviderNotFound", message)
    })?;
    Ok(ok(body(provider, expands(request))))
}

/// The operations of all providers.
pub(super) fn list(request: &Request<'_>) -> Result<Answer, Error> {
    let expand = expands(request);
    Ok(ok(json!({ "value": providers().iter().map(|provider| body(provider, expand)).collect::<Vec<_>>() })))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions_are_held_against_what_providers_offer() {
        for (plane, action, expected) in [
            (Plane::Management, "*", true),
            (Plane::Management, "*/read", true),
            (Plane::Management, "Microsoft.ContainerRegistry/registries/pull/read", true),
            (Plane::Management, "microsoft.containerregistry/registries/Pull/read", true),
            (Plane::Management, "Microsoft.ContainerRegistry/*", true),
            (Plane::Management, "Microsoft.ContainerRegistry/registries/*/read", true),
            (Plane::Management, "Microsoft.ContainerRegistry/registries/nothing/read", false),
            (Plane::Management, "Microsoft.ContainerRegistry/registries/repositories/content/read", false),
            (Plane::Data, "Microsoft.ContainerRegistry/registries/repositories/content/read", true),
            (Plane::Data, "Microsoft.ContainerRegistry/registries/pull/read", false),
            (Plane::Management, "Microsoft.Compute/*/read", true),
            (Plane::Management, "Microsoft.Compute/virtualMachines/start/action", true),
            (Plane::Management, "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read", false),
            (Plane::Data, "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read", true),
            (Plane::Management, "Microsoft.Nowhere/things/read", false),
            (Plane::Management, "Microsoft.Compute", false),
            (Plane::Management, "", false),
            (Plane::Management, "Microsoft.*/registries/*/read", false),
            (Plane::Data, "Microsoft.ContainerService/managedClusters/example.com/widgets/read", true),
            (Plane::Data, "Microsoft.ContainerService/managedClusters/*", true),
            (Plane::Data, "Microsoft.ContainerService/snapshots/read", false),
        ] {
            assert_eq!(offered(plane, action).is_ok(), expected, "{plane:?} {action}");
        }
    }

    #[test]
    fn every_action_of_a_built_in_role_on_a_complete_provider_is_listed() {
        let mut missing = Vec::new();
        for role in built_in_roles() {
            for permission in &role.permissions {
                for plane in [Plane::Management, Plane::Data] {
                    let (granted, excluded) = permission.of(plane);
                    missing.extend(granted.iter().chain(excluded).filter(|action| offered(plane, action).is_err()).cloned());
                }
            }
        }
        missing.sort();
        missing.dedup();
        assert!(missing.is_empty(), "{missing:#?}");
    }
}
