//! What is done to a cluster as a whole: stop, start, abort, new certificates, keys and credentials, and the images of its nodes.
//!
//! All are long operations: 202 with both URLs, and what they change is changed at their end. Sources: AKS' REST reference and
//! recorded answers; inferred refusals say so.

use serde_json::{Map, Value, json};

use super::super::super::Request;
use super::super::super::error::Error;
use super::super::super::headers::Answer;
use super::super::super::store::{Ending, Resource};
use super::{accepted, agent_pools, begin, begin_ending, body, clusters, errors, guard, identities, states};
use crate::kernel::ids::HEX;
use crate::kernel::resource_id::ResourceId;
use crate::kube;
use crate::kube::spec::{ClusterSpec, KubeletIdentity};
use crate::world::World;

/// The step at whose end a cluster's credentials are new ones.
const NEW_CREDENTIALS: &str = "new credentials";

/// Begins an operation on a cluster, which is `changing` until its end.
fn operate(request: &Request<'_>, cluster: &Resource, changing: &'static str, ending: Ending) -> Answer {
    let resource = Resource {
        changing,
        settled_at: request.settles_at(),
        settles_as: "Succeeded",
        system_data: cluster.system_data.changed(&request.caller, request.now),
        ..cluster.clone()
    };
    let resource = request.world.arm.put_resource(resource);
    accepted(begin_ending(request, &resource.id, resource.location.as_deref().unwrap_or_default(), changing, ending))
}

/// Stops a cluster with its nodes.
pub(super) fn stop(request: &Request<'_>) -> Result<Answer, Error> {
    let cluster = request.resource()?;
    Ok(operate(request, &cluster, "Stopping", Ending::Become(states::powered(&cluster, "Stopped"))))
}

/// Starts a stopped cluster with its nodes.
pub(super) fn start(request: &Request<'_>) -> Result<Answer, Error> {
    let cluster = request.resource()?;
    Ok(operate(request, &cluster, "Starting", Ending::Become(states::powered(&cluster, "Running"))))
}

/// Ends what runs on a cluster, or on the pool that is named, before its time. What it has changed by then stays changed.
pub(super) fn abort(request: &Request<'_>) -> Result<Answer, Error> {
    let of_pool = request.known.kind.name.contains("agentPools");
    let (cluster, target) = if of_pool {
        let cluster = agent_pools::cluster(request)?;
        let name = agent_pools::pool_name(request);
        agent_pools::position(&agent_pools::profiles(&cluster.properties), name).ok_or_else(|| errors::pool_not_found(name))?;
        let target = cluster.id.join(&format!("agentPools/{name}"));
        (cluster, target)
    } else {
        let cluster = request.resource()?;
        let id = cluster.id.clone();
        (cluster, id)
    };
    let running = request.world.arm.running(&target, request.now);
    let operation = running.last().filter(|operation| operation.running != "Canceling");
    let operation = operation.ok_or_else(|| guard::nothing_to_abort(target.name()))?;
    let error = ("OperationAborted".to_owned(), "The operation was aborted.".to_owned());
    request.world.arm.stop_operation(&operation.name, request.now, "Canceled", Some(error));
    let answer = canceling(request, &cluster, &target);
    request.world.arm.settle(&target, request.settles_at(), "Canceled");
    Ok(if of_pool { answer } else { answer.with_body(clusters::render(request, &cluster, "Canceling")) })
}

/// The state while it is ended. Recorded: the answer shows the cluster; that a pool's shows nothing is inferred.
fn canceling(request: &Request<'_>, cluster: &Resource, target: &ResourceId) -> Answer {
    let resource =
        Resource { changing: "Canceling", settled_at: request.settles_at(), settles_as: "Succeeded", ..cluster.clone() };
    let resource = request.world.arm.put_resource(resource);
    accepted(begin(request, target, resource.location.as_deref().unwrap_or_default(), "Canceling"))
}

/// Gives a cluster new certificates: every kubeconfig that was handed out before stops working.
pub(super) fn rotate_certificates(request: &Request<'_>) -> Result<Answer, Error> {
    let cluster = request.resource()?;
    Ok(operate(request, &cluster, "RotatingClusterCertificates", Ending::Step(NEW_CREDENTIALS)))
}

/// Gives a cluster new keys to sign service accounts' tokens with; azlet's clusters do not sign any, so nothing else changes.
pub(super) fn rotate_signing_keys(request: &Request<'_>) -> Result<Answer, Error> {
    let cluster = request.resource()?;
    Ok(operate(request, &cluster, "RotatingServiceAccountSigningKeys", Ending::Nothing))
}

/// A step at the end of an operation on a cluster.
pub(super) fn ended(world: &World, cluster: &Resource, step: &str) {
    if step != NEW_CREDENTIALS {
        return;
    }
    if let Some(running) = world.kube.by_arm_id(&cluster.id) {
        let token = || world.ids.text(128, HEX);
        let (user_token, admin_token, monitoring_token) = (token(), token(), token());
        kube::reconfigure(world, ClusterSpec { user_token, admin_token, monitoring_token, ..(*running.spec()).clone() });
    }
}

fn text<'a>(request: &'a Request<'_>, member: &str) -> Option<&'a str> {
    request.body.get(member).and_then(Value::as_str).filter(|text| !text.is_empty())
}

/// Gives a cluster with a service principal another one, or its new secret.
pub(super) fn reset_service_principal(request: &Request<'_>) -> Result<Answer, Error> {
    let cluster = request.resource()?;
    if cluster.identity.is_some() {
        return Err(errors::no_service_principal());
    }
    let client_id = text(request, "clientId").ok_or_else(|| errors::invalid_parameter("clientId"))?;
    let identity = identities::application(request, client_id)?;
    identities::check_secret(request, identity.client_id, text(request, "secret"), false)?;
    let mut properties = cluster.properties.clone();
    properties.insert("servicePrincipalProfile".into(), json!({ "clientId": client_id }));
    Ok(operate(request, &cluster, "Updating", Ending::Become(properties)))
}

/// Whom the kubelets of a cluster with a service principal are: that application.
pub(super) fn kubelet_of_service_principal(world: &World, cluster: &Resource) -> Option<KubeletIdentity> {
    if cluster.identity.is_some() {
        return None;
    }
    let client_id = cluster.properties.get("servicePrincipalProfile")?["clientId"].as_str()?;
    let principal = world.directory.by_app_id(uuid::Uuid::try_parse(client_id).ok()?)?;
    Some(KubeletIdentity { object_id: principal.object_id, client_id: principal.app_id()? })
}

/// Changes the applications of the former integration with Entra. Clusters without it, and those whose integration AKS manages,
/// have none (both refusals are inferred).
pub(super) fn reset_aad(request: &Request<'_>) -> Result<Answer, Error> {
    let cluster = request.resource()?;
    let profile = cluster.properties.get("aadProfile").and_then(Value::as_object).ok_or_else(errors::no_aad_profile)?;
    if profile.get("managed") == Some(&json!(true)) {
        return Err(errors::managed_aad_profile());
    }
    let mut profile: Map<String, Value> = profile.clone();
    for member in ["clientAppID", "serverAppID"] {
        let given = text(request, member).ok_or_else(|| errors::invalid_parameter(member))?;
        profile.insert(member.into(), json!(given));
    }
    if let Some(tenant) = text(request, "tenantID") {
        profile.insert("tenantID".into(), json!(tenant));
    }
    let mut properties = cluster.properties.clone();
    properties.insert("aadProfile".into(), Value::Object(profile));
    Ok(operate(request, &cluster, "Updating", Ending::Become(properties)))
}

/// Gives a pool's nodes the newest image; the answer shows the pool as it still is.
pub(super) fn upgrade_node_image(request: &Request<'_>) -> Result<Answer, Error> {
    let cluster = agent_pools::cluster(request)?;
    let name = agent_pools::pool_name(request);
    let mut pools = agent_pools::profiles(&cluster.properties);
    let position = agent_pools::position(&pools, name).ok_or_else(|| errors::pool_not_found(name))?;
    let before = pools[position].clone();
    let none = Map::new();
    let mut older = before.as_object().cloned().unwrap_or_default();
    older.remove("nodeImageVersion");
    pools[position] = Value::Object(body::pool_of(&cluster.properties, &older, &none));
    let mut properties = cluster.properties.clone();
    properties.insert("agentPoolProfiles".into(), Value::Array(pools));

    let running = "UpgradingNodeImageVersion";
    let resource =
        Resource { changing: "Updating", settled_at: request.settles_at(), settles_as: "Succeeded", ..(*cluster).clone() };
    let resource = request.world.arm.put_resource(resource);
    let shown = agent_pools::render(request, &resource, &before, running);
    let pool = resource.id.join(&format!("agentPools/{name}"));
    let location = resource.location.clone().unwrap_or_default();
    let begun = begin_ending(request, &pool, &location, running, Ending::Become(properties));
    Ok(accepted(begun).with_body(shown))
}
