use chatmesh_core::Violations;
use chatmesh_proto::workspaces::v1 as pb;
use chatmesh_rpc::Caller;

use super::make_build::{Wanted, make_build};
use super::start_choice;
use crate::Error;
use crate::domain::Transition;
use crate::state::State;

/// Makes a build that starts a workspace.
pub(super) async fn start_workspace(
    state: &State,
    caller: Caller,
    request: pb::StartWorkspaceRequest,
) -> Result<pb::StartWorkspaceResponse, Error> {
    let mut violations = Violations::new();
    let start = start_choice::read(&request.version, request.preset, request.parameters, &mut violations);
    let start = violations.finish(Some(start))?;
    let wanted = Wanted {
        workspace_id: &request.workspace_id,
        request_id: &request.request_id,
        transition: Transition::Start,
        start,
    };
    let build = make_build(state, &caller, wanted).await?;
    Ok(pb::StartWorkspaceResponse { build: Some(build.into()) })
}
