use chatmesh_proto::workspaces::v1 as pb;
use chatmesh_rpc::Caller;

use super::make_build::{Wanted, make_build};
use crate::Error;
use crate::domain::Transition;
use crate::state::State;
use crate::store::Start;

/// Makes a build that stops a workspace.
pub(super) async fn stop_workspace(
    state: &State,
    caller: Caller,
    request: pb::StopWorkspaceRequest,
) -> Result<pb::StopWorkspaceResponse, Error> {
    let wanted = Wanted {
        workspace_id: &request.workspace_id,
        request_id: &request.request_id,
        transition: Transition::Stop,
        start: Start::default(),
    };
    let build = make_build(state, &caller, wanted).await?;
    Ok(pb::StopWorkspaceResponse { build: Some(build.into()) })
}
