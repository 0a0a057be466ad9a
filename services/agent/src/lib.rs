//! The workspace agent: the program inside a workspace that runs commands and reads and writes
//! files for the mesh. It dials out to the relay and then serves gRPC on that connection, so a
//! workspace needs no open port.
//!
//! What holds:
//! - A process belongs to the agent, not to the call or the connection that started it.
//! - An effect with an idempotency key happens once, also when the agent restarts in between;
//!   where its outcome can not be known any more, the caller is told exactly that.
//! - Memory does not grow with what a process prints.
//! - Who watches a process slows down neither it nor others who watch.
//! - Scripts that run on start run once for a build, also when the agent restarts.
//! - The agent's token never reaches a child process.

mod agent;
mod chat;
mod config;
mod connection;
mod container;
mod context;
mod diagnostics;
mod file;
mod git;
mod hunks;
mod lifecycle;
mod local;
mod main_with;
mod mcp;
mod port;
mod process;
mod receipts;
mod serve;
mod status;
mod telemetry;
mod terminal;
mod touched;

pub use agent::{Agent, OpenError};
pub use config::{Args, Config, ConfigError};
pub use connection::ConnectionError;
#[cfg(fuzzing)]
pub use connection::greeted;
#[doc(hidden)]
pub use file::fuzz as file_fuzz;
pub use main_with::{EXIT_REFUSED, main_with};
#[cfg(fuzzing)]
pub use terminal::check::check as check_terminal;
