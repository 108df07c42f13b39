//! The address of a Service of type `LoadBalancer`: pending at first, then one of a range that is kept for documentation (RFC 5737),
//! or one of the nodes' network where an annotation asks for an internal load balancer.
//! Rule: the service controller of Kubernetes (finalizer, events) and Azure's cloud provider (annotations). How long Azure takes is a
//! matter of tens of seconds; here it is three.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::super::context::Context;
use super::super::object::*;
use crate::kube::kinds;
use crate::kube::store::Key;

const FINALIZER: &str = "service.kubernetes.io/load-balancer-cleanup";
const INTERNAL: &str = "service.beta.kubernetes.io/azure-load-balancer-internal";
const WANTED_ADDRESS: &str = "service.beta.kubernetes.io/azure-load-balancer-ipv4";
const COMPONENT: &str = "service-controller";
/// How long a load balancer takes.
const TAKES: SignedDuration = SignedDuration::from_secs(3);

/// Gives a Service its load balancer, or takes it away.
pub fn sync(context: &mut Context, key: &Key, service: Option<&Value>) {
    let Some(service) = service else {
        context.memory.balancers.remove(key);
        return;
    };
    let wanted = text(service, "/spec/type") == "LoadBalancer"
        && service["spec"]["loadBalancerClass"].is_null()
        && !is_terminating(service);
    let has = items(service, "/metadata/finalizers").iter().any(|finalizer| finalizer == FINALIZER);
    if wanted {
        ensure(context, key, service);
    } else if has {
        end(context, key, service);
    }
}

fn ensure(context: &mut Context, key: &Key, service: &Value) {
    let is_there = !items(service, "/status/loadBalancer/ingress").is_empty();
    let now = context.now();
    match context.memory.balancers.get(key) {
        // What a cluster has is kept over a change of its ports.
        _ if is_there => {}
        None => {
            let ready = now.saturating_add(TAKES).unwrap_or(now);
            context.memory.balancers.insert(key.clone(), ready);
            context.reconsider_at(ready, key);
            context.modify(key, |service| {
                let mut finalizers = items(service, "/metadata/finalizers").to_vec();
                if !finalizers.iter().any(|finalizer| finalizer == FINALIZER) {
                    finalizers.push(FINALIZER.into());
                    map_at(service, &["metadata"]).insert("finalizers".into(), finalizers.into());
                }
            });
            tell(context, service, "EnsuringLoadBalancer", "Ensuring load balancer");
        }
        Some(ready) if *ready <= now => {
            context.memory.balancers.remove(key);
            let address = address(context, service);
            context.modify(key, |service| {
                map_at(service, &["status", "loadBalancer"]).insert("ingress".into(), json!([{"ip": address, "ipMode": "VIP"}]));
            });
            tell(context, service, "EnsuredLoadBalancer", "Ensured load balancer");
        }
        Some(_) => {}
    }
}

fn end(context: &mut Context, key: &Key, service: &Value) {
    context.memory.balancers.remove(key);
    tell(context, service, "DeletingLoadBalancer", "Deleting load balancer");
    context.modify(key, |service| {
        map_at(service, &["status"]).insert("loadBalancer".into(), json!({}));
        let mut finalizers = items(service, "/metadata/finalizers").to_vec();
        finalizers.retain(|finalizer| finalizer != FINALIZER);
        if finalizers.is_empty() {
            map_at(service, &["metadata"]).shift_remove("finalizers");
        } else {
            map_at(service, &["metadata"]).insert("finalizers".into(), finalizers.into());
        }
    });
    tell(context, service, "DeletedLoadBalancer", "Deleted load balancer");
}

/// The address that is asked for, or the first that no other Service has.
fn address(context: &Context, service: &Value) -> String {
    let asked = annotation(service, WANTED_ADDRESS).unwrap_or_else(|| text(service, "/spec/loadBalancerIP"));
    if !asked.is_empty() {
        return asked.to_owned();
    }
    let (services, _) = context.cluster.list(&kinds::SERVICES, None);
    let taken: BTreeSet<&str> = services
        .iter()
        .flat_map(|service| items(service, "/status/loadBalancer/ingress"))
        .map(|ingress| text(ingress, "/ip"))
        .collect();
    let candidate = |number: u32| match annotation(service, INTERNAL) {
        Some("true") => format!("10.224.{}.{}", 128 + number / 250, number % 250 + 4),
        _ => format!("{}.{}", ["203.0.113", "198.51.100"][usize::try_from(number / 250).unwrap_or(0) % 2], number % 250 + 4),
    };
    // A cluster of Azure's has no more than 500 public addresses either.
    (0..500).map(candidate).find(|address| !taken.contains(address.as_str())).unwrap_or_else(|| candidate(0))
}

fn tell(context: &mut Context, service: &Value, reason: &str, message: &str) {
    context.event(&kinds::SERVICES, service, "Normal", reason, message, COMPONENT);
}
