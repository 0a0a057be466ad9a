//! The transitions that are legal; there are no others.

use State::{A0, A1, E0, E1, I0, I1, Invalid, N, R0, R1, W, XE0, XE1, XW};

use super::State;

macro_rules! operations {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// What someone wants to do to a chat.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Operation {
            $($(#[$doc])* $name,)*
        }

        impl Operation {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name,)*];
        }
    };
}

operations! {
    /// Insert the chat with its first message.
    CreateChat,
    /// Send a message; while the chat is busy, queue it.
    SendMessage,
    /// Send a message; while the chat is busy, interrupt it first.
    SendMessageInterrupting,
    /// Replace a message of the user and forget everything that came after it.
    EditMessage,
    /// Take a message out of the queue.
    DeleteQueuedMessage,
    /// Let a message of the queue be the next.
    PromoteQueuedMessage,
    /// Stop the turn.
    Interrupt,
    /// Hand in the results of the client's tools.
    CompleteRequiresAction,
    /// Go on without the results of the client's tools.
    CancelRequiresAction,
    /// Put the chat away.
    Archive,
    /// Take the chat out again.
    Unarchive,
    /// Change the title, the labels, the pin, the workspace or what was read.
    UpdateMetadata,
    /// Ask for a summary that takes the place of the history.
    RequestCompaction,
    /// Forget the history as far as the model is concerned.
    ClearContext,
    /// Take the lease.
    Acquire,
    /// Give the lease back with the work undone.
    Abandon,
    /// Begin a call of the model.
    RecordGenerationAttempt,
    /// Say that the call failed and when it will be made again.
    RecordRetryState,
    /// Keep the model's answer while its tools run.
    RecordStep,
    /// Commit the answer and the results.
    CommitStep,
    /// Commit a summary of the history.
    CommitCompaction,
    /// Commit the answer and wait for the client's tools.
    EnterRequiresAction,
    /// End the turn.
    FinishTurn,
    /// End the turn with an error.
    FinishError,
    /// End the stopped turn.
    FinishInterruption,
    /// Make a chat whose stored state contradicts itself usable again.
    ReconcileInvalidState,
}

/// What the store does for a transition, in this order, in the same transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Effect {
    /// Insert the messages that the operation carries.
    InsertMessages,
    /// Answer every tool call of the history that has no result with an error that says so.
    AnswerOpenCalls,
    /// Mark the message that is edited, and all after it, as deleted.
    TruncateHistory,
    /// Append the message that the operation carries to the queue.
    Enqueue,
    /// Take the operation's message out of the queue.
    DeleteQueued,
    /// Let the operation's message be the head of the queue.
    MoveToHead,
    /// Move the head of the queue into the history.
    PromoteHead,
    /// Forget all that waits.
    ClearQueue,
    /// Forget the error.
    ClearError,
    /// Keep the error that the operation carries.
    SetError,
    /// Count a call of the model, and forget the retry state.
    CountAttempt,
    /// Keep the retry state that the operation carries.
    SetRetryState,
    /// Forget attempts, retry state and the kept answer: the history changed, or the turn ended.
    ResetAttempts,
    /// Keep the model's answer.
    KeepStep,
    /// Write the operation's lease.
    TakeLease,
    /// Clear the lease.
    ReleaseLease,
    /// Say until when the client's tools may take.
    SetActionDeadline,
    /// Forget the deadline.
    ClearActionDeadline,
    /// Mark that a summary is wanted.
    RequestCompaction,
    /// Forget that a summary is wanted.
    ClearCompactionRequest,
    /// Put the chat away and unpin it.
    Archive,
    /// Take the chat out again.
    Unarchive,
}

/// A line of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// The operation.
    pub operation: Operation,
    /// Where it is allowed.
    pub from: &'static [State],
    /// Where it may lead: states of one status, which differ in whether messages still wait.
    pub to: &'static [State],
    /// What to do, in order.
    pub effects: &'static [Effect],
}

const fn row(operation: Operation, from: &'static [State], to: &'static [State], effects: &'static [Effect]) -> Row {
    Row { operation, from, to, effects }
}

use Effect as E;
use Operation as O;

const SEND: &[Effect] = &[E::ClearError, E::AnswerOpenCalls, E::InsertMessages, E::ResetAttempts];
// Messages that wait are older: the new one goes behind them.
const SEND_BEHIND: &[Effect] = &[E::ClearError, E::Enqueue, E::AnswerOpenCalls, E::PromoteHead, E::ResetAttempts];
const CANCEL_ACTION: &[Effect] = &[E::AnswerOpenCalls, E::ClearActionDeadline, E::ResetAttempts];
const PROMOTE_NOW: &[Effect] =
    &[E::ClearError, E::ClearActionDeadline, E::MoveToHead, E::AnswerOpenCalls, E::PromoteHead, E::ResetAttempts];
// The runner that worked on what is cut off loses its lease, and with it the right to write.
const EDIT: &[Effect] = &[
    E::ClearError,
    E::ClearActionDeadline,
    E::ClearCompactionRequest,
    E::TruncateHistory,
    E::AnswerOpenCalls,
    E::InsertMessages,
    E::ClearQueue,
    E::ResetAttempts,
    E::ReleaseLease,
];
const REQUEST_COMPACTION: &[Effect] = &[E::ClearError, E::RequestCompaction, E::ResetAttempts];
const FINISH_AND_GO_ON: &[Effect] = &[E::ClearCompactionRequest, E::AnswerOpenCalls, E::PromoteHead, E::ResetAttempts];
const FAIL: &[Effect] =
    &[E::InsertMessages, E::AnswerOpenCalls, E::SetError, E::ClearCompactionRequest, E::ResetAttempts, E::ReleaseLease];

/// The state machine.
pub const TABLE: &[Row] = &[
    row(O::CreateChat, &[N], &[R0], &[E::InsertMessages]),
    row(O::SendMessage, &[W, E0], &[R0], SEND),
    row(O::SendMessage, &[E1], &[R1], SEND_BEHIND),
    row(O::SendMessage, &[R0, R1], &[R1], &[E::Enqueue]),
    row(O::SendMessage, &[I0, I1], &[I1], &[E::Enqueue]),
    row(O::SendMessage, &[A0, A1], &[A1], &[E::Enqueue]),
    row(O::SendMessageInterrupting, &[W, E0], &[R0], SEND),
    row(O::SendMessageInterrupting, &[E1], &[R1], SEND_BEHIND),
    // The partial answer is committed before the new message, so that it waits in the queue.
    row(O::SendMessageInterrupting, &[R0, R1, I0, I1], &[I1], &[E::Enqueue]),
    row(
        O::SendMessageInterrupting,
        &[A0, A1],
        &[R1],
        &[E::AnswerOpenCalls, E::ClearActionDeadline, E::Enqueue, E::ResetAttempts],
    ),
    row(O::EditMessage, &[W, E0, E1, R0, R1, I0, I1, A0, A1], &[R0], EDIT),
    row(O::DeleteQueuedMessage, &[E1], &[E0, E1], &[E::DeleteQueued]),
    row(O::DeleteQueuedMessage, &[R1], &[R0, R1], &[E::DeleteQueued]),
    row(O::DeleteQueuedMessage, &[I1], &[I0, I1], &[E::DeleteQueued]),
    row(O::DeleteQueuedMessage, &[A1], &[A0, A1], &[E::DeleteQueued]),
    row(O::PromoteQueuedMessage, &[E1, A1], &[R0, R1], PROMOTE_NOW),
    // The end of the interruption promotes it, behind the partial answer.
    row(O::PromoteQueuedMessage, &[R1, I1], &[I1], &[E::MoveToHead]),
    row(O::Interrupt, &[R0], &[I0], &[]),
    row(O::Interrupt, &[R1], &[I1], &[]),
    row(O::Interrupt, &[A0], &[R0], CANCEL_ACTION),
    row(O::Interrupt, &[A1], &[R1], CANCEL_ACTION),
    row(O::CompleteRequiresAction, &[A0], &[R0], &[E::InsertMessages, E::ClearActionDeadline, E::ResetAttempts]),
    row(O::CompleteRequiresAction, &[A1], &[R1], &[E::InsertMessages, E::ClearActionDeadline, E::ResetAttempts]),
    row(O::CancelRequiresAction, &[A0], &[R0], CANCEL_ACTION),
    row(O::CancelRequiresAction, &[A1], &[R1], CANCEL_ACTION),
    row(O::Archive, &[W], &[XW], &[E::Archive]),
    row(O::Archive, &[E0], &[XE0], &[E::Archive]),
    row(O::Archive, &[E1], &[XE1], &[E::Archive]),
    row(O::Unarchive, &[XW], &[W], &[E::Unarchive]),
    row(O::Unarchive, &[XE0], &[E0], &[E::Unarchive]),
    row(O::Unarchive, &[XE1], &[E1], &[E::Unarchive]),
    row(O::UpdateMetadata, &[W], &[W], &[]),
    row(O::UpdateMetadata, &[E0], &[E0], &[]),
    row(O::UpdateMetadata, &[E1], &[E1], &[]),
    row(O::UpdateMetadata, &[R0], &[R0], &[]),
    row(O::UpdateMetadata, &[R1], &[R1], &[]),
    row(O::UpdateMetadata, &[I0], &[I0], &[]),
    row(O::UpdateMetadata, &[I1], &[I1], &[]),
    row(O::UpdateMetadata, &[A0], &[A0], &[]),
    row(O::UpdateMetadata, &[A1], &[A1], &[]),
    row(O::UpdateMetadata, &[XW], &[XW], &[]),
    row(O::UpdateMetadata, &[XE0], &[XE0], &[]),
    row(O::UpdateMetadata, &[XE1], &[XE1], &[]),
    row(O::RequestCompaction, &[W, E0], &[R0], REQUEST_COMPACTION),
    row(O::RequestCompaction, &[E1], &[R1], REQUEST_COMPACTION),
    row(O::ClearContext, &[W, E0], &[W], &[E::ClearError, E::InsertMessages]),
    row(O::Acquire, &[R0], &[R0], &[E::TakeLease]),
    row(O::Acquire, &[R1], &[R1], &[E::TakeLease]),
    row(O::Acquire, &[I0], &[I0], &[E::TakeLease]),
    row(O::Acquire, &[I1], &[I1], &[E::TakeLease]),
    row(O::Abandon, &[R0], &[R0], &[E::ReleaseLease]),
    row(O::Abandon, &[R1], &[R1], &[E::ReleaseLease]),
    row(O::Abandon, &[I0], &[I0], &[E::ReleaseLease]),
    row(O::Abandon, &[I1], &[I1], &[E::ReleaseLease]),
    row(O::RecordGenerationAttempt, &[R0], &[R0], &[E::CountAttempt]),
    row(O::RecordGenerationAttempt, &[R1], &[R1], &[E::CountAttempt]),
    row(O::RecordRetryState, &[R0], &[R0], &[E::SetRetryState]),
    row(O::RecordRetryState, &[R1], &[R1], &[E::SetRetryState]),
    row(O::RecordStep, &[R0], &[R0], &[E::KeepStep]),
    row(O::RecordStep, &[R1], &[R1], &[E::KeepStep]),
    row(O::CommitStep, &[R0], &[R0], &[E::InsertMessages, E::ResetAttempts]),
    row(O::CommitStep, &[R1], &[R1], &[E::InsertMessages, E::ResetAttempts]),
    row(O::CommitCompaction, &[R0], &[R0], &[E::InsertMessages, E::ClearCompactionRequest, E::ResetAttempts]),
    row(O::CommitCompaction, &[R1], &[R1], &[E::InsertMessages, E::ClearCompactionRequest, E::ResetAttempts]),
    row(
        O::EnterRequiresAction,
        &[R0],
        &[A0],
        &[E::InsertMessages, E::SetActionDeadline, E::ResetAttempts, E::ReleaseLease],
    ),
    row(
        O::EnterRequiresAction,
        &[R1],
        &[A1],
        &[E::InsertMessages, E::SetActionDeadline, E::ResetAttempts, E::ReleaseLease],
    ),
    row(O::FinishTurn, &[R0], &[W], &[E::ClearCompactionRequest, E::ResetAttempts, E::ReleaseLease]),
    row(O::FinishTurn, &[R1], &[R0, R1], FINISH_AND_GO_ON),
    row(O::FinishError, &[R0], &[E0], FAIL),
    row(O::FinishError, &[R1], &[E1], FAIL),
    row(O::FinishError, &[W], &[E0], FAIL),
    row(
        O::FinishInterruption,
        &[I0],
        &[W],
        &[E::InsertMessages, E::AnswerOpenCalls, E::ClearCompactionRequest, E::ResetAttempts, E::ReleaseLease],
    ),
    row(
        O::FinishInterruption,
        &[I1],
        &[R0, R1],
        &[E::InsertMessages, E::ClearCompactionRequest, E::AnswerOpenCalls, E::PromoteHead, E::ResetAttempts],
    ),
    row(
        O::ReconcileInvalidState,
        &[Invalid],
        &[E0, E1],
        &[
            E::Unarchive,
            E::AnswerOpenCalls,
            E::SetError,
            E::ClearActionDeadline,
            E::ClearCompactionRequest,
            E::ResetAttempts,
            E::ReleaseLease,
        ],
    ),
];
