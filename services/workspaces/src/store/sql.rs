//! The store in SQL, one text for both engines.

use std::collections::BTreeMap;

use async_trait::async_trait;
use chatmesh_core::{Timestamp, Uuid};
use chatmesh_db::{Db, DbError, Value, values};
use chatmesh_rpc::UserId;

use super::builds::{KEPT_LOGS, only};
use super::chats::RELEASE_CHAT;
use super::rows::templates::PoolVersion;
use super::rows::{Number, join};
use super::statements::build_logs::LIST_LINES as LIST_BUILD_LINES;
use super::statements::lifecycle::{LIST_LINES, LIST_RUNS};
use super::statements::prebuilds::LIST_POOLS;
use super::statements::purge::{FORGET_AGENTS, FORGET_BUILD_LINES};
use super::statements::templates::{
    FIND_TEMPLATE_BY_NAME, GET_TEMPLATE, GET_VERSION_BY_NUMBER, GET_VERSION_OF_TEMPLATE, LIST_VERSIONS,
};
use super::statements::usage::LIST_DUE;
use super::statements::{
    CONSUMED, FIND_AGENT_BY_TOKEN, GET_AGENT, GET_BUILD, GET_WORKSPACE, LIST_BUILDS, LIST_WORKSPACES, LOCK_AGENT,
    UPDATE_AGENT,
};
use super::{
    Activity, AgentDetails, Claim, Due, Inserted, KnownAgent, Lease, LifecycleReported, NewBuild, NewVersion,
    NewWorkspace, PoolVersions, Prebuilt, Pushed, Reported, StoreError, TemplateChange, TemplateFilter,
    TemplateListing, WorkspaceStore, build_logs, builds, by_hand, inserts, leases, lifecycle, prebuilds, templates,
    usage,
};
use crate::domain::{
    Agent, AgentId, Build, BuildId, HasEnded, LeaseLost, LifecycleBatch, NumberedBuildLine, NumberedLine, NumberedRun,
    Outcome, Report, Template, TemplateId, TemplateVersion, VersionInfo, WhichVersion, WorkspaceDetails, WorkspaceId,
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
    async fn push_version(&self, new: &NewVersion) -> Result<Pushed, StoreError> {
        templates::push(&self.db, new).await
    }

    async fn update_template(&self, id: TemplateId, change: &TemplateChange) -> Result<Template, StoreError> {
        templates::update(&self.db, id, change).await
    }

    async fn get_version(&self, template: TemplateId, which: WhichVersion) -> Result<Option<TemplateVersion>, DbError> {
        match which {
            WhichVersion::Id(id) => self.db.fetch_optional(GET_VERSION_OF_TEMPLATE, values![template.0, id.0]).await,
            WhichVersion::Number(number) => {
                self.db.fetch_optional(GET_VERSION_BY_NUMBER, values![template.0, number]).await
            }
        }
    }

    async fn list_versions(
        &self,
        template: TemplateId,
        before: Option<u32>,
        limit: u32,
    ) -> Result<Vec<VersionInfo>, DbError> {
        let before = before.map_or(i64::MAX, i64::from);
        self.db.fetch_all(LIST_VERSIONS, values![template.0, before, limit]).await
    }

    async fn find_template(&self, name_or_id: &str) -> Result<Option<Template>, DbError> {
        let by_name = self.db.fetch_optional(FIND_TEMPLATE_BY_NAME, values![name_or_id]).await?;
        match (by_name, Uuid::try_parse(name_or_id)) {
            (None, Ok(id)) => self.db.fetch_optional(GET_TEMPLATE, values![id]).await,
            (found, _) => Ok(found),
        }
    }

    async fn list_templates(&self, filter: &TemplateFilter) -> Result<Vec<TemplateListing>, DbError> {
        templates::list(&self.db, filter).await
    }

    async fn list_pool_versions(&self) -> Result<PoolVersions, DbError> {
        let mut found = PoolVersions::default();
        for PoolVersion(version) in self.db.fetch_all(LIST_POOLS, Vec::new()).await? {
            match version {
                Ok(version) => found.versions.push(version),
                Err(template) => drop(found.unreadable.insert(template)),
            }
        }
        Ok(found)
    }

    async fn delete_template(&self, id: TemplateId) -> Result<(), StoreError> {
        templates::delete(&self.db, id).await
    }

    async fn insert_workspace(&self, new: &NewWorkspace) -> Result<Inserted, StoreError> {
        inserts::insert(&self.db, new).await
    }

    async fn release_chat(&self, owner: UserId, chat: Uuid, workspace: WorkspaceId) -> Result<(), DbError> {
        self.db.execute(RELEASE_CHAT, values![owner.0, chat, workspace.0]).await.map(drop)
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

    async fn list_prebuilt(&self) -> Result<Prebuilt, DbError> {
        prebuilds::list(&self.db).await
    }

    async fn insert_build(&self, new: &NewBuild) -> Result<Build, StoreError> {
        builds::insert(&self.db, new).await
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

    async fn get_build(&self, build: BuildId) -> Result<Option<Build>, DbError> {
        self.db.fetch_optional(GET_BUILD, values![build.0]).await
    }

    async fn cancel_build(&self, build: BuildId, now: Timestamp) -> Result<Build, StoreError> {
        builds::cancel(&self.db, build, now).await
    }

    async fn lease_build(&self, claim: &Claim) -> Result<Option<Lease>, DbError> {
        leases::lease(&self.db, claim).await
    }

    async fn renew_lease(&self, build: BuildId, holder: &str, expires_at: Timestamp) -> Result<Build, StoreError> {
        leases::renew(&self.db, build, holder, expires_at).await
    }

    async fn end_build(
        &self,
        build: BuildId,
        holder: &str,
        outcome: Outcome,
        now: Timestamp,
    ) -> Result<Build, StoreError> {
        builds::end(&self.db, build, holder, outcome, now).await
    }

    async fn give_up_builds(&self, now: Timestamp, limit: u32) -> Result<Vec<Build>, DbError> {
        leases::give_up(&self.db, now, limit).await
    }

    async fn append_build_lines(
        &self,
        build: BuildId,
        holder: &str,
        lines: Vec<NumberedBuildLine>,
    ) -> Result<Option<WorkspaceId>, StoreError> {
        build_logs::append(&self.db, build, holder, lines).await
    }

    async fn list_build_lines(
        &self,
        build: BuildId,
        after: i64,
        limit: u32,
    ) -> Result<Vec<NumberedBuildLine>, DbError> {
        self.db.fetch_all(LIST_BUILD_LINES, values![build.0, after, limit]).await
    }

    async fn consumed(&self, owner: UserId) -> Result<u32, DbError> {
        let consumed = self.db.fetch_optional::<Number>(CONSUMED, values![owner.0, Uuid::nil()]).await?;
        Ok(consumed.map_or(0, |Number(consumed)| consumed))
    }

    async fn report_activity(&self, workspace: WorkspaceId, now: Timestamp) -> Result<Option<Activity>, DbError> {
        let reported = usage::report(&self.db, &[workspace], now).await?;
        Ok(reported.into_iter().next().map(|(_, activity)| activity))
    }

    async fn report_activities(
        &self,
        workspaces: &[WorkspaceId],
        now: Timestamp,
    ) -> Result<Vec<(WorkspaceId, Activity)>, DbError> {
        usage::report(&self.db, workspaces, now).await
    }

    async fn set_ttl(
        &self,
        workspace: WorkspaceId,
        seconds: u32,
        now: Timestamp,
    ) -> Result<WorkspaceDetails, StoreError> {
        usage::set_ttl(&self.db, workspace, seconds, now).await
    }

    async fn list_due(&self, now: Timestamp, after: Option<Due>, limit: u32) -> Result<Vec<Due>, DbError> {
        let (deadline, build) =
            after.map_or((Timestamp::UNIX_EPOCH, Uuid::nil()), |due| (due.deadline, due.build_id.0));
        self.db.fetch_all(LIST_DUE, values![now, deadline, build, limit]).await
    }

    async fn find_agent_by_token(&self, digest: &[u8]) -> Result<Option<AgentDetails>, DbError> {
        self.db.fetch_optional(FIND_AGENT_BY_TOKEN, values![digest.to_vec()]).await
    }

    async fn get_agent(&self, agent: AgentId) -> Result<Option<AgentDetails>, DbError> {
        self.db.fetch_optional(GET_AGENT, values![agent.0]).await
    }

    async fn keep_agent_environment(
        &self,
        build: BuildId,
        holder: &str,
        environment: &BTreeMap<String, String>,
    ) -> Result<(), StoreError> {
        by_hand::keep_environment(&self.db, build, holder, environment).await
    }

    async fn replace_agent_token(
        &self,
        agent: AgentId,
        digest: &[u8],
        now: Timestamp,
    ) -> Result<Option<BTreeMap<String, String>>, StoreError> {
        by_hand::replace_token(&self.db, agent, digest, now).await
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

    async fn forget_logs(&self, deleted_before: Timestamp, limit: u32) -> Result<bool, DbError> {
        let agents = self.db.execute(FORGET_AGENTS, values![deleted_before, KEPT_LOGS, limit]).await?;
        let lines = self.db.execute(FORGET_BUILD_LINES, values![deleted_before, limit]).await?;
        Ok(agents >= limit.into() || lines > 0)
    }

    async fn list_log_lines(&self, agent: AgentId, after: i64, limit: u32) -> Result<Vec<NumberedLine>, DbError> {
        self.db.fetch_all(LIST_LINES, values![agent.0, after, limit]).await
    }

    async fn list_script_runs(&self, agent: AgentId, after: i64, limit: u32) -> Result<Vec<NumberedRun>, DbError> {
        self.db.fetch_all(LIST_RUNS, values![agent.0, after, limit]).await
    }
}

impl From<LeaseLost> for StoreError {
    fn from(LeaseLost: LeaseLost) -> Self {
        Self::LeaseLost
    }
}

impl From<HasEnded> for StoreError {
    fn from(HasEnded(status): HasEnded) -> Self {
        Self::BuildEnded(status)
    }
}

fn agent_row(agent: &Agent) -> Vec<Value> {
    let Agent { id, epoch, first_connected_at, last_connected_at, disconnected_at, .. } = agent;
    values![id.0, *epoch, *first_connected_at, *last_connected_at, *disconnected_at]
}
