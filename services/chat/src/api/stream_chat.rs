use std::sync::Arc;

use chatmesh_proto::chat::v1 as pb;
use chatmesh_rpc::Caller;

use super::{Events, chat_id, find_chat};
use crate::state::State;
use crate::{Error, stream};

/// Follows a chat.
pub(super) async fn stream_chat(
    state: Arc<State>,
    caller: Caller,
    request: pb::StreamChatRequest,
) -> Result<Events<pb::StreamChatResponse>, Error> {
    let id = chat_id(&request.chat_id)?;
    let chat = find_chat(&state, &caller, id).await?;
    Ok(Box::pin(stream::open(state, &caller, chat, request.after_message_id).await?))
}
