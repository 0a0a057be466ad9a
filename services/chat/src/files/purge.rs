//! Files that no message refers to are deleted after a day: uploads that were never used, and files of tools whose step was
//! never committed.

use std::sync::Arc;
use std::time::Duration;

use tracing::{info, warn};

use crate::state::State;
use crate::store::StoreError;

/// How long a file may wait for a message.
const UNUSED_FOR: Duration = Duration::from_secs(24 * 3600);
/// How often to look.
const INTERVAL: Duration = Duration::from_secs(3600);
/// How many are deleted in one transaction, so that nobody waits for it.
const BATCH: u32 = 100;

/// Deletes what nobody uses, from time to time. Several processes may do so at once.
pub(crate) async fn purge_loop(state: Arc<State>) {
    let stop = state.tasks.shutdown().soft().clone();
    while !stop.is_cancelled() {
        match purge(&state).await {
            Ok(0) => {}
            Ok(deleted) => info!(deleted, "files that no message refers to were deleted"),
            // They are found again the next time.
            Err(error) => warn!(%error, "unused files could not be deleted"),
        }
        tokio::select! {
            () = tokio::time::sleep(INTERVAL) => {}
            () = stop.cancelled() => {}
        }
    }
}

async fn purge(state: &State) -> Result<u64, StoreError> {
    let before = state.clock.now() - UNUSED_FOR;
    let mut deleted = 0;
    loop {
        let batch = state.files.delete_unused(before, BATCH).await?;
        deleted += batch;
        if batch < u64::from(BATCH) || state.tasks.shutdown().soft().is_cancelled() {
            return Ok(deleted);
        }
    }
}
