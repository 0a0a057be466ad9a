//! How many connections a process may have open.

use anyhow::{Context as _, ensure};
use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Files and connections that a process has open besides those that are counted on.
const SPARE: u64 = 500;

/// Allows this process, and those that it starts, to have so many connections open.
pub(crate) fn allow_connections(count: usize) -> anyhow::Result<()> {
    let needed = u64::try_from(count)? + SPARE;
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    if soft >= needed {
        return Ok(());
    }
    // Only an administrator may go beyond the hard limit.
    let raised = setrlimit(Resource::RLIMIT_NOFILE, needed.max(hard), needed.max(hard))
        .or_else(|_| setrlimit(Resource::RLIMIT_NOFILE, hard, hard));
    raised.context("the limit of open files cannot be raised")?;
    let (soft, _) = getrlimit(Resource::RLIMIT_NOFILE)?;
    ensure!(soft >= needed, "{needed} open files are needed and {soft} allowed: raise `ulimit -Hn`, or measure less");
    Ok(())
}
