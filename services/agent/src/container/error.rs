//! Why containers could not be listed.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chatmesh_rpc::Code;
use http::StatusCode;
use tonic::Status;

use crate::status::status;

/// Why containers could not be listed. The texts say what to do.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// The request is wrong.
    #[error("{0}")]
    Invalid(String),
    /// The runtime is not on a socket of this machine.
    #[error(
        "the agent's DOCKER_HOST is `{0}`, and only sockets are supported: set it to `unix:///path/to/docker.sock` \
         or leave it out"
    )]
    Unsupported(String),
    /// There is no socket.
    #[error(
        "there is no Docker socket at `{}`: install and start Docker or Podman in the workspace, or set DOCKER_HOST \
         of the agent to `unix://` and the path of its socket", .0.display()
    )]
    Missing(PathBuf),
    /// There is a socket, and nobody behind it.
    #[error("nothing listens on the Docker socket `{}`: start Docker or Podman in the workspace", .0.display())]
    NotRunning(PathBuf),
    /// The agent's user may not use the socket.
    #[error(
        "the agent may not use the Docker socket `{}`: let its user into the group that owns the socket, and \
         restart the agent", .0.display()
    )]
    Forbidden(PathBuf),
    /// The system or the runtime broke off.
    #[error("the container runtime at `{}` can not be used: {reason}", path.display())]
    Broken { path: PathBuf, reason: String },
    /// The runtime answered with an error.
    #[error("the container runtime answered {code}: {message}")]
    Refused { code: StatusCode, message: String },
    /// The runtime answered with something else than containers.
    #[error("the container runtime answered with something that is no list of containers: {0}")]
    Malformed(#[source] serde_json::Error),
    /// The runtime answered with more than is read.
    #[error("the list of containers has more than {0} bytes; name labels to make it shorter")]
    TooLarge(usize),
    /// The runtime does not answer.
    #[error("the container runtime did not answer within {} seconds", .0.as_secs())]
    TooSlow(Duration),
}

impl Error {
    /// Makes an error of the system's error about a socket.
    pub(super) fn connect(path: &Path, error: &io::Error) -> Self {
        let path = path.to_owned();
        match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Self::Missing(path),
            io::ErrorKind::ConnectionRefused => Self::NotRunning(path),
            io::ErrorKind::PermissionDenied => Self::Forbidden(path),
            _ => Self::Broken { path, reason: error.to_string() },
        }
    }

    fn code(&self) -> (Code, &'static str) {
        match self {
            Self::Invalid(_) => (Code::InvalidArgument, "CONTAINER_REQUEST_INVALID"),
            Self::Unsupported(_) => (Code::FailedPrecondition, "CONTAINER_RUNTIME_UNSUPPORTED"),
            Self::Missing(_) => (Code::FailedPrecondition, "CONTAINER_RUNTIME_MISSING"),
            Self::NotRunning(_) => (Code::FailedPrecondition, "CONTAINER_RUNTIME_NOT_RUNNING"),
            Self::Forbidden(_) => (Code::FailedPrecondition, "CONTAINER_RUNTIME_FORBIDDEN"),
            Self::Broken { .. } => (Code::Unavailable, "CONTAINER_RUNTIME_BROKE_OFF"),
            Self::Refused { .. } | Self::Malformed(_) => (Code::Unavailable, "CONTAINER_RUNTIME_ERROR"),
            Self::TooLarge(_) => (Code::ResourceExhausted, "CONTAINER_LIST_TOO_LARGE"),
            Self::TooSlow(_) => (Code::DeadlineExceeded, "CONTAINER_RUNTIME_TOO_SLOW"),
        }
    }
}

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        let (code, reason) = error.code();
        status(code, reason, error.to_string())
    }
}
