//! The live list of a user's chats.

use std::sync::Arc;

use async_stream::try_stream;
use chatmesh_bus::Hint;
use chatmesh_proto::chat::v1::WatchChatsResponse;
use chatmesh_rpc::UserId;
use futures::Stream;
use tonic::Status;

use crate::state::State;
use crate::{Error, hints};

/// Follows the list of `owner`'s chats. Ends with ABORTED where hints were lost: the client lists again.
///
/// # Errors
/// The bus cannot be used.
pub(crate) async fn watch(
    state: Arc<State>,
    owner: UserId,
) -> Result<impl Stream<Item = Result<WatchChatsResponse, Status>> + Send + use<>, Error> {
    let mut subscription = state.bus.subscribe(&hints::of_owner(owner)).await?;
    let stop = state.tasks.shutdown().soft().clone();
    Ok(try_stream! {
        loop {
            let hint = tokio::select! {
                hint = subscription.next() => hint,
                () = stop.cancelled() => None,
            };
            let payload = match hint {
                Some(Hint::Message { payload, .. }) => payload,
                Some(Hint::Gap) => Err(Status::aborted("changes were missed: list the chats again"))?,
                None => Err(Status::unavailable("this process ends: connect again and list the chats"))?,
            };
            let Some((id, kind)) = hints::read_listed(&payload) else { continue };
            let chat = state.store.get(id).await.map_err(|_| Status::unavailable("the database is not available"))?;
            if let Some(chat) = chat {
                yield WatchChatsResponse { kind: kind.into(), chat: Some(chat.into()) };
            }
        }
    })
}
