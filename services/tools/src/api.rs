//! The methods of `ToolService`, one line each; what they do is in the files beside.

mod call_tool;
mod call_workspace_tool;
mod cancel_call;
mod discover_tools;
mod list_tools;

use std::sync::Arc;

use chatmesh_proto::tools::v1 as pb;
use chatmesh_proto::tools::v1::tool_service_server::ToolService;
use chatmesh_proto::tools::v1::workspace_tool_service_server::WorkspaceToolService;
use chatmesh_rpc::{streaming, unary};
use tonic::{Request, Response, Status};

use crate::notices::Events;
use crate::state::State;

pub(crate) struct Api {
    state: Arc<State>,
}

impl Api {
    pub(crate) fn new(state: Arc<State>) -> Self {
        Self { state }
    }
}

#[tonic::async_trait]
impl ToolService for Api {
    async fn list_tools(&self, r: Request<pb::ListToolsRequest>) -> Result<Response<pb::ListToolsResponse>, Status> {
        unary(r, |caller, m| list_tools::list_tools(&self.state, caller, m)).await
    }

    type CallToolStream = Events;

    async fn call_tool(&self, r: Request<pb::CallToolRequest>) -> Result<Response<Events>, Status> {
        streaming(r, |caller, m| call_tool::call_tool(Arc::clone(&self.state), caller, m)).await
    }

    async fn cancel_call(&self, r: Request<pb::CancelCallRequest>) -> Result<Response<pb::CancelCallResponse>, Status> {
        unary(r, |caller, m| cancel_call::cancel_call(&self.state, caller, m)).await
    }

    async fn discover_tools(
        &self,
        r: Request<pb::DiscoverToolsRequest>,
    ) -> Result<Response<pb::DiscoverToolsResponse>, Status> {
        unary(r, |caller, m| discover_tools::discover_tools(&self.state, caller, m)).await
    }
}

#[tonic::async_trait]
impl WorkspaceToolService for Api {
    async fn call_workspace_tool(
        &self,
        r: Request<pb::CallWorkspaceToolRequest>,
    ) -> Result<Response<pb::CallWorkspaceToolResponse>, Status> {
        unary(r, |caller, m| call_workspace_tool::call_workspace_tool(&self.state, caller, m)).await
    }
}
