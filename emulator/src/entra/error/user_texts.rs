//! What stands between a user and a token: account, password, policies, and what is left of an earlier sign-in.

use jiff::Timestamp;
use serde_json::json;

use super::Error;
use crate::kernel::clock::rfc3339_ticks as iso;

impl Error {
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

    /// Too many wrong passwords.
    pub fn account_locked() -> Self {
        let message = "The account is locked, you've tried to sign in too many times with an incorrect user ID or password.";
        Self::new(50053, "invalid_grant", message)
    }

    /// The account is disabled.
    pub fn account_disabled() -> Self {
        Self::new(50057, "invalid_grant", "The user account is disabled.")
    }

    /// The password must be changed first.
    pub fn password_expired() -> Self {
        Self::new(50055, "invalid_grant", "Password is expired.").with_suberror("user_password_expired")
    }

    /// A policy wants a second factor; `enroll` if the user has none.
    pub fn second_factor(resource: &str, enroll: bool, v1: bool, policy: impl std::fmt::Display) -> Self {
        let (code, must) = if enroll { (50079, "enroll in") } else { (50076, "use") };
        let message = format!(
            "Due to a configuration change made by your administrator, or because you moved to a new location, you must {must} \
             multi-factor authentication to access '{resource}'."
        );
        let claims = json!({ "access_token": { "capolids": { "essential": true, "values": [policy.to_string()] } } });
        let error = if v1 { "interaction_required" } else { "invalid_grant" };
        Self { claims: Some(claims.to_string()), ..Self::new(code, error, message) }.with_suberror("basic_action")
    }

    /// A policy forbids it.
    pub fn blocked_by_policy(v1: bool) -> Self {
        let message = "Access has been blocked by Conditional Access policies. The access policy does not allow token issuance.";
        Self::new(53003, if v1 { "interaction_required" } else { "invalid_grant" }, message).with_suberror("message_only")
    }

    /// Nobody consented to the application's asking for this.
    pub fn consent_required(app_id: &str, name: &str) -> Self {
        let message = format!(
            "The user or administrator has not consented to use the application with ID '{app_id}' named '{name}'. Send an \
             interactive authorization request for this user and resource."
        );
        Self::new(65001, "invalid_grant", message).with_suberror("consent_required")
    }

    /// The application is for those alone who are assigned to it, and the user is not (text as quoted in public).
    pub fn not_assigned(app_id: &str, name: &str) -> Self {
        let message = format!(
            "Your administrator has configured the application {name} ('{app_id}') to block users unless they are specifically \
             granted ('assigned') access to the application. The signed-in user '{{EmailHidden}}' is blocked because they are not \
             a direct member of a group with access, nor had access directly assigned by an administrator. Please contact your \
             administrator to assign access to this application."
        );
        Self::new(50105, "invalid_grant", message)
    }

    /// A refresh token that has not been used for ninety days.
    pub fn refresh_expired(issued: Timestamp) -> Self {
        let message = format!(
            "The refresh token has expired due to inactivity.\u{a0}The token was issued on {} and was inactive for 90.00:00:00.",
            iso(issued)
        );
        Self::new(700_082, "invalid_grant", message)
    }

    /// A refresh token from before the password was changed or sessions were revoked.
    pub fn grant_revoked(issued: Timestamp, valid_from: Timestamp) -> Self {
        let message = format!(
            "The provided grant has expired due to it being revoked, a fresh auth token is needed. The user might have changed or \
             reset their password. The grant was issued on '{}' and the TokensValidFrom date (before which tokens are not valid) \
             for this user is '{}'.",
            iso(issued),
            iso(valid_from)
        );
        Self::new(50173, "invalid_grant", message).with_suberror("bad_token")
    }

    /// A refresh token of another application, which is no relative (code and text are inferred; the suberror is what clients
    /// look for).
    pub fn refresh_of_another() -> Self {
        Self::new(70000, "invalid_grant", "Provided grant is invalid or malformed.").with_suberror("client_mismatch")
    }

    /// A code that is too old.
    pub fn code_expired() -> Self {
        let message = "The provided authorization code or refresh token has expired due to inactivity. Send a new interactive \
                       authorization request for this user and resource.";
        Self::new(70008, "invalid_grant", message)
    }

    /// A code that was used before.
    pub fn code_redeemed() -> Self {
        let message = "OAuth2 Authorization code was already redeemed, please retry with a new valid code or use an existing \
                       refresh token.";
        Self::new(54005, "invalid_grant", message)
    }

    /// The verifier is not the one that was promised.
    pub fn code_verifier() -> Self {
        let message = "The Code_Verifier does not match the code_challenge supplied in the authorization request.";
        Self::new(501_481, "invalid_grant", message)
    }

    /// Another address than the one that the code was sent to.
    pub fn code_redirect(given: &str, asked: &str) -> Self {
        let message = format!(
            "The reply address '{given}' does not match the reply address '{asked}' provided when requesting Authorization code."
        );
        Self::new(500_112, "invalid_client", message)
    }

    /// Nobody has answered the device's question yet.
    pub fn device_pending() -> Self {
        let message = "OAuth 2.0 device flow error. Authorization is pending. Continue polling.";
        Self::new(70016, "authorization_pending", message)
    }

    /// Someone refused the device (the code is inferred).
    pub fn device_declined() -> Self {
        Self::new(70018, "authorization_declined", "The user declined the authorization request of the device.")
    }

    /// A device code that there is not.
    pub fn device_unknown() -> Self {
        let message = "Invalid verification code due to User typing in wrong user code for device code flow.";
        Self::new(70018, "bad_verification_code", message)
    }

    /// A device code that is too old.
    pub fn device_expired() -> Self {
        let message = "The provided value for the input parameter 'device_code' is not valid. This device code has expired.";
        Self::new(70020, "expired_token", message)
    }

    /// A silent request, and nobody is signed in.
    pub fn nobody_signed_in() -> Self {
        let message = "A silent sign-in request was sent but no user is signed in. The cookies used to represent the user's \
                       session were not sent in the request to Azure AD.";
        Self::new(50058, "login_required", message)
    }

    /// The user went away from the page.
    pub fn user_declined() -> Self {
        Self::new(65004, "access_denied", "User declined to consent to access the app.")
    }

    /// An on-behalf-of assertion whose time is over.
    pub fn assertion_over(now: Timestamp, expires: Timestamp) -> Self {
        let message = format!(
            "Assertion is not within its valid time range. Ensure that the access token is not expired before using it for user \
             assertion, or request a new token. Current time: {}, expiry time of assertion {}.",
            iso(now),
            iso(expires)
        );
        Self::new(500_133, "invalid_grant", message)
    }
}
