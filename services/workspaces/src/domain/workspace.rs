//! Workspaces: what they are doing, and what may be done to them next.

use std::fmt::{self, Display};

use chatmesh_core::Timestamp;
use chatmesh_rpc::UserId;

use super::{Agent, Build, BuildId, BuildStatus, NotSelected, TemplateId, Transition, WorkspaceId, select};

/// A place where tools act.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workspace {
    /// The identifier.
    pub id: WorkspaceId,
    /// Whose it is.
    pub owner_id: UserId,
    /// Unique among the owner's workspaces that are not deleted.
    pub name: String,
    /// What it was made from.
    pub template_id: TemplateId,
    /// The name of the template.
    pub template: String,
    /// True once a build has deleted it.
    pub deleted: bool,
    /// How long it runs without being used, in seconds, 0 for ever; `None` where its template says.
    pub ttl_seconds: Option<u32>,
    /// When it was last used, to a few minutes.
    pub last_used_at: Option<Timestamp>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// A workspace with what its status follows from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkspaceDetails {
    /// The workspace.
    pub workspace: Workspace,
    /// The latest build; there is always one. One that was to stop or delete the workspace, and was given up before any
    /// provisioner had it, is passed over: nothing has changed.
    pub build: Build,
    /// The agents of that build in the order in which they are shown; none before it is leased.
    pub agents: Vec<Agent>,
}

/// What a workspace is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkspaceStatus {
    /// A build waits for a provisioner.
    Pending,
    /// It is being started.
    Starting,
    /// It runs.
    Running,
    /// It is being stopped.
    Stopping,
    /// It is stopped.
    Stopped,
    /// The latest build failed.
    Failed,
    /// It is being deleted.
    Deleting,
    /// It is deleted.
    Deleted,
    /// The provisioner of the latest build was asked to give it up.
    Canceling,
    /// The latest build was given up.
    Canceled,
}

/// Why an operation is refused in the state that a workspace is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It runs already.
    #[error("it is running already: use it as it is, or stop it first")]
    AlreadyRunning,
    /// It is stopped already.
    #[error("it is stopped already: there is nothing to stop")]
    AlreadyStopped,
    /// A build is not done.
    #[error("it is {0}: wait until that is done, then try again")]
    BuildActive(WorkspaceStatus),
    /// It is deleted.
    #[error("it is deleted: create another workspace")]
    Deleted,
}

impl WorkspaceStatus {
    /// Derives the status from the latest build.
    #[must_use]
    pub fn of(build: &Build) -> Self {
        match (build.status, build.transition) {
            (BuildStatus::Pending, _) => Self::Pending,
            (BuildStatus::Running, Transition::Start) => Self::Starting,
            (BuildStatus::Running, Transition::Stop) => Self::Stopping,
            (BuildStatus::Running, Transition::Delete) => Self::Deleting,
            (BuildStatus::Succeeded, Transition::Start) => Self::Running,
            (BuildStatus::Succeeded, Transition::Stop) => Self::Stopped,
            (BuildStatus::Succeeded, Transition::Delete) => Self::Deleted,
            (BuildStatus::Failed, _) => Self::Failed,
            (BuildStatus::Canceling, _) => Self::Canceling,
            (BuildStatus::Canceled, _) => Self::Canceled,
        }
    }

    /// Says whether a build may be made now. What failed or was given up may be tried again, in any direction.
    ///
    /// # Errors
    /// Why not.
    pub fn admit(self, transition: Transition) -> Result<(), Refusal> {
        match (self, transition) {
            (Self::Deleted, _) => Err(Refusal::Deleted),
            (Self::Pending | Self::Starting | Self::Stopping | Self::Deleting | Self::Canceling, _) => {
                Err(Refusal::BuildActive(self))
            }
            (Self::Running, Transition::Start) => Err(Refusal::AlreadyRunning),
            (Self::Stopped, Transition::Stop) => Err(Refusal::AlreadyStopped),
            (Self::Running | Self::Stopped | Self::Failed | Self::Canceled, _) => Ok(()),
        }
    }
}

impl Display for WorkspaceStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pending => "waiting for a provisioner",
            Self::Starting => "being started",
            Self::Running => "running",
            Self::Stopping => "being stopped",
            Self::Stopped => "stopped",
            Self::Failed => "failed",
            Self::Deleting => "being deleted",
            Self::Deleted => "deleted",
            Self::Canceling => "being canceled",
            Self::Canceled => "canceled",
        })
    }
}

impl WorkspaceDetails {
    /// What the workspace is doing.
    #[must_use]
    pub fn status(&self) -> WorkspaceStatus {
        WorkspaceStatus::of(&self.build)
    }

    /// The agent that the workspace is reached through.
    pub(crate) fn agent(&self) -> Result<&Agent, NotSelected> {
        select(&self.agents)
    }

    /// What it is doing that its agent is not there, and what to do.
    pub(crate) fn advice(&self) -> String {
        match self.status() {
            status @ (WorkspaceStatus::Stopped | WorkspaceStatus::Running) => {
                format!("it is {status}; start it, then try again")
            }
            WorkspaceStatus::Failed => {
                let error = self.build.error.as_deref().unwrap_or("no reason is known");
                format!("its latest build failed ({error}); start it to try again")
            }
            WorkspaceStatus::Canceled => "its latest build was canceled; start it to try again".to_owned(),
            status @ (WorkspaceStatus::Pending | WorkspaceStatus::Starting) => {
                format!("it is {status}; wait until it runs, then try again")
            }
            status @ (WorkspaceStatus::Stopping
            | WorkspaceStatus::Deleting
            | WorkspaceStatus::Deleted
            | WorkspaceStatus::Canceling) => {
                format!("it is {status}; wait until that is done, then start it or create another one")
            }
        }
    }

    /// Makes the next build, of what the one before was of.
    pub(crate) fn next_build(
        &self,
        id: BuildId,
        number: u32,
        transition: Transition,
        now: Timestamp,
    ) -> Result<Build, Refusal> {
        self.status().admit(transition)?;
        let next = Build::new(id, self.workspace.id, number, transition, now);
        // What the workspace takes is settled anew only where a provisioner takes up its start.
        let Build { recipe, terms, daily_cost, .. } = self.build.clone();
        Ok(Build { recipe, terms, daily_cost, ..next })
    }
}

#[cfg(test)]
mod tests {
    use chatmesh_core::Uuid;

    use super::WorkspaceStatus as W;
    use super::*;

    fn build(transition: Transition, status: BuildStatus) -> Build {
        let now = Timestamp::UNIX_EPOCH;
        Build { status, ..Build::new(BuildId(Uuid::nil()), WorkspaceId(Uuid::nil()), 1, transition, now) }
    }

    #[test]
    fn the_status_follows_from_the_latest_build() {
        let table = [
            (Transition::Start, [W::Pending, W::Starting, W::Canceling, W::Running, W::Failed, W::Canceled]),
            (Transition::Stop, [W::Pending, W::Stopping, W::Canceling, W::Stopped, W::Failed, W::Canceled]),
            (Transition::Delete, [W::Pending, W::Deleting, W::Canceling, W::Deleted, W::Failed, W::Canceled]),
        ];
        for (transition, expected) in table {
            assert_eq!(BuildStatus::ALL.map(|status| W::of(&build(transition, status))), expected, "{transition:?}");
        }
    }

    #[test]
    fn every_operation_is_allowed_or_refused_in_every_state() {
        let active = |status| Err(Refusal::BuildActive(status));
        let table = [
            (W::Pending, [active(W::Pending); 3]),
            (W::Starting, [active(W::Starting); 3]),
            (W::Running, [Err(Refusal::AlreadyRunning), Ok(()), Ok(())]),
            (W::Stopping, [active(W::Stopping); 3]),
            (W::Stopped, [Ok(()), Err(Refusal::AlreadyStopped), Ok(())]),
            (W::Failed, [Ok(()); 3]),
            (W::Deleting, [active(W::Deleting); 3]),
            (W::Deleted, [Err(Refusal::Deleted); 3]),
            (W::Canceling, [active(W::Canceling); 3]),
            (W::Canceled, [Ok(()); 3]),
        ];
        for (status, expected) in table {
            let decided = [Transition::Start, Transition::Stop, Transition::Delete].map(|t| status.admit(t));
            assert_eq!(decided, expected, "{status:?}");
        }
    }
}
