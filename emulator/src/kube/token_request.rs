//! The subresource `token` of service accounts: a token of the account for given audiences, which a cluster's issuer signs
//! (`registry/core/serviceaccount/storage/token.go`, `serviceaccount/claims.go`). Its key is what Entra finds behind the issuer's
//! address.

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::error::{Cause, Error};
use super::kinds;
use super::store::Cluster;
use crate::kernel::clock::rfc3339_seconds;
use crate::world::World;

/// Without a wish a token lives an hour.
const DEFAULT_SECONDS: i64 = 3600;

/// AKS shortens what is wished for to a day.
const AT_MOST_SECONDS: i64 = 24 * 3600;

/// A token for the account, in answer to a `TokenRequest`.
pub(super) fn answer(world: &World, cluster: &Cluster, account: &Value, request: &Value) -> Result<Value, Error> {
    let metadata = &account["metadata"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (namespace, name) = (text(&metadata["namespace"]), text(&metadata["name"]));
    let wished = request["spec"]["expirationSeconds"].as_i64().unwrap_or(DEFAULT_SECONDS);
    check(&name, wished)?;
    let seconds = wished.min(AT_MOST_SECONDS);
    let fqdn = &cluster.spec().fqdn;
    let issuer = world.issuer_of_cluster(&cluster.id).unwrap_or_else(|| format!("https://{fqdn}"));
    let given = request["spec"]["audiences"].as_array().filter(|audiences| !audiences.is_empty()).cloned();
    let audiences = given.unwrap_or_else(|| vec![json!(format!("https://{fqdn}")), json!(format!("\"{fqdn}\""))]);
    let now = world.clock.now();
    let mut bound = json!({ "namespace": namespace, "serviceaccount": { "name": name, "uid": metadata["uid"] } });
    bind(cluster, &mut bound, &request["spec"]["boundObjectRef"], (&namespace, &name))?;
    let claims = json!({
        "aud": audiences,
        "exp": now.as_second() + seconds,
        "iat": now.as_second(),
        "iss": issuer,
        "jti": world.ids.uuid(),
        "kubernetes.io": bound,
        "nbf": now.as_second(),
        "sub": format!("system:serviceaccount:{namespace}:{name}"),
    });
    let header = json!({ "alg": "RS256", "kid": world.workload_key.thumbprint() });
    let expires = now.saturating_add(SignedDuration::from_secs(seconds)).unwrap_or(now);
    Ok(json!({
        "kind": "TokenRequest",
        "apiVersion": "authentication.k8s.io/v1",
        "metadata": { "name": name, "namespace": namespace, "creationTimestamp": rfc3339_seconds(now) },
        "spec": { "audiences": audiences, "expirationSeconds": seconds, "boundObjectRef": request["spec"].get("boundObjectRef") },
        "status": { "token": world.workload_key.sign(&header, &claims), "expirationTimestamp": rfc3339_seconds(expires) },
    }))
}

/// Binds a token to the object that it shall end with; that of a pod tells its node too.
fn bind(cluster: &Cluster, bound: &mut Value, reference: &Value, (namespace, account): (&str, &str)) -> Result<(), Error> {
    if !reference.is_object() {
        return Ok(());
    }
    let text = |field: &str| reference[field].as_str().unwrap_or_default();
    let kind = match (text("apiVersion"), text("kind")) {
        ("v1", "Pod") => *kinds::PODS,
        ("v1", "Secret") => *kinds::SECRETS,
        ("v1", "Node") => *kinds::NODES,
        (version, kind) => {
            return Err(Error::bad_request(format!("cannot bind token to object of type {version}, Kind={kind}")));
        }
    };
    let name = text("name");
    let object = cluster.get(kind, namespace, name).ok_or_else(|| Error::not_found(kind, name))?;
    if kind.index == kinds::PODS.index && object["spec"]["serviceAccountName"] != account {
        let message =
            format!("cannot bind token for serviceaccount {account:?} to pod running with different serviceaccount name.");
        return Err(Error::bad_request(message));
    }
    let uid = &object["metadata"]["uid"];
    let asked = text("uid");
    if !asked.is_empty() && *uid != asked {
        let why = format!(
            "the UID in the bound object reference ({asked}) does not match the UID in record. \
             The object might have been deleted and then recreated"
        );
        return Err(Error::conflict_because(kind, name, &why));
    }
    bound[kind.singular()] = json!({ "name": name, "uid": uid });
    let node = object["spec"]["nodeName"].as_str().filter(|node| !node.is_empty());
    if let Some(node) = node {
        bound["node"] = json!({ "name": node });
        if let Some(found) = cluster.get(&kinds::NODES, "", node) {
            bound["node"]["uid"] = found["metadata"]["uid"].clone();
        }
    }
    Ok(())
}

/// A token lives at least ten minutes (`apis/authentication/validation`).
fn check(name: &str, seconds: i64) -> Result<(), Error> {
    let detail = match seconds {
        ..600 => "may not specify a duration less than 10 minutes",
        4_294_967_297.. => "may not specify a duration larger than 2^32 seconds",
        _ => return Ok(()),
    };
    let cause = Cause::invalid("spec.expirationSeconds", &seconds.into(), detail);
    Err(Error::invalid_named("authentication.k8s.io", "TokenRequest", name, &[cause]))
}
