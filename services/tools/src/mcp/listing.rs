//! Asks which tools there are.

use std::time::Duration;

use chatmesh_proto::agent::v1::mcp_service_client::McpServiceClient;
use chatmesh_proto::agent::v1::{ListMcpToolsRequest, ListMcpToolsResponse, McpDiscovery};
use chatmesh_proto::tools::v1::WorkspaceToolsState;
use tonic::{Response, Status};
use tracing::debug;

use super::definition::offered;
use super::problems::problems;
use super::{Discovered, Found};
use crate::agent::{Agent, Reached, Workspace, within};

/// How long the agent may wait in the first look of a turn until its servers are connected. What comes later
/// comes in the middle of the turn.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// How long the agent may wait for its servers before it says what a tool is called.
const ALIAS_WAIT: Duration = Duration::from_secs(10);
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
    /// What was found lately does not count: it is the answer of the workspace that matters.
    pub(crate) asks_anew: bool,
}

impl Source for Latest<'_> {
    async fn list(&self, wait: Duration) -> Result<Found, Status> {
        let reached = self.workspace.find().await?;
        if !self.asks_anew {
            if let Some(found) = self.discovered.get(reached.id()) {
                return Ok(found);
            }
            if self.discovered.has_none(reached.id()) {
                return Ok(Found { is_complete: true, is_settled: true, ..Found::default() });
            }
        }
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
        Ok(Err(status)) => {
            let (code, reason) = (status.code(), status.message());
            debug!(workspace = workspace.workspace_id, ?code, reason, "the tools of a workspace cannot be listed");
            Found::default()
        }
        Err(_) => {
            debug!(workspace = workspace.workspace_id, "the tools of a workspace did not come in time");
            Found::default()
        }
    }
}

/// What the server calls a tool that is offered under `alias`, where it was not this process that offered it or that
/// was a while ago; `None` where there is no such tool.
///
/// # Errors
/// The agent cannot be reached, or does not know.
pub(super) async fn original(workspace: &Workspace, alias: &str) -> Result<Option<String>, Status> {
    let listed = workspace.retry(|agent| ask(agent, ALIAS_WAIT)).await?;
    Ok(offered(listed.tools, false).originals.remove(alias))
}

async fn list(
    workspace: &Workspace,
    reached: &Reached,
    discovered: &Discovered,
    wait: Duration,
) -> Result<Found, Status> {
    let listed = workspace.ask(reached, SLACK, |agent| ask(agent, wait)).await?;
    let is_complete = listed.discovery() == McpDiscovery::Complete;
    let problems = problems(&listed);
    let mut found = Found { problems, ..offered(listed.tools, is_complete) };
    if found.problems.is_empty() {
        // What is mended should show at the next look.
        discovered.keep(reached.id(), &found);
    }
    if found.state() == WorkspaceToolsState::Empty && reached.is_settled() {
        discovered.keep_none(reached.id());
        found.is_settled = true;
    }
    Ok(found)
}

async fn ask(agent: Agent, wait: Duration) -> Result<Response<ListMcpToolsResponse>, Status> {
    let wait_ms = Some(u32::try_from(wait.as_millis()).unwrap_or(u32::MAX));
    let mut request = agent.request(ListMcpToolsRequest { refresh: false, wait_ms });
    request.set_timeout(wait + SLACK);
    let mut servers = McpServiceClient::new(agent.transport()).max_decoding_message_size(MAX_LIST_BYTES);
    within(wait + SLACK, servers.list_mcp_tools(request)).await
}
