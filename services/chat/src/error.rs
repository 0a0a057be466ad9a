//! What callers are told.

use chatmesh_core::Violations;
use chatmesh_db::DbError;
use chatmesh_host::{db_code, db_reason};
use chatmesh_rpc::{Code, Denied, ServiceError};

use crate::domain::ChatId;
use crate::files::FileId;
use crate::machine::Rejected;
use crate::skills::MAX_SKILLS;
use crate::store::StoreError;

/// An operation of the service failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Fields of the request are wrong.
    #[error("invalid request: {0}")]
    Invalid(Violations),
    /// The caller may not do this.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// The caller sees the chat, but somebody else owns it.
    #[error("only the owner of the chat may do this: it would work with the owner's keys")]
    NotOwner,
    /// There is no such chat, or it is somebody else's.
    #[error("chat `{0}` not found")]
    NotFound(ChatId),
    /// The chat is not in a state for this.
    #[error(transparent)]
    Rejected(Rejected),
    /// The operation does not fit to what the chat is like; the store says why.
    #[error("{0}")]
    Refused(StoreError),
    /// A field of the request does not fit to what the chat is like.
    #[error("invalid request: {violations}")]
    Misfit {
        /// The stable word for it.
        reason: &'static str,
        /// The field, and why it does not fit.
        violations: Violations,
    },
    /// There is no such file, or it is somebody else's.
    #[error("file `{0}` not found")]
    FileNotFound(FileId),
    /// The file made room for newer ones of its chat.
    #[error("file `{0}` is gone: newer files of its chat took its place")]
    FileGone(FileId),
    /// There is no such skill, or it is somebody else's.
    #[error("skill `{0}` not found")]
    SkillNotFound(String),
    /// The caller has another skill of this name.
    #[error("you have a skill `{0}` already: change that one, or choose another name")]
    SkillExists(String),
    /// The caller has as many skills as may be.
    #[error("you have {MAX_SKILLS} skills already: delete one of them first")]
    TooManySkills,
    /// There is no model to use.
    #[error("no model is configured: create a provider and a model first")]
    NoModel,
    /// A neighbour could not be asked, or refused.
    #[error("{service}: {message}")]
    Neighbour {
        /// The service.
        service: &'static str,
        /// Its code.
        code: Code,
        /// What it said.
        message: String,
    },
    /// The bus could not be used.
    #[error("live updates are not available")]
    Bus(#[from] chatmesh_bus::BusError),
    /// The database failed.
    #[error("the database of chats failed")]
    Database(#[from] DbError),
    /// The settings make no sense.
    #[error("{0}")]
    Config(String),
}

impl Error {
    /// The error for an operation on `chat`.
    pub(crate) fn on(chat: ChatId, error: StoreError) -> Self {
        match error {
            StoreError::NotFound => Self::NotFound(chat),
            StoreError::Rejected(rejected) => Self::Rejected(rejected),
            StoreError::LeaseLost => Self::Rejected(Rejected::Invalid),
            StoreError::NotOfUser => Self::misfit("message_id", &error),
            StoreError::WrongCalls { .. } => Self::misfit("results", &error),
            StoreError::NotARoot => Self::misfit("pin_order", &error),
            other => other.into(),
        }
    }

    /// The error for a message to `chat` that refers to `files`, each with the number of its part.
    pub(crate) fn on_message(chat: ChatId, files: &[(usize, FileId)], error: StoreError) -> Self {
        let file = match &error {
            StoreError::FileNotFound(id) | StoreError::FileOfOtherChat(id) | StoreError::FileGone(id) => *id,
            _ => return Self::on(chat, error),
        };
        let index = files.iter().find(|(_, id)| *id == file).map_or(0, |(index, _)| *index);
        Self::misfit(&format!("content[{index}].file.file_id"), &error)
    }

    fn misfit(field: &str, error: &StoreError) -> Self {
        Self::Misfit {
            reason: refused_reason(error),
            violations: Violations::one(field, format!("does not fit: {error}")),
        }
    }
}

/// Where no chat is concerned.
impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Database(error) => Self::Database(error),
            refused => Self::Refused(refused),
        }
    }
}

impl From<Violations> for Error {
    fn from(violations: Violations) -> Self {
        Self::Invalid(violations)
    }
}

impl ServiceError for Error {
    const DOMAIN: &'static str = "chatmesh.chat.v1";

    fn code(&self) -> Code {
        match self {
            Self::Invalid(_) | Self::Misfit { .. } => Code::InvalidArgument,
            Self::Denied(_) | Self::NotOwner => Code::PermissionDenied,
            Self::NotFound(_) | Self::FileNotFound(_) | Self::FileGone(_) | Self::SkillNotFound(_) => Code::NotFound,
            Self::SkillExists(_) => Code::AlreadyExists,
            Self::TooManySkills => Code::ResourceExhausted,
            Self::Rejected(Rejected::Archived) | Self::NoModel => Code::FailedPrecondition,
            // The caller acted on an older state of the chat: look again and decide anew.
            Self::Rejected(_) => Code::Aborted,
            Self::Refused(refused) => refused_code(refused),
            Self::Neighbour { code, .. } if is_refusal(*code) => *code,
            Self::Neighbour { .. } => Code::Unavailable,
            Self::Bus(_) => Code::Unavailable,
            Self::Database(error) => db_code(error),
            Self::Config(_) => Code::Internal,
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::Invalid(_) => "INVALID_REQUEST",
            Self::Misfit { reason, .. } => reason,
            Self::Denied(_) => "DENIED",
            Self::NotOwner => "NOT_OWNER",
            Self::NotFound(_) => "CHAT_NOT_FOUND",
            Self::Rejected(Rejected::Archived) => "CHAT_ARCHIVED",
            Self::Rejected(Rejected::NotRunning(_)) => "CHAT_NOT_RUNNING",
            Self::Rejected(Rejected::NoAction(_)) => "CHAT_NOT_REQUIRING_ACTION",
            Self::Rejected(Rejected::Busy(_)) => "CHAT_BUSY",
            Self::Rejected(Rejected::MessagesWait) => "CHAT_HAS_QUEUED_MESSAGES",
            Self::Rejected(Rejected::NotArchived) => "CHAT_NOT_ARCHIVED",
            Self::Rejected(Rejected::WrongStatus(_)) => "CHAT_WRONG_STATUS",
            Self::Rejected(Rejected::Invalid) => "CHAT_INVALID_STATE",
            Self::Rejected(Rejected::Valid(_)) => "CHAT_VALID_STATE",
            Self::Rejected(Rejected::Missing) => "CHAT_NOT_FOUND",
            Self::Rejected(Rejected::Exists) => "CHAT_EXISTS",
            Self::Refused(refused) => refused_reason(refused),
            Self::FileNotFound(_) => "FILE_NOT_FOUND",
            Self::FileGone(_) => "FILE_GONE",
            Self::SkillNotFound(_) => "SKILL_NOT_FOUND",
            Self::SkillExists(_) => "SKILL_EXISTS",
            Self::TooManySkills => "TOO_MANY_SKILLS",
            Self::NoModel => "NO_MODEL",
            Self::Neighbour { code, .. } if is_refusal(*code) => "NEIGHBOUR_REFUSED",
            Self::Neighbour { .. } => "NEIGHBOUR_UNAVAILABLE",
            Self::Bus(_) => "BUS_UNAVAILABLE",
            Self::Database(error) => db_reason(error),
            Self::Config(_) => "INTERNAL",
        }
    }

    fn violations(&self) -> Option<&Violations> {
        match self {
            Self::Invalid(violations) | Self::Misfit { violations, .. } => Some(violations),
            _ => None,
        }
    }
}

/// True where a neighbour understood and said no: to ask again does not help.
fn is_refusal(code: Code) -> bool {
    matches!(code, Code::InvalidArgument | Code::PermissionDenied | Code::FailedPrecondition)
}

fn refused_code(refused: &StoreError) -> Code {
    match refused {
        StoreError::QueueFull => Code::ResourceExhausted,
        StoreError::MessageNotFound | StoreError::QueuedNotFound => Code::NotFound,
        StoreError::ParentArchived | StoreError::PinsFull | StoreError::EditsGoneFile(_) => Code::FailedPrecondition,
        StoreError::NothingSaid | StoreError::WorkspaceChanged => Code::Aborted,
        _ => Code::Internal,
    }
}

fn refused_reason(refused: &StoreError) -> &'static str {
    match refused {
        StoreError::QueueFull => "QUEUE_FULL",
        StoreError::MessageNotFound => "MESSAGE_NOT_FOUND",
        StoreError::QueuedNotFound => "QUEUED_MESSAGE_NOT_FOUND",
        StoreError::NotOfUser => "MESSAGE_NOT_OF_USER",
        StoreError::WrongCalls { .. } => "WRONG_TOOL_CALLS",
        StoreError::NotARoot => "CHAT_IS_SUBAGENT",
        StoreError::ParentArchived => "PARENT_ARCHIVED",
        StoreError::PinsFull => "PINS_FULL",
        StoreError::NothingSaid => "NOTHING_SAID",
        StoreError::WorkspaceChanged => "WORKSPACE_CHANGED",
        StoreError::FileNotFound(_) => "FILE_NOT_FOUND",
        StoreError::FileOfOtherChat(_) => "FILE_OF_OTHER_CHAT",
        StoreError::FileGone(_) | StoreError::EditsGoneFile(_) => "FILE_GONE",
        _ => "INTERNAL",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_neighbour_that_says_no_is_not_said_to_be_away() {
        let table = [
            (Code::InvalidArgument, Code::InvalidArgument, "NEIGHBOUR_REFUSED"),
            (Code::PermissionDenied, Code::PermissionDenied, "NEIGHBOUR_REFUSED"),
            (Code::FailedPrecondition, Code::FailedPrecondition, "NEIGHBOUR_REFUSED"),
            (Code::Unavailable, Code::Unavailable, "NEIGHBOUR_UNAVAILABLE"),
            (Code::DeadlineExceeded, Code::Unavailable, "NEIGHBOUR_UNAVAILABLE"),
            (Code::Internal, Code::Unavailable, "NEIGHBOUR_UNAVAILABLE"),
        ];
        for (code, expected, reason) in table {
            let error = Error::Neighbour { service: "llm", code, message: "no".to_owned() };
            assert_eq!((error.code(), error.reason()), (expected, reason), "{code:?}");
        }
    }
}
