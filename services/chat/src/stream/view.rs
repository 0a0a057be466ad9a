//! What a subscriber has seen, and what it must be sent next: pure.

use chatmesh_proto::chat::v1 as pb;
use chatmesh_proto::chat::v1::stream_chat_response::Event;
use chatmesh_proto::common::v1::Role;

use crate::convert;
use crate::domain::{ChatId, Versions};
use crate::machine::Status;
use crate::store::{Since, Snapshot};

/// The versions that a subscriber has seen.
#[derive(Debug, Default)]
pub(super) struct View {
    seen: Option<Versions>,
    status: Option<Status>,
    /// `history_version` at which the error was sent.
    error_at: u32,
    episode_changed: bool,
}

impl View {
    /// What to read for the next look.
    pub(super) fn since(&self) -> Since {
        let seen = self.seen.unwrap_or_default();
        Since::Versions { history: seen.history, queue: seen.queue }
    }

    /// True where the last look found another episode than the one before.
    pub(super) fn episode_changed(&self) -> bool {
        self.episode_changed
    }

    /// Compares a snapshot with what was seen and returns what to send, in order. `previewed`
    /// says whether live parts were sent since the episode began.
    pub(super) fn apply(&mut self, snapshot: Snapshot, previewed: bool) -> Vec<pb::StreamChatResponse> {
        let chat = snapshot.chat;
        let id = chat.id;
        let now = chat.versions;
        let first = self.seen.is_none();
        let before = self.seen.unwrap_or_default();
        if now.snapshot < before.snapshot {
            // A replica of the database that lags behind.
            self.episode_changed = false;
            return Vec::new();
        }
        self.episode_changed = first
            || now.history != before.history
            || (now.generation_attempt != before.generation_attempt && now.generation_attempt > 0);

        let mut events = Vec::new();
        // An assistant message takes the place of its live parts; without one they are void.
        let answered = snapshot.messages.iter().any(|message| message.body.role == Role::Assistant);
        let ended = now.generation_attempt == 0 && before.generation_attempt > 0;
        if previewed && !answered && (self.episode_changed || ended) {
            self.episode_changed = true;
            events.push(Event::PreviewReset(pb::PreviewReset {}));
        }
        events.extend(snapshot.messages.into_iter().map(|message| Event::Message(message.into())));
        if let Some(queue) = snapshot.queue.filter(|queue| !first || !queue.is_empty()) {
            let queued_messages = queue.into_iter().map(Into::into).collect();
            events.push(Event::QueueUpdate(pb::QueueUpdate { queued_messages }));
        }
        if self.status != Some(chat.status) {
            events.push(Event::Status(pb::StatusChange { status: convert::status(chat.status).into() }));
        }
        if let Some(error) =
            chat.last_error.filter(|_| first || now.history > self.error_at || self.status != Some(Status::Error))
        {
            self.error_at = now.history;
            events.push(Event::Error(error));
        }
        if let Some(retry) = chat.retry_state.filter(|_| first || now.retry_state > before.retry_state) {
            events.push(Event::Retry(retry));
        }
        self.status = Some(chat.status);
        self.seen = Some(now);
        events.into_iter().map(|event| wrap(id, event)).collect()
    }
}

/// A live part as an event.
pub(super) fn part(chat: ChatId, part: &pb::MessagePart) -> pb::StreamChatResponse {
    wrap(chat, Event::MessagePart(part.clone()))
}

fn wrap(chat: ChatId, event: Event) -> pb::StreamChatResponse {
    pb::StreamChatResponse { chat_id: chat.to_string(), event: Some(event) }
}
