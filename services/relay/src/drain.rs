//! The end of this replica: its agents move to others first, where there are any.
//!
//! Each agent is told, in turn, and connects elsewhere while its session here goes on. When the new
//! session has taken over, calls in progress end on the old one, and calls that still arrive here
//! are passed on. So long the ports stay open; who does not move in time is cut off.

use std::sync::Arc;
use std::time::Duration;

use chatmesh_core::Uuid;
use chatmesh_db::DbError;
use chatmesh_proto::agent::v1::PingRequest;
use chatmesh_proto::agent::v1::diagnostics_service_client::DiagnosticsServiceClient;
use chatmesh_runtime::KeepOpen;
use tokio::time::{sleep, timeout};
use tracing::{info, warn};

use crate::location::LOST_AFTER;
use crate::presence;
use crate::sessions::Session;
use crate::state::State;

/// The time from one agent to the next, and from the first to the last at most: they do not all dial at once.
const STEP: Duration = Duration::from_millis(10);
const MAX_SPREAD: Duration = Duration::from_secs(3);
/// How often it is looked whether agents have moved of whom no hint came, and whether others are there.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// How long the ports stay open for callers that do not know yet that the last agent has moved.
const LINGER: Duration = Duration::from_secs(1);
/// How long the store may take: without an answer there is nobody to hand over to.
const STORE_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a connection may take to show that it works: one that is cut for being slow takes its calls with it.
const PROOF_TIMEOUT: Duration = Duration::from_secs(10);

/// Waits for the shutdown and ends all sessions. The ports stay open while agents move.
pub(crate) async fn run(state: Arc<State>, ports: KeepOpen) {
    state.tasks.shutdown().soft().cancelled().await;
    if state.sessions.len() > 0 && has_successor(&state).await {
        hand_over(&state).await;
    }
    state.left.cancel();
    state.sessions.close();
    drop(ports);
    state.sessions.until_empty().await;
}

async fn hand_over(state: &State) {
    let count = state.sessions.len();
    info!(count, "agents are handed over to other replicas");
    let handed_over = async {
        tell(state).await;
        state.sessions.until_empty().await;
        sleep(LINGER).await;
    };
    tokio::select! {
        () = handed_over => info!(count, "all agents have moved"),
        () = until_alone(state) => warn!(left = state.sessions.len(), "no other replica takes agents any more"),
        () = sleep(state.config.drain_limit) => {
            warn!(left = state.sessions.len(), "agents did not move in time, or calls to them did not end");
        }
    }
}

/// Tells one agent after the other.
async fn tell(state: &State) {
    let sessions = state.sessions.all();
    let count = u32::try_from(sessions.len()).unwrap_or(u32::MAX).max(1);
    let step = STEP.min(MAX_SPREAD / count);
    for (agent, _) in sessions {
        state.sessions.tell_to_move(agent);
        sleep(step).await;
    }
}

async fn until_alone(state: &State) {
    loop {
        sleep(LOOK_INTERVAL).await;
        presence::compare(state).await;
        if !has_successor(state).await {
            return;
        }
    }
}

/// Records that this replica takes no more agents, and looks whether another one does. In this order: of
/// two that end at the same time, one at least sees the other.
async fn has_successor(state: &State) -> bool {
    let now = state.clock.now();
    let looking = async {
        state.store.drain(state.replica_id, now).await?;
        state.store.has_successor(state.replica_id, now - LOST_AFTER).await
    };
    match timeout(STORE_TIMEOUT, looking).await {
        Ok(Ok(has_successor)) => has_successor,
        Ok(Err(error)) => unknown(&error),
        Err(_) => {
            warn!("the database takes too long to say whether there are other replicas");
            false
        }
    }
}

fn unknown(error: &DbError) -> bool {
    warn!(%error, "nobody knows whether there are other replicas");
    false
}

/// Waits until a session is of no more use, after a later one has taken its place: its calls have
/// ended, or nothing arrives on it any more.
pub(crate) async fn relieved(session: &Session, agent: Uuid) {
    session.relieved.cancelled().await;
    let mut client = DiagnosticsServiceClient::new(session.channel.clone());
    let proof = timeout(PROOF_TIMEOUT, client.ping(PingRequest {})).await;
    if matches!(proof, Ok(Ok(_))) {
        session.calls.close();
        session.calls.wait().await;
    } else {
        info!(%agent, epoch = session.epoch, "the earlier connection of an agent is dead");
    }
}
