//! The methods of the service, one line each; what they do is in the files beside.

mod availability;
mod create_key;
mod create_model;
mod create_provider;
mod delete_key;
mod delete_model;
mod delete_provider;
mod generate;
mod get_model;
mod get_provider;
mod limits;
mod list_keys;
mod list_models;
mod list_providers;
mod test_provider;
mod update_key;
mod update_model;
mod update_provider;
mod usage;

use std::pin::Pin;
use std::sync::Arc;

use chatmesh_core::Violations;
use chatmesh_proto::llm::v1 as pb;
use chatmesh_proto::llm::v1::compatible_service_server::CompatibleService;
use chatmesh_proto::llm::v1::key_service_server::KeyService;
use chatmesh_proto::llm::v1::limit_service_server::LimitService;
use chatmesh_proto::llm::v1::llm_service_server::LlmService;
use chatmesh_proto::llm::v1::model_service_server::ModelService;
use chatmesh_proto::llm::v1::provider_service_server::ProviderService;
use chatmesh_proto::llm::v1::usage_service_server::UsageService;
use chatmesh_rpc::{Caller, streaming, unary};
use futures::Stream;
use tonic::{Request, Response, Status};

use crate::Error;
use crate::domain::{Key, KeyId, Provider, Reference};
use crate::forward::{Pieces, forward};
use crate::state::State;

pub(crate) struct Api {
    state: Arc<State>,
}

impl Api {
    pub(crate) fn new(state: Arc<State>) -> Self {
        Self { state }
    }
}

pub(crate) use self::generate::{begin, open_account};
pub(crate) use self::get_model::find_model;

pub(crate) type Events = Pin<Box<dyn Stream<Item = Result<pb::GenerateResponse, Status>> + Send>>;

#[tonic::async_trait]
impl LlmService for Api {
    type GenerateStream = Events;

    async fn generate(&self, r: Request<pb::GenerateRequest>) -> Result<Response<Events>, Status> {
        streaming(r, |caller, m| generate::generate(&self.state, caller, m)).await
    }
}

#[tonic::async_trait]
impl CompatibleService for Api {
    type ForwardStream = Pieces;

    async fn forward(&self, r: Request<pb::ForwardRequest>) -> Result<Response<Pieces>, Status> {
        streaming(r, |caller, m| forward(Arc::clone(&self.state), caller, m)).await
    }
}

#[tonic::async_trait]
impl ProviderService for Api {
    async fn create_provider(
        &self,
        r: Request<pb::CreateProviderRequest>,
    ) -> Result<Response<pb::CreateProviderResponse>, Status> {
        unary(r, |caller, m| create_provider::create_provider(&self.state, caller, m)).await
    }

    async fn get_provider(
        &self,
        r: Request<pb::GetProviderRequest>,
    ) -> Result<Response<pb::GetProviderResponse>, Status> {
        unary(r, |caller, m| get_provider::get_provider(&self.state, caller, m)).await
    }

    async fn list_providers(
        &self,
        r: Request<pb::ListProvidersRequest>,
    ) -> Result<Response<pb::ListProvidersResponse>, Status> {
        unary(r, |caller, m| list_providers::list_providers(&self.state, caller, m)).await
    }

    async fn update_provider(
        &self,
        r: Request<pb::UpdateProviderRequest>,
    ) -> Result<Response<pb::UpdateProviderResponse>, Status> {
        unary(r, |caller, m| update_provider::update_provider(&self.state, caller, m)).await
    }

    async fn delete_provider(
        &self,
        r: Request<pb::DeleteProviderRequest>,
    ) -> Result<Response<pb::DeleteProviderResponse>, Status> {
        unary(r, |caller, m| delete_provider::delete_provider(&self.state, caller, m)).await
    }

    async fn test_provider(
        &self,
        r: Request<pb::TestProviderRequest>,
    ) -> Result<Response<pb::TestProviderResponse>, Status> {
        unary(r, |caller, m| test_provider::test_provider(&self.state, caller, m)).await
    }
}

#[tonic::async_trait]
impl ModelService for Api {
    async fn create_model(
        &self,
        r: Request<pb::CreateModelRequest>,
    ) -> Result<Response<pb::CreateModelResponse>, Status> {
        unary(r, |caller, m| create_model::create_model(&self.state, caller, m)).await
    }

    async fn get_model(&self, r: Request<pb::GetModelRequest>) -> Result<Response<pb::GetModelResponse>, Status> {
        unary(r, |caller, m| get_model::get_model(&self.state, caller, m)).await
    }

    async fn list_models(&self, r: Request<pb::ListModelsRequest>) -> Result<Response<pb::ListModelsResponse>, Status> {
        unary(r, |caller, m| list_models::list_models(&self.state, caller, m)).await
    }

    async fn update_model(
        &self,
        r: Request<pb::UpdateModelRequest>,
    ) -> Result<Response<pb::UpdateModelResponse>, Status> {
        unary(r, |caller, m| update_model::update_model(&self.state, caller, m)).await
    }

    async fn delete_model(
        &self,
        r: Request<pb::DeleteModelRequest>,
    ) -> Result<Response<pb::DeleteModelResponse>, Status> {
        unary(r, |caller, m| delete_model::delete_model(&self.state, caller, m)).await
    }
}

#[tonic::async_trait]
impl KeyService for Api {
    async fn create_key(&self, r: Request<pb::CreateKeyRequest>) -> Result<Response<pb::CreateKeyResponse>, Status> {
        unary(r, |caller, m| create_key::create_key(&self.state, caller, m)).await
    }

    async fn list_keys(&self, r: Request<pb::ListKeysRequest>) -> Result<Response<pb::ListKeysResponse>, Status> {
        unary(r, |caller, m| list_keys::list_keys(&self.state, caller, m)).await
    }

    async fn update_key(&self, r: Request<pb::UpdateKeyRequest>) -> Result<Response<pb::UpdateKeyResponse>, Status> {
        unary(r, |caller, m| update_key::update_key(&self.state, caller, m)).await
    }

    async fn delete_key(&self, r: Request<pb::DeleteKeyRequest>) -> Result<Response<pb::DeleteKeyResponse>, Status> {
        unary(r, |caller, m| delete_key::delete_key(&self.state, caller, m)).await
    }
}

#[tonic::async_trait]
impl LimitService for Api {
    async fn create_limit(
        &self,
        r: Request<pb::CreateLimitRequest>,
    ) -> Result<Response<pb::CreateLimitResponse>, Status> {
        unary(r, |caller, m| limits::create_limit(&self.state, caller, m)).await
    }

    async fn list_limits(&self, r: Request<pb::ListLimitsRequest>) -> Result<Response<pb::ListLimitsResponse>, Status> {
        unary(r, |caller, m| limits::list_limits(&self.state, caller, m)).await
    }

    async fn get_my_limits(
        &self,
        r: Request<pb::GetMyLimitsRequest>,
    ) -> Result<Response<pb::GetMyLimitsResponse>, Status> {
        unary(r, |caller, _| limits::get_my_limits(&self.state, caller)).await
    }

    async fn update_limit(
        &self,
        r: Request<pb::UpdateLimitRequest>,
    ) -> Result<Response<pb::UpdateLimitResponse>, Status> {
        unary(r, |caller, m| limits::update_limit(&self.state, caller, m)).await
    }

    async fn delete_limit(
        &self,
        r: Request<pb::DeleteLimitRequest>,
    ) -> Result<Response<pb::DeleteLimitResponse>, Status> {
        unary(r, |caller, m| limits::delete_limit(&self.state, caller, m)).await
    }
}

#[tonic::async_trait]
impl UsageService for Api {
    async fn summarize_usage(
        &self,
        r: Request<pb::SummarizeUsageRequest>,
    ) -> Result<Response<pb::SummarizeUsageResponse>, Status> {
        unary(r, |caller, m| usage::summarize_usage(&self.state, caller, m)).await
    }

    async fn list_usage_events(
        &self,
        r: Request<pb::ListUsageEventsRequest>,
    ) -> Result<Response<pb::ListUsageEventsResponse>, Status> {
        unary(r, |caller, m| usage::list_usage_events(&self.state, caller, m)).await
    }

    async fn get_usage_debug(
        &self,
        r: Request<pb::GetUsageDebugRequest>,
    ) -> Result<Response<pb::GetUsageDebugResponse>, Status> {
        unary(r, |caller, m| usage::get_usage_debug(&self.state, caller, m)).await
    }
}

async fn find_provider(state: &State, reference: &str) -> Result<Provider, Error> {
    let provider = match Reference::parse(reference) {
        Some(reference) => state.store.find_provider(&reference).await?,
        None => None,
    };
    provider.ok_or_else(|| Error::NotFound { kind: "provider", name: reference.to_owned() })
}

/// Finds a key that the caller may manage: a central one as an administrator, or one of their own.
async fn find_key(state: &State, caller: &Caller, id: &str) -> Result<Key, Error> {
    let parsed: KeyId = id.parse().map_err(|error| Violations::one("key_id", error))?;
    let key = state.keys.get_key(parsed).await?;
    let may = |key: &Key| match key.user_id {
        Some(owner) => caller.may_access(owner),
        None => caller.require_admin().is_ok(),
    };
    key.filter(may).ok_or_else(|| Error::NotFound { kind: "key", name: id.to_owned() })
}

async fn check_fallbacks_exist(
    state: &State,
    field: &str,
    fallbacks: &[String],
    violations: &mut Violations,
) -> Result<(), Error> {
    for (at, fallback) in fallbacks.iter().enumerate() {
        let is_there = match fallback.contains('\0') {
            true => false,
            false => state.store.find_model(&Reference::Name(fallback.clone())).await?.is_some(),
        };
        violations.require(is_there, format!("{field}[{at}]"), "is the name of no model");
    }
    Ok(())
}
