//! Why a file could not be read or written.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use chatmesh_rpc::Code;
use nix::errno::Errno;
use tonic::Status;

use super::editor::EditError;
use crate::receipts::ClaimError;
use crate::status::status;

/// The longest message: statuses travel in headers, which have limits.
const MAX_MESSAGE: usize = 3000;

/// Why a file could not be read or written. The texts tell a model what to do.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The request is wrong.
    #[error("{0}")]
    Invalid(String),
    /// The file is of a kind that this operation does not take.
    #[error("`{}` {problem}", path.display())]
    Unsuitable { path: PathBuf, problem: &'static str },
    /// The file is too large to be read.
    #[error(
        "`{}` has {size} bytes, more than the limit of {limit}; search it or take parts of it with a command \
         such as grep, head, tail or sed", path.display()
    )]
    TooLarge { path: PathBuf, size: u64, limit: u64 },
    /// More was asked for than one answer holds.
    #[error("{0}; read fewer lines at a time with `offset` and `limit`")]
    OverLimit(String),
    /// The first line is after the last.
    #[error("`offset` {offset} is beyond the end: the file has {total} lines")]
    PastEnd { offset: u64, total: u64 },
    /// The first byte is after the last.
    #[error("`offset` {offset} is beyond the end: `{}` has {size} bytes", path.display())]
    PastSize { path: PathBuf, offset: u64, size: u64 },
    /// Somebody else changed the file.
    #[error("`{}` {problem}", path.display())]
    Changed { path: PathBuf, problem: &'static str },
    /// Other calls take too long.
    #[error("other calls are still changing files; nothing was written; try again")]
    Busy,
    /// Edits can not be made.
    #[error(transparent)]
    Edit(#[from] EditError),
    /// The system refused.
    #[error("can not {action} `{}`: {}", path.display(), describe(source))]
    Io { action: &'static str, path: PathBuf, source: io::Error },
    /// The data ended early, is too long, or stopped to come.
    #[error("{0}; nothing was written")]
    Stream(String),
    /// The idempotency key is of no use.
    #[error(transparent)]
    Claim(#[from] ClaimError),
    /// The call itself broke off.
    #[error(transparent)]
    Call(#[from] Box<Status>),
}

impl Error {
    /// Makes an error of a system's error about `path`.
    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { action, path: path.to_owned(), source }
    }

    pub(super) fn code(&self) -> (Code, &'static str) {
        match self {
            Self::Invalid(_) => (Code::InvalidArgument, "FILE_REQUEST_INVALID"),
            Self::Unsuitable { .. } => (Code::FailedPrecondition, "FILE_UNSUITABLE"),
            Self::TooLarge { .. } => (Code::FailedPrecondition, "FILE_TOO_LARGE"),
            Self::OverLimit(_) => (Code::InvalidArgument, "FILE_LINES_OVER_LIMIT"),
            Self::PastEnd { .. } => (Code::OutOfRange, "FILE_OFFSET_PAST_END"),
            Self::PastSize { .. } => (Code::OutOfRange, "FILE_OFFSET_PAST_END"),
            Self::Changed { .. } => (Code::Aborted, "FILE_CHANGED"),
            Self::Busy => (Code::Aborted, "FILE_BUSY"),
            Self::Edit(error) => error.code(),
            Self::Io { source, .. } => io_code(source),
            Self::Stream(_) => (Code::InvalidArgument, "FILE_DATA_INVALID"),
            Self::Claim(ClaimError::Conflict) => (Code::AlreadyExists, "IDEMPOTENCY_KEY_REUSED"),
            Self::Claim(ClaimError::Busy) => (Code::Aborted, "IDEMPOTENCY_KEY_BUSY"),
            Self::Call(status) => (status.code(), "CALL_BROKE_OFF"),
        }
    }
}

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        let (code, reason) = error.code();
        match error {
            Error::Call(status) => *status,
            error => status(code, reason, bounded(error.to_string())),
        }
    }
}

fn bounded(mut message: String) -> String {
    if message.len() > MAX_MESSAGE {
        message.truncate(message.floor_char_boundary(MAX_MESSAGE));
        message.push_str("...");
    }
    message
}

fn io_code(error: &io::Error) -> (Code, &'static str) {
    match error.kind() {
        _ if is_loop(error) => (Code::FailedPrecondition, "FILE_UNSUITABLE"),
        ErrorKind::NotFound => (Code::NotFound, "FILE_NOT_FOUND"),
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            (Code::PermissionDenied, "FILE_PERMISSION_DENIED")
        }
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
            (Code::ResourceExhausted, "DISK_FULL")
        }
        ErrorKind::NotADirectory | ErrorKind::IsADirectory | ErrorKind::InvalidFilename | ErrorKind::AlreadyExists => {
            (Code::FailedPrecondition, "FILE_UNSUITABLE")
        }
        _ => (Code::Internal, "FILE_IO"),
    }
}

/// The standard library has no stable name for this kind.
fn is_loop(error: &io::Error) -> bool {
    error.raw_os_error() == Some(Errno::ELOOP as i32)
}

fn describe(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::NotFound => "it does not exist".to_owned(),
        ErrorKind::PermissionDenied => "permission denied".to_owned(),
        ErrorKind::StorageFull => "no space left on the disk".to_owned(),
        ErrorKind::NotADirectory => "a part of the path is not a directory".to_owned(),
        _ if is_loop(error) => "too many symbolic links".to_owned(),
        _ => error.to_string(),
    }
}

/// The error for work that panicked, which has logged why.
pub(super) fn broke_off() -> Error {
    Error::Call(Box::new(status(Code::Internal, "FILE_IO", "the operation broke off")))
}
