//! The tools of the MCP servers in a workspace. Its agent runs the servers; here their tools are found,
//! offered under `server__tool`, and called.

mod cache;
mod call;
mod content;
mod definition;
mod discover;
mod listing;

use chatmesh_proto::common::v1::ToolDefinition;
use chatmesh_proto::tools::v1::WorkspaceToolsState;

pub(crate) use cache::Discovered;
pub(crate) use call::call;
pub(crate) use discover::until_found;
use listing::Source;
pub(crate) use listing::{Latest, look};

/// What stands between the name of a server and that of its tool.
const SEPARATOR: &str = "__";

/// True for the name of a tool that a server has: no tool of the mesh is named like that.
pub(crate) fn is_name(name: &str) -> bool {
    name.contains(SEPARATOR)
}

/// What is known of the tools of a workspace's servers.
#[derive(Debug, Clone, Default)]
pub(crate) struct Found {
    /// Ordered by name.
    pub(crate) tools: Vec<ToolDefinition>,
    /// Nothing more is to be expected.
    pub(crate) is_complete: bool,
}

impl Found {
    pub(crate) fn state(&self) -> WorkspaceToolsState {
        match (self.is_complete, self.tools.is_empty()) {
            (false, _) => WorkspaceToolsState::Unknown,
            (true, true) => WorkspaceToolsState::Empty,
            (true, false) => WorkspaceToolsState::Found,
        }
    }
}
