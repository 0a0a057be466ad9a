//! The service: what it stands on and how it is set up.

use std::sync::Arc;

use chatmesh_db::{Migrations, migrations};
use chatmesh_host::Deps;
use chatmesh_proto::llm::v1::compatible_service_server::{self, CompatibleServiceServer};
use chatmesh_proto::llm::v1::key_service_server::{self, KeyServiceServer};
use chatmesh_proto::llm::v1::limit_service_server::{self, LimitServiceServer};
use chatmesh_proto::llm::v1::llm_service_server::{self, LlmServiceServer};
use chatmesh_proto::llm::v1::model_service_server::{self, ModelServiceServer};
use chatmesh_proto::llm::v1::provider_service_server::{self, ProviderServiceServer};
use chatmesh_proto::llm::v1::usage_service_server::{self, UsageServiceServer};
use chatmesh_seal::Sealer;

use crate::api::Api;
use crate::client::ProviderClient;
use crate::janitor;
use crate::presets::{self, Found, Preset};
use crate::route::Router;
use crate::spend::ledger::Ledger;
use crate::spend::limits::Limits;
use crate::state::State;
use crate::store::{KeyStore, LedgerStore, LimitStore, LlmStore, SqlLlmStore};
use crate::{Config, Error, LlmMetrics};

/// The schema of the service.
pub const MIGRATIONS: Migrations = migrations!("llm", [1 => "0001_providers_and_models", 2 => "0002_compaction_thresholds", 3 => "0003_provider_settings", 4 => "0004_keys", 5 => "0005_usage_and_limits"]);

/// The service.
#[derive(Debug, Clone)]
pub struct Service {
    state: Arc<State>,
}

impl Service {
    /// Sets the service up on a database whose schema is up to date.
    ///
    /// # Errors
    /// The encryption key is none, or the HTTP client cannot be made.
    pub fn build(config: Config, deps: Deps, metrics: LlmMetrics) -> Result<Self, Error> {
        let sealer = Sealer::new(&config.encryption_key)?;
        let sql = SqlLlmStore::new(deps.db);
        let keys: Arc<dyn KeyStore> = Arc::new(sql.clone());
        let limits: Arc<dyn LimitStore> = Arc::new(sql.clone());
        let usage: Arc<dyn LedgerStore> = Arc::new(sql.clone());
        let store: Arc<dyn LlmStore> = Arc::new(sql);
        let state = State {
            config,
            router: Router::new(Arc::clone(&store), Arc::clone(&keys), sealer.clone()),
            limits: Limits::new(limits, metrics.clone()),
            ledger: Arc::new(Ledger::new(Arc::clone(&usage), deps.tasks.clone(), metrics.clone())),
            store,
            keys,
            usage,
            sealer,
            client: ProviderClient::build()?,
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

    /// Brings the providers that came from the environment in line with it: new keys are sealed
    /// and stored, providers whose key is gone are switched off, and where nothing else is
    /// configured the simulated provider is there.
    ///
    /// # Errors
    /// The database fails.
    pub async fn apply_environment(&self, presets: &[Preset]) -> Result<Vec<Found>, Error> {
        presets::apply(&self.state, presets).await
    }
}

impl chatmesh_host::Service for Service {
    fn name(&self) -> &'static str {
        "llm"
    }

    fn grpc_names(&self) -> &'static [&'static str] {
        &[
            llm_service_server::SERVICE_NAME,
            compatible_service_server::SERVICE_NAME,
            provider_service_server::SERVICE_NAME,
            model_service_server::SERVICE_NAME,
            key_service_server::SERVICE_NAME,
            limit_service_server::SERVICE_NAME,
            usage_service_server::SERVICE_NAME,
        ]
    }

    fn routes(&self) -> tonic::service::Routes {
        let api = || Api::new(Arc::clone(&self.state));
        // Prompts are as long as a model's context allows.
        let llm = LlmServiceServer::new(api()).max_decoding_message_size(chatmesh_rpc::MAX_MESSAGE_BYTES);
        let compatible = CompatibleServiceServer::new(api()).max_decoding_message_size(chatmesh_rpc::MAX_MESSAGE_BYTES);
        tonic::service::Routes::new(llm)
            .add_service(compatible)
            .add_service(ProviderServiceServer::new(api()))
            .add_service(ModelServiceServer::new(api()))
            .add_service(KeyServiceServer::new(api()))
            .add_service(LimitServiceServer::new(api()))
            .add_service(UsageServiceServer::new(api()))
    }

    fn start(&self) {
        self.state.ledger.start();
        self.state.tasks.spawn_loop("llm.janitor", janitor::run(Arc::clone(&self.state)));
    }
}
