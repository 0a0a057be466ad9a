//! How many tools a model is offered.

use chatmesh_proto::common::v1::ToolDefinition;

/// The most tools of a prompt: some providers refuse a request with more, and so every turn of the chat.
pub(super) const MAX_TOOLS: usize = 128;

/// How many tools are not offered for want of room.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct LeftOut {
    pub(super) of_client: usize,
    pub(super) of_servers: usize,
}

impl LeftOut {
    /// What the model is told of them; `None` where all are offered.
    pub(super) fn note(self) -> Option<String> {
        let Self { of_client, of_servers } = self;
        let which = match (of_client, of_servers) {
            (0, 0) => return None,
            (0, _) => format!("{of_servers} further tools of MCP servers"),
            (_, 0) => format!("{of_client} further tools of the client"),
            _ => format!("{of_client} further tools of the client and {of_servers} of MCP servers"),
        };
        Some(format!("{which} are not offered: a model gets {MAX_TOOLS} at most."))
    }
}

/// The tools beside those that the mesh itself has, each kind in its order.
#[derive(Debug, Default)]
pub(super) struct Guests {
    pub(super) client: Vec<ToolDefinition>,
    pub(super) outside: Vec<ToolDefinition>,
    pub(super) workspace: Vec<ToolDefinition>,
}

impl Guests {
    /// Keeps as many as there is room for beside `own` tools: the client's before those of servers, which it has not asked
    /// for, and those of servers that an administrator configured before those of the workspace.
    pub(super) fn bound(&mut self, own: usize) -> LeftOut {
        let mut room = MAX_TOOLS.saturating_sub(own);
        let mut bound = |tools: &mut Vec<ToolDefinition>| {
            let left_out = tools.len().saturating_sub(room);
            tools.truncate(room);
            room -= tools.len();
            left_out
        };
        let of_client = bound(&mut self.client);
        LeftOut { of_client, of_servers: bound(&mut self.outside) + bound(&mut self.workspace) }
    }
}
