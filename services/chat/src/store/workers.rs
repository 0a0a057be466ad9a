//! The processes that run chats: where the live parts of their chats are read, and how much more
//! each can take. An entry is a hint like any other: a process that is gone may still be listed,
//! and one that just came may not be listed yet.

#[cfg(test)]
mod tests;

use async_trait::async_trait;
use chatmesh_core::Timestamp;

use super::StoreError;
use crate::domain::WorkerId;

/// A process that runs chats.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveWorker {
    /// The process, from its start to its end.
    pub worker_id: WorkerId,
    /// The URL of its gRPC port; `None` where others cannot reach it.
    pub address: Option<String>,
    /// How many more chats that users started it can run.
    pub free_roots: u32,
    /// How many more chats that other chats started it can run.
    pub free_subagents: u32,
    /// When it was last heard of.
    pub seen_at: Timestamp,
}

/// Where the processes that run chats are listed.
#[async_trait]
pub trait WorkerDirectory: std::fmt::Debug + Send + Sync + 'static {
    /// Lists a worker, or says anew where it is and what it can take.
    async fn announce(
        &self,
        worker_id: WorkerId,
        address: Option<&str>,
        free_roots: u32,
        free_subagents: u32,
        now: Timestamp,
    ) -> Result<(), StoreError>;
    /// The address of a worker; `None` where it is not listed or cannot be reached by others.
    async fn address_of(&self, worker_id: WorkerId) -> Result<Option<String>, StoreError>;
    /// The workers that were heard of at `since` or later, in the order of their identifiers.
    async fn live(&self, since: Timestamp) -> Result<Vec<LiveWorker>, StoreError>;
    /// Takes a worker off: it ends.
    async fn leave(&self, worker_id: WorkerId) -> Result<(), StoreError>;
    /// Takes the workers off that were last heard of before `before`. Returns how many.
    async fn forget(&self, before: Timestamp) -> Result<u64, StoreError>;
}
