//! The way to a workspace: which agent, is it there, and what to tell the model where it is not.

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use chatmesh_core::Backoff;
use chatmesh_proto::agent::v1::PingRequest;
use chatmesh_proto::agent::v1::diagnostics_service_client::DiagnosticsServiceClient;
use chatmesh_proto::relay::v1::AwaitAgentRequest;
use chatmesh_proto::relay::v1::relay_service_client::RelayServiceClient;
use chatmesh_proto::workspaces::v1::ResolveAgentRequest;
use chatmesh_proto::workspaces::v1::agent_service_client::AgentServiceClient;
use chatmesh_rpc::client::{Peer, request_for};
use chatmesh_rpc::{Caller, Code, metadata};
use parking_lot::Mutex;
use tokio::time::Instant;
use tonic::metadata::AsciiMetadataValue;
use tonic::{Request, Response, Status};

use crate::state::Neighbours;

/// How long a tool waits for an agent that is not connected.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a turn waits to learn about its workspace before it begins.
const CONTEXT_TIMEOUT: Duration = Duration::from_secs(3);
/// How often a call is made again after the connection broke. Effects have keys, so that is safe.
const ATTEMPTS: u32 = 3;

/// How many working directories are remembered before they are asked for anew.
const MAX_DIRECTORIES: usize = 10_000;

/// The working directories of agents that answered once; they do not change while an agent lives.
pub(crate) type Directories = Arc<Mutex<HashMap<String, String>>>;

/// A chat's workspace, as its tools see it.
pub(crate) struct Workspace {
    pub(crate) neighbours: Neighbours,
    pub(crate) caller: Caller,
    pub(crate) chat_id: String,
    pub(crate) workspace_id: String,
}

/// The agent of a workspace at this moment.
#[derive(Debug, Clone)]
pub(crate) struct Agent {
    relay: Peer,
    id: AsciiMetadataValue,
    chat_id: AsciiMetadataValue,
    caller: Caller,
}

impl Agent {
    /// Where calls to the agent go: to the relay, which forwards them.
    pub(crate) fn transport(&self) -> Peer {
        self.relay.clone()
    }

    /// Addresses a message to the agent.
    pub(crate) fn request<M>(&self, message: M) -> Request<M> {
        let mut request = request_for(&self.caller, message);
        request.metadata_mut().insert(metadata::AGENT_ID, self.id.clone());
        request.metadata_mut().insert(metadata::CHAT_ID, self.chat_id.clone());
        request
    }
}

impl Workspace {
    /// Makes a call to the agent, and makes it again where the connection breaks: each time with
    /// the agent that the workspace has by then.
    pub(crate) async fn retry<T, F>(&self, call: impl Fn(Agent) -> F) -> Result<T, Status>
    where
        F: Future<Output = Result<Response<T>, Status>>,
    {
        let mut attempt = 1;
        loop {
            let agent = self.agent(CONNECT_TIMEOUT).await?;
            match call(agent).await {
                Ok(response) => return Ok(response.into_inner()),
                Err(status) if status.code() == Code::Unavailable && attempt < ATTEMPTS => attempt += 1,
                Err(status) => return Err(status),
            }
        }
    }

    /// What a model should know of the workspace. A workspace that does not answer soon does not
    /// hold the turn up.
    pub(crate) async fn context(&self, directories: &Directories) -> String {
        let directory = tokio::time::timeout(CONTEXT_TIMEOUT, self.directory(directories)).await;
        match directory {
            Ok(Ok(directory)) => format!(
                "You have a workspace, a machine of your own on which your tools act.\nWorking directory: {directory}"
            ),
            Ok(Err(status)) => format!("You have a workspace, but it is not usable now: {}", explain(&status)),
            Err(_) => {
                "You have a workspace, but it does not answer at the moment; a tool call may reach it.".to_owned()
            }
        }
    }

    async fn directory(&self, directories: &Directories) -> Result<String, Status> {
        let id = self.resolve().await?;
        let known = directories.lock().get(&id).cloned();
        if let Some(directory) = known {
            return Ok(directory);
        }
        let agent = self.connected(&id, CONTEXT_TIMEOUT).await?;
        let mut diagnostics = DiagnosticsServiceClient::new(agent.transport());
        let pong = diagnostics.ping(agent.request(PingRequest {})).await?.into_inner();
        let mut known = directories.lock();
        if known.len() >= MAX_DIRECTORIES {
            known.clear();
        }
        known.insert(id, pong.directory.clone());
        drop(known);
        Ok(pong.directory)
    }

    /// Finds the agent, even where the services that know it are away for a moment.
    async fn agent(&self, timeout: Duration) -> Result<Agent, Status> {
        let deadline = Instant::now() + timeout;
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(2));
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.find_agent(left).await {
                Err(status) if status.code() == Code::Unavailable && !left.is_zero() => {
                    tokio::time::sleep(backoff.next_pause().min(left)).await;
                }
                other => return other,
            }
        }
    }

    async fn find_agent(&self, timeout: Duration) -> Result<Agent, Status> {
        let id = self.resolve().await?;
        self.connected(&id, timeout).await
    }

    async fn resolve(&self) -> Result<String, Status> {
        let message = ResolveAgentRequest { workspace_id: self.workspace_id.clone() };
        let mut agents = AgentServiceClient::new(self.neighbours.workspaces.clone());
        let response = agents.resolve_agent(request_for(&self.caller, message)).await?.into_inner();
        response.agent.map(|agent| agent.id).ok_or_else(|| Status::internal("no agent in the answer"))
    }

    async fn connected(&self, id: &str, timeout: Duration) -> Result<Agent, Status> {
        // None at all would mean the relay's longest.
        let timeout_ms = u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX).max(1);
        let message = AwaitAgentRequest { agent_id: id.to_owned(), timeout_ms };
        let mut relay = RelayServiceClient::new(self.neighbours.relay.clone());
        relay.await_agent(request_for(&self.caller, message)).await?;
        let ascii = |text: &str| text.parse().map_err(|_| Status::internal("an identifier is not ASCII"));
        Ok(Agent {
            relay: self.neighbours.relay.clone(),
            id: ascii(id)?,
            chat_id: ascii(&self.chat_id)?,
            caller: self.caller.clone(),
        })
    }
}

/// Says to the model what is in the way and what to do about it.
pub(crate) fn explain(status: &Status) -> String {
    match status.code() {
        Code::DeadlineExceeded => "the workspace's agent did not answer in time: try once more; if that fails too, \
                                   tell the user that the workspace is not reachable"
            .to_owned(),
        Code::Unavailable => format!(
            "the workspace is not reachable at the moment ({}): try once more; if that fails too, tell the user",
            status.message()
        ),
        _ => status.message().to_owned(),
    }
}
