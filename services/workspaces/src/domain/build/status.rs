//! How far builds are, in words.

use super::ErrorCode;
use crate::domain::UnknownWord;

/// How far a build is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BuildStatus {
    /// It waits for a provisioner.
    Pending,
    /// A provisioner carries it out, or did until its lease expired.
    Running,
    /// Its provisioner was asked to give it up. For whoever waits it runs: it may still be done.
    Canceling,
    /// It is done.
    Succeeded,
    /// It failed.
    Failed,
    /// It was given up.
    Canceled,
}

impl BuildStatus {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Pending, Self::Running, Self::Canceling, Self::Succeeded, Self::Failed, Self::Canceled];

    /// True where nothing of the build changes any more.
    #[must_use]
    pub fn has_ended(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Canceled)
    }

    /// The word that is kept. There is none of its own for what was asked to be given up: a release that knows nothing
    /// of that reads the word of what it takes for the same.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running | Self::Canceling => "running",
            Self::Succeeded => "succeeded",
            Self::Failed | Self::Canceled => "failed",
        }
    }

    /// Reads the word together with what else is kept.
    pub(crate) fn read(word: String, cancel_requested: bool, code: Option<ErrorCode>) -> Result<Self, UnknownWord> {
        match word.as_str() {
            "pending" => Ok(Self::Pending),
            "running" if cancel_requested => Ok(Self::Canceling),
            "running" => Ok(Self::Running),
            "succeeded" => Ok(Self::Succeeded),
            "failed" if cancel_requested && code == Some(ErrorCode::Canceled) => Ok(Self::Canceled),
            "failed" => Ok(Self::Failed),
            _ => Err(UnknownWord(word)),
        }
    }
}
