use chatmesh_core::Violations;
use chatmesh_proto::workspaces::v1 as pb;
use chatmesh_rpc::Caller;

use super::build_name;
use crate::Error;
use crate::state::State;

/// Returns a build.
pub(super) async fn get_build(
    state: &State,
    caller: Caller,
    request: pb::GetBuildRequest,
) -> Result<pb::GetBuildResponse, Error> {
    let (workspace_id, id) = build_name::parse(&request.workspace_id, &request.build_id, Violations::new())?;
    let build = state.open_build(&caller, workspace_id, id).await?;
    Ok(pb::GetBuildResponse { build: Some(build.into()) })
}
