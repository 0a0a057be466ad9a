use chatmesh_core::Violations;
use chatmesh_proto::identity::v1 as pb;
use chatmesh_rpc::Caller;

use crate::Error;
use crate::domain::TokenId;
use crate::state::State;

/// Revokes a token of the caller.
pub(super) async fn delete_token(
    state: &State,
    caller: Caller,
    request: pb::DeleteTokenRequest,
) -> Result<pb::DeleteTokenResponse, Error> {
    let me = caller.require_user()?;
    let id: TokenId = request.token_id.parse().map_err(|error| Violations::one("token_id", error))?;
    if !state.store.delete_token(me, id).await? {
        return Err(Error::NotFound { kind: "token", id: id.to_string() });
    }
    Ok(pb::DeleteTokenResponse {})
}
