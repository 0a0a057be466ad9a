//! Where templates, workspaces, builds and agents are kept.

mod build_logs;
mod builds;
mod by_hand;
mod chats;
mod inserts;
mod leases;
mod leasing;
mod lifecycle;
mod prebuilds;
mod retries;
mod rows;
mod sql;
mod statements;
mod templates;
mod unreadable;
mod usage;

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use async_trait::async_trait;
use chatmesh_core::{Timestamp, Uuid, Violations};
use chatmesh_db::DbError;
use chatmesh_rpc::UserId;
pub use chats::ForChat;
pub use leasing::{AgentSeed, Claim, Lease, Leased, LeasedAgent};
pub use sql::SqlWorkspaceStore;
pub use statements::STATEMENTS;
pub use templates::{Activate, NewVersion, Pushed, Start, TemplateChange, TemplateFilter, TemplateListing};

use crate::domain::{
    Agent, AgentId, Build, BuildId, BuildReason, BuildStatus, LifecycleBatch, NumberedBuildLine, NumberedLine,
    NumberedRun, Outcome, Quota, Refusal, Report, Script, Template, TemplateId, TemplateVersion, Transition,
    VersionInfo, WhichVersion, Workspace, WorkspaceDetails, WorkspaceId,
};

/// Why a change was not made.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is no such workspace or build.
    #[error("not found")]
    NotFound,
    /// The workspace is not in a state for this.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The identifier of the request was used for another operation.
    #[error("the request's identifier was used for another operation")]
    RequestReused,
    /// Someone else holds the lease, or the build has ended otherwise.
    #[error("the lease is lost")]
    LeaseLost,
    /// The version, the preset or parameters do not fit the template.
    #[error("what was chosen does not fit the template: {0}")]
    Unfit(Violations),
    /// No more workspaces are to be made from the template, for this reason.
    #[error("the template should not be used any more: {0}")]
    Deprecated(String),
    /// No more workspaces are to be made from the template, because it is put away.
    #[error("the template is put away")]
    Archived,
    /// The template is for this kind of provisioner, and for no other.
    #[error("the template is for the provisioner `{0}`")]
    OtherProvisioner(String),
    /// There are so many workspaces of the template.
    #[error("there are {0} workspaces of the template")]
    InUse(u32),
    /// The build has ended, like this.
    #[error("the build has ended")]
    BuildEnded(BuildStatus),
    /// The workspace does not run.
    #[error("the workspace does not run")]
    NotRunning(Box<WorkspaceDetails>),
    /// The workspace was used or claimed meanwhile: it is not to be stopped or deleted.
    #[error("the workspace is used")]
    NotDue,
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DbError),
}

/// A workspace to insert, with its first build, which starts it.
#[derive(Debug, Clone)]
pub struct NewWorkspace {
    /// The workspace.
    pub workspace: Workspace,
    /// Its first build.
    pub build_id: BuildId,
    /// The client's identifier of the request.
    pub request_id: Option<Uuid>,
    /// What is chosen for it.
    pub start: Start,
    /// The chat that it is made for.
    pub chat: Option<ForChat>,
    /// True where a time to live that is longer than the template lets workspaces run becomes as long as that; else it is
    /// [`StoreError::Unfit`].
    pub bounds_ttl: bool,
    /// What there is for whom.
    pub quota: Arc<Quota>,
}

/// What was there before an insert that found its key taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Inserted {
    /// The workspace is new to its owner: it was made now, or in advance.
    Created(WorkspaceDetails),
    /// The same request was made before; this is what it made, as it is now.
    Repeated(WorkspaceDetails),
    /// The chat has this workspace, and does not give it up.
    OfChat(WorkspaceDetails),
    /// Another workspace of the owner has the name.
    NameTaken,
    /// A workspace of the owner that is being deleted has the name until it is gone.
    NameBeingFreed,
}

/// A build to insert.
#[derive(Debug, Clone)]
pub struct NewBuild {
    /// Its identifier.
    pub id: BuildId,
    /// The workspace.
    pub workspace_id: WorkspaceId,
    /// What it does.
    pub transition: Transition,
    /// The client's identifier of the request.
    pub request_id: Option<Uuid>,
    /// What is chosen for it. Builds that do not start their workspace are of what the build before was of.
    pub start: Start,
    /// Why it is made.
    pub reason: BuildReason,
    /// Who asked for it.
    pub initiator: Option<UserId>,
    /// The time.
    pub now: Timestamp,
}

/// A workspace that is to be stopped: nobody used it until its deadline, or an earlier stop failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// The workspace.
    pub workspace_id: WorkspaceId,
    /// Its latest build, which has the deadline.
    pub build_id: BuildId,
    /// The deadline.
    pub deadline: Timestamp,
}

/// The active versions for which workspaces may have to be made in advance.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PoolVersions {
    /// Those that can be read.
    pub versions: Vec<TemplateVersion>,
    /// The templates whose active version can not: what there is of it is left alone.
    pub unreadable: HashSet<TemplateId>,
}

/// The workspaces that nobody has claimed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Prebuilt {
    /// Those that can be read.
    pub workspaces: Vec<WorkspaceDetails>,
    /// The names of those that can not.
    pub unreadable: Vec<String>,
}

/// What came of the use of a workspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Activity {
    /// When the workspace is stopped unless it is used until then.
    pub deadline: Option<Timestamp>,
    /// True where that is later now.
    pub moved: bool,
}

/// An agent, and whether it still counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownAgent {
    /// The agent.
    pub agent: Agent,
    /// True where its build is the one that its workspace runs, or is being stopped in.
    pub current: bool,
}

/// An agent with what its workspace runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentDetails {
    /// The agent.
    pub agent: Agent,
    /// True where its build is the one that its workspace runs, or is being stopped in.
    pub current: bool,
    /// What the version of the template has for it.
    pub scripts: Vec<Script>,
    /// The kind of provisioner that carries out its build.
    pub provisioner: String,
}

/// What came of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reported {
    /// The agent's workspace.
    pub workspace_id: WorkspaceId,
    /// True where the agent's build is the one that its workspace runs, or is being stopped in.
    pub current: bool,
    /// When the agent got the token that it has.
    pub token_issued_at: Timestamp,
    /// True where the agent's status is another now.
    pub flipped: bool,
}

/// What came of a batch of reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LifecycleReported {
    /// The agent's workspace.
    pub workspace_id: WorkspaceId,
    /// All reports of the process up to this one are recorded.
    pub last_sequence: i64,
    /// True where the agent's state is another now.
    pub changed: bool,
}

/// The store of the service. Each method is one transaction; missing rows are `None` or
/// [`StoreError::NotFound`].
#[async_trait]
pub trait WorkspaceStore: std::fmt::Debug + Send + Sync + 'static {
    /// Makes a version of a template, and the template where there is none of its name. Where the template has one with
    /// this content, no other is made. Versions of a template are numbered without gaps, and all are for one kind of
    /// provisioner: workspaces that one has made are not there for another one.
    async fn push_version(&self, new: &NewVersion) -> Result<Pushed, StoreError>;
    /// Changes a template; what its active version says of it, it says.
    async fn update_template(&self, id: TemplateId, change: &TemplateChange) -> Result<Template, StoreError>;
    /// Returns a version of a template.
    async fn get_version(&self, template: TemplateId, which: WhichVersion) -> Result<Option<TemplateVersion>, DbError>;
    /// Lists the versions of a template by number downwards, below `before`, at most `limit`.
    async fn list_versions(
        &self,
        template: TemplateId,
        before: Option<u32>,
        limit: u32,
    ) -> Result<Vec<VersionInfo>, DbError>;
    /// Returns the template with this name or identifier.
    async fn find_template(&self, name_or_id: &str) -> Result<Option<Template>, DbError>;
    /// Lists templates by name, and who uses them where that is asked for.
    async fn list_templates(&self, filter: &TemplateFilter) -> Result<Vec<TemplateListing>, DbError>;
    /// Lists the active versions for which workspaces may have to be made in advance.
    async fn list_pool_versions(&self) -> Result<PoolVersions, DbError>;
    /// Deletes a template of which there are no workspaces that are not deleted, and frees its name.
    async fn delete_template(&self, id: TemplateId) -> Result<(), StoreError>;

    /// Inserts a workspace and its first build. A request that was made before yields what it made, whatever has
    /// become of the template. Where one that was made in advance is just what is asked for, and ready, it becomes the
    /// owner's in place of the one to insert, with its build and its agents.
    async fn insert_workspace(&self, new: &NewWorkspace) -> Result<Inserted, StoreError>;
    /// Takes in that a chat gave this workspace up; nothing changes where the chat has another one.
    async fn release_chat(&self, owner: UserId, chat: Uuid, workspace: WorkspaceId) -> Result<(), DbError>;
    /// Returns a workspace, a deleted one too.
    async fn get_workspace(&self, id: WorkspaceId) -> Result<Option<WorkspaceDetails>, DbError>;
    /// Lists an owner's workspaces that are not deleted by identifier, after `after`, at most `limit`.
    async fn list_workspaces(
        &self,
        owner: UserId,
        after: Option<WorkspaceId>,
        limit: u32,
    ) -> Result<Vec<WorkspaceDetails>, DbError>;

    /// Lists the workspaces that were made in advance and that nobody has claimed.
    async fn list_prebuilt(&self) -> Result<Prebuilt, DbError>;

    /// Inserts the next build where the workspace's status admits it: at most one build is not
    /// done at any time. A request that was made before yields the build that it made. What the build is of is settled
    /// here, together with the build before it.
    async fn insert_build(&self, new: &NewBuild) -> Result<Build, StoreError>;
    /// Lists a workspace's builds by number downwards, below `before`, at most `limit`.
    async fn list_builds(&self, workspace: WorkspaceId, before: Option<u32>, limit: u32)
    -> Result<Vec<Build>, DbError>;

    /// Returns a build.
    async fn get_build(&self, build: BuildId) -> Result<Option<Build>, DbError>;
    /// Asks for a build to be given up; asking again changes nothing.
    async fn cancel_build(&self, build: BuildId, now: Timestamp) -> Result<Build, StoreError>;

    /// Leases the oldest build of the claim's kinds and transitions that waits, or whose lease has expired: those that stop or delete workspaces before those that
    /// start them, and after all of them those of workspaces that are made in advance. A build is never leased to
    /// two at once, and nobody comes back empty-handed while one waits. The tokens of an earlier
    /// lease of the same build stop to work, but those of agents that the owner of the workspace starts: they go on to be
    /// valid, also from one build to the next. What its agents run is settled with the build. A build that starts a
    /// workspace takes what it costs from the credits of the workspace's owner; where there are not as many, it fails. So
    /// does one that can not be read, and one that was handed out five times and never ended.
    async fn lease_build(&self, claim: &Claim) -> Result<Option<Lease>, DbError>;
    /// Extends the lease of `holder`, and returns the build.
    async fn renew_lease(&self, build: BuildId, holder: &str, expires_at: Timestamp) -> Result<Build, StoreError>;
    /// Ends a build for the holder of its lease; a build that deletes its workspace and succeeds
    /// marks it deleted, and one that starts it sets its deadline. So does one that came to nothing, where the workspace
    /// may run on. The same end by the same holder again changes nothing.
    async fn end_build(
        &self,
        build: BuildId,
        holder: &str,
        outcome: Outcome,
        now: Timestamp,
    ) -> Result<Build, StoreError>;
    /// Gives up builds that provisioners were asked to give up, and whose leases have expired; at most `limit`. What they
    /// have left is stopped soon. Those that can not be read stay as they are.
    async fn give_up_builds(&self, now: Timestamp, limit: u32) -> Result<Vec<Build>, DbError>;
    /// Adds lines to the log of a build for the holder of its lease. Each counts once, by its number within the lease;
    /// the newest are kept. Returns the workspace where there were new ones.
    async fn append_build_lines(
        &self,
        build: BuildId,
        holder: &str,
        lines: Vec<NumberedBuildLine>,
    ) -> Result<Option<WorkspaceId>, StoreError>;
    /// Lists the lines of a build's log by number, after `after`, at most `limit`.
    async fn list_build_lines(&self, build: BuildId, after: i64, limit: u32)
    -> Result<Vec<NumberedBuildLine>, DbError>;

    /// What the workspaces of a user take of the user's credits.
    async fn consumed(&self, owner: UserId) -> Result<u32, DbError>;
    /// Takes in that a workspace is used: its deadline becomes later, and never earlier, and never later than its last.
    async fn report_activity(&self, workspace: WorkspaceId, now: Timestamp) -> Result<Option<Activity>, DbError>;
    /// Takes in that workspaces are used, all at once. Those that do not exist, or can not be read, are left out.
    async fn report_activities(
        &self,
        workspaces: &[WorkspaceId],
        now: Timestamp,
    ) -> Result<Vec<(WorkspaceId, Activity)>, DbError>;
    /// Changes how long a workspace runs without being used; where it runs, that counts from `now`.
    /// [`StoreError::Unfit`] where it may not run for as long.
    async fn set_ttl(
        &self,
        workspace: WorkspaceId,
        seconds: u32,
        now: Timestamp,
    ) -> Result<WorkspaceDetails, StoreError>;
    /// Lists the workspaces that nobody used until their deadlines, and those that run on after a build that came to
    /// nothing; those first that have waited longest, after `after`, at most `limit`.
    async fn list_due(&self, now: Timestamp, after: Option<Due>, limit: u32) -> Result<Vec<Due>, DbError>;

    /// Returns the agent whose token has this digest.
    async fn find_agent_by_token(&self, digest: &[u8]) -> Result<Option<AgentDetails>, DbError>;
    /// Returns an agent, also one of an older build.
    async fn get_agent(&self, agent: AgentId) -> Result<Option<AgentDetails>, DbError>;
    /// Writes down with what the agents of a build are started by the owner of its workspace, for the holder of its lease.
    async fn keep_agent_environment(
        &self,
        build: BuildId,
        holder: &str,
        environment: &BTreeMap<String, String>,
    ) -> Result<(), StoreError>;
    /// Gives an agent another token, where its workspace runs, and returns with what its owner starts it; `None` where its
    /// build did not say, and then it keeps its token. [`StoreError::NotFound`] where it is of an older build.
    async fn replace_agent_token(
        &self,
        agent: AgentId,
        digest: &[u8],
        now: Timestamp,
    ) -> Result<Option<BTreeMap<String, String>>, StoreError>;
    /// Takes in what a session says of an agent; what an older session says changes nothing.
    async fn report_connection(&self, agent: AgentId, report: Report) -> Result<Option<Reported>, DbError>;
    /// Takes in what a process of an agent says of its workspace's startup and shutdown. Each report counts once,
    /// however often it comes; of lines and runs the newest are kept.
    async fn report_lifecycle(
        &self,
        agent: AgentId,
        batch: LifecycleBatch,
    ) -> Result<Option<LifecycleReported>, DbError>;
    /// Deletes agents of builds of which no logs are kept any more, and agents and logs of builds of workspaces that were
    /// deleted before `deleted_before`; at most `limit` of each. True where there may be more.
    async fn forget_logs(&self, deleted_before: Timestamp, limit: u32) -> Result<bool, DbError>;
    /// Lists the lines that an agent's scripts printed by number, after `after`, at most `limit`.
    async fn list_log_lines(&self, agent: AgentId, after: i64, limit: u32) -> Result<Vec<NumberedLine>, DbError>;
    /// Lists the runs of an agent's scripts by number, after `after`, at most `limit`.
    async fn list_script_runs(&self, agent: AgentId, after: i64, limit: u32) -> Result<Vec<NumberedRun>, DbError>;
}
