//! What is due: takes events out of the timeline and hands each to its plane.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::acr;
use crate::arm;
use crate::kernel::clock::Pace;
use crate::kube;
use crate::world::{Due, Universe, World};

/// Does everything that is due by now, in order.
pub fn run(world: &Arc<World>) {
    while let Some((_, event)) = world.timeline.pop_due(world.clock.now()) {
        perform(world, event);
    }
}

/// Moves the time forward, stopping at each event on the way so that it happens at its own time.
pub fn advance(world: &Arc<World>, by: Duration) {
    let until = world.clock.now().saturating_add(by).unwrap_or(jiff::Timestamp::MAX);
    run(world);
    while let Some(at) = world.timeline.next_at().filter(|at| *at <= until) {
        skip_to(world, at);
        run(world);
    }
    skip_to(world, until);
    // Who waits for the next event has waited for a part of that time already.
    world.timeline.wake();
}

fn skip_to(world: &World, at: jiff::Timestamp) {
    if let Ok(by) = Duration::try_from(at.duration_since(world.clock.now())) {
        world.clock.advance(by);
    }
}

fn perform(world: &Arc<World>, event: Due) {
    match event {
        Due::Arm => arm::due(world),
        Due::Registry(login_server) => acr::retention::due(world, &login_server),
        Due::LooseBlobs(login_server) => acr::retention::free(world, &login_server),
        Due::Kube(event) => kube::due(world, event),
    }
}

/// Does what is due as real time passes, until told to stop. With a step clock there is nothing to wait for.
#[expect(clippy::disallowed_methods, reason = "the one place where the timeline meets real time")]
pub async fn drive(universe: Arc<Universe>, mut stopped: watch::Receiver<bool>) {
    loop {
        let world = universe.world();
        run(&world);
        let next = world.timeline.next_at().filter(|_| world.clock.pace() == Pace::Real);
        let wait = next.map(|at| Duration::try_from(at.duration_since(world.clock.now())).unwrap_or_default());
        tokio::select! {
            // Also when a reset has put another world in this one's place.
            () = world.timeline.changed() => {}
            () = tokio::time::sleep(wait.unwrap_or_default()), if wait.is_some() => {}
            _ = stopped.wait_for(|stopped| *stopped) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;
    use crate::kernel::clock::{Clock, STEP_START};
    use crate::kernel::ids::Ids;
    use crate::kernel::jwt::SigningKey;
    use crate::world::Seed;

    fn universe() -> Universe {
        let key = Arc::new(SigningKey::default());
        Universe::new(World::new(
            Seed::default(),
            Clock::step(STEP_START),
            Ids::new("test"),
            key,
            "".into(),
            std::env::temp_dir(),
        ))
    }

    fn is_woken(world: &World) -> bool {
        world.timeline.changed().now_or_never().is_some()
    }

    #[test]
    fn a_skip_of_time_and_a_reset_wake_who_waits_for_the_next_event() {
        let universe = universe();
        let world = universe.world();
        while is_woken(&world) {}
        advance(&world, Duration::from_secs(1));
        assert!(is_woken(&world), "what is due next is due sooner by now");
        assert!(!is_woken(&world));
        universe.reset();
        assert!(is_woken(&world), "another world is in its place");
    }
}
