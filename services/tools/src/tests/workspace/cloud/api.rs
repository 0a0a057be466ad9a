//! The methods of the services for workspaces and templates, as far as tools call them.

use std::time::Duration;

use chatmesh_proto::workspaces::v1 as pb;
use chatmesh_proto::workspaces::v1::template_service_server::TemplateService;
use chatmesh_proto::workspaces::v1::workspace_service_server::WorkspaceService;
use chatmesh_rpc::{Code, status_with_reason};
use tokio::time::{Instant, sleep};
use tonic::{Request, Response, Status};

use super::super::Played;
use super::{Cloud, DOMAIN, Transition, not_found};

type Answer<T> = Result<Response<T>, Status>;

impl Played {
    /// Does a piece of work, unless it is to fail, or its answer to be lost.
    fn answer<T>(&self, method: &'static str, work: impl FnOnce(&mut Cloud) -> Result<T, Status>) -> Answer<T> {
        let mut cloud = self.cloud.lock();
        *cloud.calls.entry(method).or_default() += 1;
        if let Some(status) = cloud.fails.get(method) {
            return Err(status.clone());
        }
        let done = work(&mut cloud)?;
        if let Some(at) = cloud.loses.iter().position(|lost| *lost == method) {
            cloud.loses.remove(at);
            return Err(Status::unavailable("the answer was lost"));
        }
        Ok(Response::new(done))
    }
}

impl Cloud {
    fn create(&mut self, request: pb::CreateWorkspaceRequest) -> Result<pb::CreateWorkspaceResponse, Status> {
        self.created.push(request.clone());
        let template = self.find_template(&request.template)?;
        let answer = |workspace, made_for_chat_before| pb::CreateWorkspaceResponse {
            workspace: Some(workspace),
            made_for_chat_before,
        };
        if let Some((id, _)) = self.requests.get(&request.request_id) {
            return Ok(answer(self.view(id)?, false));
        }
        let of_chat = self.of_chats.get(&request.chat_id).filter(|id| **id != request.replaced_workspace_id);
        if let Some(workspace) = of_chat.and_then(|id| self.view(id).ok()) {
            return Ok(answer(workspace, true));
        }
        let holder = self.alive().into_iter().find(|id| self.machines[id].name == request.name);
        if let Some(id) = holder {
            if self.view(&id)?.status() == pb::WorkspaceStatus::Deleting {
                let message = "the name is held by a workspace that is being deleted";
                return Err(status_with_reason(Code::FailedPrecondition, "WORKSPACE_BEING_DELETED", DOMAIN, message));
            }
            return Err(status_with_reason(Code::AlreadyExists, "WORKSPACE_EXISTS", DOMAIN, "the name is taken"));
        }
        self.check(&request.parameters)?;
        let id = self.machine(&request.name, &template.name);
        let ends = self.next_end();
        let build = self.build(&id, Transition::Start, ends);
        self.machine_mut(&id).builds[0].build.template_version_id = template.active_version_id;
        self.requests.insert(request.request_id, (id.clone(), build));
        self.of_chats.insert(request.chat_id, id.clone());
        Ok(answer(self.view(&id)?, false))
    }

    fn start(&mut self, request: &pb::StartWorkspaceRequest) -> Result<pb::Build, Status> {
        let id = request.workspace_id.as_str();
        let is_new = !self.requests.contains_key(&request.request_id);
        let workspace = self.view(id)?;
        let template = self.find_template(&workspace.template)?;
        let before = workspace.latest_build.map(|build| build.template_version_id).unwrap_or_default();
        let version = if template.require_active_version { template.active_version_id } else { before };
        let is_idle = matches!(
            self.view(id)?.status(),
            pb::WorkspaceStatus::Stopped | pb::WorkspaceStatus::Failed | pb::WorkspaceStatus::Canceled
        );
        if is_new && is_idle {
            self.check(&request.parameters)?;
        }
        let mut build = self.change(id, &request.request_id, Transition::Start)?;
        if is_new {
            self.machine_mut(id).builds.last_mut().expect("a build").build.template_version_id.clone_from(&version);
            build.template_version_id = version;
        }
        Ok(build)
    }

    fn build_now(&self, id: &str) -> Result<pb::Build, Status> {
        let mut builds = self.machines.values().flat_map(|machine| &machine.builds);
        builds.find(|other| other.build.id == id).map(super::Carried::now).ok_or_else(|| not_found(id))
    }
}

fn unused<T>() -> Answer<T> {
    Err(Status::unimplemented("nobody asks"))
}

#[tonic::async_trait]
impl WorkspaceService for Played {
    async fn create_workspace(
        &self,
        request: Request<pb::CreateWorkspaceRequest>,
    ) -> Answer<pb::CreateWorkspaceResponse> {
        self.answer("create", |cloud| cloud.create(request.into_inner()))
    }

    async fn get_workspace(&self, request: Request<pb::GetWorkspaceRequest>) -> Answer<pb::GetWorkspaceResponse> {
        self.answer("get", |cloud| {
            let workspace = Some(cloud.view(&request.get_ref().workspace_id)?);
            Ok(pb::GetWorkspaceResponse { workspace })
        })
    }

    async fn start_workspace(&self, request: Request<pb::StartWorkspaceRequest>) -> Answer<pb::StartWorkspaceResponse> {
        self.answer("start", |cloud| Ok(pb::StartWorkspaceResponse { build: Some(cloud.start(request.get_ref())?) }))
    }

    async fn stop_workspace(&self, request: Request<pb::StopWorkspaceRequest>) -> Answer<pb::StopWorkspaceResponse> {
        self.answer("stop", |cloud| {
            let pb::StopWorkspaceRequest { workspace_id, request_id } = request.get_ref();
            Ok(pb::StopWorkspaceResponse { build: Some(cloud.change(workspace_id, request_id, Transition::Stop)?) })
        })
    }

    async fn list_builds(&self, request: Request<pb::ListBuildsRequest>) -> Answer<pb::ListBuildsResponse> {
        self.answer("builds", |cloud| {
            let machine = cloud.machines.get(&request.get_ref().workspace_id).ok_or_else(|| not_found("w"))?;
            let builds = machine.builds.iter().rev().map(super::Carried::now).collect();
            Ok(pb::ListBuildsResponse { builds, ..pb::ListBuildsResponse::default() })
        })
    }

    async fn wait_build(&self, request: Request<pb::WaitBuildRequest>) -> Answer<pb::WaitBuildResponse> {
        let request = request.into_inner();
        let until = Instant::now() + Duration::from_secs(request.timeout_seconds.into());
        loop {
            let build = self.answer("wait", |cloud| cloud.build_now(&request.build_id))?.into_inner();
            let is_over = Instant::now() >= until;
            use pb::BuildStatus as B;
            if is_over || !matches!(build.status(), B::Pending | B::Running | B::Canceling) {
                return Ok(Response::new(pb::WaitBuildResponse { build: Some(build) }));
            }
            sleep(Duration::from_millis(100)).await;
        }
    }

    async fn get_quota(&self, _: Request<pb::GetQuotaRequest>) -> Answer<pb::GetQuotaResponse> {
        self.answer("quota", |cloud| Ok(pb::GetQuotaResponse { quota: cloud.quota }))
    }

    async fn list_templates(&self, request: Request<pb::ListTemplatesRequest>) -> Answer<pb::ListTemplatesResponse> {
        let method = if request.get_ref().with_usage { "templates with usage" } else { "templates" };
        self.answer(method, |cloud| {
            let allowed = cloud.templates.iter().filter(|template| template.allowed_for_agents);
            let bare = |template: &pb::Template| match request.get_ref().with_usage {
                true => template.clone(),
                false => pb::Template { usage: None, ..template.clone() },
            };
            let templates = allowed.map(bare).collect();
            Ok(pb::ListTemplatesResponse { templates, ..pb::ListTemplatesResponse::default() })
        })
    }

    async fn list_workspaces(&self, _: Request<pb::ListWorkspacesRequest>) -> Answer<pb::ListWorkspacesResponse> {
        unused()
    }

    async fn delete_workspace(&self, _: Request<pb::DeleteWorkspaceRequest>) -> Answer<pb::DeleteWorkspaceResponse> {
        unused()
    }

    async fn get_build(&self, _: Request<pb::GetBuildRequest>) -> Answer<pb::GetBuildResponse> {
        unused()
    }

    async fn cancel_build(&self, _: Request<pb::CancelBuildRequest>) -> Answer<pb::CancelBuildResponse> {
        unused()
    }

    async fn list_build_logs(&self, _: Request<pb::ListBuildLogsRequest>) -> Answer<pb::ListBuildLogsResponse> {
        unused()
    }

    type WatchBuildLogsStream = futures::stream::Empty<Result<pb::WatchBuildLogsResponse, Status>>;

    async fn watch_build_logs(&self, _: Request<pb::WatchBuildLogsRequest>) -> Answer<Self::WatchBuildLogsStream> {
        unused()
    }

    async fn update_workspace(&self, _: Request<pb::UpdateWorkspaceRequest>) -> Answer<pb::UpdateWorkspaceResponse> {
        unused()
    }

    async fn report_activity(&self, _: Request<pb::ReportActivityRequest>) -> Answer<pb::ReportActivityResponse> {
        unused()
    }

    async fn report_activities(&self, _: Request<pb::ReportActivitiesRequest>) -> Answer<pb::ReportActivitiesResponse> {
        unused()
    }

    async fn release_chat_workspace(
        &self,
        _: Request<pb::ReleaseChatWorkspaceRequest>,
    ) -> Answer<pb::ReleaseChatWorkspaceResponse> {
        unused()
    }

    async fn issue_agent_token(&self, _: Request<pb::IssueAgentTokenRequest>) -> Answer<pb::IssueAgentTokenResponse> {
        unused()
    }

    async fn list_agent_logs(&self, _: Request<pb::ListAgentLogsRequest>) -> Answer<pb::ListAgentLogsResponse> {
        unused()
    }

    async fn list_script_runs(&self, _: Request<pb::ListScriptRunsRequest>) -> Answer<pb::ListScriptRunsResponse> {
        unused()
    }
}

#[tonic::async_trait]
impl TemplateService for Played {
    async fn get_template(&self, request: Request<pb::GetTemplateRequest>) -> Answer<pb::GetTemplateResponse> {
        self.answer("template", |cloud| {
            let template = Some(cloud.find_template(&request.get_ref().template)?);
            Ok(pb::GetTemplateResponse { template })
        })
    }

    async fn get_template_version(
        &self,
        request: Request<pb::GetTemplateVersionRequest>,
    ) -> Answer<pb::GetTemplateVersionResponse> {
        self.answer("version", |cloud| {
            let template = cloud.find_template(&request.get_ref().template)?;
            let version = Some(cloud.versions.get(&template.id).cloned().unwrap_or_default());
            Ok(pb::GetTemplateVersionResponse { version })
        })
    }

    async fn update_template(&self, _: Request<pb::UpdateTemplateRequest>) -> Answer<pb::UpdateTemplateResponse> {
        unused()
    }

    async fn delete_template(&self, _: Request<pb::DeleteTemplateRequest>) -> Answer<pb::DeleteTemplateResponse> {
        unused()
    }

    async fn push_template_version(
        &self,
        _: Request<pb::PushTemplateVersionRequest>,
    ) -> Answer<pb::PushTemplateVersionResponse> {
        unused()
    }

    async fn list_template_versions(
        &self,
        _: Request<pb::ListTemplateVersionsRequest>,
    ) -> Answer<pb::ListTemplateVersionsResponse> {
        unused()
    }
}
