//! What happens next: chance, within what the state machine allows.

use rand::Rng as _;
use rand::rngs::StdRng;

/// What the owner does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Deed {
    Send,
    Interrupt,
    SendInterrupting,
    Promote,
    DeleteQueued,
    Edit,
}

impl Deed {
    /// Something to do while a turn runs.
    pub(super) fn while_running(dice: &mut StdRng) -> Self {
        match dice.random_range(0..100) {
            0..40 => Self::Send,
            40..55 => Self::Interrupt,
            55..68 => Self::SendInterrupting,
            68..80 => Self::Promote,
            80..90 => Self::DeleteQueued,
            _ => Self::Edit,
        }
    }
}

/// How a call of the model ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It fails and will be made again.
    Retry,
    /// It is an answer, perhaps with calls of tools.
    Answer { calls: u32, last: bool },
    /// It asks the client.
    Ask { calls: u32 },
    /// It fails for good.
    Error,
}

impl Outcome {
    pub(super) fn roll(dice: &mut StdRng) -> Self {
        match dice.random_range(0..100) {
            0..18 => Self::Retry,
            18..84 => {
                let calls = if dice.random_bool(0.3) { dice.random_range(1..=3) } else { 0 };
                Self::Answer { calls, last: dice.random_bool(0.5) }
            }
            84..92 => Self::Ask { calls: dice.random_range(1..=2) },
            _ => Self::Error,
        }
    }
}

/// What becomes of a runner before it calls the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It goes on.
    Stays,
    /// It gives the chat back.
    Abandons,
    /// Another one takes the chat over, and it does not know.
    IsRobbed,
    /// It summarises first.
    Compacts,
}

impl Fate {
    pub(super) fn roll(dice: &mut StdRng) -> Self {
        match dice.random_range(0..100) {
            0..5 => Self::Abandons,
            5..10 => Self::IsRobbed,
            10..14 => Self::Compacts,
            _ => Self::Stays,
        }
    }
}
