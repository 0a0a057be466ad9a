//! Why files could not be edited.

use chatmesh_rpc::Code;

use super::super::edit::Problem;
use super::super::error::Error;

/// How long the descriptions of failures may be together; further ones are counted.
const MAX_TEXT: usize = 2000;

/// Why files could not be edited.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EditError {
    /// Two paths lead to one file.
    #[error("`{first}` and `{second}` are the same file; put all its edits into one entry; nothing was written")]
    Duplicate { first: String, second: String },
    /// Edits can not be made.
    #[error("nothing was written: {}", joined(.0))]
    Failed(Vec<Failure>),
    /// The disk took some of the files only.
    #[error("{source}; already written: {}", written.join(", "))]
    Partial { written: Vec<String>, source: Box<Error> },
    /// The agent died in the middle.
    #[error(
        "the agent ended while it made these edits, and `{label}` has changed since; nothing more was written; \
         read the files and edit what is missing"
    )]
    Unknown { label: String },
}

/// Why one file could not be edited.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The file itself is in the way.
    #[error(transparent)]
    File(Error),
    /// An edit can not be made.
    #[error("`{label}`, edit {number} of {of}: {problem}")]
    Edit { label: String, number: usize, of: usize, problem: Problem },
    /// The request asks for too much.
    #[error("`{label}` is too large for so many edits and files at once; make fewer in one call")]
    TooMuch { label: String },
}

impl EditError {
    pub(in super::super) fn code(&self) -> (Code, &'static str) {
        match self {
            Self::Duplicate { .. } => (Code::InvalidArgument, "FILE_DUPLICATE"),
            Self::Failed(failures) => {
                let codes = failures.iter().map(Failure::code);
                codes.max_by_key(|(code, _)| severity(*code)).unwrap_or((Code::Internal, "FILE_IO"))
            }
            Self::Partial { source, .. } => (source.code().0, "EDIT_PARTIAL"),
            Self::Unknown { .. } => (Code::FailedPrecondition, "EDIT_UNKNOWN"),
        }
    }
}

impl Failure {
    fn code(&self) -> (Code, &'static str) {
        match self {
            Self::File(error) => error.code(),
            Self::Edit { problem, .. } => match problem {
                Problem::EmptySearch => (Code::InvalidArgument, "EDIT_INVALID"),
                Problem::NotFound(_) => (Code::FailedPrecondition, "EDIT_NOT_FOUND"),
                Problem::Ambiguous { .. } => (Code::FailedPrecondition, "EDIT_AMBIGUOUS"),
                Problem::LineEnds => (Code::FailedPrecondition, "EDIT_LINE_ENDS"),
                Problem::TooLarge => (Code::FailedPrecondition, "FILE_TOO_LARGE"),
            },
            Self::TooMuch { .. } => (Code::InvalidArgument, "EDIT_INVALID"),
        }
    }
}

/// Of several failures the one that the caller can do least about gives the code.
fn severity(code: Code) -> u8 {
    match code {
        Code::InvalidArgument => 0,
        Code::FailedPrecondition => 1,
        Code::NotFound => 2,
        Code::PermissionDenied => 3,
        _ => 4,
    }
}

fn joined(failures: &[Failure]) -> String {
    if let [failure] = failures {
        return failure.to_string();
    }
    let mut text = format!("{} files can not be edited", failures.len());
    for (told, failure) in failures.iter().enumerate() {
        let line = format!("\n- {failure}");
        // The first is told in any case.
        if told > 0 && text.len() + line.len() > MAX_TEXT {
            text.push_str(&format!("\n- and {} more", failures.len() - told));
            break;
        }
        text.push_str(&line);
    }
    text
}
