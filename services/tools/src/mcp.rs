//! The tools of the MCP servers in a workspace. Its agent runs the servers; here their tools are found,
//! offered under `server__tool`, and called.

mod alias;
mod cache;
mod call;
mod content;
mod definition;
mod discover;
mod listing;
mod problems;
mod room;
mod schema;

use std::collections::BTreeMap;

use chatmesh_proto::common::v1::ToolDefinition;
use chatmesh_proto::tools::v1::WorkspaceToolsState;

pub(crate) use alias::{alias, is_alias};
pub(crate) use cache::Discovered;
pub(crate) use call::call;
pub(crate) use content::outcome;
pub(crate) use discover::until_found;
use listing::Source;
pub(crate) use listing::{Latest, look};
pub(crate) use room::Room;
pub(crate) use schema::usable;

/// What stands between the name of a server and that of its tool.
pub(crate) const SEPARATOR: &str = "__";

/// What the name of a tool says of its server.
pub(crate) fn server_of(tool: &str) -> Option<&str> {
    tool.split_once(SEPARATOR).map(|(server, _)| server)
}

/// True for the name of a tool that a server has: no tool of the mesh is named like that.
pub(crate) fn is_name(name: &str) -> bool {
    name.contains(SEPARATOR)
}

/// What is known of the tools of a workspace's servers.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Found {
    /// Ordered by name.
    pub(crate) tools: Vec<ToolDefinition>,
    /// What tools are called by their servers, where they are offered under another name.
    originals: BTreeMap<String, String>,
    /// How many tools are not offered: there are too many, or no provider would take them.
    pub(crate) left_out: usize,
    /// What does not work, a line each.
    pub(crate) problems: Vec<String>,
    /// Nothing more is to be expected.
    pub(crate) is_complete: bool,
    /// Where there are none: that is how it stays for a while, and nobody need wait for some.
    pub(crate) is_settled: bool,
}

impl Found {
    /// These, under their own names.
    #[cfg(test)]
    pub(crate) fn of(tools: Vec<ToolDefinition>) -> Self {
        Self { tools, is_complete: true, ..Self::default() }
    }

    /// How many bytes it takes to remember.
    fn size(&self) -> usize {
        let tool = |tool: &ToolDefinition| tool.name.len() + tool.description.len() + tool.input_schema.len();
        let names = self.originals.iter().map(|(alias, name)| alias.len() + name.len());
        self.tools.iter().map(tool).chain(names).chain(self.problems.iter().map(String::len)).sum()
    }

    /// What the model is told of tools that are not offered and of servers that do not work; `None` where all is well.
    pub(crate) fn note(&self) -> Option<String> {
        let left_out = (self.left_out > 0).then(|| {
            format!(
                "{} more tools of the MCP servers in this workspace are not offered: there are too many, they are too \
                 large, or no model provider takes them.",
                self.left_out
            )
        });
        let problems = (!self.problems.is_empty()).then(|| {
            format!(
                "The MCP servers of this workspace (`.mcp.json`) do not all work. Where that is in the way, say so, or \
                 mend it, which shows with the user's next message:\n- {}",
                self.problems.join("\n- ")
            )
        });
        let notes: Vec<String> = left_out.into_iter().chain(problems).collect();
        (!notes.is_empty()).then(|| notes.join("\n\n"))
    }

    pub(crate) fn state(&self) -> WorkspaceToolsState {
        match (self.is_complete, self.tools.is_empty()) {
            (false, _) => WorkspaceToolsState::Unknown,
            (true, true) => WorkspaceToolsState::Empty,
            (true, false) => WorkspaceToolsState::Found,
        }
    }
}
