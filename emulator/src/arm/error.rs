//! Every error that ARM and its resource providers answer, by name, and their wire shapes.
//!
//! The shapes differ: ARM itself and most providers wrap `{code, message}` in `error`; Container Registry's provider adds
//! `"status":"Failed"` beside it; Container Service's has no wrapper at all; routing errors have only a `Message`.
//! Sources: the ARM resource provider contract, Azure's error reference, messages that users have reported. Inferred ones say so.

use axum::http::StatusCode;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::store::Change;
use crate::kernel::access::Decision;
use crate::kernel::principal::Caller;
use crate::kernel::resource_id::ResourceId;

/// Who speaks, which decides the wire shape and a few headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Voice {
    /// ARM itself; its errors carry `x-ms-failure-cause: gateway`.
    Gateway,
    /// ARM's routing, before anything is known about a request.
    Routing,
    /// A provider that answers in ARM's own shape.
    Provider,
    /// Container Registry's provider.
    Registry,
    /// Container Service's provider.
    Cluster,
    /// A provider whose errors are a code and a message without a wrapper.
    Bare,
}

/// An error answer.
#[derive(Clone, Debug)]
pub struct Error {
    /// The HTTP status.
    pub status: StatusCode,
    /// The code.
    pub code: &'static str,
    /// What was wrong.
    pub message: String,
    /// The parameter that was wrong, where the service names it.
    pub target: Option<Box<str>>,
    /// Further errors, where the service lists them, be it an empty list.
    pub details: Option<Box<Value>>,
    /// What Container Service says beside the code.
    pub subcode: &'static str,
    /// Who speaks.
    pub voice: Voice,
    /// The `WWW-Authenticate` header of a 401.
    pub challenge: Option<Box<str>>,
    /// The `Retry-After` header of a 429, in seconds.
    pub retry_after: Option<i64>,
}

impl Error {
    fn new(status: StatusCode, voice: Voice, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            target: None,
            details: None,
            subcode: "",
            voice,
            challenge: None,
            retry_after: None,
        }
    }

    /// An error of whoever speaks.
    pub fn of(voice: Voice, status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self::new(status, voice, code, message)
    }

    /// An error of ARM itself.
    pub fn gateway(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self::new(status, Voice::Gateway, code, message)
    }

    /// An error of a provider that speaks in ARM's shape.
    pub fn provider(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self::new(status, Voice::Provider, code, message)
    }

    /// An error of Container Registry's provider.
    pub fn registry(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self::new(status, Voice::Registry, code, message)
    }

    /// An error of Container Service's provider.
    pub fn cluster(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self::new(status, Voice::Cluster, code, message)
    }

    /// Names the parameter that was wrong.
    pub fn target(mut self, target: impl Into<String>) -> Self {
        self.target = Some(target.into().into_boxed_str());
        self
    }

    /// Says more than the code, where Container Service does.
    pub fn subcode(mut self, subcode: &'static str) -> Self {
        self.subcode = subcode;
        self
    }

    /// The answer's body.
    pub fn body(&self) -> Value {
        let mut error = json!({ "code": self.code, "message": self.message });
        match self.voice {
            Voice::Bare => json!({ "code": self.code, "message": self.message }),
            Voice::Routing => json!({ "Message": self.message }),
            Voice::Cluster => {
                let mut error = json!({ "code": self.code, "details": null, "message": self.message, "subcode": self.subcode });
                if let Some(target) = &self.target {
                    error["target"] = json!(target);
                }
                error
            }
            Voice::Gateway | Voice::Provider | Voice::Registry => {
                if let Some(target) = &self.target {
                    error["target"] = json!(target);
                }
                if let Some(details) = &self.details {
                    error["details"] = (**details).clone();
                }
                match self.voice {
                    Voice::Registry => json!({ "error": error, "status": "Failed" }),
                    _ => json!({ "error": error }),
                }
            }
        }
    }
}

/// A verb that ARM does not route here.
pub fn method_not_supported(method: &str) -> Error {
    let message = format!("The requested resource does not support http method '{method}'.");
    Error::new(StatusCode::METHOD_NOT_ALLOWED, Voice::Routing, "MethodNotAllowed", message)
}

/// A path that ARM does not route (the text is ASP.NET's; inferred).
pub fn not_routed(uri: &str) -> Error {
    let message = format!("No HTTP resource was found that matches the request URI '{uri}'.");
    Error::new(StatusCode::NOT_FOUND, Voice::Routing, "NotFound", message)
}

/// A path that names neither a subscription nor a tenant-level type.
pub fn missing_subscription() -> Error {
    let message = "The request did not have a subscription or a valid tenant level resource provider.";
    Error::gateway(StatusCode::NOT_FOUND, "MissingSubscription", message)
}

/// What exists in Azure and not here.
pub fn not_implemented(what: &str) -> Error {
    Error::gateway(StatusCode::BAD_REQUEST, "NotImplementedByAzlet", format!("azlet does not implement {what}."))
}

/// No `api-version`.
pub fn missing_api_version() -> Error {
    let message = "The api-version query parameter (?api-version=) is required for all requests.";
    Error::gateway(StatusCode::BAD_REQUEST, "MissingApiVersionParameter", message)
}

/// An `api-version` that ARM's own type does not have.
pub fn invalid_api_version(version: &str, supported: &[String]) -> Error {
    let message = format!("The api-version '{version}' is invalid. The supported versions are '{}'.", supported.join(","));
    Error::gateway(StatusCode::BAD_REQUEST, "InvalidApiVersionParameter", message)
}

/// An `api-version` that a provider's type does not have.
pub fn no_registered_provider(location: &str, version: &str, kind: &str, versions: &[String], locations: &[String]) -> Error {
    let message = format!(
        "No registered resource provider found for location '{location}' and API version '{version}' for type '{kind}'. The supported \
         api-versions are '{}'. The supported locations are '{}'.",
        versions.join(", "),
        locations.join(", ")
    );
    Error::gateway(StatusCode::BAD_REQUEST, "NoRegisteredProviderFound", message)
}

/// An unknown namespace.
pub fn invalid_namespace(namespace: &str) -> Error {
    Error::gateway(StatusCode::NOT_FOUND, "InvalidResourceNamespace", format!("The resource namespace '{namespace}' is invalid."))
}

/// An unknown type of a known namespace.
pub fn invalid_type(namespace: &str, version: &str) -> Error {
    let message = format!("The resource type could not be found in the namespace '{namespace}' for api version '{version}'.");
    Error::gateway(StatusCode::NOT_FOUND, "InvalidResourceType", message)
}

/// A known type, but not in this version. Here the versions are told from the oldest on.
pub fn invalid_type_version(namespace: &str, kind: &str, version: &str, supported: &[String]) -> Error {
    let mut supported: Vec<&str> = supported.iter().map(String::as_str).collect();
    supported.sort_unstable();
    let message = format!(
        "The resource type '{kind}' could not be found in the namespace '{namespace}' for api version '{version}'. The supported \
         api-versions are '{}'.",
        supported.join(",")
    );
    Error::gateway(StatusCode::NOT_FOUND, "InvalidResourceType", message)
}

/// An extension type with more behind its name than it has.
pub fn unsupported_type(rest: &str) -> Error {
    let message = format!("Unsupported resource type: '{rest}'.");
    Error::gateway(StatusCode::NOT_FOUND, "ResourceTypeNotSupported", message)
}

/// A subscription that is not registered for a provider.
pub fn missing_registration(namespace: &str) -> Error {
    let message = format!(
        "The subscription is not registered to use namespace '{namespace}'. See https://aka.ms/rps-not-found for how to register \
         subscriptions."
    );
    Error::gateway(StatusCode::CONFLICT, "MissingSubscriptionRegistration", message)
}

/// A change that locks forbid.
pub fn scope_locked(change: Change, scope: &ResourceId, locked: &[ResourceId]) -> Error {
    let verb = match change {
        Change::Write => "write",
        Change::Delete => "delete",
    };
    let locked: Vec<&str> = locked.iter().map(ResourceId::as_str).collect();
    let message = format!(
        "The scope '{scope}' cannot perform {verb} operation because following scope(s) are locked: '{}'. Please remove the lock and \
         try again.",
        locked.join(",")
    );
    Error::gateway(StatusCode::CONFLICT, "ScopeLocked", message)
}

/// A subscription id that is no GUID.
pub fn invalid_subscription_id(id: &str) -> Error {
    let message = format!("The provided subscription identifier '{id}' is malformed or invalid.");
    Error::gateway(StatusCode::BAD_REQUEST, "InvalidSubscriptionId", message)
}

/// An unknown subscription.
pub fn subscription_not_found(id: &str) -> Error {
    Error::gateway(StatusCode::NOT_FOUND, "SubscriptionNotFound", format!("The subscription '{id}' could not be found."))
}

/// A 401; the challenge names the tenant and repeats why.
fn unauthorized(code: &'static str, message: String, description: &str, tenant: &str) -> Error {
    let challenge = format!(
        "Bearer authorization_uri=\"https://login.windows.net/{tenant}\", error=\"invalid_token\", error_description=\"{description}\""
    );
    Error { challenge: Some(challenge.into_boxed_str()), ..Error::gateway(StatusCode::UNAUTHORIZED, code, message) }
}

/// No token.
pub fn authentication_missing(tenant: &str) -> Error {
    unauthorized(
        "AuthenticationFailed",
        "Authentication failed. The 'Authorization' header is missing.".into(),
        "The authentication failed because of missing 'Authorization' header.",
        tenant,
    )
}

/// Something that is no token, or none of ours.
pub fn token_invalid(tenant: &str) -> Error {
    unauthorized("InvalidAuthenticationToken", "The access token is invalid.".into(), "The access token is invalid.", tenant)
}

/// A token whose time is over; times in American form.
pub fn token_expired(expires: Timestamp, now: Timestamp, tenant: &str) -> Error {
    let american = |at: Timestamp| at.strftime("%-m/%-d/%Y %-I:%M:%S %p").to_string();
    let message =
        format!("The access token expiry UTC time '{}' is earlier than current UTC time '{}'.", american(expires), american(now));
    unauthorized("ExpiredAuthenticationToken", message, "The access token has expired.", tenant)
}

/// A token of another tenant.
pub fn token_of_other_tenant(issuer: &str, tenant: &str) -> Error {
    let message = format!(
        "The access token is from the wrong issuer '{issuer}'. It must match the tenant 'https://sts.windows.net/{tenant}/' associated \
         with this subscription. Please use the authority (URL) 'https://login.windows.net/{tenant}' to get the token. Note, if the \
         subscription is transferred to another tenant there is no impact to the services, but information about new tenant could take \
         time to propagate (up to an hour). If you just transferred your subscription and see this error message, please try back later."
    );
    unauthorized("InvalidAuthenticationTokenTenant", message, "The access token is from the wrong issuer.", tenant)
}

/// A token for another resource.
pub fn token_of_other_audience(audience: &str, accepted: &[&str], tenant: &str) -> Error {
    let message = format!(
        "The access token has been obtained for wrong audience or resource '{audience}'. It should exactly match with one of the allowed \
         audiences '{}'.",
        accepted.join("','")
    );
    unauthorized("InvalidAuthenticationTokenAudience", message, "The access token has been obtained for wrong audience.", tenant)
}

/// An empty rate budget.
pub fn throttled(subscription: Option<&str>, object_id: impl std::fmt::Display, kind: &str, seconds: i64) -> Error {
    let (code, place) = match subscription {
        Some(subscription) => ("SubscriptionRequestsThrottled", format!("subscription '{subscription}'")),
        // Inferred from the other.
        None => ("TenantRequestsThrottled", "the tenant".to_owned()),
    };
    let message = format!(
        "Number of '{kind}' requests for {place} actor '{object_id}' exceeded. Please try again after '{seconds}' seconds."
    );
    Error { retry_after: Some(seconds), ..Error::gateway(StatusCode::TOO_MANY_REQUESTS, code, message) }
}

/// No right.
pub fn authorization_failed(label: &str, object_id: impl std::fmt::Display, action: &str, scope: &str) -> Error {
    let message = format!(
        "The client '{label}' with object id '{object_id}' does not have authorization to perform action '{action}' over scope '{scope}' \
         or the scope is invalid. If access was recently granted, please refresh your credentials."
    );
    Error::gateway(StatusCode::FORBIDDEN, "AuthorizationFailed", message)
}

/// No right, and why: nothing grants it, a condition does not hold, or a denial forbids it. That the text about a denial is this one
/// is inferred.
pub fn not_permitted(caller: &Caller, decision: &Decision, action: &str, scope: &str) -> Error {
    let client = format!("The client '{}' with object id '{}'", caller.label, caller.object_id);
    if let Decision::Denied { denial } = decision {
        let id = format!(
            "{}/providers/Microsoft.Authorization/denyAssignments/{}",
            denial.scope.as_str().trim_end_matches('/'),
            denial.name
        );
        let message = format!(
            "{client} has permission to perform action '{action}' on scope '{scope}'; however, the access is denied because of the deny \
             assignment with name '{}' and Id '{id}' at scope '{}'.",
            denial.display_name, denial.scope
        );
        return Error::gateway(StatusCode::FORBIDDEN, "DenyAssignmentAuthorizationFailed", message);
    }
    if decision.failed_condition() {
        let message = format!(
            "{client} does not have authorization or an ABAC condition not fulfilled to perform action '{action}' over scope '{scope}' \
             or the scope is invalid. If access was recently granted, please refresh your credentials."
        );
        return Error::gateway(StatusCode::FORBIDDEN, "AuthorizationFailed", message);
    }
    authorization_failed(&caller.label, caller.object_id, action, scope)
}

/// A right, but one that denials take away on something else that the request names.
pub fn linked_denied(caller: &Caller, (action, scope): (&str, &str), linked_action: &str, linked: &[String]) -> Error {
    let message = format!(
        "The client '{}' with object id '{}' has permission to perform action '{action}' on scope '{scope}'; however, the linked action \
         '{linked_action}' is blocked by deny assignments on the '{}' linked scope(s) '{}'.",
        caller.label,
        caller.object_id,
        linked.len(),
        linked.join(",")
    );
    Error::gateway(StatusCode::FORBIDDEN, "LinkedAuthorizationFailed", message)
}

/// A right, but none on something else that the request names.
pub fn linked_authorization_failed(
    label: &str,
    object_id: impl std::fmt::Display,
    (action, scope): (&str, &str),
    (linked_action, linked): (&str, &[String]),
) -> Error {
    let message = format!(
        "The client '{label}' with object id '{object_id}' has permission to perform action '{action}' on scope '{scope}'; however, it \
         does not have permission to perform action '{linked_action}' on the linked scope(s) '{}' or the linked scope(s) are invalid.",
        linked.join(",")
    );
    Error::gateway(StatusCode::FORBIDDEN, "LinkedAuthorizationFailed", message)
}

/// An absent resource group.
pub fn group_not_found(group: &str) -> Error {
    Error::gateway(StatusCode::NOT_FOUND, "ResourceGroupNotFound", format!("Resource group '{group}' could not be found."))
}

/// A write into a resource group that is going away.
pub fn group_being_deleted(group: &str) -> Error {
    let message = format!("The resource group '{group}' is in deprovisioning state and cannot perform this operation.");
    Error::gateway(StatusCode::CONFLICT, "ResourceGroupBeingDeleted", message)
}

/// An absent resource, as ARM says it without asking the provider.
pub fn resource_not_found(id: &ResourceId) -> Error {
    let path = id.key().rfind("/providers/").map_or("", |position| &id.as_str()[position + "/providers/".len()..]);
    let mut parts = path.split('/');
    let namespace = parts.next().unwrap_or("");
    let parts: Vec<&str> = parts.collect();
    let types = parts.iter().step_by(2).copied();
    let names = parts.iter().skip(1).step_by(2).copied();
    let path: Vec<&str> = std::iter::once(namespace).chain(types.zip(names).flat_map(|(kind, name)| [kind, name])).collect();
    let message = format!(
        "The Resource '{}' under resource group '{}' was not found. For more details please go to \
         https://aka.ms/ARMResourceNotFoundFix",
        path.join("/"),
        id.group().unwrap_or("")
    );
    Error::gateway(StatusCode::NOT_FOUND, "ResourceNotFound", message)
}

/// A body of another kind than JSON.
pub fn unsupported_media_type(given: Option<&str>) -> Error {
    let message =
        format!("The content media type '{}' is not supported. Only 'application/json' is supported.", given.unwrap_or("<null>"));
    Error::gateway(StatusCode::UNSUPPORTED_MEDIA_TYPE, "UnsupportedMediaType", message)
}

/// A body that cannot be read as what it must be.
pub fn invalid_content(why: &str) -> Error {
    let message = format!("The request content was invalid and could not be deserialized: '{why}'.");
    Error::gateway(StatusCode::BAD_REQUEST, "InvalidRequestContent", message)
}

/// A body that is too large (inferred).
pub fn content_too_large() -> Error {
    let message = "The request content size exceeds the maximum size of 4 MB.";
    Error::gateway(StatusCode::PAYLOAD_TOO_LARGE, "RequestContentTooLarge", message)
}

/// A malformed body, as Authorization's provider says it.
pub fn bad_request_format() -> Error {
    Error::provider(StatusCode::BAD_REQUEST, "BadRequestFormat", "The request was incorrectly formatted.")
}

/// A `$filter` that ARM's own lists do not know.
pub fn invalid_filter(filter: &str) -> Error {
    let message = format!("Invalid $filter '{filter}' specified in the query string.");
    Error::gateway(StatusCode::BAD_REQUEST, "InvalidFilterInQueryString", message)
}
