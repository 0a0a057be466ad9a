//! Waits for a workspace's agent. One that is remembered is waited for at once, and only after a
//! while it is asked whether it still is the workspace's: where it comes in time, nobody is asked.

use std::pin::pin;
use std::time::Duration;

use chatmesh_core::Backoff;
use chatmesh_proto::workspaces::v1::AgentStatus;
use chatmesh_rpc::Code;
use tokio::time::{Instant, sleep};
use tonic::Status;
use tonic_types::StatusExt as _;

use super::directory::{Directory, Found};
use super::unreachable::{Unreachable, classify};

/// How long a remembered agent is waited for before the workspace is asked.
const VALIDATE_AFTER: Duration = Duration::from_secs(5);
/// How long a relay must have waited for an agent without a break before its absence says anything. Where the relay
/// itself was away, so were the reports of all agents: what `workspaces` says of them is no second sign then.
const PROOF: Duration = Duration::from_secs(20);
/// Pauses while the services that know agents are away.
const MIN_PAUSE: Duration = Duration::from_millis(100);
const MAX_PAUSE: Duration = Duration::from_secs(2);

/// The relay's reason for an agent that did not come in time.
const NOT_CONNECTED: &str = "AGENT_NOT_CONNECTED";

/// How one wait for an agent ended.
enum Dialed {
    Connected,
    /// The workspace has another agent by now.
    Moved(String),
    /// The relay has waited, and nobody came.
    TimedOut,
    /// The relay could not be asked, or does not answer.
    Broken,
    /// There is nobody to wait for.
    Over(Status),
}

/// Waits until the workspace's agent is connected, `timeout` at most, and returns which it is.
/// `bound` is the one that it had before. To drop the future ends the wait, and nothing is left of it.
///
/// # Errors
/// Why nobody was reached, with what to do.
pub(super) async fn connect(
    directory: &impl Directory,
    bound: Option<String>,
    timeout: Duration,
) -> Result<String, Unreachable> {
    let deadline = Instant::now() + timeout;
    let mut backoff = Backoff::new(MIN_PAUSE, MAX_PAUSE);
    let mut is_known = bound.is_none();
    let mut next = bound;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let agent = match next.take() {
            Some(agent) => agent,
            None => match directory.resolve().await {
                // Nobody but the user can make such an agent come.
                Ok(found) if is_offline(&found) && directory.is_external().await => {
                    return Err(Unreachable::OfUser { has_connected: found.has_connected });
                }
                Ok(found) => found.id,
                Err(status) if is_transient(&status) && !left.is_zero() => {
                    sleep(backoff.next_pause().min(left)).await;
                    continue;
                }
                Err(status) => return Err(Unreachable::from_status(status)),
            },
        };
        match dial(directory, &agent, left, !is_known).await {
            Dialed::Connected => return Ok(agent),
            Dialed::Moved(other) => (next, is_known) = (Some(other), true),
            Dialed::TimedOut if left >= PROOF => return Err(classify(directory).await),
            Dialed::TimedOut => return Err(Unreachable::Timeout),
            Dialed::Over(status) => return Err(Unreachable::from_status(status)),
            Dialed::Broken if left.is_zero() => return Err(Unreachable::Timeout),
            // Asked anew whom to wait for, after a pause.
            Dialed::Broken => {
                sleep(backoff.next_pause().min(left)).await;
                is_known = true;
            }
        }
    }
}

async fn dial(directory: &impl Directory, agent: &str, timeout: Duration, validate: bool) -> Dialed {
    let mut dial = pin!(directory.dial(agent, timeout));
    if validate {
        // A wait that ends in this moment has ended well.
        tokio::select! {
            biased;
            dialed = &mut dial => return outcome(dialed),
            () = sleep(VALIDATE_AFTER) => {}
        }
        tokio::select! {
            biased;
            dialed = &mut dial => return outcome(dialed),
            found = directory.resolve() => match found {
                Ok(found) if found.id != agent => return Dialed::Moved(found.id),
                Err(status) if !is_transient(&status) => return Dialed::Over(status),
                // The same one, or nobody can say: the wait goes on.
                _ => {}
            }
        }
    }
    outcome(dial.await)
}

/// True for an agent that is known not to be there. One that has just been started is not.
fn is_offline(found: &Found) -> bool {
    matches!(found.status, AgentStatus::Disconnected | AgentStatus::Timeout)
}

fn outcome(dialed: Result<(), Status>) -> Dialed {
    match dialed {
        Ok(()) => Dialed::Connected,
        Err(status) if is_late(&status) => Dialed::TimedOut,
        Err(status) if is_transient(&status) => Dialed::Broken,
        Err(status) => Dialed::Over(status),
    }
}

/// True where a relay says that the agent did not come. A relay that says nothing until the time is over does not.
fn is_late(status: &Status) -> bool {
    let reason = status.get_details_error_info().map(|info| info.reason);
    status.code() == Code::DeadlineExceeded && reason.as_deref() == Some(NOT_CONNECTED)
}

/// True where asking again can help.
fn is_transient(status: &Status) -> bool {
    matches!(status.code(), Code::Unavailable | Code::Unknown | Code::Internal | Code::DeadlineExceeded)
}

#[cfg(test)]
mod tests;
