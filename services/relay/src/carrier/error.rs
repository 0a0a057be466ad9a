//! What goes wrong on a carrier.

use std::io;

use chatmesh_proto::relay::v1::Refusal;
use chatmesh_rpc::{Code, status_with_reason};
use tonic::Status;

/// Why a connection did not become a carrier.
#[derive(Debug, thiserror::Error)]
pub enum AcceptError {
    /// The agent said nothing.
    #[error("the agent did not greet in time")]
    Timeout,
    /// The agent said something else.
    #[error("the agent's greeting is not valid: {0}")]
    Malformed(String),
    /// The agent is not welcome; it was told so.
    #[error("the agent was refused: {}", .0.message)]
    Refused(Refusal),
    /// The connection broke.
    #[error("the connection broke during the handshake")]
    Io(#[from] io::Error),
    /// HTTP/2 did not begin.
    #[error("http/2 did not begin")]
    Http(#[source] hyper::Error),
}

/// Why a call did not reach the agent, or its answer did not come back.
#[derive(Debug, thiserror::Error)]
pub(super) enum CallError {
    /// The connection is gone.
    #[error("the agent is not connected any more")]
    Closed,
    /// More calls wait for an answer than a connection carries.
    #[error("too many calls to the agent are in progress")]
    Busy,
    /// The connection broke during the call.
    #[error("the connection to the agent broke")]
    Http(#[source] hyper::Error),
}

impl From<CallError> for Status {
    fn from(error: CallError) -> Self {
        let (code, reason) = match error {
            CallError::Closed => (Code::Unavailable, "AGENT_NOT_CONNECTED"),
            CallError::Busy => (Code::ResourceExhausted, "AGENT_BUSY"),
            CallError::Http(_) => (Code::Unavailable, "AGENT_CONNECTION_LOST"),
        };
        status_with_reason(code, reason, "chatmesh.relay.v1", error.to_string())
    }
}

/// How a connection ended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Closed {
    /// The agent closed it.
    #[error("the agent closed the connection")]
    ByAgent,
    /// This side closed it.
    #[error("the relay closed the connection")]
    ByRelay,
    /// It broke, or the agent did not answer pings.
    #[error("the connection to the agent broke: {0}")]
    Broken(String),
}
