//! Why a watch could not begin, or had to end.

use chatmesh_rpc::Code;
use tonic::Status;

use crate::status::status;

/// Why a watch could not begin, or had to end.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// As many watch as the agent allows.
    #[error("{0} streams watch repositories already; end some first")]
    TooMany(usize),
    /// The agent is shutting down.
    #[error("the agent is shutting down")]
    ShuttingDown,
}

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        let (code, reason) = match error {
            Error::TooMany(_) => (Code::ResourceExhausted, "TOO_MANY_GIT_WATCHES"),
            Error::ShuttingDown => (Code::Unavailable, "AGENT_SHUTTING_DOWN"),
        };
        status(code, reason, error.to_string())
    }
}
