//! The messages that were said.

use chatmesh_core::Timestamp;
use chatmesh_db::{Db, Tx, values};

use super::{Change, Guard, Outcome, carry_out, lock, operate};
use crate::domain::{Chat, ChatId, Message, NewMessage, Visibility};
use crate::machine::{self, Operation};
use crate::store::StoreError;
use crate::store::open_calls::{cancelled_result, open_calls};
use crate::store::sql::rows::{NumberRow, encode_content, optional, role_text, visibility_text};
use crate::store::sql::statements::{INSERT_MESSAGE, LAST_ASSISTANT, LAST_STEP, SAID_SINCE_SUMMARY, TRUNCATE};
use chatmesh_proto::common::v1::Role;

pub(super) async fn insert(
    tx: &mut Tx,
    chat: &mut Chat,
    body: NewMessage,
    now: Timestamp,
) -> Result<Message, StoreError> {
    let id = chat.last_message_id + 1;
    let revision = chat.versions.snapshot;
    let usage = body.usage.unwrap_or_default();
    let row = values![
        chat.id.0,
        id,
        role_text(body.role),
        visibility_text(body.visibility),
        encode_content(&body.content),
        revision,
        optional(body.created_by),
        body.model.clone(),
        usage.input_tokens,
        usage.output_tokens,
        usage.reasoning_tokens,
        usage.cache_read_tokens,
        usage.cache_write_tokens,
        usage.total_tokens,
        body.context_limit,
        body.finish_reason.map(|reason| i64::from(i32::from(reason))),
        body.runtime_ms,
        body.request_id,
        now,
        body.compressed,
        body.cost_micros,
        body.provider_response_id.clone()
    ];
    tx.execute(INSERT_MESSAGE, row).await?;
    chat.last_message_id = id;
    chat.versions.history = revision;
    if body.role == Role::Assistant && body.visibility != Visibility::Model {
        chat.last_assistant_message_id = id;
    }
    Ok(Message { id, chat_id: chat.id, body, revision, deleted: false, created_at: now })
}

/// Every call must have a result before anything else is said, or providers refuse the history.
pub(super) async fn answer_open_calls(
    tx: &mut Tx,
    chat: &mut Chat,
    now: Timestamp,
) -> Result<Vec<Message>, StoreError> {
    let last_step: Vec<Message> = tx.fetch_all(LAST_STEP, values![chat.id.0]).await?;
    let mut answers = Vec::new();
    for call in open_calls(&last_step) {
        answers.push(insert(tx, chat, cancelled_result(&call), now).await?);
    }
    Ok(answers)
}

/// Forgets the message `from` and all after it.
pub(super) async fn truncate(tx: &mut Tx, chat: &mut Chat, from: u32) -> Result<Vec<u32>, StoreError> {
    let row = values![chat.id.0, from, chat.versions.snapshot];
    let rows: Vec<NumberRow> = tx.fetch_all(TRUNCATE, row).await?;
    chat.versions.history = chat.versions.snapshot;
    let mut deleted: Vec<u32> = rows.into_iter().map(|NumberRow(id)| id).collect();
    deleted.sort_unstable();
    Ok(deleted)
}

/// What the model said last may be among what was forgotten.
pub(super) async fn find_last_assistant(tx: &mut Tx, chat: &mut Chat) -> Result<(), StoreError> {
    let last: Option<NumberRow> = tx.fetch_optional(LAST_ASSISTANT, values![chat.id.0]).await?;
    chat.last_assistant_message_id = last.map_or(0, |NumberRow(id)| id);
    Ok(())
}

async fn said_since_summary(tx: &mut Tx, chat: &Chat) -> Result<bool, StoreError> {
    let said: Option<NumberRow> = tx.fetch_optional(SAID_SINCE_SUMMARY, values![chat.id.0]).await?;
    Ok(said.is_some())
}

pub(in crate::store::sql) async fn request_compaction(
    db: &Db,
    id: ChatId,
    traceparent: Option<String>,
    now: Timestamp,
) -> Result<Chat, StoreError> {
    let mut tx = db.begin().await?;
    let chat = lock(&mut tx, id).await?;
    let row = machine::apply(chat.state(), Operation::RequestCompaction)?;
    if !said_since_summary(&mut tx, &chat).await? {
        return Err(StoreError::NothingSaid);
    }
    let change = Change { traceparent, ..Change::default() };
    let done = carry_out(&mut tx, chat, row, change, now).await?;
    tx.commit().await?;
    Ok(done.chat)
}

pub(in crate::store::sql) async fn clear_context(
    db: &Db,
    id: ChatId,
    marker: Vec<NewMessage>,
    now: Timestamp,
) -> Result<Outcome, StoreError> {
    let mut tx = db.begin().await?;
    let chat = lock(&mut tx, id).await?;
    let row = machine::apply(chat.state(), Operation::ClearContext)?;
    if !said_since_summary(&mut tx, &chat).await? {
        return Err(StoreError::NothingSaid);
    }
    let change = Change { messages: marker, ..Change::default() };
    let done = carry_out(&mut tx, chat, row, change, now).await?;
    tx.commit().await?;
    Ok(done)
}

/// Makes a chat whose stored state contradicts itself usable again.
pub(in crate::store::sql) async fn reconcile(
    db: &Db,
    id: ChatId,
    error: chatmesh_proto::common::v1::GenerationError,
    now: Timestamp,
) -> Result<Chat, StoreError> {
    let change = Change { error: Some(error), ..Change::default() };
    Ok(operate(db, id, Operation::ReconcileInvalidState, Guard::None, change, now).await?.chat)
}
