use chatmesh_core::Violations;
use chatmesh_proto::llm::v1 as pb;
use chatmesh_rpc::Caller;

use super::get_model::find_model;
use crate::Error;
use crate::state::State;
use crate::store::Deleted;

/// Deletes a model.
pub(super) async fn delete_model(
    state: &State,
    caller: Caller,
    request: pb::DeleteModelRequest,
) -> Result<pb::DeleteModelResponse, Error> {
    caller.require_admin()?;
    if request.model.is_empty() {
        return Err(Violations::one("model", "must be the name or identifier of a model").into());
    }
    let model = find_model(state, &request.model).await?;
    let deleted = state.store.delete_model(model.id, state.clock.now()).await?;
    state.router.forget();
    match deleted {
        Deleted::Done => Ok(pb::DeleteModelResponse {}),
        Deleted::Missing | Deleted::InUse => Err(Error::NotFound { kind: "model", name: request.model }),
    }
}
