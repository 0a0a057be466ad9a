//! What may become of a build, and by whom.
//!
//! ```text
//! pending ── lease ──► running ── end ──► succeeded, failed
//!    │                  │  ▲ │
//!  cancel          cancel  lease, once it has expired
//!    │                  ▼
//!    │              canceling ── end ──► succeeded, failed, canceled
//!    ▼                  │
//! canceled ◄── expire ──┘
//! ```
//!
//! What has ended stays as it is. Only the holder of the lease ends a build that runs; what it says counts, also where
//! it was asked to give it up and had it done already.

use chatmesh_core::Timestamp;

use super::{Build, BuildStatus, ErrorCode, Failure, Outcome, Transition};

/// Someone else holds the lease, or the build has ended otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LeaseLost;

/// The build has ended: there is nothing to give up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct HasEnded(pub(crate) BuildStatus);

impl Build {
    /// Leases the build to `holder`; `None` where it does not wait for that.
    pub(crate) fn lease(mut self, holder: &str, expires_at: Timestamp, now: Timestamp) -> Option<Self> {
        let expired = self.lease_expires_at.is_some_and(|at| at <= now);
        let waits = self.status == BuildStatus::Pending || (self.status == BuildStatus::Running && expired);
        if !waits {
            return None;
        }
        self.status = BuildStatus::Running;
        self.leased_by = Some(holder.to_owned());
        self.lease_expires_at = Some(expires_at);
        Some(self)
    }

    /// Extends the lease of `holder`. An expired lease that nobody took is still the holder's.
    pub(crate) fn renew(mut self, holder: &str, expires_at: Timestamp) -> Result<Self, LeaseLost> {
        self.check_holder(holder)?;
        self.lease_expires_at = Some(expires_at);
        Ok(self)
    }

    /// Ends the build for `holder`; `None` where the same holder had ended it in the same way before.
    pub(crate) fn end(self, holder: &str, outcome: Outcome, now: Timestamp) -> Result<Option<Self>, LeaseLost> {
        if self.leased_by.as_deref() == Some(holder) && self.ended_like(&outcome) {
            return Ok(None);
        }
        self.check_holder(holder)?;
        Ok(Some(match outcome {
            Outcome::Succeeded => self.succeed(now),
            Outcome::Failed(failure) => self.fail(failure, now),
        }))
    }

    /// Asks for the build to be given up; `None` where that was asked for before.
    pub(crate) fn cancel(mut self, now: Timestamp) -> Result<Option<Self>, HasEnded> {
        match self.status {
            BuildStatus::Pending => {
                self.cancel_requested = true;
                let error = "it was canceled before a provisioner took it";
                Ok(Some(self.fail(Failure::of(ErrorCode::Canceled, error), now)))
            }
            BuildStatus::Running => {
                self.status = BuildStatus::Canceling;
                self.cancel_requested = true;
                Ok(Some(self))
            }
            BuildStatus::Canceling | BuildStatus::Canceled => Ok(None),
            status @ (BuildStatus::Succeeded | BuildStatus::Failed) => Err(HasEnded(status)),
        }
    }

    /// Gives the build up where its provisioner was asked to, and says nothing any more.
    pub(crate) fn expire(self, now: Timestamp) -> Option<Self> {
        let expired = self.lease_expires_at.is_some_and(|at| at <= now);
        if self.status != BuildStatus::Canceling || !expired {
            return None;
        }
        let error = "it was canceled, and its provisioner did not say what it had done until then";
        Some(self.fail(Failure::of(ErrorCode::Canceled, error), now))
    }

    /// True where the build was to stop or delete its workspace, and was given up before any provisioner had it: the
    /// workspace is as if it had never been asked for.
    pub(crate) fn changed_nothing(&self) -> bool {
        let is_given_up = self.status == BuildStatus::Canceled && self.leased_by.is_none();
        // An older release gives it the deadline of the workspace, which then follows from it.
        is_given_up && self.transition != Transition::Start && self.deadline.is_none()
    }

    /// Fails the build that was just leased, in place of handing it out.
    pub(crate) fn refuse(self, failure: Failure, now: Timestamp) -> Self {
        self.fail(failure, now)
    }

    /// Whether `holder` may say something of the build.
    pub(crate) fn check_holder(&self, holder: &str) -> Result<(), LeaseLost> {
        let runs = matches!(self.status, BuildStatus::Running | BuildStatus::Canceling);
        if runs && self.leased_by.as_deref() == Some(holder) { Ok(()) } else { Err(LeaseLost) }
    }

    fn ended_like(&self, outcome: &Outcome) -> bool {
        match outcome {
            Outcome::Succeeded => self.status == BuildStatus::Succeeded,
            Outcome::Failed(Failure { code, .. }) => {
                matches!(self.status, BuildStatus::Failed | BuildStatus::Canceled) && self.error_code == *code
            }
        }
    }

    fn succeed(mut self, now: Timestamp) -> Self {
        self.status = BuildStatus::Succeeded;
        if self.transition != Transition::Start {
            // What is stopped takes nothing.
            self.daily_cost = 0;
        }
        self.ended(now)
    }

    fn fail(mut self, failure: Failure, now: Timestamp) -> Self {
        let Failure { code, message, nothing_runs } = failure;
        if self.transition == Transition::Start && nothing_runs {
            self.daily_cost = 0;
        }
        // A provisioner that gives up by itself has failed.
        let canceled = self.cancel_requested && code == Some(ErrorCode::Canceled);
        self.status = if canceled { BuildStatus::Canceled } else { BuildStatus::Failed };
        self.error_code = code;
        self.error = Some(message);
        self.ended(now)
    }

    fn ended(mut self, now: Timestamp) -> Self {
        self.lease_expires_at = None;
        self.completed_at = Some(now);
        self
    }
}
