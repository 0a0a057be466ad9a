use chatmesh_proto::workspaces::v1 as pb;
use chatmesh_rpc::Caller;

use crate::Error;
use crate::state::State;

/// Deletes a template that has no workspaces.
pub(super) async fn delete_template(
    state: &State,
    caller: Caller,
    request: pb::DeleteTemplateRequest,
) -> Result<pb::DeleteTemplateResponse, Error> {
    caller.require_admin()?;
    let template = state.find_template(&request.template).await?;
    let deleted = state.store.delete_template(template.id).await;
    deleted.map_err(|error| Error::on_template(&request.template, error))?;
    Ok(pb::DeleteTemplateResponse {})
}
