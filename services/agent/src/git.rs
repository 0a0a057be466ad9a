//! Repositories of the workspace, watched.
//!
//! A viewer follows what its chat touches, and for each repository among that a scanner, which
//! all viewers of that repository share: many viewers cost one scan. A scanner sleeps until it is
//! woken, scans once a second at most, and publishes what it finds only where that is new; each
//! viewer passes on what its stream has not shown yet. Everything that reads the disk runs on
//! threads for that, under a deadline.
//!
//! Repositories are read with a library, never with the program `git`: there may be none, and
//! neither it nor anything that a repository's configuration names is ever started.

mod api;
mod error;
mod lookup;
mod pace;
mod registry;
mod remote;
mod root;
mod scan;
mod scanner;
mod state;
#[cfg(test)]
mod tests;
mod viewer;

pub(crate) use api::GitApi;
