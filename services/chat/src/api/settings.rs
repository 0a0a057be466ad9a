//! The methods of `SettingsService`, and what they do.

use chatmesh_core::Violations;
use chatmesh_proto::chat::v1 as pb;
use chatmesh_proto::chat::v1::settings_service_server::SettingsService;
use chatmesh_rpc::{Caller, unary};
use tonic::{Request, Response, Status};

use super::Api;
use crate::Error;
use crate::state::State;

/// The longest instructions of a user.
const MAX_CUSTOM_PROMPT_BYTES: usize = 32 * 1024;

#[tonic::async_trait]
impl SettingsService for Api {
    async fn get_user_settings(
        &self,
        r: Request<pb::GetUserSettingsRequest>,
    ) -> Result<Response<pb::GetUserSettingsResponse>, Status> {
        unary(r, |caller, _| get_user_settings(&self.state, caller)).await
    }

    async fn update_user_settings(
        &self,
        r: Request<pb::UpdateUserSettingsRequest>,
    ) -> Result<Response<pb::UpdateUserSettingsResponse>, Status> {
        unary(r, |caller, m| update_user_settings(&self.state, caller, m)).await
    }
}

async fn get_user_settings(state: &State, caller: Caller) -> Result<pb::GetUserSettingsResponse, Error> {
    let settings = state.prompts.user_settings(caller.require_user()?).await?;
    Ok(pb::GetUserSettingsResponse { settings: Some(settings.into()) })
}

async fn update_user_settings(
    state: &State,
    caller: Caller,
    request: pb::UpdateUserSettingsRequest,
) -> Result<pb::UpdateUserSettingsResponse, Error> {
    let user = caller.require_user()?;
    let settings = match request.custom_prompt {
        None => state.prompts.user_settings(user).await?,
        Some(prompt) => {
            let fits = prompt.len() <= MAX_CUSTOM_PROMPT_BYTES && !prompt.contains('\0');
            let mut violations = Violations::new();
            let limit = format!("must have at most {MAX_CUSTOM_PROMPT_BYTES} bytes and no NUL");
            violations.require(fits, "custom_prompt", limit);
            violations.finish(Some(()))?;
            state.prompts.set_custom_prompt(user, &prompt, state.clock.now()).await?
        }
    };
    Ok(pb::UpdateUserSettingsResponse { settings: Some(settings.into()) })
}
