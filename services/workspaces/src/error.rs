//! What callers are told.

use chatmesh_core::Violations;
use chatmesh_db::DbError;
use chatmesh_host::{db_code, db_reason};
use chatmesh_rpc::{Code, Denied, ServiceError};

use crate::domain::{AgentId, BuildId, BuildStatus, Refusal, WorkspaceDetails, WorkspaceId};
use crate::store::StoreError;

/// An operation of the service failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Fields of the request are wrong.
    #[error("invalid request: {0}")]
    Invalid(Violations),
    /// The caller may not do this.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// There is no such thing, or it is somebody else's.
    #[error("{kind} `{id}` not found")]
    NotFound {
        /// What was looked for.
        kind: &'static str,
        /// Its identifier.
        id: String,
    },
    /// The workspace is deleted.
    #[error("workspace `{0}` is deleted: create another one")]
    Deleted(WorkspaceId),
    /// The name is taken.
    #[error("a workspace named `{0}` exists: use it or choose another name")]
    NameTaken(String),
    /// The name is taken by a workspace that is being deleted.
    #[error("a workspace named `{0}` is being deleted: try again when it is gone, or choose another name")]
    NameBeingFreed(String),
    /// The workspace is not in a state for this.
    #[error("workspace `{id}` can not be changed: {refusal}")]
    Refused {
        /// The workspace.
        id: WorkspaceId,
        /// Why.
        refusal: Refusal,
    },
    /// The workspace has no agent to act through.
    #[error("workspace `{name}` is not running: {advice}")]
    NotRunning {
        /// The name of the workspace.
        name: String,
        /// What it is doing, and what to do.
        advice: String,
    },
    /// A provisioner starts the agent.
    #[error(
        "agent `{agent}` is started by a provisioner of the kind `{kind}`, which has its token: only agents of workspaces \
         of the kind `external` are started by hand"
    )]
    NotExternal {
        /// The name of the agent.
        agent: String,
        /// The kind of provisioner.
        kind: String,
    },
    /// The agent is of an older build.
    #[error(
        "agent `{0}` belongs to an older build of the workspace: name the agent of the latest build, as the workspace \
         says it"
    )]
    OldAgent(AgentId),
    /// The build does not say how its agents are started.
    #[error(
        "workspace `{0}` was started by a release that did not say how its agent is: stop and start it, then try again"
    )]
    HowUnknown(String),
    /// The agent is one that its owner starts, and its workspace does not run.
    #[error(
        "the workspace of this agent does not run, or is being started: start it, wait until it runs, then start the \
         agent again; its token stays valid"
    )]
    Paused,
    /// The workspace has several agents that say that they are for chats.
    #[error(
        "workspace `{name}` has several agents for chats: {}; let only one name end with `-chat` in its template, \
         then stop and start the workspace",
        quoted(.agents)
    )]
    Ambiguous {
        /// The name of the workspace.
        name: String,
        /// The names of the agents, in order.
        agents: Vec<String>,
    },
    /// The version, the preset or parameters do not fit the template.
    #[error("what was chosen does not fit the template: {0}")]
    Unfit(Violations),
    /// No more workspaces are to be made from the template.
    #[error("template `{template}` should not be used any more: {why}")]
    Deprecated {
        /// The name of the template.
        template: String,
        /// Why, and what to use.
        why: String,
    },
    /// No more workspaces are to be made from the template.
    #[error("template `{0}` is put away: choose another one, or ask an administrator to take it out again")]
    Archived(String),
    /// The tools of chats may not use the template.
    #[error("template `{0}` is not available to chats: list the templates and choose another one")]
    NotAllowed(String),
    /// There are workspaces of the template.
    #[error("template `{template}` has {count} workspaces: delete them first, or put the template away")]
    InUse {
        /// The name of the template.
        template: String,
        /// How many there are.
        count: u32,
    },
    /// The build has ended.
    #[error("build `{id}` has {how} already: there is nothing to give up")]
    BuildEnded {
        /// The build.
        id: BuildId,
        /// How it ended.
        how: &'static str,
    },
    /// Someone else holds the lease, or the build has ended otherwise.
    #[error("the lease of build `{0}` is lost: stop working on it")]
    LeaseLost(BuildId),
    /// The agent's token is unknown.
    #[error("the agent's token is not valid")]
    UnknownToken,
    /// The agent's build is not the workspace's latest.
    #[error("the agent belongs to an older build of the workspace: it is not needed any more")]
    Superseded,
    /// The configuration is wrong.
    #[error("configuration: {0}")]
    Config(String),
    /// The database failed.
    #[error("the database of workspaces failed")]
    Database(#[from] DbError),
}

impl Error {
    pub(crate) fn no_workspace(id: WorkspaceId) -> Self {
        Self::NotFound { kind: "workspace", id: id.to_string() }
    }

    pub(crate) fn no_build(id: BuildId) -> Self {
        Self::NotFound { kind: "build", id: id.to_string() }
    }

    pub(crate) fn no_template(name_or_id: &str) -> Self {
        Self::NotFound { kind: "template", id: name_or_id.to_owned() }
    }

    /// The workspace has nobody to act through, or to be told of.
    pub(crate) fn not_running(details: WorkspaceDetails) -> Self {
        Self::NotRunning { advice: details.advice(), name: details.workspace.name }
    }

    /// The error of a change of `workspace`.
    pub(crate) fn on_workspace(workspace: WorkspaceId, error: StoreError) -> Self {
        match error {
            StoreError::NotFound
            | StoreError::LeaseLost
            | StoreError::BuildEnded(_)
            | StoreError::InUse(_)
            | StoreError::OtherProvisioner(_)
            | StoreError::NotDue => Self::no_workspace(workspace),
            StoreError::Unfit(violations) => Self::Unfit(violations),
            StoreError::NotRunning(details) => Self::not_running(*details),
            StoreError::Deprecated(why) => Self::Deprecated { template: workspace.to_string(), why },
            StoreError::Archived => Self::Archived(workspace.to_string()),
            StoreError::Refused(Refusal::Deleted) => Self::Deleted(workspace),
            StoreError::Refused(refusal) => Self::Refused { id: workspace, refusal },
            StoreError::RequestReused => {
                Violations::one("request_id", "was used for another operation on this workspace: make a new one").into()
            }
            StoreError::Database(error) => Self::Database(error),
        }
    }

    /// The error of a provisioner's report on `build`.
    pub(crate) fn on_build(build: BuildId, error: StoreError) -> Self {
        match error {
            StoreError::NotFound => Self::no_build(build),
            StoreError::BuildEnded(status) => {
                let how = if status == BuildStatus::Succeeded { "succeeded" } else { "failed" };
                Self::BuildEnded { id: build, how }
            }
            StoreError::Database(error) => Self::Database(error),
            _ => Self::LeaseLost(build),
        }
    }

    /// The error of a change of a template, or of making a workspace from it.
    pub(crate) fn on_template(template: &str, error: StoreError) -> Self {
        match error {
            StoreError::Unfit(violations) => Self::Unfit(violations),
            StoreError::Deprecated(why) => Self::Deprecated { template: template.to_owned(), why },
            StoreError::Archived => Self::Archived(template.to_owned()),
            StoreError::InUse(count) => Self::InUse { template: template.to_owned(), count },
            StoreError::OtherProvisioner(kept) => Violations::one("manifest.provisioner", stays(&kept)).into(),
            StoreError::Database(error) => Self::Database(error),
            _ => Self::no_template(template),
        }
    }
}

impl From<Violations> for Error {
    fn from(violations: Violations) -> Self {
        Self::Invalid(violations)
    }
}

impl ServiceError for Error {
    const DOMAIN: &'static str = "chatmesh.workspaces.v1";

    fn code(&self) -> Code {
        match self {
            Self::Invalid(_) | Self::Unfit(_) => Code::InvalidArgument,
            Self::Denied(_) | Self::Superseded | Self::Paused | Self::NotAllowed(_) => Code::PermissionDenied,
            Self::NotFound { .. } | Self::Deleted(_) => Code::NotFound,
            Self::NameTaken(_) => Code::AlreadyExists,
            Self::NameBeingFreed(_)
            | Self::Refused { .. }
            | Self::NotRunning { .. }
            | Self::Ambiguous { .. }
            | Self::NotExternal { .. }
            | Self::OldAgent(_)
            | Self::HowUnknown(_)
            | Self::Deprecated { .. }
            | Self::Archived(_)
            | Self::InUse { .. }
            | Self::BuildEnded { .. } => Code::FailedPrecondition,
            Self::LeaseLost(_) => Code::Aborted,
            Self::UnknownToken => Code::Unauthenticated,
            Self::Config(_) => Code::Internal,
            Self::Database(error) => db_code(error),
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::Invalid(_) => "INVALID_REQUEST",
            Self::Unfit(_) => "INVALID_PARAMETERS",
            Self::Deprecated { .. } => "TEMPLATE_DEPRECATED",
            Self::Archived(_) => "TEMPLATE_ARCHIVED",
            Self::NotAllowed(_) => "TEMPLATE_NOT_ALLOWED",
            Self::InUse { .. } => "TEMPLATE_IN_USE",
            Self::BuildEnded { .. } => "BUILD_ENDED",
            Self::Denied(_) => "DENIED",
            Self::NotFound { .. } => "NOT_FOUND",
            Self::Deleted(_) => "WORKSPACE_DELETED",
            Self::NameTaken(_) => "WORKSPACE_EXISTS",
            Self::NameBeingFreed(_) => "WORKSPACE_BEING_DELETED",
            Self::Refused { refusal, .. } => refusal_reason(*refusal),
            Self::NotRunning { .. } | Self::Paused => "WORKSPACE_NOT_RUNNING",
            Self::NotExternal { .. } => "AGENT_NOT_EXTERNAL",
            Self::HowUnknown(_) => "AGENT_ENVIRONMENT_UNKNOWN",
            Self::Ambiguous { .. } => "AGENT_AMBIGUOUS",
            Self::LeaseLost(_) => "LEASE_LOST",
            Self::UnknownToken => "INVALID_AGENT_TOKEN",
            Self::Superseded | Self::OldAgent(_) => "AGENT_SUPERSEDED",
            Self::Config(_) => "INTERNAL",
            Self::Database(error) => db_reason(error),
        }
    }

    fn violations(&self) -> Option<&Violations> {
        match self {
            Self::Invalid(violations) | Self::Unfit(violations) => Some(violations),
            _ => None,
        }
    }
}

/// Workspaces that one provisioner made are not there for another one.
pub(crate) fn stays(provisioner: &str) -> String {
    format!("must stay `{provisioner}`, for the sake of the workspaces: make another template")
}

fn quoted(names: &[String]) -> String {
    let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

fn refusal_reason(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::AlreadyRunning => "WORKSPACE_ALREADY_RUNNING",
        Refusal::AlreadyStopped => "WORKSPACE_ALREADY_STOPPED",
        Refusal::BuildActive(_) => "BUILD_ACTIVE",
        Refusal::Deleted => "WORKSPACE_DELETED",
    }
}
