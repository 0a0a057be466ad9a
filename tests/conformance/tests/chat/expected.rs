//! What the specification allows: its table of transitions, written down once more and by hand.
//! Nothing here looks at the table of the implementation; a test compares the two.

use Operation as O;
use State::{A0, A1, E0, E1, I0, I1, Invalid, N, R0, R1, W, XE0, XE1, XW};
use chatmesh_chat::machine::{Operation, State};

/// Where each operation may lead from where. Where two targets stand for one pair, what is left of the queue
/// says which one it is.
const TRANSITIONS: &[(Operation, &[(State, State)])] = &[
    (O::CreateChat, &[(N, R0)]),
    (O::SendMessage, &[(W, R0), (E0, R0), (E1, R1), (R0, R1), (R1, R1), (I0, I1), (I1, I1), (A0, A1), (A1, A1)]),
    (
        O::SendMessageInterrupting,
        &[(W, R0), (E0, R0), (E1, R1), (R0, I1), (R1, I1), (I0, I1), (I1, I1), (A0, R1), (A1, R1)],
    ),
    (O::EditMessage, &[(W, R0), (E0, R0), (E1, R0), (R0, R0), (R1, R0), (I0, R0), (I1, R0), (A0, R0), (A1, R0)]),
    (O::DeleteQueuedMessage, &[(E1, E0), (E1, E1), (R1, R0), (R1, R1), (I1, I0), (I1, I1), (A1, A0), (A1, A1)]),
    (O::PromoteQueuedMessage, &[(E1, R0), (E1, R1), (A1, R0), (A1, R1), (R1, I1), (I1, I1)]),
    (O::Interrupt, &[(R0, I0), (R1, I1), (A0, R0), (A1, R1)]),
    (O::CompleteRequiresAction, &[(A0, R0), (A1, R1)]),
    (O::CancelRequiresAction, &[(A0, R0), (A1, R1)]),
    (O::Archive, &[(W, XW), (E0, XE0), (E1, XE1)]),
    (O::Unarchive, &[(XW, W), (XE0, E0), (XE1, E1)]),
    // The specification has no line for it: what is written on a chat changes no state.
    (
        O::UpdateMetadata,
        &[
            (W, W),
            (E0, E0),
            (E1, E1),
            (R0, R0),
            (R1, R1),
            (I0, I0),
            (I1, I1),
            (A0, A0),
            (A1, A1),
            (XW, XW),
            (XE0, XE0),
            (XE1, XE1),
        ],
    ),
    (O::RequestCompaction, &[(W, R0), (E0, R0), (E1, R1)]),
    (O::ClearContext, &[(W, W), (E0, W)]),
    // A chat that waits for its client has no runner: the deadline is found without one.
    (O::Acquire, &[(R0, R0), (R1, R1), (I0, I0), (I1, I1)]),
    (O::Abandon, &[(R0, R0), (R1, R1), (I0, I0), (I1, I1)]),
    (O::RecordGenerationAttempt, &[(R0, R0), (R1, R1)]),
    (O::RecordRetryState, &[(R0, R0), (R1, R1)]),
    // Two kinds of steps of which the specification speaks as one.
    (O::RecordStep, &[(R0, R0), (R1, R1)]),
    (O::CommitStep, &[(R0, R0), (R1, R1)]),
    (O::CommitCompaction, &[(R0, R0), (R1, R1)]),
    (O::EnterRequiresAction, &[(R0, A0), (R1, A1)]),
    (O::FinishTurn, &[(R0, W), (R1, R0), (R1, R1)]),
    (O::FinishError, &[(R0, E0), (R1, E1), (W, E0)]),
    (O::FinishInterruption, &[(I0, W), (I1, R0), (I1, R1)]),
    (O::ReconcileInvalidState, &[(Invalid, E0), (Invalid, E1)]),
];

/// Where `operation` may lead from `from`; nowhere where it is not allowed.
pub(crate) fn targets(operation: Operation, from: State) -> Vec<State> {
    let rows = TRANSITIONS.iter().filter(|(named, _)| *named == operation);
    let pairs = rows.flat_map(|(_, pairs)| *pairs).filter(|(state, _)| *state == from);
    pairs.map(|(_, to)| *to).collect()
}

/// Where `operation` leads from `from` while `waiting` messages wait, of which it may take one away.
pub(crate) fn target(operation: Operation, from: State, waiting: u32) -> Option<State> {
    match (targets(operation, from)[..].as_ref(), from) {
        ([], _) => None,
        ([only], _) => Some(*only),
        // What contradicts itself keeps its queue.
        ([empty, left], Invalid) => Some(if waiting == 0 { *empty } else { *left }),
        ([empty, left], _) => Some(if waiting == 1 { *empty } else { *left }),
        (more, _) => panic!("{operation:?} in {from} leads to {more:?}"),
    }
}

/// What a legal operation changes beside the state, as its line says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Changes {
    /// The messages.
    pub(crate) history: bool,
    /// What waits.
    pub(crate) queue: bool,
}

/// What a legal `operation` changes in `from` while `open` calls have no result. What a runner hands in has messages.
pub(crate) fn changes(operation: Operation, from: State, open: bool) -> Changes {
    let queued = matches!(from, E1 | R1 | I1 | A1);
    let waits_for_client = matches!(from, A0 | A1);
    let busy = matches!(from, R0 | R1 | I0 | I1);
    let (history, queue) = match operation {
        O::CreateChat | O::CompleteRequiresAction | O::ClearContext => (true, false),
        O::CommitStep | O::CommitCompaction | O::EnterRequiresAction | O::FinishError => (true, false),
        O::SendMessage => (matches!(from, W | E0 | E1), !matches!(from, W | E0)),
        // Leaving `requires_action` answers the calls of the client's tools.
        O::SendMessageInterrupting => (!busy, !matches!(from, W | E0)),
        O::EditMessage => (true, queued),
        O::DeleteQueuedMessage => (false, true),
        O::PromoteQueuedMessage => (!busy, true),
        O::Interrupt | O::CancelRequiresAction => (waits_for_client, false),
        O::FinishTurn => (queued, queued),
        O::FinishInterruption => (true, queued),
        O::ReconcileInvalidState => (open, false),
        O::Archive | O::Unarchive | O::UpdateMetadata | O::RequestCompaction | O::Acquire | O::Abandon => {
            (false, false)
        }
        O::RecordGenerationAttempt | O::RecordRetryState | O::RecordStep => (false, false),
    };
    Changes { history, queue }
}

/// What only the holder of the lease may do.
pub(crate) const FENCED: [Operation; 9] = [
    O::RecordGenerationAttempt,
    O::RecordRetryState,
    O::RecordStep,
    O::CommitStep,
    O::CommitCompaction,
    O::EnterRequiresAction,
    O::FinishTurn,
    O::FinishError,
    O::FinishInterruption,
];
