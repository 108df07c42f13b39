//! `azlet up`: an emulator that stays until it is interrupted.

use std::process::ExitCode;

use tokio::signal::unix::{SignalKind, signal};

use super::signals::received;
use super::start::start;
use super::state::State;
use super::{Failure, UpArguments};
use crate::front::Options;

/// The port of `up`, unless told otherwise.
const DEFAULT_PORT: u16 = 4280;

/// Starts an emulator, says where it is, and keeps it until interrupted.
pub(super) async fn run(mut arguments: UpArguments) -> Result<ExitCode, Failure> {
    let mut address = Options::local().listen;
    address.set_port(DEFAULT_PORT);
    let listen = *arguments.start.listen.get_or_insert(address);
    let root = arguments.state.unwrap_or_else(State::default_root);
    let state = State::at(root.clone())?;
    let emulator = start(&arguments.start, Some(&root)).await?;
    state.describe(&emulator)?;
    println!("azlet {} is ready on {}", env!("CARGO_PKG_VERSION"), emulator.endpoint());
    if !listen.ip().is_loopback() {
        println!("it listens beyond this machine: anyone who reaches {listen} can do everything");
    }
    let option = if root == State::default_root() { String::new() } else { format!(" --state '{}'", root.display()) };
    println!("point a shell at it:  eval \"$(azlet env{option})\"");
    let mut interrupt = signal(SignalKind::interrupt()).ok();
    let mut terminate = signal(SignalKind::terminate()).ok();
    tokio::select! {
        () = received(&mut interrupt) => {}
        () = received(&mut terminate) => {}
    }
    state.forget();
    Ok(ExitCode::SUCCESS)
}
