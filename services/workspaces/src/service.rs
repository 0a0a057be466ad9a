//! The service: what it stands on and how it is set up.

use std::sync::Arc;

use chatmesh_db::{Migrations, migrations};
use chatmesh_host::Deps;
use chatmesh_proto::provisioner::v1::provisioner_service_server::{
    ProvisionerServiceServer, SERVICE_NAME as PROVISIONER_SERVICE,
};
use chatmesh_proto::workspaces::v1::agent_service_server::{AgentServiceServer, SERVICE_NAME as AGENT_SERVICE};
use chatmesh_proto::workspaces::v1::template_service_server::{
    SERVICE_NAME as TEMPLATE_SERVICE, TemplateServiceServer,
};
use chatmesh_proto::workspaces::v1::workspace_service_server::{
    SERVICE_NAME as WORKSPACE_SERVICE, WorkspaceServiceServer,
};
use chatmesh_rpc::Caller;

use crate::api::Api;
use crate::config::{Config, TemplateConfig};
use crate::declare::declare;
use crate::domain::{
    AgentId, Build, BuildId, LOCAL, Template, TemplateId, TemplateVersion, TemplateVersionId, WhichVersion,
    WorkspaceDetails, WorkspaceId,
};
use crate::hints::Hints;
use crate::state::State;
use crate::store::{Activate, AgentDetails, NewVersion, SqlWorkspaceStore, WorkspaceStore};
use crate::{Error, WorkspaceMetrics, upkeep};

/// The schema of the service.
pub const MIGRATIONS: Migrations = migrations!(
    "workspaces",
    [
        1 => "0001_workspaces",
        2 => "0002_several_agents",
        3 => "0003_scripts",
        4 => "0004_lifecycle",
        5 => "0005_template_versions",
        6 => "0006_builds",
        7 => "0007_workspaces_of_chats",
        8 => "0008_bounds_and_external_agents",
        9 => "0009_leases",
        10 => "0010_cascades_and_deadlines",
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
    pub async fn build(config: Config, deps: Deps, metrics: WorkspaceMetrics) -> Result<Self, Error> {
        config.validate().map_err(Error::Config)?;
        let Deps { db, bus, clock, ids, tasks, .. } = deps;
        let store: Arc<dyn WorkspaceStore> = Arc::new(SqlWorkspaceStore::new(db));
        let quota = Arc::new(config.quota.quota());
        let is_declared = config.templates.iter().any(|template| template.name == LOCAL);
        let declared = config.templates.into_iter().map(|template| (template, Activate::Declared));
        for (declared, activate) in declared.chain((!is_declared).then(|| (local(), Activate::Implied))) {
            let template = declared.name.clone();
            let new = NewVersion {
                template_id: TemplateId(ids.next()),
                template: template.clone(),
                require_active_version: true,
                id: TemplateVersionId(ids.next()),
                manifest: declared.manifest(),
                readme: String::new(),
                message: "from the configuration".to_owned(),
                created_by: None,
                activate,
                now: clock.now(),
            };
            declare(&*store, &new).await?;
        }
        Ok(Self { state: Arc::new(State { store, hints: Hints::new(bus), clock, ids, tasks, quota, metrics }) })
    }
}

/// The template that is there unless another one of its name is declared.
fn local() -> TemplateConfig {
    TemplateConfig {
        name: LOCAL.to_owned(),
        description: "a directory and an agent on the machine where chatmesh runs".to_owned(),
        provisioner: LOCAL.to_owned(),
        scripts: Vec::new(),
        kubernetes: None,
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

    /// Returns a build of a workspace that the caller may access, also where that is deleted: whoever waits for that has
    /// to see the end of it.
    pub(crate) async fn open_build(
        &self,
        caller: &Caller,
        workspace: Option<WorkspaceId>,
        id: BuildId,
    ) -> Result<Build, Error> {
        let build = self.store.get_build(id).await?;
        let build = build.filter(|build| workspace.is_none_or(|workspace| workspace == build.workspace_id));
        let build = build.ok_or_else(|| Error::no_build(id))?;
        let found = self.store.get_workspace(build.workspace_id).await?;
        let may_access = found.is_some_and(|found| caller.may_access(found.workspace.owner_id));
        if may_access { Ok(build) } else { Err(Error::no_build(id)) }
    }

    /// Returns the template with this name or identifier. They are the same for everyone.
    pub(crate) async fn find_template(&self, name_or_id: &str) -> Result<Template, Error> {
        let named = !name_or_id.is_empty() && !name_or_id.contains('\0');
        let found = if named { self.store.find_template(name_or_id).await? } else { None };
        found.ok_or_else(|| Error::no_template(name_or_id))
    }

    /// Returns a version of a template; the active one where none is named.
    pub(crate) async fn find_version(
        &self,
        template: &Template,
        which: Option<WhichVersion>,
    ) -> Result<TemplateVersion, Error> {
        let which = which.or_else(|| template.active_version_id.map(WhichVersion::Id));
        let found = match which {
            Some(which) => self.store.get_version(template.id, which).await?,
            None => None,
        };
        let id = match which {
            Some(WhichVersion::Id(id)) => id.to_string(),
            Some(WhichVersion::Number(number)) => number.to_string(),
            None => "active".to_owned(),
        };
        found.ok_or(Error::NotFound { kind: "version of the template", id })
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
        &[WORKSPACE_SERVICE, TEMPLATE_SERVICE, PROVISIONER_SERVICE, AGENT_SERVICE]
    }

    fn routes(&self) -> tonic::service::Routes {
        let api = Api::new(Arc::clone(&self.state));
        tonic::service::Routes::new(WorkspaceServiceServer::new(api.clone()))
            .add_service(TemplateServiceServer::new(api.clone()))
            .add_service(ProvisionerServiceServer::new(api.clone()))
            .add_service(AgentServiceServer::new(api))
    }

    fn start(&self) {
        self.state.tasks.spawn_loop("workspaces.upkeep", upkeep::run(Arc::clone(&self.state)));
    }
}
