//! What starting, stopping and deleting have in common.

use chatmesh_core::Violations;
use chatmesh_rpc::Caller;

use crate::Error;
use crate::domain::{Build, BuildId, BuildReason, Transition, WorkspaceId};
use crate::state::State;
use crate::store::{NewBuild, Start};

/// What to do to which workspace, as the client wrote it.
pub(super) struct Wanted<'a> {
    pub(super) workspace_id: &'a str,
    pub(super) request_id: &'a str,
    pub(super) transition: Transition,
    /// What is chosen, where it starts the workspace.
    pub(super) start: Start,
}

/// Makes the next build of a workspace of the caller's.
pub(super) async fn make_build(state: &State, caller: &Caller, wanted: Wanted<'_>) -> Result<Build, Error> {
    let mut violations = Violations::new();
    let workspace_id = violations.check("workspace_id", wanted.workspace_id.parse::<WorkspaceId>());
    let request_id = violations.optional_id("request_id", wanted.request_id);
    let workspace_id = violations.finish(workspace_id)?;
    state.open(caller, workspace_id).await?;

    let (id, now) = (BuildId(state.ids.next()), state.clock.now());
    let new = NewBuild {
        id,
        workspace_id,
        transition: wanted.transition,
        request_id,
        start: wanted.start,
        reason: BuildReason::Initiator,
        initiator: caller.user_and_role().map(|(user, _)| user),
        now,
    };
    let build = state.store.insert_build(&new).await;
    let build = build.map_err(|error| Error::on_workspace(workspace_id, error))?;
    state.hints.build_waits(workspace_id).await;
    Ok(build)
}
