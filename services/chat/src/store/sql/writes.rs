//! What changes a chat: lock the row, ask the state machine, carry the effects out, raise the
//! versions, check the state that came out, commit.

mod bind;
mod create;
mod edit;
mod effects;
mod files;
mod history;
mod pins;
mod queue;
mod send;
mod tools;
mod unqueue;
mod update;

use chatmesh_core::{Timestamp, Uuid};
use chatmesh_db::{Db, Tx, values};
use chatmesh_proto::chat::v1::Retry;
use chatmesh_proto::common::v1::GenerationError;
use prost::Message as _;

pub(super) use bind::bind_workspace;
pub(super) use create::create;
pub(super) use edit::edit;
pub(super) use history::{clear_context, reconcile, request_compaction};
pub(super) use queue::promote_queued;
pub(super) use send::send;
pub(super) use tools::{cancel_action, submit_tool_results};
pub(super) use unqueue::delete_queued;
pub(super) use update::update;

use super::leases;
use super::rows::{encode_ids, encode_labels};
use super::statements::{LOCK_CHAT, UPDATE_CHAT};
use crate::domain::{Chat, ChatId, Lease, Message, NewMessage, QueuedMessage, RunnerId};
use crate::machine::{self, Effect, Operation, Rejected, Row};
use crate::store::{Fence, StoreError};

/// What an operation brings along.
#[derive(Debug, Default)]
pub(super) struct Change {
    pub(super) messages: Vec<NewMessage>,
    pub(super) enqueue: Option<QueuedMessage>,
    /// The waiting message that is deleted or promoted.
    pub(super) queued_id: u32,
    /// The first message that is forgotten.
    pub(super) truncate_from: u32,
    pub(super) error: Option<GenerationError>,
    pub(super) retry: Option<Retry>,
    pub(super) step: Option<Vec<u8>>,
    pub(super) lease: Option<Lease>,
    pub(super) action_deadline: Option<Timestamp>,
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
    /// What was inserted, in order.
    pub(super) messages: Vec<Message>,
    /// What was forgotten.
    pub(super) deleted: Vec<u32>,
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
    let row = machine::apply(chat.state(), operation)?;
    let done = carry_out(&mut tx, chat, row, change, now).await?;
    tx.commit().await?;
    Ok(done)
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

/// Carries a line of the table out; the caller commits.
async fn carry_out(
    tx: &mut Tx,
    chat: Chat,
    row: &Row,
    mut change: Change,
    now: Timestamp,
) -> Result<Outcome, StoreError> {
    let before = (chat.state(), chat.versions);
    let mut done = Outcome { chat, messages: Vec::new(), deleted: Vec::new() };
    done.chat.versions.snapshot += 1;
    if let Some(status) = row.to.first().and_then(|state| state.status()) {
        done.chat.status = status;
    }
    if let Some(model) = change.model.take().filter(|model| !model.is_empty()) {
        done.chat.model = model;
    }
    if let Some(traceparent) = change.traceparent.take() {
        done.chat.traceparent = Some(traceparent);
    }
    for effect in row.effects {
        effects::apply(*effect, tx, &mut done, &mut change, now).await?;
    }
    let after = done.chat.state();
    if !row.to.contains(&after) {
        return Err(StoreError::Rejected(Rejected::Invalid));
    }
    // Leases, attempts and labels come and go without a new place in the list.
    let versions = done.chat.versions;
    if after != before.0 || versions.history != before.1.history || versions.queue != before.1.queue {
        done.chat.updated_at = now;
    }
    if row.effects.contains(&Effect::TruncateHistory) {
        history::find_last_assistant(tx, &mut done.chat).await?;
    }
    save(tx, &done.chat).await?;
    Ok(done)
}

async fn save(tx: &mut Tx, chat: &Chat) -> Result<(), StoreError> {
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
        chat.updated_at,
        chat.title.as_str(),
        chat.archived,
        chat.workspace_id,
        encode_labels(&chat.labels),
        chat.pin_order,
        chat.action_deadline_at,
        chat.compaction_requested_at,
        chat.last_assistant_message_id,
        chat.title.to_lowercase(),
        encode_ids(chat.mcp_server_ids.as_deref()),
        chat.build_id
    ];
    tx.execute(UPDATE_CHAT, row).await?;
    Ok(())
}

/// Finds what the same request brought forth when it was made before.
async fn repeated(tx: &mut Tx, chat: &Chat, request_id: Option<Uuid>) -> Result<Option<send::Earlier>, StoreError> {
    match request_id {
        Some(request_id) => send::earlier(tx, chat, request_id).await,
        None => Ok(None),
    }
}
