//! `azlet exec`: one command against a fresh emulator.

use std::os::unix::process::ExitStatusExt as _;
use std::process::{ExitCode, ExitStatus};

use tokio::signal::unix::{SignalKind, signal};

use super::environment;
use super::signals::received;
use super::start::start;
use super::state::State;
use super::{ExecArguments, Failure};

/// Starts an emulator, runs the command with its variables, and returns the command's exit code.
pub(super) async fn run(arguments: ExecArguments) -> Result<ExitCode, Failure> {
    let emulator = start(&arguments.start, None).await?;
    let state = State::temporary()?;
    let running = state.describe(&emulator)?;
    let variables = environment::variables(&state, &running, &arguments.principal)?;
    let (program, rest) = arguments.command.split_first().expect("clap asks for at least one word");
    let mut command = tokio::process::Command::new(program);
    command.args(rest).envs(variables).kill_on_drop(true);
    // An interrupt from the terminal reaches the child too: it decides, and what it ends with is what we end with.
    let mut interrupt = signal(SignalKind::interrupt()).ok();
    let mut terminate = signal(SignalKind::terminate()).ok();
    let mut child = command.spawn().map_err(|source| Failure::Child { command: program.clone(), source })?;
    let status = loop {
        tokio::select! {
            status = child.wait() => break status,
            () = received(&mut interrupt) => {}
            () = received(&mut terminate) => { let _ = child.start_kill(); }
        }
    };
    status.map(exit_code).map_err(|source| Failure::Child { command: program.clone(), source })
}

/// The child's code; 128 and the number of the signal that ended it, as shells say it.
fn exit_code(status: ExitStatus) -> ExitCode {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(1);
    ExitCode::from(u8::try_from(code).unwrap_or(1))
}
