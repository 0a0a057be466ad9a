//! What callers are told.

use chatmesh_core::Violations;
use chatmesh_db::DbError;
use chatmesh_host::{db_code, db_reason};
use chatmesh_rpc::assertion::AssertionError;
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
    /// The token is unknown, expired or revoked.
    #[error("the token is not valid: it is unknown, expired or revoked")]
    InvalidToken,
    /// There is no such thing, or it is somebody else's.
    #[error("{kind} `{id}` not found")]
    NotFound {
        /// What was looked for.
        kind: &'static str,
        /// Its identifier.
        id: String,
    },
    /// The name is taken.
    #[error("a user named `{0}` exists: choose another name")]
    UserExists(String),
    /// The database failed.
    #[error("the database of users failed")]
    Database(#[from] DbError),
    /// An assertion could not be signed.
    #[error("signing failed")]
    Signing(#[from] AssertionError),
}

impl From<Violations> for Error {
    fn from(violations: Violations) -> Self {
        Self::Invalid(violations)
    }
}

impl ServiceError for Error {
    const DOMAIN: &'static str = "chatmesh.identity.v1";

    fn code(&self) -> Code {
        match self {
            Self::Invalid(_) => Code::InvalidArgument,
            Self::Denied(_) => Code::PermissionDenied,
            Self::InvalidToken => Code::Unauthenticated,
            Self::NotFound { .. } => Code::NotFound,
            Self::UserExists(_) => Code::AlreadyExists,
            Self::Database(error) => db_code(error),
            Self::Signing(_) => Code::Internal,
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::Invalid(_) => "INVALID_REQUEST",
            Self::Denied(_) => "DENIED",
            Self::InvalidToken => "INVALID_TOKEN",
            Self::NotFound { .. } => "NOT_FOUND",
            Self::UserExists(_) => "USER_EXISTS",
            Self::Database(error) => db_reason(error),
            Self::Signing(_) => "INTERNAL",
        }
    }

    fn violations(&self) -> Option<&Violations> {
        match self {
            Self::Invalid(violations) => Some(violations),
            _ => None,
        }
    }
}
