use chatmesh_proto::chat::v1 as pb;
use chatmesh_rpc::Caller;

use super::{chat_id, find_own_chat};
use crate::Error;
use crate::state::State;

/// Asks the running turn to stop.
pub(super) async fn interrupt_chat(
    state: &State,
    caller: Caller,
    request: pb::InterruptChatRequest,
) -> Result<pb::InterruptChatResponse, Error> {
    let id = chat_id(&request.chat_id)?;
    find_own_chat(state, &caller, id).await?;

    let (chat, _) = state.store.interrupt(id, state.clock.now()).await.map_err(|error| Error::on(id, error))?;
    state.hints.status_changed(&chat).await;
    Ok(pb::InterruptChatResponse { chat: Some(chat.into()) })
}
