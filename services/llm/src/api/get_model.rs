use chatmesh_proto::llm::v1 as pb;
use chatmesh_rpc::Caller;

use crate::Error;
use crate::domain::{Model, Reference};
use crate::state::State;

/// Returns a model, or the default.
pub(super) async fn get_model(
    state: &State,
    _caller: Caller,
    request: pb::GetModelRequest,
) -> Result<pb::GetModelResponse, Error> {
    let model = find_model(state, &request.model).await?;
    Ok(pb::GetModelResponse { model: Some(model.into()) })
}

/// Finds the model that a reference names, or the default where it is empty.
pub(crate) async fn find_model(state: &State, reference: &str) -> Result<Model, Error> {
    if reference.is_empty() {
        return state.store.default_model().await?.ok_or(Error::NoDefaultModel);
    }
    let model = match Reference::parse(reference) {
        Some(reference) => state.store.find_model(&reference).await?,
        None => None,
    };
    model.ok_or_else(|| Error::NotFound { kind: "model", name: reference.to_owned() })
}
