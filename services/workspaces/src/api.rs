//! The methods of the three services, one line each; what they do is in the files beside.

mod authenticate_agent;
mod complete_job;
mod create_workspace;
mod delete_workspace;
mod fail_job;
mod get_workspace;
mod lease_job;
mod lease_name;
mod list_agent_logs;
mod list_builds;
mod list_script_runs;
mod list_templates;
mod list_workspaces;
mod make_build;
mod renew_lease;
mod report_connection;
mod report_lifecycle;
mod resolve_agent;
mod start_workspace;
mod stop_workspace;

use std::sync::Arc;

use chatmesh_proto::provisioner::v1 as jobs;
use chatmesh_proto::provisioner::v1::provisioner_service_server::ProvisionerService;
use chatmesh_proto::workspaces::v1 as pb;
use chatmesh_proto::workspaces::v1::agent_service_server::AgentService;
use chatmesh_proto::workspaces::v1::workspace_service_server::WorkspaceService;
use chatmesh_rpc::unary;
use tonic::{Request, Response, Status};

use crate::state::State;

#[derive(Clone)]
pub(crate) struct Api {
    state: Arc<State>,
}

impl Api {
    pub(crate) fn new(state: Arc<State>) -> Self {
        Self { state }
    }
}

type Reply<M> = Result<Response<M>, Status>;

#[tonic::async_trait]
impl WorkspaceService for Api {
    async fn create_workspace(&self, r: Request<pb::CreateWorkspaceRequest>) -> Reply<pb::CreateWorkspaceResponse> {
        unary(r, |caller, m| create_workspace::create_workspace(&self.state, caller, m)).await
    }

    async fn get_workspace(&self, r: Request<pb::GetWorkspaceRequest>) -> Reply<pb::GetWorkspaceResponse> {
        unary(r, |caller, m| get_workspace::get_workspace(&self.state, caller, m)).await
    }

    async fn list_workspaces(&self, r: Request<pb::ListWorkspacesRequest>) -> Reply<pb::ListWorkspacesResponse> {
        unary(r, |caller, m| list_workspaces::list_workspaces(&self.state, caller, m)).await
    }

    async fn start_workspace(&self, r: Request<pb::StartWorkspaceRequest>) -> Reply<pb::StartWorkspaceResponse> {
        unary(r, |caller, m| start_workspace::start_workspace(&self.state, caller, m)).await
    }

    async fn stop_workspace(&self, r: Request<pb::StopWorkspaceRequest>) -> Reply<pb::StopWorkspaceResponse> {
        unary(r, |caller, m| stop_workspace::stop_workspace(&self.state, caller, m)).await
    }

    async fn delete_workspace(&self, r: Request<pb::DeleteWorkspaceRequest>) -> Reply<pb::DeleteWorkspaceResponse> {
        unary(r, |caller, m| delete_workspace::delete_workspace(&self.state, caller, m)).await
    }

    async fn list_builds(&self, r: Request<pb::ListBuildsRequest>) -> Reply<pb::ListBuildsResponse> {
        unary(r, |caller, m| list_builds::list_builds(&self.state, caller, m)).await
    }

    async fn list_templates(&self, r: Request<pb::ListTemplatesRequest>) -> Reply<pb::ListTemplatesResponse> {
        unary(r, |caller, m| list_templates::list_templates(&self.state, caller, m)).await
    }

    async fn list_agent_logs(&self, r: Request<pb::ListAgentLogsRequest>) -> Reply<pb::ListAgentLogsResponse> {
        unary(r, |caller, m| list_agent_logs::list_agent_logs(&self.state, caller, m)).await
    }

    async fn list_script_runs(&self, r: Request<pb::ListScriptRunsRequest>) -> Reply<pb::ListScriptRunsResponse> {
        unary(r, |caller, m| list_script_runs::list_script_runs(&self.state, caller, m)).await
    }
}

#[tonic::async_trait]
impl ProvisionerService for Api {
    async fn lease_job(&self, r: Request<jobs::LeaseJobRequest>) -> Reply<jobs::LeaseJobResponse> {
        unary(r, |caller, m| lease_job::lease_job(&self.state, caller, m)).await
    }

    async fn renew_lease(&self, r: Request<jobs::RenewLeaseRequest>) -> Reply<jobs::RenewLeaseResponse> {
        unary(r, |caller, m| renew_lease::renew_lease(&self.state, caller, m)).await
    }

    async fn complete_job(&self, r: Request<jobs::CompleteJobRequest>) -> Reply<jobs::CompleteJobResponse> {
        unary(r, |caller, m| complete_job::complete_job(&self.state, caller, m)).await
    }

    async fn fail_job(&self, r: Request<jobs::FailJobRequest>) -> Reply<jobs::FailJobResponse> {
        unary(r, |caller, m| fail_job::fail_job(&self.state, caller, m)).await
    }
}

#[tonic::async_trait]
impl AgentService for Api {
    async fn authenticate_agent(
        &self,
        r: Request<pb::AuthenticateAgentRequest>,
    ) -> Reply<pb::AuthenticateAgentResponse> {
        unary(r, |caller, m| authenticate_agent::authenticate_agent(&self.state, caller, m)).await
    }

    async fn report_lifecycle(&self, r: Request<pb::ReportLifecycleRequest>) -> Reply<pb::ReportLifecycleResponse> {
        unary(r, |caller, m| report_lifecycle::report_lifecycle(&self.state, caller, m)).await
    }

    async fn report_connection(&self, r: Request<pb::ReportConnectionRequest>) -> Reply<pb::ReportConnectionResponse> {
        unary(r, |caller, m| report_connection::report_connection(&self.state, caller, m)).await
    }

    async fn resolve_agent(&self, r: Request<pb::ResolveAgentRequest>) -> Reply<pb::ResolveAgentResponse> {
        unary(r, |caller, m| resolve_agent::resolve_agent(&self.state, caller, m)).await
    }
}
