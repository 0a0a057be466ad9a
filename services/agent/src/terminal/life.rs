//! The states of a terminal.

use chatmesh_proto::agent::v1 as pb;
use tokio::sync::watch;

/// Where a terminal is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// Its program is being started.
    Starting,
    /// Its program runs.
    Ready,
    /// It is being ended, for this reason.
    Closing(pb::TerminalEnd),
    /// Its program has ended.
    Done(Exit),
}

/// How a terminal ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Exit {
    /// -1 where a signal ended the program.
    pub(super) code: i32,
    pub(super) reason: pb::TerminalEnd,
}

impl State {
    fn rank(self) -> u8 {
        match self {
            Self::Starting => 0,
            Self::Ready => 1,
            Self::Closing(_) => 2,
            Self::Done(_) => 3,
        }
    }

    /// True where it takes no viewers any more.
    pub(super) fn is_ending(self) -> bool {
        self.rank() >= 2
    }
}

impl From<State> for pb::TerminalState {
    fn from(state: State) -> Self {
        match state {
            State::Starting => Self::Starting,
            State::Ready => Self::Ready,
            State::Closing(_) => Self::Closing,
            State::Done(_) => Self::Done,
        }
    }
}

/// The state of one terminal, which only ever goes forward.
#[derive(Debug)]
pub(super) struct Life {
    state: watch::Sender<State>,
}

impl Life {
    pub(super) fn new() -> Self {
        Self { state: watch::Sender::new(State::Starting) }
    }

    pub(super) fn state(&self) -> State {
        *self.state.borrow()
    }

    /// Goes to a state. False, and without effect, where the terminal is there or further on.
    pub(super) fn advance(&self, to: State) -> bool {
        self.state.send_if_modified(|state| {
            let goes_on = to.rank() > state.rank();
            if goes_on {
                *state = to;
            }
            goes_on
        })
    }

    /// Waits until the terminal is to end.
    pub(super) async fn ending(&self) {
        self.reached(State::is_ending).await;
    }

    /// Waits until the terminal has ended.
    pub(super) async fn done(&self) {
        self.reached(|state| matches!(state, State::Done(_))).await;
    }

    async fn reached(&self, goal: impl Fn(State) -> bool) {
        let mut state = self.state.subscribe();
        // The sender is `self`, so the channel does not close.
        let _ = state.wait_for(|state| goal(*state)).await;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_state() -> impl Strategy<Value = State> {
        prop_oneof![
            Just(State::Starting),
            Just(State::Ready),
            Just(State::Closing(pb::TerminalEnd::Idle)),
            Just(State::Closing(pb::TerminalEnd::Closed)),
            Just(State::Done(Exit { code: 1, reason: pb::TerminalEnd::Exited })),
            Just(State::Done(Exit { code: -1, reason: pb::TerminalEnd::Idle })),
        ]
    }

    proptest! {
        /// T01: states never regress, and the first reason to end stays.
        #[test]
        fn t01_a_state_never_goes_back(states in prop::collection::vec(any_state(), 0..12)) {
            let life = Life::new();
            for to in states {
                let before = life.state();
                let moved = life.advance(to);
                prop_assert_eq!(moved, to.rank() > before.rank());
                prop_assert_eq!(life.state(), if moved { to } else { before });
            }
        }
    }
}
