use chatmesh_proto::chat::v1 as pb;
use chatmesh_rpc::Caller;

use super::{chat_id, find_own_chat};
use crate::Error;
use crate::convert::visible;
use crate::state::State;

/// Lets a waiting message be the next.
pub(super) async fn promote_queued_message(
    state: &State,
    caller: Caller,
    request: pb::PromoteQueuedMessageRequest,
) -> Result<pb::PromoteQueuedMessageResponse, Error> {
    let id = chat_id(&request.chat_id)?;
    find_own_chat(state, &caller, id).await?;

    let promoted = state.store.promote_queued(id, request.queued_message_id, state.clock.now()).await;
    let (chat, messages) = promoted.map_err(|error| Error::on(id, error))?;
    state.hints.status_changed(&chat).await;
    Ok(pb::PromoteQueuedMessageResponse { chat: Some(chat.into()), messages: visible(messages) })
}
