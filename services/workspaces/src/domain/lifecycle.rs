//! How far a workspace has come, as its agent says.

use chatmesh_core::Timestamp;

use super::UnknownWord;

/// How far the startup or shutdown of a workspace has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LifecycleState {
    /// The agent said nothing yet, or knows nothing to run.
    #[default]
    Created,
    /// Scripts run on start.
    Starting,
    /// They all ended well.
    Ready,
    /// One of them took too long.
    StartTimeout,
    /// One of them failed in another way.
    StartError,
    /// Scripts run on stop.
    ShuttingDown,
    /// One of them took too long.
    ShutdownTimeout,
    /// One of them failed in another way.
    ShutdownError,
    /// They all ended well.
    Off,
}

/// The state, and since when.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lifecycle {
    /// The state.
    pub state: LifecycleState,
    /// Since when; `None` where the agent said nothing yet.
    pub changed_at: Option<Timestamp>,
    /// What went wrong, where something did.
    pub message: String,
}

impl LifecycleState {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Created,
        Self::Starting,
        Self::Ready,
        Self::StartTimeout,
        Self::StartError,
        Self::ShuttingDown,
        Self::ShutdownTimeout,
        Self::ShutdownError,
        Self::Off,
    ];

    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Starting => "starting",
            Self::Ready => "ready",
            Self::StartTimeout => "start_timeout",
            Self::StartError => "start_error",
            Self::ShuttingDown => "shutting_down",
            Self::ShutdownTimeout => "shutdown_timeout",
            Self::ShutdownError => "shutdown_error",
            Self::Off => "off",
        }
    }

    /// True where this lies ahead of `former`: a process goes neither back nor from one end to another.
    #[must_use]
    pub fn is_ahead_of(self, former: Self) -> bool {
        self.stage() > former.stage()
    }

    fn stage(self) -> u8 {
        match self {
            Self::Created => 0,
            Self::Starting => 1,
            Self::Ready | Self::StartTimeout | Self::StartError => 2,
            Self::ShuttingDown => 3,
            Self::ShutdownTimeout | Self::ShutdownError | Self::Off => 4,
        }
    }
}

impl TryFrom<String> for LifecycleState {
    type Error = UnknownWord;

    fn try_from(word: String) -> Result<Self, UnknownWord> {
        Self::ALL.into_iter().find(|one| one.as_str() == word).ok_or(UnknownWord(word))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_as_they_are_written() {
        for state in LifecycleState::ALL {
            assert_eq!(LifecycleState::try_from(state.as_str().to_owned()), Ok(state));
        }
        assert!(LifecycleState::try_from("done".to_owned()).is_err());
    }

    #[test]
    fn a_state_lies_ahead_of_those_before_it_and_of_no_other() {
        use LifecycleState::{Created, Off, Ready, ShutdownError, ShuttingDown, StartError, Starting};
        for (at, &former) in LifecycleState::ALL.iter().enumerate() {
            assert!(LifecycleState::ALL[..=at].iter().all(|next| !next.is_ahead_of(former)), "{former:?}");
        }
        for (next, former) in [(Starting, Created), (Ready, Created), (ShuttingDown, Starting), (Off, StartError)] {
            assert!(next.is_ahead_of(former), "{next:?} after {former:?}");
        }
        assert!(!StartError.is_ahead_of(Ready) && !Off.is_ahead_of(ShutdownError), "no end follows another");
    }
}
