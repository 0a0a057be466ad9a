//! Why an operation on chats was not carried out.

use chatmesh_db::DbError;

use super::{MAX_PINNED, MAX_QUEUED};
use crate::files::FileId;
use crate::machine::Rejected;

/// An operation was not carried out, and nothing changed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is no such chat.
    #[error("there is no such chat")]
    NotFound,
    /// The state machine does not allow it.
    #[error(transparent)]
    Rejected(#[from] Rejected),
    /// The lease is somebody else's, or the history went on without this runner.
    #[error("the lease of the chat is lost")]
    LeaseLost,
    /// The queue is full.
    #[error("{MAX_QUEUED} messages wait already: wait until the turn has ended, or interrupt it")]
    QueueFull,
    /// There is no such message, or an edit removed it.
    #[error("there is no such message")]
    MessageNotFound,
    /// The message is not one of the user's.
    #[error("only messages of the user can be edited")]
    NotOfUser,
    /// No such message waits.
    #[error("no such message waits: it was sent, promoted or deleted")]
    QueuedNotFound,
    /// The results are not those of the open calls.
    #[error("the results must be those of the open calls: missing {missing:?}, not open {unexpected:?}")]
    WrongCalls {
        /// Open calls without a result.
        missing: Vec<String>,
        /// Results without an open call.
        unexpected: Vec<String>,
    },
    /// The model said nothing since the last summary, or at all.
    #[error("the model has said nothing since the context began: there is nothing to do")]
    NothingSaid,
    /// The chat's parent is archived.
    #[error("the chat belongs to an archived chat: unarchive that one")]
    ParentArchived,
    /// There is no such file of the owner's.
    #[error("file `{0}` not found")]
    FileNotFound(FileId),
    /// The file belongs to another chat.
    #[error("file `{0}` belongs to another chat: upload it again")]
    FileOfOtherChat(FileId),
    /// The file made room for newer ones.
    #[error("file `{0}` is gone, newer files of the chat took its place: upload it again")]
    FileGone(FileId),
    /// The message to replace has a file that made room for newer ones.
    #[error("the message has the file `{0}`, which is gone: it cannot be edited, send a new one")]
    EditsGoneFile(FileId),
    /// Somebody gave the chat another workspace.
    #[error("the chat was given another workspace meanwhile")]
    WorkspaceChanged,
    /// Only chats that a user started can be pinned.
    #[error("only chats that a user started can be pinned")]
    NotARoot,
    /// As many chats are pinned as may be.
    #[error("{MAX_PINNED} chats are pinned already: unpin one of them first")]
    PinsFull,
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DbError),
}
