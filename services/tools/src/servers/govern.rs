//! Which servers a chat has, and which of their tools under which names.

use std::collections::{BTreeMap, HashSet};

use chatmesh_proto::common::v1::ToolDefinition;
use chatmesh_proto::tools::v1::{ChatMode, McpAvailability};

use super::client::RemoteTool;
use super::domain::Server;
use super::intent;
use crate::catalogue::{Outside, outside_servers};
use crate::context::clean;
use crate::mcp::{SEPARATOR, alias, usable};

/// Which servers a chat chose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Choice {
    /// These, by identifier; possibly none.
    Of(HashSet<String>),
    /// Nothing was chosen: those that are on by default.
    Defaults,
}

impl Choice {
    /// What a request says.
    pub(crate) fn new(ids: &[String], defaults: bool) -> Self {
        if defaults { Self::Defaults } else { Self::Of(ids.iter().cloned().collect()) }
    }

    fn has(&self, server: &Server) -> bool {
        match self {
            Self::Of(ids) => ids.contains(&server.id.to_string()),
            Self::Defaults => server.settings.availability() == McpAvailability::DefaultOn,
        }
    }
}

/// True where a chat in this mode has the server.
pub(super) fn has(server: &Server, choice: &Choice, mode: Option<ChatMode>) -> bool {
    let is_chosen = choice.has(server);
    let is_on = is_chosen || server.settings.availability() == McpAvailability::ForceOn;
    server.enabled
        && match outside_servers(mode) {
            Outside::All => is_on,
            Outside::Planning => is_on && server.settings.allow_in_plan_mode,
            // What is on by default may grow; what was written down does not.
            Outside::Chosen => is_chosen && *choice != Choice::Defaults,
            Outside::None => false,
        }
}

/// True where a tool of the server may be used, by the server's own name for it: what is denied is denied, also where
/// it is allowed.
pub(super) fn allows(server: &Server, tool: &str) -> bool {
    let names = |list: &[String]| list.iter().any(|name| name == tool);
    let (allowed, denied) = (&server.settings.tool_allow_list, &server.settings.tool_deny_list);
    (allowed.is_empty() || names(allowed)) && !names(denied)
}

/// The tools of one server as models see them.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Offered {
    /// Ordered by name.
    pub(super) tools: Vec<ToolDefinition>,
    /// What the server calls them.
    pub(super) originals: BTreeMap<String, String>,
    /// How many no provider would take.
    pub(super) left_out: usize,
}

/// What of a server's tools is offered.
pub(super) fn tools_of(server: &Server, tools: &[RemoteTool]) -> Offered {
    let mut offered = Offered::default();
    for tool in tools.iter().filter(|tool| allows(server, &tool.name)) {
        let name = alias(&format!("{}{SEPARATOR}{}", server.slug, tool.name));
        let Some(schema) = usable(&tool.schema) else {
            offered.left_out += 1;
            continue;
        };
        let input_schema = if server.settings.model_intent { intent::wrap(&schema) } else { schema };
        let description = clean(&tool.description);
        offered.originals.insert(name.clone(), tool.name.clone());
        offered.tools.push(ToolDefinition { name, description, input_schema, ..ToolDefinition::default() });
    }
    offered.tools.sort_by(|a, b| a.name.cmp(&b.name));
    offered
}

#[cfg(test)]
mod tests;
