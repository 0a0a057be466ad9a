//! Where chats are kept. Each method is one transaction; what changes a chat goes through the
//! state machine under the chat's row lock.

mod contexts;
mod files;
mod leases;
pub(crate) mod open_calls;
mod sql;
mod workers;

use std::collections::BTreeMap;

use async_trait::async_trait;
use chatmesh_core::{Timestamp, Uuid};
use chatmesh_db::DbError;
use chatmesh_proto::chat::v1::Retry;
use chatmesh_proto::common::v1::{GenerationError, ToolDefinition};
use chatmesh_rpc::UserId;
pub use contexts::{ContextStore, KeptContext};
pub use files::FileStore;
pub use leases::{Acquired, LeaseStore, Pool, Room, Runnable};
pub use sql::{STATEMENTS, SqlChatStore};
pub use workers::{LiveWorker, WorkerDirectory};

use crate::domain::{Chat, ChatFilter, ChatId, Message, NewMessage, QueuedMessage};
pub use crate::domain::{Lease, RunnerId, Versions, WorkerId};
use crate::files::FileId;
use crate::machine::Rejected;

/// How many messages may wait for a busy chat.
pub const MAX_QUEUED: u32 = 20;

/// How many chats an owner may pin: to move one renumbers those behind it.
pub const MAX_PINNED: u32 = 200;

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
    /// There is no such message, or an edit removed it.
    #[error("there is no such message")]
    MessageNotFound,
    /// The message is not one of the user's.
    #[error("only messages of the user can be edited")]
    NotOfUser,
    /// No such message waits.
    #[error("no such message waits: it was sent, promoted or deleted")]
    QueuedNotFound,
    /// The results are not those of the open calls.
    #[error("the results must be those of the open calls: missing {missing:?}, not open {unexpected:?}")]
    WrongCalls {
        /// Open calls without a result.
        missing: Vec<String>,
        /// Results without an open call.
        unexpected: Vec<String>,
    },
    /// The model said nothing since the last summary, or at all.
    #[error("the model has said nothing since the context began: there is nothing to do")]
    NothingSaid,
    /// The chat's parent is archived.
    #[error("the chat belongs to an archived chat: unarchive that one")]
    ParentArchived,
    /// There is no such file of the owner's.
    #[error("file `{0}` not found")]
    FileNotFound(FileId),
    /// The file belongs to another chat.
    #[error("file `{0}` belongs to another chat: upload it again")]
    FileOfOtherChat(FileId),
    /// The file made room for newer ones.
    #[error("file `{0}` is gone, newer files of the chat took its place: upload it again")]
    FileGone(FileId),
    /// The message to replace has a file that made room for newer ones.
    #[error("the message has the file `{0}`, which is gone: it cannot be edited, send a new one")]
    EditsGoneFile(FileId),
    /// Only chats that a user started can be pinned.
    #[error("only chats that a user started can be pinned")]
    NotARoot,
    /// As many chats are pinned as may be.
    #[error("{MAX_PINNED} chats are pinned already: unpin one of them first")]
    PinsFull,
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
    /// The tools that the client runs.
    pub dynamic_tools: Vec<ToolDefinition>,
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

/// Another word in place of one that was said.
#[derive(Debug, Clone)]
pub struct Edit {
    /// The message to replace, one of the user's.
    pub message_id: u32,
    /// What takes its place.
    pub message: NewMessage,
    /// The model for this and the following turns; the chat's where it is empty.
    pub model: String,
    /// The trace of the request.
    pub traceparent: Option<String>,
}

/// What an edit did.
#[derive(Debug, Clone, PartialEq)]
pub struct Edited {
    /// The chat afterwards.
    pub chat: Chat,
    /// The messages that were committed, in order; the last is the user's.
    pub messages: Vec<Message>,
    /// The messages that are forgotten.
    pub deleted: Vec<u32>,
    /// False where the same request was made before and this is its result.
    pub changed: bool,
}

/// What is written on a chat; `None` stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Metadata {
    /// The title.
    pub title: Option<String>,
    /// All labels.
    pub labels: Option<BTreeMap<String, String>>,
    /// The workspace; `Some(None)` for none.
    pub workspace_id: Option<Option<Uuid>>,
}

/// What an owner changes about a chat; `None` stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Update {
    /// What is written on it. Its place in lists stays.
    pub metadata: Metadata,
    /// Whether the chat and all that it started are put away. That also unpins it.
    pub archived: Option<bool>,
    /// Its place among the pinned chats of the owner, 0 for none.
    pub pin_order: Option<u32>,
}

/// What an update did.
#[derive(Debug, Clone, PartialEq)]
pub struct Updated {
    /// The chat afterwards.
    pub chat: Chat,
    /// The chats that it started and that were put away or taken out with it.
    pub family: Vec<Chat>,
    /// The other chats whose places among the pinned ones changed.
    pub moved: Vec<Chat>,
}

/// What a tool of the client returned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientResult {
    /// The call.
    pub call_id: String,
    /// JSON as text.
    pub output: String,
    /// True where the tool failed.
    pub is_error: bool,
}

/// An answer that was kept while its tools ran.
#[derive(Debug, Clone, PartialEq)]
pub struct KeptStep {
    /// The answer.
    pub answer: NewMessage,
    /// The workspace that its tools act on; `None` where the chat had none.
    pub workspace_id: Option<Uuid>,
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

/// Where a page of a list ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListCursor {
    /// The last chat's place among the pinned ones; 0 where it is not pinned.
    pub pin_order: u32,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// The chat itself.
    pub id: ChatId,
}

impl ListCursor {
    /// After this chat.
    #[must_use]
    pub fn after(chat: &Chat) -> Self {
        Self { pin_order: chat.pin_order, updated_at: chat.updated_at, id: chat.id }
    }
}

/// The store of the service. What is not there is `None` or [`StoreError::NotFound`].
#[async_trait]
pub trait ChatStore: std::fmt::Debug + Send + Sync + 'static {
    /// Inserts a chat with its first message, running. A repeated `request_id` of the owner
    /// yields the first chat, and `false`.
    async fn create(&self, new: NewChat) -> Result<(Chat, bool), StoreError>;
    /// Returns a chat.
    async fn get(&self, id: ChatId) -> Result<Option<Chat>, StoreError>;
    /// Lists the chats that a user started: the pinned ones in their order, then the last changed first.
    async fn list(
        &self,
        owner: UserId,
        filter: &ChatFilter,
        after: Option<ListCursor>,
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
    /// Lists the chats of a user that changed after a time, no sub-agents.
    async fn changed_since(&self, owner: UserId, since: Timestamp, limit: u32) -> Result<Vec<Chat>, StoreError>;
    /// True where an edit removed a message that people saw and whose identifier is `from` or higher.
    async fn has_deleted(&self, chat: ChatId, from: u32) -> Result<bool, StoreError>;
    /// Lists the messages that the model sees, in order.
    async fn prompt_messages(&self, chat: ChatId) -> Result<Vec<Message>, StoreError>;
    /// Reads a chat, messages and the queue as of one moment.
    async fn snapshot(&self, chat: ChatId, since: Since) -> Result<Option<Snapshot>, StoreError>;
    /// Sends a message, or queues it, as the state machine says.
    async fn send(&self, chat: ChatId, outgoing: Outgoing, now: Timestamp) -> Result<Sent, StoreError>;
    /// Replaces a message of the user; what came after it is forgotten.
    async fn edit(&self, chat: ChatId, edit: Edit, now: Timestamp) -> Result<Edited, StoreError>;
    /// Takes a message out of the queue. Returns those that still wait, in order.
    async fn delete_queued(
        &self,
        chat: ChatId,
        queued_id: u32,
        now: Timestamp,
    ) -> Result<(Chat, Vec<QueuedMessage>), StoreError>;
    /// Lets a waiting message be the next. Returns what was committed.
    async fn promote_queued(
        &self,
        chat: ChatId,
        queued_id: u32,
        now: Timestamp,
    ) -> Result<(Chat, Vec<Message>), StoreError>;
    /// Asks the turn to stop. Where the turn waits for the client's tools, it goes on without them,
    /// and what stands in the place of their results is returned.
    async fn interrupt(&self, chat: ChatId, now: Timestamp) -> Result<(Chat, Vec<Message>), StoreError>;
    /// Hands in the results of the client's tools: of all open calls and of no others.
    async fn submit_tool_results(
        &self,
        chat: ChatId,
        results: Vec<ClientResult>,
        now: Timestamp,
    ) -> Result<(Chat, Vec<Message>), StoreError>;
    /// Finds up to `limit` chats whose client's tools have not answered by their deadline.
    async fn expired_actions(&self, now: Timestamp, limit: u32) -> Result<Vec<ChatId>, StoreError>;
    /// Goes on without the client's results where the deadline has passed.
    async fn cancel_action(&self, chat: ChatId, now: Timestamp) -> Result<Chat, StoreError>;
    /// Changes what the owner wants changed, all of it or nothing.
    async fn update(&self, chat: ChatId, update: Update, now: Timestamp) -> Result<Updated, StoreError>;
    /// Says that the owner has seen all there is. Returns whether that is news. No version changes.
    async fn mark_read(&self, chat: ChatId) -> Result<bool, StoreError>;
    /// Asks for a summary of the history.
    async fn request_compaction(
        &self,
        chat: ChatId,
        traceparent: Option<String>,
        now: Timestamp,
    ) -> Result<Chat, StoreError>;
    /// Inserts `marker`, before which the model sees nothing.
    async fn clear_context(
        &self,
        chat: ChatId,
        marker: Vec<NewMessage>,
        now: Timestamp,
    ) -> Result<(Chat, Vec<Message>), StoreError>;
    /// Makes a chat whose stored state contradicts itself usable again; `error` says what happened.
    async fn reconcile(&self, chat: ChatId, error: GenerationError, now: Timestamp) -> Result<Chat, StoreError>;
    /// The tools that the client runs.
    async fn dynamic_tools(&self, chat: ChatId) -> Result<Vec<ToolDefinition>, StoreError>;

    /// Counts a call of the model that is about to be made.
    async fn record_attempt(&self, fence: Fence, now: Timestamp) -> Result<Chat, StoreError>;
    /// Keeps the pause before the next call.
    async fn record_retry(&self, fence: Fence, retry: Retry, now: Timestamp) -> Result<Chat, StoreError>;
    /// Keeps the model's answer while its tools run, with the workspace that they act on.
    async fn record_step(
        &self,
        fence: Fence,
        answer: &NewMessage,
        workspace: Option<Uuid>,
        now: Timestamp,
    ) -> Result<Chat, StoreError>;
    /// The answer that was kept for this version of the history.
    async fn kept_step(&self, chat: ChatId, history_version: u32) -> Result<Option<KeptStep>, StoreError>;
    /// Commits the answer and the results.
    async fn commit_step(
        &self,
        fence: Fence,
        messages: Vec<NewMessage>,
        now: Timestamp,
    ) -> Result<(Chat, Vec<Message>), StoreError>;
    /// Commits a summary: what takes the place of the history, its marker, and what comes after it.
    async fn commit_compaction(
        &self,
        fence: Fence,
        messages: Vec<NewMessage>,
        now: Timestamp,
    ) -> Result<(Chat, Vec<Message>), StoreError>;
    /// Commits the answer and the results that there are, and waits for the client's tools.
    async fn enter_requires_action(
        &self,
        fence: Fence,
        messages: Vec<NewMessage>,
        deadline: Timestamp,
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
