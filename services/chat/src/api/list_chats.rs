use chatmesh_core::{Timestamp, Uuid, Violations, page};
use chatmesh_proto::chat::v1 as pb;
use chatmesh_rpc::Caller;

use crate::Error;
use crate::domain::{Chat, ChatId, parse_filter};
use crate::state::State;
use crate::store::ListCursor;

/// Lists the chats that the caller started: the pinned ones in their order, then the last changed first.
pub(super) async fn list_chats(
    state: &State,
    caller: Caller,
    request: pb::ListChatsRequest,
) -> Result<pb::ListChatsResponse, Error> {
    let owner = caller.require_user()?;
    let mut violations = Violations::new();
    let filter = parse_filter(&request.query, &request.labels, &mut violations);
    let scope = format!("chats/{:?}/{:?}", request.query, request.labels);
    let size = violations.check("page_size", page::size(request.page_size));
    let after = violations.check("page_token", page::cursor(&scope, &request.page_token));
    let (size, after) = violations.finish(size.zip(after))?;

    let chats = state.store.list(owner, &filter, after.and_then(read_cursor), size + 1).await?;
    let (chats, next_page_token) = page::cut(chats, size, &scope, cursor);
    Ok(pb::ListChatsResponse { chats: chats.into_iter().map(Into::into).collect(), next_page_token })
}

fn cursor(chat: &Chat) -> (u32, i64, Uuid) {
    (chat.pin_order, chat.updated_at.timestamp_micros(), chat.id.0)
}

fn read_cursor((pin_order, micros, id): (u32, i64, Uuid)) -> Option<ListCursor> {
    Some(ListCursor { pin_order, updated_at: Timestamp::from_timestamp_micros(micros)?, id: ChatId(id) })
}
