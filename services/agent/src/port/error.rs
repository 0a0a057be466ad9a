//! Why a port could not be reached.

use std::io::{self, ErrorKind};

use chatmesh_rpc::Code;
use tonic::Status;

use super::input::Target;
use crate::status::status;

/// Why a port could not be reached, or not any longer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The request is wrong.
    #[error("{0}")]
    Invalid(String),
    /// Nothing is there.
    #[error("nothing listens at {0} in the workspace; start the program, or look at ListPorts for its port")]
    NotListening(Target),
    /// Nothing answers there.
    #[error("{target} did not accept a connection within {seconds} seconds")]
    ConnectTimeout { target: Target, seconds: u64 },
    /// There is no way there.
    #[error("{target} can not be reached: {source}")]
    Unreachable { target: Target, source: io::Error },
    /// The connection broke.
    #[error("the connection to {target} broke: {source}")]
    Broken { target: Target, source: io::Error },
    /// The first message did not come.
    #[error("no header came within {0} seconds")]
    Silent(u64),
    /// As many connections are carried as the agent allows.
    #[error("{0} connections to ports are open already")]
    TooMany(usize),
    /// The system does not tell which ports there are.
    #[error("the ports can not be listed: {0}")]
    List(#[source] io::Error),
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
            Self::Invalid(_) => (Code::InvalidArgument, "PORT_REQUEST_INVALID"),
            Self::NotListening(_) => (Code::FailedPrecondition, "PORT_NOT_LISTENING"),
            Self::ConnectTimeout { .. } => (Code::DeadlineExceeded, "PORT_CONNECT_TIMEOUT"),
            Self::Unreachable { .. } => (Code::Unavailable, "PORT_UNREACHABLE"),
            Self::Broken { source, .. } if is_reset(source) => (Code::Aborted, "PORT_CONNECTION_RESET"),
            Self::Broken { .. } => (Code::Unavailable, "PORT_CONNECTION_BROKEN"),
            Self::Silent(_) => (Code::DeadlineExceeded, "PORT_NO_HEADER"),
            Self::TooMany(_) => (Code::ResourceExhausted, "TOO_MANY_FORWARDS"),
            Self::List(_) => (Code::Unavailable, "PORTS_UNKNOWN"),
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

fn is_reset(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe)
}
