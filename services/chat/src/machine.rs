//! The state machine of a chat: pure, total, and the only judge of what may happen when.
//!
//! A state is made of the status, whether messages wait in the queue, and whether the chat is
//! archived. [`apply`] says what an operation does to a state, or that it is not allowed there.

use std::fmt;

/// What a chat is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    /// Idle.
    Waiting,
    /// A turn runs or waits for a worker.
    Running,
    /// A turn is being stopped.
    Interrupting,
    /// The turn waits for the client's tools.
    RequiresAction,
    /// The last turn failed.
    Error,
}

impl Status {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Waiting, Self::Running, Self::Interrupting, Self::RequiresAction, Self::Error];

    /// The word in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Interrupting => "interrupting",
            Self::RequiresAction => "requires_action",
            Self::Error => "error",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The state of a chat, as far as operations depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct State {
    /// What it is doing.
    pub status: Status,
    /// True where messages wait in the queue.
    pub queued: bool,
    /// True where it was put away.
    pub archived: bool,
}

impl State {
    /// True for a state that a chat may be in: an idle chat has no queue, and only idle or failed chats are archived.
    #[must_use]
    pub fn is_valid(self) -> bool {
        match self.status {
            Status::Waiting => !self.queued,
            Status::Error => true,
            Status::Running | Status::Interrupting | Status::RequiresAction => !self.archived,
        }
    }
}

/// What someone wants to do to a chat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operation {
    /// Send a message; while the chat is busy, queue it.
    SendMessage,
    /// Send a message; while the chat is busy, interrupt it first.
    SendMessageInterrupting,
    /// Stop the turn.
    Interrupt,
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
    /// End the turn.
    FinishTurn,
    /// End the turn with an error.
    FinishError,
    /// End the stopped turn.
    FinishInterruption,
}

impl Operation {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::SendMessage,
        Self::SendMessageInterrupting,
        Self::Interrupt,
        Self::Acquire,
        Self::Abandon,
        Self::RecordGenerationAttempt,
        Self::RecordRetryState,
        Self::RecordStep,
        Self::CommitStep,
        Self::FinishTurn,
        Self::FinishError,
        Self::FinishInterruption,
    ];
}

/// What the store does for a transition, in this order, in the same transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Effect {
    /// Insert the messages that the operation carries.
    InsertMessages,
    /// Append the message that the operation carries to the queue.
    Enqueue,
    /// Move the head of the queue into the history.
    PromoteHead,
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
}

/// What an operation does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transition {
    /// The status afterwards.
    pub status: Status,
    /// What to do, in order.
    pub effects: &'static [Effect],
}

/// An operation is not allowed in a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Rejected {
    /// The chat is archived.
    #[error("the chat is archived: unarchive it first")]
    Archived,
    /// No turn runs.
    #[error("no turn runs, the chat is {0}: there is nothing to stop")]
    NotRunning(Status),
    /// The chat is not in the status that the operation needs.
    #[error("the chat is {0}")]
    WrongStatus(Status),
    /// The stored state is none that a chat may be in.
    #[error("the chat is in an invalid state")]
    Invalid,
}

/// Says what `operation` does in `state`.
///
/// # Errors
/// It is not allowed there; the chat stays as it is.
pub fn apply(state: State, operation: Operation) -> Result<Transition, Rejected> {
    if !state.is_valid() {
        return Err(Rejected::Invalid);
    }
    if state.archived {
        return Err(Rejected::Archived);
    }
    match operation {
        Operation::SendMessage => Ok(send(state)),
        Operation::SendMessageInterrupting => Ok(send_interrupting(state)),
        Operation::Interrupt => interrupt(state),
        Operation::Acquire | Operation::Abandon => lease(state, operation),
        Operation::FinishInterruption => finish_interruption(state),
        Operation::RecordGenerationAttempt
        | Operation::RecordRetryState
        | Operation::RecordStep
        | Operation::CommitStep
        | Operation::FinishTurn
        | Operation::FinishError => work(state, operation),
    }
}

fn to(status: Status, effects: &'static [Effect]) -> Transition {
    Transition { status, effects }
}

fn send(state: State) -> Transition {
    use Effect::{ClearError, Enqueue, InsertMessages, PromoteHead, ResetAttempts};
    match (state.status, state.queued) {
        (Status::Waiting, _) | (Status::Error, false) => {
            to(Status::Running, &[ClearError, InsertMessages, ResetAttempts])
        }
        // Messages that wait are older: the new one goes behind them.
        (Status::Error, true) => to(Status::Running, &[ClearError, Enqueue, PromoteHead, ResetAttempts]),
        (busy, _) => to(busy, &[Enqueue]),
    }
}

fn send_interrupting(state: State) -> Transition {
    match state.status {
        // The partial answer is committed before the new message, so it waits in the queue.
        Status::Running | Status::Interrupting => to(Status::Interrupting, &[Effect::Enqueue]),
        _ => send(state),
    }
}

fn interrupt(state: State) -> Result<Transition, Rejected> {
    match state.status {
        Status::Running => Ok(to(Status::Interrupting, &[])),
        status => Err(Rejected::NotRunning(status)),
    }
}

fn lease(state: State, operation: Operation) -> Result<Transition, Rejected> {
    match (state.status, operation) {
        (status @ (Status::Running | Status::Interrupting), Operation::Acquire) => Ok(to(status, &[Effect::TakeLease])),
        (status @ (Status::Running | Status::Interrupting), _) => Ok(to(status, &[Effect::ReleaseLease])),
        (status, _) => Err(Rejected::NotRunning(status)),
    }
}

fn work(state: State, operation: Operation) -> Result<Transition, Rejected> {
    use Effect::{
        CountAttempt, InsertMessages, KeepStep, PromoteHead, ReleaseLease, ResetAttempts, SetError, SetRetryState,
    };
    if state.status != Status::Running {
        return Err(Rejected::WrongStatus(state.status));
    }
    Ok(match operation {
        Operation::RecordGenerationAttempt => to(Status::Running, &[CountAttempt]),
        Operation::RecordRetryState => to(Status::Running, &[SetRetryState]),
        Operation::RecordStep => to(Status::Running, &[KeepStep]),
        Operation::CommitStep => to(Status::Running, &[InsertMessages, ResetAttempts]),
        Operation::FinishTurn if state.queued => to(Status::Running, &[PromoteHead, ResetAttempts]),
        Operation::FinishTurn => to(Status::Waiting, &[ResetAttempts, ReleaseLease]),
        _ => to(Status::Error, &[InsertMessages, SetError, ResetAttempts, ReleaseLease]),
    })
}

fn finish_interruption(state: State) -> Result<Transition, Rejected> {
    use Effect::{InsertMessages, PromoteHead, ReleaseLease, ResetAttempts};
    match (state.status, state.queued) {
        (Status::Interrupting, true) => Ok(to(Status::Running, &[InsertMessages, PromoteHead, ResetAttempts])),
        (Status::Interrupting, false) => Ok(to(Status::Waiting, &[InsertMessages, ResetAttempts, ReleaseLease])),
        (status, _) => Err(Rejected::WrongStatus(status)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn states() -> impl Iterator<Item = State> {
        Status::ALL.into_iter().flat_map(|status| {
            [(false, false), (true, false), (false, true), (true, true)].map(|(queued, archived)| State {
                status,
                queued,
                archived,
            })
        })
    }

    #[test]
    fn an_invalid_or_archived_chat_refuses_everything() {
        for state in states().filter(|state| !state.is_valid() || state.archived) {
            for operation in Operation::ALL {
                assert!(apply(state, operation).is_err(), "{operation:?} in {state:?}");
            }
        }
    }

    #[test]
    fn a_transition_never_leads_to_an_invalid_state() {
        for state in states() {
            for operation in Operation::ALL {
                let Ok(transition) = apply(state, operation) else { continue };
                let enqueues = transition.effects.contains(&Effect::Enqueue);
                let promotes = transition.effects.contains(&Effect::PromoteHead);
                // The queue may hold one message or several before the head is promoted.
                for left in [false, true] {
                    let queued = if promotes { left } else { state.queued || enqueues };
                    let after = State { status: transition.status, queued, archived: false };
                    assert!(after.is_valid(), "{operation:?} in {state:?} leads to {after:?}");
                }
            }
        }
    }

    #[test]
    fn only_work_that_has_an_end_releases_the_lease() {
        for state in states() {
            for operation in Operation::ALL {
                let Ok(transition) = apply(state, operation) else { continue };
                let releases = transition.effects.contains(&Effect::ReleaseLease);
                let ends = matches!(transition.status, Status::Waiting | Status::Error);
                assert!(releases || !ends || state.status == transition.status, "{operation:?} in {state:?}");
            }
        }
    }

    #[test]
    fn a_message_never_overtakes_the_queue() {
        let failed = State { status: Status::Error, queued: true, archived: false };
        let transition = apply(failed, Operation::SendMessage).expect("allowed");
        assert_eq!(transition.effects[1..3], [Effect::Enqueue, Effect::PromoteHead]);
    }

    #[test]
    fn the_count_of_legal_and_illegal_pairs_is_known() {
        let legal = states().flat_map(|s| Operation::ALL.map(|o| apply(s, o).is_ok())).filter(|ok| *ok).count();
        let all = states().count() * Operation::ALL.len();
        // Of the nine valid states that are not archived: both ways to send in all, the interrupt
        // and the six operations of a running turn in two, the lease in four, the end of an interruption in two.
        let expected = 2 * 9 + 2 + 6 * 2 + 2 * 4 + 2;
        assert_eq!((legal, all - legal), (expected, 240 - expected));
    }
}
