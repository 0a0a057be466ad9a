use chatmesh_proto::llm::v1 as pb;
use chatmesh_rpc::Caller;

use super::find_key;
use crate::Error;
use crate::state::State;

/// Deletes a key.
pub(super) async fn delete_key(
    state: &State,
    caller: Caller,
    request: pb::DeleteKeyRequest,
) -> Result<pb::DeleteKeyResponse, Error> {
    let key = find_key(state, &caller, &request.key_id).await?;
    let was_there = state.keys.delete_key(key.id).await?;
    state.router.forget();
    match was_there {
        true => Ok(pb::DeleteKeyResponse {}),
        false => Err(Error::NotFound { kind: "key", name: request.key_id }),
    }
}
