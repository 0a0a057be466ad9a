use chatmesh_proto::chat::v1 as pb;
use chatmesh_rpc::Caller;

use super::{chat_id, find_own_chat};
use crate::Error;
use crate::state::State;

/// Takes a message out of the queue.
pub(super) async fn delete_queued_message(
    state: &State,
    caller: Caller,
    request: pb::DeleteQueuedMessageRequest,
) -> Result<pb::DeleteQueuedMessageResponse, Error> {
    let id = chat_id(&request.chat_id)?;
    find_own_chat(state, &caller, id).await?;

    let deleted = state.store.delete_queued(id, request.queued_message_id, state.clock.now()).await;
    let (chat, left) = deleted.map_err(|error| Error::on(id, error))?;
    state.hints.changed(&chat).await;
    Ok(pb::DeleteQueuedMessageResponse { queued_messages: left.into_iter().map(Into::into).collect() })
}
