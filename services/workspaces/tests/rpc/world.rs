//! The service with an owner, a clock of its own, and a line per RPC.

use std::sync::Arc;
use std::time::Duration;

use chatmesh_bus::{Bus, Filter, Subject, Subscription};
use chatmesh_core::{Clock, IdSource as _, SystemClock, SystemIds, Timestamp, Uuid};
use chatmesh_host::{Deps, Service as _};
use chatmesh_proto::agent::v1 as agent;
use chatmesh_proto::provisioner::v1 as jobs;
use chatmesh_proto::provisioner::v1::provisioner_service_client::ProvisionerServiceClient;
use chatmesh_proto::workspaces::v1 as pb;
use chatmesh_proto::workspaces::v1::agent_service_client::AgentServiceClient;
use chatmesh_proto::workspaces::v1::template_service_client::TemplateServiceClient;
use chatmesh_proto::workspaces::v1::workspace_service_client::WorkspaceServiceClient;
use chatmesh_rpc::{Caller, Role, Transport, UserId};
use chatmesh_runtime::{Readiness, Tasks};
use chatmesh_testkit::TestDb;
use chatmesh_workspaces::{Config, MIGRATIONS, Service, WorkspaceMetrics};
use parking_lot::Mutex;
use prometheus_client::registry::Registry;
use tonic::{Request, Status};

/// A clock that stands still until it is told.
#[derive(Debug)]
pub(crate) struct ManualClock(Mutex<Timestamp>);

impl ManualClock {
    pub(crate) fn advance(&self, by: Duration) {
        *self.0.lock() += by;
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        *self.0.lock()
    }
}

/// The hints about a workspace.
pub(crate) struct Changes(Subscription);

impl Changes {
    /// Whether one is there, and takes it.
    pub(crate) async fn arrived(&mut self) -> bool {
        tokio::time::timeout(Duration::from_millis(50), self.0.next()).await.is_ok()
    }
}

pub(crate) struct World {
    pub(crate) owner: Caller,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) tasks: Tasks,
    pub(crate) database: TestDb,
    bus: Bus,
    service: Service,
    transport: Transport,
    registry: Registry,
}

pub(crate) fn as_caller<M>(caller: &Caller, message: M) -> Request<M> {
    let mut request = Request::new(message);
    request.extensions_mut().insert(caller.clone());
    request
}

pub(crate) fn service() -> Caller {
    Caller::service("provisioner", None)
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(Config::default()).await
    }

    pub(crate) async fn with(config: Config) -> Self {
        let clock = Arc::new(ManualClock(Mutex::new(SystemClock.now())));
        let (bus, tasks) = (Bus::memory(), Tasks::new());
        let database = chatmesh_testkit::sqlite(MIGRATIONS).await;
        let mut registry = Registry::default();
        let metrics = WorkspaceMetrics::register(&mut registry);
        let service = build(config, &database, &bus, &clock, &tasks, metrics).await;
        Self {
            owner: Caller::user(UserId(SystemIds.next()), Role::Member),
            clock,
            tasks,
            database,
            bus,
            transport: chatmesh_rpc::local(service.routes().prepare()),
            service,
            registry,
        }
    }

    /// What the service has counted, as it is read by others.
    pub(crate) fn counted(&self) -> String {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry).expect("encoded");
        text
    }

    /// Sets the service up once more on the same database.
    pub(crate) async fn restart(&self, config: Config) {
        let metrics = WorkspaceMetrics::register(&mut Registry::default());
        build(config, &self.database, &self.bus, &self.clock, &self.tasks, metrics).await;
    }

    /// Starts what the service does by itself.
    pub(crate) fn start_upkeep(&self) {
        self.service.start();
    }

    pub(crate) fn uuid(&self) -> Uuid {
        SystemIds.next()
    }

    pub(crate) async fn changes(&self, workspace_id: &str) -> Changes {
        let subject = Subject::of("chatmesh.workspaces.v1.changed", workspace_id);
        Changes(self.bus.subscribe(&Filter::only(&subject)).await.expect("subscribed"))
    }

    pub(crate) fn workspaces(&self) -> WorkspaceServiceClient<Transport> {
        WorkspaceServiceClient::new(self.transport.clone())
    }

    pub(crate) fn templates(&self) -> TemplateServiceClient<Transport> {
        TemplateServiceClient::new(self.transport.clone())
    }

    pub(crate) fn jobs(&self) -> ProvisionerServiceClient<Transport> {
        ProvisionerServiceClient::new(self.transport.clone())
    }

    pub(crate) fn agents(&self) -> AgentServiceClient<Transport> {
        AgentServiceClient::new(self.transport.clone())
    }

    pub(crate) async fn list_templates(&self, caller: &Caller) -> Result<pb::ListTemplatesResponse, Status> {
        let request = pb::ListTemplatesRequest::default();
        Ok(self.workspaces().list_templates(as_caller(caller, request)).await?.into_inner())
    }

    pub(crate) async fn create(
        &self,
        caller: &Caller,
        template: &str,
        name: &str,
        request_id: &str,
    ) -> Result<pb::Workspace, Status> {
        let request = pb::CreateWorkspaceRequest {
            template: template.to_owned(),
            name: name.to_owned(),
            request_id: request_id.to_owned(),
            ..pb::CreateWorkspaceRequest::default()
        };
        let reply = self.workspaces().create_workspace(as_caller(caller, request)).await?;
        Ok(reply.into_inner().workspace.expect("a workspace"))
    }

    pub(crate) async fn get(&self, caller: &Caller, id: &str) -> Result<pb::Workspace, Status> {
        let request = pb::GetWorkspaceRequest { workspace_id: id.to_owned() };
        let reply = self.workspaces().get_workspace(as_caller(caller, request)).await?;
        Ok(reply.into_inner().workspace.expect("a workspace"))
    }

    pub(crate) async fn list(&self, caller: &Caller) -> Result<Vec<pb::Workspace>, Status> {
        Ok(self.list_page(caller, 0, "").await?.workspaces)
    }

    pub(crate) async fn list_page(
        &self,
        caller: &Caller,
        page_size: i32,
        page_token: &str,
    ) -> Result<pb::ListWorkspacesResponse, Status> {
        let request = pb::ListWorkspacesRequest { page_size, page_token: page_token.to_owned() };
        Ok(self.workspaces().list_workspaces(as_caller(caller, request)).await?.into_inner())
    }

    pub(crate) async fn start(&self, caller: &Caller, id: &str, request_id: &str) -> Result<pb::Build, Status> {
        let request = pb::StartWorkspaceRequest {
            workspace_id: id.to_owned(),
            request_id: request_id.to_owned(),
            ..pb::StartWorkspaceRequest::default()
        };
        let reply = self.workspaces().start_workspace(as_caller(caller, request)).await?;
        Ok(reply.into_inner().build.expect("a build"))
    }

    pub(crate) async fn stop(&self, caller: &Caller, id: &str, request_id: &str) -> Result<pb::Build, Status> {
        let request = pb::StopWorkspaceRequest { workspace_id: id.to_owned(), request_id: request_id.to_owned() };
        let reply = self.workspaces().stop_workspace(as_caller(caller, request)).await?;
        Ok(reply.into_inner().build.expect("a build"))
    }

    pub(crate) async fn delete(&self, caller: &Caller, id: &str) -> Result<pb::Build, Status> {
        let request = pb::DeleteWorkspaceRequest { workspace_id: id.to_owned() };
        let reply = self.workspaces().delete_workspace(as_caller(caller, request)).await?;
        Ok(reply.into_inner().build.expect("a build"))
    }

    pub(crate) async fn list_builds(&self, caller: &Caller, id: &str) -> Result<Vec<pb::Build>, Status> {
        let request = pb::ListBuildsRequest { workspace_id: id.to_owned(), ..pb::ListBuildsRequest::default() };
        Ok(self.workspaces().list_builds(as_caller(caller, request)).await?.into_inner().builds)
    }

    pub(crate) async fn resolve(&self, caller: &Caller, id: &str) -> Result<pb::Agent, Status> {
        self.resolve_named(caller, id, "").await
    }

    pub(crate) async fn resolve_named(&self, caller: &Caller, id: &str, name: &str) -> Result<pb::Agent, Status> {
        let request = pb::ResolveAgentRequest { workspace_id: id.to_owned(), agent: name.to_owned() };
        let reply = self.agents().resolve_agent(as_caller(caller, request)).await?;
        Ok(reply.into_inner().agent.expect("an agent"))
    }

    pub(crate) async fn lease(&self, holder: &str) -> Result<Option<jobs::Job>, Status> {
        self.lease_as(&service(), holder).await
    }

    pub(crate) async fn lease_as(&self, caller: &Caller, holder: &str) -> Result<Option<jobs::Job>, Status> {
        self.lease_of(caller, holder, &[]).await
    }

    /// Leases a build that does one of these.
    pub(crate) async fn lease_of(
        &self,
        caller: &Caller,
        holder: &str,
        transitions: &[jobs::JobTransition],
    ) -> Result<Option<jobs::Job>, Status> {
        let request = jobs::LeaseJobRequest {
            provisioner_id: holder.to_owned(),
            provisioners: vec!["local".to_owned()],
            transitions: transitions.iter().map(|transition| (*transition).into()).collect(),
        };
        Ok(self.jobs().lease_job(as_caller(caller, request)).await?.into_inner().job)
    }

    pub(crate) async fn renew(&self, holder: &str, build: &str) -> Result<(), Status> {
        self.renew_as(&service(), holder, build).await
    }

    pub(crate) async fn renew_as(&self, caller: &Caller, holder: &str, build: &str) -> Result<(), Status> {
        let request = jobs::RenewLeaseRequest { provisioner_id: holder.to_owned(), build_id: build.to_owned() };
        self.jobs().renew_lease(as_caller(caller, request)).await.map(drop)
    }

    pub(crate) async fn complete(&self, holder: &str, build: &str) -> Result<(), Status> {
        self.complete_as(&service(), holder, build).await
    }

    pub(crate) async fn complete_as(&self, caller: &Caller, holder: &str, build: &str) -> Result<(), Status> {
        let request = jobs::CompleteJobRequest {
            provisioner_id: holder.to_owned(),
            build_id: build.to_owned(),
            ..jobs::CompleteJobRequest::default()
        };
        self.jobs().complete_job(as_caller(caller, request)).await.map(drop)
    }

    pub(crate) async fn fail(&self, holder: &str, build: &str) -> Result<(), Status> {
        self.fail_as(&service(), holder, build).await
    }

    pub(crate) async fn fail_as(&self, caller: &Caller, holder: &str, build: &str) -> Result<(), Status> {
        let request = jobs::FailJobRequest {
            provisioner_id: holder.to_owned(),
            build_id: build.to_owned(),
            error: "disk full".to_owned(),
            ..jobs::FailJobRequest::default()
        };
        self.jobs().fail_job(as_caller(caller, request)).await.map(drop)
    }

    /// Leases the waiting job and completes it.
    pub(crate) async fn run_job(&self, holder: &str) -> jobs::Job {
        let job = self.lease(holder).await.expect("leased").expect("a job");
        self.complete(holder, &job.build_id).await.expect("completed");
        job
    }

    pub(crate) async fn authenticate(&self, token: &str) -> Result<pb::Agent, Status> {
        self.authenticate_as(&service(), token).await
    }

    pub(crate) async fn authenticate_as(&self, caller: &Caller, token: &str) -> Result<pb::Agent, Status> {
        let request = pb::AuthenticateAgentRequest { token: token.to_owned() };
        let reply = self.agents().authenticate_agent(as_caller(caller, request)).await?;
        Ok(reply.into_inner().agent.expect("an agent"))
    }

    pub(crate) async fn manifest(&self, token: &str) -> agent::Manifest {
        let request = pb::AuthenticateAgentRequest { token: token.to_owned() };
        let reply = self.agents().authenticate_agent(as_caller(&service(), request)).await.expect("known");
        reply.into_inner().manifest.expect("a manifest")
    }

    pub(crate) async fn report(&self, agent: &str, epoch: u32, connected: bool) -> Result<bool, Status> {
        self.report_as(&service(), agent, epoch, connected).await
    }

    pub(crate) async fn report_as(
        &self,
        caller: &Caller,
        agent: &str,
        epoch: u32,
        connected: bool,
    ) -> Result<bool, Status> {
        let request =
            pb::ReportConnectionRequest { agent_id: agent.to_owned(), epoch, connected, ..Default::default() };
        Ok(self.agents().report_connection(as_caller(caller, request)).await?.into_inner().current)
    }
}

async fn build(
    config: Config,
    database: &TestDb,
    bus: &Bus,
    clock: &Arc<ManualClock>,
    tasks: &Tasks,
    metrics: WorkspaceMetrics,
) -> Service {
    let deps = Deps {
        db: database.db.clone(),
        bus: bus.clone(),
        clock: Arc::<ManualClock>::clone(clock),
        ids: Arc::new(SystemIds),
        tasks: tasks.clone(),
        readiness: Readiness::new(),
    };
    Service::build(config, deps, metrics).await.expect("built")
}
