//! What is only read.

use chatmesh_core::Timestamp;
use chatmesh_db::{Db, values};
use chatmesh_proto::common::v1::ToolDefinition;
use chatmesh_rpc::UserId;

use super::rows::{IdRow, NumberRow, ToolsRow};
use super::statements::{
    CHANGED_SINCE, EXPIRED_ACTIONS, GET_CHAT, GET_TOOLS, HAS_DELETED, KEPT_STEP, LIST_MESSAGES_DOWN, LIST_MESSAGES_UP,
    LIST_QUEUED, MESSAGES_AFTER, MESSAGES_CHANGED, PROMPT_MESSAGES,
};
use crate::domain::{Chat, ChatId, Message};
use crate::store::{KeptStep, Since, Snapshot, StoreError};

pub(super) async fn get(db: &Db, id: ChatId) -> Result<Option<Chat>, StoreError> {
    Ok(db.fetch_optional(GET_CHAT, values![id.0]).await?)
}

pub(super) async fn list_messages(
    db: &Db,
    chat: ChatId,
    after: Option<u32>,
    descending: bool,
    limit: u32,
) -> Result<Vec<Message>, StoreError> {
    let rows = if descending {
        db.fetch_all(LIST_MESSAGES_DOWN, values![chat.0, after, limit]).await
    } else {
        db.fetch_all(LIST_MESSAGES_UP, values![chat.0, after.unwrap_or_default(), limit]).await
    };
    Ok(rows?)
}

pub(super) async fn changed_since(
    db: &Db,
    owner: UserId,
    since: Timestamp,
    limit: u32,
) -> Result<Vec<Chat>, StoreError> {
    Ok(db.fetch_all(CHANGED_SINCE, values![owner.0, since, limit]).await?)
}

pub(super) async fn has_deleted(db: &Db, chat: ChatId, from: u32) -> Result<bool, StoreError> {
    let found: Option<NumberRow> = db.fetch_optional(HAS_DELETED, values![chat.0, from]).await?;
    Ok(found.is_some())
}

pub(super) async fn prompt_messages(db: &Db, chat: ChatId) -> Result<Vec<Message>, StoreError> {
    Ok(db.fetch_all(PROMPT_MESSAGES, values![chat.0]).await?)
}

pub(super) async fn kept_step(db: &Db, chat: ChatId, history_version: u32) -> Result<Option<KeptStep>, StoreError> {
    Ok(db.fetch_optional(KEPT_STEP, values![chat.0, history_version]).await?)
}

pub(super) async fn snapshot(db: &Db, id: ChatId, since: Since) -> Result<Option<Snapshot>, StoreError> {
    let mut tx = db.begin_read().await?;
    let Some(chat): Option<Chat> = tx.fetch_optional(GET_CHAT, values![id.0]).await? else {
        return Ok(None);
    };
    let (messages, queue_changed) = match since {
        Since::Message(after) => (tx.fetch_all(MESSAGES_AFTER, values![id.0, after]).await?, true),
        Since::Versions { history, queue } => {
            let messages = if chat.versions.history > history {
                tx.fetch_all(MESSAGES_CHANGED, values![id.0, history]).await?
            } else {
                Vec::new()
            };
            (messages, chat.versions.queue > queue)
        }
    };
    let queue = if queue_changed { Some(tx.fetch_all(LIST_QUEUED, values![id.0]).await?) } else { None };
    tx.commit().await?;
    Ok(Some(Snapshot { chat, messages, queue }))
}

pub(super) async fn expired_actions(db: &Db, now: Timestamp, limit: u32) -> Result<Vec<ChatId>, StoreError> {
    let rows: Vec<IdRow> = db.fetch_all(EXPIRED_ACTIONS, values![now, limit]).await?;
    Ok(rows.into_iter().map(|IdRow(id)| id).collect())
}

pub(super) async fn dynamic_tools(db: &Db, chat: ChatId) -> Result<Vec<ToolDefinition>, StoreError> {
    let row: Option<ToolsRow> = db.fetch_optional(GET_TOOLS, values![chat.0]).await?;
    Ok(row.map(|ToolsRow(tools)| tools).unwrap_or_default())
}
