//! Why an operation is not allowed.

use super::{Operation, State, Status};

/// An operation is not allowed in a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Rejected {
    /// There is no such chat.
    #[error("there is no such chat")]
    Missing,
    /// A chat with this identifier exists.
    #[error("there is such a chat already")]
    Exists,
    /// The chat is archived.
    #[error("the chat is archived: unarchive it first")]
    Archived,
    /// No turn runs.
    #[error("no turn runs, the chat is {0}: there is nothing to stop")]
    NotRunning(Status),
    /// The chat waits for no tools.
    #[error("the chat waits for no tool results, it is {0}")]
    NoAction(Status),
    /// The chat has work under way.
    #[error("the chat is {0}: wait until the turn has ended, or interrupt it")]
    Busy(Status),
    /// The chat failed, and messages wait: the next of them begins a turn with the context as it is.
    #[error(
        "the chat failed and messages wait in its queue: send a message or promote one of them to go on, or delete \
         them first"
    )]
    MessagesWait,
    /// The chat is not archived.
    #[error("the chat is not archived")]
    NotArchived,
    /// The chat is not in the status that the operation needs.
    #[error("the chat is {0}")]
    WrongStatus(Status),
    /// What is stored is no state that a chat may be in.
    #[error("the chat is in an invalid state: reconcile it first")]
    Invalid,
    /// There is nothing to reconcile.
    #[error("the chat is {0}, which is a valid state: there is nothing to reconcile")]
    Valid(Status),
}

impl Rejected {
    /// Why `operation`, which is not in the table for `state`, is not.
    pub(super) fn because(state: State, operation: Operation) -> Self {
        if operation == Operation::CreateChat {
            return Self::Exists;
        }
        let status = match state {
            State::N => return Self::Missing,
            State::Invalid => return Self::Invalid,
            state => state.status().unwrap_or(Status::Error),
        };
        match operation {
            Operation::ReconcileInvalidState => Self::Valid(status),
            _ if state.is_archived() => Self::Archived,
            Operation::Interrupt | Operation::Acquire | Operation::Abandon => Self::NotRunning(status),
            Operation::CompleteRequiresAction | Operation::CancelRequiresAction => Self::NoAction(status),
            Operation::Unarchive => Self::NotArchived,
            Operation::ClearContext if state == State::E1 => Self::MessagesWait,
            Operation::RequestCompaction | Operation::ClearContext | Operation::Archive => Self::Busy(status),
            _ => Self::WrongStatus(status),
        }
    }
}
