//! The only clock. Everything that asks for the time asks here, so that a scenario can be repeated to the byte and a test
//! never sleeps; `clippy.toml` forbids every other source of time.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

/// How the emulated time passes by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// With the wall clock.
    Real,
    /// Not at all: only [`Clock::advance`] moves it.
    Step,
}

/// The emulated time: a starting point, what has passed since, and what was skipped.
#[derive(Debug)]
pub struct Clock {
    pace: Pace,
    start: Timestamp,
    started: Instant,
    skipped_nanoseconds: AtomicI64,
}

/// Where the emulated time of [`Pace::Step`] begins, unless told otherwise: 2026-11-02T08:00:00Z, a Monday morning.
pub const STEP_START: Timestamp = Timestamp::constant(1_793_606_400, 0);

impl Clock {
    /// A clock that follows the wall clock, beginning now.
    pub fn real() -> Self {
        Self::new(Pace::Real, wall_now())
    }

    /// A clock that stands still at `start` until it is advanced.
    pub fn step(start: Timestamp) -> Self {
        Self::new(Pace::Step, start)
    }

    /// A fresh clock of the same pace: what a reset of the world wants.
    pub fn restarted(&self) -> Self {
        match self.pace {
            Pace::Real => Self::real(),
            Pace::Step => Self::step(self.start),
        }
    }

    #[expect(clippy::disallowed_methods, reason = "the one place where time enters")]
    fn new(pace: Pace, start: Timestamp) -> Self {
        Self { pace, start, started: Instant::now(), skipped_nanoseconds: AtomicI64::new(0) }
    }

    /// How this clock passes.
    pub fn pace(&self) -> Pace {
        self.pace
    }

    /// The emulated time.
    pub fn now(&self) -> Timestamp {
        let passed = match self.pace {
            Pace::Real => self.started.elapsed(),
            Pace::Step => Duration::ZERO,
        };
        let skipped = SignedDuration::from_nanos(self.skipped_nanoseconds.load(Ordering::SeqCst));
        self.start.saturating_add(passed).unwrap_or(Timestamp::MAX).saturating_add(skipped).unwrap_or(Timestamp::MAX)
    }

    /// Moves the time forward.
    pub fn advance(&self, by: Duration) {
        let nanoseconds = i64::try_from(by.as_nanos()).unwrap_or(i64::MAX);
        let _ = self
            .skipped_nanoseconds
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |skipped| Some(skipped.saturating_add(nanoseconds)));
    }
}

/// The wall clock's time: for what outsiders judge by their own clock (certificates), never for the world's state.
#[expect(clippy::disallowed_methods, reason = "the one place where time enters")]
pub fn wall_now() -> Timestamp {
    Timestamp::now()
}

/// RFC 3339 with whole seconds and `Z`, as Kubernetes writes times.
pub fn rfc3339_seconds(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// RFC 3339 with seven decimals and `Z`, as .NET services write times.
pub fn rfc3339_ticks(at: Timestamp) -> String {
    format!("{}.{:07}Z", at.strftime("%Y-%m-%dT%H:%M:%S"), at.subsec_nanosecond() / 100)
}

/// RFC 3339 with seven decimals and a numeric offset, as ARM's `systemData` writes times.
pub fn rfc3339_ticks_offset(at: Timestamp) -> String {
    format!("{}.{:07}+00:00", at.strftime("%Y-%m-%dT%H:%M:%S"), at.subsec_nanosecond() / 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_clock_moves_only_when_told() {
        let clock = Clock::step(STEP_START);
        assert_eq!(rfc3339_seconds(clock.now()), "2026-11-02T08:00:00Z");
        clock.advance(Duration::from_millis(1500));
        assert_eq!(rfc3339_ticks(clock.now()), "2026-11-02T08:00:01.5000000Z");
        assert_eq!(rfc3339_ticks_offset(clock.now()), "2026-11-02T08:00:01.5000000+00:00");
    }
}
