//! Why the specification refuses an operation.

use chatmesh_chat::StoreError;
use chatmesh_chat::machine::{Operation, Rejected, State, Status};

/// Why an operation was not carried out, as a caller is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    NotFound,
    Exists,
    Archived,
    /// The chat is in this status, which the operation does not fit to.
    Status(Status),
    /// What is stored contradicts itself.
    Invalid,
    /// There is nothing to reconcile.
    Valid(Status),
    LeaseLost,
    QueuedNotFound,
    QueueFull,
    MessageNotFound,
    NotOfUser,
    WrongCalls,
    NothingSaid,
    ParentArchived,
    NotARoot,
}

/// `None` where it was carried out.
pub(crate) fn why<T>(result: &Result<T, StoreError>) -> Option<Why> {
    Some(match result.as_ref().err()? {
        StoreError::NotFound | StoreError::Rejected(Rejected::Missing) => Why::NotFound,
        StoreError::Rejected(rejected) => match *rejected {
            Rejected::Missing => Why::NotFound,
            Rejected::Exists => Why::Exists,
            Rejected::Archived => Why::Archived,
            Rejected::Invalid => Why::Invalid,
            Rejected::Valid(status) => Why::Valid(status),
            Rejected::NotRunning(status)
            | Rejected::NoAction(status)
            | Rejected::Busy(status)
            | Rejected::WrongStatus(status) => Why::Status(status),
            Rejected::MessagesWait => Why::Status(Status::Error),
            Rejected::NotArchived => panic!("an update that asks for what is so already is no error"),
        },
        StoreError::LeaseLost => Why::LeaseLost,
        StoreError::QueuedNotFound => Why::QueuedNotFound,
        StoreError::QueueFull => Why::QueueFull,
        StoreError::MessageNotFound => Why::MessageNotFound,
        StoreError::NotOfUser => Why::NotOfUser,
        StoreError::WrongCalls { .. } => Why::WrongCalls,
        StoreError::NothingSaid => Why::NothingSaid,
        StoreError::ParentArchived => Why::ParentArchived,
        StoreError::NotARoot => Why::NotARoot,
        other => panic!("{other:?}"),
    })
}

/// Why `operation` is not allowed in `state`; `None` where there is nothing to do and the caller need not know.
pub(crate) fn refusal(operation: Operation, state: State) -> Option<Why> {
    use Operation as O;
    let status = match (state, operation) {
        (State::N, _) => return Some(Why::NotFound),
        (_, O::CreateChat) => return Some(Why::Exists),
        (State::Invalid, _) => return Some(Why::Invalid),
        _ => state.status().expect("a status"),
    };
    match operation {
        O::ReconcileInvalidState => Some(Why::Valid(status)),
        // Callers say how they want it, and it is so.
        O::Archive if state.is_archived() => None,
        O::Unarchive if !state.is_archived() => None,
        _ if state.is_archived() => Some(Why::Archived),
        // An empty queue does not have the message, whatever else the chat does.
        O::DeleteQueuedMessage | O::PromoteQueuedMessage => Some(Why::QueuedNotFound),
        _ => Some(Why::Status(status)),
    }
}
