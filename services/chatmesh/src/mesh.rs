//! Putting services together: all of them in one process, or one of them.
//!
//! Both ways build the same services from the same parts; what differs is where the databases
//! and the neighbours are.

mod process;
mod serve;
mod up;

use std::fmt;

pub use up::{AgentProgram, Up, UpOptions};

pub(crate) use serve::{migrate, serve};

/// A role of the binary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Service {
    /// The one door: HTTP/JSON and public gRPC.
    Gateway,
    /// Chats and their turns.
    Chat,
    /// Providers and models.
    Llm,
    /// Tools.
    Tools,
    /// The way to the agents.
    Relay,
    /// Workspaces and builds.
    Workspaces,
    /// Users and tokens.
    Identity,
    /// Carries out builds.
    Provisioner,
}

impl Service {
    /// Those that have a database.
    pub(crate) const STATEFUL: [Self; 6] =
        [Self::Identity, Self::Workspaces, Self::Relay, Self::Llm, Self::Tools, Self::Chat];

    /// The schema of a service that has a database.
    pub(crate) fn migrations(self) -> Option<chatmesh_db::Migrations> {
        match self {
            Self::Chat => Some(chatmesh_chat::MIGRATIONS),
            Self::Llm => Some(chatmesh_llm::MIGRATIONS),
            Self::Relay => Some(chatmesh_relay::MIGRATIONS),
            Self::Workspaces => Some(chatmesh_workspaces::MIGRATIONS),
            Self::Identity => Some(chatmesh_identity::MIGRATIONS),
            Self::Tools => Some(chatmesh_tools::MIGRATIONS),
            Self::Gateway | Self::Provisioner => None,
        }
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gateway => "gateway",
            Self::Chat => "chat",
            Self::Llm => "llm",
            Self::Tools => "tools",
            Self::Relay => "relay",
            Self::Workspaces => "workspaces",
            Self::Identity => "identity",
            Self::Provisioner => "provisioner",
        })
    }
}
