//! The service: what it stands on and how it is set up.

use std::sync::Arc;

use chatmesh_db::{Migrations, migrations};
use chatmesh_host::Deps;
use chatmesh_proto::chat::v1::chat_service_server::{ChatServiceServer, SERVICE_NAME};

use crate::api::Api;
use crate::domain::WorkerId;
use crate::hints::Hints;
use crate::parts::Episodes;
use crate::state::{Neighbours, State};
use crate::store::{ChatStore, SqlChatStore};
use crate::worker::Worker;
use crate::{ChatMetrics, Config, Error};

/// The schema of the service.
pub const MIGRATIONS: Migrations = migrations!("chat", [1 => "0001_chats"]);

/// The service.
#[derive(Debug, Clone)]
pub struct Service {
    state: Arc<State>,
}

impl Service {
    /// Sets the service up on a database whose schema is up to date.
    ///
    /// # Errors
    /// The settings make no sense, or the database fails.
    pub async fn build(
        config: Config,
        deps: Deps,
        neighbours: Neighbours,
        metrics: ChatMetrics,
    ) -> Result<Self, Error> {
        config.validate().map_err(Error::Config)?;
        let store: Arc<dyn ChatStore> = Arc::new(SqlChatStore::new(deps.db));
        if config.exclusive {
            store.forget_leases().await.map_err(|error| Error::Config(error.to_string()))?;
        }
        let state = State {
            config,
            store,
            hints: Hints::new(deps.bus.clone()),
            bus: deps.bus,
            episodes: Episodes::default(),
            neighbours,
            metrics,
            clock: deps.clock,
            ids: deps.ids,
            tasks: deps.tasks,
        };
        Ok(Self { state: Arc::new(state) })
    }
}

impl chatmesh_host::Service for Service {
    fn name(&self) -> &'static str {
        "chat"
    }

    fn grpc_names(&self) -> &'static [&'static str] {
        &[SERVICE_NAME]
    }

    fn routes(&self) -> tonic::service::Routes {
        tonic::service::Routes::new(ChatServiceServer::new(Api::new(Arc::clone(&self.state))))
    }

    fn start(&self) {
        if self.state.config.max_running > 0 {
            let worker_id = WorkerId(self.state.ids.next());
            Worker::new(Arc::clone(&self.state), worker_id).start();
        }
    }
}
