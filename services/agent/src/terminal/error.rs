//! Why an operation on terminals failed.

use chatmesh_rpc::Code;
use tonic::Status;
use uuid::Uuid;

use crate::process::ProcessError;
use crate::status::status;

/// Why an operation on terminals failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The request is wrong.
    #[error("{0}")]
    Invalid(String),
    /// No such terminal, or it belongs to another chat.
    #[error("terminal `{0}` not found")]
    NotFound(Uuid),
    /// The program can not run where it should.
    #[error(transparent)]
    Workdir(#[from] ProcessError),
    /// The program did not start.
    #[error("the terminal could not be opened: {0}")]
    Spawn(#[source] pty_process::Error),
    /// As many terminals are open as the agent allows.
    #[error("{0} terminals are open already; close some first")]
    TooMany(usize),
    /// As many viewers are attached as the agent allows.
    #[error("{0} viewers are attached to terminals already")]
    TooManyViewers(usize),
    /// Something took too long.
    #[error("{what} within {seconds} seconds")]
    Timeout { what: &'static str, seconds: u64 },
    /// The agent is shutting down.
    #[error("the agent is shutting down")]
    ShuttingDown,
    /// The call itself broke off.
    #[error(transparent)]
    Call(#[from] Box<Status>),
}

impl Error {
    fn code(&self) -> (Code, &'static str) {
        match self {
            Self::Invalid(_) => (Code::InvalidArgument, "TERMINAL_REQUEST_INVALID"),
            Self::NotFound(_) => (Code::NotFound, "TERMINAL_NOT_FOUND"),
            Self::Workdir(_) => (Code::FailedPrecondition, "WORKDIR_UNUSABLE"),
            Self::Spawn(_) => (Code::FailedPrecondition, "TERMINAL_NOT_STARTED"),
            Self::TooMany(_) => (Code::ResourceExhausted, "TOO_MANY_TERMINALS"),
            Self::TooManyViewers(_) => (Code::ResourceExhausted, "TOO_MANY_VIEWERS"),
            Self::Timeout { .. } => (Code::DeadlineExceeded, "TERMINAL_TIMEOUT"),
            Self::ShuttingDown => (Code::Unavailable, "AGENT_SHUTTING_DOWN"),
            Self::Call(status) => (status.code(), "CALL_BROKE_OFF"),
        }
    }
}

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        let (code, reason) = error.code();
        match error {
            Error::Call(status) => *status,
            error => status(code, reason, error.to_string()),
        }
    }
}
