//! What the operations on sessions stand on.

use std::sync::Arc;

use chatmesh_bus::Bus;
use chatmesh_core::{Clock, IdSource, Uuid};
use chatmesh_rpc::Replicas;
use chatmesh_rpc::client::Peer;
use chatmesh_runtime::Tasks;
use tokio_util::sync::CancellationToken;

use crate::arrivals::Arrivals;
use crate::location::Locations;
use crate::sessions::Sessions;
use crate::store::SessionStore;
use crate::{Config, RelayMetrics};

/// What the operations work with.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) config: Config,
    pub(crate) replica_id: Uuid,
    pub(crate) store: Arc<dyn SessionStore>,
    /// The agents that are connected here.
    pub(crate) sessions: Sessions,
    /// Where the others are.
    pub(crate) locations: Locations,
    pub(crate) replicas: Replicas,
    pub(crate) arrivals: Arrivals,
    pub(crate) bus: Bus,
    pub(crate) workspaces: Peer,
    pub(crate) metrics: RelayMetrics,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn IdSource>,
    pub(crate) tasks: Tasks,
    /// Cancelled when the replica is announced, or could not be: agents are taken from then on.
    pub(crate) announced: CancellationToken,
    /// Cancelled when the agents have moved to other replicas, or there is none.
    pub(crate) left: CancellationToken,
}
