//! How many files this process may have open. A large blob takes one, and 1024, the usual limit, is soon reached.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// More is not asked for: a command of `azlet exec` inherits the limit, and old programs go through all of it.
const ENOUGH: u64 = 16_384;

/// Raises the limit as far as needed and allowed.
pub(super) fn raise() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let wanted = maximum.map_or(ENOUGH, |maximum| maximum.min(ENOUGH));
    if current.is_some_and(|current| current < wanted)
        && let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum })
    {
        tracing::info!(%error, "the number of open files stays limited");
    }
}
