use chatmesh_core::Violations;
use chatmesh_proto::workspaces::v1 as pb;
use chatmesh_rpc::Caller;

use super::build_name;
use crate::Error;
use crate::state::State;

/// Asks for a build to be given up.
pub(super) async fn cancel_build(
    state: &State,
    caller: Caller,
    request: pb::CancelBuildRequest,
) -> Result<pb::CancelBuildResponse, Error> {
    let (workspace_id, id) = build_name::parse(&request.workspace_id, &request.build_id, Violations::new())?;
    state.open_build(&caller, workspace_id, id).await?;
    let canceled = state.store.cancel_build(id, state.clock.now()).await;
    let build = canceled.map_err(|error| Error::on_build(id, error))?;
    state.hints.build_changed(&build).await;
    Ok(pb::CancelBuildResponse { build: Some(build.into()) })
}
