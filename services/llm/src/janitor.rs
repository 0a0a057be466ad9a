//! Gives back what calls that died had set aside, and deletes records whose time is over.

use std::sync::Arc;
use std::time::Duration;

use chatmesh_db::DbError;
use chrono::TimeDelta;
use tracing::{info, warn};

use crate::state::State;

/// How often to look.
const INTERVAL: Duration = Duration::from_secs(60);

/// How many reservations are given back at a time.
const BATCH: u32 = 500;

/// Cleans up from time to time. Several processes may do so at once.
pub(crate) async fn run(state: Arc<State>) {
    let stop = state.tasks.shutdown().soft().clone();
    while !stop.is_cancelled() {
        // What could not be done now is done the next time.
        if let Err(error) = clean(&state).await {
            warn!(%error, "reservations and debug records could not be cleaned up");
        }
        tokio::select! {
            () = tokio::time::sleep(INTERVAL) => {}
            () = stop.cancelled() => {}
        }
    }
}

async fn clean(state: &State) -> Result<(), DbError> {
    let now = state.clock.now();
    let given_back = state.limits.store.expire_reservations(now, BATCH).await?;
    if given_back > 0 {
        info!(given_back, "reservations of calls that never ended were given back");
    }
    state.limits.store.forget_spent(now).await?;
    let retention = TimeDelta::from_std(state.config.debug.retention).ok();
    let Some(before) = retention.and_then(|retention| now.checked_sub_signed(retention)) else { return Ok(()) };
    let deleted = state.usage.purge_debug(before).await?;
    if deleted > 0 {
        info!(deleted, "debug records were deleted");
    }
    Ok(())
}
