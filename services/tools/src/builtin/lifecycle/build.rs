//! Waits for builds, each by its own identifier: what else happens to the workspace meanwhile is another build.

use std::time::Duration;

use chatmesh_core::Backoff;
use chatmesh_proto::workspaces::v1::{Build, BuildErrorCode, BuildStatus, Transition};
use chatmesh_rpc::Code;
use tokio::time::{Instant, sleep, timeout};
use tonic::Status;

use super::failure::{Quota, ToolFailure, Trouble};
use super::services::{Services, is_passing};

/// How long a build may take where its template does not say.
const TIMEOUT: Duration = Duration::from_secs(10 * 60);
/// The longest that is waited, whatever a template says.
const MAX_TIMEOUT: Duration = Duration::from_secs(60 * 60);
/// How long one question waits: a service that was restarted is asked anew.
const ROUND: Duration = Duration::from_secs(60);
/// Pauses where a question was answered before its time.
const MIN_PAUSE: Duration = Duration::from_millis(200);
const MAX_PAUSE: Duration = Duration::from_secs(2);
/// How long the quota may be looked for: it only adds to what is known.
const QUOTA_TIMEOUT: Duration = Duration::from_secs(3);

/// The time that a template gives, or else `default`.
pub(super) fn timeout_of(seconds: Option<u32>, default: Duration) -> Duration {
    match seconds {
        None | Some(0) => default,
        Some(seconds) => Duration::from_secs(seconds.into()).min(MAX_TIMEOUT),
    }
}

/// True for a build that may still change. One whose status is not known is left to itself.
pub(super) fn is_active(build: &Build) -> bool {
    !matches!(build.status(), BuildStatus::Succeeded | BuildStatus::Failed | BuildStatus::Canceled)
}

/// Waits until a build has succeeded. Where that takes too long, `again` is the tool that goes on waiting.
///
/// # Errors
/// It failed, it was given up, it takes too long, or nobody can say.
pub(super) async fn wait(services: &Services<'_>, build: &Build, again: &str) -> Result<Build, Trouble> {
    match end(services, build, again).await? {
        ended if ended.status() == BuildStatus::Succeeded => Ok(ended),
        ended => Err(failed(services, &ended).await.into()),
    }
}

/// Waits until a build has ended, in whatever way. Where that takes too long, `again` is the tool that goes on waiting.
///
/// # Errors
/// It takes too long, or nobody can say.
pub(super) async fn end(services: &Services<'_>, build: &Build, again: &str) -> Result<Build, Trouble> {
    let longest = timeout_of(build.timeouts.map(|timeouts| timeouts.build_seconds), TIMEOUT);
    let deadline = Instant::now() + longest;
    let mut backoff = Backoff::new(MIN_PAUSE, MAX_PAUSE);
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(late(build, longest, again).into());
        }
        let asked = Instant::now();
        match services.wait_build(build, left.min(ROUND)).await {
            Ok(seen) if !is_active(&seen) => return Ok(seen),
            Ok(_) => {}
            Err(status) if is_passing(&status) => {}
            // A workspace that is deleted has no builds any more.
            Err(status) if status.code() == Code::NotFound && build.transition() == Transition::Delete => {
                return Ok(Build { status: BuildStatus::Succeeded.into(), ..build.clone() });
            }
            Err(status) => return Err(unseen(build, &status)),
        }
        if asked.elapsed() < MAX_PAUSE {
            sleep(backoff.next_pause().min(left)).await;
        } else {
            backoff.reset();
        }
    }
}

fn late(build: &Build, longest: Duration, again: &str) -> ToolFailure {
    ToolFailure {
        error: format!("the build was not done after {}, and goes on", humantime::format_duration(longest)),
        message: Some(format!(
            "Call `{again}` again to go on waiting for it. Tell the user where it takes that long again."
        )),
        build_id: Some(build.id.clone()),
        ..ToolFailure::default()
    }
}

fn unseen(build: &Build, status: &Status) -> Trouble {
    match Trouble::of(status) {
        Trouble::Failed(failure) => ToolFailure { build_id: Some(build.id.clone()), ..*failure }.into(),
        flat @ Trouble::Flat(_) => flat,
    }
}

async fn failed(services: &Services<'_>, build: &Build) -> ToolFailure {
    let error = match (build.error.as_str(), build.status()) {
        ("", BuildStatus::Canceled) => "the build was given up".to_owned(),
        ("", _) => "the build failed, and its provisioner did not say why".to_owned(),
        (error, _) => error.to_owned(),
    };
    let failure = ToolFailure { error, build_id: Some(build.id.clone()), ..ToolFailure::default() };
    // What kind of failure it is was said by whoever knew. What an error reads like does not count.
    match build.error_code() {
        BuildErrorCode::InsufficientQuota => over_quota(services, failure).await,
        BuildErrorCode::Canceled => ToolFailure { error_code: Some("CANCELED".to_owned()), ..failure },
        BuildErrorCode::InvalidTemplate => ToolFailure {
            error_code: Some("INVALID_TEMPLATE".to_owned()),
            message: Some("The template has to be mended: tell the user, or use another template.".to_owned()),
            ..failure
        },
        BuildErrorCode::Unspecified => failure,
    }
}

async fn over_quota(services: &Services<'_>, failure: ToolFailure) -> ToolFailure {
    let quota = match timeout(QUOTA_TIMEOUT, services.quota()).await {
        Ok(Ok(quota)) => Some(Quota { credits_consumed: quota.credits_consumed, budget: quota.budget }),
        // It is an addition, and no reason to say less.
        Ok(Err(_)) | Err(_) => None,
    };
    ToolFailure {
        error_code: Some("INSUFFICIENT_QUOTA".to_owned()),
        title: Some("Not enough credits for this workspace".to_owned()),
        message: Some(
            "The user's workspaces would take more credits together than there are for them. Ask the user to delete a \
             workspace that is not needed any more, or to ask an administrator for a higher budget. Do not try again \
             before that is done."
                .to_owned(),
        ),
        quota,
        ..failure
    }
}
