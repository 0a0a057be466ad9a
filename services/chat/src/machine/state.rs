//! What a chat may be like.

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

    /// True while a worker has something to do for the chat.
    #[must_use]
    pub fn needs_worker(self) -> bool {
        matches!(self, Self::Running | Self::Interrupting)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The state of a chat, as far as operations depend on it. A digit says whether messages wait in
/// the queue, an `X` that the chat is archived.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// There is no such chat.
    N,
    /// Idle; its queue is empty, always.
    W,
    /// Failed.
    E0,
    /// Failed, with a queue.
    E1,
    /// Running.
    R0,
    /// Running, with a queue.
    R1,
    /// Interrupting.
    I0,
    /// Interrupting, with a queue.
    I1,
    /// Requires action.
    A0,
    /// Requires action, with a queue.
    A1,
    /// Idle and archived.
    XW,
    /// Failed and archived.
    XE0,
    /// Failed and archived, with a queue.
    XE1,
    /// What is stored is none of these: only `ReconcileInvalidState` leads out of it.
    Invalid,
}

impl State {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::N,
        Self::W,
        Self::E0,
        Self::E1,
        Self::R0,
        Self::R1,
        Self::I0,
        Self::I1,
        Self::A0,
        Self::A1,
        Self::XW,
        Self::XE0,
        Self::XE1,
        Self::Invalid,
    ];

    /// The state of a stored chat.
    #[must_use]
    pub fn of(status: Status, queued: bool, archived: bool) -> Self {
        match (status, queued, archived) {
            (Status::Waiting, false, false) => Self::W,
            (Status::Waiting, false, true) => Self::XW,
            (Status::Error, false, false) => Self::E0,
            (Status::Error, true, false) => Self::E1,
            (Status::Error, false, true) => Self::XE0,
            (Status::Error, true, true) => Self::XE1,
            (Status::Running, false, false) => Self::R0,
            (Status::Running, true, false) => Self::R1,
            (Status::Interrupting, false, false) => Self::I0,
            (Status::Interrupting, true, false) => Self::I1,
            (Status::RequiresAction, false, false) => Self::A0,
            (Status::RequiresAction, true, false) => Self::A1,
            (Status::Waiting, true, _) | (Status::Running | Status::Interrupting | Status::RequiresAction, _, true) => {
                Self::Invalid
            }
        }
    }

    /// The status of a chat in this state; `None` where it does not follow.
    #[must_use]
    pub fn status(self) -> Option<Status> {
        match self {
            Self::W | Self::XW => Some(Status::Waiting),
            Self::E0 | Self::E1 | Self::XE0 | Self::XE1 => Some(Status::Error),
            Self::R0 | Self::R1 => Some(Status::Running),
            Self::I0 | Self::I1 => Some(Status::Interrupting),
            Self::A0 | Self::A1 => Some(Status::RequiresAction),
            Self::N | Self::Invalid => None,
        }
    }

    /// True for an archived chat.
    #[must_use]
    pub fn is_archived(self) -> bool {
        matches!(self, Self::XW | Self::XE0 | Self::XE1)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}
