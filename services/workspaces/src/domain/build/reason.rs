//! Why builds are there, and why they failed, in words.

use crate::domain::UnknownWord;

/// What kind of failure a build ended with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorCode {
    /// The owner's workspaces would take more credits than there are.
    InsufficientQuota,
    /// It was given up.
    Canceled,
    /// The provisioner could make nothing of the template.
    InvalidTemplate,
}

/// Why there is a build.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BuildReason {
    /// A user, or what acts for one, asked for it.
    Initiator,
    /// The workspace was not used for long.
    Autostop,
    /// The workspace is made in advance.
    Prebuild,
}

impl ErrorCode {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::InsufficientQuota, Self::Canceled, Self::InvalidTemplate];

    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InsufficientQuota => "insufficient_quota",
            Self::Canceled => "canceled",
            Self::InvalidTemplate => "invalid_template",
        }
    }
}

impl TryFrom<String> for ErrorCode {
    type Error = UnknownWord;

    fn try_from(word: String) -> Result<Self, UnknownWord> {
        Self::ALL.into_iter().find(|one| one.as_str() == word).ok_or(UnknownWord(word))
    }
}

impl BuildReason {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Initiator, Self::Autostop, Self::Prebuild];

    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Initiator => "initiator",
            Self::Autostop => "autostop",
            Self::Prebuild => "prebuild",
        }
    }
}

impl TryFrom<String> for BuildReason {
    type Error = UnknownWord;

    fn try_from(word: String) -> Result<Self, UnknownWord> {
        Self::ALL.into_iter().find(|one| one.as_str() == word).ok_or(UnknownWord(word))
    }
}
