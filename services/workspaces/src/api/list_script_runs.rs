use chatmesh_core::{Violations, page};
use chatmesh_proto::workspaces::v1 as pb;
use chatmesh_rpc::Caller;

use crate::domain::{AgentId, WorkspaceId};
use crate::state::State;
use crate::{Error, convert};

/// Lists which scripts of an agent ran and how they ended, in the order in which they ended.
pub(super) async fn list_script_runs(
    state: &State,
    caller: Caller,
    request: pb::ListScriptRunsRequest,
) -> Result<pb::ListScriptRunsResponse, Error> {
    let scope = format!("runs/{}", request.agent_id);
    let mut violations = Violations::new();
    let workspace_id = violations.check("workspace_id", request.workspace_id.parse::<WorkspaceId>());
    let agent_id = violations.check("agent_id", request.agent_id.parse::<AgentId>());
    let size = violations.check("page_size", page::size(request.page_size));
    let after = violations.check("page_token", page::cursor::<i64>(&scope, &request.page_token));
    let ids = workspace_id.zip(agent_id);
    let ((workspace_id, agent_id), (size, after)) = violations.finish(ids.zip(size.zip(after)))?;
    state.open_agent(&caller, workspace_id, agent_id).await?;

    let runs = state.store.list_script_runs(agent_id, after.unwrap_or_default(), size + 1).await?;
    let (runs, next_page_token) = page::cut(runs, size, &scope, |last| last.number);
    Ok(pb::ListScriptRunsResponse { runs: runs.into_iter().map(convert::script_run).collect(), next_page_token })
}
