//! The service: what it stands on and how it is set up.

use std::sync::Arc;

use chatmesh_db::{Migrations, migrations};
use chatmesh_host::Deps;
use chatmesh_proto::provisioner::v1::provisioner_service_server::{
    ProvisionerServiceServer, SERVICE_NAME as PROVISIONER_SERVICE,
};
use chatmesh_proto::workspaces::v1::agent_service_server::{AgentServiceServer, SERVICE_NAME as AGENT_SERVICE};
use chatmesh_proto::workspaces::v1::workspace_service_server::{
    SERVICE_NAME as WORKSPACE_SERVICE, WorkspaceServiceServer,
};
use chatmesh_rpc::Caller;

use crate::Error;
use crate::api::Api;
use crate::config::{Config, TemplateConfig};
use crate::domain::{AgentId, LOCAL, Template, TemplateId, WorkspaceDetails, WorkspaceId};
use crate::hints::Hints;
use crate::state::State;
use crate::store::{AgentDetails, SqlWorkspaceStore, WorkspaceStore};

/// The schema of the service.
pub const MIGRATIONS: Migrations = migrations!(
    "workspaces",
    [
        1 => "0001_workspaces",
        2 => "0002_several_agents",
        3 => "0003_scripts",
        4 => "0004_lifecycle",
    ]
);

/// The service.
#[derive(Debug, Clone)]
pub struct Service {
    state: Arc<State>,
}

impl Service {
    /// Sets the service up on a database whose schema is up to date, and makes its templates what the configuration
    /// says.
    ///
    /// # Errors
    /// The configuration is wrong, or the database fails.
    pub async fn build(config: Config, deps: Deps) -> Result<Self, Error> {
        config.validate().map_err(Error::Config)?;
        let Deps { db, bus, clock, ids, tasks, .. } = deps;
        let store: Arc<dyn WorkspaceStore> = Arc::new(SqlWorkspaceStore::new(db));
        let mut templates = config.templates;
        if templates.iter().all(|template| template.name != LOCAL) {
            templates.push(local());
        }
        for declared in templates {
            let scripts = declared.scripts();
            let TemplateConfig { name, description, provisioner, .. } = declared;
            let (id, created_at) = (TemplateId(ids.next()), clock.now());
            let template = Template { id, name, description, provisioner, created_at };
            store.put_template(&template, &scripts).await?;
        }
        Ok(Self { state: Arc::new(State { store, hints: Hints::new(bus), clock, ids, tasks }) })
    }
}

/// The template that is there unless another one of its name is declared.
fn local() -> TemplateConfig {
    TemplateConfig {
        name: LOCAL.to_owned(),
        description: "a directory and an agent on the machine where chatmesh runs".to_owned(),
        provisioner: LOCAL.to_owned(),
        scripts: Vec::new(),
    }
}

impl State {
    /// Returns a workspace that is not deleted and that the caller may access. One that is
    /// somebody else's looks like one that does not exist.
    pub(crate) async fn open(&self, caller: &Caller, id: WorkspaceId) -> Result<WorkspaceDetails, Error> {
        let found = self.store.get_workspace(id).await?;
        let found = found.filter(|found| caller.may_access(found.workspace.owner_id));
        let found = found.ok_or_else(|| Error::no_workspace(id))?;
        if found.workspace.deleted { Err(Error::Deleted(id)) } else { Ok(found) }
    }

    /// Returns an agent of a workspace that the caller may access, also one of an older build.
    pub(crate) async fn open_agent(
        &self,
        caller: &Caller,
        workspace: WorkspaceId,
        agent: AgentId,
    ) -> Result<AgentDetails, Error> {
        self.open(caller, workspace).await?;
        let found = self.store.get_agent(agent).await?;
        let found = found.filter(|found| found.agent.workspace_id == workspace);
        found.ok_or_else(|| Error::NotFound { kind: "agent", id: agent.to_string() })
    }
}

impl chatmesh_host::Service for Service {
    fn name(&self) -> &'static str {
        "workspaces"
    }

    fn grpc_names(&self) -> &'static [&'static str] {
        &[WORKSPACE_SERVICE, PROVISIONER_SERVICE, AGENT_SERVICE]
    }

    fn routes(&self) -> tonic::service::Routes {
        let api = Api::new(Arc::clone(&self.state));
        tonic::service::Routes::new(WorkspaceServiceServer::new(api.clone()))
            .add_service(ProvisionerServiceServer::new(api.clone()))
            .add_service(AgentServiceServer::new(api))
    }

    fn start(&self) {}
}
