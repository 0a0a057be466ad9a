//! Builds and their logs, in and out.

use std::time::Duration;

use chatmesh_core::Timestamp;
use chatmesh_proto::agent::v1 as agents;
use chatmesh_proto::provisioner::v1 as jobs;
use chatmesh_proto::workspaces::v1 as pb;

use super::lifecycle::{text, time};
use crate::domain::{
    Build, BuildLine, BuildReason, BuildStatus, ErrorCode, Failure, NumberedBuildLine, Timeouts, Transition,
};

/// The longest line.
const MAX_LINE: usize = 8 * 1024;
/// The longest name of a step.
const MAX_STAGE: usize = 256;
/// The longest reason of a failure.
const MAX_ERROR: usize = 16 * 1024;

impl From<Build> for pb::Build {
    fn from(build: Build) -> Self {
        let error_code = build.error_code.map_or(pb::BuildErrorCode::Unspecified, Into::into);
        let reason = build.reason.map_or(pb::BuildReason::Unspecified, Into::into);
        Self {
            id: build.id.to_string(),
            workspace_id: build.workspace_id.to_string(),
            build_number: build.number,
            transition: pb::Transition::from(build.transition).into(),
            status: pb::BuildStatus::from(build.status).into(),
            error: build.error.unwrap_or_default(),
            create_time: Some(build.created_at.into()),
            complete_time: build.completed_at.map(Into::into),
            template_version_id: build.recipe.version_id.map(|id| id.to_string()).unwrap_or_default(),
            parameters: build.recipe.parameters.into_iter().collect(),
            preset: build.recipe.preset,
            error_code: error_code.into(),
            reason: reason.into(),
            initiator_id: build.initiator.map(|user| user.to_string()).unwrap_or_default(),
            deadline: build.deadline.map(Into::into),
            daily_cost: build.daily_cost,
            timeouts: Some(build.terms.timeouts.into()),
            max_deadline: build.max_deadline.map(Into::into),
        }
    }
}

impl From<Timeouts> for pb::WaitTimeouts {
    fn from(Timeouts { build, connection, startup }: Timeouts) -> Self {
        Self {
            build_seconds: seconds(build),
            connection_seconds: seconds(connection),
            startup_seconds: seconds(startup),
        }
    }
}

/// Whole seconds; 0 where nothing is said.
pub(super) fn seconds(duration: Option<Duration>) -> u32 {
    duration.map_or(0, |duration| u32::try_from(duration.as_secs()).unwrap_or(u32::MAX))
}

/// What a provisioner says of a build that failed.
pub(crate) fn failure(failed: jobs::FailJobRequest) -> Failure {
    let code = match jobs::JobErrorCode::try_from(failed.error_code) {
        Ok(jobs::JobErrorCode::Canceled) => Some(ErrorCode::Canceled),
        Ok(jobs::JobErrorCode::InvalidTemplate) => Some(ErrorCode::InvalidTemplate),
        Ok(jobs::JobErrorCode::Unspecified) | Err(_) => None,
    };
    let jobs::FailJobRequest { error, nothing_runs, .. } = failed;
    Failure { code, message: text(error, MAX_ERROR), nothing_runs }
}

/// Lines of a build's log as they are kept: what no database keeps is replaced, and what is too long is cut. What has no
/// time is of `now`.
pub(crate) fn build_lines(lines: Vec<jobs::JobLogLine>, now: Timestamp) -> Vec<NumberedBuildLine> {
    let lines = lines.into_iter().map(|line| {
        let number = i64::try_from(line.number).unwrap_or(i64::MAX);
        let level = line.level().into();
        let time = time(line.time).unwrap_or(now);
        let line = BuildLine { time, level, stage: text(line.stage, MAX_STAGE), text: text(line.text, MAX_LINE) };
        NumberedBuildLine { number, line }
    });
    lines.collect()
}

/// A line of a build's log, after the one with the number `former`.
pub(crate) fn build_line(numbered: NumberedBuildLine, former: i64) -> pb::BuildLogLine {
    let NumberedBuildLine { number, line } = numbered;
    pb::BuildLogLine {
        number: number.unsigned_abs(),
        time: Some(line.time.into()),
        level: agents::LogLevel::from(line.level).into(),
        stage: line.stage,
        text: line.text,
        dropped_lines: (number - former - 1).unsigned_abs(),
    }
}

impl From<ErrorCode> for pb::BuildErrorCode {
    fn from(code: ErrorCode) -> Self {
        match code {
            ErrorCode::InsufficientQuota => Self::InsufficientQuota,
            ErrorCode::Canceled => Self::Canceled,
            ErrorCode::InvalidTemplate => Self::InvalidTemplate,
        }
    }
}

impl From<BuildReason> for pb::BuildReason {
    fn from(reason: BuildReason) -> Self {
        match reason {
            BuildReason::Initiator => Self::Initiator,
            BuildReason::Autostop => Self::Autostop,
            BuildReason::Prebuild => Self::Prebuild,
        }
    }
}

impl From<Transition> for pb::Transition {
    fn from(transition: Transition) -> Self {
        match transition {
            Transition::Start => Self::Start,
            Transition::Stop => Self::Stop,
            Transition::Delete => Self::Delete,
        }
    }
}

/// What is done to a workspace; `None` where this release does not know it.
pub(crate) fn transition(transition: jobs::JobTransition) -> Option<Transition> {
    Transition::ALL.into_iter().find(|known| jobs::JobTransition::from(*known) == transition)
}

impl From<Transition> for jobs::JobTransition {
    fn from(transition: Transition) -> Self {
        match transition {
            Transition::Start => Self::Start,
            Transition::Stop => Self::Stop,
            Transition::Delete => Self::Delete,
        }
    }
}

impl From<BuildStatus> for pb::BuildStatus {
    fn from(status: BuildStatus) -> Self {
        match status {
            BuildStatus::Pending => Self::Pending,
            BuildStatus::Running => Self::Running,
            BuildStatus::Canceling => Self::Canceling,
            BuildStatus::Succeeded => Self::Succeeded,
            BuildStatus::Failed => Self::Failed,
            BuildStatus::Canceled => Self::Canceled,
        }
    }
}
