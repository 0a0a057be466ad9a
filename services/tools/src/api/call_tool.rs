use std::sync::Arc;

use chatmesh_core::Violations;
use chatmesh_proto::tools::v1 as pb;
use chatmesh_proto::tools::v1::ChatMode;
use chatmesh_rpc::{Caller, UserId, in_call};
use tracing::{Instrument as _, info_span};

use crate::builtin::{Call, Tool, Writes};
use crate::catalogue::Offer;
use crate::notices::{Events, Notices, answer};
use crate::outcome::Outcome;
use crate::state::State;
use crate::{Error, catalogue, mcp};

/// Stands for all tools of MCP servers: their names are not ours to count by.
const OUTSIDE: &str = "mcp";

/// Runs a tool.
pub(super) async fn call_tool(
    state: Arc<State>,
    caller: Caller,
    request: pb::CallToolRequest,
) -> Result<Events, Error> {
    caller.require_service()?;
    let user = caller.require_user()?;
    let mut violations = Violations::new();
    violations.require(!request.idempotency_key.is_empty(), "idempotency_key", "must be set");
    violations.require(!request.chat_id.is_empty(), "chat_id", "must be set");
    violations.finish(Some(()))?;

    Ok(answer(|notices| in_call(async move { run(&state, user, caller, request, &notices).await })))
}

async fn run(state: &State, user: UserId, caller: Caller, request: pb::CallToolRequest, notices: &Notices) -> Outcome {
    let mode = catalogue::mode_of(request.chat_mode);
    let tool = Tool::by_name(&request.name);
    if tool.is_none()
        && let Some(outcome) = state.servers.call(user, &request, mode).await
    {
        state.metrics.record(OUTSIDE, &outcome);
        return outcome;
    }
    // Looked at again where the tool is run: a model may name what it was not offered.
    let offer = match tool {
        Some(tool) => catalogue::offer(tool, mode),
        None if mcp::is_name(&request.name) && catalogue::offers_workspace_servers(mode) => Offer::Whole,
        None => Offer::No,
    };
    if offer == Offer::No {
        return Outcome::Failure(not_offered(&request.name, mode));
    }
    if request.workspace_id.is_empty() && tool.is_none_or(catalogue::needs_workspace) {
        return Outcome::Failure(no_workspace(mode));
    }
    let pb::CallToolRequest { chat_id, workspace_id, name, args, call_id, plan_path, personal_skill, .. } = request;
    let key = request.idempotency_key;
    let writes = if offer == Offer::PlanFile { Writes::Plan(&plan_path) } else { Writes::All };
    let workspace = state.workspace(caller, chat_id, workspace_id);
    let label = tool.map_or(OUTSIDE, Tool::name);
    let span = info_span!("tool.execute", gen_ai.tool.name = label, gen_ai.tool.call.id = %call_id);
    let run = async {
        match tool {
            Some(tool) => {
                let workspace_ttl_seconds = state.config.workspace_ttl_seconds();
                let (workspace, args, key) = (&workspace, args.as_str(), key.as_str());
                let personal_skill = personal_skill.as_ref();
                let call = Call { workspace, writes, args, key, workspace_ttl_seconds, personal_skill, notices };
                tool.run(&call).await
            }
            None => mcp::call(&workspace, &state.discovered, &name, &args, &key).await,
        }
    };
    let outcome = run.instrument(span).await;
    state.metrics.record(label, &outcome);
    outcome
}

fn not_offered(name: &str, mode: Option<ChatMode>) -> String {
    let known: Vec<&str> = catalogue::offered(mode).map(Tool::name).collect();
    match known.as_slice() {
        [] => format!("this chat has no tool `{name}`, and no other"),
        known => format!("this chat has no tool `{name}`; it has {}", known.join(", ")),
    }
}

fn no_workspace(mode: Option<ChatMode>) -> String {
    let advice = match catalogue::offer(Tool::CreateWorkspace, mode) {
        Offer::No => "tell the user",
        Offer::Whole | Offer::PlanFile => "make one with `create_workspace`",
    };
    format!("this chat has no workspace that the tool could act on: {advice}")
}
