use chatmesh_proto::workspaces::v1 as pb;
use chatmesh_rpc::Caller;

use super::make_build::{Wanted, make_build};
use crate::Error;
use crate::domain::Transition;
use crate::state::State;
use crate::store::Start;

/// Makes a build that deletes a workspace and its files.
pub(super) async fn delete_workspace(
    state: &State,
    caller: Caller,
    request: pb::DeleteWorkspaceRequest,
) -> Result<pb::DeleteWorkspaceResponse, Error> {
    let wanted = Wanted {
        workspace_id: &request.workspace_id,
        request_id: "",
        transition: Transition::Delete,
        start: Start::default(),
    };
    let build = make_build(state, &caller, wanted).await?;
    Ok(pb::DeleteWorkspaceResponse { build: Some(build.into()) })
}
