//! The arithmetic of a rolling update: how many pods more or fewer each ReplicaSet of a Deployment gets next.
//! Rule: the Deployment controller of kube-controller-manager (`maxSurge` rounds up, `maxUnavailable` down; unhealthy old pods
//! go first; the new ReplicaSet never makes the total exceed desired + surge, the old ones never let the available pods fall
//! below desired − unavailable).

use serde_json::Value;

use super::object::{number, text};

/// What the arithmetic knows of a ReplicaSet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replicas {
    /// `spec.replicas`.
    pub wanted: i64,
    /// `status.availableReplicas`.
    pub available: i64,
}

impl Replicas {
    /// Of a ReplicaSet.
    pub fn of(replica_set: &Value) -> Self {
        Self {
            wanted: number(replica_set, "/spec/replicas").unwrap_or(1),
            available: number(replica_set, "/status/availableReplicas").unwrap_or(0),
        }
    }
}

/// What a Deployment wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// `spec.replicas`.
    pub desired: i64,
    /// How many pods may be there beyond `desired`.
    pub max_surge: i64,
    /// How many may be missing.
    pub max_unavailable: i64,
}

impl Bounds {
    /// Of a Deployment.
    pub fn of(deployment: &Value) -> Self {
        let desired = number(deployment, "/spec/replicas").unwrap_or(1);
        if text(deployment, "/spec/strategy/type") == "Recreate" {
            return Self { desired, max_surge: 0, max_unavailable: 0 };
        }
        let bound = |field: &str, up: bool| {
            let value = deployment.pointer(&format!("/spec/strategy/rollingUpdate/{field}"));
            scaled(value, desired, up)
        };
        let max_surge = bound("maxSurge", true);
        let max_unavailable = bound("maxUnavailable", false);
        // Both zero would mean that nothing can ever move.
        let max_unavailable = if max_surge == 0 && max_unavailable == 0 { 1 } else { max_unavailable };
        Self { desired, max_surge, max_unavailable: max_unavailable.min(desired) }
    }

    /// The most pods there may be: the annotation `deployment.kubernetes.io/max-replicas`.
    pub fn max_replicas(self) -> i64 {
        self.desired + self.max_surge
    }
}

/// A count or a percentage of `total`; 25 % if absent.
pub fn scaled(value: Option<&Value>, total: i64, up: bool) -> i64 {
    let percent = match value {
        Some(Value::Number(count)) => return count.as_i64().unwrap_or(0).max(0),
        Some(Value::String(text)) => match text.strip_suffix('%').and_then(|digits| digits.parse::<i64>().ok()) {
            Some(percent) => percent.max(0),
            None => return text.parse().unwrap_or(0),
        },
        _ => 25,
    };
    let product = percent.saturating_mul(total);
    if up { product.saturating_add(99) / 100 } else { product / 100 }
}

/// How many replicas the new ReplicaSet gets next; `old` are all others.
pub fn next_new(bounds: Bounds, new_wanted: i64, old: &[Replicas]) -> i64 {
    if new_wanted >= bounds.desired {
        return bounds.desired;
    }
    let current = new_wanted + old.iter().map(|set| set.wanted).sum::<i64>();
    let room = bounds.max_replicas() - current;
    new_wanted + room.clamp(0, bounds.desired - new_wanted)
}

/// How many replicas each old ReplicaSet keeps, the oldest first.
pub fn next_old(bounds: Bounds, new: Replicas, old: &[Replicas]) -> Vec<i64> {
    let mut kept: Vec<i64> = old.iter().map(|set| set.wanted).collect();
    let total = new.wanted + kept.iter().sum::<i64>();
    let min_available = bounds.desired - bounds.max_unavailable;
    let mut budget = total - min_available - (new.wanted - new.available).max(0);
    if budget <= 0 {
        return kept;
    }
    // Pods that are not available anyway cost nothing.
    for (kept, set) in kept.iter_mut().zip(old) {
        let unhealthy = (set.wanted - set.available).clamp(0, budget);
        *kept -= unhealthy;
        budget -= unhealthy;
    }
    let available = new.available + old.iter().map(|set| set.available).sum::<i64>();
    let mut spare = available - min_available;
    for kept in &mut kept {
        let fewer = spare.clamp(0, *kept);
        *kept -= fewer;
        spare -= fewer;
    }
    kept
}

/// Shares a changed total among several active ReplicaSets in proportion to what they have, the largest taking what rounding
/// leaves over: what happens when a Deployment is scaled in the middle of a roll-out.
pub fn proportional(bounds: Bounds, sizes: &[i64]) -> Vec<i64> {
    let total: i64 = sizes.iter().sum();
    let allowed = if bounds.desired > 0 { bounds.max_replicas() } else { 0 };
    if total == 0 {
        return sizes.to_vec();
    }
    let mut shares: Vec<i64> = sizes.iter().map(|size| (size * allowed + total / 2) / total).collect();
    let left_over = allowed - shares.iter().sum::<i64>();
    let largest = (0..sizes.len()).rev().max_by_key(|index| sizes[*index]);
    if let Some(share) = largest.and_then(|index| shares.get_mut(index)) {
        *share = (*share + left_over).max(0);
    }
    shares
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn bounds(desired: i64, surge: Value, unavailable: Value) -> Bounds {
        Bounds::of(&json!({"spec": {"replicas": desired, "strategy": {"type": "RollingUpdate",
            "rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable}}}}))
    }

    #[test]
    fn surge_rounds_up_and_unavailable_down() {
        let two = bounds(2, json!("25%"), json!("25%"));
        assert_eq!((two.max_surge, two.max_unavailable), (1, 0));
        let ten = bounds(10, json!("25%"), json!("25%"));
        assert_eq!((ten.max_surge, ten.max_unavailable), (3, 2));
        let zero = bounds(3, json!(0), json!("0%"));
        assert_eq!((zero.max_surge, zero.max_unavailable), (0, 1));
        assert_eq!(bounds(1, json!(0), json!(5)).max_unavailable, 1);
    }

    #[test]
    fn two_replicas_roll_one_by_one() {
        let bounds = bounds(2, json!("25%"), json!("25%"));
        let full = |wanted| Replicas { wanted, available: wanted };
        assert_eq!(next_new(bounds, 0, &[full(2)]), 1);
        assert_eq!(next_old(bounds, Replicas { wanted: 1, available: 0 }, &[full(2)]), [2]);
        assert_eq!(next_old(bounds, full(1), &[full(2)]), [1]);
        assert_eq!(next_new(bounds, 1, &[full(1)]), 2);
        assert_eq!(next_old(bounds, full(2), &[full(1)]), [0]);
    }

    #[test]
    fn a_roll_out_that_cannot_start_leaves_the_old_pods() {
        let bounds = bounds(2, json!("25%"), json!("25%"));
        let stuck = Replicas { wanted: 1, available: 0 };
        assert_eq!(next_new(bounds, 1, &[Replicas { wanted: 2, available: 2 }]), 1);
        assert_eq!(next_old(bounds, stuck, &[Replicas { wanted: 2, available: 2 }]), [2]);
    }

    #[test]
    fn unhealthy_old_pods_go_first() {
        let bounds = bounds(4, json!(1), json!(1));
        let old = [Replicas { wanted: 3, available: 3 }, Replicas { wanted: 2, available: 0 }];
        assert_eq!(next_old(bounds, Replicas { wanted: 0, available: 0 }, &old), [3, 0]);
    }

    #[test]
    fn any_roll_out_ends_and_keeps_its_bounds() {
        for desired in 0..12 {
            for surge in 0..4 {
                for unavailable in 0..4 {
                    let bounds = bounds(desired, json!(surge), json!(unavailable));
                    let (mut new, mut old) = (0, desired);
                    for _ in 0..100 {
                        new = next_new(bounds, new, &[Replicas { wanted: old, available: old }]);
                        assert!(new + old <= bounds.max_replicas().max(desired));
                        old = next_old(
                            bounds,
                            Replicas { wanted: new, available: new },
                            &[Replicas { wanted: old, available: old }],
                        )[0];
                        assert!(new + old >= desired - bounds.max_unavailable);
                    }
                    assert_eq!((new, old), (desired, 0), "{bounds:?}");
                }
            }
        }
    }

    #[test]
    fn a_changed_total_is_shared_in_proportion() {
        let bounds = bounds(8, json!(2), json!(0));
        assert_eq!(proportional(bounds, &[3, 2]), [6, 4]);
        assert_eq!(proportional(bounds, &[4, 1]).iter().sum::<i64>(), 10);
    }
}
