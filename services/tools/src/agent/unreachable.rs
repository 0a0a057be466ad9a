//! Why an agent was not reached, and what the model can do about it.
//!
//! To stop and start a workspace ends what runs in it. A model is told to only where two signs
//! agree: nobody answered for half a minute, and the workspace's latest agent has been gone for
//! long. A single missed report, or a single wait that was too short, is no reason.

use std::time::Duration;

use chatmesh_proto::workspaces::v1::AgentStatus;
use chatmesh_rpc::{Code, status_with_reason};
use tonic::Status;

use super::directory::{Directory, Found};

/// An agent that has been gone for this long does not come back by itself.
const GONE_FOR_GOOD: Duration = Duration::from_secs(90);
/// How long the last look at the workspace may take.
const CLASSIFY_TIMEOUT: Duration = Duration::from_secs(5);

/// The domain of the reasons.
const DOMAIN: &str = "chatmesh.tools.v1";

/// Why an agent was not reached.
#[derive(Debug, Clone, thiserror::Error)]
pub(super) enum Unreachable {
    /// The latest build has no agent, or the workspace is none of the caller's.
    #[error("{}", .0.message())]
    NoAgent(Status),
    /// It did not answer, and that may change.
    #[error(
        "the workspace did not answer for 30 seconds, and may be reachable again in a moment: try once more; if that \
         fails too, tell the user that the workspace is not reachable"
    )]
    Timeout,
    /// It did not answer and has been gone for long.
    #[error(
        "the workspace's agent has been disconnected for more than a minute, most likely because it ran out of memory \
         or its machine ended: stop the workspace, then start it, and repeat what you were about to do. What ran in it \
         is lost; look at its effects before you run anything again"
    )]
    Gone,
    /// It never came.
    #[error(
        "the workspace was started, but its agent never connected: stop the workspace, then start it; if that fails \
         too, tell the user that its template does not work"
    )]
    NeverConnected,
    /// It runs on a machine of the user's.
    #[error("the agent of this workspace runs on a machine of the user's and {}", of_user(*.has_connected))]
    OfUser {
        /// Whether it was connected before.
        has_connected: bool,
    },
    /// Whom to ask could not be asked.
    #[error("the workspace cannot be reached: {}", .0.message())]
    Failed(Status),
}

impl Unreachable {
    /// What the workspaces or the relay said.
    pub(super) fn from_status(status: Status) -> Self {
        match status.code() {
            Code::FailedPrecondition | Code::NotFound | Code::PermissionDenied => Self::NoAgent(status),
            _ => Self::Failed(status),
        }
    }

    fn code(&self) -> (Code, &'static str) {
        match self {
            Self::NoAgent(_) => (Code::FailedPrecondition, "WORKSPACE_NOT_RUNNING"),
            Self::Timeout => (Code::DeadlineExceeded, "WORKSPACE_NOT_ANSWERING"),
            Self::Gone => (Code::DeadlineExceeded, "AGENT_DISCONNECTED"),
            Self::NeverConnected => (Code::DeadlineExceeded, "AGENT_NEVER_CONNECTED"),
            Self::OfUser { .. } => (Code::FailedPrecondition, "AGENT_OF_USER_OFFLINE"),
            Self::Failed(status) => (status.code(), "WORKSPACE_NOT_REACHABLE"),
        }
    }
}

/// What the user has to do.
fn of_user(has_connected: bool) -> &'static str {
    if has_connected {
        "is not connected at the moment: ask the user to start it again, or to look at that machine"
    } else {
        "has never been connected: ask the user to start it with the line that the owner of the workspace is shown with the \
         token of the agent (POST /api/v1/workspaces/ID/agents/ID:issueToken)"
    }
}

impl From<Unreachable> for Status {
    fn from(unreachable: Unreachable) -> Self {
        let (code, reason) = unreachable.code();
        status_with_reason(code, reason, DOMAIN, unreachable.to_string())
    }
}

/// Nobody came in time: looks at the agent that the workspace has now, whichever was waited for.
pub(super) async fn classify(directory: &impl Directory) -> Unreachable {
    let look = async {
        let found = directory.resolve().await?;
        Ok::<_, Status>((found, directory.is_external().await))
    };
    match tokio::time::timeout(CLASSIFY_TIMEOUT, look).await {
        Ok(Ok((found, true))) => Unreachable::OfUser { has_connected: found.has_connected },
        Ok(Ok((found, false))) => of(&found),
        Ok(Err(status)) if matches!(Unreachable::from_status(status.clone()), Unreachable::NoAgent(_)) => {
            Unreachable::NoAgent(status)
        }
        // Nobody can say: no reason to end anything.
        Ok(Err(_)) | Err(_) => Unreachable::Timeout,
    }
}

fn of(found: &Found) -> Unreachable {
    match (found.status, found.gone_for) {
        (AgentStatus::Timeout, _) => Unreachable::NeverConnected,
        (AgentStatus::Disconnected, Some(gone_for)) if gone_for >= GONE_FOR_GOOD => Unreachable::Gone,
        _ => Unreachable::Timeout,
    }
}

/// Says to the model what is in the way and what to do about it.
pub(crate) fn explain(status: &Status) -> String {
    match status.code() {
        Code::DeadlineExceeded if is_ours(status) => status.message().to_owned(),
        Code::DeadlineExceeded => "the workspace's agent did not answer in time: try once more; if that fails too, \
                                   tell the user that the workspace is not reachable"
            .to_owned(),
        Code::Unavailable => format!(
            "the workspace is not reachable at the moment ({}): try once more; if that fails too, tell the user",
            status.message()
        ),
        _ => status.message().to_owned(),
    }
}

/// What is known of a call that changes something and may have arrived: its answer, or that there was none.
pub(super) fn unanswered(status: Status) -> Status {
    let is_silence = matches!(status.code(), Code::Unavailable | Code::DeadlineExceeded) || is_ours(&status);
    if !is_silence {
        return status;
    }
    let message = format!(
        "{}. What you asked for may have been done already: look at its effects before you ask for it again",
        explain(&status)
    );
    status_with_reason(Code::Unknown, "OUTCOME_UNKNOWN", DOMAIN, message)
}

/// True where the way to the agent says so, and neither the agent nor the relay.
pub(crate) fn is_ours(status: &Status) -> bool {
    use tonic_types::StatusExt as _;
    status.get_details_error_info().is_some_and(|info| info.domain == DOMAIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// G20: what may have been done is not to be asked for again without a look.
    #[test]
    fn g20_an_effect_without_an_answer_is_not_known() {
        let late = Status::deadline_exceeded("the call did not end before its deadline");
        for silence in [late, Status::unavailable("the connection was lost"), Unreachable::Gone.into()] {
            let text = explain(&unanswered(silence.clone()));
            assert!(text.starts_with(&explain(&silence)) && text.contains("may have been done already"), "{text}");
        }
        let answer = Status::failed_precondition("it is a directory");
        assert_eq!(explain(&unanswered(answer)), "it is a directory");
    }
}
