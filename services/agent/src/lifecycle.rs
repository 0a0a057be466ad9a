//! Startup and shutdown of the workspace: which scripts run, when, and what the relay hears of it.
//!
//! The relay brings a [`manifest`] when it supervises the agent. Scripts that run on start run
//! once for a build: a receipt says so also to an agent that comes back. Then those run that have
//! a schedule, and at the shutdown those that run on stop. What there is to report waits in an
//! [`outbox`] of limited size until the relay has acknowledged it, so it survives the connection.

mod api;
mod cron;
mod error;
mod lines;
mod log_file;
mod manifest;
mod outbox;
mod reports;
mod runner;
mod script;
mod session;
mod state;
mod supervisor;
#[cfg(test)]
mod tests;

pub(crate) use api::LifecycleApi;
pub(crate) use runner::{Patience, Runner};
pub(crate) use supervisor::Lifecycle;
