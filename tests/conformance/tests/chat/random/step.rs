//! What is tried next: numbers of chance, and what they mean for a chat as it is.

use std::time::Duration;

use chatmesh_chat::machine::{Operation, State};
use chatmesh_core::Timestamp;
use proptest::prelude::*;
use proptest::sample::Index;

use crate::expected::FENCED;
use crate::model::{Model, Who};
use crate::world::STALE;

/// The chats of a household: of these the second is a child of the first.
pub(super) const CHATS: usize = 4;

/// Numbers of chance. The smaller they are, the less happens.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    pub(super) chat: usize,
    /// True to try anything, false to try what is likely to be legal.
    pub(super) is_wild: bool,
    pub(super) what: Index,
    pub(super) who: Who,
    pub(super) which: Index,
    pub(super) number: u32,
    pub(super) flag: bool,
}

pub(super) fn step() -> impl Strategy<Value = Step> {
    let chat = prop_oneof![4 => Just(0_usize), 2 => Just(1), 2 => Just(2), 1 => Just(3)];
    let who = prop_oneof![8 => Just(Who::Holder), 1 => Just(Who::Predecessor), 1 => Just(Who::Latecomer)];
    let index = any::<Index>;
    let numbers = (chat, prop::bool::weighted(0.15), index(), who, index(), 0..4_u32, any::<bool>());
    numbers.prop_map(|(chat, is_wild, what, who, which, number, flag)| Step {
        chat,
        is_wild,
        what,
        who,
        which,
        number,
        flag,
    })
}

/// What happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    /// Some time passes; with the flag, enough for every lease to become stale.
    Wait,
    Heartbeat,
    /// One of the earlier requests is made again.
    Repeat,
    MarkRead,
    Send {
        interrupt: bool,
    },
    Edit,
    DeleteQueued,
    Promote,
    Interrupt,
    Submit,
    CancelClientTools,
    /// The title, the pin, or whether it is put away.
    Update,
    AskForSummary,
    Clear,
    Reconcile,
    /// A hand puts away a chat that works.
    Break,
    Acquire,
    /// Takes a living lease over.
    Steal,
    Abandon,
    Work(Operation),
}

/// What may be tried, with how likely each is for `chat` as it is.
fn chances(chat: &Model, now: Timestamp) -> Vec<(Action, u32)> {
    use Action as A;
    use Operation as O;
    let state = chat.state();
    let waits = !chat.queue.is_empty();
    let idle = matches!(state, State::W | State::E0 | State::E1);
    let asks = matches!(state, State::A0 | State::A1);
    let runs = matches!(state, State::R0 | State::R1);
    let stops = matches!(state, State::I0 | State::I1);
    let leased = chat.lease.is_some();
    let acquirable = chat.is_runnable(now, STALE);
    let when = |condition, weight| if condition { weight } else { 0 };
    let valid = state != State::Invalid && !chat.archived;
    let mut all = vec![
        (A::Wait, 1),
        (A::Heartbeat, 1),
        (A::Repeat, 1),
        (A::MarkRead, 1),
        (A::Send { interrupt: false }, when(valid, 3) + when(idle, 3)),
        (A::Send { interrupt: true }, when(valid, 1)),
        (A::Edit, when(valid, 1)),
        (A::DeleteQueued, when(valid && waits, 1)),
        (A::Promote, when(valid && waits, 2)),
        (A::Interrupt, when(runs || asks, 1)),
        (A::Submit, when(asks, 5)),
        (A::CancelClientTools, when(asks, 2)),
        (A::Update, 2 + when(chat.archived, 4)),
        (A::AskForSummary, when(idle, 2)),
        (A::Clear, when(idle, 1)),
        (A::Reconcile, when(!valid && !idle, 6)),
        (A::Break, when(valid && (runs || stops || asks), 1)),
        (A::Acquire, when(acquirable, 12)),
        (A::Steal, when(leased, 1)),
        (A::Abandon, when(leased, 1)),
    ];
    all.extend(FENCED.map(|operation| {
        let weight = match operation {
            O::FinishInterruption => when(stops, 8),
            O::CommitStep | O::FinishTurn => when(runs, 4),
            O::RecordRetryState | O::CommitCompaction => when(runs, 1),
            _ => when(runs, 2),
        };
        (A::Work(operation), when(leased, weight))
    }));
    all
}

impl Step {
    /// What this step does to a chat.
    pub(super) fn action(&self, chat: &Model, now: Timestamp) -> Action {
        let mut chances = chances(chat, now);
        if self.is_wild {
            chances.iter_mut().for_each(|(action, weight)| *weight = u32::from(*action != Action::Break));
        }
        let total: u32 = chances.iter().map(|(_, weight)| weight).sum();
        let mut left = self.what.index(total as usize) as u32;
        for (action, weight) in chances {
            match left.checked_sub(weight) {
                Some(rest) => left = rest,
                None => return action,
            }
        }
        Action::Wait
    }

    /// How much time passes when some does.
    pub(super) fn pause(&self) -> Duration {
        if self.flag { STALE } else { Duration::from_secs(5) }
    }
}
