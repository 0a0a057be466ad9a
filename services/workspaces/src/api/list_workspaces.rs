use chatmesh_core::{Uuid, Violations, page};
use chatmesh_proto::workspaces::v1 as pb;
use chatmesh_rpc::Caller;

use crate::domain::WorkspaceId;
use crate::state::State;
use crate::{Error, convert};

const SCOPE: &str = "workspaces";

/// Lists the caller's workspaces, oldest first.
pub(super) async fn list_workspaces(
    state: &State,
    caller: Caller,
    request: pb::ListWorkspacesRequest,
) -> Result<pb::ListWorkspacesResponse, Error> {
    let mut violations = Violations::new();
    let size = violations.check("page_size", page::size(request.page_size));
    let after = violations.check("page_token", page::cursor::<Uuid>(SCOPE, &request.page_token));
    let (size, after) = violations.finish(size.zip(after))?;
    let me = caller.require_user()?;

    let found = state.store.list_workspaces(me, after.map(WorkspaceId), size + 1).await?;
    let (found, next_page_token) = page::cut(found, size, SCOPE, |last| last.workspace.id.0);
    let now = state.clock.now();
    let workspaces = found.into_iter().map(|details| convert::workspace(details, now)).collect();
    Ok(pb::ListWorkspacesResponse { workspaces, next_page_token })
}
