//! What is asked of `workspaces`, for the user of the chat.

use std::time::Duration;

use chatmesh_core::Backoff;
use chatmesh_proto::workspaces::v1::template_service_client::TemplateServiceClient;
use chatmesh_proto::workspaces::v1::workspace_service_client::WorkspaceServiceClient;
use chatmesh_proto::workspaces::v1::{
    Build, CreateWorkspaceRequest, CreateWorkspaceResponse, GetQuotaRequest, GetTemplateRequest,
    GetTemplateVersionRequest, GetWorkspaceRequest, ListBuildsRequest, ListTemplatesRequest, ListTemplatesResponse,
    Quota, StartWorkspaceRequest, StopWorkspaceRequest, Template, TemplateVersion, WaitBuildRequest, Workspace,
};
use chatmesh_rpc::Code;
use chatmesh_rpc::client::{Peer, request_for};
use tokio::time::Instant;
use tonic::{Request, Response, Status};

use super::super::Call;

/// How long one question may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// For how long a question is asked again while the service is away. Changes have receipts, so that is safe.
const PATIENCE: Duration = Duration::from_secs(30);
const MIN_PAUSE: Duration = Duration::from_millis(100);
const MAX_PAUSE: Duration = Duration::from_secs(2);
/// How much later than asked for a wait may be answered.
const SLACK: Duration = Duration::from_secs(5);

/// The service, asked for one user.
#[derive(Debug, Clone, Copy)]
pub(super) struct Services<'a> {
    call: &'a Call<'a>,
}

impl<'a> Services<'a> {
    pub(super) fn of(call: &'a Call<'a>) -> Self {
        Self { call }
    }

    /// A workspace. One that is deleted, or somebody else's, is NOT_FOUND.
    pub(super) async fn workspace(&self, id: &str) -> Result<Workspace, Status> {
        let message = GetWorkspaceRequest { workspace_id: id.to_owned() };
        let found =
            patiently(|| async { self.workspaces().get_workspace(self.request(message.clone())).await }).await?;
        found.workspace.ok_or_else(nothing)
    }

    pub(super) async fn create(&self, message: CreateWorkspaceRequest) -> Result<CreateWorkspaceResponse, Status> {
        patiently(|| async { self.workspaces().create_workspace(self.request(message.clone())).await }).await
    }

    pub(super) async fn start(&self, message: StartWorkspaceRequest) -> Result<Build, Status> {
        let made =
            patiently(|| async { self.workspaces().start_workspace(self.request(message.clone())).await }).await?;
        made.build.ok_or_else(nothing)
    }

    pub(super) async fn stop(&self, message: StopWorkspaceRequest) -> Result<Build, Status> {
        let made =
            patiently(|| async { self.workspaces().stop_workspace(self.request(message.clone())).await }).await?;
        made.build.ok_or_else(nothing)
    }

    /// The newest builds of a workspace, newest first.
    pub(super) async fn builds(&self, workspace_id: &str) -> Result<Vec<Build>, Status> {
        let message = ListBuildsRequest { workspace_id: workspace_id.to_owned(), ..ListBuildsRequest::default() };
        let listed = patiently(|| async { self.workspaces().list_builds(self.request(message.clone())).await }).await?;
        Ok(listed.builds)
    }

    /// A build as it ended, or as it is when the time is over. Asked once.
    pub(super) async fn wait_build(&self, build: &Build, timeout: Duration) -> Result<Build, Status> {
        let message = WaitBuildRequest {
            workspace_id: build.workspace_id.clone(),
            build_id: build.id.clone(),
            timeout_seconds: u32::try_from(timeout.as_secs()).unwrap_or(u32::MAX).max(1),
        };
        let mut request = self.request(message);
        request.set_timeout(timeout + SLACK);
        let waited = self.workspaces().wait_build(request).await?.into_inner();
        waited.build.ok_or_else(nothing)
    }

    /// What the user's workspaces take of what there is for them. Asked once.
    pub(super) async fn quota(&self) -> Result<Quota, Status> {
        let found = self.workspaces().get_quota(self.request(GetQuotaRequest {})).await?.into_inner();
        found.quota.ok_or_else(nothing)
    }

    pub(super) async fn templates(&self, message: ListTemplatesRequest) -> Result<ListTemplatesResponse, Status> {
        patiently(|| async { self.workspaces().list_templates(self.request(message.clone())).await }).await
    }

    /// A template, by its name or identifier.
    pub(super) async fn template(&self, template: &str) -> Result<Template, Status> {
        let message = GetTemplateRequest { template: template.to_owned() };
        let found = patiently(|| async { self.template_service().get_template(self.request(message.clone())).await });
        found.await?.template.ok_or_else(nothing)
    }

    /// The active version of a template.
    pub(super) async fn active_version(&self, template: &str) -> Result<TemplateVersion, Status> {
        let message = GetTemplateVersionRequest { template: template.to_owned(), version: "active".to_owned() };
        let found =
            patiently(|| async { self.template_service().get_template_version(self.request(message.clone())).await });
        found.await?.version.ok_or_else(nothing)
    }

    fn workspaces(&self) -> WorkspaceServiceClient<Peer> {
        WorkspaceServiceClient::new(self.call.workspace.neighbours.workspaces.clone())
    }

    fn template_service(&self) -> TemplateServiceClient<Peer> {
        TemplateServiceClient::new(self.call.workspace.neighbours.workspaces.clone())
    }

    fn request<M>(&self, message: M) -> Request<M> {
        let mut request = request_for(&self.call.workspace.caller, message);
        request.set_timeout(TIMEOUT);
        request
    }
}

/// Asks until there is an answer, for a while.
async fn patiently<T, F>(ask: impl Fn() -> F) -> Result<T, Status>
where
    F: Future<Output = Result<Response<T>, Status>>,
{
    let give_up_at = Instant::now() + PATIENCE;
    let mut backoff = Backoff::new(MIN_PAUSE, MAX_PAUSE);
    loop {
        match ask().await {
            Err(status) if is_passing(&status) && Instant::now() < give_up_at => {
                tokio::time::sleep(backoff.next_pause()).await;
            }
            other => return other.map(Response::into_inner),
        }
    }
}

/// True for what trying again may mend: a status that nobody sent has a cause.
pub(super) fn is_passing(status: &Status) -> bool {
    matches!(status.code(), Code::Unavailable | Code::DeadlineExceeded) || std::error::Error::source(status).is_some()
}

fn nothing() -> Status {
    Status::internal("the answer is empty")
}
