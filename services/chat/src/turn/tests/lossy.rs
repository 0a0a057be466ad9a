//! A store whose answer to the end of an interruption does not arrive.

use async_trait::async_trait;
use chatmesh_core::{Timestamp, Uuid};
use chatmesh_db::DbError;
use chatmesh_proto::chat::v1::Retry;
use chatmesh_proto::common::v1::{GenerationError, ToolDefinition};
use chatmesh_rpc::UserId;
use chatmesh_testkit::sqlite;
use parking_lot::Mutex;

use crate::MIGRATIONS;
use crate::domain::{Chat, ChatFilter, ChatId, Message, NewMessage, QueuedMessage};
use crate::store::{
    Binding, ChatStore, ClientResult, Edit, Edited, Fence, KeptStep, ListCursor, NewChat, Outgoing, Sent, Since,
    Snapshot, SqlChatStore, StoreError, Update, Updated,
};

/// What becomes of an attempt to end an interruption.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is written, and nobody says so: the database went away.
    Lost,
    /// It is written, and the answer cannot be read.
    Garbled,
    /// It is not written.
    Refused,
    /// The runner panics before it is written.
    Panics,
}

/// A store whose first attempts to end an interruption have these fates.
#[derive(Debug)]
pub(super) struct LossyStore {
    inner: SqlChatStore,
    /// The store of a database that is gone.
    gone: SqlChatStore,
    fates: Mutex<Vec<Fate>>,
}

impl LossyStore {
    /// `fates` in their order.
    pub(super) async fn new(inner: SqlChatStore, fates: &[Fate]) -> Self {
        let gone = sqlite(MIGRATIONS).await.db.clone();
        gone.close().await;
        let fates = Mutex::new(fates.iter().rev().copied().collect());
        Self { inner, gone: SqlChatStore::new(gone), fates }
    }

    async fn end(&self, fence: Fence, partial: Vec<NewMessage>, now: Timestamp) -> Result<Chat, StoreError> {
        let fate = self.fates.lock().pop();
        if matches!(fate, None | Some(Fate::Lost | Fate::Garbled)) {
            let ended = self.inner.finish_interruption(fence, partial, now).await;
            if fate.is_none() || ended.is_err() {
                return ended;
            }
        }
        assert_ne!(fate, Some(Fate::Panics), "on purpose");
        if fate == Some(Fate::Lost) {
            self.gone.get(fence.chat_id).await?;
        }
        Err(StoreError::Database(DbError::Schema("a fault, on purpose".to_owned())))
    }
}

macro_rules! lossy {
    ($($name:ident($($arg:ident: $type:ty),*) -> $out:ty;)*) => {
        #[async_trait]
        impl ChatStore for LossyStore {
            $(
                async fn $name(&self, $($arg: $type),*) -> Result<$out, StoreError> {
                    self.inner.$name($($arg),*).await
                }
            )*

            async fn finish_interruption(
                &self,
                fence: Fence,
                partial: Vec<NewMessage>,
                now: Timestamp,
            ) -> Result<Chat, StoreError> {
                self.end(fence, partial, now).await
            }
        }
    };
}

lossy! {
    create(new: NewChat) -> (Chat, bool);
    get(id: ChatId) -> Option<Chat>;
    list(owner: UserId, filter: &ChatFilter, after: Option<ListCursor>, limit: u32) -> Vec<Chat>;
    list_messages(chat: ChatId, after: Option<u32>, descending: bool, limit: u32) -> Vec<Message>;
    changed_since(owner: UserId, since: Timestamp, limit: u32) -> Vec<Chat>;
    has_deleted(chat: ChatId, from: u32) -> bool;
    prompt_messages(chat: ChatId) -> Vec<Message>;
    snapshot(chat: ChatId, since: Since) -> Option<Snapshot>;
    send(chat: ChatId, outgoing: Outgoing, now: Timestamp) -> Sent;
    edit(chat: ChatId, edit: Edit, now: Timestamp) -> Edited;
    delete_queued(chat: ChatId, queued_id: u32, now: Timestamp) -> (Chat, Vec<QueuedMessage>);
    promote_queued(chat: ChatId, queued_id: u32, now: Timestamp) -> (Chat, Vec<Message>);
    interrupt(chat: ChatId, now: Timestamp) -> (Chat, Vec<Message>);
    submit_tool_results(chat: ChatId, results: Vec<ClientResult>, now: Timestamp) -> (Chat, Vec<Message>);
    expired_actions(now: Timestamp, limit: u32) -> Vec<ChatId>;
    cancel_action(chat: ChatId, now: Timestamp) -> Chat;
    update(chat: ChatId, update: Update, now: Timestamp) -> Updated;
    mark_read(chat: ChatId) -> bool;
    request_compaction(chat: ChatId, traceparent: Option<String>, now: Timestamp) -> Chat;
    clear_context(chat: ChatId, marker: Vec<NewMessage>, now: Timestamp) -> (Chat, Vec<Message>);
    reconcile(chat: ChatId, error: GenerationError, now: Timestamp) -> Chat;
    dynamic_tools(chat: ChatId) -> Vec<ToolDefinition>;
    record_attempt(fence: Fence, now: Timestamp) -> Chat;
    record_retry(fence: Fence, retry: Retry, now: Timestamp) -> Chat;
    record_step(fence: Fence, answer: &NewMessage, workspace: Option<Uuid>, now: Timestamp) -> Chat;
    bind_workspace(fence: Fence, binding: Binding, now: Timestamp) -> Chat;
    kept_step(chat: ChatId, history_version: u32) -> Option<KeptStep>;
    commit_step(fence: Fence, messages: Vec<NewMessage>, now: Timestamp) -> (Chat, Vec<Message>);
    commit_compaction(fence: Fence, messages: Vec<NewMessage>, now: Timestamp) -> (Chat, Vec<Message>);
    enter_requires_action(
        fence: Fence, messages: Vec<NewMessage>, deadline: Timestamp, now: Timestamp
    ) -> (Chat, Vec<Message>);
    finish_turn(fence: Fence, now: Timestamp) -> Chat;
    finish_error(fence: Fence, partial: Vec<NewMessage>, error: GenerationError, now: Timestamp) -> Chat;
}
