//! What callers are told.

use chatmesh_core::Violations;
use chatmesh_db::DbError;
use chatmesh_host::{db_code, db_reason};
use chatmesh_rpc::{Code, Denied, ServiceError};

use crate::domain::{BuildId, Refusal, WorkspaceId};
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

    /// The error of a change of `workspace`.
    pub(crate) fn on_workspace(workspace: WorkspaceId, error: StoreError) -> Self {
        match error {
            StoreError::NotFound | StoreError::LeaseLost => Self::no_workspace(workspace),
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
            StoreError::NotFound => Self::NotFound { kind: "build", id: build.to_string() },
            StoreError::LeaseLost | StoreError::Refused(_) | StoreError::RequestReused => Self::LeaseLost(build),
            StoreError::Database(error) => Self::Database(error),
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
            Self::Invalid(_) => Code::InvalidArgument,
            Self::Denied(_) | Self::Superseded => Code::PermissionDenied,
            Self::NotFound { .. } | Self::Deleted(_) => Code::NotFound,
            Self::NameTaken(_) => Code::AlreadyExists,
            Self::Refused { .. } | Self::NotRunning { .. } | Self::Ambiguous { .. } => Code::FailedPrecondition,
            Self::LeaseLost(_) => Code::Aborted,
            Self::UnknownToken => Code::Unauthenticated,
            Self::Config(_) => Code::Internal,
            Self::Database(error) => db_code(error),
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::Invalid(_) => "INVALID_REQUEST",
            Self::Denied(_) => "DENIED",
            Self::NotFound { .. } => "NOT_FOUND",
            Self::Deleted(_) => "WORKSPACE_DELETED",
            Self::NameTaken(_) => "WORKSPACE_EXISTS",
            Self::Refused { refusal, .. } => refusal_reason(*refusal),
            Self::NotRunning { .. } => "WORKSPACE_NOT_RUNNING",
            Self::Ambiguous { .. } => "AGENT_AMBIGUOUS",
            Self::LeaseLost(_) => "LEASE_LOST",
            Self::UnknownToken => "INVALID_AGENT_TOKEN",
            Self::Superseded => "AGENT_SUPERSEDED",
            Self::Config(_) => "INTERNAL",
            Self::Database(error) => db_reason(error),
        }
    }

    fn violations(&self) -> Option<&Violations> {
        match self {
            Self::Invalid(violations) => Some(violations),
            _ => None,
        }
    }
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
