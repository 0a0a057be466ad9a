use chatmesh_core::Violations;
use chatmesh_proto::workspaces::v1 as pb;
use chatmesh_rpc::Caller;

use crate::state::State;
use crate::{Error, convert};

/// Returns a workspace.
pub(super) async fn get_workspace(
    state: &State,
    caller: Caller,
    request: pb::GetWorkspaceRequest,
) -> Result<pb::GetWorkspaceResponse, Error> {
    let id = request.workspace_id.parse().map_err(|error| Violations::one("workspace_id", error))?;
    let details = state.open(&caller, id).await?;
    Ok(pb::GetWorkspaceResponse { workspace: Some(convert::workspace(details, state.clock.now())) })
}
