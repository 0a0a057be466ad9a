//! A workspace: who knows its agent, who reaches it, and the agent itself.

mod cloud;
mod files;
mod processes;
mod world;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use chatmesh_core::{Clock as _, SystemClock};
use chatmesh_proto::agent::v1 as agent;
use chatmesh_proto::agent::v1::context_service_server::ContextService;
use chatmesh_proto::agent::v1::mcp_service_server::McpService;
use chatmesh_proto::relay::v1::relay_service_server::RelayService;
use chatmesh_proto::relay::v1::{AwaitAgentRequest, AwaitAgentResponse};
use chatmesh_proto::workspaces::v1 as workspaces;
use chatmesh_proto::workspaces::v1::agent_service_server::AgentService;
use chatmesh_rpc::{Code, metadata, status_with_reason};
use parking_lot::Mutex;
use tokio::time::Instant;
use tonic::{Request, Response, Status};

pub(super) use cloud::{Cloud, Ends};
pub(super) use files::Files;
pub(super) use processes::Processes;
pub(super) use world::{Called, World};

/// The key of all calls.
pub(super) const KEY: &str = "chat-1/2/call-1";

/// How a workspace does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Mood {
    /// It runs, and its agent is there.
    #[default]
    Well,
    /// It does not run.
    Stopped,
    /// Its agent is not connected.
    Away,
    /// Its agent is there and says nothing.
    Silent,
    /// The connection breaks in the middle of calls.
    Breaks,
}

/// What the agent has.
#[derive(Debug, Default)]
pub(super) struct Has {
    pub(super) mood: Mood,
    /// How often the workspace was stopped and started: each time it gets another agent.
    pub(super) restarts: usize,
    /// The workspace was deleted.
    pub(super) is_deleted: bool,
    /// How many more questions for the agent nobody is there to answer.
    pub(super) unanswered: usize,
    /// For how long the agent has been there, where the workspaces say so.
    pub(super) here_for: Option<Duration>,
    pub(super) context: agent::GetContextResponse,
    pub(super) tools: agent::ListMcpToolsResponse,
    pub(super) answer: Option<Result<agent::CallMcpToolResponse, Status>>,
    pub(super) skill: Option<Result<agent::ReadSkillResponse, Status>>,
    pub(super) file: agent::ReadSkillFileResponse,
    /// The names of the agents that were asked for.
    pub(super) named: Vec<String>,
    /// The calls of its tools.
    pub(super) called: Vec<agent::CallMcpToolRequest>,
    pub(super) processes: Processes,
    pub(super) files: Files,
}

/// How often whom was asked.
#[derive(Debug, Default)]
struct Counts {
    resolved: AtomicUsize,
    dialed: AtomicUsize,
    listed: AtomicUsize,
}

/// The workspace; clones are the same one.
#[derive(Debug, Clone, Default)]
pub(super) struct Played {
    pub(super) has: Arc<Mutex<Has>>,
    /// The workspaces that are made in the course of a test.
    pub(super) cloud: Arc<Mutex<Cloud>>,
    counts: Arc<Counts>,
}

impl Has {
    fn agent(&self) -> String {
        format!("agent-{}", self.restarts + 1)
    }

    fn take_unanswered(&mut self) -> Option<usize> {
        self.unanswered = self.unanswered.checked_sub(1)?;
        Some(self.unanswered)
    }
}

impl Played {
    /// How often the workspaces, the relay, and the agent for its tools were asked since the last time.
    pub(super) fn asked(&self) -> [usize; 3] {
        let Counts { resolved, dialed, listed } = &*self.counts;
        [resolved, dialed, listed].map(|count| count.swap(0, Ordering::Relaxed))
    }

    /// What becomes of a call of the agent.
    async fn reached<M>(&self, request: &Request<M>) -> Result<(), Status> {
        let agent = request.metadata().get(metadata::AGENT_ID).expect("an agent").clone();
        let chat = request.metadata().get(metadata::CHAT_ID).expect("a chat").to_str().expect("text");
        assert!(chat == "chat-1" || chat.starts_with("mcp-"), "{chat}");
        let (mood, is_of_now) = {
            let has = self.has.lock();
            (has.mood, agent == has.agent().as_str())
        };
        let lost = |reason| Err(status_with_reason(Code::Unavailable, reason, "chatmesh.relay.v1", "not there"));
        match mood {
            _ if !is_of_now => lost("AGENT_NOT_CONNECTED"),
            Mood::Well => Ok(()),
            Mood::Stopped | Mood::Away => lost("AGENT_NOT_CONNECTED"),
            Mood::Breaks => lost("AGENT_CONNECTION_LOST"),
            Mood::Silent => std::future::pending().await,
        }
    }
}

#[tonic::async_trait]
impl AgentService for Played {
    async fn authenticate_agent(
        &self,
        _: Request<workspaces::AuthenticateAgentRequest>,
    ) -> Result<Response<workspaces::AuthenticateAgentResponse>, Status> {
        Err(Status::unimplemented("nobody asks"))
    }

    async fn report_lifecycle(
        &self,
        _: Request<workspaces::ReportLifecycleRequest>,
    ) -> Result<Response<workspaces::ReportLifecycleResponse>, Status> {
        Err(Status::unimplemented("nobody asks"))
    }

    async fn report_connection(
        &self,
        _: Request<workspaces::ReportConnectionRequest>,
    ) -> Result<Response<workspaces::ReportConnectionResponse>, Status> {
        Err(Status::unimplemented("nobody asks"))
    }

    async fn resolve_agent(
        &self,
        request: Request<workspaces::ResolveAgentRequest>,
    ) -> Result<Response<workspaces::ResolveAgentResponse>, Status> {
        if let Some(resolved) = self.cloud.lock().resolve(&request.get_ref().workspace_id) {
            return resolved.map(Response::new);
        }
        self.counts.resolved.fetch_add(1, Ordering::Relaxed);
        self.has.lock().named.push(request.into_inner().agent);
        if let Some(left) = self.has.lock().take_unanswered() {
            return Err(Status::unavailable(format!("the replica is replaced, {left} more times")));
        }
        if self.has.lock().mood == Mood::Stopped {
            return Err(Status::failed_precondition("workspace `w` is not running: start it"));
        }
        let (is_deleted, here_for, id) = {
            let has = self.has.lock();
            (has.is_deleted, has.here_for, has.agent())
        };
        if is_deleted {
            return Err(Status::not_found("there is no workspace `w`"));
        }
        let first_connect_time = here_for.map(|here_for| (SystemClock.now() - here_for).into());
        let agent = workspaces::Agent { id, first_connect_time, ..Default::default() };
        let agent = Some(agent);
        Ok(Response::new(workspaces::ResolveAgentResponse { agent, ..workspaces::ResolveAgentResponse::default() }))
    }
}

#[tonic::async_trait]
impl RelayService for Played {
    async fn await_agent(&self, request: Request<AwaitAgentRequest>) -> Result<Response<AwaitAgentResponse>, Status> {
        self.counts.dialed.fetch_add(1, Ordering::Relaxed);
        let request = request.into_inner();
        let until = Instant::now() + Duration::from_millis(request.timeout_ms.into());
        let is_away = || {
            if let Some(connected) = self.cloud.lock().is_connected(&request.agent_id) {
                return !connected;
            }
            let has = self.has.lock();
            has.mood == Mood::Away || has.agent() != request.agent_id
        };
        while is_away() {
            if Instant::now() >= until {
                let (reason, domain) = ("AGENT_NOT_CONNECTED", "chatmesh.relay.v1");
                return Err(status_with_reason(Code::DeadlineExceeded, reason, domain, "it did not come"));
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Ok(Response::new(AwaitAgentResponse::default()))
    }
}

#[tonic::async_trait]
impl ContextService for Played {
    async fn get_context(
        &self,
        request: Request<agent::GetContextRequest>,
    ) -> Result<Response<agent::GetContextResponse>, Status> {
        self.reached(&request).await?;
        Ok(Response::new(self.has.lock().context.clone()))
    }

    async fn read_skill(
        &self,
        request: Request<agent::ReadSkillRequest>,
    ) -> Result<Response<agent::ReadSkillResponse>, Status> {
        self.reached(&request).await?;
        self.has.lock().skill.clone().expect("a skill").map(Response::new)
    }

    async fn read_skill_file(
        &self,
        request: Request<agent::ReadSkillFileRequest>,
    ) -> Result<Response<agent::ReadSkillFileResponse>, Status> {
        self.reached(&request).await?;
        Ok(Response::new(self.has.lock().file.clone()))
    }
}

#[tonic::async_trait]
impl McpService for Played {
    async fn list_mcp_tools(
        &self,
        request: Request<agent::ListMcpToolsRequest>,
    ) -> Result<Response<agent::ListMcpToolsResponse>, Status> {
        self.reached(&request).await?;
        self.counts.listed.fetch_add(1, Ordering::Relaxed);
        let tools = self.has.lock().tools.clone();
        if tools.discovery() == agent::McpDiscovery::Unknown {
            tokio::time::sleep(Duration::from_millis(request.into_inner().wait_ms().into())).await;
        }
        Ok(Response::new(tools))
    }

    async fn call_mcp_tool(
        &self,
        request: Request<agent::CallMcpToolRequest>,
    ) -> Result<Response<agent::CallMcpToolResponse>, Status> {
        self.has.lock().called.push(request.get_ref().clone());
        self.reached(&request).await?;
        self.has.lock().answer.clone().expect("an answer").map(Response::new)
    }
}
