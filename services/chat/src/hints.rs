//! Hints on the bus about chats, sent after the change is committed.

use bytes::Bytes;
use chatmesh_bus::{Bus, Filter, Subject};
use chatmesh_proto::chat::v1::{ChatChanged, ChatListChanged, WatchKind};
use chatmesh_rpc::UserId;
use prost::Message as _;

use crate::convert;
use crate::domain::{Chat, ChatId};
use crate::machine::Status;

const CHANGED: &str = "chatmesh.chat.v1.changed";
const OWNER: &str = "chatmesh.chat.v1.owner";
const RUNNABLE: &str = "chatmesh.chat.v1.runnable";

/// Sends hints.
#[derive(Debug, Clone)]
pub(crate) struct Hints {
    bus: Bus,
}

impl Hints {
    pub(crate) fn new(bus: Bus) -> Self {
        Self { bus }
    }

    /// Says that a chat changed, and wakes the workers where it waits for one.
    pub(crate) async fn changed(&self, chat: &Chat) {
        let versions = chat.versions;
        let hint = ChatChanged {
            snapshot_version: versions.snapshot,
            history_version: versions.history,
            queue_version: versions.queue,
            retry_state_version: versions.retry_state,
            generation_attempt: versions.generation_attempt,
            status: convert::status(chat.status).into(),
            runner_id: chat.lease.map(|lease| lease.runner_id.to_string()).unwrap_or_default(),
        };
        self.bus.publish(&Subject::of(CHANGED, chat.id), hint.encode_to_vec().into()).await;
        let runnable = matches!(chat.status, Status::Running | Status::Interrupting);
        if runnable && chat.lease.is_none() {
            self.bus.publish(&Subject::topic(RUNNABLE), Bytes::new()).await;
        }
    }

    /// Says that the owner's list of chats changed.
    pub(crate) async fn listed(&self, chat: &Chat, kind: WatchKind) {
        let hint = ChatListChanged { chat_id: chat.id.to_string(), kind: kind.into() };
        self.bus.publish(&Subject::of(OWNER, chat.owner_id), hint.encode_to_vec().into()).await;
    }

    /// Both: for a change of the status.
    pub(crate) async fn status_changed(&self, chat: &Chat) {
        self.changed(chat).await;
        self.listed(chat, WatchKind::StatusChange).await;
    }
}

/// The hints about one chat.
pub(crate) fn about(chat: ChatId) -> Filter {
    Filter::only(&Subject::of(CHANGED, chat))
}

/// The hints about one user's list.
pub(crate) fn of_owner(owner: UserId) -> Filter {
    Filter::only(&Subject::of(OWNER, owner))
}

/// The hints that work waits.
pub(crate) fn runnable() -> Filter {
    Filter::only(&Subject::topic(RUNNABLE))
}

/// Reads a hint about a chat.
pub(crate) fn read_changed(payload: &Bytes) -> Option<ChatChanged> {
    ChatChanged::decode(payload.clone()).ok()
}

/// Reads a hint about a list.
pub(crate) fn read_listed(payload: &Bytes) -> Option<(ChatId, WatchKind)> {
    let hint = ChatListChanged::decode(payload.clone()).ok()?;
    Some((hint.chat_id.parse().ok()?, hint.kind()))
}
