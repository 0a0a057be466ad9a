//! Who runs which chat.

pub(super) mod statements;

use std::time::Duration;

use async_trait::async_trait;
use chatmesh_core::{Timestamp, Uuid};
use chatmesh_db::{DbError, FromRow, Row, Tx, values};
use statements::{FORGET_HEARTBEATS, HAS_HEARTBEAT, HEARTBEAT, INTERRUPTED, RUNNABLE, UNLEASED, WORKSPACES_IN_USE};

use super::SqlChatStore;
use super::rows::{HeldRow, WorkspaceRow};
use super::writes::{self, Change, Guard};
use crate::domain::{Chat, ChatId, Lease, RunnerId, WorkerId};
use crate::machine::Operation;
use crate::store::{Acquired, LeaseStore, Pool, Room, Runnable, StoreError};

impl FromRow for Runnable {
    fn from_row(row: &Row) -> Result<Self, DbError> {
        let pool = if row.get("is_subagent")? { Pool::Subagents } else { Pool::Roots };
        Ok(Self {
            chat_id: row.id("id")?,
            pool,
            waiting: row.u32("number_waiting")?,
            is_stopped: row.get("is_stopped")?,
        })
    }
}

#[async_trait]
impl LeaseStore for SqlChatStore {
    async fn runnable(&self, limit: Room, now: Timestamp, stale_after: Duration) -> Result<Vec<Runnable>, StoreError> {
        Ok(self.db.fetch_all(RUNNABLE, values![now - stale_after, limit.roots, limit.subagents]).await?)
    }

    async fn unleased(&self, limit: Room, now: Timestamp, stale_after: Duration) -> Result<Vec<Runnable>, StoreError> {
        Ok(self.db.fetch_all(UNLEASED, values![now - stale_after, limit.roots, limit.subagents]).await?)
    }

    async fn acquire(
        &self,
        chat: ChatId,
        lease: Lease,
        now: Timestamp,
        stale_after: Duration,
    ) -> Result<Acquired, StoreError> {
        let guard = Guard::Unleased { alive_since: now - stale_after };
        let change = Change { lease: Some(lease), ..Change::default() };
        let done = writes::operate(&self.db, chat, Operation::Acquire, guard, change, now).await?;
        Ok(Acquired { chat: done.chat, lease })
    }

    async fn heartbeat(&self, worker: WorkerId, now: Timestamp) -> Result<Vec<(ChatId, RunnerId)>, StoreError> {
        let rows: Vec<HeldRow> = self.db.fetch_all(HEARTBEAT, values![worker.0, now]).await?;
        Ok(rows.into_iter().map(|HeldRow(chat, runner)| (chat, runner)).collect())
    }

    async fn workspaces_in_use(&self, worker: WorkerId) -> Result<Vec<Uuid>, StoreError> {
        let rows: Vec<WorkspaceRow> = self.db.fetch_all(WORKSPACES_IN_USE, values![worker.0]).await?;
        Ok(rows.into_iter().map(|WorkspaceRow(workspace)| workspace).collect())
    }

    async fn interrupted(&self, worker: WorkerId) -> Result<Vec<RunnerId>, StoreError> {
        let rows: Vec<HeldRow> = self.db.fetch_all(INTERRUPTED, values![worker.0]).await?;
        Ok(rows.into_iter().map(|HeldRow(_, runner)| runner).collect())
    }

    async fn abandon(&self, chat: ChatId, runner: RunnerId, now: Timestamp) -> Result<Chat, StoreError> {
        let guard = Guard::Lease(runner);
        Ok(writes::operate(&self.db, chat, Operation::Abandon, guard, Change::default(), now).await?.chat)
    }

    async fn forget_leases(&self) -> Result<(), StoreError> {
        self.db.execute(FORGET_HEARTBEATS, values![]).await?;
        Ok(())
    }
}

/// True where someone renewed the lease lately.
pub(super) async fn is_alive(tx: &mut Tx, chat: ChatId, lease: Lease, alive_since: Timestamp) -> Result<bool, DbError> {
    let row: Option<HeldRow> =
        tx.fetch_optional(HAS_HEARTBEAT, values![chat.0, lease.runner_id.0, alive_since]).await?;
    Ok(row.is_some())
}
