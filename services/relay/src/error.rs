//! What callers are told.

use chatmesh_core::Violations;
use chatmesh_db::DbError;
use chatmesh_host::{db_code, db_reason};
use chatmesh_rpc::{Code, Denied, ServiceError};

/// An operation of the service failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Fields of the request are wrong.
    #[error("invalid request: {0}")]
    Invalid(Violations),
    /// The caller may not do this.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// The agent did not connect in time.
    #[error("agent `{0}` is not connected and did not connect in time")]
    NotConnected(String),
    /// The process ends.
    #[error("this relay ends: try again")]
    ShuttingDown,
    /// The database failed.
    #[error("the database of sessions failed")]
    Database(#[from] DbError),
}

impl From<Violations> for Error {
    fn from(violations: Violations) -> Self {
        Self::Invalid(violations)
    }
}

impl ServiceError for Error {
    const DOMAIN: &'static str = "chatmesh.relay.v1";

    fn code(&self) -> Code {
        match self {
            Self::Invalid(_) => Code::InvalidArgument,
            Self::Denied(_) => Code::PermissionDenied,
            Self::NotConnected(_) => Code::DeadlineExceeded,
            Self::ShuttingDown => Code::Unavailable,
            Self::Database(error) => db_code(error),
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::Invalid(_) => "INVALID_REQUEST",
            Self::Denied(_) => "DENIED",
            Self::NotConnected(_) => "AGENT_NOT_CONNECTED",
            Self::ShuttingDown => "SHUTTING_DOWN",
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
