//! Builds and the lease under which they are carried out.

mod deadline;
mod reason;
mod retry;
mod status;
mod transition;

use std::time::Duration;

use chatmesh_core::Timestamp;
use chatmesh_rpc::UserId;
pub(crate) use deadline::RunsUntil;
pub use reason::{BuildReason, ErrorCode};
pub(crate) use retry::Former;
pub use status::BuildStatus;
pub(crate) use transition::{HasEnded, LeaseLost};

use super::{BuildId, Recipe, Terms, WorkspaceId};

/// How long a lease holds without a renewal.
pub(crate) const LEASE: Duration = Duration::from_secs(30);

/// What a build does to a workspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transition {
    /// Starts it.
    Start,
    /// Stops it.
    Stop,
    /// Deletes it.
    Delete,
}

/// A word that the database should not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown word `{0}`")]
pub struct UnknownWord(pub(super) String);

impl Transition {
    /// All that can be done to a workspace.
    pub const ALL: [Self; 3] = [Self::Start, Self::Stop, Self::Delete];

    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Delete => "delete",
        }
    }
}

impl TryFrom<String> for Transition {
    type Error = UnknownWord;

    fn try_from(word: String) -> Result<Self, UnknownWord> {
        Self::ALL.into_iter().find(|one| one.as_str() == word).ok_or(UnknownWord(word))
    }
}

/// One change of a workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Build {
    /// The identifier.
    pub id: BuildId,
    /// The workspace.
    pub workspace_id: WorkspaceId,
    /// 1, 2, 3, ... within the workspace.
    pub number: u32,
    /// What it does.
    pub transition: Transition,
    /// Why it is there; `None` for builds of a release that did not say.
    pub reason: Option<BuildReason>,
    /// Who asked for it; `None` where the mesh did.
    pub initiator: Option<UserId>,
    /// What it is of.
    pub recipe: Recipe,
    /// What the version of the template says of waiting, of cost, and of stopping.
    pub terms: Terms,
    /// How far it is.
    pub status: BuildStatus,
    /// True once somebody asked for it to be given up.
    pub cancel_requested: bool,
    /// Why it failed.
    pub error: Option<String>,
    /// What kind of failure that was.
    pub error_code: Option<ErrorCode>,
    /// What the workspace takes of its owner's credits from this build on.
    pub daily_cost: u32,
    /// When the workspace is stopped unless it is used until then, or changed where this build came to nothing.
    pub deadline: Option<Timestamp>,
    /// When the workspace is stopped at the latest, however much it is used.
    pub max_deadline: Option<Timestamp>,
    /// Who carries it out, or did.
    pub leased_by: Option<String>,
    /// Until when the lease holds, while it is carried out.
    pub lease_expires_at: Option<Timestamp>,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When it ended.
    pub completed_at: Option<Timestamp>,
}

/// How a build ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is done.
    Succeeded,
    /// It failed.
    Failed(Failure),
}

/// Why a build failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What kind of failure it is; `None` for any other.
    pub code: Option<ErrorCode>,
    /// What went wrong, and what to do.
    pub message: String,
    /// True where nothing of the workspace runs for sure.
    pub nothing_runs: bool,
}

impl Failure {
    /// A failure of no kind in particular.
    #[must_use]
    pub fn other(message: impl Into<String>) -> Self {
        Self { code: None, message: message.into(), nothing_runs: false }
    }

    /// A failure of a kind.
    #[must_use]
    pub fn of(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code: Some(code), ..Self::other(message) }
    }
}

impl Outcome {
    /// A failure of no kind in particular.
    #[must_use]
    pub fn failed(message: impl Into<String>) -> Self {
        Self::Failed(Failure::other(message))
    }
}

impl Build {
    /// A build that waits for a provisioner.
    #[must_use]
    pub fn new(id: BuildId, workspace_id: WorkspaceId, number: u32, transition: Transition, now: Timestamp) -> Self {
        Self {
            id,
            workspace_id,
            number,
            transition,
            reason: Some(BuildReason::Initiator),
            initiator: None,
            recipe: Recipe::default(),
            terms: Terms::default(),
            status: BuildStatus::Pending,
            cancel_requested: false,
            error: None,
            error_code: None,
            daily_cost: 0,
            deadline: None,
            max_deadline: None,
            leased_by: None,
            lease_expires_at: None,
            created_at: now,
            completed_at: None,
        }
    }
}

#[cfg(test)]
mod tests;
