//! Where chats are kept. Each method is one transaction; what changes a chat goes through the
//! state machine under the chat's row lock.

mod changes;
mod contexts;
mod error;
mod files;
mod leases;
pub(crate) mod open_calls;
mod settings;
mod skills;
mod sql;
mod workers;

use async_trait::async_trait;
pub use changes::{
    Binding, ClientResult, Edit, Edited, Fence, KeptStep, ListCursor, Metadata, NewChat, Outgoing, Sent, Since,
    Snapshot, Update, Updated,
};
use chatmesh_core::{Timestamp, Uuid};
use chatmesh_proto::chat::v1::Retry;
use chatmesh_proto::common::v1::{GenerationError, ToolDefinition};
use chatmesh_rpc::UserId;
pub use contexts::{ContextStore, KeptContext};
pub use error::StoreError;
pub use files::FileStore;
pub use leases::{Acquired, LeaseStore, Pool, Room, Runnable};
pub use settings::{PromptStore, UserSettings};
pub use skills::{SkillKept, SkillStore};
pub use sql::{STATEMENTS, SqlChatStore};
pub use workers::{LiveWorker, WorkerDirectory};

use crate::domain::{Chat, ChatFilter, ChatId, Message, NewMessage, QueuedMessage};
pub use crate::domain::{Lease, RunnerId, Versions, WorkerId};

/// How many messages may wait for a busy chat.
pub const MAX_QUEUED: u32 = 20;

/// How many chats an owner may pin: to move one renumbers those behind it.
pub const MAX_PINNED: u32 = 200;

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
    /// Gives the chat a workspace, or says again which one it has: `WorkspaceChanged` where it has another one by now
    /// than was expected. The history stays as it is.
    async fn bind_workspace(&self, fence: Fence, binding: Binding, now: Timestamp) -> Result<Chat, StoreError>;
    /// The answer that was kept for this version of the history.
    async fn kept_step(&self, chat: ChatId, history_version: u32) -> Result<Option<KeptStep>, StoreError>;
    /// Commits the answer and the results. The files that stand beside results are the chat's from then on, like in
    /// every operation that keeps results; one that is not there any more does not keep the step from being committed.
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
