use chatmesh_core::Violations;
use chatmesh_proto::chat::v1 as pb;
use chatmesh_rpc::{Caller, trace};

use super::find_own_chat;
use super::model::model_of_message;
use crate::Error;
use crate::convert::visible;
use crate::domain::{ChatId, NewMessage, check_user_content, files_in};
use crate::state::State;
use crate::store::Edit;

/// Replaces a message of the user and begins a turn from there.
pub(super) async fn edit_message(
    state: &State,
    caller: Caller,
    request: pb::EditMessageRequest,
) -> Result<pb::EditMessageResponse, Error> {
    let mut violations = Violations::new();
    let id = violations.check("chat_id", request.chat_id.parse::<ChatId>());
    check_user_content(&request.content, &mut violations);
    let request_id = violations.optional_id("request_id", &request.request_id);
    let id = violations.finish(id)?;
    let sender = find_own_chat(state, &caller, id).await?.owner_id;
    let model = model_of_message(state, &caller, &request.model).await?;

    let files: Vec<_> = files_in(&request.content).collect();
    let message = NewMessage::from_user(sender, request.content, request_id);
    let edit = Edit { message_id: request.message_id, message, model, traceparent: trace::traceparent() };
    let edited = state.store.edit(id, edit, state.clock.now()).await;
    let edited = edited.map_err(|error| Error::on_message(id, &files, error))?;
    if edited.changed {
        state.hints.status_changed(&edited.chat).await;
    }
    let messages = visible(edited.messages);
    Ok(pb::EditMessageResponse { message: messages.last().cloned(), messages, deleted_message_ids: edited.deleted })
}
