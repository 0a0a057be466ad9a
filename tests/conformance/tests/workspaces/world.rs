//! A store with a template, and a time that stands still unless it is moved.

use std::time::Duration;

use chatmesh_core::{Clock as _, IdSource as _, SystemClock, SystemIds, Timestamp, Uuid};
use chatmesh_testkit::{TestDb, databases};
use chatmesh_workspaces::{
    AgentId, Build, BuildId, Claim, Inserted, Leased, MIGRATIONS, NewBuild, NewWorkspace, Outcome, SqlWorkspaceStore,
    StoreError, Template, TemplateId, Transition, Workspace, WorkspaceDetails, WorkspaceId, WorkspaceStore as _,
};

/// How long leases hold here.
pub(crate) const LEASE: Duration = Duration::from_secs(30);

/// A store with one template, and a time that stands still unless it is moved.
pub(crate) struct World {
    pub(crate) engine: &'static str,
    pub(crate) store: SqlWorkspaceStore,
    pub(crate) template: Template,
    pub(crate) owner: Uuid,
    pub(crate) now: Timestamp,
    pub(crate) database: TestDb,
}

pub(crate) async fn worlds() -> Vec<World> {
    let mut worlds = Vec::new();
    for database in databases(MIGRATIONS).await {
        let now = SystemClock.now();
        let store = SqlWorkspaceStore::new(database.db.clone());
        let template = Template {
            id: TemplateId(SystemIds.next()),
            name: "local".to_owned(),
            description: "for tests".to_owned(),
            provisioner: "local".to_owned(),
            created_at: now,
        };
        store.put_template(&template, &[]).await.expect("a template");
        let (engine, owner) = (database.engine, SystemIds.next());
        worlds.push(World { engine, store, template, owner, now, database });
    }
    worlds
}

impl World {
    pub(crate) fn new_workspace(&self, name: &str, request_id: Option<Uuid>) -> NewWorkspace {
        let workspace = Workspace {
            id: WorkspaceId(SystemIds.next()),
            owner_id: self.owner.into(),
            name: name.to_owned(),
            template_id: self.template.id,
            template: self.template.name.clone(),
            deleted: false,
            created_at: self.now,
            updated_at: self.now,
        };
        NewWorkspace { workspace, build_id: BuildId(SystemIds.next()), request_id }
    }

    pub(crate) async fn insert(&self, name: &str) -> WorkspaceDetails {
        match self.store.insert_workspace(&self.new_workspace(name, None)).await.expect("inserted") {
            Inserted::Created(details) => details,
            other => panic!("{}: {other:?}", self.engine),
        }
    }

    pub(crate) fn new_build(
        &self,
        workspace: WorkspaceId,
        transition: Transition,
        request_id: Option<Uuid>,
    ) -> NewBuild {
        NewBuild { id: BuildId(SystemIds.next()), workspace_id: workspace, transition, request_id, now: self.now }
    }

    pub(crate) async fn build(&self, workspace: WorkspaceId, transition: Transition) -> Result<Build, StoreError> {
        self.store.insert_build(&self.new_build(workspace, transition, None)).await
    }

    /// A claim whose token has the digest of `token`'s bytes.
    pub(crate) fn claim(&self, holder: &str, token: &str) -> Claim {
        Claim {
            holder: holder.to_owned(),
            kinds: vec!["other".to_owned(), "local".to_owned()],
            now: self.now,
            expires_at: self.now + LEASE,
            agent_id: AgentId(SystemIds.next()),
            token_digest: token.as_bytes().to_vec(),
        }
    }

    pub(crate) async fn lease(&self, holder: &str, token: &str) -> Option<Leased> {
        self.store.lease_build(&self.claim(holder, token)).await.expect("asked")
    }

    pub(crate) async fn end(&self, build: BuildId, holder: &str, outcome: Outcome) -> Result<Build, StoreError> {
        self.store.end_build(build, holder, outcome, self.now).await
    }

    /// Leases the only waiting build and completes it.
    pub(crate) async fn carry_out(&self, token: &str) -> Leased {
        let leased = self.lease("p", token).await.expect("a build");
        self.end(leased.build.id, "p", Outcome::Succeeded).await.expect("completed");
        leased
    }

    pub(crate) async fn get(&self, id: WorkspaceId) -> WorkspaceDetails {
        self.store.get_workspace(id).await.expect("asked").expect("there")
    }
}
