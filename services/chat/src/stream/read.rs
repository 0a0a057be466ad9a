//! What a subscriber reads from the database.

use std::time::Duration;

use chatmesh_core::Backoff;
use chatmesh_proto::common::v1::{Role, ToolCall};
use tonic::Status;
use tracing::warn;

use super::outbox::End;
use super::view::{Look, View};
use crate::Error;
use crate::domain::{Chat, ChatId};
use crate::state::State;
use crate::store::open_calls::open_calls;
use crate::store::{Since, StoreError};

/// How often a look is tried before the stream ends: the client comes back by itself.
const ATTEMPTS: u32 = 5;
/// How long one try may take.
const TIMEOUT: Duration = Duration::from_secs(5);
/// How many messages are read at once where the calls of the last step are looked for.
const PAGE: u32 = 50;

/// The first look: what came after the message `after`, or all there is where the subscriber may hold
/// messages that an edit removed.
pub(super) async fn first(state: &State, chat: ChatId, after: u32) -> Result<Look, Error> {
    let look = look(state, chat, Since::Message(after), &View::default()).await;
    let look = look.map_err(|error| Error::on(chat, error))?.ok_or(Error::NotFound(chat))?;
    // An edit removes a message with all that follow it: the subscriber may hold such ones. It is asked for after
    // the snapshot: what an edit removes later is in the next look.
    let is_gone = state.store.has_deleted(chat, after).await.map_err(|error| Error::on(chat, error))?;
    if !is_gone || after == 0 {
        return Ok(Look { reset: is_gone, ..look });
    }
    let whole = self::look(state, chat, Since::Message(0), &View::default()).await;
    let whole = whole.map_err(|error| Error::on(chat, error))?.ok_or(Error::NotFound(chat))?;
    Ok(Look { reset: true, ..whole })
}

/// The next look of a subscriber who has seen `view`. A database that is away is given some time.
pub(super) async fn next(state: &State, chat: ChatId, view: &View) -> Result<Look, End> {
    let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(2));
    for attempt in 1..=ATTEMPTS {
        match tokio::time::timeout(TIMEOUT, again(state, chat, view)).await {
            Ok(Ok(Some(look))) => return Ok(look),
            Ok(Ok(None)) => return Err(End::Failed(Status::not_found("the chat is gone"))),
            Ok(Err(error)) => warn!(%chat, %error, attempt, "a stream cannot read its chat"),
            Err(_) => warn!(%chat, attempt, "a stream waits too long for its chat"),
        }
        tokio::time::sleep(backoff.next_pause()).await;
    }
    Err(End::Failed(Status::unavailable("the database is not available: connect again in a while")))
}

async fn again(state: &State, chat: ChatId, view: &View) -> Result<Option<Look>, StoreError> {
    let Some(look) = look(state, chat, view.since(), view).await? else { return Ok(None) };
    if !look.snapshot.messages.iter().any(|message| message.deleted) {
        return Ok(Some(look));
    }
    // An edit removed messages: the subscriber begins anew.
    let whole = self::look(state, chat, Since::Message(0), view).await?;
    Ok(whole.map(|whole| Look { reset: true, ..whole }))
}

async fn look(state: &State, chat: ChatId, since: Since, view: &View) -> Result<Option<Look>, StoreError> {
    let Some(snapshot) = state.store.snapshot(chat, since).await? else { return Ok(None) };
    let open = if view.wants_calls(&snapshot.chat) { calls(state, &snapshot.chat).await? } else { Vec::new() };
    Ok(Some(Look { snapshot, open_calls: open, reset: false }))
}

/// The calls that the client has to answer. Empty where it has answered meanwhile.
async fn calls(state: &State, chat: &Chat) -> Result<Vec<ToolCall>, StoreError> {
    let mut last_step = Vec::new();
    let mut before = None;
    loop {
        let page = state.store.list_messages(chat.id, before, true, PAGE).await?;
        let Some(oldest) = page.last().map(|message| message.id) else { break };
        for message in page {
            let is_answer = message.body.role == Role::Assistant && !message.body.compressed;
            last_step.insert(0, message);
            if is_answer {
                return Ok(open_calls(&last_step));
            }
        }
        before = Some(oldest);
    }
    Ok(Vec::new())
}
