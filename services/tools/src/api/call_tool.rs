use chatmesh_core::Violations;
use chatmesh_proto::tools::v1 as pb;
use chatmesh_rpc::Caller;
use tracing::{Instrument as _, info_span};

use crate::Error;
use crate::agent::Workspace;
use crate::builtin::Tool;
use crate::outcome::Outcome;
use crate::state::State;

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

    let Some(tool) = Tool::by_name(&request.name) else {
        let known: Vec<&str> = Tool::ALL.into_iter().map(Tool::name).collect();
        let failure = format!("there is no tool `{}`; there are {}", request.name, known.join(", "));
        return Ok(Outcome::Failure(failure).into());
    };
    if request.workspace_id.is_empty() {
        return Ok(Outcome::Failure("this chat has no workspace that the tool could act on".to_owned()).into());
    }
    let workspace = Workspace {
        neighbours: state.neighbours.clone(),
        bindings: state.bindings.clone(),
        caller,
        chat_id: request.chat_id,
        workspace_id: request.workspace_id,
    };
    let span = info_span!("tool.execute", gen_ai.tool.name = tool.name(), gen_ai.tool.call.id = %request.call_id);
    let outcome = tool.run(&workspace, &request.args, &request.idempotency_key).instrument(span).await;
    state.metrics.record(tool.name(), &outcome);
    Ok(outcome.into())
}
