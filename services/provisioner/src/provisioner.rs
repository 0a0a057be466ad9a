//! The provisioner as a whole: what it stands on, its start and its end.

use std::sync::Arc;

use chatmesh_core::{Clock, IdSource};
use chatmesh_proto::provisioner::v1::provisioner_service_client::ProvisionerServiceClient;
use chatmesh_rpc::client::Peer;
use chatmesh_runtime::Tasks;
use tokio_util::task::TaskTracker;
use tracing::{error, info};

use crate::backend::{Backend, Backends};
use crate::config::Kind;
use crate::external::External;
use crate::kubernetes::Kubernetes;
use crate::local::Local;
use crate::slot::{Lessor, Slot, Takes};
use crate::{Config, ConfigError};

/// Carries out builds.
#[derive(Debug)]
pub struct Provisioner {
    name: String,
    slots: usize,
    workspaces: Peer,
    backends: Backends,
    tasks: Tasks,
    clock: Arc<dyn Clock>,
}

impl Provisioner {
    /// Sets the provisioner up; touches nothing yet.
    ///
    /// # Errors
    /// The settings make no sense.
    pub fn build(
        config: Config,
        workspaces: Peer,
        tasks: Tasks,
        ids: &dyn IdSource,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, ConfigError> {
        let config = config.resolve()?;
        let (slots, backends) = (config.slots, backends(&config, &tasks));
        Ok(Self { name: ids.next().to_string(), slots, workspaces, backends, tasks, clock })
    }

    /// Takes up the agents of earlier runs and carries out builds until the process ends. At a clean end the agents are stopped too; the next start brings them back.
    pub fn start(&self) {
        self.start_with(());
    }

    /// Starts, and drops `starting` when the first builds can be carried out: what holds back the readiness of the
    /// process. Where another provisioner works on the same workspaces that is after its end.
    pub fn start_with(&self, starting: impl Send + 'static) {
        let slots: Vec<Slot> = (0..self.slots).map(|number| self.slot(number)).collect();
        let (backends, tasks) = (self.backends.clone(), self.tasks.clone());
        self.tasks.spawn_loop("provisioner", async move {
            tokio::select! {
                opened = backends.open() => if let Err(error) = opened {
                    // The process ends with this loop.
                    return error!(%error, "builds can not be carried out here");
                },
                () = tasks.shutdown().soft().cancelled() => return,
            }
            drop(starting);
            let running = TaskTracker::new();
            for slot in slots {
                tasks.spawn_loop("provisioner slot", running.track_future(slot.run()));
            }
            running.close();
            // Builds of other workspaces, and of other kinds, do not wait for what is left of earlier runs.
            let take_up = async {
                tokio::select! {
                    () = backends.take_up() => {}
                    () = tasks.shutdown().soft().cancelled() => {}
                }
            };
            tokio::join!(take_up, running.wait());
            info!("stopping agents");
            backends.shut_down().await;
        });
    }

    /// Each slot leases under a name of its own, so that the slots of one process do not take
    /// each other's expired leases for their own.
    fn slot(&self, number: usize) -> Slot {
        let client = ProvisionerServiceClient::new(self.workspaces.clone());
        let lessor = Lessor::new(format!("{}-{number}", self.name), client);
        // The first one is kept free, unless that left less than two for starts: one that hangs holds up no other.
        let takes = if number == 0 && self.slots > 2 { Takes::Ends } else { Takes::Everything };
        Slot::new(lessor, takes, self.backends.clone(), self.tasks.shutdown().clone(), Arc::clone(&self.clock))
    }
}

fn backends(config: &Config, tasks: &Tasks) -> Backends {
    let mut backends = Backends::default();
    for kind in &config.kinds {
        let backend: Arc<dyn Backend> = match kind {
            Kind::Local => Arc::new(Local::new(config.clone(), tasks.clone())),
            Kind::Kubernetes => Arc::new(Kubernetes::new(config.clone())),
            Kind::External => Arc::new(External::new(config)),
        };
        backends.insert(*kind, backend);
    }
    backends
}
