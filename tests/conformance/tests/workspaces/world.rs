//! A store with a template, and a time that stands still unless it is moved.

use std::sync::Arc;
use std::time::Duration;

use chatmesh_core::{Clock as _, IdSource as _, SystemClock, SystemIds, Timestamp, Uuid};
use chatmesh_testkit::{TestDb, databases};
use chatmesh_workspaces::{
    Activate, AgentId, AgentSeed, Build, BuildId, BuildReason, Claim, Inserted, Lease, Leased, MIGRATIONS, Manifest,
    ManifestFormat, NewBuild, NewVersion, NewWorkspace, Outcome, Quota, SqlWorkspaceStore, Start, StoreError, Template,
    TemplateId, TemplateVersionId, Transition, Workspace, WorkspaceDetails, WorkspaceId, WorkspaceStore as _,
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
    /// What there is for whom; without a bound unless it is changed.
    pub(crate) quota: Arc<Quota>,
}

pub(crate) async fn worlds() -> Vec<World> {
    let mut worlds = Vec::new();
    for database in databases(MIGRATIONS).await {
        let now = SystemClock.now();
        let store = SqlWorkspaceStore::new(database.db.clone());
        let template =
            store.push_version(&version("local", "description = 'for tests'", now)).await.expect("made").template;
        let (engine, owner) = (database.engine, SystemIds.next());
        let quota = Arc::default();
        worlds.push(World { engine, store, template, owner, now, database, quota });
    }
    worlds
}

/// A version of a template with this manifest in TOML.
pub(crate) fn version(template: &str, manifest: &str, now: Timestamp) -> NewVersion {
    NewVersion {
        template_id: TemplateId(SystemIds.next()),
        template: template.to_owned(),
        require_active_version: false,
        id: TemplateVersionId(SystemIds.next()),
        manifest: Manifest::read(ManifestFormat::Toml, manifest).expect("a manifest"),
        readme: String::new(),
        message: String::new(),
        created_by: None,
        activate: Activate::Now,
        now,
    }
}

fn seed(token: &str, number: usize) -> AgentSeed {
    let token = if number == 0 { token.to_owned() } else { format!("{token} {number}") };
    AgentSeed { id: AgentId(SystemIds.next()), token_digest: token.into_bytes() }
}

/// The build that was handed out.
pub(crate) fn granted(lease: Lease) -> Leased {
    match lease {
        Lease::Granted(leased) => *leased,
        Lease::Refused(build) => panic!("refused: {build:?}"),
    }
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
            ttl_seconds: None,
            last_used_at: None,
        };
        NewWorkspace {
            workspace,
            build_id: BuildId(SystemIds.next()),
            request_id,
            start: Start::default(),
            chat: None,
            bounds_ttl: false,
            quota: Arc::clone(&self.quota),
        }
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
        NewBuild {
            id: BuildId(SystemIds.next()),
            workspace_id: workspace,
            transition,
            request_id,
            start: Start::default(),
            reason: BuildReason::Initiator,
            initiator: Some(self.owner.into()),
            now: self.now,
        }
    }

    pub(crate) async fn build(&self, workspace: WorkspaceId, transition: Transition) -> Result<Build, StoreError> {
        self.store.insert_build(&self.new_build(workspace, transition, None)).await
    }

    /// A claim whose tokens have the digests of `token`'s bytes, of those with ` 1` behind them, and so on.
    pub(crate) fn claim(&self, holder: &str, token: &str) -> Claim {
        Claim {
            holder: holder.to_owned(),
            kinds: ["other", "local", "external"].map(str::to_owned).to_vec(),
            transitions: Transition::ALL.to_vec(),
            now: self.now,
            expires_at: self.now + LEASE,
            agents: (0..8).map(|number| seed(token, number)).collect(),
            quota: Arc::clone(&self.quota),
        }
    }

    pub(crate) async fn lease(&self, holder: &str, token: &str) -> Option<Leased> {
        self.store.lease_build(&self.claim(holder, token)).await.expect("asked").map(granted)
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
