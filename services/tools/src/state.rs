//! What the operations on tools stand on.

use chatmesh_rpc::client::Peer;

use crate::ToolMetrics;
use crate::agent::{Bindings, Directories};

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
    pub(crate) neighbours: Neighbours,
    pub(crate) bindings: Bindings,
    pub(crate) directories: Directories,
    pub(crate) metrics: ToolMetrics,
}
