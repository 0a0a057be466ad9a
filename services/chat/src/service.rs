//! The service: what it stands on and how it is set up.

use std::sync::Arc;

use chatmesh_db::{Migrations, migrations};
use chatmesh_host::Deps;
use chatmesh_proto::chat::v1::chat_service_server::{self, ChatServiceServer};
use chatmesh_proto::chat::v1::file_service_server::{self, FileServiceServer};
use chatmesh_proto::chat::v1::part_service_server::{self, PartServiceServer};
use chatmesh_proto::chat::v1::settings_service_server::{self, SettingsServiceServer};
use chatmesh_proto::chat::v1::skill_service_server::{self, SkillServiceServer};
use chatmesh_rpc::{MAX_MESSAGE_BYTES, Replicas};

use crate::api::Api;
use crate::domain::WorkerId;
use crate::files::purge_loop;
use crate::hints::Hints;
use crate::parts::relay::Relay;
use crate::parts::serve::PartApi;
use crate::parts::{self, Episodes};
use crate::state::{Neighbours, State};
use crate::store::{
    ChatStore, ContextStore, FileStore, LeaseStore, PromptStore, SkillStore, SqlChatStore, WorkerDirectory,
};
use crate::worker::Worker;
use crate::{ChatMetrics, Config, Error};

/// The schema of the service.
pub const MIGRATIONS: Migrations = migrations!("chat", [
    1 => "0001_chats",
    2 => "0002_workers_pins_and_cursors",
    3 => "0003_files_and_lists",
    4 => "0004_stopped_chats",
    5 => "0005_workspace_contexts",
    6 => "0006_mcp_servers",
    7 => "0007_builds_of_workspaces",
    8 => "0008_skills_and_prompts"
]);

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
        let sql = SqlChatStore::new(deps.db);
        let workers: Arc<dyn WorkerDirectory> = Arc::new(sql.clone());
        let files: Arc<dyn FileStore> = Arc::new(sql.clone());
        let contexts: Arc<dyn ContextStore> = Arc::new(sql.clone());
        let skills: Arc<dyn SkillStore> = Arc::new(sql.clone());
        let prompts: Arc<dyn PromptStore> = Arc::new(sql.clone());
        let leases: Arc<dyn LeaseStore> = Arc::new(sql.clone());
        let store: Arc<dyn ChatStore> = Arc::new(sql);
        if config.exclusive {
            leases.forget_leases().await.map_err(|error| Error::Config(error.to_string()))?;
        }
        // This process is the same caller for every neighbour: for the other replicas too.
        let replicas = Replicas::over_network(neighbours.llm.clone());
        let relay = Relay::new(replicas, Arc::clone(&workers), deps.tasks.clone());
        let state = State {
            config,
            worker_id: WorkerId(deps.ids.next()),
            store,
            files,
            contexts,
            skills,
            prompts,
            leases,
            workers,
            hints: Hints::new(deps.bus.clone()),
            bus: deps.bus,
            episodes: Episodes::new(&metrics),
            relay,
            neighbours,
            metrics,
            clock: deps.clock,
            ids: deps.ids,
            tasks: deps.tasks,
        };
        Ok(Self { state: Arc::new(state) })
    }

    /// What a test takes apart.
    #[cfg(test)]
    pub(crate) fn into_state(self) -> Arc<State> {
        self.state
    }
}

#[cfg(test)]
impl Service {
    /// The state, with another way to the other replicas.
    pub(crate) fn into_state_with(self, replicas: Replicas) -> Arc<State> {
        let mut state = Arc::into_inner(self.state).expect("nobody uses it yet");
        state.relay = Relay::new(replicas, Arc::clone(&state.workers), state.tasks.clone());
        Arc::new(state)
    }
}

impl chatmesh_host::Service for Service {
    fn name(&self) -> &'static str {
        "chat"
    }

    fn grpc_names(&self) -> &'static [&'static str] {
        &[
            chat_service_server::SERVICE_NAME,
            file_service_server::SERVICE_NAME,
            part_service_server::SERVICE_NAME,
            settings_service_server::SERVICE_NAME,
            skill_service_server::SERVICE_NAME,
        ]
    }

    fn routes(&self) -> tonic::service::Routes {
        let api = || Api::new(Arc::clone(&self.state));
        let files = FileServiceServer::new(api()).max_decoding_message_size(MAX_MESSAGE_BYTES);
        let parts = PartServiceServer::new(PartApi::new(Arc::clone(&self.state)));
        tonic::service::Routes::new(ChatServiceServer::new(api()))
            .add_service(files)
            .add_service(parts)
            .add_service(SettingsServiceServer::new(api()))
            .add_service(SkillServiceServer::new(api()))
    }

    fn start(&self) {
        self.state.tasks.spawn_loop("chat.janitor", parts::janitor(Arc::clone(&self.state)));
        self.state.tasks.spawn_loop("chat.files.purge", purge_loop(Arc::clone(&self.state)));
        if self.state.config.max_running > 0 || self.state.config.max_running_subagents > 0 {
            Worker::new(Arc::clone(&self.state)).start();
        }
    }
}
