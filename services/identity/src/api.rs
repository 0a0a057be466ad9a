//! The methods of `IdentityService`, one line each; what they do is in the files beside.

mod create_token;
mod create_user;
mod delete_token;
mod exchange_token;
mod get_me;
mod list_tokens;
mod list_users;

use std::sync::Arc;

use chatmesh_proto::identity::v1 as pb;
use chatmesh_proto::identity::v1::identity_service_server::IdentityService;
use chatmesh_rpc::unary;
use tonic::{Request, Response, Status};

use crate::state::State;

pub(crate) struct Api {
    state: Arc<State>,
}

impl Api {
    pub(crate) fn new(state: Arc<State>) -> Self {
        Self { state }
    }
}

#[tonic::async_trait]
impl IdentityService for Api {
    async fn get_me(&self, r: Request<pb::GetMeRequest>) -> Result<Response<pb::GetMeResponse>, Status> {
        unary(r, |caller, _| get_me::get_me(&self.state, caller)).await
    }

    async fn create_user(&self, r: Request<pb::CreateUserRequest>) -> Result<Response<pb::CreateUserResponse>, Status> {
        unary(r, |caller, m| create_user::create_user(&self.state, caller, m)).await
    }

    async fn list_users(&self, r: Request<pb::ListUsersRequest>) -> Result<Response<pb::ListUsersResponse>, Status> {
        unary(r, |caller, m| list_users::list_users(&self.state, caller, m)).await
    }

    async fn create_token(
        &self,
        r: Request<pb::CreateTokenRequest>,
    ) -> Result<Response<pb::CreateTokenResponse>, Status> {
        unary(r, |caller, m| create_token::create_token(&self.state, caller, m)).await
    }

    async fn list_tokens(&self, r: Request<pb::ListTokensRequest>) -> Result<Response<pb::ListTokensResponse>, Status> {
        unary(r, |caller, m| list_tokens::list_tokens(&self.state, caller, m)).await
    }

    async fn delete_token(
        &self,
        r: Request<pb::DeleteTokenRequest>,
    ) -> Result<Response<pb::DeleteTokenResponse>, Status> {
        unary(r, |caller, m| delete_token::delete_token(&self.state, caller, m)).await
    }

    async fn exchange_token(
        &self,
        r: Request<pb::ExchangeTokenRequest>,
    ) -> Result<Response<pb::ExchangeTokenResponse>, Status> {
        unary(r, |caller, m| exchange_token::exchange_token(&self.state, caller, m)).await
    }

    /// Answers anyone: without these keys a service cannot check any caller, and they are public.
    async fn get_verification_keys(
        &self,
        _: Request<pb::GetVerificationKeysRequest>,
    ) -> Result<Response<pb::GetVerificationKeysResponse>, Status> {
        let keys = self.state.keys.iter().map(|key| pb::VerificationKey {
            key_id: key.id.to_string(),
            ed25519_public_key: key.public_key.clone().into(),
        });
        Ok(Response::new(pb::GetVerificationKeysResponse { keys: keys.collect() }))
    }
}
