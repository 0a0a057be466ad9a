//! A workspace: who knows its agent, who reaches it, and the agent itself.

mod cloud;
mod files;
mod processes;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use chatmesh_core::{Clock as _, IdSource as _, SecretString, SystemClock, SystemIds};
use chatmesh_proto::agent::v1 as agent;
use chatmesh_proto::agent::v1::context_service_server::{ContextService, ContextServiceServer};
use chatmesh_proto::agent::v1::file_service_server::FileServiceServer;
use chatmesh_proto::agent::v1::mcp_service_server::{McpService, McpServiceServer};
use chatmesh_proto::agent::v1::process_service_server::ProcessServiceServer;
use chatmesh_proto::relay::v1::relay_service_server::{RelayService, RelayServiceServer};
use chatmesh_proto::relay::v1::{AwaitAgentRequest, AwaitAgentResponse};
use chatmesh_proto::tools::v1 as pb;
use chatmesh_proto::tools::v1::call_tool_response::Event;
use chatmesh_proto::tools::v1::tool_service_server::ToolService as _;
use chatmesh_proto::tools::v1::workspace_tool_service_server::WorkspaceToolService as _;
use chatmesh_proto::workspaces::v1 as workspaces;
use chatmesh_proto::workspaces::v1::agent_service_server::{AgentService, AgentServiceServer};
use chatmesh_proto::workspaces::v1::template_service_server::TemplateServiceServer;
use chatmesh_proto::workspaces::v1::workspace_service_server::WorkspaceServiceServer;
use chatmesh_rpc::assertion::ServiceSigner;
use chatmesh_rpc::client::Peer;
use chatmesh_rpc::{Caller, Code, Role, UserId, local, metadata, status_with_reason};
use futures::StreamExt as _;
use parking_lot::Mutex;
use prometheus_client::registry::Registry;
use tokio::time::Instant;
use tonic::service::Routes;
use tonic::{Request, Response, Status};

use crate::agent::Bindings;
use crate::api::Api;
use crate::mcp::Discovered;
use crate::state::{Neighbours, State};
use crate::{Config, ToolMetrics};
pub(super) use cloud::{Cloud, Ends};
pub(super) use files::Files;
pub(super) use processes::Processes;

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

/// The service, with one workspace.
pub(super) struct World {
    pub(super) workspace: Played,
    api: Api,
    caller: Caller,
}

impl World {
    pub(super) fn new() -> Self {
        Self::with(Config::default())
    }

    /// The service with these settings.
    pub(super) fn with(config: Config) -> Self {
        let workspace = Played::default();
        let api = api(&workspace, config);
        let caller = Caller::service("chat", Some((UserId(SystemIds.next()), Role::Member)));
        Self { workspace, api, caller }
    }

    /// Another replica of the service, called for the same user.
    pub(super) fn replica(&self) -> Self {
        let (workspace, caller) = (self.workspace.clone(), self.caller.clone());
        let api = api(&workspace, Config::default());
        Self { workspace, api, caller }
    }

    fn request<M>(&self, message: M) -> Request<M> {
        let mut request = Request::new(message);
        request.extensions_mut().insert(self.caller.clone());
        request
    }

    pub(super) async fn list(&self, has_skills: bool) -> pb::ListToolsResponse {
        self.list_in(pb::ChatMode::Unspecified.into(), has_skills).await
    }

    /// Lists the tools of a chat in a mode.
    pub(super) async fn list_in(&self, chat_mode: i32, has_skills: bool) -> pb::ListToolsResponse {
        let (chat_id, workspace_id) = ("chat-1".to_owned(), "workspace-1".to_owned());
        let request = pb::ListToolsRequest { chat_id, workspace_id, has_skills, chat_mode, ..Default::default() };
        self.api.list_tools(self.request(request)).await.expect("a list").into_inner()
    }

    /// Lists what a request asks for.
    pub(super) async fn listed(&self, request: pb::ListToolsRequest) -> pb::ListToolsResponse {
        self.api.list_tools(self.request(request)).await.expect("a list").into_inner()
    }

    pub(super) async fn discover(&self, until_reachable: bool) -> pb::DiscoverToolsResponse {
        let request = pb::DiscoverToolsRequest {
            chat_id: "chat-1".to_owned(),
            workspace_id: "workspace-1".to_owned(),
            until_reachable,
        };
        self.api.discover_tools(self.request(request)).await.expect("an answer").into_inner()
    }

    /// Calls a tool; returns the result, and whether the call failed as a whole.
    pub(super) async fn call(&self, name: &str, args: &serde_json::Value) -> (serde_json::Value, bool) {
        self.call_with(name, &args.to_string(), pb::CallToolRequest::default()).await
    }

    /// Calls a tool with arguments as they are, in the mode of `rest`.
    pub(super) async fn call_with(
        &self,
        name: &str,
        args: &str,
        rest: pb::CallToolRequest,
    ) -> (serde_json::Value, bool) {
        let called = self.called(name, args, rest).await;
        (called.result, called.is_error)
    }

    /// The same with all that came of it.
    pub(super) async fn called(&self, name: &str, args: &str, rest: pb::CallToolRequest) -> Called {
        let request = pb::CallToolRequest {
            chat_id: "chat-1".to_owned(),
            workspace_id: "workspace-1".to_owned(),
            name: name.to_owned(),
            args: args.to_owned(),
            call_id: "call-1".to_owned(),
            idempotency_key: KEY.to_owned(),
            ..rest
        };
        self.heard(request).await
    }

    /// Makes a call and listens to its end.
    pub(super) async fn heard(&self, request: pb::CallToolRequest) -> Called {
        let began = Instant::now();
        let mut events = self.api.call_tool(self.request(request)).await.expect("a stream").into_inner();
        let mut notices = Vec::new();
        while let Some(event) = events.next().await {
            let told = match event.expect("no failure of the call").event.expect("an event") {
                Event::WorkspaceBound(bound) => format!("bound {} {}", bound.workspace_id, bound.build_id),
                Event::WorkspaceSettled(settled) => format!("settled {} {}", settled.workspace_id, settled.build_id),
                Event::Outcome(outcome) => {
                    assert!(events.next().await.is_none(), "nothing comes after the end");
                    let result = serde_json::from_str(&outcome.result).expect("JSON");
                    let (is_error, attachment) = (outcome.is_error, outcome.attachment);
                    return Called { notices, result, is_error, attachment, took: began.elapsed() };
                }
            };
            notices.push((began.elapsed().as_secs(), told));
        }
        panic!("no outcome")
    }
}

impl World {
    /// Calls a tool for nobody's chat.
    pub(super) async fn call_outside(&self, request: pb::CallWorkspaceToolRequest) -> (serde_json::Value, bool) {
        let called = self.api.call_workspace_tool(self.request(request)).await.expect("an answer").into_inner();
        (serde_json::from_str(&called.result).expect("JSON"), called.is_error)
    }
}

/// What came of a call.
#[derive(Debug)]
pub(super) struct Called {
    /// What was told before the end, each with the second in which it was.
    pub(super) notices: Vec<(u64, String)>,
    pub(super) result: serde_json::Value,
    pub(super) is_error: bool,
    pub(super) attachment: Option<pb::ToolAttachment>,
    pub(super) took: Duration,
}

fn api(workspace: &Played, config: Config) -> Api {
    let routes = Routes::new(AgentServiceServer::new(workspace.clone()))
        .add_service(RelayServiceServer::new(workspace.clone()))
        .add_service(ContextServiceServer::new(workspace.clone()))
        .add_service(McpServiceServer::new(workspace.clone()))
        .add_service(ProcessServiceServer::new(workspace.clone()))
        .add_service(FileServiceServer::new(workspace.clone()))
        .add_service(WorkspaceServiceServer::new(workspace.clone()))
        .add_service(TemplateServiceServer::new(workspace.clone()));
    let secret = SecretString::from("a secret of at least thirty-two characters");
    let peer = Peer::new(local(routes.prepare()), ServiceSigner::new("tools", &secret, Arc::new(SystemClock)));
    let state = State {
        config,
        neighbours: Neighbours { workspaces: peer.clone(), relay: peer },
        bindings: Bindings::default(),
        discovered: Discovered::default(),
        servers: crate::servers::none(),
        metrics: ToolMetrics::register(&mut Registry::default()),
    };
    Api::new(Arc::new(state))
}
