//! The methods of the service, one line each; what they do is in the files beside.

mod create_model;
mod create_provider;
mod delete_model;
mod delete_provider;
mod generate;
mod get_model;
mod get_provider;
mod list_models;
mod list_providers;
mod update_provider;

use std::pin::Pin;
use std::sync::Arc;

use chatmesh_proto::llm::v1 as pb;
use chatmesh_proto::llm::v1::compatible_service_server::CompatibleService;
use chatmesh_proto::llm::v1::llm_service_server::LlmService;
use chatmesh_proto::llm::v1::model_service_server::ModelService;
use chatmesh_proto::llm::v1::provider_service_server::ProviderService;
use chatmesh_rpc::{streaming, unary};
use futures::Stream;
use tonic::{Request, Response, Status};

use crate::Error;
use crate::domain::{Provider, Reference};
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

pub(crate) use self::generate::target_of;
pub(crate) use self::get_model::find_model;

type Events = Pin<Box<dyn Stream<Item = Result<pb::GenerateResponse, Status>> + Send>>;

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

    async fn delete_model(
        &self,
        r: Request<pb::DeleteModelRequest>,
    ) -> Result<Response<pb::DeleteModelResponse>, Status> {
        unary(r, |caller, m| delete_model::delete_model(&self.state, caller, m)).await
    }
}

async fn find_provider(state: &State, reference: &str) -> Result<Provider, Error> {
    let provider = match Reference::parse(reference) {
        Some(reference) => state.store.find_provider(&reference).await?,
        None => None,
    };
    provider.ok_or_else(|| Error::NotFound { kind: "provider", name: reference.to_owned() })
}
