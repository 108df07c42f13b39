//! A StatefulSet's status: the counts, and which revision is current and which is being rolled out.

use serde_json::{Value, json};

use super::super::context::Context;
use super::super::object::*;
use super::super::revisions::HASH_LABEL;
use super::Set;
use crate::kube::store::Key;

/// Writes the status.
pub fn write(context: &mut Context, key: &Key, set: &Set) {
    let (current, update) = (name(&set.current).to_owned(), name(&set.revisions.update).to_owned());
    let of = |pod: &Value, revision: &str| label(pod, HASH_LABEL) == Some(revision);
    let pods: Vec<_> = set.pods.values().collect();
    let ready = pods.iter().filter(|pod| is_ready(pod)).count();
    let available = pods.iter().filter(|pod| set.is_available(context, pod)).count();
    let live: Vec<_> = pods.iter().filter(|pod| !is_terminating(pod)).collect();
    let mut with_current = live.iter().filter(|pod| of(pod, &current)).count();
    let with_update = live.iter().filter(|pod| of(pod, &update)).count();
    let all_ready = i64::try_from(ready) == Ok(set.wanted) && i64::try_from(pods.len()) == Ok(set.wanted);
    // The roll-out is complete: what was new is current.
    let complete = !set.on_delete() && with_update == pods.len() && all_ready;
    let current = if complete { update.clone() } else { current };
    if complete {
        with_current = with_update;
    }
    let mut status = json!({
        "observedGeneration": number(set.object(), "/metadata/generation").unwrap_or(1),
        "replicas": pods.len(),
        "currentRevision": current,
        "updateRevision": update,
        "collisionCount": number(set.object(), "/status/collisionCount").unwrap_or(0),
        "availableReplicas": available,
    });
    for (field, count) in [("readyReplicas", ready), ("currentReplicas", with_current), ("updatedReplicas", with_update)] {
        if count > 0 {
            status[field] = count.into();
        }
    }
    context.modify(key, |object| {
        map_at(object, &[]).insert("status".into(), status);
    });
}
