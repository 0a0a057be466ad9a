use chatmesh_core::{Violations, page};
use chatmesh_proto::workspaces::v1 as pb;
use chatmesh_rpc::Caller;

use crate::domain::{AgentId, WorkspaceId};
use crate::state::State;
use crate::{Error, convert};

/// Lists what the scripts of an agent printed, oldest line first.
pub(super) async fn list_agent_logs(
    state: &State,
    caller: Caller,
    request: pb::ListAgentLogsRequest,
) -> Result<pb::ListAgentLogsResponse, Error> {
    let scope = format!("logs/{}", request.agent_id);
    let mut violations = Violations::new();
    let workspace_id = violations.check("workspace_id", request.workspace_id.parse::<WorkspaceId>());
    let agent_id = violations.check("agent_id", request.agent_id.parse::<AgentId>());
    let size = violations.check("page_size", page::size(request.page_size));
    let after = violations.check("page_token", page::cursor::<i64>(&scope, &request.page_token));
    let ids = workspace_id.zip(agent_id);
    let ((workspace_id, agent_id), (size, after)) = violations.finish(ids.zip(size.zip(after)))?;
    let agent = state.open_agent(&caller, workspace_id, agent_id).await?;

    let after = after.unwrap_or_default();
    let lines = state.store.list_log_lines(agent_id, after, size + 1).await?;
    let (lines, next_page_token) = page::cut(lines, size, &scope, |last| last.number);
    // What lies between two lines, or two pages, was lost.
    let mut former = after;
    let lines = lines.into_iter().map(|line| {
        let dropped = line.number - std::mem::replace(&mut former, line.number) - 1;
        convert::log_line(line, dropped, &agent.scripts)
    });
    Ok(pb::ListAgentLogsResponse { lines: lines.collect(), next_page_token })
}
