//! When a workspace is stopped whose latest build came to nothing.
//!
//! A stop that failed has stopped nothing, or not everything: it is tried again, less and less often, until a build of
//! the workspace succeeds. Else the workspace would run for ever, and take its owner's credits.

use std::time::Duration;

use chatmesh_core::Timestamp;

use super::{Build, BuildReason, BuildStatus, Transition};

/// How long after the first failure the next stop is made; twice as long after the second, and so on.
const FIRST_PAUSE: Duration = Duration::from_secs(60);
/// The longest time between two stops.
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);

/// What earlier builds of a workspace have left.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Former {
    /// How many stops have failed since a build succeeded.
    pub(crate) failed_stops: u32,
    /// True where the latest build that succeeded started the workspace.
    pub(crate) runs: bool,
}

impl Build {
    /// When the workspace is stopped after this build, its latest, came to nothing at `now`: soon where what runs is not
    /// wanted, and after its time to live, `ttl` in seconds where it has one of its own, where it was to run on.
    /// `may_run` says that a start may have left something that runs: whoever carried the build out said nothing of its
    /// end, or not that nothing runs.
    pub(crate) fn deadline_after_failure(
        &self,
        former: Former,
        may_run: bool,
        ttl: Option<u32>,
        now: Timestamp,
    ) -> Option<Timestamp> {
        let came_to_nothing = matches!(self.status, BuildStatus::Failed | BuildStatus::Canceled);
        // What is made in advance is deleted in place of that.
        if !came_to_nothing || self.reason == Some(BuildReason::Prebuild) {
            return None;
        }
        let is_unwanted = match self.transition {
            Transition::Start => may_run,
            // Somebody who gives a stop up wants the workspace to run.
            Transition::Stop => self.status == BuildStatus::Failed,
            Transition::Delete => false,
        };
        self.stopped_after(former.failed_stops.saturating_add(is_unwanted.into()), former, ttl, now)
    }

    /// When the workspace is stopped whose state follows from this build again, because the one after it was given up before
    /// anybody began it at `now`.
    pub(crate) fn deadline_again(&self, former: Former, ttl: Option<u32>, now: Timestamp) -> Option<Timestamp> {
        match (self.transition, self.status) {
            (Transition::Start, BuildStatus::Succeeded) => self.deadline_from(ttl, now),
            _ if self.reason == Some(BuildReason::Prebuild) => None,
            // It is not known any more whether what it had begun was undone.
            (Transition::Start, _) => {
                let may_run = self.leased_by.is_some();
                self.stopped_after(former.failed_stops.max(may_run.into()), former, ttl, now)
            }
            _ => self.stopped_after(former.failed_stops, former, ttl, now),
        }
    }

    fn stopped_after(&self, failures: u32, former: Former, ttl: Option<u32>, now: Timestamp) -> Option<Timestamp> {
        if failures > 0 {
            return Some(now + pause(failures));
        }
        let bounds = [ttl.unwrap_or(self.terms.ttl_seconds), self.terms.max_lifetime_seconds];
        let soonest = bounds.into_iter().filter(|seconds| *seconds > 0).min();
        soonest.filter(|_| former.runs).map(|seconds| now + Duration::from_secs(seconds.into()))
    }
}

fn pause(failures: u32) -> Duration {
    let doubled = 2_u32.checked_pow(failures.saturating_sub(1)).and_then(|times| FIRST_PAUSE.checked_mul(times));
    doubled.map_or(LONGEST_PAUSE, |pause| pause.min(LONGEST_PAUSE))
}

#[cfg(test)]
mod tests {
    use chatmesh_core::Uuid;

    use super::*;
    use crate::domain::{BuildId, Terms, WorkspaceId};

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_timestamp(seconds, 0).expect("a time")
    }

    fn ended(transition: Transition, status: BuildStatus) -> Build {
        let terms = Terms { ttl_seconds: 600, ..Terms::default() };
        let build = Build::new(BuildId(Uuid::nil()), WorkspaceId(Uuid::nil()), 2, transition, at(0));
        Build { status, terms, ..build }
    }

    #[test]
    fn what_runs_after_a_build_that_came_to_nothing_is_stopped_some_time() {
        use BuildStatus::{Canceled, Failed, Succeeded};
        use Transition::{Delete, Start, Stop};
        let (stopped, runs) = (Former::default(), Former { runs: true, ..Former::default() });
        for (transition, status, former, may_run, expected) in [
            // A stop that failed is tried again, whatever was there before.
            (Stop, Failed, runs, false, Some(60)),
            (Stop, Failed, stopped, true, Some(60)),
            (Stop, Failed, Former { failed_stops: 2, runs: true }, false, Some(240)),
            // One that was given up is not: the workspace has its time to live.
            (Stop, Canceled, runs, false, Some(600)),
            (Stop, Canceled, runs, true, Some(600)),
            (Stop, Canceled, stopped, false, None),
            (Delete, Failed, runs, false, Some(600)),
            (Delete, Canceled, runs, true, Some(600)),
            // A start of which nobody knows what is there, or that could not be undone.
            (Start, Canceled, stopped, true, Some(60)),
            (Start, Failed, stopped, true, Some(60)),
            // One that a provisioner has undone, or that nobody began.
            (Start, Canceled, stopped, false, None),
            (Start, Failed, stopped, false, None),
            // What a stop before it has left is there all the same.
            (Start, Canceled, Former { failed_stops: 1, runs: true }, false, Some(60)),
            (Start, Failed, runs, false, Some(600)),
            (Start, Failed, runs, true, Some(60)),
            (Start, Succeeded, runs, false, None),
            (Stop, Succeeded, Former { failed_stops: 3, runs: true }, false, None),
        ] {
            let build = ended(transition, status);
            let deadline = build.deadline_after_failure(former, may_run, None, at(0));
            assert_eq!(deadline, expected.map(at), "{transition:?} {status:?} {former:?} {may_run}");
            let prebuilt = Build { reason: Some(BuildReason::Prebuild), ..build };
            assert_eq!(prebuilt.deadline_after_failure(former, may_run, None, at(0)), None, "it is deleted");
        }
        let given_up = ended(Stop, Canceled);
        assert_eq!(given_up.deadline_after_failure(runs, false, Some(60), at(0)), Some(at(60)), "its own time");
        assert_eq!(given_up.deadline_after_failure(runs, false, Some(0), at(0)), None, "it is to run for ever");
        let failed = ended(Stop, Failed);
        assert_eq!(failed.deadline_after_failure(runs, false, Some(0), at(0)), Some(at(60)), "but was to be stopped");
    }

    #[test]
    fn stops_that_fail_are_made_less_and_less_often_but_at_least_once_an_hour() {
        let pauses: Vec<u64> = (1..=8).map(|failures| pause(failures).as_secs()).collect();
        assert_eq!(pauses, [60, 120, 240, 480, 960, 1920, 3600, 3600]);
        assert_eq!(pause(u32::MAX), LONGEST_PAUSE);
    }
}
