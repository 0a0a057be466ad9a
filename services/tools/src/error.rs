//! What callers are told when a call is not about a tool at all.

use chatmesh_core::Violations;
use chatmesh_db::DbError;
use chatmesh_host::{db_code, db_reason};
use chatmesh_rpc::{Code, Denied, ServiceError};
use chatmesh_seal::SealError;

/// An operation of the service failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Fields of the request are wrong.
    #[error("invalid request: {0}")]
    Invalid(Violations),
    /// The caller may not do this.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// There is no such thing, or not for the caller.
    #[error("{kind} `{name}` not found")]
    NotFound {
        /// What was looked for.
        kind: &'static str,
        /// What it was called.
        name: String,
    },
    /// The name is taken.
    #[error("{kind} `{name}` exists: use it or choose another name")]
    Exists {
        /// What there is.
        kind: &'static str,
        /// What it is called.
        name: String,
    },
    /// Somebody else changed it.
    #[error("MCP server `{0}` was changed in the meantime: read it again and repeat the change")]
    Changed(String),
    /// It is changed elsewhere.
    #[error(
        "MCP server `{0}` is managed by the configuration: change it in `tools.mcp_servers` and start the mesh again"
    )]
    Managed(String),
    /// The configuration makes no sense.
    #[error("configuration: {0}")]
    Configured(String),
    /// Nobody can be connected, for what is at fault outside of the mesh.
    #[error("MCP server `{server}` cannot be connected: {problem}")]
    Authority {
        /// The server.
        server: String,
        /// Why, without secrets.
        problem: String,
    },
    /// The server has no users of its own.
    #[error("MCP server `{0}` knows no users: only those with MCP_AUTH_TYPE_OAUTH2 are connected to")]
    NoUsers(String),
    /// Credentials could not be sealed or opened.
    #[error(transparent)]
    Sealed(#[from] SealError),
    /// The HTTP client could not be made.
    #[error("the client of MCP servers cannot be made")]
    Client(#[from] reqwest::Error),
    /// The database failed.
    #[error("the database of MCP servers failed")]
    Database(#[from] DbError),
}

impl From<Violations> for Error {
    fn from(violations: Violations) -> Self {
        Self::Invalid(violations)
    }
}

impl ServiceError for Error {
    const DOMAIN: &'static str = "chatmesh.tools.v1";

    fn code(&self) -> Code {
        match self {
            Self::Invalid(_) => Code::InvalidArgument,
            Self::Denied(_) => Code::PermissionDenied,
            Self::NotFound { .. } => Code::NotFound,
            Self::Exists { .. } => Code::AlreadyExists,
            Self::Changed(_) => Code::Aborted,
            // Someone has to set the secret again; trying again does not help.
            Self::Sealed(SealError::CannotOpen) | Self::Authority { .. } | Self::NoUsers(_) | Self::Managed(_) => {
                Code::FailedPrecondition
            }
            Self::Configured(_) | Self::Sealed(_) | Self::Client(_) => Code::Internal,
            Self::Database(error) => db_code(error),
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::Invalid(_) => "INVALID_REQUEST",
            Self::Denied(_) => "DENIED",
            Self::NotFound { .. } => "NOT_FOUND",
            Self::Exists { .. } => "EXISTS",
            Self::Changed(_) => "CHANGED_MEANWHILE",
            Self::Managed(_) => "MANAGED_BY_CONFIGURATION",
            Self::Configured(_) => "INVALID_CONFIGURATION",
            Self::Authority { .. } => "AUTHORIZATION_FAILED",
            Self::NoUsers(_) => "NO_OAUTH",
            Self::Sealed(SealError::CannotOpen) => "SECRET_UNREADABLE",
            Self::Sealed(_) | Self::Client(_) => "INTERNAL",
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
