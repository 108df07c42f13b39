//! How often a registry may be called: token buckets by kind of call, one of the registry and one of each caller, refilled over a
//! minute; one that is empty stays closed for the rest of the minute that it was last full in, so that `Retry-After` counts down. A call beyond them is refused only if the world's settings say so; else only deletions are counted, whose answers tell.
//! Source: Azure Container Registry documentation of service limits (2026), by SKU. That a bucket holds a minute's worth, how long
//! it stays closed, and that answers to deletions count down what is left of a second, is inferred from recorded values.

use std::collections::HashMap;

use axum::http::Method;
use jiff::Timestamp;
use parking_lot::Mutex;

use super::error::Error;
use super::route::Route;
use crate::world::World;

/// As many callers are told apart at most; beyond that all begin anew.
const CALLERS_AT_MOST: usize = 4096;

/// What a call is counted as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Read,
    Write,
    Delete,
    /// It counts as a read too.
    Referrers,
    SignIn,
}

impl Kind {
    /// What a call of a resource is counted as.
    pub fn of(route: &Route, method: &Method) -> Self {
        match (route, method) {
            (Route::Exchange | Route::Token, _) => Self::SignIn,
            (Route::Referrers(..), _) => Self::Referrers,
            (_, &Method::GET | &Method::HEAD) => Self::Read,
            (_, &Method::DELETE) => Self::Delete,
            _ => Self::Write,
        }
    }

    /// Calls in a minute of the whole registry, and of one caller.
    fn limits(self, premium: bool) -> (u32, Option<u32>) {
        let (whole, own) = match (self, premium) {
            (Self::Read, false) => (10_000, Some(5_000)),
            (Self::Read, true) => (20_000, Some(10_000)),
            (Self::Write, false) => (2_000, Some(1_000)),
            (Self::Write, true) => (4_000, Some(2_000)),
            (Self::Delete, false) => (1_000, Some(500)),
            (Self::Delete, true) => (4_000, Some(2_000)),
            (Self::Referrers, false) => (500, Some(250)),
            (Self::Referrers, true) => (2_000, Some(1_000)),
            (Self::SignIn, false) => (10_000, None),
            (Self::SignIn, true) => (20_000, None),
        };
        (whole, own)
    }
}

/// The buckets of a registry: by kind and caller; the registry's own are those without a caller.
#[derive(Debug, Default)]
pub(super) struct Buckets(Mutex<HashMap<(Kind, Option<String>), Bucket>>);

#[derive(Clone, Copy, Debug)]
struct Bucket {
    left: f64,
    at: Timestamp,
    full_at: Timestamp,
    closed: bool,
    /// Calls within the second of `at`.
    in_second: u32,
}

impl Bucket {
    /// Fills up for the time that has passed, up to a minute's worth.
    fn fill(&mut self, limit: u32, now: Timestamp) {
        let passed = now.duration_since(self.at).as_secs_f64().max(0.0);
        self.left = (self.left + passed * f64::from(limit) / 60.0).min(f64::from(limit));
        if self.wait(now) <= 0 {
            self.closed = false;
        }
        if self.left >= f64::from(limit) {
            self.full_at = now;
        }
        if now.as_second() != self.at.as_second() {
            self.in_second = 0;
        }
        self.at = now;
    }

    /// Seconds until the minute that it was last full in is over.
    fn wait(&self, now: Timestamp) -> i64 {
        (60.0 - now.duration_since(self.full_at).as_secs_f64()).ceil() as i64
    }
}

impl Buckets {
    /// Takes a call out of its buckets: how many are left in this second of the caller's, or for how many seconds to wait.
    fn spend(&self, kind: Kind, premium: bool, caller: &str, now: Timestamp) -> Result<u32, i64> {
        let mut buckets = self.0.lock();
        if buckets.len() >= CALLERS_AT_MOST {
            buckets.clear();
        }
        let kinds = if kind == Kind::Referrers { vec![Kind::Referrers, Kind::Read] } else { vec![kind] };
        let mut places = Vec::new();
        for kind in kinds {
            let (whole, own) = kind.limits(premium);
            places.push(((kind, None), whole));
            places.extend(own.map(|own| ((kind, Some(caller.to_owned())), own)));
        }
        let mut wait = 0;
        for (place, limit) in &places {
            let full = Bucket { left: f64::from(*limit), at: now, full_at: now, closed: false, in_second: 0 };
            let bucket = buckets.entry(place.clone()).or_insert(full);
            bucket.fill(*limit, now);
            if bucket.left < 1.0 {
                bucket.closed = true;
            }
            if bucket.closed {
                wait = wait.max(bucket.wait(now)).max(1);
            }
        }
        if wait > 0 {
            return Err(wait);
        }
        let mut left = 0;
        for (place, limit) in places {
            if let Some(bucket) = buckets.get_mut(&place) {
                bucket.left -= 1.0;
                left = (limit / 60).saturating_sub(bucket.in_second);
                bucket.in_second += 1;
            }
        }
        Ok(left)
    }
}

/// Counts a call, and refuses it if there were too many and the world refuses such. All without a name are one caller.
pub(super) fn spend(world: &World, registry: &super::store::Registry, kind: Kind, caller: &str) -> Result<u32, Error> {
    let refuses = world.settings.values().registry_throttling;
    // What nobody sees need not be counted.
    if registry.public || !(refuses || kind == Kind::Delete) {
        return Ok(0);
    }
    let premium = registry.settings.read().premium;
    match registry.buckets.spend(kind, premium, caller, world.clock.now()) {
        Ok(left) => Ok(left),
        Err(wait) if refuses => Err(Error::too_many_requests(wait)),
        Err(_) => Ok(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_holds_a_minute_and_is_refilled() {
        let buckets = Buckets::default();
        let at = |second| Timestamp::from_second(second).expect("in range");
        for call in 0..250 {
            assert!(buckets.spend(Kind::Referrers, false, "a", at(0)).is_ok(), "{call}");
        }
        assert_eq!(buckets.spend(Kind::Referrers, false, "a", at(0)), Err(60));
        assert!(buckets.spend(Kind::Referrers, false, "b", at(0)).is_ok(), "another caller has its own");
        assert!(buckets.spend(Kind::Read, false, "a", at(0)).is_ok(), "reading is counted apart");
        assert_eq!(buckets.spend(Kind::Referrers, false, "a", at(20)), Err(40), "the time to wait counts down");
        assert!(buckets.spend(Kind::Referrers, false, "a", at(60)).is_ok());
    }

    #[test]
    fn deletions_count_down_a_second() {
        let buckets = Buckets::default();
        let at = |second| Timestamp::from_second(second).expect("in range");
        assert_eq!(buckets.spend(Kind::Delete, false, "a", at(0)), Ok(8));
        assert_eq!(buckets.spend(Kind::Delete, false, "a", at(0)), Ok(7));
        assert_eq!(buckets.spend(Kind::Delete, false, "a", at(1)), Ok(8));
    }
}
