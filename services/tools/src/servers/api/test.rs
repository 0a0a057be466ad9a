use std::sync::Arc;

use chatmesh_proto::tools::v1 as pb;
use chatmesh_rpc::Caller;
use tokio::time::Instant;

use super::find;
use crate::Error;
use crate::servers::client::OpenError;
use crate::servers::govern::tools_of;
use crate::servers::offer::{Asked, Outcome};
use crate::servers::state::Servers;

/// Connects to a server for the caller.
pub(super) async fn test(
    servers: &Arc<Servers>,
    caller: Caller,
    request: pb::TestMcpServerRequest,
) -> Result<pb::TestMcpServerResponse, Error> {
    let user = caller.require_user()?;
    let server = find(servers, &caller, &request.server).await?;
    let began = Instant::now();
    let outcome = servers.ask(&server, &Asked::alone(user)).await;
    let latency_ms = u32::try_from(began.elapsed().as_millis()).unwrap_or(u32::MAX);
    let failed = |outcome: pb::McpOutcome, error| pb::TestMcpServerResponse {
        outcome: outcome.into(),
        error,
        latency_ms,
        ..pb::TestMcpServerResponse::default()
    };
    Ok(match outcome {
        Outcome::Listed(tools) => {
            let tools: Vec<String> = tools_of(&server, &tools).tools.into_iter().map(|tool| tool.name).collect();
            let outcome = if tools.is_empty() { pb::McpOutcome::NoTools } else { pb::McpOutcome::Connected };
            pb::TestMcpServerResponse { tools, ..failed(outcome, String::new()) }
        }
        Outcome::Late => failed(pb::McpOutcome::Timeout, "it did not answer within 10 seconds".to_owned()),
        Outcome::Unauthorized => failed(pb::McpOutcome::Error, OpenError::Unauthorized.to_string()),
        Outcome::Failed(error) => failed(pb::McpOutcome::Error, error),
    })
}
