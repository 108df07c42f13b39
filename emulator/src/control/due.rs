//! What is due: takes events out of the timeline and hands each to its plane.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

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
}

fn skip_to(world: &World, at: jiff::Timestamp) {
    if let Ok(by) = Duration::try_from(at.duration_since(world.clock.now())) {
        world.clock.advance(by);
    }
}

fn perform(world: &Arc<World>, event: Due) {
    match event {
        Due::Kube(event) => kube::due(world, event),
    }
}

/// Does what is due as real time passes, until told to stop. With a step clock there is nothing to wait for.
pub async fn drive(universe: Arc<Universe>, mut stopped: watch::Receiver<bool>) {
    loop {
        let world = universe.world();
        run(&world);
        let wait = match (world.clock.pace(), world.timeline.next_at()) {
            (Pace::Real, Some(at)) => Duration::try_from(at.duration_since(world.clock.now())).unwrap_or_default(),
            // A reset replaces the world, timeline and all: look again now and then.
            _ => Duration::from_secs(1),
        };
        tokio::select! {
            () = world.timeline.changed() => {}
            _ = tokio::time::timeout(wait, std::future::pending::<()>()) => {}
            _ = stopped.wait_for(|stopped| *stopped) => return,
        }
    }
}
