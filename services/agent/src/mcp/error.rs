//! Why an operation on MCP servers failed.

use std::time::Duration;

use chatmesh_rpc::Code;
use tonic::Status;

use crate::status::status;

/// Why an operation on MCP servers failed. The texts tell a model what to do; those that come from
/// a server are redacted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Error {
    /// The request is wrong.
    #[error("{0}")]
    Invalid(String),
    /// Servers are not known yet.
    #[error("MCP servers of this workspace are not known yet: startup scripts still run or servers still connect")]
    NotReady,
    /// There is no such server.
    #[error("there is no MCP server `{0}` in this workspace")]
    UnknownServer(String),
    /// The server is not connected.
    #[error("MCP server `{server}` is not connected: {problem}")]
    NotConnected { server: String, problem: String },
    /// The server does not take the call.
    #[error("MCP server `{server}` refused the call: {problem}")]
    Refused { server: String, problem: String },
    /// The server answered something else.
    #[error(
        "MCP server `{server}` gave an answer that can not be used: {problem}; the tool may have done its work, \
         so look at its effects before calling it again"
    )]
    Unusable { server: String, problem: String },
    /// The server does not answer.
    #[error(
        "MCP server `{server}` did not answer within {} seconds; the tool may still be at work, \
         so look at its effects before calling it again", timeout.as_secs()
    )]
    TimedOut { server: String, timeout: Duration },
    /// The server is gone.
    #[error(
        "MCP server `{0}` ended or was replaced during the call, so its outcome is unknown; \
         look at its effects before calling it again"
    )]
    Gone(String),
    /// The agent is shutting down.
    #[error("the agent is shutting down")]
    ShuttingDown,
}

impl Error {
    fn code(&self) -> (Code, &'static str) {
        match self {
            Self::Invalid(_) => (Code::InvalidArgument, "MCP_REQUEST_INVALID"),
            Self::NotReady => (Code::Unavailable, "MCP_NOT_READY"),
            Self::UnknownServer(_) => (Code::NotFound, "MCP_SERVER_UNKNOWN"),
            Self::NotConnected { .. } => (Code::FailedPrecondition, "MCP_SERVER_NOT_CONNECTED"),
            Self::Refused { .. } => (Code::FailedPrecondition, "MCP_CALL_REFUSED"),
            Self::Unusable { .. } => (Code::Internal, "MCP_ANSWER_UNUSABLE"),
            Self::TimedOut { .. } => (Code::DeadlineExceeded, "MCP_CALL_TIMED_OUT"),
            Self::Gone(_) => (Code::Unknown, "MCP_SERVER_GONE"),
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
