use std::sync::Arc;

use chatmesh_proto::chat::v1 as pb;
use chatmesh_rpc::Caller;

use super::Events;
use crate::state::State;
use crate::{Error, watch};

/// Follows the caller's list of chats.
pub(super) async fn watch_chats(state: Arc<State>, caller: Caller) -> Result<Events<pb::WatchChatsResponse>, Error> {
    let owner = caller.require_user()?;
    Ok(Box::pin(watch::watch(state, owner).await?))
}
