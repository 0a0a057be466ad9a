//! The messages that wait.

use chatmesh_core::Timestamp;
use chatmesh_db::{Db, Tx, values};

use super::{Change, Guard, Outcome, history, operate};
use crate::domain::{Chat, ChatId, Message, NewMessage, QueuedMessage};
use crate::machine::{Operation, Rejected};
use crate::store::StoreError;
use crate::store::sql::rows::encode_content;
use crate::store::sql::statements::{DELETE_QUEUED, INSERT_QUEUED, MOVE_TO_HEAD, TAKE_QUEUE_HEAD};

pub(in crate::store::sql) async fn promote_queued(
    db: &Db,
    id: ChatId,
    queued_id: u32,
    now: Timestamp,
) -> Result<Outcome, StoreError> {
    let change = Change { queued_id, ..Change::default() };
    operate(db, id, Operation::PromoteQueuedMessage, Guard::None, change, now).await.map_err(without_queue)
}

/// A chat whose queue is empty has no such message, whatever else it is.
pub(super) fn without_queue(error: StoreError) -> StoreError {
    match error {
        StoreError::Rejected(Rejected::WrongStatus(_)) => StoreError::QueuedNotFound,
        other => other,
    }
}

pub(super) async fn append(tx: &mut Tx, chat: &mut Chat, message: &QueuedMessage) -> Result<(), StoreError> {
    let row = values![
        chat.id.0,
        message.id,
        encode_content(&message.content),
        message.model.as_str(),
        message.created_by.0,
        message.request_id,
        message.created_at,
        message.traceparent.clone()
    ];
    tx.execute(INSERT_QUEUED, row).await?;
    chat.last_queued_id = message.id;
    chat.queued_count += 1;
    chat.versions.queue = chat.versions.snapshot;
    Ok(())
}

pub(super) async fn delete(tx: &mut Tx, chat: &mut Chat, queued_id: u32) -> Result<(), StoreError> {
    if tx.execute(DELETE_QUEUED, values![chat.id.0, queued_id]).await? == 0 {
        return Err(StoreError::QueuedNotFound);
    }
    chat.queued_count -= 1;
    chat.versions.queue = chat.versions.snapshot;
    Ok(())
}

pub(super) async fn move_to_head(tx: &mut Tx, chat: &mut Chat, queued_id: u32) -> Result<(), StoreError> {
    if tx.execute(MOVE_TO_HEAD, values![chat.id.0, queued_id]).await? == 0 {
        return Err(StoreError::QueuedNotFound);
    }
    chat.versions.queue = chat.versions.snapshot;
    Ok(())
}

/// Moves the head of the queue into the history: it is in the one or in the other, never in both.
pub(super) async fn promote_head(tx: &mut Tx, chat: &mut Chat, now: Timestamp) -> Result<Message, StoreError> {
    let head: Option<QueuedMessage> = tx.fetch_optional(TAKE_QUEUE_HEAD, values![chat.id.0]).await?;
    let head = head.ok_or(StoreError::Rejected(Rejected::Invalid))?;
    chat.queued_count -= 1;
    chat.versions.queue = chat.versions.snapshot;
    if !head.model.is_empty() {
        chat.model = head.model;
    }
    if head.traceparent.is_some() {
        chat.traceparent = head.traceparent;
    }
    let message = NewMessage::from_user(head.created_by, head.content, head.request_id);
    history::insert(tx, chat, message, now).await
}
