//! Why context could not be read.

use std::io;

use chatmesh_rpc::Code;
use tonic::Status;

use crate::status::status;

/// Why a skill could not be read. The texts tell a model what to do.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// The request is wrong.
    #[error("{0}")]
    Invalid(String),
    /// There is no such skill.
    #[error("there is no skill `{0}` in this workspace")]
    SkillNotFound(String),
    /// There is one, but not a valid one.
    #[error("skill `{name}` {problem}")]
    SkillUnusable { name: String, problem: String },
    /// The skill has no such file.
    #[error("skill `{name}` has no file `{path}`; read the skill to see which files it has")]
    FileNotFound { name: String, path: String },
    /// The path does not lead to a file of the skill.
    #[error("`{path}` of skill `{name}` {problem}")]
    FileUnusable { name: String, path: String, problem: String },
    /// The system refused.
    #[error("can not read `{path}` of skill `{name}`: {source}")]
    Io { name: String, path: String, source: io::Error },
    /// The file system does not answer.
    #[error("the files of this workspace could not be read in time")]
    TimedOut,
    /// The work panicked, which has logged why.
    #[error("the operation broke off")]
    BrokeOff,
}

impl Error {
    fn code(&self) -> (Code, &'static str) {
        match self {
            Self::Invalid(_) => (Code::InvalidArgument, "SKILL_REQUEST_INVALID"),
            Self::SkillNotFound(_) => (Code::NotFound, "SKILL_NOT_FOUND"),
            Self::SkillUnusable { .. } => (Code::FailedPrecondition, "SKILL_UNUSABLE"),
            Self::FileNotFound { .. } => (Code::NotFound, "SKILL_FILE_NOT_FOUND"),
            Self::FileUnusable { .. } => (Code::FailedPrecondition, "SKILL_FILE_UNUSABLE"),
            Self::Io { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
                (Code::PermissionDenied, "SKILL_FILE_PERMISSION_DENIED")
            }
            Self::Io { .. } => (Code::Internal, "SKILL_FILE_IO"),
            Self::TimedOut => (Code::DeadlineExceeded, "CONTEXT_TIMED_OUT"),
            Self::BrokeOff => (Code::Internal, "CONTEXT_BROKE_OFF"),
        }
    }
}

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        let (code, reason) = error.code();
        status(code, reason, error.to_string())
    }
}
