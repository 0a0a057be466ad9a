//! Lists this replica where the others find it, and drops what others have taken over.

use std::sync::Arc;
use std::time::Duration;

use chatmesh_db::DbError;
use tokio::time::{Instant, MissedTickBehavior};
use tracing::{debug, info, warn};

use crate::location::LOST_AFTER;
use crate::state::State;

/// How often the replica says that it is there: three times before it counts as lost.
const INTERVAL: Duration = Duration::from_secs(5);
/// How long a statement may take: the next one comes soon.
const TIMEOUT: Duration = Duration::from_secs(4);
/// After how many times [`LOST_AFTER`] a replica is taken off the list.
const FORGOTTEN_AFTER: u32 = 40;

/// Announces the replica before it takes agents, then regularly until they have left, and takes it off the list.
pub(crate) async fn run(state: Arc<State>) {
    let left = state.left.clone();
    let mut tick = tokio::time::interval_at(Instant::now() + INTERVAL, INTERVAL);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    attempt("replicas of the past are still listed", forget_others(&state)).await;
    if let Some(address) = &state.config.advertise_address {
        attempt("replicas of the past are still listed", state.store.displace(state.replica_id, address)).await;
    }
    announce(&state).await;
    // Agents are not kept away where that failed: calls that come to this replica reach them all the same.
    state.announced.cancel();
    loop {
        tokio::select! {
            _ = tick.tick() => {}
            () = left.cancelled() => break,
        }
        announce(&state).await;
        compare(&state).await;
        state.replicas.sweep(Instant::now());
    }
    state.sessions.until_empty().await;
    // Here, so that nothing that was announced comes after it.
    attempt("the replica is still listed", state.store.leave(state.replica_id)).await;
}

async fn announce(state: &State) {
    let (address, now) = (state.config.advertise_address.as_deref(), state.clock.now());
    attempt("the replica is not announced", state.store.announce(state.replica_id, address, now)).await;
}

/// Compares the sessions here with those in the store.
pub(crate) async fn compare(state: &State) {
    attempt("sessions are not compared", drop_superseded(state)).await;
}

async fn forget_others(state: &State) -> Result<(), DbError> {
    state.store.forget(state.clock.now() - LOST_AFTER * FORGOTTEN_AFTER).await.map(drop)
}

/// Ends the sessions in whose place there is a later one elsewhere, whose hint was lost.
async fn drop_superseded(state: &State) -> Result<(), DbError> {
    // First what is here: a session is in the store before it is here.
    let here = state.sessions.all();
    if here.is_empty() {
        return Ok(());
    }
    let held: std::collections::HashSet<_> = state.store.held_by(state.replica_id).await?.into_iter().collect();
    for (agent, session) in here {
        if !held.contains(&(agent, session.session_id)) {
            info!(%agent, epoch = session.epoch, "the agent has a later session elsewhere");
            state.sessions.supersede(agent, |current| current.session_id == session.session_id);
        }
    }
    Ok(())
}

async fn attempt(otherwise: &str, work: impl Future<Output = Result<(), DbError>>) {
    match tokio::time::timeout(TIMEOUT, work).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => warn!(%error, "{otherwise}"),
        Err(_) => debug!("{otherwise}: the database takes too long"),
    }
}
