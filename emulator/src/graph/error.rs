//! Graph's errors and their shape. Sources: the Graph v1.0 reference of errors; answers recorded from it and quoted in public.

use axum::Json;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::world::World;

/// An error answer of Graph.
#[derive(Clone, Debug)]
pub struct Error {
    status: StatusCode,
    code: &'static str,
    message: String,
    details: Option<Value>,
}

impl Error {
    fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), details: None }
    }

    /// What the gateway refuses before the directory sees it.
    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BadRequest", message)
    }

    /// What the directory refuses.
    pub(super) fn refused(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "Request_BadRequest", message)
    }

    /// A query that the directory does not answer.
    pub(super) fn unsupported_query(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "Request_UnsupportedQuery", message)
    }

    /// An object that does not exist.
    pub(super) fn not_found(id: &str) -> Self {
        let message = format!("Resource '{id}' does not exist or one of its queried reference-property objects are not present.");
        Self::new(StatusCode::NOT_FOUND, "Request_ResourceNotFound", message)
    }

    /// No token, or none that is good.
    pub(super) fn unauthorized(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "InvalidAuthenticationToken", message)
    }

    /// No right.
    pub(super) fn denied() -> Self {
        let message = "Insufficient privileges to complete the operation.";
        Self::new(StatusCode::FORBIDDEN, "Authorization_RequestDenied", message)
    }

    /// A value that must be unique and is another object's.
    pub(super) fn conflict(property: &str) -> Self {
        let message = format!("Another object with the same value for property {property} already exists.");
        let details = json!([{ "code": "ObjectConflict", "message": message, "target": property }]);
        Self { details: Some(details), ..Self::refused(message) }
    }

    /// A reference that is there already.
    pub(super) fn reference_exists(property: &str) -> Self {
        let message =
            format!("One or more added object references already exist for the following modified properties: '{property}'.");
        Self::refused(message)
    }

    /// A service principal for an application that does not exist.
    pub(super) fn no_backing_application(app_id: &str) -> Self {
        let message = format!("The appId '{app_id}' of the service principal does not reference a valid application object.");
        let details = json!([{ "code": "NoBackingApplicationObject", "message": message, "target": "appId" }]);
        Self { details: Some(details), ..Self::refused(message) }
    }

    /// A second service principal of one application.
    pub(super) fn service_principal_exists(app_id: &str) -> Self {
        let message = format!(
            "The service principal cannot be created, updated, or restored because the service principal name {app_id} is already in \
             use."
        );
        Self::new(StatusCode::CONFLICT, "Request_MultipleObjectsWithSameKeyValue", message)
    }

    /// A federated credential whose name is taken.
    pub(super) fn federated_name(name: &str) -> Self {
        let message = format!("FederatedIdentityCredential with name {name} already exists.");
        Self::new(StatusCode::CONFLICT, "Request_MultipleObjectsWithSameKeyValue", message)
    }

    /// A federated credential whose issuer and subject are another's.
    pub(super) fn federated_pair(issuer: &str, subject: &str) -> Self {
        let message = format!(
            "The combination of issuer and subject must be unique for the application. Issuer {issuer} and Subject: {subject} already \
             exist. paramName: FederatedIdentityCredential.Subject, paramValue: {subject}, objectType: \
             Microsoft.Online.DirectoryServices.Application"
        );
        Self::new(StatusCode::BAD_REQUEST, "InvalidFederatedIdentityCredentialValue", message)
    }

    /// A value of a federated credential that cannot be one (the texts are inferred).
    pub(super) fn federated_value(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "InvalidFederatedIdentityCredentialValue", message)
    }

    /// An identifier URI in a domain that is not the tenant's.
    pub(super) fn unverified_domain(uri: &str) -> Self {
        let message =
            format!("Values of identifierUris property must use a verified domain of the organization or its subdomain: '{uri}'");
        Self::new(StatusCode::BAD_REQUEST, "HostNameNotOnVerifiedDomain", message)
    }

    /// A member that must be there.
    pub(super) fn required(property: &str, resource: &str) -> Self {
        Self::refused(format!("A value is required for property '{property}' of resource '{resource}'."))
    }

    /// A path that a collection does not have.
    pub(super) fn collection_is_last(segment: &str) -> Self {
        Self::bad_request(format!(
            "The request URI is not valid. Since the segment '{segment}' refers to a collection, this must be the last segment in the \
             request URI or it must be followed by an function or action that can be bound to it otherwise all intermediate segments \
             must refer to a single resource."
        ))
    }

    /// A path that Graph does not have.
    pub(super) fn no_segment(segment: &str) -> Self {
        Self::bad_request(format!("Resource not found for the segment '{segment}'."))
    }

    /// What Graph has and azlet has not.
    pub(super) fn not_implemented(what: &str) -> Self {
        let message = format!("azlet does not implement {what} of Microsoft Graph.");
        Self::new(StatusCode::BAD_REQUEST, "NotImplementedByAzlet", message)
    }

    pub(super) fn answer(self, world: &World, headers: &HeaderMap) -> Response {
        let request_id = world.ids.uuid().to_string();
        let sent = headers.get("client-request-id").and_then(|value| value.to_str().ok());
        let mut error = json!({ "code": self.code, "message": self.message });
        if let Some(details) = self.details {
            error["details"] = details;
        }
        error["innerError"] = json!({
            "date": world.clock.now().strftime("%Y-%m-%dT%H:%M:%S").to_string(),
            "request-id": request_id,
            "client-request-id": sent.unwrap_or(&request_id),
        });
        let mut response = (self.status, Json(json!({ "error": error }))).into_response();
        if self.status == StatusCode::UNAUTHORIZED {
            let challenge = "Bearer realm=\"\", authorization_uri=\"https://login.microsoftonline.com/common/oauth2/authorize\", \
                             client_id=\"00000003-0000-0000-c000-000000000000\"";
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        if let Ok(value) = HeaderValue::from_str(&request_id) {
            response.headers_mut().insert("request-id", value);
        }
        response
    }
}
