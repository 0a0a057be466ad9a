//! The provisioner as a whole: what it stands on, its start and its end.

use std::sync::Arc;

use chatmesh_core::IdSource;
use chatmesh_proto::provisioner::v1::provisioner_service_client::ProvisionerServiceClient;
use chatmesh_rpc::client::Peer;
use chatmesh_runtime::Tasks;
use tokio_util::task::TaskTracker;
use tracing::info;

use crate::local::Local;
use crate::slot::Slot;
use crate::{Config, ConfigError};

/// How many builds are carried out at once.
const SLOTS: usize = 4;

/// Carries out builds.
#[derive(Debug)]
pub struct Provisioner {
    name: String,
    workspaces: Peer,
    local: Arc<Local>,
    tasks: Tasks,
}

impl Provisioner {
    /// Sets the provisioner up; touches nothing yet.
    ///
    /// # Errors
    /// The settings make no sense.
    pub fn build(config: Config, workspaces: Peer, tasks: Tasks, ids: &dyn IdSource) -> Result<Self, ConfigError> {
        let local = Arc::new(Local::new(config.resolve()?, tasks.clone()));
        Ok(Self { name: ids.next().to_string(), workspaces, local, tasks })
    }

    /// Takes up the agents of earlier runs, then carries out builds until the process ends. At a
    /// clean end the agents are stopped too; the next start brings them back.
    pub fn start(&self) {
        let slots: Vec<Slot> = (0..SLOTS).map(|number| self.slot(number)).collect();
        let (local, tasks) = (Arc::clone(&self.local), self.tasks.clone());
        self.tasks.spawn_loop("provisioner", async move {
            local.take_up().await;
            let running = TaskTracker::new();
            for slot in slots {
                tasks.spawn_loop("provisioner slot", running.track_future(slot.run()));
            }
            running.close();
            running.wait().await;
            info!("stopping agents");
            local.shut_down().await;
        });
    }

    /// Each slot leases under a name of its own, so that the slots of one process do not take
    /// each other's expired leases for their own.
    fn slot(&self, number: usize) -> Slot {
        let id = format!("{}-{number}", self.name);
        let client = ProvisionerServiceClient::new(self.workspaces.clone());
        Slot::new(id, client, Arc::clone(&self.local), self.tasks.shutdown().clone())
    }
}
