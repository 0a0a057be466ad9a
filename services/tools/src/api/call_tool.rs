use chatmesh_core::Violations;
use chatmesh_proto::tools::v1 as pb;
use chatmesh_rpc::Caller;
use tracing::{Instrument as _, info_span};

use crate::builtin::Tool;
use crate::outcome::Outcome;
use crate::state::State;
use crate::{Error, mcp};

/// Stands for all tools of MCP servers: their names are not ours to count by.
const OUTSIDE: &str = "mcp";

/// Runs a tool.
pub(super) async fn call_tool(
    state: &State,
    caller: Caller,
    request: pb::CallToolRequest,
) -> Result<pb::CallToolResponse, Error> {
    caller.require_service()?;
    caller.require_user()?;
    let mut violations = Violations::new();
    violations.require(!request.idempotency_key.is_empty(), "idempotency_key", "must be set");
    violations.require(!request.chat_id.is_empty(), "chat_id", "must be set");
    violations.finish(Some(()))?;

    let tool = Tool::by_name(&request.name);
    if tool.is_none() && !mcp::is_name(&request.name) {
        let known: Vec<&str> = Tool::ALL.into_iter().map(Tool::name).collect();
        let failure = format!("there is no tool `{}`; there are {}", request.name, known.join(", "));
        return Ok(Outcome::Failure(failure).into());
    }
    if request.workspace_id.is_empty() {
        return Ok(Outcome::Failure("this chat has no workspace that the tool could act on".to_owned()).into());
    }
    let pb::CallToolRequest { chat_id, workspace_id, name, args, call_id, idempotency_key: key } = request;
    let workspace = state.workspace(caller, chat_id, workspace_id);
    let label = tool.map_or(OUTSIDE, Tool::name);
    let span = info_span!("tool.execute", gen_ai.tool.name = label, gen_ai.tool.call.id = %call_id);
    let run = async {
        match tool {
            Some(tool) => tool.run(&workspace, &args, &key).await,
            None => mcp::call(&workspace, &state.discovered, &name, &args, &key).await,
        }
    };
    let outcome = run.instrument(span).await;
    state.metrics.record(label, &outcome);
    Ok(outcome.into())
}
