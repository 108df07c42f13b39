//! Waiting for what the terminal or a supervisor sends.

use tokio::signal::unix::Signal;

/// Returns when the signal has come; never, if it cannot be listened for.
pub(super) async fn received(signal: &mut Option<Signal>) {
    match signal {
        Some(signal) => {
            signal.recv().await;
        }
        None => std::future::pending().await,
    }
}
