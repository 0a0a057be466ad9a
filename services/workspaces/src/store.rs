//! Where templates, workspaces, builds and agents are kept.

mod lifecycle;
mod rows;
mod sql;
mod statements;

use async_trait::async_trait;
use chatmesh_core::{Timestamp, Uuid};
use chatmesh_db::DbError;
use chatmesh_rpc::UserId;
pub use sql::SqlWorkspaceStore;
pub use statements::STATEMENTS;

use crate::domain::{
    Agent, AgentId, Build, BuildId, LifecycleBatch, NumberedLine, NumberedRun, Outcome, Refusal, Report, Script,
    Template, Transition, Workspace, WorkspaceDetails, WorkspaceId,
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
}

/// What was there before an insert that found its key taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Inserted {
    /// The workspace is new.
    Created(WorkspaceDetails),
    /// The same request was made before; this is what it made, as it is now.
    Repeated(WorkspaceDetails),
    /// Another workspace of the owner has the name.
    NameTaken,
}

/// A build to insert.
#[derive(Debug, Clone, Copy)]
pub struct NewBuild {
    /// Its identifier.
    pub id: BuildId,
    /// The workspace.
    pub workspace_id: WorkspaceId,
    /// What it does.
    pub transition: Transition,
    /// The client's identifier of the request.
    pub request_id: Option<Uuid>,
    /// The time.
    pub now: Timestamp,
}

/// Who asks for a build to carry out.
#[derive(Debug, Clone)]
pub struct Claim {
    /// The provisioner.
    pub holder: String,
    /// The kinds that it carries out: words of lower-case letters, digits and `-`.
    pub kinds: Vec<String>,
    /// The time.
    pub now: Timestamp,
    /// Until when the lease is to hold.
    pub expires_at: Timestamp,
    /// The identifier for the agent, where the build needs one and has none yet.
    pub agent_id: AgentId,
    /// The digest of the agent's new token.
    pub token_digest: Vec<u8>,
}

/// A build under a lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leased {
    /// The build.
    pub build: Build,
    /// Its workspace.
    pub workspace: Workspace,
    /// The kind of provisioner that it is for.
    pub kind: String,
    /// The agent that has the claim's token now, where the build starts the workspace.
    pub agent_id: Option<AgentId>,
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
    /// What its template had when it got its first token.
    pub scripts: Vec<Script>,
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
    /// Inserts a template with its scripts, or makes the one of its name the same but for its identifier.
    async fn put_template(&self, template: &Template, scripts: &[Script]) -> Result<(), DbError>;
    /// Returns the template with this name or identifier.
    async fn find_template(&self, name_or_id: &str) -> Result<Option<Template>, DbError>;
    /// Lists templates by name, after `after`, at most `limit`.
    async fn list_templates(&self, after: Option<&str>, limit: u32) -> Result<Vec<Template>, DbError>;

    /// Inserts a workspace and its first build. A request that was made before yields what it made.
    async fn insert_workspace(&self, new: &NewWorkspace) -> Result<Inserted, DbError>;
    /// Returns a workspace, a deleted one too.
    async fn get_workspace(&self, id: WorkspaceId) -> Result<Option<WorkspaceDetails>, DbError>;
    /// Lists an owner's workspaces that are not deleted by identifier, after `after`, at most `limit`.
    async fn list_workspaces(
        &self,
        owner: UserId,
        after: Option<WorkspaceId>,
        limit: u32,
    ) -> Result<Vec<WorkspaceDetails>, DbError>;

    /// Inserts the next build where the workspace's status admits it: at most one build is not
    /// done at any time. A request that was made before yields the build that it made.
    async fn insert_build(&self, new: &NewBuild) -> Result<Build, StoreError>;
    /// Lists a workspace's builds by number downwards, below `before`, at most `limit`.
    async fn list_builds(&self, workspace: WorkspaceId, before: Option<u32>, limit: u32)
    -> Result<Vec<Build>, DbError>;

    /// Leases the oldest build that waits, or whose lease has expired. A build is never leased to
    /// two at once, and nobody comes back empty-handed while one waits. The token of an earlier
    /// lease of the same build stops to work; what its agent runs is settled by the first one.
    async fn lease_build(&self, claim: &Claim) -> Result<Option<Leased>, DbError>;
    /// Extends the lease of `holder`.
    async fn renew_lease(&self, build: BuildId, holder: &str, expires_at: Timestamp) -> Result<(), StoreError>;
    /// Ends a build for the holder of its lease; a build that deletes its workspace and succeeds
    /// marks it deleted. The same end by the same holder again changes nothing.
    async fn end_build(
        &self,
        build: BuildId,
        holder: &str,
        outcome: Outcome,
        now: Timestamp,
    ) -> Result<Build, StoreError>;

    /// Returns the agent whose token has this digest.
    async fn find_agent_by_token(&self, digest: &[u8]) -> Result<Option<AgentDetails>, DbError>;
    /// Returns an agent, also one of an older build.
    async fn get_agent(&self, agent: AgentId) -> Result<Option<AgentDetails>, DbError>;
    /// Takes in what a session says of an agent; what an older session says changes nothing.
    async fn report_connection(&self, agent: AgentId, report: Report) -> Result<Option<Reported>, DbError>;
    /// Takes in what a process of an agent says of its workspace's startup and shutdown. Each report counts once,
    /// however often it comes; of lines and runs the newest are kept.
    async fn report_lifecycle(
        &self,
        agent: AgentId,
        batch: LifecycleBatch,
    ) -> Result<Option<LifecycleReported>, DbError>;
    /// Lists the lines that an agent's scripts printed by number, after `after`, at most `limit`.
    async fn list_log_lines(&self, agent: AgentId, after: i64, limit: u32) -> Result<Vec<NumberedLine>, DbError>;
    /// Lists the runs of an agent's scripts by number, after `after`, at most `limit`.
    async fn list_script_runs(&self, agent: AgentId, after: i64, limit: u32) -> Result<Vec<NumberedRun>, DbError>;
}
