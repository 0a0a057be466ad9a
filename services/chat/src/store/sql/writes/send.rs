//! Messages of users: into the history, or behind those that wait.

use chatmesh_core::{Timestamp, Uuid};
use chatmesh_db::{Db, Tx, values};

use super::{Change, carry_out, files, lock, repeated};
use crate::domain::{Chat, ChatId, Message, NewMessage, QueuedMessage};
use crate::machine::{self, Effect, Operation, Status};
use crate::store::sql::statements::{FIND_MESSAGE_BY_REQUEST, FIND_QUEUED_BY_REQUEST};
use crate::store::{MAX_QUEUED, Outgoing, Sent, StoreError};

/// What an earlier request with the same identifier brought forth.
pub(super) struct Earlier {
    pub(super) message: Option<Message>,
    pub(super) queued: Option<QueuedMessage>,
}

pub(in crate::store::sql) async fn send(
    db: &Db,
    id: ChatId,
    mut outgoing: Outgoing,
    now: Timestamp,
) -> Result<Sent, StoreError> {
    let mut tx = db.begin().await?;
    let chat = lock(&mut tx, id).await?;
    if let Some(Earlier { message, queued }) = repeated(&mut tx, &chat, outgoing.message.request_id).await? {
        return Ok(Sent { chat, messages: message.into_iter().collect(), queued, changed: false });
    }
    let operation = if outgoing.interrupt { Operation::SendMessageInterrupting } else { Operation::SendMessage };
    let row = machine::apply(chat.state(), operation)?;
    let runs = row.to.first().and_then(|state| state.status()) == Some(Status::Running);
    // A message that waits does not change the trace of the turn that runs.
    let starts = chat.status != Status::Running && runs;
    let enqueues = row.effects.contains(&Effect::Enqueue);
    // Where the head leaves the queue, there is room for one.
    let promotes = row.effects.contains(&Effect::PromoteHead);
    if enqueues && !promotes && chat.queued_count >= MAX_QUEUED {
        return Err(StoreError::QueueFull);
    }
    files::give(&mut tx, &chat, &mut outgoing.message.content).await?;
    let mut change = Change::default();
    let mut queued = None;
    if enqueues {
        let message = queued_message(&chat, outgoing, now);
        queued = Some(message.clone());
        change.enqueue = Some(message);
    } else {
        change.traceparent = outgoing.traceparent.filter(|_| starts);
        change.messages.push(outgoing.message);
        change.model = Some(outgoing.model);
    }
    let done = carry_out(&mut tx, chat, row, change, now).await?;
    tx.commit().await?;
    Ok(Sent { chat: done.chat, messages: done.messages, queued, changed: true })
}

fn queued_message(chat: &Chat, outgoing: Outgoing, now: Timestamp) -> QueuedMessage {
    let NewMessage { content, created_by, request_id, .. } = outgoing.message;
    QueuedMessage {
        id: chat.last_queued_id + 1,
        chat_id: chat.id,
        content,
        model: outgoing.model,
        created_by: created_by.unwrap_or(chat.owner_id),
        request_id,
        traceparent: outgoing.traceparent,
        created_at: now,
    }
}

pub(super) async fn earlier(tx: &mut Tx, chat: &Chat, request_id: Uuid) -> Result<Option<Earlier>, StoreError> {
    let key = values![chat.id.0, request_id];
    let message: Option<Message> = tx.fetch_optional(FIND_MESSAGE_BY_REQUEST, key.clone()).await?;
    let queued: Option<QueuedMessage> = tx.fetch_optional(FIND_QUEUED_BY_REQUEST, key).await?;
    Ok((message.is_some() || queued.is_some()).then_some(Earlier { message, queued }))
}
