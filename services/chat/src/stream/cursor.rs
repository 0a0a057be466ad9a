//! What the owner of a chat has seen.

use std::sync::Arc;
use std::time::Duration;

use chatmesh_proto::chat::v1::WatchKind;
use chatmesh_rpc::Caller;
use tracing::warn;

use crate::domain::Chat;
use crate::state::State;

/// How long the database may take: nobody waits for this.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Says that all is seen when a stream opens and when it closes, where it is the owner's: what others see
/// is none of the owner's business.
#[derive(Debug)]
pub(super) struct ReadCursor {
    of_owner: Option<(Arc<State>, Chat)>,
}

impl ReadCursor {
    pub(super) async fn open(state: &Arc<State>, caller: &Caller, chat: &Chat) -> Self {
        let is_owner = caller.user_and_role().is_some_and(|(user, _)| user == chat.owner_id);
        if !is_owner {
            return Self { of_owner: None };
        }
        mark(state, chat).await;
        Self { of_owner: Some((Arc::clone(state), chat.clone())) }
    }
}

impl Drop for ReadCursor {
    fn drop(&mut self) {
        // However the stream ended, and whoever ended it: the mark has a task of its own.
        if let Some((state, chat)) = self.of_owner.take() {
            let tasks = state.tasks.clone();
            tasks.spawn("chat.read", async move { mark(&state, &chat).await });
        }
    }
}

async fn mark(state: &State, chat: &Chat) {
    match tokio::time::timeout(TIMEOUT, state.store.mark_read(chat.id)).await {
        Ok(Ok(true)) => state.hints.listed(chat, WatchKind::MetadataChange).await,
        Ok(Ok(false)) => {}
        Ok(Err(error)) => warn!(chat = %chat.id, %error, "what was read is not kept"),
        Err(_) => warn!(chat = %chat.id, "what was read is not kept: the database takes too long"),
    }
}
