use chatmesh_proto::llm::v1 as pb;
use chatmesh_rpc::Caller;

use super::availability::Availability;
use crate::Error;
use crate::domain::Model;
use crate::state::State;

/// Returns a model, or the default.
pub(super) async fn get_model(
    state: &State,
    caller: Caller,
    request: pb::GetModelRequest,
) -> Result<pb::GetModelResponse, Error> {
    let model = find_model(state, &request.model).await?;
    let availability = Availability::new(state, &caller).of(&model).await?;
    let model = pb::Model { availability: availability.into(), ..model.into() };
    Ok(pb::GetModelResponse { model: Some(model) })
}

/// Finds the model that a reference names, or the default where it is empty.
pub(crate) async fn find_model(state: &State, reference: &str) -> Result<Model, Error> {
    state.router.find_model(reference).await
}
