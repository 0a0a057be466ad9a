//! The list of the processes that run chats.

use async_trait::async_trait;
use chatmesh_core::Timestamp;
use chatmesh_db::{DbError, FromRow, Row, Sql, values};

use super::SqlChatStore;
use crate::domain::WorkerId;
use crate::store::{LiveWorker, StoreError, WorkerDirectory};

pub(super) const ANNOUNCE: Sql = Sql::portable(
    "INSERT INTO chat_workers (worker_id, address, free_roots, free_subagents, seen_at) VALUES ($1, $2, $3, $4, $5) \
     ON CONFLICT (worker_id) DO UPDATE SET address = excluded.address, free_roots = excluded.free_roots, \
     free_subagents = excluded.free_subagents, seen_at = excluded.seen_at",
);
pub(super) const FIND_WORKER: Sql = Sql::portable(
    "SELECT worker_id, address, free_roots, free_subagents, seen_at FROM chat_workers WHERE worker_id = $1",
);
pub(super) const LIVE_WORKERS: Sql = Sql::portable(
    "SELECT worker_id, address, free_roots, free_subagents, seen_at FROM chat_workers WHERE seen_at >= $1 \
     ORDER BY worker_id",
);
pub(super) const DELETE_WORKER: Sql = Sql::portable("DELETE FROM chat_workers WHERE worker_id = $1");
pub(super) const FORGET_WORKERS: Sql = Sql::portable("DELETE FROM chat_workers WHERE seen_at < $1");

impl FromRow for LiveWorker {
    fn from_row(row: &Row) -> Result<Self, DbError> {
        Ok(Self {
            worker_id: row.id("worker_id")?,
            address: Some(row.get::<String>("address")?).filter(|address| !address.is_empty()),
            free_roots: row.u32("free_roots")?,
            free_subagents: row.u32("free_subagents")?,
            seen_at: row.get("seen_at")?,
        })
    }
}

#[async_trait]
impl WorkerDirectory for SqlChatStore {
    async fn announce(
        &self,
        worker_id: WorkerId,
        address: Option<&str>,
        free_roots: u32,
        free_subagents: u32,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let row = values![worker_id.0, address.unwrap_or_default(), free_roots, free_subagents, now];
        self.db.execute(ANNOUNCE, row).await?;
        Ok(())
    }

    async fn address_of(&self, worker_id: WorkerId) -> Result<Option<String>, StoreError> {
        let worker: Option<LiveWorker> = self.db.fetch_optional(FIND_WORKER, values![worker_id.0]).await?;
        Ok(worker.and_then(|worker| worker.address))
    }

    async fn live(&self, since: Timestamp) -> Result<Vec<LiveWorker>, StoreError> {
        Ok(self.db.fetch_all(LIVE_WORKERS, values![since]).await?)
    }

    async fn leave(&self, worker_id: WorkerId) -> Result<(), StoreError> {
        self.db.execute(DELETE_WORKER, values![worker_id.0]).await?;
        Ok(())
    }

    async fn forget(&self, before: Timestamp) -> Result<u64, StoreError> {
        Ok(self.db.execute(FORGET_WORKERS, values![before]).await?)
    }
}
