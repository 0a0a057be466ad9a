//! Writes that a moment without the database is not to undo: what they hold was paid for.

use std::time::Duration;

use chatmesh_core::Backoff;
use chatmesh_db::DbError;
use tokio::time::Instant;
use tracing::{Instrument as _, info_span, warn};

use crate::state::State;
use crate::store::StoreError;

/// Makes a write, and makes it again while the database is away, for as long as the lease is safely held. One
/// that was carried out though nobody said so is refused the second time: its history is the past by then.
pub(crate) async fn persist<T, F>(state: &State, write: impl Fn() -> F) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, StoreError>>,
{
    let mut backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(5));
    let give_up_at = Instant::now() + state.config.lease_duration / 2;
    loop {
        match write().instrument(info_span!("chat.persist")).await {
            Err(StoreError::Database(error @ DbError::Unavailable(_))) if Instant::now() < give_up_at => {
                warn!(%error, "the database is away, trying again");
                tokio::time::sleep(backoff.next_pause()).await;
            }
            other => return other,
        }
    }
}
