//! What callers are told.

use chatmesh_core::Violations;
use chatmesh_db::DbError;
use chatmesh_host::{db_code, db_reason};
use chatmesh_rpc::{Code, Denied, ServiceError};

use crate::domain::ChatId;
use crate::machine::Rejected;
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
    /// There is no such chat, or it is somebody else's.
    #[error("chat `{0}` not found")]
    NotFound(ChatId),
    /// The chat is not in a state for this.
    #[error(transparent)]
    Rejected(Rejected),
    /// The queue is full.
    #[error("{0}")]
    QueueFull(StoreError),
    /// There is no model to use.
    #[error("no model is configured: create a provider and a model first")]
    NoModel,
    /// A neighbour could not be asked, or refused.
    #[error("{service}: {message}")]
    Neighbour {
        /// The service.
        service: &'static str,
        /// Its code.
        code: Code,
        /// What it said.
        message: String,
    },
    /// The bus could not be used.
    #[error("live updates are not available")]
    Bus(#[from] chatmesh_bus::BusError),
    /// The database failed.
    #[error("the database of chats failed")]
    Database(#[from] DbError),
    /// The settings make no sense.
    #[error("{0}")]
    Config(String),
}

impl Error {
    /// The error for an operation on `chat`.
    pub(crate) fn on(chat: ChatId, error: StoreError) -> Self {
        match error {
            StoreError::NotFound => Self::NotFound(chat),
            StoreError::Rejected(rejected) => Self::Rejected(rejected),
            StoreError::LeaseLost => Self::Rejected(Rejected::Invalid),
            StoreError::QueueFull => Self::QueueFull(StoreError::QueueFull),
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
    const DOMAIN: &'static str = "chatmesh.chat.v1";

    fn code(&self) -> Code {
        match self {
            Self::Invalid(_) => Code::InvalidArgument,
            Self::Denied(_) => Code::PermissionDenied,
            Self::NotFound(_) => Code::NotFound,
            Self::Rejected(_) | Self::NoModel => Code::FailedPrecondition,
            Self::QueueFull(_) => Code::ResourceExhausted,
            Self::Neighbour { code, .. } => match code {
                Code::InvalidArgument | Code::PermissionDenied | Code::FailedPrecondition => *code,
                _ => Code::Unavailable,
            },
            Self::Bus(_) => Code::Unavailable,
            Self::Database(error) => db_code(error),
            Self::Config(_) => Code::Internal,
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::Invalid(_) => "INVALID_REQUEST",
            Self::Denied(_) => "DENIED",
            Self::NotFound(_) => "CHAT_NOT_FOUND",
            Self::Rejected(Rejected::Archived) => "CHAT_ARCHIVED",
            Self::Rejected(Rejected::NotRunning(_)) => "CHAT_NOT_RUNNING",
            Self::Rejected(Rejected::WrongStatus(_)) => "CHAT_WRONG_STATUS",
            Self::Rejected(Rejected::Invalid) => "CHAT_INVALID_STATE",
            Self::QueueFull(_) => "QUEUE_FULL",
            Self::NoModel => "NO_MODEL",
            Self::Neighbour { .. } => "NEIGHBOUR_UNAVAILABLE",
            Self::Bus(_) => "BUS_UNAVAILABLE",
            Self::Database(error) => db_reason(error),
            Self::Config(_) => "INTERNAL",
        }
    }

    fn violations(&self) -> Option<&Violations> {
        match self {
            Self::Invalid(violations) => Some(violations),
            _ => None,
        }
    }
}
