//! The store in SQL, one text for both engines.

use async_trait::async_trait;
use chatmesh_core::{Timestamp, Uuid};
use chatmesh_db::{Db, DbError, Tx, Value, values};
use chatmesh_rpc::UserId;

use super::rows::{Id, KindAndBuild, join};
use super::statements::lifecycle::{LIST_LINES, LIST_RUNS};
use super::statements::{
    FIND_AGENT_BY_TOKEN, FIND_BUILD_BY_REQUEST, FIND_TEMPLATE_BY_NAME, FIND_WORKSPACE_BY_REQUEST, GET_AGENT,
    GET_TEMPLATE, GET_WORKSPACE, INSERT_BUILD, INSERT_WORKSPACE, ISSUE_TOKEN, LEASE_BUILD, LIST_BUILDS, LIST_TEMPLATES,
    LIST_WORKSPACES, LOCK_AGENT, LOCK_BUILD, LOCK_WORKSPACE, PUT_TEMPLATE, TOUCH_WORKSPACE, UPDATE_AGENT, UPDATE_BUILD,
};
use super::{
    AgentDetails, Claim, Inserted, KnownAgent, Leased, LifecycleReported, NewBuild, NewWorkspace, Reported, StoreError,
    WorkspaceStore, lifecycle,
};
use crate::domain::{
    Agent, AgentId, Build, BuildId, BuildStatus, Ended, LeaseLost, LifecycleBatch, MAIN_AGENT, NumberedLine,
    NumberedRun, Outcome, Report, Script, Template, Transition, Workspace, WorkspaceDetails, WorkspaceId,
};

/// The store on a database.
#[derive(Debug, Clone)]
pub struct SqlWorkspaceStore {
    db: Db,
}

impl SqlWorkspaceStore {
    /// The store on `db`, whose schema is up to date.
    #[must_use]
    pub fn new(db: Db) -> Self {
        Self { db }
    }
}

#[async_trait]
impl WorkspaceStore for SqlWorkspaceStore {
    async fn put_template(&self, template: &Template, scripts: &[Script]) -> Result<(), DbError> {
        let scripts = serde_json::to_string(scripts).map_err(|error| DbError::inconsistent("scripts", error))?;
        let row = values![
            template.id.0,
            template.name.as_str(),
            template.description.as_str(),
            template.provisioner.as_str(),
            scripts,
            template.created_at
        ];
        self.db.execute(PUT_TEMPLATE, row).await.map(drop)
    }

    async fn find_template(&self, name_or_id: &str) -> Result<Option<Template>, DbError> {
        let by_name = self.db.fetch_optional(FIND_TEMPLATE_BY_NAME, values![name_or_id]).await?;
        match (by_name, Uuid::try_parse(name_or_id)) {
            (None, Ok(id)) => self.db.fetch_optional(GET_TEMPLATE, values![id]).await,
            (found, _) => Ok(found),
        }
    }

    async fn list_templates(&self, after: Option<&str>, limit: u32) -> Result<Vec<Template>, DbError> {
        self.db.fetch_all(LIST_TEMPLATES, values![after.unwrap_or_default(), limit]).await
    }

    async fn insert_workspace(&self, new: &NewWorkspace) -> Result<Inserted, DbError> {
        let workspace = &new.workspace;
        let mut tx = self.db.begin().await?;
        if tx.execute(INSERT_WORKSPACE, workspace_row(new)).await? == 0 {
            drop(tx);
            return self.what_is_there(workspace.owner_id, new.request_id).await;
        }
        let build = Build::new(new.build_id, workspace.id, 1, Transition::Start, workspace.created_at);
        tx.execute(INSERT_BUILD, build_row(&build, None)).await?;
        tx.commit().await?;
        Ok(Inserted::Created(WorkspaceDetails { workspace: workspace.clone(), build, agents: Vec::new() }))
    }

    async fn get_workspace(&self, id: WorkspaceId) -> Result<Option<WorkspaceDetails>, DbError> {
        Ok(only(self.db.fetch_all(GET_WORKSPACE, values![id.0]).await?))
    }

    async fn list_workspaces(
        &self,
        owner: UserId,
        after: Option<WorkspaceId>,
        limit: u32,
    ) -> Result<Vec<WorkspaceDetails>, DbError> {
        // No identifier sorts before the nil UUID.
        let after = after.map_or(Uuid::nil(), Uuid::from);
        self.db.fetch_all(LIST_WORKSPACES, values![owner.0, after, limit]).await.map(join)
    }

    async fn insert_build(&self, new: &NewBuild) -> Result<Build, StoreError> {
        let mut tx = self.db.begin().await?;
        let locked = tx.fetch_optional::<Id>(LOCK_WORKSPACE, values![new.workspace_id.0]).await?;
        locked.ok_or(StoreError::NotFound)?;
        if let Some(earlier) = find_repeated(&mut tx, new).await? {
            return Ok(earlier);
        }
        let details = only(tx.fetch_all(GET_WORKSPACE, values![new.workspace_id.0]).await?);
        let details = details.ok_or(StoreError::NotFound)?;
        let build = details.next_build(new.id, new.transition, new.now)?;
        tx.execute(INSERT_BUILD, build_row(&build, new.request_id)).await?;
        touch(&mut tx, new.workspace_id, false, new.now).await?;
        tx.commit().await?;
        Ok(build)
    }

    async fn list_builds(
        &self,
        workspace: WorkspaceId,
        before: Option<u32>,
        limit: u32,
    ) -> Result<Vec<Build>, DbError> {
        let before = before.map_or(i64::MAX, i64::from);
        self.db.fetch_all(LIST_BUILDS, values![workspace.0, before, limit]).await
    }

    async fn lease_build(&self, claim: &Claim) -> Result<Option<Leased>, DbError> {
        let kinds = format!(",{},", claim.kinds.join(","));
        let mut tx = self.db.begin().await?;
        let lease = values![claim.holder.as_str(), claim.expires_at, claim.now, kinds];
        let Some(KindAndBuild(kind, build)) = tx.fetch_optional(LEASE_BUILD, lease).await? else {
            return Ok(None);
        };
        let agent_id = match build.transition {
            Transition::Start => Some(issue_token(&mut tx, &build, claim).await?),
            Transition::Stop | Transition::Delete => None,
        };
        touch(&mut tx, build.workspace_id, false, claim.now).await?;
        let details = only(tx.fetch_all(GET_WORKSPACE, values![build.workspace_id.0]).await?);
        let details = details.ok_or_else(|| DbError::inconsistent("workspace_id", "the build has no workspace"))?;
        tx.commit().await?;
        Ok(Some(Leased { build, workspace: details.workspace, kind, agent_id }))
    }

    async fn renew_lease(&self, build: BuildId, holder: &str, expires_at: Timestamp) -> Result<(), StoreError> {
        let mut tx = self.db.begin().await?;
        let build = lock_build(&mut tx, build).await?.renew(holder, expires_at)?;
        update(&mut tx, &build).await?;
        Ok(tx.commit().await?)
    }

    async fn end_build(
        &self,
        build: BuildId,
        holder: &str,
        outcome: Outcome,
        now: Timestamp,
    ) -> Result<Build, StoreError> {
        let mut tx = self.db.begin().await?;
        let found = lock_build(&mut tx, build).await?;
        let build = match found.clone().end(holder, outcome, now)? {
            Ended::Before => return Ok(found),
            Ended::Now(build) => build,
        };
        update(&mut tx, &build).await?;
        let deleted = build.transition == Transition::Delete && build.status == BuildStatus::Succeeded;
        touch(&mut tx, build.workspace_id, deleted, now).await?;
        tx.commit().await?;
        Ok(build)
    }

    async fn find_agent_by_token(&self, digest: &[u8]) -> Result<Option<AgentDetails>, DbError> {
        self.db.fetch_optional(FIND_AGENT_BY_TOKEN, values![digest.to_vec()]).await
    }

    async fn get_agent(&self, agent: AgentId) -> Result<Option<AgentDetails>, DbError> {
        self.db.fetch_optional(GET_AGENT, values![agent.0]).await
    }

    async fn report_connection(&self, agent: AgentId, report: Report) -> Result<Option<Reported>, DbError> {
        let mut tx = self.db.begin().await?;
        let Some(KnownAgent { agent, current }) = tx.fetch_optional(LOCK_AGENT, values![agent.0]).await? else {
            return Ok(None);
        };
        let (workspace_id, before) = (agent.workspace_id, agent.status(report.at));
        let token_issued_at = agent.created_at;
        let mut flipped = false;
        if let Some(agent) = agent.after(report) {
            flipped = agent.status(report.at) != before;
            tx.execute(UPDATE_AGENT, agent_row(&agent)).await?;
            tx.commit().await?;
        }
        Ok(Some(Reported { workspace_id, current, token_issued_at, flipped }))
    }

    async fn report_lifecycle(
        &self,
        agent: AgentId,
        batch: LifecycleBatch,
    ) -> Result<Option<LifecycleReported>, DbError> {
        lifecycle::report(&self.db, agent, batch).await
    }

    async fn list_log_lines(&self, agent: AgentId, after: i64, limit: u32) -> Result<Vec<NumberedLine>, DbError> {
        self.db.fetch_all(LIST_LINES, values![agent.0, after, limit]).await
    }

    async fn list_script_runs(&self, agent: AgentId, after: i64, limit: u32) -> Result<Vec<NumberedRun>, DbError> {
        self.db.fetch_all(LIST_RUNS, values![agent.0, after, limit]).await
    }
}

impl SqlWorkspaceStore {
    async fn what_is_there(&self, owner: UserId, request_id: Option<Uuid>) -> Result<Inserted, DbError> {
        let earlier = match request_id {
            Some(id) => only(self.db.fetch_all(FIND_WORKSPACE_BY_REQUEST, values![owner.0, id]).await?),
            None => None,
        };
        Ok(earlier.map_or(Inserted::NameTaken, Inserted::Repeated))
    }
}

impl From<LeaseLost> for StoreError {
    fn from(LeaseLost: LeaseLost) -> Self {
        Self::LeaseLost
    }
}

/// The workspace of rows that are all of one.
fn only(rows: Vec<WorkspaceDetails>) -> Option<WorkspaceDetails> {
    join(rows).pop()
}

async fn find_repeated(tx: &mut Tx, new: &NewBuild) -> Result<Option<Build>, StoreError> {
    let Some(request_id) = new.request_id else { return Ok(None) };
    let key = values![new.workspace_id.0, request_id];
    match tx.fetch_optional::<Build>(FIND_BUILD_BY_REQUEST, key).await? {
        Some(earlier) if earlier.transition != new.transition => Err(StoreError::RequestReused),
        earlier => Ok(earlier),
    }
}

async fn lock_build(tx: &mut Tx, build: BuildId) -> Result<Build, StoreError> {
    tx.fetch_optional::<Build>(LOCK_BUILD, values![build.0]).await?.ok_or(StoreError::NotFound)
}

async fn update(tx: &mut Tx, build: &Build) -> Result<(), DbError> {
    let row =
        values![build.id.0, build.status.as_str(), build.error.as_deref(), build.lease_expires_at, build.completed_at];
    tx.execute(UPDATE_BUILD, row).await.map(drop)
}

async fn touch(tx: &mut Tx, workspace: WorkspaceId, deleted: bool, now: Timestamp) -> Result<(), DbError> {
    tx.execute(TOUCH_WORKSPACE, values![workspace.0, deleted, now]).await.map(drop)
}

/// Gives the build's agent a new token, and makes the agent where this is the first lease.
async fn issue_token(tx: &mut Tx, build: &Build, claim: &Claim) -> Result<AgentId, DbError> {
    let digest = claim.token_digest.clone();
    let row = values![claim.agent_id.0, build.workspace_id.0, build.id.0, digest, claim.now, MAIN_AGENT];
    let Id(id) = tx.fetch_optional::<Id>(ISSUE_TOKEN, row).await?.unwrap_or(Id(claim.agent_id.0));
    Ok(AgentId(id))
}

fn workspace_row(new: &NewWorkspace) -> Vec<Value> {
    let Workspace { id, owner_id, name, template_id, created_at, updated_at, .. } = &new.workspace;
    values![id.0, owner_id.0, name.as_str(), template_id.0, new.request_id, *created_at, *updated_at]
}

fn build_row(build: &Build, request_id: Option<Uuid>) -> Vec<Value> {
    let transition = build.transition.as_str();
    values![build.id.0, build.workspace_id.0, build.number, transition, request_id, build.created_at]
}

fn agent_row(agent: &Agent) -> Vec<Value> {
    let Agent { id, epoch, first_connected_at, last_connected_at, disconnected_at, .. } = agent;
    values![id.0, *epoch, *first_connected_at, *last_connected_at, *disconnected_at]
}
