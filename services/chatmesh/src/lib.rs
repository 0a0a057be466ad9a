//! The one binary of the control plane.
//!
//! [`cli`] is what people type; [`mesh`] puts services together, all in one process or one of
//! them; [`client`] talks to a running mesh as any other program would, over HTTP.

mod cli;
mod client;
mod config;
mod data_dir;
mod mesh;
mod terminal;

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

pub use config::Config;
pub use data_dir::DataDir;
pub use mesh::{AgentProgram, Service, Up, UpOptions};

/// The name under which the binary acts as the agent of a workspace.
const AGENT_NAME: &str = "chatmesh-agent";
/// The hidden command that does the same.
const AGENT_COMMAND: &str = "agent";

/// Runs what the arguments say. As `chatmesh-agent`, or with the command `agent`, the binary is
/// the agent of a workspace: so that a laptop needs no second file.
pub fn main(args: impl Iterator<Item = OsString>) -> ExitCode {
    chatmesh_runtime::install_crypto();
    let args: Vec<OsString> = args.collect();
    let called_as_agent = args.first().is_some_and(|name| Path::new(name).file_name() == Some(AGENT_NAME.as_ref()));
    if called_as_agent {
        return chatmesh_agent::main_with(args.into_iter());
    }
    if args.get(1).is_some_and(|command| command == AGENT_COMMAND) {
        let rest = args.into_iter().skip(2);
        return chatmesh_agent::main_with(std::iter::once(OsString::from(AGENT_NAME)).chain(rest));
    }
    cli::run(args)
}
