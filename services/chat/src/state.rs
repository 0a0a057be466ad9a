//! What the operations on chats stand on.

use std::sync::Arc;

use chatmesh_bus::Bus;
use chatmesh_core::{Clock, IdSource};
use chatmesh_rpc::client::Peer;
use chatmesh_runtime::Tasks;

use crate::hints::Hints;
use crate::parts::Episodes;
use crate::store::ChatStore;
use crate::{ChatMetrics, Config};

/// The services that chats are worked on with.
#[derive(Debug, Clone)]
pub struct Neighbours {
    /// Answers.
    pub llm: Peer,
    /// Runs tools.
    pub tools: Peer,
    /// Knows the workspaces.
    pub workspaces: Peer,
}

/// What the operations work with.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) config: Config,
    pub(crate) store: Arc<dyn ChatStore>,
    pub(crate) bus: Bus,
    pub(crate) hints: Hints,
    pub(crate) episodes: Episodes,
    pub(crate) neighbours: Neighbours,
    pub(crate) metrics: ChatMetrics,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn IdSource>,
    pub(crate) tasks: Tasks,
}
