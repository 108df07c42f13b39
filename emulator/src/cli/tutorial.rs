//! `azlet tutorial`.

use std::process::ExitCode;

use super::Failure;
use super::start::start_stepping;

/// Plays the tutorial.
pub(super) async fn run() -> Result<ExitCode, Failure> {
    let _emulator = start_stepping().await?;
    Err(Failure::Tutorial("not built yet".into()))
}
