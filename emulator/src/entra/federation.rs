//! Workload identity federation: an application or a managed identity proves itself by a token of an issuer that it trusts.
//!
//! Issuer, subject and audience must be the federated credential's, to the letter. The issuer's keys are those that the emulated
//! world knows: of its clusters, of Entra itself, and those that were registered. Source: Microsoft's page on workload identity
//! federation; errors as quoted in public. The order (issuer, subject, audience, time, keys, signature) is inferred.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use uuid::Uuid;

use super::error::Error;
use super::store::FederatedCredential;
use crate::kernel::jwt::Parsed;
use crate::world::World;

/// The audience by which Entra's own tokens for an exchange are asked for, and the application id that they then carry.
const EXCHANGE: (&str, &str) = ("api://AzureADTokenExchange", "fb60f99c-7a34-4190-8149-302f77469936");

/// Whether the token proves that its sender is the application.
pub(super) fn check(world: &World, app_id: Uuid, token: &Parsed<'_>) -> Result<(), Error> {
    let text = |name: &str| token.claims[name].as_str().filter(|text| !text.is_empty()).ok_or_else(Error::assertion_malformed);
    let (issuer, subject) = (text("iss")?, text("sub")?);
    if issuer == super::token::issuer(world) {
        return Err(Error::own_token_as_assertion());
    }
    let trusts = world.directory.trusts(app_id);
    let trust = trusted(&trusts, issuer, subject)?;
    audience(trust, &token.claims["aud"])?;
    time(world, &token.claims)?;
    signature(world, issuer, token)
}

fn trusted<'a>(trusts: &'a [FederatedCredential], issuer: &str, subject: &str) -> Result<&'a FederatedCredential, Error> {
    let of_issuer: Vec<_> = trusts.iter().filter(|trust| trust.issuer == issuer).collect();
    if of_issuer.is_empty() {
        return Err(Error::federated_issuer(issuer));
    }
    if let Some(trust) = of_issuer.iter().find(|trust| trust.subject == subject) {
        return Ok(trust);
    }
    let but_for_case = of_issuer.iter().any(|trust| trust.subject.to_lowercase() == subject.to_lowercase());
    Err(if but_for_case { Error::federated_subject_case(subject) } else { Error::federated_subject(subject) })
}

/// One of the token's audiences must be one of the credential's.
fn audience(trust: &FederatedCredential, shown: &Value) -> Result<(), Error> {
    let shown: Vec<&str> = match shown {
        Value::String(one) => vec![one],
        Value::Array(many) => many.iter().filter_map(Value::as_str).collect(),
        _ => return Err(Error::assertion_malformed()),
    };
    let is = |wanted: &String, shown: &str| wanted == shown || (wanted == EXCHANGE.0 && shown == EXCHANGE.1);
    if trust.audiences.iter().any(|wanted| shown.iter().any(|shown| is(wanted, shown))) {
        return Ok(());
    }
    Err(Error::federated_audience(&shown.join(",")))
}

/// Whether now is within a token's time; clocks differ by up to five minutes without harm (inferred).
pub(super) fn time(world: &World, claims: &Value) -> Result<(), Error> {
    let time = |name: &str| numeric_date(&claims[name]);
    let (now, from) = (world.clock.now(), time("nbf").unwrap_or(Timestamp::UNIX_EPOCH));
    let until = time("exp").ok_or_else(Error::assertion_malformed)?;
    let tolerated = SignedDuration::from_mins(5);
    if now.saturating_add(tolerated).unwrap_or(now) < from || now >= until {
        return Err(Error::assertion_out_of_time(now, from, until));
    }
    Ok(())
}

/// A time in seconds, which may have a fraction (RFC 7519, section 2): the Microsoft library for Python writes one.
fn numeric_date(value: &Value) -> Option<Timestamp> {
    let whole = || value.as_f64().filter(|seconds| seconds.is_finite()).map(|seconds| seconds.floor());
    // Beyond what a timestamp holds the conversion saturates and the timestamp refuses.
    let second = value.as_i64().or_else(|| whole().map(|seconds| seconds as i64))?;
    Timestamp::from_second(second).ok()
}

fn signature(world: &World, issuer: &str, token: &Parsed<'_>) -> Result<(), Error> {
    if issuer == super::token::issuer_v2(world) {
        return token.is_signed_by_pkcs1(&world.signing_key.pkcs1()).then_some(()).ok_or_else(Error::assertion_untrue);
    }
    if world.is_issuer_of_a_cluster(issuer) {
        return token.is_signed_by_pkcs1(&world.workload_key.pkcs1()).then_some(()).ok_or_else(Error::assertion_untrue);
    }
    let keys = world.directory.federation.issuer_keys(issuer).ok_or_else(Error::issuer_unreachable)?;
    if keys.is_empty() {
        return Err(Error::issuer_keys());
    }
    let kid = token.header["kid"].as_str();
    let mut named = keys.iter().filter(|key| kid.is_none_or(|kid| kid == key.kid));
    let signed = token.header["alg"] == "RS256" && named.any(|key| token.is_signed_by(&key.modulus, &key.exponent));
    signed.then_some(()).ok_or_else(Error::assertion_untrue)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn times_may_have_a_fraction_and_must_be_times() {
        let second = Timestamp::from_second(1_793_606_400).ok();
        assert_eq!((numeric_date(&json!(1_793_606_400)), numeric_date(&json!(1_793_606_400.75))), (second, second));
        for value in [json!("1793606400"), json!(1e300), json!(-1e300), json!(null), json!(i64::MAX)] {
            assert_eq!(numeric_date(&value), None, "{value}");
        }
    }
}
