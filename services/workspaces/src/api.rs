//! The methods of the four services, one line each; what they do is in the files beside.

mod append_job_logs;
mod authenticate_agent;
mod build_name;
mod cancel_build;
mod complete_job;
mod create_workspace;
mod delete_template;
mod delete_workspace;
mod fail_job;
mod get_build;
mod get_quota;
mod get_template;
mod get_template_version;
mod get_workspace;
mod issue_agent_token;
mod lease_job;
mod lease_name;
mod list_agent_logs;
mod list_build_logs;
mod list_builds;
mod list_script_runs;
mod list_template_versions;
mod list_templates;
mod list_workspaces;
mod make_build;
mod push_template_version;
mod release_chat_workspace;
mod renew_lease;
mod report_activities;
mod report_activity;
mod report_connection;
mod report_lifecycle;
mod resolve_agent;
mod start_choice;
mod start_workspace;
mod stop_workspace;
mod update_template;
mod update_workspace;
mod wait_build;
mod watch_build_logs;

use std::pin::Pin;
use std::sync::Arc;

use chatmesh_proto::provisioner::v1 as jobs;
use chatmesh_proto::provisioner::v1::provisioner_service_server::ProvisionerService;
use chatmesh_proto::workspaces::v1 as pb;
use chatmesh_proto::workspaces::v1::agent_service_server::AgentService;
use chatmesh_proto::workspaces::v1::template_service_server::TemplateService;
use chatmesh_proto::workspaces::v1::workspace_service_server::WorkspaceService;
use chatmesh_rpc::{streaming, unary};
use futures::Stream;
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

/// What a server stream yields.
type Events<M> = Pin<Box<dyn Stream<Item = Result<M, Status>> + Send>>;
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

    async fn get_build(&self, r: Request<pb::GetBuildRequest>) -> Reply<pb::GetBuildResponse> {
        unary(r, |caller, m| get_build::get_build(&self.state, caller, m)).await
    }

    async fn wait_build(&self, r: Request<pb::WaitBuildRequest>) -> Reply<pb::WaitBuildResponse> {
        unary(r, |caller, m| wait_build::wait_build(&self.state, caller, m)).await
    }

    async fn cancel_build(&self, r: Request<pb::CancelBuildRequest>) -> Reply<pb::CancelBuildResponse> {
        unary(r, |caller, m| cancel_build::cancel_build(&self.state, caller, m)).await
    }

    async fn list_build_logs(&self, r: Request<pb::ListBuildLogsRequest>) -> Reply<pb::ListBuildLogsResponse> {
        unary(r, |caller, m| list_build_logs::list_build_logs(&self.state, caller, m)).await
    }

    type WatchBuildLogsStream = Events<pb::WatchBuildLogsResponse>;

    async fn watch_build_logs(&self, r: Request<pb::WatchBuildLogsRequest>) -> Reply<Self::WatchBuildLogsStream> {
        streaming(r, |caller, m| watch_build_logs::watch_build_logs(Arc::clone(&self.state), caller, m)).await
    }

    async fn update_workspace(&self, r: Request<pb::UpdateWorkspaceRequest>) -> Reply<pb::UpdateWorkspaceResponse> {
        unary(r, |caller, m| update_workspace::update_workspace(&self.state, caller, m)).await
    }

    async fn report_activity(&self, r: Request<pb::ReportActivityRequest>) -> Reply<pb::ReportActivityResponse> {
        unary(r, |caller, m| report_activity::report_activity(&self.state, caller, m)).await
    }

    async fn release_chat_workspace(
        &self,
        r: Request<pb::ReleaseChatWorkspaceRequest>,
    ) -> Reply<pb::ReleaseChatWorkspaceResponse> {
        unary(r, |caller, m| release_chat_workspace::release_chat_workspace(&self.state, caller, m)).await
    }

    async fn report_activities(&self, r: Request<pb::ReportActivitiesRequest>) -> Reply<pb::ReportActivitiesResponse> {
        unary(r, |caller, m| report_activities::report_activities(&self.state, caller, m)).await
    }

    async fn issue_agent_token(&self, r: Request<pb::IssueAgentTokenRequest>) -> Reply<pb::IssueAgentTokenResponse> {
        unary(r, |caller, m| issue_agent_token::issue_agent_token(&self.state, caller, m)).await
    }

    async fn get_quota(&self, r: Request<pb::GetQuotaRequest>) -> Reply<pb::GetQuotaResponse> {
        unary(r, |caller, m| get_quota::get_quota(&self.state, caller, m)).await
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
impl TemplateService for Api {
    async fn get_template(&self, r: Request<pb::GetTemplateRequest>) -> Reply<pb::GetTemplateResponse> {
        unary(r, |caller, m| get_template::get_template(&self.state, caller, m)).await
    }

    async fn update_template(&self, r: Request<pb::UpdateTemplateRequest>) -> Reply<pb::UpdateTemplateResponse> {
        unary(r, |caller, m| update_template::update_template(&self.state, caller, m)).await
    }

    async fn delete_template(&self, r: Request<pb::DeleteTemplateRequest>) -> Reply<pb::DeleteTemplateResponse> {
        unary(r, |caller, m| delete_template::delete_template(&self.state, caller, m)).await
    }

    async fn push_template_version(
        &self,
        r: Request<pb::PushTemplateVersionRequest>,
    ) -> Reply<pb::PushTemplateVersionResponse> {
        unary(r, |caller, m| push_template_version::push_template_version(&self.state, caller, m)).await
    }

    async fn list_template_versions(
        &self,
        r: Request<pb::ListTemplateVersionsRequest>,
    ) -> Reply<pb::ListTemplateVersionsResponse> {
        unary(r, |caller, m| list_template_versions::list_template_versions(&self.state, caller, m)).await
    }

    async fn get_template_version(
        &self,
        r: Request<pb::GetTemplateVersionRequest>,
    ) -> Reply<pb::GetTemplateVersionResponse> {
        unary(r, |caller, m| get_template_version::get_template_version(&self.state, caller, m)).await
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

    async fn append_job_logs(&self, r: Request<jobs::AppendJobLogsRequest>) -> Reply<jobs::AppendJobLogsResponse> {
        unary(r, |caller, m| append_job_logs::append_job_logs(&self.state, caller, m)).await
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
