//! The service: what it stands on and how it is set up.

use std::sync::Arc;

use chatmesh_core::SecretString;
use chatmesh_db::{Migrations, migrations};
use chatmesh_host::Deps;
use chatmesh_proto::llm::v1::compatible_service_server::{self, CompatibleServiceServer};
use chatmesh_proto::llm::v1::llm_service_server::{self, LlmServiceServer};
use chatmesh_proto::llm::v1::model_service_server::{self, ModelServiceServer};
use chatmesh_proto::llm::v1::provider_service_server::{self, ProviderServiceServer};
use serde::Deserialize;

use crate::Error;
use crate::api::Api;
use crate::client::ProviderClient;
use crate::presets::{self, Found, Preset};
use crate::sealed::Sealer;
use crate::state::State;
use crate::store::SqlLlmStore;

/// The schema of the service.
pub const MIGRATIONS: Migrations = migrations!("llm", [1 => "0001_providers_and_models", 2 => "0002_compaction_thresholds", 3 => "0003_provider_settings"]);

/// The settings of the service.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The key that provider keys are sealed with: 32 bytes in base64.
    pub encryption_key: SecretString,
}

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
    pub fn build(config: &Config, deps: Deps) -> Result<Self, Error> {
        let state = State {
            store: Arc::new(SqlLlmStore::new(deps.db)),
            sealer: Sealer::new(&config.encryption_key)?,
            client: ProviderClient::build()?,
            clock: deps.clock,
            ids: deps.ids,
        };
        Ok(Self { state: Arc::new(state) })
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
    }

    fn start(&self) {}
}
