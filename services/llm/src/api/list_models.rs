use chatmesh_core::{Uuid, Violations, page};
use chatmesh_proto::llm::v1 as pb;
use chatmesh_rpc::Caller;

use super::availability::Availability;
use crate::Error;
use crate::domain::ModelId;
use crate::state::State;

const SCOPE: &str = "models";

/// Lists models, oldest first.
pub(super) async fn list_models(
    state: &State,
    caller: Caller,
    request: pb::ListModelsRequest,
) -> Result<pb::ListModelsResponse, Error> {
    let mut violations = Violations::new();
    let size = violations.check("page_size", page::size(request.page_size));
    let after = violations.check("page_token", page::cursor::<Uuid>(SCOPE, &request.page_token));
    let (size, after) = violations.finish(size.zip(after))?;

    let models = state.store.list_models(after.map(ModelId), size + 1).await?;
    let (models, next_page_token) = page::cut(models, size, SCOPE, |model| model.id.0);
    let mut availability = Availability::new(state, &caller);
    let mut listed = Vec::with_capacity(models.len());
    for model in models {
        let availability = availability.of(&model).await?.into();
        listed.push(pb::Model { availability, ..model.into() });
    }
    Ok(pb::ListModelsResponse { models: listed, next_page_token })
}
