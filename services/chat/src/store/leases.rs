//! Who runs which chat. A lease lives as long as it is renewed; one that is not is anybody's.

use std::time::Duration;

use async_trait::async_trait;
use chatmesh_core::{Timestamp, Uuid};

use super::StoreError;
use crate::domain::{Chat, ChatId, Lease, RunnerId, WorkerId};

/// What a worker has separate room for. A chat that waits for the chats that it started keeps its
/// place meanwhile: did they need places of the same kind, all could wait for each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Pool {
    /// Chats that users started.
    Roots,
    /// Chats that other chats started.
    Subagents,
}

impl Pool {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Roots, Self::Subagents];
}

/// A number of chats of each kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Room {
    /// Chats that users started.
    pub roots: u32,
    /// Chats that other chats started.
    pub subagents: u32,
}

impl Room {
    /// The same number of each.
    #[must_use]
    pub const fn of_each(number: u32) -> Self {
        Self { roots: number, subagents: number }
    }

    /// How many of one kind.
    #[must_use]
    pub const fn of(self, pool: Pool) -> u32 {
        match pool {
            Pool::Roots => self.roots,
            Pool::Subagents => self.subagents,
        }
    }

    /// The number of one kind, to be changed.
    pub(crate) const fn of_mut(&mut self, pool: Pool) -> &mut u32 {
        match pool {
            Pool::Roots => &mut self.roots,
            Pool::Subagents => &mut self.subagents,
        }
    }

    /// How many of both kinds together.
    #[must_use]
    pub const fn total(self) -> u32 {
        self.roots.saturating_add(self.subagents)
    }
}

/// A chat that needs a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Runnable {
    /// The chat.
    pub chat_id: ChatId,
    /// Its kind.
    pub pool: Pool,
    /// How many chats of its kind need a worker.
    pub waiting: u32,
    /// Its owner stopped it: somebody waits for its end, which takes no model.
    pub is_stopped: bool,
}

/// A chat that was leased.
#[derive(Debug, Clone, PartialEq)]
pub struct Acquired {
    /// The chat, with the lease.
    pub chat: Chat,
    /// The lease.
    pub lease: Lease,
}

/// The leases of chats.
#[async_trait]
pub trait LeaseStore: std::fmt::Debug + Send + Sync + 'static {
    /// Lists chats that need a worker and have no lease that was renewed within `stale_after`, up
    /// to `limit` of each kind, in the order in which they are to be taken: stopped ones first,
    /// because somebody waits for them; then owner by owner in turn, where what runs for an owner
    /// counts as his turn already; the oldest first within an owner.
    async fn runnable(&self, limit: Room, now: Timestamp, stale_after: Duration) -> Result<Vec<Runnable>, StoreError>;
    /// Likewise, of the chats that nobody has a lease of, living or not: the ones that hints are
    /// about. Where all of them are listed, what runs does not count. It costs less.
    async fn unleased(&self, limit: Room, now: Timestamp, stale_after: Duration) -> Result<Vec<Runnable>, StoreError>;
    /// Leases one of them. [`StoreError::LeaseLost`] where someone has a living lease of it, and
    /// [`StoreError::Rejected`] where it needs no worker any more.
    async fn acquire(
        &self,
        chat: ChatId,
        lease: Lease,
        now: Timestamp,
        stale_after: Duration,
    ) -> Result<Acquired, StoreError>;
    /// Renews all leases of a worker in one statement and returns the chats that it still holds.
    async fn heartbeat(&self, worker: WorkerId, now: Timestamp) -> Result<Vec<(ChatId, RunnerId)>, StoreError>;
    /// The workspaces of the chats that a worker holds, each once.
    async fn workspaces_in_use(&self, worker: WorkerId) -> Result<Vec<Uuid>, StoreError>;
    /// The leases of a worker whose chats are to be stopped.
    async fn interrupted(&self, worker: WorkerId) -> Result<Vec<RunnerId>, StoreError>;
    /// Gives a lease back with the work undone.
    async fn abandon(&self, chat: ChatId, runner: RunnerId, now: Timestamp) -> Result<Chat, StoreError>;
    /// Forgets all leases: only for a process that knows that it is alone.
    async fn forget_leases(&self) -> Result<(), StoreError>;
}
