use chatmesh_core::{Timestamp, Uuid, Violations, page};
use chatmesh_proto::chat::v1 as pb;
use chatmesh_rpc::Caller;

use crate::Error;
use crate::domain::ChatId;
use crate::state::State;

const SCOPE: &str = "chats";

/// Lists the caller's chats, the last changed first.
pub(super) async fn list_chats(
    state: &State,
    caller: Caller,
    request: pb::ListChatsRequest,
) -> Result<pb::ListChatsResponse, Error> {
    let owner = caller.require_user()?;
    let mut violations = Violations::new();
    let size = violations.check("page_size", page::size(request.page_size));
    let after = violations.check("page_token", page::cursor::<(i64, Uuid)>(SCOPE, &request.page_token));
    let (size, after) = violations.finish(size.zip(after))?;
    let after = after.and_then(|(micros, id)| Some((Timestamp::from_timestamp_micros(micros)?, ChatId(id))));

    let chats = state.store.list(owner, after, size + 1).await;
    let chats = chats.map_err(|error| Error::on(ChatId(Uuid::nil()), error))?;
    let (chats, more) = page::cut(chats, size);
    let last = chats.last().filter(|_| more);
    let next_page_token =
        last.map_or_else(String::new, |chat| page::token(SCOPE, &(chat.updated_at.timestamp_micros(), chat.id.0)));
    Ok(pb::ListChatsResponse { chats: chats.into_iter().map(Into::into).collect(), next_page_token })
}
