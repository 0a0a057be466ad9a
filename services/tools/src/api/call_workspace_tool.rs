use chatmesh_core::Violations;
use chatmesh_proto::tools::v1 as pb;
use chatmesh_rpc::Caller;

use crate::Error;
use crate::agent::Workspace;
use crate::builtin::{Call, Tool, Writes, execute_while_wanted};
use crate::notices::Notices;
use crate::state::State;

/// The tools that need no chat.
const TOOLS: [Tool; 8] = [
    Tool::EditFiles,
    Tool::Execute,
    Tool::ProcessList,
    Tool::ProcessOutput,
    Tool::ProcessSignal,
    Tool::ReadFile,
    Tool::StartWorkspace,
    Tool::WriteFile,
];

/// Runs a tool in a workspace of the caller's.
pub(super) async fn call_workspace_tool(
    state: &State,
    caller: Caller,
    request: pb::CallWorkspaceToolRequest,
) -> Result<pb::CallWorkspaceToolResponse, Error> {
    let user = caller.require_user()?;
    let tool = Tool::by_name(&request.name).filter(|tool| TOOLS.contains(tool));
    let mut violations = Violations::new();
    violations.require(!request.workspace_id.is_empty(), "workspace_id", "must be set");
    violations.require(!request.idempotency_key.is_empty(), "idempotency_key", "must be set");
    let names = TOOLS.map(Tool::name).join(", ");
    violations.require(tool.is_some(), "name", format!("must be one of {names}"));
    let tool = violations.finish(tool)?;

    // Commands belong to somebody: those that a user starts from outside are apart from those of the user's chats.
    let workspace = state.workspace(caller, format!("mcp-{user}"), request.workspace_id);
    let workspace = Workspace { agent: request.agent, ..workspace };
    let outcome = if tool == Tool::Execute && request.end_on_timeout {
        let tasks = state.servers.tasks();
        execute_while_wanted(tasks, workspace, request.args, request.idempotency_key).await
    } else {
        let call = Call {
            workspace: &workspace,
            writes: Writes::All,
            args: &request.args,
            key: &request.idempotency_key,
            workspace_ttl_seconds: None,
            personal_skill: None,
            notices: &Notices::to_nobody(),
        };
        tool.run(&call).await
    };
    state.metrics.record(tool.name(), &outcome);
    let (result, is_error) = outcome.into_parts();
    Ok(pb::CallWorkspaceToolResponse { result, is_error })
}
