//! Where files are kept. That a message gives its files to its chat is part of the message's own
//! transaction: see [`super::ChatStore::send`], and [`super::ChatStore::commit_step`] for those of tools.

use async_trait::async_trait;
use chatmesh_core::Timestamp;

use super::StoreError;
use crate::domain::ChatId;
use crate::files::{FileId, NewFile, StoredFile};

/// Where files are kept.
#[async_trait]
pub trait FileStore: std::fmt::Debug + Send + Sync + 'static {
    /// Keeps a file. A repeated `request_id` of the owner yields the first one.
    async fn insert(&self, file: NewFile) -> Result<StoredFile, StoreError>;
    /// What is known of a file.
    async fn find(&self, id: FileId) -> Result<Option<StoredFile>, StoreError>;
    /// The content of a file; `None` where there is none, or it made room for newer ones.
    async fn read(&self, id: FileId) -> Result<Option<Vec<u8>>, StoreError>;
    /// The files of a chat, the oldest first, also those that made room.
    async fn of_chat(&self, chat: ChatId) -> Result<Vec<StoredFile>, StoreError>;
    /// Deletes up to `limit` files that were uploaded before `before` and belong to no chat. Returns how many.
    async fn delete_unused(&self, before: Timestamp, limit: u32) -> Result<u64, StoreError>;
}
