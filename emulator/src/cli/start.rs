//! Starting an emulator as the command line says.

use std::sync::Arc;

use super::{Failure, PaceArgument, StartArguments};
use crate::front::{Emulator, Options};
use crate::kernel::clock::{Clock, STEP_START};
use crate::kernel::ids::Ids;
use crate::world::Seed;

/// Starts an emulator; without an address it takes a free loopback port.
pub(super) async fn start(arguments: &StartArguments) -> Result<Emulator, Failure> {
    let seed = arguments.seed.as_deref().map(Seed::from_file).transpose()?.unwrap_or_default();
    let clock = match arguments.clock {
        PaceArgument::Real => Clock::real(),
        PaceArgument::Step => Clock::step(STEP_START),
    };
    let defaults = Options::local();
    let listen = arguments.listen.unwrap_or(defaults.listen);
    let options = Options { listen, seed, clock, ids: Ids::new(&arguments.id_seed), ..defaults };
    launch(options).await
}

/// Starts an emulator whose time stands still, on a free port.
pub(super) async fn start_stepping() -> Result<Arc<Emulator>, Failure> {
    launch(Options { clock: Clock::step(STEP_START), ..Options::local() }).await.map(Arc::new)
}

async fn launch(options: Options) -> Result<Emulator, Failure> {
    let address = options.listen;
    Emulator::start(options).await.map_err(|source| Failure::Listen { address, source })
}
