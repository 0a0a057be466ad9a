//! What the operations on chats stand on.

use std::sync::Arc;

use chatmesh_bus::Bus;
use chatmesh_core::{Clock, IdSource};
use chatmesh_rpc::client::Peer;
use chatmesh_runtime::Tasks;

use crate::domain::WorkerId;
use crate::hints::Hints;
use crate::parts::Episodes;
use crate::parts::relay::Relay;
use crate::store::{ChatStore, ContextStore, FileStore, LeaseStore, PromptStore, SkillStore, WorkerDirectory};
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
    /// Who this process is, from its start to its end.
    pub(crate) worker_id: WorkerId,
    pub(crate) store: Arc<dyn ChatStore>,
    pub(crate) files: Arc<dyn FileStore>,
    pub(crate) contexts: Arc<dyn ContextStore>,
    pub(crate) skills: Arc<dyn SkillStore>,
    pub(crate) prompts: Arc<dyn PromptStore>,
    pub(crate) leases: Arc<dyn LeaseStore>,
    pub(crate) workers: Arc<dyn WorkerDirectory>,
    pub(crate) bus: Bus,
    pub(crate) hints: Hints,
    pub(crate) episodes: Episodes,
    /// The live parts of chats that other replicas run.
    pub(crate) relay: Relay,
    pub(crate) neighbours: Neighbours,
    pub(crate) metrics: ChatMetrics,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn IdSource>,
    pub(crate) tasks: Tasks,
}
