//! The live list of a user's chats.

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use chatmesh_bus::{Hint, Subscription};
use chatmesh_core::Timestamp;
use chatmesh_proto::chat::v1::{WatchChatsResponse, WatchKind};
use chatmesh_rpc::UserId;
use futures::Stream;
use tokio::time::{Instant, MissedTickBehavior};
use tonic::Status;

use crate::domain::{Chat, ChatId};
use crate::machine;
use crate::state::State;
use crate::stream::outbox::{self, End, Outbox};
use crate::{Error, hints};

/// How often it is looked for changes that no hint told of.
const POLL: Duration = Duration::from_secs(30);
/// How much later than it says a change may be committed.
const OVERLAP: Duration = Duration::from_secs(35);
/// How many chats are looked at at most; where more changed, the client lists again.
const LOOKED_AT: u32 = 500;

/// What a watcher who does not read is told.
const CUT: &str = "the stream was not read for 10 seconds: connect again and list the chats";

/// Follows the list of `owner`'s chats. Ends with ABORTED where hints were lost: the client lists again.
///
/// # Errors
/// The bus cannot be used.
pub(crate) async fn watch(
    state: Arc<State>,
    owner: UserId,
) -> Result<impl Stream<Item = Result<WatchChatsResponse, Status>> + Send + use<>, Error> {
    let subscription = state.bus.subscribe(&hints::of_owner(owner)).await?;
    let stop = state.tasks.shutdown().soft().clone();
    let tasks = state.tasks.clone();
    let work = move |outbox: Outbox<WatchChatsResponse>| async move {
        tokio::select! {
            biased;
            () = outbox.left() => End::Left,
            () = stop.cancelled() => ending(),
            end = follow(&state, owner, subscription, &outbox) => end,
        }
    };
    Ok(outbox::deliver(&tasks, "chat.watch", CUT, work))
}

fn ending() -> End {
    End::Failed(Status::unavailable("this process ends: connect again and list the chats"))
}

async fn follow(
    state: &State,
    owner: UserId,
    mut subscription: Subscription,
    outbox: &Outbox<WatchChatsResponse>,
) -> End {
    let mut poll = tokio::time::interval_at(Instant::now() + POLL, POLL);
    poll.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut shown = Shown { since: state.clock.now(), chats: HashMap::new() };
    loop {
        let hint = tokio::select! {
            hint = subscription.next() => hint,
            _ = poll.tick() => match shown.look(state, owner, outbox).await {
                Ok(()) => continue,
                Err(end) => return end,
            },
        };
        let payload = match hint {
            Some(Hint::Message { payload, .. }) => payload,
            Some(Hint::Gap) => return missed(),
            None => return ending(),
        };
        let Some((id, hinted)) = hints::read_listed(&payload) else { continue };
        let chat = match state.store.get(id).await {
            Ok(Some(chat)) => chat,
            Ok(None) => continue,
            Err(_) => return End::Failed(Status::unavailable("the database is not available: list the chats again")),
        };
        let kind = kind_now(hinted, &chat);
        shown.chats.insert(chat.id, Face::of(&chat));
        let event = WatchChatsResponse { kind: kind.into(), chat: Some(chat.into()) };
        if let Err(end) = outbox.send(event).await {
            return end;
        }
    }
}

fn missed() -> End {
    End::Failed(Status::aborted("changes were missed: list the chats again"))
}

/// What a list shows of a chat.
#[derive(Debug, Clone, PartialEq)]
struct Face {
    status: machine::Status,
    archived: bool,
    pin_order: u32,
    title: String,
}

impl Face {
    fn of(chat: &Chat) -> Self {
        Self { status: chat.status, archived: chat.archived, pin_order: chat.pin_order, title: chat.title.clone() }
    }
}

/// What the watcher has been shown of late.
struct Shown {
    /// When it was last looked for changes that no hint told of.
    since: Timestamp,
    chats: HashMap<ChatId, Face>,
}

impl Shown {
    /// Shows what changed without a hint: one that was sent by a process that died is told by nobody.
    async fn look(&mut self, state: &State, owner: UserId, outbox: &Outbox<WatchChatsResponse>) -> Result<(), End> {
        let now = state.clock.now();
        let changed = state.store.changed_since(owner, self.since - OVERLAP, LOOKED_AT).await;
        // A database that is away is asked again; the time that was not looked at stays.
        let Ok(changed) = changed else { return Ok(()) };
        if changed.len() == LOOKED_AT as usize {
            return Err(missed());
        }
        self.since = now;
        let before = std::mem::take(&mut self.chats);
        for chat in changed {
            let face = Face::of(&chat);
            let is_known = before.get(&chat.id) == Some(&face);
            self.chats.insert(chat.id, face);
            if !is_known {
                let kind = kind_now(WatchKind::StatusChange, &chat);
                outbox.send(WatchChatsResponse { kind: kind.into(), chat: Some(chat.into()) }).await?;
            }
        }
        Ok(())
    }
}

/// What a hint means for the chat as it is by now: hints come late and in any order, and a list must not
/// show a chat that was put away because of an older one.
fn kind_now(hinted: WatchKind, chat: &Chat) -> WatchKind {
    match hinted {
        _ if chat.archived => WatchKind::Deleted,
        WatchKind::Deleted => WatchKind::Created,
        WatchKind::ActionRequired if chat.status != machine::Status::RequiresAction => WatchKind::StatusChange,
        // A kind of a newer replica: clients take over the whole chat.
        WatchKind::Unspecified => WatchKind::MetadataChange,
        kind => kind,
    }
}
