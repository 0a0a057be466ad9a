//! When a workspace is stopped: that nobody uses, and that has run for as long as it may.

use std::time::Duration;

use chatmesh_core::Timestamp;

use super::{Build, BuildReason, BuildStatus, Transition};

/// How long a workspace goes on that runs. What is to be stopped because a stop failed is not used any more: nobody gets
/// its agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RunsUntil {
    /// When it is stopped unless it is used until then.
    pub(crate) deadline: Option<Timestamp>,
    /// When it is stopped at the latest.
    pub(crate) max_deadline: Option<Timestamp>,
    /// How much longer it runs at least once it was used.
    pub(crate) bump_seconds: u32,
}

impl RunsUntil {
    /// The deadline after the workspace was used at `now`, where that is worth to be written down: not before a
    /// twentieth of what it gains has passed, never an earlier one, and never one after the last.
    pub(crate) fn bumped(self, now: Timestamp) -> Option<Timestamp> {
        let bump = Duration::from_secs(self.bump_seconds.into());
        let deadline = self.deadline?;
        let later = self.max_deadline.map_or(now + bump, |last| last.min(now + bump));
        let worthwhile = deadline < now + bump * 19 / 20 && deadline < later;
        (worthwhile && !bump.is_zero()).then_some(later)
    }
}

impl Build {
    /// Sets when the workspace is stopped, as of `now`: once nobody used it for `ttl`, its own time to live in seconds,
    /// and at the latest once it has run for as long as its template lets it. Only what runs is stopped.
    pub(crate) fn set_deadlines(&mut self, ttl: Option<u32>, now: Timestamp) {
        self.max_deadline = self.max_deadline_from(now);
        self.deadline = self.deadline_from(ttl, now);
    }

    /// The deadline that the workspace gets at `now`, where `ttl` is its own time to live, in seconds.
    pub(crate) fn deadline_from(&self, ttl: Option<u32>, now: Timestamp) -> Option<Timestamp> {
        let seconds = ttl.unwrap_or(self.terms.ttl_seconds);
        let unused = (seconds > 0).then(|| now + Duration::from_secs(seconds.into()));
        unused.into_iter().chain(self.max_deadline).min().filter(|_| self.runs())
    }

    /// When the workspace is stopped at the latest, where it begins to run at `now`. What waits for an owner begins when
    /// it has one.
    fn max_deadline_from(&self, now: Timestamp) -> Option<Timestamp> {
        let seconds = self.terms.max_lifetime_seconds;
        let is_bound = self.runs() && self.reason != Some(BuildReason::Prebuild) && seconds > 0;
        is_bound.then(|| now + Duration::from_secs(seconds.into()))
    }

    fn runs(&self) -> bool {
        self.transition == Transition::Start && self.status == BuildStatus::Succeeded
    }
}
