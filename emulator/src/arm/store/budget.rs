//! Rate budgets: token buckets per subscription, principal and kind of request, and a larger one of the subscription beside it.
//! Source: Azure's documentation of request limits ("Understand how Azure Resource Manager throttles requests").

use std::collections::HashMap;

use jiff::Timestamp;
use parking_lot::Mutex;
use uuid::Uuid;

/// A bucket of the subscription is so many times as large as one of a principal in it.
const SHARED: i64 = 15;

/// What a request is counted as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Spending {
    /// GET and HEAD.
    Reads,
    /// PUT, PATCH and every POST.
    Writes,
    /// DELETE.
    Deletes,
}

impl Spending {
    /// How headers name it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reads => "reads",
            Self::Writes => "writes",
            Self::Deletes => "deletes",
        }
    }

    /// How the message of a refusal names one of them.
    pub fn singular(self) -> &'static str {
        self.as_str().trim_end_matches('s')
    }

    /// The size of a principal's bucket, and how much of it is refilled in a second.
    fn rate(self) -> (i64, i64) {
        match self {
            Self::Reads => (250, 25),
            Self::Writes | Self::Deletes => (200, 10),
        }
    }
}

/// What is left after a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Left {
    /// As what it was counted.
    pub spending: Spending,
    /// Of the caller's bucket.
    pub own: i64,
    /// Of the subscription's; none for a request without a subscription.
    pub shared: Option<i64>,
}

/// Where a bucket belongs: a subscription or the tenant, a principal or all of them, a kind of request.
type Place = (Option<Uuid>, Option<Uuid>, Spending);

/// All buckets.
#[derive(Debug, Default)]
pub struct Budgets {
    /// What is left, in thousandths, and when it was counted.
    buckets: Mutex<HashMap<Place, (i64, Timestamp)>>,
}

impl Budgets {
    /// Takes one for a request and says what is left. If there is none and that `refuses`, the error is in how many seconds there
    /// will be one again.
    pub fn spend(
        &self,
        (subscription, principal): (Option<Uuid>, Uuid),
        spending: Spending,
        now: Timestamp,
        refuses: bool,
    ) -> Result<Left, i64> {
        let (full, per_second) = spending.rate();
        let mut buckets = self.buckets.lock();
        let mut take = |place: Place, full: i64, per_second: i64| {
            let (left, since) = buckets.entry(place).or_insert((full * 1000, now));
            let refill = now.duration_since(*since).as_millis() * i128::from(per_second);
            let refilled = left.saturating_add(i64::try_from(refill).unwrap_or(i64::MAX)).min(full * 1000);
            let empty = refilled < 1000;
            (*left, *since) = (if empty { refilled } else { refilled - 1000 }, now);
            // From milliseconds to a whole second upwards.
            (*left / 1000, empty.then(|| (1000 - refilled + per_second * 1000 - 1) / (per_second * 1000)))
        };
        let (own, missing) = take((subscription, Some(principal), spending), full, per_second);
        let shared = subscription.map(|_| take((subscription, None, spending), full * SHARED, per_second * SHARED));
        let missing = missing.or(shared.and_then(|(_, missing)| missing));
        match missing {
            Some(seconds) if refuses => Err(seconds.max(1)),
            _ => Ok(Left { spending, own, shared: shared.map(|(left, _)| left) }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millisecond: i64) -> Timestamp {
        Timestamp::from_millisecond(millisecond).expect("in range")
    }

    #[test]
    fn a_budget_falls_and_refills() {
        let budgets = Budgets::default();
        let (one, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let spend = |who, when| budgets.spend((Some(one), who), Spending::Reads, at(when), false).expect("nothing is refused");
        assert_eq!(spend(one, 0), Left { spending: Spending::Reads, own: 249, shared: Some(3749) });
        assert_eq!(spend(one, 0).own, 248);
        assert_eq!((spend(other, 0).own, spend(other, 0).shared), (249, Some(3746)));
        assert_eq!(spend(one, 60_000).own, 249);
    }

    #[test]
    fn an_empty_budget_refuses_if_told_to() {
        let budgets = Budgets::default();
        let spend = |when| budgets.spend((None, Uuid::nil()), Spending::Deletes, at(when), true);
        for _ in 0..200 {
            assert!(spend(0).is_ok());
        }
        assert_eq!(spend(0), Err(1));
        assert!(spend(99).is_err() && spend(100).is_ok() && spend(100).is_err());
    }
}
