use chatmesh_proto::llm::v1 as pb;
use chatmesh_rpc::Caller;

use super::find_provider;
use crate::Error;
use crate::state::State;
use crate::store::Deleted;

/// Deletes a provider that no model uses.
pub(super) async fn delete_provider(
    state: &State,
    caller: Caller,
    request: pb::DeleteProviderRequest,
) -> Result<pb::DeleteProviderResponse, Error> {
    caller.require_admin()?;
    let provider = find_provider(state, &request.provider).await?;
    let deleted = state.store.delete_provider(provider.id).await?;
    state.router.forget();
    match deleted {
        Deleted::Done => Ok(pb::DeleteProviderResponse {}),
        Deleted::Missing => Err(Error::NotFound { kind: "provider", name: request.provider }),
        Deleted::InUse => Err(Error::InUse(provider.name)),
    }
}
