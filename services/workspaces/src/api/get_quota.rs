use chatmesh_proto::workspaces::v1 as pb;
use chatmesh_rpc::Caller;

use crate::Error;
use crate::state::State;

/// Returns what the caller's workspaces take of what there is for them.
pub(super) async fn get_quota(
    state: &State,
    caller: Caller,
    _: pb::GetQuotaRequest,
) -> Result<pb::GetQuotaResponse, Error> {
    let user = caller.require_user()?;
    let credits_consumed = state.store.consumed(user).await?;
    let quota = pb::Quota { credits_consumed, budget: state.quota.budget(user) };
    Ok(pb::GetQuotaResponse { quota: Some(quota) })
}
