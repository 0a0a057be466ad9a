//! The live list of a user's chats.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use chatmesh_bus::{Hint, Subscription};
use chatmesh_proto::chat::v1::{WatchChatsResponse, WatchKind};
use chatmesh_rpc::UserId;
use futures::Stream;
use tonic::Status;

use crate::domain::Chat;
use crate::machine;
use crate::state::State;
use crate::stream::outbox::{self, End, Outbox};
use crate::{Error, hints};

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
            end = follow(&state, subscription, &outbox) => end,
        }
    };
    Ok(outbox::deliver(&tasks, "chat.watch", CUT, work))
}

fn ending() -> End {
    End::Failed(Status::unavailable("this process ends: connect again and list the chats"))
}

async fn follow(state: &State, mut subscription: Subscription, outbox: &Outbox<WatchChatsResponse>) -> End {
    loop {
        let payload = match subscription.next().await {
            Some(Hint::Message { payload, .. }) => payload,
            Some(Hint::Gap) => return End::Failed(Status::aborted("changes were missed: list the chats again")),
            None => return ending(),
        };
        let Some((id, hinted)) = hints::read_listed(&payload) else { continue };
        let chat = match state.store.get(id).await {
            Ok(Some(chat)) => chat,
            Ok(None) => continue,
            Err(_) => return End::Failed(Status::unavailable("the database is not available: list the chats again")),
        };
        let kind = kind_now(hinted, &chat);
        let event = WatchChatsResponse { kind: kind.into(), chat: Some(chat.into()) };
        if let Err(end) = outbox.send(event).await {
            return end;
        }
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
