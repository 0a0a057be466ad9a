use chatmesh_proto::identity::v1 as pb;
use chatmesh_rpc::Caller;

use crate::Error;
use crate::state::State;

/// Returns the user who calls.
pub(super) async fn get_me(state: &State, caller: Caller) -> Result<pb::GetMeResponse, Error> {
    let id = caller.require_user()?;
    let user = state.store.get_user(id).await?;
    let user = user.ok_or_else(|| Error::NotFound { kind: "user", id: id.to_string() })?;
    Ok(pb::GetMeResponse { user: Some(user.into()) })
}
