//! Tokens of the cluster's service accounts: signed by the cluster's issuer, for one of the API server's audiences, about an account that
//! is still the same, and bound to an object that is (`pkg/serviceaccount/{jwt,claims}.go`).

use serde_json::Value;

use super::{AUTHENTICATED, User};
use crate::kernel::jwt;
use crate::kube::kinds::{self, Kind};
use crate::kube::store::Cluster;
use crate::world::World;

const PREFIX: &str = "system:serviceaccount:";
/// The issuer of tokens that never expire and lie in secrets.
const LEGACY_ISSUER: &str = "kubernetes/serviceaccount";

/// The audiences that the API server is, as AKS configures it.
pub fn audiences(world: &World, cluster: &Cluster) -> Vec<String> {
    let fqdn = &cluster.spec().fqdn;
    let own = [format!("https://{fqdn}"), format!("\"{fqdn}\"")];
    own.into_iter().chain(world.issuer_of_cluster(&cluster.id)).collect()
}

/// Namespace and name of the account that a user's name means.
pub fn account_name(user: &str) -> Option<(&str, &str)> {
    user.strip_prefix(PREFIX)?.split_once(':').filter(|(namespace, name)| !namespace.is_empty() && !name.is_empty())
}

/// The groups of an account.
pub(super) fn groups(namespace: &str) -> Vec<String> {
    vec!["system:serviceaccounts".into(), format!("system:serviceaccounts:{namespace}")]
}

/// The account that a token is of.
pub(super) fn authenticate(world: &World, cluster: &Cluster, shown: &str, audiences: &[String]) -> Option<User> {
    let unverified = jwt::parse(shown).ok()?.claims;
    let issuer = unverified["iss"].as_str()?;
    if issuer == LEGACY_ISSUER {
        return legacy(world, cluster, shown);
    }
    let own = format!("https://{}", cluster.spec().fqdn);
    if issuer != own && world.issuer_of_cluster(&cluster.id).as_deref() != Some(issuer) {
        return None;
    }
    let claims = world.workload_key.verify(shown).ok()?;
    let meant = |shown: &str| audiences.iter().any(|audience| audience == shown);
    let for_us = match &claims["aud"] {
        Value::String(one) => meant(one),
        many => many.as_array().is_some_and(|many| many.iter().filter_map(Value::as_str).any(meant)),
    };
    let now = world.clock.now().as_second();
    let in_time =
        claims["nbf"].as_i64().is_none_or(|from| from <= now) && claims["exp"].as_i64().is_some_and(|until| now < until);
    if !for_us || !in_time {
        return None;
    }
    of_claims(cluster, &claims)
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn of_claims(cluster: &Cluster, claims: &Value) -> Option<User> {
    let bound = &claims["kubernetes.io"];
    let (namespace, name) = (text(bound, "/namespace"), text(bound, "/serviceaccount/name"));
    let uid = text(bound, "/serviceaccount/uid");
    is_same(cluster, &kinds::SERVICE_ACCOUNTS, namespace, name, uid)?;
    let mut user = account(namespace, name, uid);
    let mut know = |key: &str, value: &str| {
        if !value.is_empty() {
            user.extra.insert(format!("authentication.kubernetes.io/{key}"), vec![value.to_owned()]);
        }
    };
    let credential = text(claims, "/jti");
    know("credential-id", &if credential.is_empty() { String::new() } else { format!("JTI={credential}") });
    for (kind, object) in [(*kinds::PODS, "pod"), (*kinds::SECRETS, "secret"), (*kinds::NODES, "node")] {
        let (its_name, its_uid) = (text(bound, &format!("/{object}/name")), text(bound, &format!("/{object}/uid")));
        if its_name.is_empty() {
            continue;
        }
        // A node that a pod's token tells about is no object that the token is bound to.
        if object != "node" || bound["pod"].is_null() {
            is_same(cluster, kind, namespace, its_name, its_uid)?;
        }
        if object != "secret" {
            know(&format!("{object}-name"), its_name);
            know(&format!("{object}-uid"), its_uid);
        }
    }
    Some(user)
}

fn account(namespace: &str, name: &str, uid: &str) -> User {
    let groups = groups(namespace).into_iter().chain([AUTHENTICATED.to_owned()]).collect();
    User { uid: uid.into(), ..User::named(&format!("{PREFIX}{namespace}:{name}"), groups) }
}

/// Whether an object is there and is the one that was meant.
fn is_same(cluster: &Cluster, kind: &Kind, namespace: &str, name: &str, uid: &str) -> Option<()> {
    let found = cluster.get(kind, namespace, name)?;
    (!uid.is_empty() && found["metadata"]["uid"] == uid).then_some(())
}

/// A token out of a secret of type `kubernetes.io/service-account-token`: good while the secret holds it.
fn legacy(world: &World, cluster: &Cluster, shown: &str) -> Option<User> {
    use base64::Engine as _;
    let claims = world.workload_key.verify(shown).ok()?;
    let claim = |name: &str| claims[format!("kubernetes.io/serviceaccount/{name}")].as_str().unwrap_or_default();
    let (namespace, name, uid) = (claim("namespace"), claim("service-account.name"), claim("service-account.uid"));
    is_same(cluster, &kinds::SERVICE_ACCOUNTS, namespace, name, uid)?;
    let secret = cluster.get(&kinds::SECRETS, namespace, claim("secret.name"))?;
    let held = base64::engine::general_purpose::STANDARD.decode(text(&secret, "/data/token")).ok()?;
    (held == shown.as_bytes()).then(|| account(namespace, name, uid))
}
