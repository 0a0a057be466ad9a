use chatmesh_proto::llm::v1 as pb;
use chatmesh_rpc::Caller;

use super::find_provider;
use crate::Error;
use crate::state::State;

/// Returns a provider.
pub(super) async fn get_provider(
    state: &State,
    _caller: Caller,
    request: pb::GetProviderRequest,
) -> Result<pb::GetProviderResponse, Error> {
    let provider = find_provider(state, &request.provider).await?;
    Ok(pb::GetProviderResponse { provider: Some(provider.into()) })
}
