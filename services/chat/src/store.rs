//! Where chats are kept. Each method is one transaction; what changes a chat goes through the
//! state machine under the chat's row lock.

mod sql;

use std::time::Duration;

use async_trait::async_trait;
use chatmesh_core::{Timestamp, Uuid};
use chatmesh_db::DbError;
use chatmesh_proto::chat::v1::Retry;
use chatmesh_proto::common::v1::GenerationError;
use chatmesh_rpc::UserId;
pub use sql::{STATEMENTS, SqlChatStore};

use crate::domain::{Chat, ChatId, Message, NewMessage, QueuedMessage};
pub use crate::domain::{Lease, RunnerId, Versions, WorkerId};
use crate::machine::Rejected;

/// How many messages may wait for a busy chat.
pub const MAX_QUEUED: u32 = 20;

/// An operation was not carried out, and nothing changed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is no such chat.
    #[error("there is no such chat")]
    NotFound,
    /// The state machine does not allow it.
    #[error(transparent)]
    Rejected(#[from] Rejected),
    /// The lease is somebody else's, or the history went on without this runner.
    #[error("the lease of the chat is lost")]
    LeaseLost,
    /// The queue is full.
    #[error("{MAX_QUEUED} messages wait already: wait until the turn has ended, or interrupt it")]
    QueueFull,
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DbError),
}

/// A chat to insert with its first message.
#[derive(Debug, Clone)]
pub struct NewChat {
    /// The chat; its versions and numbers are set by the store.
    pub chat: Chat,
    /// The first message.
    pub message: NewMessage,
    /// The client's identifier of the request.
    pub request_id: Option<Uuid>,
}

/// What a sent message became.
#[derive(Debug, Clone, PartialEq)]
pub struct Sent {
    /// The chat afterwards.
    pub chat: Chat,
    /// The messages that were committed, in order.
    pub messages: Vec<Message>,
    /// The queued message, where it was queued.
    pub queued: Option<QueuedMessage>,
    /// False where the same request was made before and this is its result.
    pub changed: bool,
}

/// A message to send.
#[derive(Debug, Clone)]
pub struct Outgoing {
    /// The message.
    pub message: NewMessage,
    /// The model for this and the following turns; the chat's where it is empty.
    pub model: String,
    /// True to interrupt a busy chat.
    pub interrupt: bool,
    /// The trace of the request.
    pub traceparent: Option<String>,
}

/// Names the lease under which a runner writes, and the history that it has seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fence {
    /// The chat.
    pub chat_id: ChatId,
    /// The lease.
    pub runner_id: RunnerId,
    /// The version of the history that the work is based on.
    pub history_version: u32,
}

/// A chat as it is at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    /// The chat.
    pub chat: Chat,
    /// The messages that were asked for.
    pub messages: Vec<Message>,
    /// The queue, where it changed after the version that was asked with.
    pub queue: Option<Vec<QueuedMessage>>,
}

/// Which messages a subscriber wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Since {
    /// The ones after this number.
    Message(u32),
    /// The ones that changed after this revision, and the queue where it changed after the other.
    Versions {
        /// `history_version` that the subscriber has seen.
        history: u32,
        /// `queue_version` that the subscriber has seen.
        queue: u32,
    },
}

/// A chat that was leased.
#[derive(Debug, Clone, PartialEq)]
pub struct Acquired {
    /// The chat, with the lease.
    pub chat: Chat,
    /// The lease.
    pub lease: Lease,
}

/// The store of the service. What is not there is `None` or [`StoreError::NotFound`].
#[async_trait]
pub trait ChatStore: std::fmt::Debug + Send + Sync + 'static {
    /// Inserts a chat with its first message, running. A repeated `request_id` of the owner
    /// yields the first chat, and `false`.
    async fn create(&self, new: NewChat) -> Result<(Chat, bool), StoreError>;
    /// Returns a chat.
    async fn get(&self, id: ChatId) -> Result<Option<Chat>, StoreError>;
    /// Lists a user's chats, the last changed first, after the one with this time and number.
    async fn list(
        &self,
        owner: UserId,
        after: Option<(Timestamp, ChatId)>,
        limit: u32,
    ) -> Result<Vec<Chat>, StoreError>;
    /// Lists the messages that people see, after `after`, at most `limit`.
    async fn list_messages(
        &self,
        chat: ChatId,
        after: Option<u32>,
        descending: bool,
        limit: u32,
    ) -> Result<Vec<Message>, StoreError>;
    /// Lists the messages that the model sees, in order.
    async fn prompt_messages(&self, chat: ChatId) -> Result<Vec<Message>, StoreError>;
    /// Reads a chat, messages and the queue as of one moment.
    async fn snapshot(&self, chat: ChatId, since: Since) -> Result<Option<Snapshot>, StoreError>;
    /// Sends a message, or queues it, as the state machine says.
    async fn send(&self, chat: ChatId, outgoing: Outgoing, now: Timestamp) -> Result<Sent, StoreError>;
    /// Asks the turn to stop.
    async fn interrupt(&self, chat: ChatId, now: Timestamp) -> Result<Chat, StoreError>;

    /// Leases up to `limit` runnable chats that nobody has a living lease of: stopped ones first, then the oldest.
    async fn acquire(
        &self,
        worker: WorkerId,
        runners: &[RunnerId],
        now: Timestamp,
        stale_after: Duration,
    ) -> Result<Vec<Acquired>, StoreError>;
    /// Renews all leases of a worker in one statement and returns the chats that it still holds.
    async fn heartbeat(&self, worker: WorkerId, now: Timestamp) -> Result<Vec<(ChatId, RunnerId)>, StoreError>;
    /// Forgets all leases: only for a process that knows that it is alone.
    async fn forget_leases(&self) -> Result<(), StoreError>;
    /// Gives a lease back with the work undone.
    async fn abandon(&self, chat: ChatId, runner: RunnerId, now: Timestamp) -> Result<Chat, StoreError>;
    /// Counts a call of the model that is about to be made.
    async fn record_attempt(&self, fence: Fence, now: Timestamp) -> Result<Chat, StoreError>;
    /// Keeps the pause before the next call.
    async fn record_retry(&self, fence: Fence, retry: Retry, now: Timestamp) -> Result<Chat, StoreError>;
    /// Keeps the model's answer while its tools run.
    async fn record_step(&self, fence: Fence, answer: &NewMessage, now: Timestamp) -> Result<Chat, StoreError>;
    /// The answer that was kept for this version of the history.
    async fn kept_step(&self, chat: ChatId, history_version: u32) -> Result<Option<NewMessage>, StoreError>;
    /// Commits the answer and the results.
    async fn commit_step(
        &self,
        fence: Fence,
        messages: Vec<NewMessage>,
        now: Timestamp,
    ) -> Result<(Chat, Vec<Message>), StoreError>;
    /// Ends the turn; the head of the queue, where there is one, begins the next.
    async fn finish_turn(&self, fence: Fence, now: Timestamp) -> Result<Chat, StoreError>;
    /// Ends the turn with an error, keeping what was said.
    async fn finish_error(
        &self,
        fence: Fence,
        partial: Vec<NewMessage>,
        error: GenerationError,
        now: Timestamp,
    ) -> Result<Chat, StoreError>;
    /// Ends the stopped turn, keeping what was said; the head of the queue begins the next.
    async fn finish_interruption(
        &self,
        fence: Fence,
        partial: Vec<NewMessage>,
        now: Timestamp,
    ) -> Result<Chat, StoreError>;
}
