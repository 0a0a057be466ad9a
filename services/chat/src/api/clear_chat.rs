use chatmesh_proto::chat::v1 as pb;
use chatmesh_rpc::Caller;

use super::{chat_id, find_own_chat};
use crate::Error;
use crate::convert::visible;
use crate::state::State;
use crate::turn::cleared_context;

/// Lets the model forget the history.
pub(super) async fn clear_chat(
    state: &State,
    caller: Caller,
    request: pb::ClearChatRequest,
) -> Result<pb::ClearChatResponse, Error> {
    let id = chat_id(&request.chat_id)?;
    find_own_chat(state, &caller, id).await?;

    let marker = cleared_context(state.ids.next());
    let cleared = state.store.clear_context(id, marker, state.clock.now()).await;
    let (chat, messages) = cleared.map_err(|error| Error::on(id, error))?;
    state.hints.status_changed(&chat).await;
    Ok(pb::ClearChatResponse { chat: Some(chat.into()), messages: visible(messages) })
}
