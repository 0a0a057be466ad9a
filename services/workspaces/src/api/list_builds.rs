use chatmesh_core::{Violations, page};
use chatmesh_proto::workspaces::v1 as pb;
use chatmesh_rpc::Caller;

use crate::Error;
use crate::domain::WorkspaceId;
use crate::state::State;

/// Lists the builds of a workspace, newest first.
pub(super) async fn list_builds(
    state: &State,
    caller: Caller,
    request: pb::ListBuildsRequest,
) -> Result<pb::ListBuildsResponse, Error> {
    let scope = format!("builds/{}", request.workspace_id);
    let mut violations = Violations::new();
    let workspace_id = violations.check("workspace_id", request.workspace_id.parse::<WorkspaceId>());
    let size = violations.check("page_size", page::size(request.page_size));
    let before = violations.check("page_token", page::cursor::<u32>(&scope, &request.page_token));
    let ((workspace_id, size), before) = violations.finish(workspace_id.zip(size).zip(before))?;
    state.open(&caller, workspace_id).await?;

    let builds = state.store.list_builds(workspace_id, before, size + 1).await?;
    let (builds, next_page_token) = page::cut(builds, size, &scope, |build| build.number);
    Ok(pb::ListBuildsResponse { builds: builds.into_iter().map(Into::into).collect(), next_page_token })
}
