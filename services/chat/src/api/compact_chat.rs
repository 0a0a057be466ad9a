use chatmesh_proto::chat::v1 as pb;
use chatmesh_rpc::{Caller, trace};

use super::{chat_id, find_own_chat};
use crate::Error;
use crate::state::State;

/// Asks for a summary of the history; a worker makes it.
pub(super) async fn compact_chat(
    state: &State,
    caller: Caller,
    request: pb::CompactChatRequest,
) -> Result<pb::CompactChatResponse, Error> {
    let id = chat_id(&request.chat_id)?;
    find_own_chat(state, &caller, id).await?;

    let requested = state.store.request_compaction(id, trace::traceparent(), state.clock.now()).await;
    let chat = requested.map_err(|error| Error::on(id, error))?;
    state.hints.status_changed(&chat).await;
    Ok(pb::CompactChatResponse { chat: Some(chat.into()) })
}
