//! Processes of the workspace.
//!
//! A process runs in a group of its own and belongs to the agent: neither the call that started
//! it nor the connection has to last. Its output is kept in constant memory. When it has ended,
//! everything it wrote is stored first, then it counts as not running, then waiters wake up, so
//! whoever sees a process that is not running sees all of its output. Who watches it takes what
//! is there when it is their turn, so they slow down neither the process nor each other.

mod api;
mod entry;
mod environment;
mod error;
mod input;
mod launch;
mod limited;
mod manager;
mod output;
mod recording;
mod resources;
mod spawn;
mod start;
mod supervise;
mod table;
#[cfg(test)]
mod tests;
mod viewer;
mod workdir;

pub(crate) use api::ProcessApi;
pub(crate) use environment::Environment;
pub(crate) use error::Error as ProcessError;
pub(crate) use input::check_variable;
pub(crate) use launch::{Launcher, RUN_LIMITED};
pub(crate) use limited::run_limited;
pub(crate) use manager::{Limits, Manager};
pub(crate) use resources::ResourceLimits;
pub(crate) use spawn::{group_of, spawn_child};
pub(crate) use workdir::resolve as resolve_workdir;
