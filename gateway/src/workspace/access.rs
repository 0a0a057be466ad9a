//! Who may reach a workspace: its owner, and nobody else.

use std::time::Duration;

use axum::http::HeaderMap;
use chatmesh_proto::chat::v1::GetChatRequest;
use chatmesh_proto::chat::v1::chat_service_client::ChatServiceClient;
use chatmesh_proto::workspaces::v1::agent_service_client::AgentServiceClient;
use chatmesh_proto::workspaces::v1::{AgentStatus, ResolveAgentRequest};
use chatmesh_rpc::client::Peer;
use chatmesh_runtime::Tasks;
use tonic::Status;

use super::agent::{Agent, in_time};
use crate::activity::Activity;
use crate::forward::with_assertion;
use crate::neighbours::Neighbours;

/// How long a service may take to say who may.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// How long an agent that is not connected is waited for: a workspace that was just started has one soon.
const ARRIVAL_TIMEOUT: Duration = Duration::from_secs(10);

/// The way to workspaces; clones share everything.
#[derive(Debug, Clone)]
pub(crate) struct Access {
    chat: Peer,
    workspaces: Peer,
    relay: Peer,
    tasks: Tasks,
    activity: Activity,
}

impl Access {
    /// Access through these neighbours, with connections that are `tasks` and that count as `activity`.
    pub(crate) fn new(neighbours: &Neighbours, tasks: Tasks, activity: Activity) -> Self {
        let Neighbours { chat, workspaces, relay, .. } = neighbours.clone();
        Self { chat, workspaces, relay, tasks, activity }
    }

    /// What lasts longer than a request is one of these.
    pub(super) fn tasks(&self) -> &Tasks {
        &self.tasks
    }

    /// Finds the agent of a workspace for the caller whose assertion is among the headers.
    ///
    /// # Errors
    /// NOT_FOUND where there is no such workspace or it is somebody else's, FAILED_PRECONDITION where it
    /// does not run, UNAVAILABLE where its agent does not connect.
    pub(crate) async fn agent(&self, headers: &HeaderMap, workspace_id: &str) -> Result<Agent, Status> {
        self.agent_named(headers, workspace_id, "").await
    }

    /// The same for an agent of a name, or for that which the workspace is reached through where it is empty.
    ///
    /// # Errors
    /// The same, and NOT_FOUND where the workspace has no such agent.
    pub(crate) async fn agent_named(
        &self,
        headers: &HeaderMap,
        workspace_id: &str,
        name: &str,
    ) -> Result<Agent, Status> {
        let message = ResolveAgentRequest { workspace_id: workspace_id.to_owned(), agent: name.to_owned() };
        let request = with_assertion(headers, message);
        let mut agents = AgentServiceClient::new(self.workspaces.clone());
        let found =
            in_time(ANSWER_TIMEOUT, "the workspaces service did not answer", agents.resolve_agent(request)).await?;
        let owner = found.owner_id.parse().map_err(|_| Status::internal("the owner of a workspace is no user"))?;
        let row = found.agent.ok_or_else(|| Status::internal("a workspace that runs has no agent"))?;
        let agent = Agent::new(self.relay.clone(), &row, owner, self.activity.clone())?;
        if row.status() != AgentStatus::Connected {
            agent.session(ARRIVAL_TIMEOUT).await?;
        }
        Ok(agent)
    }

    /// Makes sure that a chat is the caller's.
    ///
    /// # Errors
    /// NOT_FOUND where there is no such chat, or it is somebody else's.
    pub(super) async fn chat(&self, headers: &HeaderMap, chat_id: &str) -> Result<(), Status> {
        let request = with_assertion(headers, GetChatRequest { chat_id: chat_id.to_owned() });
        let mut chats = ChatServiceClient::new(self.chat.clone());
        in_time(ANSWER_TIMEOUT, "the chat service did not answer", chats.get_chat(request)).await.map(drop)
    }
}
