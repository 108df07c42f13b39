//! Every error by its name: code, OAuth error, text.

use jiff::Timestamp;

use super::Error;
use crate::kernel::clock::rfc3339_ticks as iso;

/// What a mismatch of a federated credential says after its first words.
const FEDERATION_ADVICE: &str = "Check your federated identity credential Subject, Audience and Issuer against the presented \
                                 assertion. https://learn.microsoft.com/entra/workload-id/workload-identity-federation";

/// The tenant and what a request must have.
impl Error {
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

    /// The authority that instance discovery asks about is not one of Microsoft's.
    pub fn unknown_instance() -> Self {
        Self::new(50049, "invalid_instance", "Unknown or invalid instance.")
    }

    /// What names the tenant is neither an id nor a domain.
    pub fn tenant_malformed(tenant: &str) -> Self {
        let message = format!("Specified tenant identifier '{tenant}' is neither a valid DNS name, nor a valid external domain.");
        Self::new(900_023, "invalid_request", message)
    }

    /// A body that is no form.
    pub fn malformed_request() -> Self {
        Self::new(9_002_313, "invalid_request", "Invalid request. Request is malformed or invalid.")
    }
}

/// The application and how it proves itself.
impl Error {
    /// The application exists, but has no service principal.
    pub fn service_principal_missing(app_id: &str, tenant: impl std::fmt::Display) -> Self {
        let message = format!(
            "The client application {app_id} is missing service principal in the tenant {tenant}. See instructions here: \
             https://go.microsoft.com/fwlink/?linkid=2225119"
        );
        Self::new(7_000_229, "invalid_client", message)
    }

    /// A confidential application that proves nothing in a grant of a user.
    pub fn client_unproven() -> Self {
        let message = "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.";
        Self::new(7_000_218, "invalid_client", message)
    }

    /// A public application that shows a credential.
    pub fn client_is_public() -> Self {
        let message = "Client is public so neither 'client_assertion' nor 'client_secret' should be presented.";
        Self::new(700_025, "invalid_client", message)
    }

    /// `client_assertion_type` is not the one that there is (inferred).
    pub fn assertion_type(given: &str) -> Self {
        let message = format!(
            "The provided value for the input parameter 'client_assertion_type' is not valid. Expected value is \
             'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'; found '{given}'."
        );
        Self::new(90023, "invalid_request", message)
    }

    /// No federated credential has the assertion's issuer.
    pub fn federated_issuer(issuer: &str) -> Self {
        let message =
            format!("No matching federated identity record found for presented assertion issuer '{issuer}'. {FEDERATION_ADVICE}");
        Self::new(700_211, "invalid_client", message)
    }

    /// No federated credential of that issuer has the assertion's subject.
    pub fn federated_subject(subject: &str) -> Self {
        let message = format!(
            "No matching federated identity record found for presented assertion subject '{subject}'. {FEDERATION_ADVICE}"
        );
        Self::new(700_213, "invalid_client", message)
    }

    /// The subject would match if case did not count.
    pub fn federated_subject_case(subject: &str) -> Self {
        let message = format!(
            "No matching federated identity record found for presented assertion subject '{subject}'. The subject matches with \
             case-insensitive comparison, but not with case-sensitive comparison. Check your federated identity credential Subject, \
             Audience and Issuer against the presented assertion. See documentation at: \
             https://learn.microsoft.com/entra/workload-id/workload-identity-federation. See breaking change notification and \
             remediation at: https://learn.microsoft.com/en-us/entra/identity-platform/reference-breaking-changes#august-2024."
        );
        Self::new(7_002_138, "invalid_client", message)
    }

    /// The federated credential is for another audience.
    pub fn federated_audience(audience: &str) -> Self {
        let message = format!(
            "No matching federated identity record found for presented assertion audience '{audience}'. {FEDERATION_ADVICE}"
        );
        Self::new(700_212, "invalid_client", message)
    }

    /// The issuer's discovery document cannot be had.
    pub fn issuer_unreachable() -> Self {
        Self::new(90061, "invalid_request", "Request to External OIDC endpoint failed.")
    }

    /// The issuer's keys make no sense.
    pub fn issuer_keys() -> Self {
        Self::new(900_612, "invalid_request", "Failed to parse provider signing keys.")
    }

    /// A version 1 token of Entra's own as an assertion.
    pub fn own_token_as_assertion() -> Self {
        Self::new(700_222, "invalid_client", "AAD-issued tokens may not be used for federated identity flows.")
    }

    /// The signature of a federated or on-behalf-of assertion is not its issuer's.
    pub fn assertion_untrue() -> Self {
        let message = "Assertion failed signature validation. [Reason - The provided signature value did not match the expected \
                       signature value.]";
        Self::new(50013, "invalid_grant", message)
    }

    /// The address for the answer is not one of the application's.
    pub fn redirect_uri(uri: &str, app_id: &str) -> Self {
        let message = format!(
            "The redirect URI '{uri}' specified in the request does not match the redirect URIs configured for the application \
             '{app_id}'. Make sure the redirect URI sent in the request matches one added to your application in the Azure \
             portal. Navigate to https://aka.ms/redirectUriMismatchError to learn more about how to fix this."
        );
        Self::new(50011, "invalid_request", message)
    }

    /// No address for the answer is known.
    pub fn redirect_uri_missing() -> Self {
        Self::new(500_113, "invalid_request", "No reply address is registered for the application.")
    }

    /// A kind of answer that the application does not allow.
    pub fn response_type_disabled(kind: &str) -> Self {
        let code = if kind == "token" { 700_051 } else { 700_054 };
        Self::new(code, "unsupported_response_type", format!("response_type '{kind}' is not enabled for the application."))
    }

    /// A kind of answer that there is not (inferred).
    pub fn response_type_unknown(kind: &str) -> Self {
        Self::new(70007, "unsupported_response_type", format!("'{kind}' is not a supported value of 'response_type'."))
    }

    /// A way of answering that there is not, or not for this kind of answer (inferred).
    pub fn response_mode(mode: &str) -> Self {
        Self::new(70007, "invalid_request", format!("'{mode}' is not a supported value of 'response_mode' for this request."))
    }

    /// A grant that only a service or an administrator may use in this way.
    pub fn not_on_behalf(app_id: &str) -> Self {
        let message = format!("Application '{app_id}' is not allowed to make application on-behalf-of calls.");
        Self::new(7_000_114, "unauthorized_client", message)
    }
}

/// What a token is asked for.
impl Error {
    /// A scope that is no scope.
    pub fn scope_malformed(scope: &str) -> Self {
        let message = format!(
            "The provided request must include a 'scope' input parameter. The provided value for the input parameter 'scope' is \
             not valid. The scope {scope} is not valid. The scope format is invalid. Scope must be in a valid URI form \
             <https://example/scope> or a valid Guid <guid/scope>."
        );
        Self::new(70011, "invalid_scope", message)
    }

    /// Scopes of two resources at once.
    pub fn scope_of_two_resources(scope: &str) -> Self {
        let message = format!(
            "Provided value for the input parameter scope is not valid because it contains more than one resource. Scope {scope} is \
             not valid."
        );
        Self::new(28000, "invalid_request", message)
    }

    /// The resource's service principal is disabled.
    pub fn resource_disabled(resource: &str) -> Self {
        let message = format!(
            "The service principal for resource '{resource}' is disabled. This indicate that a subscription within the tenant has \
             lapsed, or that the administrator for this tenant has disabled the application, preventing tokens from being issued \
             for it."
        );
        Self::new(500_014, "invalid_resource", message)
    }
}
