use chatmesh_proto::workspaces::v1 as pb;
use chatmesh_rpc::Caller;

use crate::Error;
use crate::state::State;

/// Returns a template.
pub(super) async fn get_template(
    state: &State,
    _: Caller,
    request: pb::GetTemplateRequest,
) -> Result<pb::GetTemplateResponse, Error> {
    let template = state.find_template(&request.template).await?;
    Ok(pb::GetTemplateResponse { template: Some(template.into()) })
}
