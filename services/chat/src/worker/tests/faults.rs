//! Leases in a database that answers late, or not at all.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use chatmesh_core::{Timestamp, Uuid};
use chatmesh_db::DbError;
use tokio::sync::Semaphore;

use crate::domain::{Chat, ChatId, Lease, RunnerId, WorkerId};
use crate::store::{Acquired, LeaseStore, Room, Runnable, SqlChatStore, StoreError};

/// A store of leases with faults that a test switches on.
#[derive(Debug)]
pub(super) struct FaultyLeases {
    inner: SqlChatStore,
    /// The requests for leases that get through.
    requests: Semaphore,
    /// The answers to them that get through.
    answers: Semaphore,
    /// The database refuses.
    pub(super) refuses: AtomicBool,
    /// The database does not answer.
    pub(super) is_silent: AtomicBool,
    /// How often it was looked for chats.
    pub(super) looks: AtomicUsize,
    /// How often a renewal was answered.
    pub(super) renewals: AtomicUsize,
}

impl FaultyLeases {
    pub(super) fn new(inner: SqlChatStore) -> Self {
        let gate = || Semaphore::new(Semaphore::MAX_PERMITS);
        let (refuses, is_silent) = (AtomicBool::new(false), AtomicBool::new(false));
        let (looks, renewals) = (AtomicUsize::new(0), AtomicUsize::new(0));
        Self { inner, requests: gate(), answers: gate(), refuses, is_silent, looks, renewals }
    }

    /// No chat is leased from now on, and who asks waits.
    pub(super) fn hold_requests(&self) {
        self.requests.forget_permits(Semaphore::MAX_PERMITS);
    }

    /// Chats are leased from now on, but nobody is told.
    pub(super) fn hold_answers(&self) {
        self.answers.forget_permits(Semaphore::MAX_PERMITS);
    }

    /// All are leased, and all are told.
    pub(super) fn release(&self) {
        for gate in [&self.requests, &self.answers] {
            gate.add_permits(1000_usize.saturating_sub(gate.available_permits()));
        }
    }

    async fn reach(&self) -> Result<&SqlChatStore, StoreError> {
        if self.is_silent.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        if self.refuses.load(Ordering::SeqCst) {
            return Err(StoreError::Database(DbError::Schema("a fault, on purpose".to_owned())));
        }
        Ok(&self.inner)
    }
}

#[async_trait]
impl LeaseStore for FaultyLeases {
    async fn runnable(&self, limit: Room, now: Timestamp, stale_after: Duration) -> Result<Vec<Runnable>, StoreError> {
        let listed = self.reach().await?.runnable(limit, now, stale_after).await;
        self.looks.fetch_add(1, Ordering::SeqCst);
        listed
    }

    async fn unleased(&self, limit: Room, now: Timestamp, stale_after: Duration) -> Result<Vec<Runnable>, StoreError> {
        let listed = self.reach().await?.unleased(limit, now, stale_after).await;
        self.looks.fetch_add(1, Ordering::SeqCst);
        listed
    }

    async fn acquire(
        &self,
        chat: ChatId,
        lease: Lease,
        now: Timestamp,
        stale_after: Duration,
    ) -> Result<Acquired, StoreError> {
        let _request = self.requests.acquire().await.expect("open");
        let acquired = self.reach().await?.acquire(chat, lease, now, stale_after).await;
        let _answer = self.answers.acquire().await.expect("open");
        acquired
    }

    async fn heartbeat(&self, worker: WorkerId, now: Timestamp) -> Result<Vec<(ChatId, RunnerId)>, StoreError> {
        let renewed = match self.reach().await {
            Ok(inner) => inner.heartbeat(worker, now).await,
            Err(refused) => Err(refused),
        };
        self.renewals.fetch_add(1, Ordering::SeqCst);
        renewed
    }

    async fn workspaces_in_use(&self, worker: WorkerId) -> Result<Vec<Uuid>, StoreError> {
        self.reach().await?.workspaces_in_use(worker).await
    }

    async fn interrupted(&self, worker: WorkerId) -> Result<Vec<RunnerId>, StoreError> {
        self.reach().await?.interrupted(worker).await
    }

    async fn abandon(&self, chat: ChatId, runner: RunnerId, now: Timestamp) -> Result<Chat, StoreError> {
        self.reach().await?.abandon(chat, runner, now).await
    }

    async fn forget_leases(&self) -> Result<(), StoreError> {
        self.inner.forget_leases().await
    }
}
