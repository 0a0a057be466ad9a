use chatmesh_proto::chat::v1 as pb;
use chatmesh_rpc::Caller;

use super::{chat_id, find_chat};
use crate::Error;
use crate::state::State;

/// Returns a chat.
pub(super) async fn get_chat(
    state: &State,
    caller: Caller,
    request: pb::GetChatRequest,
) -> Result<pb::GetChatResponse, Error> {
    let chat = find_chat(state, &caller, chat_id(&request.chat_id)?).await?;
    Ok(pb::GetChatResponse { chat: Some(chat.into()) })
}
