//! The service with a workspace that is played, and calls of its tools.

use std::sync::Arc;
use std::time::Duration;

use chatmesh_core::{IdSource as _, SecretString, SystemClock, SystemIds};
use chatmesh_proto::agent::v1::context_service_server::ContextServiceServer;
use chatmesh_proto::agent::v1::file_service_server::FileServiceServer;
use chatmesh_proto::agent::v1::mcp_service_server::McpServiceServer;
use chatmesh_proto::agent::v1::process_service_server::ProcessServiceServer;
use chatmesh_proto::relay::v1::relay_service_server::RelayServiceServer;
use chatmesh_proto::tools::v1 as pb;
use chatmesh_proto::tools::v1::call_tool_response::Event;
use chatmesh_proto::tools::v1::tool_service_server::ToolService as _;
use chatmesh_proto::tools::v1::workspace_tool_service_server::WorkspaceToolService as _;
use chatmesh_proto::workspaces::v1::agent_service_server::AgentServiceServer;
use chatmesh_proto::workspaces::v1::template_service_server::TemplateServiceServer;
use chatmesh_proto::workspaces::v1::workspace_service_server::WorkspaceServiceServer;
use chatmesh_rpc::assertion::ServiceSigner;
use chatmesh_rpc::client::Peer;
use chatmesh_rpc::{Caller, Role, UserId, local};
use futures::StreamExt as _;
use prometheus_client::registry::Registry;
use tokio::time::Instant;
use tonic::Request;
use tonic::service::Routes;

use super::{KEY, Played};
use crate::agent::Bindings;
use crate::api::Api;
use crate::mcp::Discovered;
use crate::state::{Neighbours, State};
use crate::{Config, ToolMetrics};

/// The service, with one workspace.
pub(in crate::tests) struct World {
    pub(in crate::tests) workspace: Played,
    api: Api,
    caller: Caller,
}

impl World {
    pub(in crate::tests) fn new() -> Self {
        Self::with(Config::default())
    }

    /// The service with these settings.
    pub(in crate::tests) fn with(config: Config) -> Self {
        let workspace = Played::default();
        let api = api(&workspace, config);
        let caller = Caller::service("chat", Some((UserId(SystemIds.next()), Role::Member)));
        Self { workspace, api, caller }
    }

    /// Another replica of the service, called for the same user.
    pub(in crate::tests) fn replica(&self) -> Self {
        let (workspace, caller) = (self.workspace.clone(), self.caller.clone());
        let api = api(&workspace, Config::default());
        Self { workspace, api, caller }
    }

    fn request<M>(&self, message: M) -> Request<M> {
        let mut request = Request::new(message);
        request.extensions_mut().insert(self.caller.clone());
        request
    }

    pub(in crate::tests) async fn list(&self, has_skills: bool) -> pb::ListToolsResponse {
        self.list_in(pb::ChatMode::Unspecified.into(), has_skills).await
    }

    /// Lists the tools of a chat in a mode.
    pub(in crate::tests) async fn list_in(&self, chat_mode: i32, has_skills: bool) -> pb::ListToolsResponse {
        let (chat_id, workspace_id) = ("chat-1".to_owned(), "workspace-1".to_owned());
        let request = pb::ListToolsRequest { chat_id, workspace_id, has_skills, chat_mode, ..Default::default() };
        self.api.list_tools(self.request(request)).await.expect("a list").into_inner()
    }

    /// Lists what a request asks for.
    pub(in crate::tests) async fn listed(&self, request: pb::ListToolsRequest) -> pb::ListToolsResponse {
        self.api.list_tools(self.request(request)).await.expect("a list").into_inner()
    }

    pub(in crate::tests) async fn discover(&self, until_reachable: bool) -> pb::DiscoverToolsResponse {
        let request = pb::DiscoverToolsRequest {
            chat_id: "chat-1".to_owned(),
            workspace_id: "workspace-1".to_owned(),
            until_reachable,
        };
        self.api.discover_tools(self.request(request)).await.expect("an answer").into_inner()
    }

    /// Gives a call up.
    pub(in crate::tests) async fn cancel(&self, name: &str) -> pb::CancelCallResponse {
        let request = pb::CancelCallRequest {
            chat_id: "chat-1".to_owned(),
            workspace_id: "workspace-1".to_owned(),
            name: name.to_owned(),
            idempotency_key: KEY.to_owned(),
        };
        self.api.cancel_call(self.request(request)).await.expect("an answer").into_inner()
    }

    /// Calls a tool; returns the result, and whether the call failed as a whole.
    pub(in crate::tests) async fn call(&self, name: &str, args: &serde_json::Value) -> (serde_json::Value, bool) {
        self.call_with(name, &args.to_string(), pb::CallToolRequest::default()).await
    }

    /// Calls a tool with arguments as they are, in the mode of `rest`.
    pub(in crate::tests) async fn call_with(
        &self,
        name: &str,
        args: &str,
        rest: pb::CallToolRequest,
    ) -> (serde_json::Value, bool) {
        let called = self.called(name, args, rest).await;
        (called.result, called.is_error)
    }

    /// The same with all that came of it.
    pub(in crate::tests) async fn called(&self, name: &str, args: &str, rest: pb::CallToolRequest) -> Called {
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
    pub(in crate::tests) async fn heard(&self, request: pb::CallToolRequest) -> Called {
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
    /// Waits until the starts with these keys have been given up.
    pub(in crate::tests) async fn until_canceled(&self, keys: &[&str]) {
        let canceled = async {
            while self.workspace.has.lock().processes.canceled != keys {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(300), canceled).await.expect("they are given up");
    }

    /// Calls a tool for nobody's chat.
    pub(in crate::tests) async fn call_outside(
        &self,
        request: pb::CallWorkspaceToolRequest,
    ) -> (serde_json::Value, bool) {
        let called = self.api.call_workspace_tool(self.request(request)).await.expect("an answer").into_inner();
        (serde_json::from_str(&called.result).expect("JSON"), called.is_error)
    }
}

/// What came of a call.
#[derive(Debug)]
pub(in crate::tests) struct Called {
    /// What was told before the end, each with the second in which it was.
    pub(in crate::tests) notices: Vec<(u64, String)>,
    pub(in crate::tests) result: serde_json::Value,
    pub(in crate::tests) is_error: bool,
    pub(in crate::tests) attachment: Option<pb::ToolAttachment>,
    pub(in crate::tests) took: Duration,
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
