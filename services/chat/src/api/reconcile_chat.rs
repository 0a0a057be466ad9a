use chatmesh_proto::chat::v1 as pb;
use chatmesh_proto::common::v1::{ErrorKind, GenerationError};
use chatmesh_rpc::Caller;

use super::{chat_id, find_own_chat};
use crate::Error;
use crate::state::State;

/// Makes a chat whose stored state contradicts itself usable again.
pub(super) async fn reconcile_chat(
    state: &State,
    caller: Caller,
    request: pb::ReconcileChatRequest,
) -> Result<pb::ReconcileChatResponse, Error> {
    let id = chat_id(&request.chat_id)?;
    find_own_chat(state, &caller, id).await?;

    let error = GenerationError {
        message: "The chat was in a state that contradicts itself and was repaired. Send the message again.".to_owned(),
        kind: ErrorKind::Generic.into(),
        ..GenerationError::default()
    };
    let reconciled = state.store.reconcile(id, error, state.clock.now()).await;
    let chat = reconciled.map_err(|error| Error::on(id, error))?;
    state.hints.status_changed(&chat).await;
    Ok(pb::ReconcileChatResponse { chat: Some(chat.into()) })
}
