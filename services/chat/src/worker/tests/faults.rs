//! Leases in a database that answers late, or not at all.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use chatmesh_core::Timestamp;
use chatmesh_db::DbError;
use tokio::sync::Semaphore;

use crate::domain::{Chat, ChatId, Lease, RunnerId, WorkerId};
use crate::store::{Acquired, LeaseStore, Room, Runnable, SqlChatStore, StoreError};

/// A store of leases with faults that a test switches on.
#[derive(Debug)]
pub(super) struct FaultyLeases {
    inner: SqlChatStore,
    /// The answers to `acquire` that get through.
    answers: Semaphore,
    /// Renewals fail.
    pub(super) refuses: AtomicBool,
    /// Renewals are never answered.
    pub(super) is_silent: AtomicBool,
}

impl FaultyLeases {
    pub(super) fn new(inner: SqlChatStore) -> Self {
        let answers = Semaphore::new(Semaphore::MAX_PERMITS);
        Self { inner, answers, refuses: AtomicBool::new(false), is_silent: AtomicBool::new(false) }
    }

    /// Chats are leased from now on, but nobody is told.
    pub(super) fn hold_answers(&self) {
        self.answers.forget_permits(Semaphore::MAX_PERMITS);
    }

    /// All are told.
    pub(super) fn release_answers(&self) {
        self.answers.add_permits(1000);
    }
}

#[async_trait]
impl LeaseStore for FaultyLeases {
    async fn runnable(
        &self,
        limit: Room,
        now: Timestamp,
        stale_after: Duration,
    ) -> Result<Vec<Runnable>, StoreError> {
        self.inner.runnable(limit, now, stale_after).await
    }

    async fn acquire(
        &self,
        chat: ChatId,
        lease: Lease,
        now: Timestamp,
        stale_after: Duration,
    ) -> Result<Acquired, StoreError> {
        let acquired = self.inner.acquire(chat, lease, now, stale_after).await;
        let _answer = self.answers.acquire().await.expect("open");
        acquired
    }

    async fn heartbeat(&self, worker: WorkerId, now: Timestamp) -> Result<Vec<(ChatId, RunnerId)>, StoreError> {
        if self.is_silent.load(Ordering::SeqCst) {
            return std::future::pending().await;
        }
        if self.refuses.load(Ordering::SeqCst) {
            return Err(StoreError::Database(DbError::Schema("a fault, on purpose".to_owned())));
        }
        self.inner.heartbeat(worker, now).await
    }

    async fn abandon(&self, chat: ChatId, runner: RunnerId, now: Timestamp) -> Result<Chat, StoreError> {
        self.inner.abandon(chat, runner, now).await
    }

    async fn forget_leases(&self) -> Result<(), StoreError> {
        self.inner.forget_leases().await
    }
}
