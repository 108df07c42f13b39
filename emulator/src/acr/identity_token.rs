//! The refresh token that the token endpoint gives back when it is asked for an offline token: what `docker login` keeps as
//! `identitytoken`, in place of a password, after `az acr login`.
//! Source: CNCF Distribution "Token Authentication" (`offline_token`), and the docker configurations that users of `az acr login`
//! show: the user of zeros, no password, an identity token. That it is the very token that was shown is inferred, and so is that
//! other users, whose passwords docker is seen to keep, get none.

use super::auth;
use super::tokens;
use super::wire::{self, Call};

/// The refresh token to give back with an access token that this call was granted; `None` if it asks for none or shows none.
pub(super) fn given_back(call: &Call) -> Option<String> {
    if wire::first(&call.query, "offline_token") != Some("true") {
        return None;
    }
    let (scheme, encoded) = call.header("authorization")?.split_once(' ')?;
    let credential = auth::read_basic(encoded).filter(|_| scheme.eq_ignore_ascii_case("basic"))?;
    let token = credential.password;
    (auth::is_token_user(&credential.username) && tokens::read_refresh(&call.world, &call.registry, &token).is_ok())
        .then_some(token)
}
