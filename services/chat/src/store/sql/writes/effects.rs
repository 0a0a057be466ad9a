//! The effects of the state machine, one by one.

use chatmesh_core::Timestamp;
use chatmesh_db::{Tx, values};
use chatmesh_proto::common::v1::Role;

use super::{Change, Outcome, files, history, queue};
use crate::domain::Chat;
use crate::machine::Effect;
use crate::store::StoreError;
use crate::store::sql::leases::statements::{DELETE_HEARTBEATS, INSERT_HEARTBEAT};
use crate::store::sql::statements::{CLEAR_QUEUE, DELETE_STEP, KEEP_STEP};

pub(super) async fn apply(
    effect: Effect,
    tx: &mut Tx,
    done: &mut Outcome,
    change: &mut Change,
    now: Timestamp,
) -> Result<(), StoreError> {
    let chat = &mut done.chat;
    match effect {
        Effect::InsertMessages => {
            for message in std::mem::take(&mut change.messages) {
                if message.role == Role::Tool {
                    files::take(tx, chat, &message.content).await?;
                }
                done.messages.push(history::insert(tx, chat, message, now).await?);
            }
        }
        Effect::AnswerOpenCalls => done.messages.extend(history::answer_open_calls(tx, chat, now).await?),
        Effect::TruncateHistory => done.deleted = history::truncate(tx, chat, change.truncate_from).await?,
        Effect::Enqueue => {
            if let Some(message) = change.enqueue.take() {
                queue::append(tx, chat, &message).await?;
            }
        }
        Effect::DeleteQueued => queue::delete(tx, chat, change.queued_id).await?,
        Effect::MoveToHead => queue::move_to_head(tx, chat, change.queued_id).await?,
        Effect::PromoteHead => done.messages.push(queue::promote_head(tx, chat, now).await?),
        Effect::ClearQueue => {
            if chat.queued_count > 0 {
                tx.execute(CLEAR_QUEUE, values![chat.id.0]).await?;
                chat.queued_count = 0;
                chat.versions.queue = chat.versions.snapshot;
            }
        }
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
            // What was said is a message now, or void: no later call has the name of one that said it, so that
            // who missed everything between the two does not take one for the other.
            if chat.versions.generation_attempt > 0 {
                chat.versions.history = chat.versions.snapshot;
            }
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
            if chat.lease.take().is_some() {
                tx.execute(DELETE_HEARTBEATS, values![chat.id.0]).await?;
            }
        }
        Effect::SetActionDeadline => chat.action_deadline_at = change.action_deadline,
        Effect::ClearActionDeadline => chat.action_deadline_at = None,
        Effect::RequestCompaction => chat.compaction_requested_at = Some(now),
        Effect::ClearCompactionRequest => chat.compaction_requested_at = None,
        // The pins of the others close the gap: see `family`.
        Effect::Archive => {
            chat.archived = true;
            chat.pin_order = 0;
        }
        Effect::Unarchive => chat.archived = false,
    }
    Ok(())
}

fn clear_retry(chat: &mut Chat) {
    if chat.retry_state.take().is_some() {
        chat.versions.retry_state = chat.versions.snapshot;
    }
}
