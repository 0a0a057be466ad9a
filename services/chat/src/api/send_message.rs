use chatmesh_core::Violations;
use chatmesh_proto::chat::v1 as pb;
use chatmesh_rpc::{Caller, trace};

use super::find_own_chat;
use super::model::model_of_message;
use crate::Error;
use crate::convert::visible;
use crate::domain::{ChatId, NewMessage, check_user_content, files_in};
use crate::state::State;
use crate::store::{Outgoing, Sent};

/// Sends a message, or queues it.
pub(super) async fn send_message(
    state: &State,
    caller: Caller,
    request: pb::SendMessageRequest,
) -> Result<pb::SendMessageResponse, Error> {
    let mut violations = Violations::new();
    let id = violations.check("chat_id", request.chat_id.parse::<ChatId>());
    check_user_content(&request.content, &mut violations);
    let request_id = violations.optional_id("request_id", &request.request_id);
    let interrupt = match pb::BusyBehavior::try_from(request.busy_behavior) {
        Ok(behavior) => behavior == pb::BusyBehavior::Interrupt,
        Err(_) => {
            violations.add("busy_behavior", "must be BUSY_BEHAVIOR_QUEUE or BUSY_BEHAVIOR_INTERRUPT");
            false
        }
    };
    let id = violations.finish(id)?;
    let sender = find_own_chat(state, &caller, id).await?.owner_id;
    let model = model_of_message(state, &caller, &request.model).await?;

    let files: Vec<_> = files_in(&request.content).collect();
    let message = NewMessage::from_user(sender, request.content, request_id);
    let outgoing = Outgoing { message, model, interrupt, traceparent: trace::traceparent() };
    let sent = state.store.send(id, outgoing, state.clock.now()).await;
    let sent = sent.map_err(|error| Error::on_message(id, &files, error))?;
    if sent.changed {
        state.hints.status_changed(&sent.chat).await;
    }
    Ok(reply(sent))
}

fn reply(sent: Sent) -> pb::SendMessageResponse {
    let messages = visible(sent.messages);
    let queued = sent.queued.is_some();
    pb::SendMessageResponse {
        queued,
        message: messages.last().filter(|_| !queued).cloned(),
        queued_message: sent.queued.map(Into::into),
        messages,
    }
}
