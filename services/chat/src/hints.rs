//! Hints on the bus about chats, sent after the change is committed.

use bytes::Bytes;
use std::time::Duration;

use chatmesh_bus::{Bus, Filter, Hint, Subject, Subscription};
use chatmesh_proto::chat::v1::{ChatChanged, ChatListChanged, WatchKind};
use chatmesh_rpc::UserId;
use futures::FutureExt as _;
use prost::Message as _;
use tokio::time::Instant;

use crate::convert;
use crate::domain::{Chat, ChatId};
use crate::machine::Status;

const CHANGED: &str = "chatmesh.chat.v1.changed";
const OWNER: &str = "chatmesh.chat.v1.owner";
const RUNNABLE: &str = "chatmesh.chat.v1.runnable";
/// How long to wait before a bus that was away is tried again.
const RETRY_PAUSE: Duration = Duration::from_secs(5);

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

/// Listens for hints as far as there are any. While the bus is away it hears nothing and tries
/// again from time to time: whoever listens also looks by itself, only less often.
#[derive(Debug)]
pub(crate) struct Listener {
    bus: Bus,
    filter: Filter,
    subscription: Option<Subscription>,
    retry_at: Instant,
}

impl Listener {
    pub(crate) async fn open(bus: &Bus, filter: Filter) -> Self {
        let subscription = bus.subscribe(&filter).await.ok();
        Self { bus: bus.clone(), filter, subscription, retry_at: Instant::now() + RETRY_PAUSE }
    }

    /// Forgets the hints that came until now: whoever is about to look needs none of them.
    pub(crate) fn drain(&mut self) {
        while let Some(subscription) = &mut self.subscription {
            match subscription.next().now_or_never() {
                Some(Some(_)) => {}
                Some(None) => self.subscription = None,
                None => return,
            }
        }
    }

    /// Waits for the next hint. Safe to use in `select!`: a hint is never lost by dropping the future.
    pub(crate) async fn next(&mut self) -> Hint {
        loop {
            if let Some(subscription) = &mut self.subscription {
                match subscription.next().await {
                    Some(hint) => return hint,
                    None => self.subscription = None,
                }
            }
            tokio::time::sleep_until(self.retry_at).await;
            self.retry_at = Instant::now() + RETRY_PAUSE;
            if let Ok(subscription) = self.bus.subscribe(&self.filter).await {
                self.subscription = Some(subscription);
                // What happened in between was not heard.
                return Hint::Gap;
            }
        }
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
