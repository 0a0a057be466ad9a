//! What the operations on sessions stand on.

use std::sync::Arc;

use chatmesh_core::{Clock, IdSource, Uuid};
use chatmesh_rpc::client::Peer;
use chatmesh_runtime::Tasks;

use crate::RelayMetrics;
use crate::sessions::Sessions;
use crate::store::SessionStore;

/// What the operations work with.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) replica_id: Uuid,
    pub(crate) store: Arc<dyn SessionStore>,
    pub(crate) sessions: Sessions,
    pub(crate) workspaces: Peer,
    pub(crate) metrics: RelayMetrics,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn IdSource>,
    pub(crate) tasks: Tasks,
}
