//! Why the context of a chat was not changed.

use std::io;

use chatmesh_rpc::Code;
use tonic::Status;

use crate::status::status;

/// Why the context of a chat was not changed. The texts tell people and models what to do.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The path depends on where somebody is.
    #[error("`{0}` is not an absolute path")]
    NotAbsolute(String),
    /// There is no such directory, or the agent cannot look into it.
    #[error("`{path}` cannot be used: {source}")]
    Directory { path: String, source: io::Error },
    /// There is nothing to add.
    #[error("`{path}` has neither a file `{file}` nor skills: nothing was added{}", aside(warnings))]
    NothingThere { path: String, file: String, warnings: String },
    /// The chat has enough.
    #[error("chat `{chat}` has {max} directories already: take them away with `chatmesh-agent context clear`")]
    TooMany { chat: String, max: usize },
    /// The chat is none of this workspace.
    #[error("chat `{0}` has not worked in this workspace: only chats of this workspace can be changed here")]
    NotHere(String),
    /// Nobody says which chat is meant, and none is at work.
    #[error("no chat worked in this workspace since its agent started, or in the last 24 hours: name one with --chat")]
    NoChat,
    /// Nobody says which one of them is meant.
    #[error("several chats work in this workspace: name one of them with --chat: {}", .0.join(", "))]
    SeveralChats(Vec<String>),
    /// The change could not be kept.
    #[error("the change could not be kept: {0}")]
    NotKept(io::Error),
}

impl Error {
    fn code(&self) -> (Code, &'static str) {
        match self {
            Self::NotAbsolute(_) => (Code::InvalidArgument, "CONTEXT_PATH_INVALID"),
            Self::Directory { source, .. } if source.kind() == io::ErrorKind::NotFound => {
                (Code::NotFound, "CONTEXT_DIRECTORY_NOT_FOUND")
            }
            Self::Directory { .. } => (Code::FailedPrecondition, "CONTEXT_DIRECTORY_UNUSABLE"),
            Self::NothingThere { .. } => (Code::FailedPrecondition, "CONTEXT_EMPTY"),
            Self::TooMany { .. } => (Code::ResourceExhausted, "CONTEXT_TOO_MANY"),
            Self::NotHere(_) => (Code::PermissionDenied, "CHAT_NOT_OF_WORKSPACE"),
            Self::NoChat => (Code::FailedPrecondition, "NO_ACTIVE_CHAT"),
            Self::SeveralChats(_) => (Code::FailedPrecondition, "SEVERAL_ACTIVE_CHATS"),
            Self::NotKept(_) => (Code::Internal, "CONTEXT_NOT_KEPT"),
        }
    }
}

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        let (code, reason) = error.code();
        status(code, reason, error.to_string())
    }
}

fn aside(warnings: &str) -> String {
    if warnings.is_empty() { String::new() } else { format!(" ({warnings})") }
}
