//! Why an operation on processes failed.

use std::path::PathBuf;

use chatmesh_rpc::Code;
use tonic::Status;
use uuid::Uuid;

use crate::receipts::ClaimError;
use crate::status::status;

/// Why an operation on processes failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The request is wrong.
    #[error("{0}")]
    Invalid(String),
    /// The command can not run where it should.
    #[error("working directory `{}` {problem}", path.display())]
    Workdir { path: PathBuf, problem: String },
    /// The shell did not start.
    #[error("the command could not be started: {0}")]
    Spawn(#[source] std::io::Error),
    /// No such process, or it belongs to another chat.
    #[error("process `{0}` not found")]
    NotFound(Uuid),
    /// The process is known, what it wrote is not kept any more.
    #[error("process `{id}` ended with exit code {exit_code}; its output is not kept any longer")]
    Reaped { id: Uuid, exit_code: i32 },
    /// The agent ended while the process ran.
    #[error(
        "the agent restarted while process `{0}` ran, so its outcome is unknown; \
         look at its effects before running the command again"
    )]
    Lost(Uuid),
    /// The process has ended.
    #[error("process `{0}` is not running")]
    NotRunning(Uuid),
    /// The signal could not be sent.
    #[error("the signal could not be sent: {0}")]
    Signal(#[source] nix::Error),
    /// The idempotency key is of no use.
    #[error(transparent)]
    Claim(#[from] ClaimError),
    /// Whoever asked for it does not want it any more.
    #[error("the command was given up before it was started, so it was not run")]
    Canceled,
    /// As many processes run as the agent allows.
    #[error("{0} processes run already; end some first")]
    TooMany(usize),
    /// The agent is shutting down.
    #[error("the agent is shutting down")]
    ShuttingDown,
}

impl Error {
    fn code(&self) -> (Code, &'static str) {
        match self {
            Self::Invalid(_) => (Code::InvalidArgument, "PROCESS_REQUEST_INVALID"),
            Self::Workdir { .. } => (Code::FailedPrecondition, "WORKDIR_UNUSABLE"),
            Self::Spawn(_) => (Code::FailedPrecondition, "PROCESS_NOT_STARTED"),
            Self::NotFound(_) => (Code::NotFound, "PROCESS_NOT_FOUND"),
            Self::Reaped { .. } => (Code::NotFound, "PROCESS_REAPED"),
            Self::Lost(_) => (Code::DataLoss, "PROCESS_LOST"),
            Self::NotRunning(_) => (Code::FailedPrecondition, "PROCESS_NOT_RUNNING"),
            Self::Signal(_) => (Code::Internal, "SIGNAL_FAILED"),
            Self::Claim(ClaimError::Conflict) => (Code::AlreadyExists, "IDEMPOTENCY_KEY_REUSED"),
            Self::Claim(ClaimError::Busy) => (Code::Aborted, "IDEMPOTENCY_KEY_BUSY"),
            Self::Canceled => (Code::FailedPrecondition, "PROCESS_CANCELED"),
            Self::TooMany(_) => (Code::ResourceExhausted, "TOO_MANY_PROCESSES"),
            Self::ShuttingDown => (Code::Unavailable, "AGENT_SHUTTING_DOWN"),
        }
    }
}

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        let (code, reason) = error.code();
        status(code, reason, error.to_string())
    }
}
