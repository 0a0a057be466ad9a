use chatmesh_proto::tools::v1 as pb;
use chatmesh_proto::tools::v1::WorkspaceContextState;
use chatmesh_rpc::Caller;
use tokio::time::Instant;

use crate::context::CONTEXT_TIMEOUT;
use crate::state::State;
use crate::{Error, catalogue, context, mcp};

/// Lists the tools of a chat. Without a workspace there is nothing that they could act on.
pub(super) async fn list_tools(
    state: &State,
    caller: Caller,
    request: pb::ListToolsRequest,
) -> Result<pb::ListToolsResponse, Error> {
    caller.require_service()?;
    if request.workspace_id.is_empty() {
        return Ok(pb::ListToolsResponse::default());
    }
    let began = Instant::now();
    let workspace = state.workspace(caller, request.chat_id, request.workspace_id);
    let (context, reached) = context::read(&workspace).await;
    let is_reachable = matches!(context.state, WorkspaceContextState::Found | WorkspaceContextState::Empty);
    let is_gone = context.state == WorkspaceContextState::Gone;
    // Both looks together take no longer than one that gets no answer.
    let left = if is_reachable { CONTEXT_TIMEOUT.saturating_sub(began.elapsed()) } else { std::time::Duration::ZERO };
    let found = mcp::look(&workspace, reached.as_ref(), &state.discovered, left).await;
    let has_skills = if is_reachable { !context.skill_index.is_empty() } else { request.has_skills && !is_gone };
    let text = [Some(context.text), found.note()].into_iter().flatten().collect::<Vec<_>>().join("\n\n");
    let workspace_tools_state = found.state().into();
    let mut tools = catalogue::definitions(has_skills);
    tools.extend(found.tools);
    Ok(pb::ListToolsResponse {
        tools,
        workspace_context: text,
        workspace_context_state: context.state.into(),
        skill_index: context.skill_index,
        workspace_tools_state,
    })
}
