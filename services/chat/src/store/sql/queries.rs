//! What is only read.

use chatmesh_core::{Timestamp, Uuid};
use chatmesh_db::{Db, values};
use chatmesh_rpc::UserId;

use super::rows::StepRow;
use super::statements::{
    GET_CHAT, KEPT_STEP, LIST_CHATS, LIST_MESSAGES_DOWN, LIST_MESSAGES_UP, LIST_QUEUED, MESSAGES_AFTER,
    MESSAGES_CHANGED, PROMPT_MESSAGES,
};
use crate::domain::{Chat, ChatId, Message, NewMessage};
use crate::store::{Since, Snapshot, StoreError};

pub(super) async fn get(db: &Db, id: ChatId) -> Result<Option<Chat>, StoreError> {
    Ok(db.fetch_optional(GET_CHAT, values![id.0]).await?)
}

pub(super) async fn list(
    db: &Db,
    owner: UserId,
    after: Option<(Timestamp, ChatId)>,
    limit: u32,
) -> Result<Vec<Chat>, StoreError> {
    let (time, id) = after.unzip();
    Ok(db.fetch_all(LIST_CHATS, values![owner.0, time, id.map(Uuid::from), limit]).await?)
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

pub(super) async fn prompt_messages(db: &Db, chat: ChatId) -> Result<Vec<Message>, StoreError> {
    Ok(db.fetch_all(PROMPT_MESSAGES, values![chat.0]).await?)
}

pub(super) async fn kept_step(db: &Db, chat: ChatId, history_version: u32) -> Result<Option<NewMessage>, StoreError> {
    let row: Option<StepRow> = db.fetch_optional(KEPT_STEP, values![chat.0, history_version]).await?;
    Ok(row.map(|StepRow(answer)| answer))
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
