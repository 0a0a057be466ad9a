use chatmesh_core::{Violations, page};
use chatmesh_proto::chat::v1 as pb;
use chatmesh_rpc::Caller;

use super::find_chat;
use crate::Error;
use crate::domain::ChatId;
use crate::state::State;

/// Lists the messages of a chat.
pub(super) async fn list_messages(
    state: &State,
    caller: Caller,
    request: pb::ListMessagesRequest,
) -> Result<pb::ListMessagesResponse, Error> {
    let mut violations = Violations::new();
    let id = violations.check("chat_id", request.chat_id.parse::<ChatId>());
    let order = violations.check("order", pb::MessageOrder::try_from(request.order));
    let descending = order == Some(pb::MessageOrder::Descending);
    let scope = format!("messages/{}/{descending}", request.chat_id);
    let size = violations.check("page_size", page::size(request.page_size));
    let after = violations.check("page_token", page::cursor::<u32>(&scope, &request.page_token));
    let (id, (size, after)) = violations.finish(id.zip(size.zip(after)))?;
    find_chat(state, &caller, id).await?;

    let messages = state.store.list_messages(id, after, descending, size + 1).await;
    let messages = messages.map_err(|error| Error::on(id, error))?;
    let (messages, next_page_token) = page::cut(messages, size, &scope, |message| message.id);
    Ok(pb::ListMessagesResponse { messages: messages.into_iter().map(Into::into).collect(), next_page_token })
}
