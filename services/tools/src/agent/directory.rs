//! Who knows agents: `workspaces` which one it is, `relay` whether it is there.

use std::time::Duration;

use chatmesh_core::{Clock as _, SystemClock, Timestamp};
use chatmesh_proto::relay::v1::AwaitAgentRequest;
use chatmesh_proto::relay::v1::relay_service_client::RelayServiceClient;
use chatmesh_proto::workspaces::v1::agent_service_client::AgentServiceClient;
use chatmesh_proto::workspaces::v1::template_service_client::TemplateServiceClient;
use chatmesh_proto::workspaces::v1::workspace_service_client::WorkspaceServiceClient;
use chatmesh_proto::workspaces::v1::{
    Agent, AgentStatus, GetTemplateRequest, GetWorkspaceRequest, ResolveAgentRequest,
};
use chatmesh_rpc::Caller;
use chatmesh_rpc::client::request_for;
use tonic::Status;

use crate::state::Neighbours;

/// The kind of provisioner whose workspaces are machines of their users.
pub(crate) const EXTERNAL: &str = "external";
/// How long the workspaces have to answer.
const RESOLVE_TIMEOUT: Duration = Duration::from_secs(5);
/// How much later than asked for a relay may answer.
const SLACK: Duration = Duration::from_secs(2);

/// What a workspace says of its agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) id: String,
    pub(super) status: AgentStatus,
    /// For how long it has not been connected, where it was before.
    pub(super) gone_for: Option<Duration>,
    /// Whether it ever was.
    pub(super) has_connected: bool,
}

/// Finds agents and waits for them.
pub(super) trait Directory: Sync {
    /// Returns the agent of the workspace's latest build.
    fn resolve(&self) -> impl Future<Output = Result<Found, Status>> + Send;

    /// Whether the agent runs on a machine of the user's, who has to start it. Where nobody can say, it does not.
    fn is_external(&self) -> impl Future<Output = bool> + Send;

    /// Waits until an agent is connected: DEADLINE_EXCEEDED where it is not in time.
    fn dial(&self, agent: &str, timeout: Duration) -> impl Future<Output = Result<(), Status>> + Send;
}

/// The services of the mesh, asked about one workspace.
#[derive(Debug)]
pub(super) struct Mesh<'a> {
    pub(super) neighbours: &'a Neighbours,
    pub(super) caller: &'a Caller,
    pub(super) workspace_id: &'a str,
    /// The name of the agent; that which the workspace is reached through where it is empty.
    pub(super) agent: &'a str,
}

impl Mesh<'_> {
    /// The agent of the workspace's latest build, as the workspaces know it.
    pub(super) async fn agent(&self) -> Result<Agent, Status> {
        let message = ResolveAgentRequest { workspace_id: self.workspace_id.to_owned(), agent: self.agent.to_owned() };
        let mut agents = AgentServiceClient::new(self.neighbours.workspaces.clone());
        let mut request = request_for(self.caller, message);
        request.set_timeout(RESOLVE_TIMEOUT);
        let response = agents.resolve_agent(request).await?.into_inner();
        response.agent.ok_or_else(|| Status::internal("no agent in the answer"))
    }

    /// The kind of provisioner that carries the workspace's builds out.
    async fn provisioner(&self) -> Result<String, Status> {
        let mut request = request_for(self.caller, GetWorkspaceRequest { workspace_id: self.workspace_id.to_owned() });
        request.set_timeout(RESOLVE_TIMEOUT);
        let mut workspaces = WorkspaceServiceClient::new(self.neighbours.workspaces.clone());
        let found = workspaces.get_workspace(request).await?.into_inner();
        let template = found.workspace.map(|workspace| workspace.template).unwrap_or_default();
        let mut request = request_for(self.caller, GetTemplateRequest { template });
        request.set_timeout(RESOLVE_TIMEOUT);
        let mut templates = TemplateServiceClient::new(self.neighbours.workspaces.clone());
        let found = templates.get_template(request).await?.into_inner();
        Ok(found.template.map(|template| template.provisioner).unwrap_or_default())
    }
}

/// How long ago that was; `None` where it was never.
pub(super) fn elapsed(time: Option<impl TryInto<Timestamp>>) -> Option<Duration> {
    let since: Timestamp = time?.try_into().ok()?;
    (SystemClock.now() - since).to_std().ok()
}

impl Directory for Mesh<'_> {
    async fn resolve(&self) -> Result<Found, Status> {
        let agent = self.agent().await?;
        let gone_for = elapsed(agent.disconnect_time);
        let has_connected = agent.first_connect_time.is_some();
        Ok(Found { status: agent.status(), id: agent.id, gone_for, has_connected })
    }

    async fn is_external(&self) -> bool {
        self.provisioner().await.is_ok_and(|provisioner| provisioner == EXTERNAL)
    }

    async fn dial(&self, agent: &str, timeout: Duration) -> Result<(), Status> {
        // None at all would mean the relay's longest.
        let timeout_ms = u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX).max(1);
        let message = AwaitAgentRequest { agent_id: agent.to_owned(), timeout_ms };
        let mut relay = RelayServiceClient::new(self.neighbours.relay.clone());
        let mut request = request_for(self.caller, message);
        request.set_timeout(timeout + SLACK);
        relay.await_agent(request).await.map(drop)
    }
}
