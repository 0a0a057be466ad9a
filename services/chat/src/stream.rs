//! What a subscriber of a chat is sent: a snapshot, then everything as it happens.
//!
//! The loop is level-triggered: hints, live parts that end and a slow poll only say "look"; what is
//! sent follows from comparing the chat's versions with those that the subscriber has seen, in
//! [`view`]. Live parts come from this process or from the one that runs the chat, see [`source`].
//! Each subscriber has a task of their own that sends through an [`outbox`].

mod cursor;
pub(crate) mod outbox;
mod read;
mod source;
mod subscriber;
#[cfg(test)]
mod tests;
mod view;

use std::sync::Arc;

use chatmesh_bus::Listener;
use chatmesh_proto::chat::v1::StreamChatResponse;
use chatmesh_rpc::Caller;
use futures::Stream;
use tonic::Status;

use crate::domain::Chat;
use crate::state::State;
use crate::{Error, hints};
use cursor::ReadCursor;
use outbox::Outbox;
use subscriber::Subscriber;

/// What a subscriber who does not read is told.
const CUT: &str = "the stream was not read for 10 seconds: connect again with after_message_id = the highest id \
that you hold";

/// Follows `chat`, which `caller` may see, from after the message `after`.
///
/// # Errors
/// The chat is gone, or the database cannot be used.
pub(crate) async fn open(
    state: Arc<State>,
    caller: &Caller,
    chat: Chat,
    after: u32,
) -> Result<impl Stream<Item = Result<StreamChatResponse, Status>> + Send + use<>, Error> {
    // Subscribe before reading: what changes in between is then hinted at.
    let hints = Listener::open(&state.bus, hints::about(chat.id)).await;
    let first = read::first(&state, chat.id, after).await?;
    let reader = ReadCursor::open(&state, caller, &chat).await;
    let subscriber = Subscriber::new(Arc::clone(&state), chat.id, hints);
    let work = move |outbox: Outbox<StreamChatResponse>| async move {
        let end = subscriber.run(first, &outbox).await;
        drop(reader);
        end
    };
    Ok(outbox::deliver(&state.tasks, "chat.stream", CUT, work))
}
