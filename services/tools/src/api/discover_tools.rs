use chatmesh_core::Violations;
use chatmesh_proto::tools::v1 as pb;
use chatmesh_rpc::Caller;

use crate::state::State;
use crate::{Error, mcp};

/// Waits until the tools of a workspace are known.
pub(super) async fn discover_tools(
    state: &State,
    caller: Caller,
    request: pb::DiscoverToolsRequest,
) -> Result<pb::DiscoverToolsResponse, Error> {
    caller.require_service()?;
    let mut violations = Violations::new();
    violations.require(!request.chat_id.is_empty(), "chat_id", "must be set");
    violations.require(!request.workspace_id.is_empty(), "workspace_id", "must be set");
    violations.finish(Some(()))?;
    let workspace = state.workspace(caller, request.chat_id, request.workspace_id);
    // Whoever lacks the context wants the workspace to answer, and what is remembered is no answer.
    let asks_anew = request.until_reachable;
    let source = mcp::Latest { workspace: &workspace, discovered: &state.discovered, asks_anew };
    Ok(mcp::until_found(&source, request.until_reachable).await)
}
