use chatmesh_proto::chat::v1 as pb;
use chatmesh_rpc::Caller;

use super::{chat_id, find_own_chat};
use crate::Error;
use crate::state::State;
use crate::store::{Since, Snapshot};

/// Takes a message out of the queue.
pub(super) async fn delete_queued_message(
    state: &State,
    caller: Caller,
    request: pb::DeleteQueuedMessageRequest,
) -> Result<pb::DeleteQueuedMessageResponse, Error> {
    let id = chat_id(&request.chat_id)?;
    find_own_chat(state, &caller, id).await?;

    let deleted = state.store.delete_queued(id, request.queued_message_id, state.clock.now()).await;
    let chat = deleted.map_err(|error| Error::on(id, error))?;
    state.hints.changed(&chat).await;
    let since = Since::Versions { history: chat.versions.history, queue: 0 };
    let snapshot = state.store.snapshot(id, since).await.map_err(|error| Error::on(id, error))?;
    let queue = snapshot.and_then(|Snapshot { queue, .. }| queue).unwrap_or_default();
    Ok(pb::DeleteQueuedMessageResponse { queued_messages: queue.into_iter().map(Into::into).collect() })
}
