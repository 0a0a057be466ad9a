use chatmesh_core::{Uuid, Violations, page};
use chatmesh_proto::llm::v1 as pb;
use chatmesh_rpc::Caller;

use crate::Error;
use crate::domain::ModelId;
use crate::state::State;

const SCOPE: &str = "models";

/// Lists models, oldest first.
pub(super) async fn list_models(
    state: &State,
    _caller: Caller,
    request: pb::ListModelsRequest,
) -> Result<pb::ListModelsResponse, Error> {
    let mut violations = Violations::new();
    let size = violations.check("page_size", page::size(request.page_size));
    let after = violations.check("page_token", page::cursor::<Uuid>(SCOPE, &request.page_token));
    let (size, after) = violations.finish(size.zip(after))?;

    let models = state.store.list_models(after.map(ModelId), size + 1).await?;
    let (models, more) = page::cut(models, size);
    let last = models.last().filter(|_| more);
    let next_page_token = last.map_or_else(String::new, |model| page::token(SCOPE, &model.id.0));
    Ok(pb::ListModelsResponse { models: models.into_iter().map(Into::into).collect(), next_page_token })
}
