//! The store in SQL, one text for both engines.

mod contexts;
mod files;
mod leases;
mod list;
mod queries;
mod rows;
mod settings;
mod skills;
mod statements;
mod workers;
mod writes;

use async_trait::async_trait;
use chatmesh_core::{Timestamp, Uuid};
use chatmesh_db::{Db, values};
use chatmesh_proto::chat::v1::Retry;
use chatmesh_proto::common::v1::{GenerationError, ToolDefinition};
use chatmesh_rpc::UserId;
use statements::MARK_READ;
pub use statements::STATEMENTS;
use writes::{Change, Guard};

use super::{
    Binding, ChatStore, ClientResult, Edit, Edited, Fence, KeptStep, ListCursor, NewChat, Outgoing, Sent, Since,
    Snapshot, StoreError, Update, Updated,
};
use crate::domain::{Chat, ChatFilter, ChatId, Message, NewMessage, QueuedMessage};
use crate::machine::Operation;

/// The store on a database.
#[derive(Debug, Clone)]
pub struct SqlChatStore {
    db: Db,
}

impl SqlChatStore {
    /// The store on `db`, whose schema is up to date.
    #[must_use]
    pub fn new(db: Db) -> Self {
        Self { db }
    }

    /// An operation of the runner that `fence` names.
    async fn fenced(&self, fence: Fence, operation: Operation, change: Change, now: Timestamp) -> Done {
        writes::operate(&self.db, fence.chat_id, operation, Guard::Fence(fence), change, now).await
    }
}

type Done = Result<writes::Outcome, StoreError>;
/// The chat afterwards and what was committed.
type Committed = Result<(Chat, Vec<Message>), StoreError>;

fn committed(done: writes::Outcome) -> (Chat, Vec<Message>) {
    (done.chat, done.messages)
}

#[async_trait]
impl ChatStore for SqlChatStore {
    async fn create(&self, new: NewChat) -> Result<(Chat, bool), StoreError> {
        writes::create(&self.db, new).await
    }

    async fn get(&self, id: ChatId) -> Result<Option<Chat>, StoreError> {
        queries::get(&self.db, id).await
    }

    async fn list(
        &self,
        owner: UserId,
        filter: &ChatFilter,
        after: Option<ListCursor>,
        limit: u32,
    ) -> Result<Vec<Chat>, StoreError> {
        list::list(&self.db, owner, filter, after, limit).await
    }

    async fn list_messages(
        &self,
        chat: ChatId,
        after: Option<u32>,
        descending: bool,
        limit: u32,
    ) -> Result<Vec<Message>, StoreError> {
        queries::list_messages(&self.db, chat, after, descending, limit).await
    }

    async fn changed_since(&self, owner: UserId, since: Timestamp, limit: u32) -> Result<Vec<Chat>, StoreError> {
        queries::changed_since(&self.db, owner, since, limit).await
    }

    async fn has_deleted(&self, chat: ChatId, from: u32) -> Result<bool, StoreError> {
        queries::has_deleted(&self.db, chat, from).await
    }

    async fn prompt_messages(&self, chat: ChatId) -> Result<Vec<Message>, StoreError> {
        queries::prompt_messages(&self.db, chat).await
    }

    async fn snapshot(&self, chat: ChatId, since: Since) -> Result<Option<Snapshot>, StoreError> {
        queries::snapshot(&self.db, chat, since).await
    }

    async fn send(&self, chat: ChatId, outgoing: Outgoing, now: Timestamp) -> Result<Sent, StoreError> {
        writes::send(&self.db, chat, outgoing, now).await
    }

    async fn edit(&self, chat: ChatId, edit: Edit, now: Timestamp) -> Result<Edited, StoreError> {
        writes::edit(&self.db, chat, edit, now).await
    }

    async fn delete_queued(
        &self,
        chat: ChatId,
        queued_id: u32,
        now: Timestamp,
    ) -> Result<(Chat, Vec<QueuedMessage>), StoreError> {
        writes::delete_queued(&self.db, chat, queued_id, now).await
    }

    async fn promote_queued(&self, chat: ChatId, queued_id: u32, now: Timestamp) -> Committed {
        writes::promote_queued(&self.db, chat, queued_id, now).await.map(committed)
    }

    async fn interrupt(&self, chat: ChatId, now: Timestamp) -> Committed {
        let change = Change::default();
        writes::operate(&self.db, chat, Operation::Interrupt, Guard::None, change, now).await.map(committed)
    }

    async fn submit_tool_results(&self, chat: ChatId, results: Vec<ClientResult>, now: Timestamp) -> Committed {
        writes::submit_tool_results(&self.db, chat, results, now).await.map(committed)
    }

    async fn expired_actions(&self, now: Timestamp, limit: u32) -> Result<Vec<ChatId>, StoreError> {
        queries::expired_actions(&self.db, now, limit).await
    }

    async fn cancel_action(&self, chat: ChatId, now: Timestamp) -> Result<Chat, StoreError> {
        writes::cancel_action(&self.db, chat, now).await
    }

    async fn update(&self, chat: ChatId, update: Update, now: Timestamp) -> Result<Updated, StoreError> {
        writes::update(&self.db, chat, update, now).await
    }

    async fn mark_read(&self, chat: ChatId) -> Result<bool, StoreError> {
        Ok(self.db.execute(MARK_READ, values![chat.0]).await? > 0)
    }

    async fn request_compaction(
        &self,
        chat: ChatId,
        traceparent: Option<String>,
        now: Timestamp,
    ) -> Result<Chat, StoreError> {
        writes::request_compaction(&self.db, chat, traceparent, now).await
    }

    async fn clear_context(&self, chat: ChatId, marker: Vec<NewMessage>, now: Timestamp) -> Committed {
        writes::clear_context(&self.db, chat, marker, now).await.map(committed)
    }

    async fn reconcile(&self, chat: ChatId, error: GenerationError, now: Timestamp) -> Result<Chat, StoreError> {
        writes::reconcile(&self.db, chat, error, now).await
    }

    async fn dynamic_tools(&self, chat: ChatId) -> Result<Vec<ToolDefinition>, StoreError> {
        queries::dynamic_tools(&self.db, chat).await
    }

    async fn record_attempt(&self, fence: Fence, now: Timestamp) -> Result<Chat, StoreError> {
        Ok(self.fenced(fence, Operation::RecordGenerationAttempt, Change::default(), now).await?.chat)
    }

    async fn record_retry(&self, fence: Fence, retry: Retry, now: Timestamp) -> Result<Chat, StoreError> {
        let change = Change { retry: Some(retry), ..Change::default() };
        Ok(self.fenced(fence, Operation::RecordRetryState, change, now).await?.chat)
    }

    async fn record_step(
        &self,
        fence: Fence,
        answer: &NewMessage,
        workspace: Option<Uuid>,
        now: Timestamp,
    ) -> Result<Chat, StoreError> {
        let change = Change { step: Some(rows::encode_step(answer, workspace)), ..Change::default() };
        Ok(self.fenced(fence, Operation::RecordStep, change, now).await?.chat)
    }

    async fn bind_workspace(&self, fence: Fence, binding: Binding, now: Timestamp) -> Result<Chat, StoreError> {
        writes::bind_workspace(&self.db, fence, binding, now).await
    }

    async fn kept_step(&self, chat: ChatId, history_version: u32) -> Result<Option<KeptStep>, StoreError> {
        queries::kept_step(&self.db, chat, history_version).await
    }

    async fn commit_step(
        &self,
        fence: Fence,
        messages: Vec<NewMessage>,
        now: Timestamp,
    ) -> Result<(Chat, Vec<Message>), StoreError> {
        let change = Change { messages, ..Change::default() };
        let done = self.fenced(fence, Operation::CommitStep, change, now).await?;
        Ok((done.chat, done.messages))
    }

    async fn commit_compaction(&self, fence: Fence, messages: Vec<NewMessage>, now: Timestamp) -> Committed {
        let change = Change { messages, ..Change::default() };
        self.fenced(fence, Operation::CommitCompaction, change, now).await.map(committed)
    }

    async fn enter_requires_action(
        &self,
        fence: Fence,
        messages: Vec<NewMessage>,
        deadline: Timestamp,
        now: Timestamp,
    ) -> Committed {
        let change = Change { messages, action_deadline: Some(deadline), ..Change::default() };
        self.fenced(fence, Operation::EnterRequiresAction, change, now).await.map(committed)
    }

    async fn finish_turn(&self, fence: Fence, now: Timestamp) -> Result<Chat, StoreError> {
        Ok(self.fenced(fence, Operation::FinishTurn, Change::default(), now).await?.chat)
    }

    async fn finish_error(
        &self,
        fence: Fence,
        partial: Vec<NewMessage>,
        error: GenerationError,
        now: Timestamp,
    ) -> Result<Chat, StoreError> {
        let change = Change { messages: partial, error: Some(error), ..Change::default() };
        Ok(self.fenced(fence, Operation::FinishError, change, now).await?.chat)
    }

    async fn finish_interruption(
        &self,
        fence: Fence,
        partial: Vec<NewMessage>,
        now: Timestamp,
    ) -> Result<Chat, StoreError> {
        let change = Change { messages: partial, ..Change::default() };
        Ok(self.fenced(fence, Operation::FinishInterruption, change, now).await?.chat)
    }
}
