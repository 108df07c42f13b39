//! The grants that give tokens of a person: password, authorization code, device code, refresh token, on behalf of. Sources:
//! RFC 6749, RFC 7636, RFC 8628; Microsoft's pages on these flows.

use std::sync::Arc;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::client::Client;
use super::error::Error;
use super::grants::{Form, Version, field};
use super::resources;
use super::scope::{self, Wanted};
use super::store::{DeviceState, Principal, SignIn, User};
use super::token::{self, Proof, TokenFault};
use super::user_tokens::{self, Tokens};
use crate::world::World;

const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";
const ON_BEHALF_OF: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// Codes are redeemed within ten minutes.
const CODE_LIVES: SignedDuration = SignedDuration::from_mins(10);

/// Device codes wait for fifteen minutes.
pub(super) const DEVICE_CODE_LIVES: SignedDuration = SignedDuration::from_mins(15);

/// Whether a grant type is one of these; clients write the device's in two ways.
pub(super) fn is_known(grant_type: &str) -> bool {
    ["authorization_code", "refresh_token", "device_code", DEVICE_CODE, ON_BEHALF_OF].contains(&grant_type)
}

/// Answers a grant of a person.
pub(super) fn answer(world: &World, client: &Client, form: &Form, version: Version) -> Result<Value, Error> {
    match field(form, "grant_type")? {
        "password" => password(world, client, form, version),
        "authorization_code" => authorization_code(world, client, form, version),
        "refresh_token" => refresh(world, client, form, version),
        ON_BEHALF_OF => on_behalf_of(world, client, form, version),
        _ => device_code(world, client, form, version),
    }
}

fn password(world: &World, client: &Client, form: &Form, version: Version) -> Result<Value, Error> {
    let (name, password) = (field(form, "username")?, field(form, "password")?);
    let proof = client.prove_for_user(world, client.is_public())?;
    let wanted = scope::of_user(world, form, version)?;
    let principal = check_password(world, name, password)?;
    finish(world, client, proof, &principal, &wanted, form, version, None)
}

/// The user whose name and password these are. Counts failures: too many lock the account for a while.
pub(super) fn check_password(world: &World, name: &str, password: &str) -> Result<Arc<Principal>, Error> {
    let (directory, now) = (&world.directory, world.clock.now());
    let principal = directory.by_user_name(name).ok_or_else(|| Error::user_not_found(&directory.tenant.display_name))?;
    let user = principal.user().ok_or_else(Error::wrong_password)?;
    if directory.sign_ins.is_locked(principal.object_id, now) {
        return Err(Error::account_locked());
    }
    if !user.password.is(password) {
        directory.sign_ins.failed(principal.object_id, now);
        return Err(Error::wrong_password());
    }
    directory.sign_ins.succeeded(principal.object_id);
    Ok(principal)
}

/// What stands between a user and a token although the password was right.
pub(super) fn check_user(world: &World, principal: &Principal, resource: &str, v1: bool) -> Result<(), Error> {
    let user = principal.user().ok_or_else(Error::malformed_grant)?;
    if !principal.enabled {
        return Err(Error::account_disabled());
    }
    let policy = world.ids.named("the policy that wants a second factor");
    match user.sign_in {
        SignIn::Allowed => Ok(()),
        SignIn::PasswordExpired => Err(Error::password_expired()),
        SignIn::MfaRequired => Err(Error::second_factor(resource, false, v1, policy)),
        SignIn::MfaEnrollment => Err(Error::second_factor(resource, true, v1, policy)),
        SignIn::BlockedByPolicy => Err(Error::blocked_by_policy(v1)),
    }
}

/// User state, consent, and then the tokens.
#[expect(clippy::too_many_arguments, reason = "what every grant of a person has found out")]
fn finish(
    world: &World,
    client: &Client,
    proof: Proof,
    principal: &Principal,
    wanted: &Wanted,
    form: &Form,
    version: Version,
    nonce: Option<&str>,
) -> Result<Value, Error> {
    let v1 = version == Version::One;
    check_user(world, principal, &wanted.resource.app_id.to_string(), v1)?;
    assigned(world, client, principal)?;
    let permissions = consented(world, client, principal, wanted)?;
    let continuous = form.get("claims").is_some_and(|claims| asks_for_continuity(claims));
    let tokens = Tokens { client, proof, principal, wanted, permissions, nonce, continuous };
    Ok(user_tokens::body(world, &tokens, version))
}

/// Whether a `claims` parameter says that the client handles challenges (`xms_cc` with `cp1`).
fn asks_for_continuity(claims: &str) -> bool {
    let claims: Value = serde_json::from_str(claims).unwrap_or_default();
    let values = claims.pointer("/access_token/xms_cc/values").and_then(Value::as_array);
    values.into_iter().flatten().any(|value| value.as_str().is_some_and(|value| value.eq_ignore_ascii_case("cp1")))
}

/// An application can be for those alone who are assigned to it.
fn assigned(world: &World, client: &Client, principal: &Principal) -> Result<(), Error> {
    let asks = client.principal.members.get("appRoleAssignmentRequired").is_some_and(|asks| asks == &Value::Bool(true));
    let owner = world.directory.owners.of(client.principal.object_id).contains(&principal.object_id);
    if asks && !owner { Err(Error::not_assigned(&client.id, &client.principal.display_name)) } else { Ok(()) }
}

/// What the application may do in the user's name, out of what it asks for.
fn consented(world: &World, client: &Client, principal: &Principal, wanted: &Wanted) -> Result<Vec<String>, Error> {
    let default = wanted.permissions.iter().any(|permission| permission == ".default");
    let named = || wanted.permissions.iter().filter(|permission| *permission != ".default").cloned().collect::<Vec<_>>();
    if client.first_party {
        let mut all = if default || wanted.permissions.is_empty() { wanted.resource.scopes.clone() } else { Vec::new() };
        all.extend(named());
        return Ok(all);
    }
    let resource = wanted.resource.principal.object_id;
    let granted = resources::granted(world, client.principal.object_id, resource, principal.object_id);
    let missing = named().into_iter().any(|permission| !granted.contains(&permission)) || (default && granted.is_empty());
    if missing {
        return Err(Error::consent_required(&client.id, &client.principal.display_name));
    }
    Ok(granted)
}

fn authorization_code(world: &World, client: &Client, form: &Form, version: Version) -> Result<Value, Error> {
    let text = field(form, "code")?;
    let redirect_uri = form.get("redirect_uri").map(String::as_str).unwrap_or_default();
    let shown = world.directory.sign_ins.redeem_code(text).ok_or_else(Error::malformed_grant)?;
    let proof = client.prove_for_user(world, !shown.confidential)?;
    if !shown.client_id.eq_ignore_ascii_case(&client.id) {
        return Err(Error::malformed_grant());
    }
    if shown.redeemed {
        return Err(Error::code_redeemed());
    }
    if world.clock.now().duration_since(shown.made) >= CODE_LIVES {
        return Err(Error::code_expired());
    }
    if redirect_uri != shown.redirect_uri {
        return Err(Error::code_redirect(redirect_uri, &shown.redirect_uri));
    }
    check_verifier(shown.challenge.as_ref(), form.get("code_verifier"))?;
    let wanted = match (version, form.get("scope").filter(|scope| !scope.is_empty())) {
        (Version::Two, Some(scope)) => scope::v2(world, scope)?,
        (Version::Two, None) => scope::v2(world, &shown.scope)?,
        (Version::One, _) if form.contains_key("resource") => scope::of_user(world, form, version)?,
        (Version::One, _) => scope::v2(world, &shown.scope)?,
    };
    let principal = world.directory.principal(shown.user).ok_or_else(Error::malformed_grant)?;
    finish(world, client, proof, &principal, &wanted, form, version, shown.nonce.as_deref())
}

/// The verifier must be the one whose digest was promised (RFC 7636); a code without a promise needs none.
fn check_verifier(challenge: Option<&(String, String)>, verifier: Option<&String>) -> Result<(), Error> {
    let Some((challenge, method)) = challenge else { return Ok(()) };
    let verifier = verifier.ok_or_else(Error::code_verifier)?;
    let answer = match method.as_str() {
        "S256" => URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes())),
        _ => verifier.clone(),
    };
    verify_slices_are_equal(answer.as_bytes(), challenge.as_bytes()).map_err(|_| Error::code_verifier())
}

fn device_code(world: &World, client: &Client, form: &Form, version: Version) -> Result<Value, Error> {
    let text = form.get("device_code").or_else(|| form.get("code")).filter(|code| !code.is_empty());
    let text = text.ok_or_else(|| Error::parameter_missing("device_code"))?;
    let sign_ins = &world.directory.sign_ins;
    let device = sign_ins.device(text).ok_or_else(Error::device_unknown)?;
    if !device.client_id.eq_ignore_ascii_case(&client.id) {
        return Err(Error::device_unknown());
    }
    let proof = client.prove_for_user(world, client.is_public())?;
    let user = match device.state {
        DeviceState::Redeemed => return Err(Error::code_redeemed()),
        _ if world.clock.now().duration_since(device.made) >= DEVICE_CODE_LIVES => return Err(Error::device_expired()),
        DeviceState::Pending => return Err(Error::device_pending()),
        DeviceState::Declined => return Err(Error::device_declined()),
        DeviceState::Approved(user) => user,
    };
    sign_ins.set_device(text, DeviceState::Redeemed);
    let wanted = scope::v2(world, &device.scope)?;
    let principal = world.directory.principal(user).ok_or_else(Error::malformed_grant)?;
    finish(world, client, proof, &principal, &wanted, form, version, None)
}

fn refresh(world: &World, client: &Client, form: &Form, version: Version) -> Result<Value, Error> {
    let shown = user_tokens::read_refresh_token(world, field(form, "refresh_token")?).ok_or_else(Error::malformed_grant)?;
    let proof = client.prove_for_user(world, !shown.confidential)?;
    let same = shown.client_id.eq_ignore_ascii_case(&client.id);
    if !(same || shown.family && client.family) {
        return Err(Error::refresh_of_another());
    }
    let principal = world.directory.principal(shown.user).ok_or_else(Error::malformed_grant)?;
    let user = principal.user().ok_or_else(Error::malformed_grant)?;
    still_good(user, shown.issued, world.clock.now())?;
    let scope = form.get("scope").filter(|scope| !scope.is_empty());
    let wanted = match (version, scope) {
        (Version::Two, Some(scope)) => Wanted { offline: true, ..scope::v2(world, scope)? },
        (Version::One, _) if form.contains_key("resource") => scope::of_user(world, form, version)?,
        // What is not asked for anew is what was asked for before.
        _ => Wanted { offline: true, ..scope::v2(world, &shown.scope)? },
    };
    finish(world, client, proof, &principal, &wanted, form, version, None)
}

/// A refresh token is good for ninety days without use, and until the password changes.
fn still_good(user: &User, issued: Timestamp, now: Timestamp) -> Result<(), Error> {
    if issued < user.tokens_valid_from {
        return Err(Error::grant_revoked(issued, user.tokens_valid_from));
    }
    if now.duration_since(issued) >= user_tokens::REFRESH_TOKEN_LIVES {
        return Err(Error::refresh_expired(issued));
    }
    Ok(())
}

/// A service that was called with a user's token asks for one of its own in the same user's name.
fn on_behalf_of(world: &World, client: &Client, form: &Form, version: Version) -> Result<Value, Error> {
    let assertion = field(form, "assertion")?;
    if field(form, "requested_token_use")? != "on_behalf_of" {
        return Err(Error::malformed_request());
    }
    let proof = client.prove_for_user(world, false)?;
    let wanted = scope::of_user(world, form, version)?;
    let claims = token::verify_any(world, assertion).map_err(|fault| match fault {
        TokenFault::Expired { expires, now } => Error::assertion_over(now, expires),
        _ => Error::assertion_untrue(),
    })?;
    let principal = world.directory.principal(claims.object_id).ok_or_else(Error::malformed_grant)?;
    if principal.user().is_none() {
        return Err(Error::not_on_behalf(&client.id));
    }
    // The token must have been meant for who shows it.
    let meant = resources::resolve(world, &claims.audience).is_ok_and(|resource| resource.app_id == client.app_id);
    if !meant || claims.app_id.is_none() {
        return Err(Error::assertion_untrue());
    }
    finish(world, client, proof, &principal, &wanted, form, version, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verifier_answers_its_own_challenge_alone() {
        let of = |verifier: &str| URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes()));
        let challenge = (of("verifier"), "S256".to_owned());
        assert!(check_verifier(Some(&challenge), Some(&"verifier".to_owned())).is_ok());
        assert!(check_verifier(Some(&challenge), Some(&"other".to_owned())).is_err());
        assert!(check_verifier(Some(&challenge), None).is_err());
        assert!(check_verifier(None, None).is_ok());
    }

    #[test]
    fn only_cp1_asks_for_continuity() {
        assert!(asks_for_continuity(r#"{"access_token":{"xms_cc":{"values":["CP1"]}}}"#));
        for claims in ["", "{}", r#"{"access_token":{"xms_cc":{"values":["x"]}}}"#] {
            assert!(!asks_for_continuity(claims), "{claims}");
        }
    }
}
