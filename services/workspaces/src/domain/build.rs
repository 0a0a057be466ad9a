//! Builds and the lease under which they are carried out.

use std::time::Duration;

use chatmesh_core::Timestamp;

use super::{BuildId, WorkspaceId};

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

/// How far a build is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BuildStatus {
    /// It waits for a provisioner.
    Pending,
    /// A provisioner carries it out, or did until its lease expired.
    Running,
    /// It is done.
    Succeeded,
    /// It failed.
    Failed,
}

/// A word that the database should not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown word `{0}`")]
pub struct UnknownWord(pub(super) String);

impl Transition {
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
        let known = [Self::Start, Self::Stop, Self::Delete];
        known.into_iter().find(|one| one.as_str() == word).ok_or(UnknownWord(word))
    }
}

impl BuildStatus {
    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
        }
    }
}

impl TryFrom<String> for BuildStatus {
    type Error = UnknownWord;

    fn try_from(word: String) -> Result<Self, UnknownWord> {
        let known = [Self::Pending, Self::Running, Self::Succeeded, Self::Failed];
        known.into_iter().find(|one| one.as_str() == word).ok_or(UnknownWord(word))
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
    /// How far it is.
    pub status: BuildStatus,
    /// Why it failed.
    pub error: Option<String>,
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
    /// It failed, for this reason.
    Failed(String),
}

/// What came of ending a build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ended {
    /// It ended, and this is how it is now.
    Now(Build),
    /// The same holder had ended it in the same way before.
    Before,
}

/// Someone else holds the lease, or the build has ended otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LeaseLost;

impl Build {
    /// A build that waits for a provisioner.
    #[must_use]
    pub fn new(id: BuildId, workspace_id: WorkspaceId, number: u32, transition: Transition, now: Timestamp) -> Self {
        Self {
            id,
            workspace_id,
            number,
            transition,
            status: BuildStatus::Pending,
            error: None,
            leased_by: None,
            lease_expires_at: None,
            created_at: now,
            completed_at: None,
        }
    }

    /// Extends the lease of `holder`. An expired lease that nobody took is still the holder's.
    pub(crate) fn renew(mut self, holder: &str, expires_at: Timestamp) -> Result<Self, LeaseLost> {
        if !self.is_held_by(holder) {
            return Err(LeaseLost);
        }
        self.lease_expires_at = Some(expires_at);
        Ok(self)
    }

    /// Ends the build for `holder`.
    pub(crate) fn end(mut self, holder: &str, outcome: Outcome, now: Timestamp) -> Result<Ended, LeaseLost> {
        let (status, error) = match outcome {
            Outcome::Succeeded => (BuildStatus::Succeeded, None),
            Outcome::Failed(error) => (BuildStatus::Failed, Some(error)),
        };
        if self.leased_by.as_deref() == Some(holder) && self.status == status {
            return Ok(Ended::Before);
        }
        if !self.is_held_by(holder) {
            return Err(LeaseLost);
        }
        self.status = status;
        self.error = error;
        self.lease_expires_at = None;
        self.completed_at = Some(now);
        Ok(Ended::Now(self))
    }

    fn is_held_by(&self, holder: &str) -> bool {
        self.status == BuildStatus::Running && self.leased_by.as_deref() == Some(holder)
    }
}

#[cfg(test)]
mod tests {
    use chatmesh_core::Uuid;

    use super::*;

    const ALL: [BuildStatus; 4] =
        [BuildStatus::Pending, BuildStatus::Running, BuildStatus::Succeeded, BuildStatus::Failed];

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_timestamp(seconds, 0).expect("a time")
    }

    fn build(status: BuildStatus) -> Build {
        let ended = matches!(status, BuildStatus::Succeeded | BuildStatus::Failed);
        Build {
            status,
            error: (status == BuildStatus::Failed).then(|| "no".to_owned()),
            leased_by: (status != BuildStatus::Pending).then(|| "me".to_owned()),
            lease_expires_at: (status == BuildStatus::Running).then(|| at(30)),
            completed_at: ended.then(|| at(20)),
            ..Build::new(BuildId(Uuid::nil()), WorkspaceId(Uuid::nil()), 1, Transition::Start, at(0))
        }
    }

    #[test]
    fn a_lease_is_renewed_by_its_holder_while_the_build_runs() {
        for status in ALL {
            let renewed = build(status).renew("me", at(60));
            match status {
                BuildStatus::Running => assert_eq!(renewed.expect("held").lease_expires_at, Some(at(60))),
                _ => assert_eq!(renewed, Err(LeaseLost), "{status:?}"),
            }
            assert_eq!(build(status).renew("another", at(60)), Err(LeaseLost), "{status:?}");
        }
    }

    #[test]
    fn a_build_is_ended_by_its_holder_once_and_the_same_again_changes_nothing() {
        let failed = || Outcome::Failed("disk full".to_owned());
        for status in ALL {
            let completed = build(status).end("me", Outcome::Succeeded, at(40));
            let given_up = build(status).end("me", failed(), at(40));
            match status {
                BuildStatus::Pending => {
                    assert_eq!(completed, Err(LeaseLost));
                    assert_eq!(given_up, Err(LeaseLost));
                }
                BuildStatus::Running => {
                    let Ok(Ended::Now(build)) = completed else { panic!("{completed:?}") };
                    assert_eq!((build.status, build.error), (BuildStatus::Succeeded, None));
                    assert_eq!((build.lease_expires_at, build.completed_at), (None, Some(at(40))));
                    let Ok(Ended::Now(build)) = given_up else { panic!("{given_up:?}") };
                    assert_eq!((build.status, build.error.as_deref()), (BuildStatus::Failed, Some("disk full")));
                }
                BuildStatus::Succeeded => {
                    assert_eq!(completed, Ok(Ended::Before));
                    assert_eq!(given_up, Err(LeaseLost));
                }
                BuildStatus::Failed => {
                    assert_eq!(completed, Err(LeaseLost));
                    assert_eq!(given_up, Ok(Ended::Before));
                }
            }
            assert_eq!(build(status).end("another", Outcome::Succeeded, at(40)), Err(LeaseLost), "{status:?}");
            assert_eq!(build(status).end("another", failed(), at(40)), Err(LeaseLost), "{status:?}");
        }
    }

    #[test]
    fn words_are_read_as_they_are_written() {
        for status in ALL {
            assert_eq!(BuildStatus::try_from(status.as_str().to_owned()), Ok(status));
        }
        for transition in [Transition::Start, Transition::Stop, Transition::Delete] {
            assert_eq!(Transition::try_from(transition.as_str().to_owned()), Ok(transition));
        }
        assert!(Transition::try_from("destroy".to_owned()).is_err());
    }
}
