//! Who runs which chat.

use std::time::Duration;

use chatmesh_core::Timestamp;
use chatmesh_db::{Db, DbError, values};

use super::rows::{HeldRow, IdRow};
use super::statements::{FORGET_HEARTBEATS, HAS_HEARTBEAT, HEARTBEAT, RUNNABLE};
use super::writes::{self, Change, Guard};
use crate::domain::{ChatId, Lease, RunnerId, WorkerId};
use crate::machine::Operation;
use crate::store::{Acquired, StoreError};

pub(super) async fn acquire(
    db: &Db,
    worker_id: WorkerId,
    runners: &[RunnerId],
    now: Timestamp,
    stale_after: Duration,
) -> Result<Vec<Acquired>, StoreError> {
    let limit = u32::try_from(runners.len()).unwrap_or(u32::MAX);
    let alive_since = now - stale_after;
    let candidates: Vec<IdRow> = db.fetch_all(RUNNABLE, values![alive_since, limit]).await?;
    let mut acquired = Vec::with_capacity(candidates.len());
    for (IdRow(id), runner_id) in candidates.into_iter().zip(runners) {
        let lease = Lease { worker_id, runner_id: *runner_id };
        let guard = Guard::Unleased { alive_since };
        let change = Change { lease: Some(lease), ..Change::default() };
        match writes::operate(db, id, Operation::Acquire, guard, change, now).await {
            Ok(done) => acquired.push(Acquired { chat: done.chat, lease }),
            // A rival was faster, or the turn was stopped meanwhile.
            Err(StoreError::LeaseLost | StoreError::Rejected(_) | StoreError::NotFound) => {}
            Err(error) if acquired.is_empty() => return Err(error),
            // What was leased so far must be run; the rest is tried again.
            Err(_) => break,
        }
    }
    Ok(acquired)
}

/// True where someone renewed the lease lately.
pub(super) async fn is_alive(
    tx: &mut chatmesh_db::Tx,
    chat: ChatId,
    lease: Lease,
    alive_since: Timestamp,
) -> Result<bool, DbError> {
    let row: Option<HeldRow> =
        tx.fetch_optional(HAS_HEARTBEAT, values![chat.0, lease.runner_id.0, alive_since]).await?;
    Ok(row.is_some())
}

pub(super) async fn heartbeat(
    db: &Db,
    worker: WorkerId,
    now: Timestamp,
) -> Result<Vec<(ChatId, RunnerId)>, StoreError> {
    let rows: Vec<HeldRow> = db.fetch_all(HEARTBEAT, values![worker.0, now]).await?;
    Ok(rows.into_iter().map(|HeldRow(chat, runner)| (chat, runner)).collect())
}

pub(super) async fn forget(db: &Db) -> Result<(), StoreError> {
    db.execute(FORGET_HEARTBEATS, values![]).await?;
    Ok(())
}
