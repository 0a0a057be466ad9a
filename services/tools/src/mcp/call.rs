//! A call of a server's tool.
//!
//! What such a tool does is not the mesh's to know, and nobody keeps a receipt of it. So a call is made once: where
//! its answer was lost, the model is told that the outcome is unknown instead of being given a second one.

use std::time::Duration;

use chatmesh_proto::agent::v1::CallMcpToolRequest;
use chatmesh_proto::agent::v1::mcp_service_client::McpServiceClient;
use tonic::Status;
use tonic_types::StatusExt as _;

use super::alias::is_alias;
use super::{Discovered, content, listing};
use crate::agent::{Agent, Workspace, explain, is_ours, within};
use crate::outcome::Outcome;

/// How long a call may take: what the agent allows, and a little more, so that the agent says it.
const TIMEOUT: Duration = Duration::from_secs(65);
/// The longest identifier of a call that agents take.
const MAX_ID_BYTES: usize = 256;
/// The largest answer that is taken.
const MAX_ANSWER_BYTES: usize = 8 * 1024 * 1024;

/// Calls the tool `name`. `key` names the call, for servers that tell calls apart.
pub(crate) async fn call(workspace: &Workspace, discovered: &Discovered, name: &str, args: &str, key: &str) -> Outcome {
    let original = match original(workspace, discovered, name).await {
        Ok(original) => original,
        Err(failure) => return Outcome::Failure(failure),
    };
    let request = CallMcpToolRequest {
        name: original,
        arguments_json: args.to_owned(),
        tool_call_id: key[key.ceil_char_boundary(key.len().saturating_sub(MAX_ID_BYTES))..].to_owned(),
    };
    let call = |agent: Agent| {
        let request = request.clone();
        async move {
            let mut request = agent.request(request);
            request.set_timeout(TIMEOUT);
            let mut servers = McpServiceClient::new(agent.transport()).max_decoding_message_size(MAX_ANSWER_BYTES);
            within(TIMEOUT, servers.call_mcp_tool(request)).await
        }
    };
    match workspace.once(call).await {
        Ok(answer) => content::outcome(&answer),
        Err(status) => {
            if is_outdated(&status)
                && let Some(agent) = workspace.bound()
            {
                // The tools are not what they were: the next turn asks anew.
                discovered.forget(&agent);
            }
            Outcome::Failure(failure(name, &status))
        }
    }
}

/// What the server calls the tool that the model knows as `name`.
async fn original(workspace: &Workspace, discovered: &Discovered, name: &str) -> Result<String, String> {
    if !is_alias(name) {
        return Ok(name.to_owned());
    }
    if let Some(agent) = workspace.bound()
        && let Some(original) = discovered.original(&agent, name)
    {
        return Ok(original);
    }
    let original = listing::original(workspace, name).await.map_err(|status| explain(&status))?;
    original.ok_or_else(|| format!("there is no tool `{name}` in this workspace now: nothing was done"))
}

/// True where the tools are not what they were. A server that refuses a call is the same one as before.
fn is_outdated(status: &Status) -> bool {
    let info = status.get_details_error_info();
    info.is_some_and(|info| matches!(info.reason.as_str(), "MCP_SERVER_UNKNOWN" | "MCP_SERVER_NOT_CONNECTED"))
}

/// Why there is no answer, and what that means for what the tool did.
fn failure(name: &str, status: &Status) -> String {
    let info = status.get_details_error_info();
    let reason = info.as_ref().map(|info| info.reason.as_str()).unwrap_or_default();
    let is_agents = info.as_ref().is_some_and(|info| info.domain == "chatmesh.agent.v1");
    match reason {
        // The agent says whether the call was made.
        _ if is_agents && reason != "AGENT_SHUTTING_DOWN" => status.message().to_owned(),
        "AGENT_NOT_CONNECTED" | "AGENT_BUSY" => explain(status),
        _ if is_ours(status) => explain(status),
        _ => format!(
            "the connection to the workspace was lost while `{name}` was called ({}): whether the tool did its work \
             is not known. Look at its effects before you call it again",
            status.message()
        ),
    }
}

#[cfg(test)]
mod tests {
    use chatmesh_rpc::{Code, status_with_reason};

    use super::*;

    #[test]
    fn only_a_server_that_is_gone_makes_what_was_found_outdated() {
        for (reason, expected) in [
            ("MCP_SERVER_UNKNOWN", true),
            ("MCP_SERVER_NOT_CONNECTED", true),
            ("MCP_CALL_REFUSED", false),
            ("WORKSPACE_NOT_RUNNING", false),
        ] {
            let status = status_with_reason(Code::FailedPrecondition, reason, "chatmesh.agent.v1", "why");
            assert_eq!(is_outdated(&status), expected, "{reason}");
        }
    }

    /// G20: a call whose answer was lost is not reported as one that was not made, nor as one that can be repeated.
    #[test]
    fn g20_a_lost_answer_is_an_unknown_outcome() {
        let lost = [
            status_with_reason(Code::Unavailable, "AGENT_CONNECTION_LOST", "chatmesh.relay.v1", "it broke"),
            status_with_reason(Code::Unavailable, "AGENT_SHUTTING_DOWN", "chatmesh.agent.v1", "it ends"),
            Status::unavailable("the connection was lost"),
            Status::deadline_exceeded("65 s"),
            Status::cancelled("cancelled"),
        ];
        for status in lost {
            let text = failure("s__t", &status);
            assert!(text.contains("not known") && text.contains("`s__t`"), "{text}");
        }
        let made = [
            status_with_reason(Code::NotFound, "MCP_SERVER_UNKNOWN", "chatmesh.agent.v1", "there is no MCP server"),
            status_with_reason(Code::Unavailable, "MCP_NOT_READY", "chatmesh.agent.v1", "servers still connect"),
            status_with_reason(Code::DeadlineExceeded, "WORKSPACE_NOT_ANSWERING", "chatmesh.tools.v1", "try again"),
        ];
        for status in made {
            assert_eq!(failure("s__t", &status), status.message());
        }
    }
}
