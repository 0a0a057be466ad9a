//! The store in SQL, one text for both engines.

mod leases;
mod queries;
mod rows;
mod statements;
mod writes;

use std::time::Duration;

use async_trait::async_trait;
use chatmesh_core::Timestamp;
use chatmesh_db::Db;
use chatmesh_proto::chat::v1::Retry;
use chatmesh_proto::common::v1::GenerationError;
use chatmesh_rpc::UserId;
pub use statements::STATEMENTS;
use writes::{Change, Guard};

use super::{Acquired, ChatStore, Fence, NewChat, Outgoing, Sent, Since, Snapshot, StoreError};
use crate::domain::{Chat, ChatId, Message, NewMessage, RunnerId, WorkerId};
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
        after: Option<(Timestamp, ChatId)>,
        limit: u32,
    ) -> Result<Vec<Chat>, StoreError> {
        queries::list(&self.db, owner, after, limit).await
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

    async fn prompt_messages(&self, chat: ChatId) -> Result<Vec<Message>, StoreError> {
        queries::prompt_messages(&self.db, chat).await
    }

    async fn snapshot(&self, chat: ChatId, since: Since) -> Result<Option<Snapshot>, StoreError> {
        queries::snapshot(&self.db, chat, since).await
    }

    async fn send(&self, chat: ChatId, outgoing: Outgoing, now: Timestamp) -> Result<Sent, StoreError> {
        writes::send(&self.db, chat, outgoing, now).await
    }

    async fn interrupt(&self, chat: ChatId, now: Timestamp) -> Result<Chat, StoreError> {
        let done = writes::operate(&self.db, chat, Operation::Interrupt, Guard::None, Change::default(), now).await?;
        Ok(done.chat)
    }

    async fn acquire(
        &self,
        worker: WorkerId,
        runners: &[RunnerId],
        now: Timestamp,
        stale_after: Duration,
    ) -> Result<Vec<Acquired>, StoreError> {
        leases::acquire(&self.db, worker, runners, now, stale_after).await
    }

    async fn heartbeat(&self, worker: WorkerId, now: Timestamp) -> Result<Vec<(ChatId, RunnerId)>, StoreError> {
        leases::heartbeat(&self.db, worker, now).await
    }

    async fn forget_leases(&self) -> Result<(), StoreError> {
        leases::forget(&self.db).await
    }

    async fn abandon(&self, chat: ChatId, runner: RunnerId, now: Timestamp) -> Result<Chat, StoreError> {
        let guard = Guard::Lease(runner);
        Ok(writes::operate(&self.db, chat, Operation::Abandon, guard, Change::default(), now).await?.chat)
    }

    async fn record_attempt(&self, fence: Fence, now: Timestamp) -> Result<Chat, StoreError> {
        Ok(self.fenced(fence, Operation::RecordGenerationAttempt, Change::default(), now).await?.chat)
    }

    async fn record_retry(&self, fence: Fence, retry: Retry, now: Timestamp) -> Result<Chat, StoreError> {
        let change = Change { retry: Some(retry), ..Change::default() };
        Ok(self.fenced(fence, Operation::RecordRetryState, change, now).await?.chat)
    }

    async fn record_step(&self, fence: Fence, answer: &NewMessage, now: Timestamp) -> Result<Chat, StoreError> {
        let change = Change { step: Some(rows::encode_step(answer)), ..Change::default() };
        Ok(self.fenced(fence, Operation::RecordStep, change, now).await?.chat)
    }

    async fn kept_step(&self, chat: ChatId, history_version: u32) -> Result<Option<NewMessage>, StoreError> {
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
