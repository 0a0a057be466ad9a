//! What changes a chat: lock the row, ask the state machine, carry the effects out, raise the
//! versions, commit.

use chatmesh_core::{Timestamp, Uuid};
use chatmesh_db::{Db, Tx, values};
use chatmesh_proto::chat::v1::Retry;
use chatmesh_proto::common::v1::GenerationError;
use prost::Message as _;

use super::leases;
use super::rows::{encode_content, encode_labels, optional, role_text, visibility_text};
use super::statements::{
    DELETE_HEARTBEATS, DELETE_STEP, FIND_CHAT_BY_REQUEST, FIND_MESSAGE_BY_REQUEST, FIND_QUEUED_BY_REQUEST, INSERT_CHAT,
    INSERT_HEARTBEAT, INSERT_MESSAGE, INSERT_QUEUED, KEEP_STEP, LOCK_CHAT, TAKE_QUEUE_HEAD, UPDATE_CHAT,
};
use crate::domain::{Chat, ChatId, Lease, Message, NewMessage, QueuedMessage, RunnerId, Versions};
use crate::machine::{self, Effect, Operation, Rejected, Status};
use crate::store::{Fence, MAX_QUEUED, NewChat, Outgoing, Sent, StoreError};

/// What an operation brings along.
#[derive(Debug, Default)]
pub(super) struct Change {
    pub(super) messages: Vec<NewMessage>,
    pub(super) enqueue: Option<QueuedMessage>,
    pub(super) error: Option<GenerationError>,
    pub(super) retry: Option<Retry>,
    pub(super) step: Option<Vec<u8>>,
    pub(super) lease: Option<Lease>,
    pub(super) model: Option<String>,
    pub(super) traceparent: Option<String>,
}

/// Who may carry an operation out.
#[derive(Debug, Clone, Copy)]
pub(super) enum Guard {
    /// Anyone who got so far.
    None,
    /// The holder of this lease.
    Lease(RunnerId),
    /// The holder of this lease, who has seen this history.
    Fence(Fence),
    /// Someone who finds no lease that was renewed since then.
    Unleased { alive_since: Timestamp },
}

/// What an operation did.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) chat: Chat,
    pub(super) messages: Vec<Message>,
}

pub(super) async fn create(db: &Db, new: NewChat) -> Result<(Chat, bool), StoreError> {
    let mut tx = db.begin().await?;
    let versions = Versions { snapshot: 1, history: 1, ..Versions::default() };
    let mut chat = Chat { versions, last_message_id: 0, last_queued_id: 0, queued_count: 0, ..new.chat };
    let row = values![
        chat.id.0,
        chat.owner_id.0,
        chat.title.as_str(),
        chat.status.as_str(),
        chat.model.as_str(),
        chat.workspace_id,
        chat.system_prompt.as_str(),
        encode_labels(&chat.labels),
        chat.traceparent.clone(),
        new.request_id,
        chat.created_at
    ];
    if tx.execute(INSERT_CHAT, row).await? == 0 {
        let earlier = tx.fetch_optional(FIND_CHAT_BY_REQUEST, values![chat.owner_id.0, new.request_id]).await?;
        return earlier.map(|chat| (chat, false)).ok_or(StoreError::NotFound);
    }
    let now = chat.created_at;
    insert_message(&mut tx, &mut chat, new.message, now).await?;
    update(&mut tx, &chat).await?;
    tx.commit().await?;
    Ok((chat, true))
}

pub(super) async fn send(db: &Db, id: ChatId, outgoing: Outgoing, now: Timestamp) -> Result<Sent, StoreError> {
    let mut tx = db.begin().await?;
    let chat = lock(&mut tx, id).await?;
    if let Some(repeat) = repeated(&mut tx, &chat, outgoing.message.request_id).await? {
        return Ok(repeat);
    }
    let operation = if outgoing.interrupt { Operation::SendMessageInterrupting } else { Operation::SendMessage };
    let transition = machine::apply(chat.state(), operation)?;
    // A message that waits does not change the trace of the turn that runs.
    let starts = chat.status != transition.status && transition.status == Status::Running;
    let mut change = Change { traceparent: outgoing.traceparent.filter(|_| starts), ..Change::default() };
    let mut queued = None;
    if transition.effects.contains(&Effect::Enqueue) {
        // Where the head leaves the queue, there is room for one.
        let promotes = transition.effects.contains(&Effect::PromoteHead);
        if chat.queued_count >= MAX_QUEUED && !promotes {
            return Err(StoreError::QueueFull);
        }
        let message = queued_message(&chat, outgoing.message, outgoing.model, now);
        queued = Some(message.clone());
        change.enqueue = Some(message);
    } else {
        change.messages.push(outgoing.message);
        change.model = Some(outgoing.model).filter(|model| !model.is_empty());
    }
    let done = carry_out(tx, chat, transition, change, now).await?;
    Ok(Sent { chat: done.chat, messages: done.messages, queued, changed: true })
}

fn queued_message(chat: &Chat, message: NewMessage, model: String, now: Timestamp) -> QueuedMessage {
    QueuedMessage {
        id: chat.last_queued_id + 1,
        chat_id: chat.id,
        content: message.content,
        model,
        created_by: message.created_by.unwrap_or(chat.owner_id),
        request_id: message.request_id,
        created_at: now,
    }
}

/// Finds the result of the same request, made before.
async fn repeated(tx: &mut Tx, chat: &Chat, request_id: Option<Uuid>) -> Result<Option<Sent>, StoreError> {
    let Some(request_id) = request_id else { return Ok(None) };
    let key = values![chat.id.0, request_id];
    let message: Option<Message> = tx.fetch_optional(FIND_MESSAGE_BY_REQUEST, key.clone()).await?;
    let queued: Option<QueuedMessage> = tx.fetch_optional(FIND_QUEUED_BY_REQUEST, key).await?;
    if message.is_none() && queued.is_none() {
        return Ok(None);
    }
    Ok(Some(Sent { chat: chat.clone(), messages: message.into_iter().collect(), queued, changed: false }))
}

/// Carries an operation out in a transaction of its own.
pub(super) async fn operate(
    db: &Db,
    id: ChatId,
    operation: Operation,
    guard: Guard,
    change: Change,
    now: Timestamp,
) -> Result<Outcome, StoreError> {
    let mut tx = db.begin().await?;
    let chat = lock(&mut tx, id).await?;
    check(&mut tx, &chat, guard).await?;
    let transition = machine::apply(chat.state(), operation)?;
    carry_out(tx, chat, transition, change, now).await
}

async fn lock(tx: &mut Tx, id: ChatId) -> Result<Chat, StoreError> {
    tx.fetch_optional(LOCK_CHAT, values![id.0]).await?.ok_or(StoreError::NotFound)
}

async fn check(tx: &mut Tx, chat: &Chat, guard: Guard) -> Result<(), StoreError> {
    let holds = |runner: RunnerId| chat.lease.is_some_and(|lease| lease.runner_id == runner);
    let allowed = match guard {
        Guard::None => true,
        Guard::Lease(runner) => holds(runner),
        Guard::Fence(fence) => holds(fence.runner_id) && chat.versions.history == fence.history_version,
        Guard::Unleased { alive_since } => match chat.lease {
            Some(lease) => !leases::is_alive(tx, chat.id, lease, alive_since).await?,
            None => true,
        },
    };
    if allowed { Ok(()) } else { Err(StoreError::LeaseLost) }
}

async fn carry_out(
    mut tx: Tx,
    mut chat: Chat,
    transition: machine::Transition,
    mut change: Change,
    now: Timestamp,
) -> Result<Outcome, StoreError> {
    chat.versions.snapshot += 1;
    let (status, queue) = (chat.status, chat.versions.queue);
    chat.status = transition.status;
    if let Some(model) = change.model.take() {
        chat.model = model;
    }
    if let Some(traceparent) = change.traceparent.take() {
        chat.traceparent = Some(traceparent);
    }
    let mut inserted = Vec::new();
    for effect in transition.effects {
        effect_of(*effect, &mut tx, &mut chat, &mut change, &mut inserted, now).await?;
    }
    if !chat.state().is_valid() {
        return Err(StoreError::Rejected(Rejected::Invalid));
    }
    // Leases and attempts come and go without a change that lists show.
    if !inserted.is_empty() || chat.status != status || chat.versions.queue != queue {
        chat.updated_at = now;
    }
    update(&mut tx, &chat).await?;
    tx.commit().await?;
    Ok(Outcome { chat, messages: inserted })
}

async fn effect_of(
    effect: Effect,
    tx: &mut Tx,
    chat: &mut Chat,
    change: &mut Change,
    inserted: &mut Vec<Message>,
    now: Timestamp,
) -> Result<(), StoreError> {
    match effect {
        Effect::InsertMessages => {
            for message in std::mem::take(&mut change.messages) {
                inserted.push(insert_message(tx, chat, message, now).await?);
            }
        }
        Effect::Enqueue => {
            if let Some(message) = change.enqueue.take() {
                enqueue(tx, chat, message).await?;
            }
        }
        Effect::PromoteHead => inserted.push(promote_head(tx, chat, now).await?),
        Effect::ClearError => chat.last_error = None,
        Effect::SetError => chat.last_error = Some(change.error.take().unwrap_or_default()),
        Effect::CountAttempt => {
            chat.versions.generation_attempt += 1;
            clear_retry(chat);
        }
        Effect::SetRetryState => {
            chat.retry_state = change.retry.take();
            chat.versions.retry_state = chat.versions.snapshot;
        }
        Effect::ResetAttempts => {
            chat.versions.generation_attempt = 0;
            clear_retry(chat);
            tx.execute(DELETE_STEP, values![chat.id.0]).await?;
        }
        Effect::KeepStep => {
            let answer = change.step.take().unwrap_or_default();
            tx.execute(KEEP_STEP, values![chat.id.0, chat.versions.history, answer]).await?;
        }
        Effect::TakeLease => {
            chat.lease = change.lease;
            tx.execute(DELETE_HEARTBEATS, values![chat.id.0]).await?;
            if let Some(lease) = chat.lease {
                let row = values![chat.id.0, lease.runner_id.0, lease.worker_id.0, now];
                tx.execute(INSERT_HEARTBEAT, row).await?;
            }
        }
        Effect::ReleaseLease => {
            chat.lease = None;
            tx.execute(DELETE_HEARTBEATS, values![chat.id.0]).await?;
        }
    }
    Ok(())
}

fn clear_retry(chat: &mut Chat) {
    if chat.retry_state.take().is_some() {
        chat.versions.retry_state = chat.versions.snapshot;
    }
}

async fn enqueue(tx: &mut Tx, chat: &mut Chat, message: QueuedMessage) -> Result<(), StoreError> {
    let row = values![
        chat.id.0,
        message.id,
        encode_content(&message.content),
        message.model.as_str(),
        message.created_by.0,
        message.request_id,
        message.created_at
    ];
    tx.execute(INSERT_QUEUED, row).await?;
    chat.last_queued_id = message.id;
    chat.queued_count += 1;
    chat.versions.queue = chat.versions.snapshot;
    Ok(())
}

/// Moves the head of the queue into the history: it is in the one or in the other, never in both.
async fn promote_head(tx: &mut Tx, chat: &mut Chat, now: Timestamp) -> Result<Message, StoreError> {
    let head: Option<QueuedMessage> = tx.fetch_optional(TAKE_QUEUE_HEAD, values![chat.id.0]).await?;
    let head = head.ok_or(StoreError::Rejected(Rejected::Invalid))?;
    chat.queued_count -= 1;
    chat.versions.queue = chat.versions.snapshot;
    if !head.model.is_empty() {
        chat.model = head.model;
    }
    let message = NewMessage::from_user(head.created_by, head.content, head.request_id);
    insert_message(tx, chat, message, now).await
}

async fn insert_message(tx: &mut Tx, chat: &mut Chat, body: NewMessage, now: Timestamp) -> Result<Message, StoreError> {
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
        now
    ];
    tx.execute(INSERT_MESSAGE, row).await?;
    chat.last_message_id = id;
    chat.versions.history = revision;
    Ok(Message { id, chat_id: chat.id, body, revision, deleted: false, created_at: now })
}

async fn update(tx: &mut Tx, chat: &Chat) -> Result<(), StoreError> {
    let versions = chat.versions;
    let row = values![
        chat.id.0,
        chat.status.as_str(),
        chat.model.as_str(),
        chat.lease.map(|lease| lease.worker_id.0),
        chat.lease.map(|lease| lease.runner_id.0),
        chat.last_error.as_ref().map(|error| error.encode_to_vec()),
        chat.retry_state.as_ref().map(|retry| retry.encode_to_vec()),
        versions.snapshot,
        versions.history,
        versions.queue,
        versions.retry_state,
        versions.generation_attempt,
        chat.last_message_id,
        chat.last_queued_id,
        chat.queued_count,
        chat.traceparent.clone(),
        chat.updated_at
    ];
    tx.execute(UPDATE_CHAT, row).await?;
    Ok(())
}
