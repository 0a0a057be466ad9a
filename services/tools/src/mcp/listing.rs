//! Asks which tools there are.

use std::time::Duration;

use chatmesh_proto::agent::v1::mcp_service_client::McpServiceClient;
use chatmesh_proto::agent::v1::{ListMcpToolsRequest, McpDiscovery};
use tonic::Status;

use super::definition::definitions;
use super::{Discovered, Found};
use crate::agent::{Agent, Reached, Workspace};

/// How long the agent may wait in the first look of a turn until its servers are connected. What comes later
/// comes in the middle of the turn.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// How much later than asked for an agent may answer.
const SLACK: Duration = Duration::from_secs(2);
/// The largest list that is taken.
const MAX_LIST_BYTES: usize = 40 * 1024 * 1024;

/// Who can be asked again and again.
pub(crate) trait Source: Sync {
    /// The tools that there are; the agent waits until all are known, `wait` at most.
    fn list(&self, wait: Duration) -> impl Future<Output = Result<Found, Status>> + Send;
}

/// A workspace whose agent is looked up at every question: it may have another one by then.
#[derive(Debug)]
pub(crate) struct Latest<'a> {
    pub(crate) workspace: &'a Workspace,
    pub(crate) discovered: &'a Discovered,
}

impl Source for Latest<'_> {
    async fn list(&self, wait: Duration) -> Result<Found, Status> {
        let reached = self.workspace.find().await?;
        list(self.workspace, &reached, self.discovered, wait).await
    }
}

/// Looks once, for the beginning of a turn: at what was found lately, and else at the agent where that is there,
/// within `limit`; without any time nobody is asked.
pub(crate) async fn look(
    workspace: &Workspace,
    reached: Option<&Reached>,
    discovered: &Discovered,
    limit: Duration,
) -> Found {
    let Some(reached) = reached else { return Found::default() };
    if let Some(found) = discovered.get(reached.id()) {
        return found;
    }
    if limit.is_zero() {
        return Found::default();
    }
    let asked = tokio::time::timeout(limit, list(workspace, reached, discovered, FIRST_WAIT.min(limit / 2)));
    match asked.await {
        Ok(Ok(found)) => found,
        Ok(Err(_)) | Err(_) => Found::default(),
    }
}

async fn list(
    workspace: &Workspace,
    reached: &Reached,
    discovered: &Discovered,
    wait: Duration,
) -> Result<Found, Status> {
    if let Some(found) = discovered.get(reached.id()) {
        return Ok(found);
    }
    let wait_ms = Some(u32::try_from(wait.as_millis()).unwrap_or(u32::MAX));
    let call = |agent: Agent| async move {
        let mut request = agent.request(ListMcpToolsRequest { refresh: false, wait_ms });
        request.set_timeout(wait + SLACK);
        let mut servers = McpServiceClient::new(agent.transport()).max_decoding_message_size(MAX_LIST_BYTES);
        servers.list_mcp_tools(request).await
    };
    let listed = workspace.ask(reached, SLACK, call).await?;
    let is_complete = listed.discovery() == McpDiscovery::Complete;
    let found = Found { tools: definitions(listed.tools), is_complete };
    discovered.keep(reached.id(), &found);
    Ok(found)
}
