//! Entra's errors: `AADSTS` codes with the service's texts, and their wire shape.
//!
//! Status is 401 for `invalid_client` and 400 for everything else. Source: Entra's error code reference and replies quoted in
//! public.

use axum::Json;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde_json::json;
use uuid::Uuid;

use crate::world::World;

/// An error of the token endpoint or of discovery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    code: u32,
    error: &'static str,
    message: String,
}

/// The ids that tie an answer to its request.
pub struct Trace {
    id: Uuid,
    correlation: String,
    at: Timestamp,
}

impl Trace {
    /// The ids of an answer to a request with these headers.
    pub fn new(world: &World, headers: &HeaderMap) -> Self {
        let id = world.ids.uuid();
        let sent = headers.get("client-request-id").and_then(|value| value.to_str().ok());
        Self { id, correlation: sent.map_or_else(|| world.ids.uuid().to_string(), str::to_owned), at: world.clock.now() }
    }

    /// Puts the headers that every answer of the token endpoint has.
    pub fn stamp(&self, response: &mut Response) {
        let headers = response.headers_mut();
        let mut put = |name: &'static str, value: &str| {
            if let Ok(value) = value.parse() {
                headers.insert(name, value);
            }
        };
        put("cache-control", "no-store, no-cache");
        put("pragma", "no-cache");
        put("expires", "-1");
        put("strict-transport-security", "max-age=31536000; includeSubDomains");
        put("x-content-type-options", "nosniff");
        put("x-ms-request-id", &self.id.to_string());
        put("content-type", "application/json; charset=utf-8");
    }
}

impl Error {
    fn new(code: u32, error: &'static str, message: impl Into<String>) -> Self {
        Self { code, error, message: message.into() }
    }

    /// The tenant in the path is not ours.
    pub fn tenant_not_found(tenant: &str, error: &'static str) -> Self {
        Self::new(
            90002,
            error,
            format!(
                "Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID and are signing into the correct \
                 cloud. Check with your subscription administrator, this may happen if there are no active subscriptions for the \
                 tenant."
            ),
        )
    }

    /// A field of the form is missing.
    pub fn parameter_missing(name: &str) -> Self {
        Self::new(900_144, "invalid_request", format!("The request body must contain the following parameter: '{name}'."))
    }

    /// A client credentials request without a scope.
    pub fn scope_missing() -> Self {
        Self::new(
            90014,
            "invalid_request",
            "The required field 'scope' is missing from the credential. Ensure that you have all the necessary parameters for the \
             login request.",
        )
    }

    /// The grant type is not one that Entra knows, or not one that azlet plays.
    pub fn unsupported_grant(grant: &str) -> Self {
        Self::new(70003, "unsupported_grant_type", format!("The app requested an unsupported grant type '{grant}'."))
    }

    /// Client credentials over `common` or `consumers`.
    pub fn grant_not_on_common() -> Self {
        Self::new(
            9_001_023,
            "invalid_request",
            "The grant type is not supported over the /common or /consumers endpoints. Please use the /organizations or \
             tenant-specific endpoint.",
        )
    }

    /// The application is not in the tenant.
    pub fn application_not_found(app_id: &str, tenant: &str) -> Self {
        Self::new(
            700_016,
            "unauthorized_client",
            format!(
                "Application with identifier '{app_id}' was not found in the directory '{tenant}'. This can happen if the \
                 application has not been installed by the administrator of the tenant or consented to by any user in the tenant. \
                 You may have sent your authentication request to the wrong tenant."
            ),
        )
    }

    /// The service principal is disabled.
    pub fn application_disabled(app_id: &str, name: &str) -> Self {
        Self::new(7_000_112, "unauthorized_client", format!("Application '{app_id}'({name}) is disabled."))
    }

    /// The secret is wrong.
    pub fn invalid_secret(app_id: &str) -> Self {
        Self::new(
            7_000_215,
            "invalid_client",
            format!(
                "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the \
                 client secret ID, for a secret added to app '{app_id}'."
            ),
        )
    }

    /// The secret was right once.
    pub fn expired_secret(app_id: &str) -> Self {
        Self::new(
            7_000_222,
            "invalid_client",
            format!(
                "The provided client secret keys for app '{app_id}' are expired. Visit the Azure portal to create new keys for \
                 your app: https://aka.ms/NewClientSecret, or consider using certificate credentials for added security: \
                 https://aka.ms/certCreds."
            ),
        )
    }

    /// Neither secret nor assertion.
    pub fn credential_missing() -> Self {
        Self::new(
            7_000_216,
            "invalid_client",
            "'client_assertion', 'client_secret' or 'request' is required for the 'client_credentials' grant type.",
        )
    }

    /// The assertion is signed with a certificate that the application does not have.
    pub fn certificate_unknown(app_id: &str, thumbprint: &str) -> Self {
        Self::new(
            700_027,
            "invalid_client",
            format!(
                "The certificate with identifier used to sign the client assertion is not registered on application. [Reason - \
                 The key was not found., Thumbprint of key used by client: '{thumbprint}', Please visit the Azure Portal, Graph \
                 Explorer or directly use MS Graph to see configured keys for app Id '{app_id}'.]"
            ),
        )
    }

    /// The assertion's signature is not that of its certificate.
    pub fn assertion_signature() -> Self {
        Self::new(700_027, "invalid_client", "Client assertion failed signature validation.")
    }

    /// The assertion is not a token, or lacks a claim.
    pub fn assertion_malformed() -> Self {
        Self::new(50027, "invalid_client", "JWT token is invalid or malformed.")
    }

    /// The assertion is used outside its time.
    pub fn assertion_out_of_time(now: Timestamp, from: Timestamp, until: Timestamp) -> Self {
        let iso = crate::kernel::clock::rfc3339_ticks;
        Self::new(
            700_024,
            "invalid_client",
            format!(
                "Client assertion is not within its valid time range. Current time: {}, assertion valid from {}, expiry time of \
                 assertion {}. Review the documentation at \
                 https://learn.microsoft.com/entra/identity-platform/certificate-credentials .",
                iso(now),
                iso(from),
                iso(until)
            ),
        )
    }

    /// The scope of a client credentials request is not one `…/.default`.
    pub fn scope_not_default(scope: &str) -> Self {
        Self::new(
            1_002_012,
            "invalid_scope",
            format!(
                "The provided value for scope {scope} is not valid. Client credential flows must have a scope value with /.default \
                 suffixed to the resource identifier (application ID URI)."
            ),
        )
    }

    /// The resource is not one that the tenant has.
    pub fn resource_not_found(resource: &str, tenant: &str) -> Self {
        Self::new(
            500_011,
            "invalid_resource",
            format!(
                "The resource principal named {resource} was not found in the tenant named {tenant}. This can happen if the \
                 application has not been installed by the administrator of the tenant or consented to by any user in the tenant. \
                 You might have sent your authentication request to the wrong tenant."
            ),
        )
    }

    /// The user does not exist.
    pub fn user_not_found(tenant: &str) -> Self {
        Self::new(
            50034,
            "invalid_grant",
            format!(
                "The user account {{EmailHidden}} does not exist in the {tenant} directory. To sign into this application, the \
                 account must be added to the directory."
            ),
        )
    }

    /// The password is wrong.
    pub fn wrong_password() -> Self {
        Self::new(50126, "invalid_grant", "Error validating credentials due to invalid username or password.")
    }

    /// The refresh token or another grant material makes no sense.
    pub fn malformed_grant() -> Self {
        Self::new(9_002_313, "invalid_grant", "Invalid request. Request is malformed or invalid.")
    }

    /// The authority that instance discovery asks about is not one of Microsoft's.
    pub fn unknown_instance() -> Self {
        Self::new(50049, "invalid_instance", "Unknown or invalid instance.")
    }

    /// The answer to the request that `trace` belongs to.
    pub fn answer(&self, trace: &Trace) -> Response {
        let status = if self.error == "invalid_client" { StatusCode::UNAUTHORIZED } else { StatusCode::BAD_REQUEST };
        let timestamp = trace.at.strftime("%Y-%m-%d %H:%M:%SZ").to_string();
        let body = json!({
            "error": self.error,
            "error_description": format!(
                "AADSTS{}: {} Trace ID: {} Correlation ID: {} Timestamp: {timestamp}",
                self.code, self.message, trace.id, trace.correlation
            ),
            "error_codes": [self.code],
            "timestamp": timestamp,
            "trace_id": trace.id,
            "correlation_id": trace.correlation,
            "error_uri": format!("https://login.microsoftonline.com/error?code={}", self.code),
        });
        let mut response = (status, Json(body)).into_response();
        trace.stamp(&mut response);
        response
    }
}

/// The answer to a path that is not an endpoint of Entra, or not one that azlet plays.
pub async fn not_served(uri: Uri) -> Response {
    let message = format!("azlet does not serve {} of login.microsoftonline.com", uri.path());
    (StatusCode::NOT_FOUND, [(header::CONTENT_TYPE, "text/plain; charset=utf-8")], message).into_response()
}
