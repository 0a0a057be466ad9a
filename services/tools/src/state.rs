//! What the operations on tools stand on.

use std::sync::Arc;

use chatmesh_rpc::Caller;
use chatmesh_rpc::client::Peer;

use crate::agent::{Bindings, Workspace};
use crate::mcp::Discovered;
use crate::servers::Servers;
use crate::{Config, ToolMetrics};

/// The services through which tools act.
#[derive(Debug, Clone)]
pub struct Neighbours {
    /// Knows which agent a workspace has.
    pub workspaces: Peer,
    /// Reaches agents.
    pub relay: Peer,
}

/// What the operations work with.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) config: Config,
    pub(crate) neighbours: Neighbours,
    pub(crate) bindings: Bindings,
    pub(crate) discovered: Discovered,
    pub(crate) servers: Arc<Servers>,
    pub(crate) metrics: ToolMetrics,
}

impl State {
    /// The workspace of a chat, as its tools see it.
    pub(crate) fn workspace(&self, caller: Caller, chat_id: String, workspace_id: String) -> Workspace {
        let (neighbours, bindings) = (self.neighbours.clone(), self.bindings.clone());
        Workspace { neighbours, bindings, caller, chat_id, workspace_id, agent: String::new() }
    }
}
